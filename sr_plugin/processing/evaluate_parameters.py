"""Parameters and outputs of ``superres:evaluate``: names, texts, help, defaults."""

from __future__ import annotations

from typing import List

from qgis.core import (
    QgsProcessingOutputDefinition,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBand,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
)

from sr_plugin.core.evaluation_metrics import METRICS
from sr_plugin.processing.parameter_help import advanced_with_help, with_help
from sr_plugin.processing.qgis_enums import DOUBLE, INTEGER, POLYGONS, RASTERS
from sr_plugin.processing.translation import tr

#: Side of a tile in pixels of the finest result.
_TILE = 256


def input_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is judged, and by what."""
    return [
        with_help(
            QgsProcessingParameterRasterLayer("INPUT", tr("Input raster")),
            tr("The raster that went into the models. Enlarged by bicubic it is judged, too, as the yardstick."),
        ),
        with_help(
            QgsProcessingParameterMultipleLayers("RESULTS", tr("Super-resolved rasters"), RASTERS),
            tr("One or several rasters to judge and to rank. The grid of the finest one is that of the evaluation."),
        ),
        with_help(
            QgsProcessingParameterRasterLayer("TRUTH", tr("Truth (raster of finer resolution)"), None, True),
            tr(
                "A raster of the same ground at the resolution of the results, aligned by its position. Without one "
                "the rasters are judged by how well they agree with the input."
            ),
        ),
        with_help(
            QgsProcessingParameterRasterLayer("UNCERTAINTY", tr("Uncertainty of the first result"), None, True),
            tr(
                "What Super-resolve raster has written as Uncertainty together with the first result. The report tells "
                "how well it ranks the true errors. Needs a truth."
            ),
        ),
        with_help(
            QgsProcessingParameterBand("BANDS", tr("Bands (not set: all in common)"), None, "INPUT", True, True),
            tr("Bands of the input; of the other rasters the bands of the same names are taken."),
        ),
        with_help(
            QgsProcessingParameterExtent("EXTENT", tr("Extent"), None, True),
            tr("Only this part is judged. It may be given in any CRS."),
        ),
        with_help(
            QgsProcessingParameterFeatureSource("MASK", tr("Mask polygons"), [POLYGONS], None, True),
            tr("What lies outside these polygons does not count."),
        ),
    ]


def method_parameters() -> List[QgsProcessingParameterDefinition]:
    """How it is judged."""
    tile = QgsProcessingParameterNumber("TILE_SIZE", tr("Tile size"), INTEGER, _TILE, False, 16)
    return [
        with_help(
            QgsProcessingParameterBoolean("REGISTER", tr("Register the truth to a fraction of a pixel"), False),
            tr(
                "Finds by phase correlation how far the truth lies off the enlarged input, and moves it. The shift is "
                "reported. All rasters are judged by the same moved truth."
            ),
        ),
        with_help(
            QgsProcessingParameterBoolean("MATCH", tr("Match histograms to the truth"), False),
            tr(
                "Gives every raster the histogram of the truth first, band by band, so that structure is judged and "
                "not the difference of two sensors. The mean changes are reported. Consistency with the input, edges "
                "and sharpness are measured without it."
            ),
        ),
        with_help(
            QgsProcessingParameterFeatureSource("POLYGONS", tr("Training polygons"), [POLYGONS], None, True),
            tr(
                "Polygons of known land cover. A random forest is trained on every other polygon of a class and tested "
                "on the others, once for each raster. Needs scikit-learn in the worker's Python."
            ),
        ),
        with_help(
            QgsProcessingParameterField("CLASS_FIELD", tr("Field with the class"), None, "POLYGONS", optional=True),
            tr("Says which class a training polygon shows."),
        ),
        advanced_with_help(
            QgsProcessingParameterNumber("DATA_RANGE", tr("Range of the values (0: automatic)"), DOUBLE, 0, False, 0),
            tr(
                "The peak of PSNR and SSIM in physical units. Automatic: 255 for 8 bits, 1 for values up to 2, 10000 "
                "for 16-bit reflectance. Figures of different ranges cannot be compared."
            ),
        ),
        advanced_with_help(
            QgsProcessingParameterNumber("MTF", tr("Sensor's MTF at Nyquist (0: mean)"), DOUBLE, 0, False, 0, 0.99),
            tr(
                "How rasters are brought back to the input's resolution: by a Gaussian with this modulation transfer "
                "at the Nyquist frequency of the input, or as the mean of the pixels that one of the input holds."
            ),
        ),
        advanced_with_help(tile, tr("Side of a tile of table and map, in pixels of the finest result.")),
    ]


def output_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is written."""
    page, table = tr("HTML files (*.html)"), tr("CSV files (*.csv)")
    record, picture = tr("JSON files (*.json)"), tr("PNG files (*.png)")
    return [
        with_help(
            QgsProcessingParameterFileDestination("OUTPUT_HTML", tr("Report"), page, None, True),
            tr("Ranking, pictures with the worst tiles, histograms, figures by band, and definitions, as a web page."),
        ),
        with_help(
            QgsProcessingParameterFeatureSink("TILES", tr("Tiles"), POLYGONS, None, True, False),
            tr("Polygons of the tiles with the figures of every raster, coloured by the error of the first result."),
        ),
        with_help(
            QgsProcessingParameterFileDestination("OUTPUT_CSV", tr("Table of the tiles"), table, None, True, False),
            tr("One line for each tile and raster."),
        ),
        with_help(
            QgsProcessingParameterFileDestination("OUTPUT_JSON", tr("Summary"), record, None, True, False),
            tr("All figures of the whole as JSON."),
        ),
        with_help(
            QgsProcessingParameterFileDestination("FIGURE", tr("Figure"), picture, None, True, False),
            tr("Input, bicubic, results and truth of one part, with the main figures, as a picture for a paper."),
        ),
    ]


def declared_outputs() -> List[QgsProcessingOutputDefinition]:
    """The figures of the first result and of bicubic; those that do not apply are not a number."""
    outputs: List[QgsProcessingOutputDefinition] = []
    for metric in METRICS:
        title = f"{metric.title} ({metric.unit})" if metric.unit else metric.title
        outputs.append(QgsProcessingOutputNumber(metric.key.upper(), tr("{} of the first result").format(title)))
        outputs.append(QgsProcessingOutputNumber(f"{metric.key.upper()}_BICUBIC", tr("{} of bicubic").format(title)))
    return [
        *outputs,
        QgsProcessingOutputNumber("UNCERTAINTY_RANK", tr("Rank correlation of uncertainty and error")),
        QgsProcessingOutputNumber("TRUTH_SHIFT_ROWS", tr("Rows by which the truth was moved")),
        QgsProcessingOutputNumber("TRUTH_SHIFT_COLUMNS", tr("Columns by which the truth was moved")),
        QgsProcessingOutputString("BEST", tr("Name of the best raster")),
        QgsProcessingOutputString("SUMMARY", tr("Ranking and overall figures as JSON")),
    ]
