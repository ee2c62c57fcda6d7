"""The algorithm that compares edges, in a real QGIS."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

pytestmark = pytest.mark.qgis
pytest.importorskip("skimage")

PARAMETERS = (
    "INPUT RESULT TRUTH BAND EXTENT METHOD SIGMA THRESHOLDS LOW HIGH TOLERANCE CLASSES EDGES_INPUT EDGES_RESULT "
    "OUTPUT_HTML FIGURE"
).split()
NUMBERS = (
    "DENSITY_INPUT DENSITY_RESULT DENSITY_TRUTH SHARPNESS_INPUT SHARPNESS_RESULT SHARPNESS_TRUTH KEPT NEW LOST "
    "PRECISION RECALL F1 F1_INPUT NEW_RIGHT GRADIENT_LOW GRADIENT_HIGH"
).split()


@pytest.fixture
def algorithm(provider):
    from qgis.core import QgsApplication

    return QgsApplication.processingRegistry().algorithmById("superres:compareedges")


@pytest.fixture
def terrain(make_raster):
    """A raster of three bands with a few strong edges."""
    rng = np.random.default_rng(8)
    blocks = rng.integers(500, 3000, (3, 6, 8)).repeat(10, 1).repeat(10, 2)
    return make_raster((blocks + rng.integers(0, 40, blocks.shape)).astype(np.uint16), "terrain.tif")


@pytest.fixture
def call(provider):
    import processing

    def run(source, result, feedback=None, context=None, **parameters):
        values = {"INPUT": source, "RESULT": result, **parameters}
        return processing.run("superres:compareedges", values, feedback=feedback, context=context)

    return run


def test_parameters_and_outputs_are_those_promised(algorithm):
    assert [p.name() for p in algorithm.parameterDefinitions()] == PARAMETERS
    assert {o.name() for o in algorithm.outputDefinitions()} == {*NUMBERS, *PARAMETERS[11:]}
    assert [p.name() for p in algorithm.parameterDefinitions() if not p.help()] == []


def test_the_help_says_that_new_edges_may_be_invented(algorithm):
    assert "New edges are not in the input" in algorithm.shortHelpString()


def test_defaults_are_acceptable(algorithm):
    for parameter in algorithm.parameterDefinitions():
        if parameter.defaultValue() is not None:
            assert parameter.checkValueIsAcceptable(parameter.defaultValue()), parameter.name()


def test_a_raster_compared_with_itself(call, terrain, read_pixels, tmp_path):
    classes = str(tmp_path / "classes.tif")
    told = call(terrain, terrain, CLASSES=classes)
    assert (told["KEPT"], told["NEW"], told["LOST"]) == (1.0, 0.0, 0.0)
    assert told["DENSITY_INPUT"] == told["DENSITY_RESULT"] > 0.01
    assert told["GRADIENT_HIGH"] > told["GRADIENT_LOW"] > 0
    assert math.isnan(told["F1"])
    assert told["CLASSES"] == classes and set(np.unique(read_pixels(classes))) == {0, 1}
    # What was not asked for is not written.
    written = {name for name in os.listdir(tmp_path) if not name.startswith("terrain")}
    assert "EDGES_INPUT" not in told and written == {"classes.tif", "classes.tif.aux.xml"}


def test_all_outputs(call, run, terrain, tmp_path):
    pytest.importorskip("matplotlib")
    fine = run(terrain, MODEL="bicubic:2")["OUTPUT"]
    names = {name: str(tmp_path / f"{name}.tif") for name in ("CLASSES", "EDGES_INPUT", "EDGES_RESULT")}
    names.update(OUTPUT_HTML=str(tmp_path / "r.html"), FIGURE=str(tmp_path / "f.png"))
    told = call(terrain, fine, TRUTH=fine, METHOD="sobel", BAND=2, **names)
    assert all(os.path.getsize(told[name]) > 100 for name in names)
    assert told["F1"] == told["RECALL"] == told["PRECISION"] == 1.0
    assert told["KEPT"] > 0.95
    assert "terrain" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_absolute_thresholds(call, terrain):
    told = call(terrain, terrain, THRESHOLDS="gradient", LOW=20, HIGH=1e9)
    assert (told["GRADIENT_LOW"], told["GRADIENT_HIGH"]) == (20, 1e9)
    assert told["DENSITY_RESULT"] == 0 and math.isnan(told["KEPT"])


def test_an_extent_in_another_crs(call, terrain, read_pixels, tmp_path):
    from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsProject, QgsRectangle

    box = QgsRectangle(600100, 4999700, 600300, 4999900)
    there = QgsCoordinateTransform(
        QgsCoordinateReferenceSystem("EPSG:32632"), QgsCoordinateReferenceSystem("EPSG:4326"), QgsProject.instance()
    ).transformBoundingBox(box)
    extent = f"{there.xMinimum()},{there.xMaximum()},{there.yMinimum()},{there.yMaximum()} [EPSG:4326]"
    told = call(terrain, terrain, EXTENT=extent, CLASSES=str(tmp_path / "c.tif"))
    rows, columns = read_pixels(told["CLASSES"]).shape[1:]
    assert 20 <= rows <= 22 and 20 <= columns <= 22


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"RESULT": "no-such-raster.tif"}, "does not exist"),
        ({"LOW": 0.95, "HIGH": 0.9}, "low threshold"),
        ({"BAND": 7}, "no band 7"),
    ],
)
def test_mistakes_are_told(call, terrain, changes, words, feedback):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException) as caught:
        call(terrain, changes.pop("RESULT", terrain), feedback, **changes)
    assert words in str(caught.value) + " ".join(feedback.errors)


def test_loaded_layers_have_their_legend(algorithm, terrain, project, feedback, tmp_path):
    from qgis.core import QgsPalettedRasterRenderer, QgsProcessingContext, QgsProcessingUtils

    context = QgsProcessingContext()
    context.setProject(project)
    classes = str(tmp_path / "classes.tif")
    details = QgsProcessingContext.LayerDetails("Edge classes", project, "CLASSES")
    context.addLayerToLoadOnCompletion(classes, details)
    values = {"INPUT": terrain, "RESULT": terrain, "CLASSES": classes}
    _, done = algorithm.create().run(values, context, feedback)
    assert done, feedback.errors
    layer = QgsProcessingUtils.mapLayerFromString(classes, context)
    processor = context.layerToLoadOnCompletionDetails(classes).postProcessor()
    processor.postProcessLayer(layer, context, feedback)
    renderer = layer.renderer()
    assert isinstance(renderer, QgsPalettedRasterRenderer)
    labels = {entry.value: entry.label for entry in renderer.classes()}
    assert sorted(labels) == [1, 2, 3] and "not in the input" in labels[2]
    assert renderer.classes()[1].color.name() == "#d55e00"


def test_cancel(call, terrain, feedback, tmp_path):
    from qgis.core import QgsProcessingException

    feedback.cancel()
    with pytest.raises(QgsProcessingException, match="cancelled"):
        call(terrain, terrain, feedback, CLASSES=str(tmp_path / "classes.tif"))
    assert not [name for name in os.listdir(tmp_path) if name.startswith("classes")]
