"""Parameters and outputs of ``superres:superresolve``: names, texts, help, defaults."""

from __future__ import annotations

from typing import List, Optional, Sequence

from qgis.core import (
    QgsProcessingOutputDefinition,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBand,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from sr_plugin.processing import settings
from sr_plugin.processing.parameter_help import advanced_with_help, with_help
from sr_plugin.processing.qgis_enums import DOUBLE, INTEGER, POLYGONS
from sr_plugin.processing.translation import tr

DEFAULT_MODEL = settings.MODEL.default
SAME_TYPE = "same"
PRECISIONS = ("auto", "float32", "reduced")
OTHER_BANDS = ("drop", "enlarge")
OUTPUT_TYPES = (SAME_TYPE, "uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_DEVICES = ("auto", "cpu", "cuda", "mps", "xpu", "dml")
_NORMALISATIONS = ("auto", "none", "divide:10000", "percentile:2,98")

# Named by text, because Processing imports the widget only where there is a dialog.
_CHOICE_WIDGET = "sr_plugin.gui.choice_wrapper.ChoiceWrapper"
_MODEL_WIDGET = "sr_plugin.gui.model_chooser.ModelChooserWrapper"


def _choice(name: str, text: str, default: str, choices: Sequence[str]) -> QgsProcessingParameterString:
    """A string with usual values to pick from, which may also be typed."""
    parameter = QgsProcessingParameterString(name, text, default)
    parameter.setMetadata({"widget_wrapper": {"class": _CHOICE_WIDGET, "choices": list(choices)}})
    return parameter


def _enumeration(name: str, text: str, choices: Sequence[str], default: str = "") -> QgsProcessingParameterEnum:
    """One of a fixed list of words; the word itself is the value, the first one the default unless told otherwise."""
    return QgsProcessingParameterEnum(name, text, list(choices), False, default or choices[0], False, True)


def _number(name: str, text: str, kind: object, default: Optional[float], minimum: Optional[float] = None):
    """A number; optional where it has no default."""
    parameter = QgsProcessingParameterNumber(name, text, kind, default, default is None)
    if minimum is not None:
        parameter.setMinimum(minimum)
    return parameter


def input_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is super-resolved, and with which model."""
    model = QgsProcessingParameterString("MODEL", tr("Model"), settings.MODEL.value())
    model.setMetadata({"widget_wrapper": {"class": _MODEL_WIDGET}})
    return [
        with_help(
            QgsProcessingParameterRasterLayer("INPUT", tr("Input raster")),
            tr("The raster to super-resolve: a raster layer, a file, or any GDAL dataset name."),
        ),
        with_help(
            QgsProcessingParameterBand("BANDS", tr("Bands"), None, "INPUT", True, True),
            tr(
                "Bands in the order that the model expects. Left empty, they are found by their names, "
                "else the first ones are taken. The result holds the bands in this order."
            ),
        ),
        with_help(
            model,
            tr(
                "A shipped or installed model, an interpolation such as bicubic:4 or nearest:2 for any bands, "
                "or the path of a model file."
            ),
        ),
        with_help(
            QgsProcessingParameterExtent("EXTENT", tr("Extent"), None, True),
            tr("Only this part of the raster is super-resolved. It may be given in any CRS."),
        ),
        with_help(
            QgsProcessingParameterFeatureSource("MASK", tr("Mask polygons"), [POLYGONS], None, True),
            tr("Pixels outside these polygons become nodata, and tiles outside are not computed at all."),
        ),
    ]


def run_parameters() -> List[QgsProcessingParameterDefinition]:
    """How it is computed."""
    return [
        with_help(
            _choice("DEVICE", tr("Device"), settings.DEVICE.value(), _DEVICES),
            tr(
                "What computes: auto (the fastest one at hand), cpu, cuda, cuda:1 for the second GPU, mps (Apple), "
                "xpu (Intel GPU) or dml (DirectML)."
            ),
        ),
        with_help(
            _enumeration("PRECISION", tr("Precision"), PRECISIONS, settings.PRECISION.value()),
            tr(
                "float32 is exact. reduced computes in 16 bits on devices that gain from it: faster, but values may "
                "differ by a few digital numbers. auto takes it in long runs where, measured on pieces of this very "
                "raster, the difference stays under a quarter of the image's noise; the log tells the figures."
            ),
        ),
        with_help(
            _enumeration("OUTPUT_TYPE", tr("Output type (same: as input)"), OUTPUT_TYPES),
            tr("Pixel type of the result. Values are never rescaled; they are rounded and limited, never wrapped."),
        ),
        with_help(
            QgsProcessingParameterBoolean(
                "CONSISTENCY", tr("Keep the result consistent with the input"), settings.CONSISTENCY.value()
            ),
            tr("Corrects the result so that, brought back to the resolution of the input, it equals the input."),
        ),
    ]


def advanced_parameters() -> List[QgsProcessingParameterDefinition]:
    """What hardly anybody needs to touch."""
    return [
        advanced_with_help(
            _number("TILE_SIZE", tr("Tile size (0: by memory)"), INTEGER, 0, 0),
            tr("Side of a tile in input pixels. Smaller tiles need less memory; the result is the same."),
        ),
        advanced_with_help(
            _number("MARGIN", tr("Tile margin (not set: by model)"), INTEGER, None, 0),
            tr("Input pixels read around each tile. Less than the model needs leaves visible seams."),
        ),
        advanced_with_help(
            _choice("NORMALISATION", tr("Normalisation"), "auto", _NORMALISATIONS),
            tr(
                "How pixel values become what the model expects: auto (as the model says), none, divide:K, "
                "window:LOW,HIGH or percentile:LOW,HIGH. The result is always in the units of the input."
            ),
        ),
        advanced_with_help(
            _enumeration("OTHER_BANDS", tr("Bands that the model does not take"), OTHER_BANDS),
            tr("drop leaves them out; enlarge carries them through by interpolation, behind the others."),
        ),
        advanced_with_help(
            QgsProcessingParameterBoolean("LUMINANCE", tr("Sharpen luminance only"), False),
            tr(
                "For models of one band and three chosen bands (red, green, blue): the model sharpens the luminance "
                "and colour is interpolated, instead of sharpening every band on its own."
            ),
        ),
        advanced_with_help(
            QgsProcessingParameterBoolean("EXACT", tr("Full margins for very deep models"), False),
            tr(
                "Very deep models reach further than they need to. By default the margin that was measured to be "
                "enough is read; this reads the full one, which takes several times as long."
            ),
        ),
        advanced_with_help(
            _number("NODATA", tr("Nodata value (not set: as input)"), DOUBLE, None),
            tr("Value that marks pixels without data in the result."),
        ),
        advanced_with_help(
            _number(
                "RESOLUTION",
                tr("Resolution of layers without files (map units per pixel; not set: native)"),
                DOUBLE,
                None,
                0,
            ),
            tr(
                "Map services, virtual and database rasters are first read into a temporary file, with pixels of this "
                "size. Map services need an extent too. Raster files are always read as they are."
            ),
        ),
        advanced_with_help(
            QgsProcessingParameterBoolean(
                "KEEP_PARTIAL", tr("Keep the finished part after a cancel"), settings.KEEP_PARTIAL.value()
            ),
            tr("The same run then goes on from there. Without this a cancelled run leaves no file behind."),
        ),
        advanced_with_help(
            QgsProcessingParameterBoolean("COG", tr("Cloud-optimised GeoTIFF"), False),
            tr("Stores the result in the layout that web servers want. Needs room for a second copy meanwhile."),
        ),
        advanced_with_help(
            QgsProcessingParameterString("CREATE_OPTIONS", tr("GeoTIFF creation options"), "", False, True),
            tr("Options of GDAL's GeoTIFF driver that replace the usual ones, such as COMPRESS=DEFLATE|ZLEVEL=9."),
        ),
    ]


def output_parameter() -> QgsProcessingParameterDefinition:
    """Where the result goes."""
    return with_help(
        QgsProcessingParameterRasterDestination("OUTPUT", tr("Super-resolved")),
        tr("The GeoTIFF to write."),
    )


def number_and_text_outputs() -> List[QgsProcessingOutputDefinition]:
    """What the run tells beside the raster, for models and scripts."""
    return [
        QgsProcessingOutputNumber("SCALE", tr("Scale factor")),
        QgsProcessingOutputString("DEVICE", tr("Device that computed")),
        QgsProcessingOutputString("PRECISION", tr("Precision that was used")),
        QgsProcessingOutputNumber("SECONDS", tr("Run time in seconds")),
        QgsProcessingOutputNumber(
            "CONSISTENCY_RMSE", tr("Difference between the input and the result at the resolution of the input (RMSE)")
        ),
    ]
