"""Parameters and outputs of ``superres:preparepairs``: names, texts, help, defaults."""

from __future__ import annotations

from typing import List, Sequence

from qgis.core import (
    QgsProcessingOutputDefinition,
    QgsProcessingOutputHtml,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from sr_plugin.processing.parameter_help import advanced_with_help, with_help
from sr_plugin.processing.qgis_enums import DOUBLE, INTEGER, ONE_FOLDER, RASTERS
from sr_plugin.processing.translation import tr

# Repeated from sr_plugin.pipeline.pairs.request, which loading the plugin does not need; a test holds them together.
LAYOUTS = ("degraded", "sensors", "folders", "side-by-side", "fusion")
SCALES = ("1", "2", "3", "4", "6", "8")
POINT_SPREADS = ("gaussian", "box")


def _words(name: str, text: str, choices: Sequence[str], default: str = "") -> QgsProcessingParameterEnum:
    """One of a fixed list of words; the word itself is the value."""
    return QgsProcessingParameterEnum(name, text, list(choices), False, default or choices[0], False, True)


def _rasters(name: str, text: str) -> QgsProcessingParameterMultipleLayers:
    return QgsProcessingParameterMultipleLayers(name, text, RASTERS, None, True)


def _folder(name: str, text: str) -> QgsProcessingParameterFile:
    return QgsProcessingParameterFile(name, text, ONE_FOLDER, "", None, True)


def _whole(name: str, text: str, default: int, least: int, most: int = 1 << 30) -> QgsProcessingParameterNumber:
    return QgsProcessingParameterNumber(name, text, INTEGER, default, False, least, most)


def _real(name: str, text: str, default: float, least: float, most: float = 1e12) -> QgsProcessingParameterNumber:
    return QgsProcessingParameterNumber(name, text, DOUBLE, default, False, least, most)


def source_parameters() -> List[QgsProcessingParameterDefinition]:
    """Where pairs come from."""
    return [
        with_help(
            _words("LAYOUT", tr("Pairs from"), LAYOUTS),
            tr(
                "degraded: rasters (or a folder of pictures) of high resolution, made coarser as a sensor would see "
                "them. sensors: rasters of two sensors over the same ground. folders: pictures of low and high "
                "resolution that belong together by name. side-by-side: pictures that show the input on the left and "
                "the target on the right. fusion: bands of two pixel sizes of one product, such as 10 m and 20 m of "
                "Sentinel-2; both are degraded, and the coarser ones at their own size are the target."
            ),
        ),
        with_help(
            _rasters("HIGH", tr("Rasters of high resolution")),
            tr("For 'degraded', 'sensors' and 'fusion'. Any bands."),
        ),
        with_help(
            _rasters("LOW", tr("Rasters of low resolution")),
            tr(
                "For 'sensors': each is paired with every raster of high resolution that overlaps it and is near in "
                "time. For 'fusion': the bands that are to be sharpened, "
                "those of each product at the place of its finer bands."
            ),
        ),
        with_help(
            _folder("FOLDER", tr("Folder of pictures")),
            tr(
                "PNG, JPEG or TIFF, with or without CRS; subfolders are searched. For 'folders' either the root of a "
                "set with folders such as HR and LR (DIV2K, Set5), or the folder of the high resolution. Folders named "
                "train, val or test keep their split."
            ),
        ),
        with_help(
            _folder("LOW_FOLDER", tr("Folder of the low resolution")),
            tr("For 'folders', where it lies elsewhere. Counterparts have the same name but for endings such as x4."),
        ),
        with_help(
            _words("SCALE", tr("Scale"), SCALES, "4"),
            tr("Pixels of the high resolution per pixel of the low one. 1 pairs images of one size, for translation."),
        ),
        with_help(
            _whole("PATCH", tr("Patch size (pixels of the low resolution)"), 64, 8, 4096),
            tr("Patches lie side by side; a patch of the high resolution is as many times larger as the scale says."),
        ),
        advanced_with_help(
            _whole("STEP", tr("Step from patch to patch (0: side by side)"), 0, 0, 4096),
            tr(
                "A smaller step than the patch makes more patches of little ground; they overlap within one split only."
            ),
        ),
        advanced_with_help(
            QgsProcessingParameterString("HIGH_BANDS", tr("Bands of the high resolution"), "", False, True),
            tr("Band numbers such as 1,2,3 in the order wanted. Empty: all but alpha."),
        ),
        advanced_with_help(
            QgsProcessingParameterString("LOW_BANDS", tr("Bands of the low resolution"), "", False, True),
            tr("The corresponding bands of the other sensor. Empty: all but alpha."),
        ),
    ]


def degradation_parameters() -> List[QgsProcessingParameterDefinition]:
    """How the low resolution is made of the high one."""
    return [
        with_help(
            _real("MTF_MIN", tr("Degraded: modulation transfer at Nyquist, lowest"), 0.35, 0.01, 0.99),
            tr(
                "How much contrast the sensor keeps of the finest pattern that its pixels can show: 0.15 to 0.35 for "
                "most satellites. Each patch gets a value between lowest and highest, so a model learns to cope."
            ),
        ),
        with_help(
            _real("MTF_MAX", tr("Degraded: modulation transfer at Nyquist, highest"), 0.35, 0.01, 0.99),
            tr("The same as the lowest gives all patches one sharpness."),
        ),
        with_help(
            _real("NOISE", tr("Degraded: noise (standard deviation, data units)"), 0.0, 0.0),
            tr("Added to the low resolution, for example 3 to 5 for Sentinel-2."),
        ),
        advanced_with_help(
            _words("POINT_SPREAD", tr("Point spread function"), POINT_SPREADS),
            tr("gaussian: by its modulation transfer. box: the mean over the pixel's own area."),
        ),
        advanced_with_help(
            _whole("VIEWS", tr("Views of each patch"), 1, 1, 32),
            tr("More than 1 makes a multi-image dataset: views shifted by parts of a pixel, each with its own noise."),
        ),
    ]


def sensor_parameters() -> List[QgsProcessingParameterDefinition]:
    """How two sensors are brought together."""
    return [
        with_help(
            _whole("MAX_DAYS", tr("Sensors: most days between two images (-1: any)"), 7, -1, 100000),
            tr("For 'sensors'. Dates are taken from metadata or names; a pair without dates is left out."),
        ),
        with_help(
            QgsProcessingParameterBoolean("REGISTER", tr("Co-register"), True),
            tr(
                "Measures the displacement of each pair, corrects it by whole pixels of the high resolution, and "
                "leaves out patches that stay displaced or do not resemble each other."
            ),
        ),
        with_help(
            QgsProcessingParameterBoolean("MATCH_HISTOGRAM", tr("Sensors: match histograms"), True),
            tr("For 'sensors': gives the high resolution the values of the low one, band by band, for each raster."),
        ),
        advanced_with_help(
            _real("MAX_SHIFT", tr("Largest displacement (pixels of the low resolution)"), 0.5, 0.0, 100.0),
            tr("Patches that stay displaced by more are left out."),
        ),
        advanced_with_help(
            _real("MIN_SCORE", tr("Smallest correlation"), 0.5, -1.0, 1.0),
            tr("Patches that resemble their counterpart less are left out: clouds, harvest, flood."),
        ),
    ]


def filter_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is left out."""
    return [
        with_help(
            _real("MAX_GAPS", tr("Largest share of gaps in a patch"), 0.01, 0.0, 0.99),
            tr("Pixels without data or under clouds. What is left of them is marked in masks of the dataset."),
        ),
        with_help(
            _rasters("HIGH_MASKS", tr("Cloud masks of the high resolution")),
            tr(
                "Class rasters such as Sentinel-2's scene classification: one for all, or one for each raster in order."
            ),
        ),
        with_help(_rasters("LOW_MASKS", tr("Cloud masks of the low resolution")), tr("The same for the other sensor.")),
        advanced_with_help(
            QgsProcessingParameterString("CLOUD_VALUES", tr("Classes that are clouds"), "3,8,9,10", False, True),
            tr("Values of the masks. 3, 8, 9, 10 are shadow, cloud and cirrus of Sentinel-2's scene classification."),
        ),
        advanced_with_help(
            QgsProcessingParameterNumber("BRIGHT", tr("Brightness of clouds"), DOUBLE, None, True),
            tr(
                "Pixels above this value in all bands count as cloud; for rasters without a mask. Snow and bright "
                "roofs go with them."
            ),
        ),
        advanced_with_help(
            QgsProcessingParameterBoolean("DUPLICATES_OUT", tr("Leave duplicates out"), True),
            tr("Patches that show the same picture twice, also re-compressed."),
        ),
    ]


def choice_parameters() -> List[QgsProcessingParameterDefinition]:
    """Which patches go where."""
    return [
        with_help(
            QgsProcessingParameterRasterLayer("CLASSES", tr("Land cover for balance"), None, True),
            tr(
                "A class raster. Each patch belongs to the class that covers most of it, and no class gets more "
                "patches than the median class, or than an equal share of the largest number."
            ),
        ),
        with_help(
            _whole("MAX_PATCHES", tr("Most patches (0: all)"), 0, 0),
            tr("Drawn at random, equally from all classes where a land cover is given."),
        ),
        with_help(
            _real("VALIDATION", tr("Share for validation"), 0.15, 0.0, 0.9),
            tr("Split by place: a square of ground goes into one split as a whole, never single pixels or patches."),
        ),
        with_help(_real("TEST", tr("Share for test"), 0.15, 0.0, 0.9), tr("Ground that training never sees.")),
        advanced_with_help(
            _real("PLACE_SIZE", tr("Side of a place in metres (0: automatic)"), 0.0, 0.0),
            tr("Pixels of the low resolution where there is no CRS. Many pictures without CRS are places themselves."),
        ),
        advanced_with_help(_whole("SEED", tr("Seed"), 0, 0), tr("The same seed and inputs give the same dataset.")),
    ]


def note_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is written beside the patches."""
    return [
        advanced_with_help(
            QgsProcessingParameterString("NORMALISATION", tr("Physical values"), "auto", False, True),
            tr("How values lead to reflectance, for the card; the arrays keep them. auto, none or divide:K."),
        ),
        advanced_with_help(
            QgsProcessingParameterString("LICENCE", tr("Licence of the rasters"), "", False, True),
            tr("Goes into the card, and from there to models trained on the data."),
        ),
        advanced_with_help(
            QgsProcessingParameterString("CREDIT", tr("Credit"), "", False, True),
            tr("Text that has to go with the data, such as 'contains modified Copernicus Sentinel data 2024'."),
        ),
    ]


def all_parameters() -> List[QgsProcessingParameterDefinition]:
    """All parameters in the order of the dialog, the output last."""
    output = QgsProcessingParameterFolderDestination("OUTPUT", tr("Dataset"))
    output.setHelp(tr("A new or empty folder: arrays, index, card, previews, contact sheet."))
    return [
        *source_parameters(),
        *degradation_parameters(),
        *sensor_parameters(),
        *filter_parameters(),
        *choice_parameters(),
        *note_parameters(),
        output,
    ]


def outputs() -> List[QgsProcessingOutputDefinition]:
    """The contact sheet and the figures."""
    numbers = (
        ("PAIRS", tr("Number of pairs")),
        ("TRAIN_PAIRS", tr("Pairs for training")),
        ("VALIDATION_PAIRS", tr("Pairs for validation")),
        ("TEST_PAIRS", tr("Pairs for test")),
        ("REJECTED", tr("Patches or pictures left out")),
    )
    sheet = QgsProcessingOutputHtml("CONTACT_SHEET", tr("Contact sheet"))
    return [sheet, *(QgsProcessingOutputNumber(name, title) for name, title in numbers)]
