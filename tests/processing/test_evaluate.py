"""The algorithm that evaluates results, in a real QGIS."""

from __future__ import annotations

import csv
import json
import math
import os

import numpy as np
import pytest

pytestmark = pytest.mark.qgis
pytest.importorskip("skimage")

PARAMETERS = (
    "INPUT RESULTS TRUTH UNCERTAINTY BANDS EXTENT MASK REGISTER MATCH POLYGONS CLASS_FIELD DATA_RANGE MTF TILE_SIZE "
    "OUTPUT_HTML TILES OUTPUT_CSV OUTPUT_JSON FIGURE"
).split()


@pytest.fixture
def algorithm(provider):
    from qgis.core import QgsApplication

    return QgsApplication.processingRegistry().algorithmById("superres:evaluate")


@pytest.fixture
def rasters(make_raster, run):
    """A truth of three bands, its means of 2 x 2 pixels, and a result between the two."""
    from osgeo import gdal

    rng = np.random.default_rng(8)
    truth = rng.integers(500, 3000, (3, 12, 16)).repeat(6, 1).repeat(6, 2) + rng.integers(0, 60, (3, 72, 96))
    coarse = truth.reshape(3, 36, 2, 48, 2).mean((2, 4))
    source = make_raster(np.rint(coarse).astype(np.uint16), "coarse.tif", ("B02", "B04", "B08"))
    fine = run(source, MODEL="bicubic:2")["OUTPUT"]
    names = [source]
    for name, share in (("good", 0.3), ("poor", 0.9), ("truth", 0.0)):
        path = make_raster(np.zeros((3, 72, 96), np.uint16), f"{name}.tif", ("B02", "B04", "B08"))
        bicubic = gdal.Open(fine).ReadAsArray()
        dataset = gdal.Open(path, gdal.GA_Update)
        dataset.SetGeoTransform((600000, 5, 0, 5000000, 0, -5))
        dataset.WriteArray(np.rint(share * bicubic + (1 - share) * truth).astype(np.uint16))
        del dataset
        names.append(path)
    return dict(zip(("INPUT", "good", "poor", "TRUTH"), names))


@pytest.fixture
def call(provider):
    import processing

    def evaluated(source, results, feedback=None, context=None, **parameters):
        values = {"INPUT": source, "RESULTS": results, **parameters}
        return processing.run("superres:evaluate", values, feedback=feedback, context=context)

    return evaluated


def test_parameters_and_outputs_are_those_promised(algorithm):
    from sr_plugin.core.evaluation_metrics import METRICS

    assert [p.name() for p in algorithm.parameterDefinitions()] == PARAMETERS
    numbers = {f"{metric.key.upper()}{end}" for metric in METRICS for end in ("", "_BICUBIC")}
    more = {"UNCERTAINTY_RANK", "TRUTH_SHIFT_ROWS", "TRUTH_SHIFT_COLUMNS", "BEST", "SUMMARY"}
    assert {o.name() for o in algorithm.outputDefinitions()} == numbers | more | set(PARAMETERS[14:])
    assert [p.name() for p in algorithm.parameterDefinitions() if not p.help()] == []


def test_the_help_says_what_the_figures_do_not_tell(algorithm):
    assert "reward caution" in algorithm.shortHelpString()
    assert "averages out is not seen" in algorithm.shortHelpString()


def test_defaults_are_acceptable(algorithm):
    for parameter in algorithm.parameterDefinitions():
        if parameter.defaultValue() is not None:
            assert parameter.checkValueIsAcceptable(parameter.defaultValue()), parameter.name()


