"""Parameters of ``superres:superresolve`` that ask how much of the result is guessed."""

from __future__ import annotations

from typing import List

from qgis.core import (
    QgsProcessingParameterDefinition,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
)

from sr_plugin.processing.parameter_help import with_help
from sr_plugin.processing.qgis_enums import DOUBLE
from sr_plugin.processing.translation import tr

#: Destinations beside the result.
DESTINATIONS = ("UNCERTAINTY", "UNCERTAINTY_MASK")


def uncertainty_parameters() -> List[QgsProcessingParameterDefinition]:
    """Limit, further models and the two destinations; all are optional."""
    return [
        with_help(
            QgsProcessingParameterNumber(
                "UNCERTAINTY_LIMIT", tr("Bicubic where the uncertainty is above (not set: never)"), DOUBLE, None, True
            ),
            tr(
                "In units of the data. Where the model is less certain than this, bicubic interpolation takes the "
                "place of its result. The model is run on eight flipped and turned copies, which is eight times the "
                "work; an uncertainty beside the result then costs nothing more."
            ),
            advanced=True,
        ),
        with_help(
            QgsProcessingParameterString(
                "UNCERTAINTY_MODELS", tr("Further models for the uncertainty"), None, False, True
            ),
            tr(
                "Models or model files of the same scale and bands, with semicolons between them. Their answers enter "
                "the uncertainty, in units of the data; the result stays that of the model above. Each of them is run "
                "on eight copies too, so two models are sixteen times the work."
            ),
            advanced=True,
        ),
        with_help(
            QgsProcessingParameterRasterDestination(
                "UNCERTAINTY", tr("Uncertainty (eight times the work)"), None, True, False
            ),
            tr(
                "A second raster: for each pixel and band the standard deviation of what the model makes of eight "
                "flipped and turned copies of the input, in units of the data. High values are guesses; low ones may "
                "still be wrong. With it the run is eight times the work."
            ),
        ),
        with_help(
            QgsProcessingParameterRasterDestination(
                "UNCERTAINTY_MASK", tr("Where bicubic took the place of the result"), None, True, False
            ),
            tr(
                "A third raster, for a limit of the uncertainty: for each pixel and band 1 where bicubic interpolation "
                "took the place of the model's result, 0 elsewhere, 255 without data."
            ),
        ),
    ]
