"""Parameters of ``superres:superresolvesentinel2`` beyond those that all algorithms for products have."""

from __future__ import annotations

from typing import List

from qgis.core import QgsProcessingParameterDefinition, QgsProcessingParameterFile

from sr_plugin.core.sensors import SENTINEL2
from sr_plugin.processing import superresolve_parameters as shared
from sr_plugin.processing.product_parameters import with_help, words
from sr_plugin.processing.qgis_enums import ONE_FILE
from sr_plugin.processing.translation import tr
from sr_plugin.raster.sentinel2_classes import SCENE_CLASSES

DEFAULT_BANDS = ("B04", "B03", "B02", "B08")


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
            words("BANDS", tr("Bands"), list(SENTINEL2), list(DEFAULT_BANDS)),
            tr(
                "Bands of one resolution: 10 m (B02, B03, B04, B08), 20 m (B05, B06, B07, B8A, B11, B12) or 60 m (B01, "
                "B09, B10). Those that the model expects are put in its order. Left empty, they are the model's own. "
                "Coarser bands can only be carried along by interpolation, see the other bands."
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
