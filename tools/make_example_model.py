"""Write the examples of graphical models.

A Sentinel-2 raster super-resolved; the same with its edges compared; and change of vegetation since a Landsat image.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Callable, Dict, Sequence, Tuple

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_FOLDER = os.path.join(PROJECT, "resources", "examples")
CHILD = "superresolve"
#: Of a graphical model: name of the child's output, name of the result, and where its box stands.
Output = Tuple[str, str, Tuple[int, int]]


def _step(
    algorithm: str, child: str, place: Tuple[int, int], sources: Dict[str, Any], outputs: Sequence[Output]
) -> Any:
    """One step of a model.

    Args:
        algorithm: id of the algorithm.
        child: name of the step in the model.
        place: where its box stands.
        sources: parameters that do not keep their defaults.
        outputs: results of the model that this step makes.
    """
    from qgis.core import (
        QgsApplication,
        QgsProcessingModelChildAlgorithm,
        QgsProcessingModelChildParameterSource,
        QgsProcessingModelOutput,
    )
    from qgis.PyQt.QtCore import QPointF

    made = QgsApplication.processingRegistry().algorithmById(algorithm)
    step = QgsProcessingModelChildAlgorithm(algorithm)
    step.setChildId(child)
    step.setDescription(made.displayName())
    step.setPosition(QPointF(*place))
    # All values that have a default are written down: without them the modeler calls the step incomplete.
    for parameter in made.parameterDefinitions():
        if parameter.name() in sources:
            step.addParameterSources(parameter.name(), [sources[parameter.name()]])
        elif parameter.defaultValue() not in (None, ""):
            value = QgsProcessingModelChildParameterSource.fromStaticValue(parameter.defaultValue())
            step.addParameterSources(parameter.name(), [value])
    results = {}
    for name, title, where in outputs:
        result = QgsProcessingModelOutput(name, title)
        result.setChildId(child)
        result.setChildOutputName(name)
        result.setPosition(QPointF(*where))
        results[name] = result
    step.setModelOutputs(results)
    return step


def _described(step: Any, text: str) -> Any:
    """The step with a text of its own on its box."""
    step.setDescription(text)
    return step


def _model(title: str, help_texts: Dict[str, str], parameters: Sequence[Tuple[Any, Tuple[int, int]]]) -> Any:
    """A model with parameters and no steps."""
    from qgis.core import QgsProcessingModelAlgorithm, QgsProcessingModelParameter
    from qgis.PyQt.QtCore import QPointF

    model = QgsProcessingModelAlgorithm(title, "Super-resolution")
    model.setHelpContent(help_texts)
    for definition, place in parameters:
        box = QgsProcessingModelParameter(definition.name())
        box.setPosition(QPointF(*place))
        box.setDescription(definition.description())
        model.addModelParameter(definition, box)
    return model


def _input() -> Any:
    from qgis.core import QgsProcessingParameterRasterLayer

    return QgsProcessingParameterRasterLayer("INPUT", "Sentinel-2 raster")


def example_model() -> Any:
    """A raster in, a super-resolved raster out; QGIS must be running and the plugin's provider registered."""
    from qgis.core import QgsProcessingModelChildParameterSource

    texts = {
        "ALG_DESC": "Makes a Sentinel-2 raster in reflectance, with bands B04, B03, B02 and B08, twice as fine.",
        "INPUT": "The bands are found by their names; without names they are taken in the order above.",
    }
    model = _model("Super-resolve Sentinel-2", texts, [(_input(), (150, 60))])
    sources = {"INPUT": QgsProcessingModelChildParameterSource.fromModelParameter("INPUT")}
    result: Output = ("OUTPUT", "Super-resolved", (150, 300))
    model.addChildAlgorithm(_step("superres:superresolve", CHILD, (150, 180), sources, [result]))
    model.updateDestinationParameters()
    return model


def comparing_model() -> Any:
    """Clip, super-resolve, compare edges; QGIS must be running, with its GDAL provider and the plugin's."""
    from qgis.core import QgsProcessingModelChildParameterSource, QgsProcessingParameterExtent

    texts = {
        "ALG_DESC": "Clips a Sentinel-2 raster, makes the part four times as fine, and shows which edges were kept, "
        "which are new and which were lost.",
        "INPUT": "Reflectance, with bands B04, B03, B02 and B08; they are found by their names.",
        "EXTENT": "The part to super-resolve.",
    }
    extent = QgsProcessingParameterExtent("EXTENT", "Extent")
    model = _model("Super-resolve Sentinel-2 and compare edges", texts, [(_input(), (150, 60)), (extent, (400, 60))])
    given = QgsProcessingModelChildParameterSource.fromModelParameter
    made = QgsProcessingModelChildParameterSource.fromChildOutput
    fixed = QgsProcessingModelChildParameterSource.fromStaticValue
    steps = (
        _step("gdal:cliprasterbyextent", "clip", (275, 180), {"INPUT": given("INPUT"), "PROJWIN": given("EXTENT")}, []),
        _step(
            "superres:superresolve",
            CHILD,
            (275, 300),
            {"INPUT": made("clip", "OUTPUT"), "MODEL": fixed("s2-rgbn-x4")},
            [("OUTPUT", "Super-resolved", (550, 340))],
        ),
        _step(
            "superres:compareedges",
            "compareedges",
            (275, 440),
            {"INPUT": made("clip", "OUTPUT"), "RESULT": made(CHILD, "OUTPUT")},
            [("CLASSES", "Edge classes", (550, 460)), ("OUTPUT_HTML", "Report", (550, 540))],
        ),
    )
    for step in steps:
        model.addChildAlgorithm(step)
    model.updateDestinationParameters()
    return model


