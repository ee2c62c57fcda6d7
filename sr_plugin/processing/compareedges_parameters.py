"""Parameters and outputs of ``superres:compareedges``: names, texts, help, defaults."""

from __future__ import annotations

from typing import List

from qgis.core import (
    QgsProcessingOutputDefinition,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBand,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
)

from sr_plugin.core.edges import METHODS, EdgeSettings
from sr_plugin.processing.parameter_help import with_help
from sr_plugin.processing.qgis_enums import DOUBLE, INTEGER
from sr_plugin.processing.translation import tr

#: What the thresholds are: shares of the input's pixels that have a smaller gradient, or gradients.
SHARE, GRADIENT = "share", "gradient"
_DEFAULTS = EdgeSettings()


def _words(name: str, text: str, choices: tuple) -> QgsProcessingParameterEnum:
    """One of a fixed list of words; the word itself is the value, the first one the default."""
    return QgsProcessingParameterEnum(name, text, list(choices), False, choices[0], False, True)


def input_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is compared."""
    return [
        with_help(
            QgsProcessingParameterRasterLayer("INPUT", tr("Input raster")),
            tr("The raster that went into the model. It is enlarged by bicubic to the grid of the result."),
        ),
        with_help(
            QgsProcessingParameterRasterLayer("RESULT", tr("Super-resolved raster")),
            tr("The raster to judge. Its grid is that of the comparison."),
        ),
        with_help(
            QgsProcessingParameterRasterLayer("TRUTH", tr("Truth (raster of finer resolution)"), None, True),
            tr("Optional: a raster of the same ground at the resolution of the result, to judge new edges by."),
        ),
        with_help(
            QgsProcessingParameterBand("BAND", tr("Band (not set: luminance)"), None, "INPUT", True),
            tr(
                "The band of the input to compare; of the other rasters the band of the same name is taken. Not set, "
                "the luminance of red, green and blue is compared."
            ),
        ),
        with_help(
            QgsProcessingParameterExtent("EXTENT", tr("Extent"), None, True),
            tr("Only this part is compared. It may be given in any CRS."),
        ),
    ]


def method_parameters() -> List[QgsProcessingParameterDefinition]:
    """How edges are found and compared."""
    low = QgsProcessingParameterNumber("LOW", tr("Low threshold"), DOUBLE, _DEFAULTS.low, False, 0)
    high = QgsProcessingParameterNumber("HIGH", tr("High threshold"), DOUBLE, _DEFAULTS.high, False, 0)
    sigma = QgsProcessingParameterNumber("SIGMA", tr("Smoothing (sigma)"), DOUBLE, _DEFAULTS.sigma, False, 0, 20)
    tolerance = QgsProcessingParameterNumber("TOLERANCE", tr("Tolerance"), INTEGER, _DEFAULTS.tolerance, False, 0, 50)
    return [
        with_help(
            _words("METHOD", tr("Method"), METHODS),
            tr("canny gives thin lines; sobel gives all pixels of a strong gradient."),
        ),
        with_help(sigma, tr("Standard deviation of the smoothing before edges are found, in pixels of the result.")),
        with_help(
            _words("THRESHOLDS", tr("Thresholds are given as"), (SHARE, GRADIENT)),
            tr(
                "share: the share (0 to 1) of the input's pixels that have a smaller gradient. gradient: a change of "
                "the value per pixel of the result. All rasters are judged by the same gradients."
            ),
        ),
        with_help(low, tr("An edge goes on as long as its gradient is above this.")),
        with_help(high, tr("An edge must reach this gradient somewhere.")),
        with_help(
            tolerance,
            tr("How far, in pixels of the result, two edges may lie apart and still count as the same."),
        ),
    ]


def output_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is written."""
    return [
        with_help(
            QgsProcessingParameterRasterDestination("CLASSES", tr("Edge classes"), None, True),
            tr("1: kept, 2: new (not in the input), 3: lost, 0: no edge, 255: no data."),
        ),
        with_help(
            QgsProcessingParameterRasterDestination("EDGES_INPUT", tr("Edges of the input"), None, True, False),
            tr("1 where the enlarged input has an edge, else 0; 255: no data."),
        ),
        with_help(
            QgsProcessingParameterRasterDestination("EDGES_RESULT", tr("Edges of the result"), None, True, False),
            tr("1 where the result has an edge, else 0; 255: no data."),
        ),
        with_help(
            QgsProcessingParameterFileDestination("OUTPUT_HTML", tr("Report"), tr("HTML files (*.html)"), None, True),
            tr("Pictures of a part with many edges, and all figures, as a web page."),
        ),
        with_help(
            QgsProcessingParameterFileDestination("FIGURE", tr("Figure"), tr("PNG files (*.png)"), None, True, False),
            tr("The same as a picture for a paper."),
        ),
    ]


def number_outputs() -> List[QgsProcessingOutputDefinition]:
    """The figures; those that need a truth are not a number without one."""
    titles = (
        ("DENSITY_INPUT", tr("Edge density of the input (0 to 1)")),
        ("DENSITY_RESULT", tr("Edge density of the result (0 to 1)")),
        ("DENSITY_TRUTH", tr("Edge density of the truth (0 to 1)")),
        ("SHARPNESS_INPUT", tr("Sharpness of the input (RMS gradient)")),
        ("SHARPNESS_RESULT", tr("Sharpness of the result (RMS gradient)")),
        ("SHARPNESS_TRUTH", tr("Sharpness of the truth (RMS gradient)")),
        ("KEPT", tr("Share of kept edges (0 to 1)")),
        ("NEW", tr("Share of new edges (0 to 1)")),
        ("LOST", tr("Share of lost edges (0 to 1)")),
        ("PRECISION", tr("Precision of the result against the truth (0 to 1)")),
        ("RECALL", tr("Recall of the result against the truth (0 to 1)")),
        ("F1", tr("F1 of the result against the truth (0 to 1)")),
        ("F1_INPUT", tr("F1 of the enlarged input against the truth (0 to 1)")),
        ("NEW_RIGHT", tr("Share of the new edges that the truth has (0 to 1)")),
        ("GRADIENT_LOW", tr("Low threshold as a gradient")),
        ("GRADIENT_HIGH", tr("High threshold as a gradient")),
    )
    return [QgsProcessingOutputNumber(name, title) for name, title in titles]