def test_results_are_ranked_against_the_truth(call, rasters, tmp_path):
    from qgis.core import QgsVectorLayer

    files = {"OUTPUT_HTML": "r.html", "OUTPUT_CSV": "t.csv", "OUTPUT_JSON": "s.json", "TILES": "tiles.gpkg"}
    files = {name: str(tmp_path / path) for name, path in files.items()}
    results = [rasters["poor"], rasters["good"]]
    told = call(rasters["INPUT"], results, TRUTH=rasters["TRUTH"], TILE_SIZE=32, REGISTER=True, **files)
    assert told["BEST"] == "good"
    assert told["PSNR"] > told["PSNR_BICUBIC"] and told["SSIM"] > told["SSIM_BICUBIC"]
    assert abs(told["TRUTH_SHIFT_ROWS"]) < 0.1
    summary = json.loads(told["SUMMARY"])
    assert [entry["candidate"] for entry in summary["ranking"]] == ["result2", "result", "bicubic"]
    assert summary["figures"]["result"]["overall"]["psnr"] == told["PSNR"]
    assert set(summary["figures"]["result"]["indices"]) == {"ndvi", "iron_oxide"}
    with open(told["OUTPUT_CSV"], encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 3 * 9
    layer = QgsVectorLayer(files["TILES"], "tiles", "ogr")
    assert layer.isValid() and layer.featureCount() == 9 and layer.crs().authid() == "EPSG:32632"
    extent = layer.extent()
    assert (extent.xMinimum(), extent.yMaximum()) == (600000, 5000000)
    assert (extent.width(), extent.height()) == (96 * 5, 72 * 5)
    features = list(layer.getFeatures())
    assert all(feature["gain"] for feature in features)
    assert all(feature["rmse_2"] < feature["rmse_1"] < feature["rmse_b"] for feature in features)
    assert all(feature["gain"] == pytest.approx(feature["psnr_1"] - feature["psnr_b"]) for feature in features)
    assert os.path.getsize(files["OUTPUT_HTML"]) > 10000


def test_without_a_truth(call, rasters):
    told = call(rasters["INPUT"], [rasters["good"]])
    assert told["RMSE"] > 0 and math.isnan(told["EDGE_F1"]) and math.isnan(told["IMPROVEMENT"])
    assert told["MAE"] == pytest.approx(told["REFLECTANCE"]) and math.isnan(told["TRUTH_SHIFT_ROWS"])
    assert "OUTPUT_HTML" not in told and "TILES" not in told


@pytest.fixture
def uncertainty(make_raster, rasters):
    """The true error of the poor result as its uncertainty."""
    from osgeo import gdal

    truth, poor = (gdal.Open(rasters[name]).ReadAsArray().astype(np.float32) for name in ("TRUTH", "poor"))
    names = [f"{band} uncertainty" for band in ("B02", "B04", "B08")]
    path = make_raster(np.abs(poor - truth), "uncertainty.tif", names)
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.SetGeoTransform((600000, 5, 0, 5000000, 0, -5))
    del dataset
    return path


def test_the_uncertainty_is_judged(call, rasters, uncertainty, tmp_path, feedback):
    files = {"OUTPUT_HTML": str(tmp_path / "r.html"), "OUTPUT_JSON": str(tmp_path / "s.json")}
    parameters = {"TRUTH": rasters["TRUTH"], "UNCERTAINTY": uncertainty, **files}
    told = call(rasters["INPUT"], [rasters["poor"], rasters["good"]], feedback, **parameters)
    assert told["UNCERTAINTY_RANK"] == pytest.approx(1)
    record = json.loads(told["SUMMARY"])["uncertainty"]
    assert record["rank"] == told["UNCERTAINTY_RANK"] and record["pixels"] == 72 * 96
    assert [info for info in feedback.infos if "Rank correlation" in info]
    with open(files["OUTPUT_HTML"], encoding="utf-8") as file:
        assert "A low uncertainty is no proof" in file.read()
    assert math.isnan(call(rasters["INPUT"], [rasters["good"]])["UNCERTAINTY_RANK"])


def test_what_is_no_uncertainty_of_the_result_is_told(call, rasters, uncertainty, make_raster, feedback):
    from qgis.core import QgsProcessingException

    coarse = make_raster(np.ones((3, 36, 48), np.float32), "coarse_uncertainty.tif")
    with pytest.raises(QgsProcessingException, match="Without a truth"):
        call(rasters["INPUT"], [rasters["poor"]], UNCERTAINTY=uncertainty)
    with pytest.raises(QgsProcessingException, match="does not have the grid.*wrote together with the first result"):
        call(rasters["INPUT"], [rasters["poor"]], feedback, TRUTH=rasters["TRUTH"], UNCERTAINTY=coarse)


def test_layers_of_a_project_will_do(call, rasters, project):
    from qgis.core import QgsProcessingContext, QgsRasterLayer

    layers = {name: QgsRasterLayer(path, f"The {name}") for name, path in rasters.items()}
    project.addMapLayers(list(layers.values()))
    context = QgsProcessingContext()
    context.setProject(project)
    told = call(layers["INPUT"].id(), [layers["good"], layers["poor"].id()], context=context, TRUTH=layers["TRUTH"])
    assert told["BEST"] == "The good"


@pytest.fixture
def polygons(project):
    """Twelve squares of two classes in geographic coordinates, and one without a class."""
    from qgis.core import (
        QgsCoordinateReferenceSystem,
        QgsCoordinateTransform,
        QgsFeature,
        QgsGeometry,
        QgsRectangle,
        QgsVectorLayer,
    )

    layer = QgsVectorLayer("Polygon?crs=EPSG:4326&field=cover:string", "Training", "memory")
    away = QgsCoordinateTransform(
        QgsCoordinateReferenceSystem("EPSG:32632"), QgsCoordinateReferenceSystem("EPSG:4326"), project
    )
    features = []
    for number in range(13):
        left, top = 600030 + number % 4 * 100, 4999970 - number // 4 * 80
        feature = QgsFeature(layer.fields())
        geometry = QgsGeometry.fromRect(QgsRectangle(left, top - 40, left + 60, top))
        geometry.transform(away)
        feature.setGeometry(geometry)
        feature.setAttributes([None if number == 12 else ("wood", "field")[number % 2]])
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    project.addMapLayer(layer)
    return layer


def test_land_cover_from_training_polygons(call, rasters, polygons):
    pytest.importorskip("sklearn")
    told = call(
        rasters["INPUT"], [rasters["good"]], TRUTH=rasters["TRUTH"], POLYGONS=polygons, CLASS_FIELD="cover"
    )
    cover = json.loads(told["SUMMARY"])["land_cover"]
    assert set(cover) == {"input", "bicubic", "result", "truth"}
    assert set(cover["result"]["areas"]) == {"wood", "field"}
    assert sum(cover["result"]["areas"].values()) == pytest.approx(72 * 96 * 25)
    assert cover["truth"]["agreement"] == 1.0 > cover["bicubic"]["agreement"]


def test_a_mask_limits_what_counts(call, rasters, polygons):
    told = call(rasters["INPUT"], [rasters["good"]], TRUTH=rasters["TRUTH"], MASK=polygons)
    # Thirteen rectangles of 12 x 8 pixels; transformed there and back a few pixels of their rims may change sides.
    assert json.loads(told["SUMMARY"])["figures"]["result"]["pixels"] == pytest.approx(13 * 96, rel=0.1)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"RESULTS": ["no-such-raster.tif"]}, "does not exist"),
        ({"TRUTH": "no-such-raster.tif"}, "does not exist"),
        ({"BANDS": [7]}, "no band 7"),
        ({"UNCERTAINTY": "no-such-raster.tif"}, "does not exist"),
        ({"POLYGONS": "polygons"}, "field that holds their class"),
    ],
)
def test_mistakes_are_told(call, rasters, polygons, changes, words, feedback):
    from qgis.core import QgsProcessingException

    changes = {name: polygons if value == "polygons" else value for name, value in changes.items()}
    results = changes.pop("RESULTS", [rasters["good"]])
    with pytest.raises(QgsProcessingException) as caught:
        call(rasters["INPUT"], results, feedback, **changes)
    assert words in str(caught.value) + " ".join(feedback.errors)


