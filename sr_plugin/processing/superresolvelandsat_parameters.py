"""Parameters of ``superres:superresolvelandsat`` beyond those that all algorithms for products have."""

from __future__ import annotations

import os
from typing import List

from qgis.core import QgsProcessingParameterDefinition, QgsProcessingParameterFile, QgsProcessingParameterRasterLayer

from sr_plugin.core.locations import shipped_models_folder
from sr_plugin.processing import superresolve_parameters as shared
from sr_plugin.processing.parameter_help import with_help
from sr_plugin.processing.product_parameters import one_word, words
from sr_plugin.processing.qgis_enums import ONE_FILE
from sr_plugin.processing.translation import tr
from sr_plugin.raster.landsat_quality import PIXEL_FLAGS

#: Common names, because numbers of bands mean other bands on Landsat 4 to 7 than on Landsat 8 and 9.
BANDS = ("coastal", "blue", "green", "red", "nir", "swir16", "swir22", "pan", "cirrus", "lwir", "lwir12")
VALUES = ("reflectance", "product")
#: From 30 m to the 10 m of Sentinel-2, for any bands.
_MODEL = "any-x3"


def _model_name() -> str:
    """The model that dialogs start with: the one made for this, where it is there."""
    made_for_it = os.path.join(shipped_models_folder(), f"{_MODEL}.json")
    return _MODEL if os.path.isfile(made_for_it) else shared.settings.MODEL.value()


def input_parameters() -> List[QgsProcessingParameterDefinition]:
    """What is super-resolved, with which model, and onto which grid."""
    model, extent, mask = shared.input_parameters()[2:]
    model.setDefaultValue(_model_name())
    product = QgsProcessingParameterFile(
        "INPUT",
        tr("Landsat product (folder, TAR or MTL file)"),
        ONE_FILE,
        fileFilter=tr("Landsat products (*MTL.txt *MTL.xml *MTL.json *.tar *.tar.gz *.tgz);;All files (*)"),
    )
    return [
        with_help(
            product,
            tr(
                "A product of Landsat 4 to 9 (TM, ETM+, OLI), Collection 1 or 2, level 1 or 2: its folder, its TAR "
                "(which need not be unpacked), or its metadata file _MTL.txt, _MTL.xml or _MTL.json."
            ),
        ),
        with_help(
            words("BANDS", tr("Bands"), BANDS, ()),
            tr(
                "Bands by their common names, which mean the same on every Landsat. Left empty, they are the bands "
                "that the model expects, else all that reflect sunlight at 30 m. The panchromatic band (pan, 15 m) "
                "goes into a model alone; the others can be carried along, see the other bands. Thermal bands are lwir "
                "(the first one) and lwir12."
            ),
        ),
        model,
        extent,
        mask,
        with_help(
            words("MASK_CLOUDS", tr("Classes that become gaps"), list(PIXEL_FLAGS), ()),
            tr(
                "Classes of the product's quality band (QA_PIXEL, in Collection 1 BQA or pixel_qa) that are cut out. "
                "Collection 1 does not tell dilated_cloud."
            ),
        ),
        with_help(
            one_word("VALUES", tr("Values of the result"), VALUES),
            tr(
                "reflectance: reflectance x 10000, as in Sentinel-2 products, for every satellite and level (scale "
                "0.0001; gaps are -9999). product: the numbers of the product, with its own scale and offset."
            ),
        ),
        with_help(
            QgsProcessingParameterRasterLayer("ALIGN_TO", tr("Align to the grid of a layer"), None, True),
            tr(
                "The result gets exactly the pixels of this layer: its CRS, position and size (only those in the "
                "extent, where one is given). Values are interpolated by cubic convolution where the grids do not "
                "nest. Only the part that the layer covers is computed. Needs room for a second copy meanwhile."
            ),
        ),
    ]
