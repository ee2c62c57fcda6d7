"""Parameters of ``superres:superresolvesentinel2`` beyond those that all algorithms for products have."""

from __future__ import annotations

from typing import List

from qgis.core import (
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterString,
)

from sr_plugin.core.sensors import SENTINEL2
from sr_plugin.pipeline.request import DEFAULT_FUSION
from sr_plugin.processing import superresolve_parameters as shared
from sr_plugin.processing.parameter_help import with_help
from sr_plugin.processing.product_parameters import words
from sr_plugin.processing.qgis_enums import ADVANCED, ONE_FILE
from sr_plugin.processing.translation import tr
from sr_plugin.raster.sentinel2_classes import SCENE_CLASSES

DEFAULT_BANDS = ("B04", "B03", "B02", "B08")
#: What becomes of the bands: the chosen ones go through the model, or all of them become equally fine.
CHOSEN = "chosen bands"
#: Choice of target -> how many times as fine as 10 m the result is.
ALL_BANDS = {"all bands at 10 m": 1, "all bands at 5 m": 2, "all bands at 2.5 m": 4}


def input_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is super-resolved, and with which model."""
    model, extent, mask = shared.input_parameters()[2:]
    product = QgsProcessingParameterFile(
        "INPUT",
        tr("Sentinel-2 product (SAFE folder, ZIP or metadata file)"),
        ONE_FILE,
        fileFilter=tr("Sentinel-2 products (MTD_MSIL1C.xml MTD_MSIL2A.xml MTD_TL.xml *.zip);;All files (*)"),
    )
    return [
        with_help(
            product,
            tr(
                "A product of level 1C or 2A: its SAFE folder, its ZIP (which need not be unpacked), its metadata file "
                "MTD_MSIL1C.xml or MTD_MSIL2A.xml, the folder of one of its granules, a folder of band files, or band "
                "files with semicolons between them."
            ),
        ),
        with_help(
            QgsProcessingParameterEnum("TARGET", tr("Result"), [CHOSEN, *ALL_BANDS], False, CHOSEN, False, True),
            tr(
                "The chosen bands, finer by the factor of the model; or all twelve bands at 10 m, with the detail of "
                "the 10 m bands in those of 20 m and 60 m (band fusion); or these once more finer, at 5 m or 2.5 m. "
                "B10 sees clouds and not the ground, so it is never among all bands. Fused bands at 10 m, averaged "
                "back to 20 m and 60 m, differ from the product's by half a percent at most; by rounding alone where "
                "the result is kept consistent with the input. At 5 m and 2.5 m plain means can differ by more: the "
                "models behind the fusion reckon with a sensor that sees beyond a pixel's edges."
            ),
        ),
        with_help(
            words("BANDS", tr("Bands"), list(SENTINEL2), list(DEFAULT_BANDS)),
            tr(
                "Bands of one resolution: 10 m (B02, B03, B04, B08), 20 m (B05, B06, B07, B8A, B11, B12) or 60 m (B01, "
                "B09, B10). Those that the model expects are put in its order. Left empty, they are the model's own. "
                "Not used for all bands. Coarser bands can only be carried along by interpolation, see the other bands."
            ),
        ),
        model,
        extent,
        mask,
        with_help(
            words("MASK_CLOUDS", tr("Classes that become nodata"), list(SCENE_CLASSES), []),
            tr(
                "Classes of the product's scene classification (SCL, level 2A) whose pixels become nodata; enlarged by "
                "nearest neighbour. Level 1C tells clouds and thin_cirrus only, and snow since baseline 04.00."
            ),
        ),
    ]


def fusion_parameters() -> List[QgsProcessingParameterDefinition]:
    """Which models make all bands equally fine."""
    fusion = QgsProcessingParameterString("FUSION_MODELS", tr("Models that fuse bands"), DEFAULT_FUSION)
    single = QgsProcessingParameterString(
        "BAND_MODEL", tr("Model for single bands behind the fusion"), "", optional=True
    )
    own = [
        with_help(
            fusion,
            tr(
                "For all bands: names or files of band-fusion models, with semicolons between them. s2-fuse-20m makes "
                "the 20 m bands fine, s2-fuse-60m those of 60 m; the result has the 10 m bands and what the models "
                "give. A product without 60 m bands takes s2-fuse-20m alone. Original DSen2 and VDSen2 weights (HDF5) "
                "fit, too."
            ),
        ),
        with_help(
            single,
            tr(
                "For all bands at 5 m or 2.5 m: the 10 m bands go through the chosen model where it takes them and has "
                "that factor, and all others through this one, each on its own. Left empty: any-x2 or any-x4. "
                "bicubic:2 adds no detail."
            ),
        ),
    ]
    for parameter in own:
        parameter.setFlags(parameter.flags() | ADVANCED)
    return own