#: Normalised difference of band B and band A, whatever the unit of their reflectance; deep water may go beyond 1.
_NDVI = "clip((B.astype(float)-A)/maximum(B.astype(float)+A,0.0001),-1,1)"
_NODATA = -9999


def change_model() -> Any:
    """A Landsat product on the grid of a Sentinel-2 raster, and the difference of their NDVI."""
    from qgis.core import (
        QgsProcessingModelChildParameterSource,
        QgsProcessingParameterBand,
        QgsProcessingParameterFile,
        QgsProcessingParameterString,
    )

    texts = {
        "ALG_DESC": "Brings red and near infrared of a Landsat product to 10 m, onto the very pixels of a Sentinel-2 "
        "raster, and shows how the vegetation index NDVI changed from one to the other. Clouds and their shadows in "
        "the Landsat image are cut out. The finer detail of the Landsat image is estimated by a model, not measured: "
        "judge changes of areas, not of single pixels.",
        "LANDSAT": "Folder, TAR or MTL file of a product of Landsat 4 to 9.",
        "INPUT": "Reflectance in any unit. Its pixels are the result's pixels.",
        "RED": "Band of the Sentinel-2 raster, B04.",
        "NIR": "Band of the Sentinel-2 raster, B08.",
        "MODEL": "A model that makes any bands three times as fine, or bicubic:3.",
    }
    parameters = (
        (QgsProcessingParameterFile("LANDSAT", "Landsat product"), (150, 60)),
        (_input(), (650, 60)),
        (QgsProcessingParameterBand("RED", "Red band", 1, "INPUT"), (900, 60)),
        (QgsProcessingParameterBand("NIR", "Near infrared band", 4, "INPUT"), (1150, 60)),
        (QgsProcessingParameterString("MODEL", "Model", "any-x3"), (400, 60)),
    )
    model = _model("Landsat x3 on the Sentinel-2 grid + NDVI change", texts, parameters)
    given = QgsProcessingModelChildParameterSource.fromModelParameter
    made = QgsProcessingModelChildParameterSource.fromChildOutput
    fixed = QgsProcessingModelChildParameterSource.fromStaticValue

    def calculated(child: str, first: Any, second: Any, formula: str, output: Output, place: Tuple[int, int]) -> Any:
        (raster, band), (other, other_band) = first, second
        sources = {"INPUT_A": raster, "BAND_A": band, "INPUT_B": other, "BAND_B": other_band}
        sources.update(FORMULA=fixed(formula), NO_DATA=fixed(_NODATA), RTYPE=fixed(5))
        return _described(_step("gdal:rastercalculator", child, place, sources, [output]), output[1])

    fine, measured = made("landsat", "OUTPUT"), made("reflectance", "OUTPUT")
    before, after = made("before", "OUTPUT"), made("after", "OUTPUT")
    one = fixed(1)
    steps = (
        _step(
            "superres:superresolvelandsat",
            "landsat",
            (275, 180),
            {
                "INPUT": given("LANDSAT"),
                "MODEL": given("MODEL"),
                "BANDS": fixed(["red", "nir"]),
                "MASK_CLOUDS": fixed(["cloud", "cloud_shadow"]),
                "ALIGN_TO": given("INPUT"),
            },
            [("OUTPUT", "Landsat on the Sentinel-2 grid", (50, 260))],
        ),
        # Applies scale and offset of the bands, such as the radiometric offset of newer products.
        _described(
            _step(
                "gdal:translate",
                "reflectance",
                (900, 180),
                {"INPUT": given("INPUT"), "EXTRA": fixed("-unscale"), "DATA_TYPE": fixed(6)},
                [],
            ),
            "Reflectance of Sentinel-2",
        ),
        calculated("before", (fine, one), (fine, fixed(2)), _NDVI, ("OUTPUT", "NDVI before", (50, 400)), (275, 320)),
        calculated(
            "after",
            (measured, given("RED")),
            (measured, given("NIR")),
            _NDVI,
            ("OUTPUT", "NDVI after", (1150, 400)),
            (900, 320),
        ),
        calculated("change", (after, one), (before, one), "A-B", ("OUTPUT", "NDVI change", (600, 580)), (600, 480)),
    )
    for step in steps:
        model.addChildAlgorithm(step)
    model.setParameterOrder(["LANDSAT", "INPUT", "RED", "NIR", "MODEL"])
    model.updateDestinationParameters()
    return model


#: Files of the examples and what makes them.
EXAMPLES: Dict[str, Callable[[], Any]] = {
    "superresolve_sentinel2.model3": example_model,
    "superresolve_compare_edges.model3": comparing_model,
    "landsat_ndvi_change.model3": change_model,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default=DEFAULT_FOLDER, help="default: resources/examples")
    folder = os.path.abspath(parser.parse_args().folder)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Else the order of attributes changes with every run.
    os.environ.setdefault("QT_HASH_SEED", "0")
    sys.path.insert(0, PROJECT)
    sys.path.append("/usr/share/qgis/python/plugins")
    from qgis.core import QgsApplication

    from sr_plugin import classFactory

    application = QgsApplication([], False)
    application.initQgis()
    from processing.core.Processing import Processing

    Processing.initialize()
    plugin = classFactory(None)
    plugin.initProcessing()
    os.makedirs(folder, exist_ok=True)
    failed = [name for name, make in EXAMPLES.items() if not make().toFile(os.path.join(folder, name))]
    plugin.unload()
    application.exitQgis()
    if failed:
        sys.exit(f"{', '.join(failed)} cannot be written in {folder}.")
    print("\n".join(os.path.join(folder, name) for name in EXAMPLES))


if __name__ == "__main__":
    main()