def test_loaded_tiles_are_coloured_by_the_error(algorithm, rasters, project, feedback):
    from qgis.core import QgsGraduatedSymbolRenderer, QgsProcessingContext, QgsProcessingUtils

    context = QgsProcessingContext()
    context.setProject(project)
    from qgis.core import QgsProcessingOutputLayerDefinition

    sink = QgsProcessingOutputLayerDefinition("memory:", project)
    values = {"INPUT": rasters["INPUT"], "RESULTS": [rasters["good"]], "TRUTH": rasters["TRUTH"], "TILES": sink}
    told, done = algorithm.create().run({**values, "TILE_SIZE": 16}, context, feedback)
    assert done, feedback.errors
    layer = QgsProcessingUtils.mapLayerFromString(told["TILES"], context)
    processor = context.layerToLoadOnCompletionDetails(told["TILES"]).postProcessor()
    processor.postProcessLayer(layer, context, feedback)
    renderer = layer.renderer()
    assert isinstance(renderer, QgsGraduatedSymbolRenderer) and renderer.classAttribute() == "rmse_1"
    ranges = renderer.ranges()
    assert len(ranges) == 5
    errors = [feature["rmse_1"] for feature in layer.getFeatures()]
    assert ranges[0].lowerValue() == min(errors) and ranges[-1].upperValue() == max(errors)
    assert "good" in layer.name()


def test_cancel(call, rasters, feedback, tmp_path):
    from qgis.core import QgsProcessingException

    feedback.cancel()
    with pytest.raises(QgsProcessingException, match="cancelled"):
        call(rasters["INPUT"], [rasters["good"]], feedback, OUTPUT_JSON=str(tmp_path / "s.json"))
    assert not os.path.exists(tmp_path / "s.json")
