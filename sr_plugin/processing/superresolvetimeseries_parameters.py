"""Parameters and outputs of ``superres:superresolvetimeseries`` beyond those of ``superres:superresolve``."""

from __future__ import annotations

from typing import List

from qgis.core import (
    QgsProcessingOutputDefinition,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
)

from sr_plugin.core.series_choices import MATCHES
from sr_plugin.processing import superresolve_parameters as shared
from sr_plugin.processing.parameter_help import advanced_with_help, with_help
from sr_plugin.processing.qgis_enums import DATE_ONLY, DOUBLE, INTEGER, RASTERS
from sr_plugin.processing.translation import tr

DEFAULT_MODEL = "series-x2"
_MODELS = (DEFAULT_MODEL, "shift-and-add:2", "shift-and-add:3", "average:2")
_CHOICE_WIDGET = "sr_plugin.gui.choice_wrapper.ChoiceWrapper"
#: For single rasters, or for layers that are no files.
_NOT_HERE = ("RESOLUTION", "LUMINANCE", "OTHER_BANDS", "EXACT", "CONSISTENCY")


def _model() -> QgsProcessingParameterDefinition:
    model = QgsProcessingParameterString("MODEL", tr("Model"), DEFAULT_MODEL)
    model.setMetadata({"widget_wrapper": {"class": _CHOICE_WIDGET, "choices": list(_MODELS)}})
    return with_help(
        model,
        tr(
            "series-x2 fuses the views and sharpens the result with a small network; shift-and-add:K fuses them "
            "without one; average:K is their plain mean, a yardstick. Or the path of a multi-image model such as "
            "HighRes-net."
        ),
    )


def _days() -> QgsProcessingParameterNumber:
    days = QgsProcessingParameterNumber("MAX_DAYS", tr("Largest distance in days (not set: any)"), INTEGER, None, True)
    days.setMinimum(0)
    return days


def _threshold() -> QgsProcessingParameterNumber:
    threshold = QgsProcessingParameterNumber("THRESHOLD", tr("Change threshold (0: nothing is a change)"), DOUBLE, 5.0)
    threshold.setMinimum(0.0)
    return threshold


def input_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is fused, and with which model."""
    extent, polygons = shared.input_parameters()[3:]
    return [
        with_help(
            QgsProcessingParameterMultipleLayers("INPUTS", tr("Rasters of one place"), RASTERS),
            tr(
                "Two or more rasters of the same place with the same bands in the same order. Their grids may be "
                "shifted against each other: that is what the finer detail comes from. The first one is the reference "
                "unless a date says otherwise; its grid, values and look are those of the result."
            ),
        ),
        _model(),
        with_help(
            QgsProcessingParameterDateTime("REFERENCE_DATE", tr("Reference date"), DATE_ONLY, None, True),
            tr(
                "The raster nearest to this date becomes the reference. Dates are read from the metadata or the file "
                "name (20200604 or 2020-06-04) unless they are given below."
            ),
        ),
        with_help(
            _days(),
            tr("Rasters further from the date of the reference are left out, and so are those without a date."),
        ),
        with_help(
            QgsProcessingParameterMultipleLayers("MASKS", tr("Cloud masks, one for each raster"), RASTERS, None, True),
            tr(
                "Where the first band of a mask is not 0, its raster is not used. In the order of the rasters. Nodata, "
                "masks and alpha bands of the rasters themselves are respected without it."
            ),
        ),
        extent,
        polygons,
    ]


def run_parameters() -> List[QgsProcessingParameterDefinition]:
    """How it is computed."""
    match = QgsProcessingParameterEnum("MATCH", tr("Match brightness"), list(MATCHES), False, MATCHES[0], False, True)
    own = [
        with_help(
            match,
            tr(
                "local brings the surroundings of each pixel to the brightness of the reference, so only detail is "
                "taken from other dates; global uses one gain and offset a band; none takes values as they are."
            ),
        ),
        with_help(
            _threshold(),
            tr(
                "A raster that differs from the reference by more than this many times the noise shows a change there, "
                "or a cloud that no mask knows, and is not used at that place."
            ),
        ),
    ]
    return [parameter for parameter in shared.run_parameters() if parameter.name() not in _NOT_HERE] + own


def advanced_parameters() -> List[QgsProcessingParameterDefinition]:
    """What hardly anybody needs to touch."""
    own = [
        advanced_with_help(
            QgsProcessingParameterString("BANDS", tr("Bands (not set: all that the model takes)"), "", False, True),
            tr("Numbers with commas between them, the same for all rasters: 1,2,3."),
        ),
        advanced_with_help(
            QgsProcessingParameterString("DATES", tr("Dates of the rasters"), "", False, True),
            tr("With commas between them, in the order of the rasters: 2020-06-04,,2020-08-23. Empty: looked for."),
        ),
        advanced_with_help(
            QgsProcessingParameterBoolean("REGISTER", tr("Find shifts in the images"), True),
            tr("Without it, the georeference of the rasters is believed to a fraction of a pixel."),
        ),
    ]
    return own + [parameter for parameter in shared.advanced_parameters() if parameter.name() not in _NOT_HERE]


def output_parameters() -> List[QgsProcessingParameterDefinition]:
    """Where the results go."""
    changes = QgsProcessingParameterRasterDestination("CHANGES", tr("Changed pixels"), None, True, False)
    return [
        shared.output_parameter(),
        with_help(
            changes,
            tr("On the grid of the reference: how many of the other rasters show something else at each pixel."),
        ),
    ]


def number_and_text_outputs() -> List[QgsProcessingOutputDefinition]:
    """What the run tells beside the rasters."""
    kept = [output for output in shared.number_and_text_outputs() if output.name() not in _NOT_HERE]
    return [output for output in kept if output.name() != "CONSISTENCY_RMSE"] + [
        QgsProcessingOutputNumber("VIEWS_USED", tr("Rasters that were fused")),
        QgsProcessingOutputString("VIEWS", tr("The rasters with their dates and shifts (JSON)")),
    ]
