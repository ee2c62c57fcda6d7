"""The algorithm through ``processing.run``: pixels, place, parameters, outputs, errors."""

from __future__ import annotations

import glob
import math
import os
import shutil
import time

import numpy as np
import pytest

pytestmark = pytest.mark.qgis


def enlarged(pixels, factor):
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)


def polygon_layer(*squares, crs="EPSG:32632"):
    """A memory layer of squares, each ``(xmin, ymin, xmax, ymax)``."""
    from qgis.core import QgsFeature, QgsGeometry, QgsRectangle, QgsVectorLayer

    layer = QgsVectorLayer(f"Polygon?crs={crs}", "mask", "memory")
    features = []
    for square in squares:
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(*square)))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    layer.updateExtents()
    return layer


def reprojected(layer, crs):
    import processing

    return processing.run("native:reprojectlayer", {"INPUT": layer, "TARGET_CRS": crs, "OUTPUT": "memory:"})["OUTPUT"]


@pytest.mark.parametrize("pixel_type", ["uint8", "uint16", "int16", "float32", "float64"])
def test_nearest_repeats_every_value(run, make_raster, read_pixels, pixel_type):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 250, (2, 12, 17)).astype(pixel_type)
    result = read_pixels(run(make_raster(pixels))["OUTPUT"])
    assert result.dtype == np.dtype(pixel_type)
    np.testing.assert_array_equal(result, enlarged(pixels, 2))


def test_place_and_names_are_kept(run, make_raster):
    from osgeo import gdal

    source = make_raster(np.ones((2, 8, 9), np.uint16), descriptions=("red", "nir"), nodata=0)
    result = gdal.Open(run(source, MODEL="bicubic:4")["OUTPUT"])
    assert (result.RasterXSize, result.RasterYSize) == (36, 32)
    assert result.GetGeoTransform() == (600000, 2.5, 0, 5000000, 0, -2.5)
    assert [result.GetRasterBand(i).GetDescription() for i in (1, 2)] == ["red", "nir"]
    assert result.GetRasterBand(1).GetNoDataValue() == 0
    assert "32632" in result.GetProjection()


def test_outputs_tell_about_the_run(run, scene):
    outputs = run(scene, MODEL="nearest:4")
    assert outputs["SCALE"] == 4
    assert outputs["DEVICE"] == "cpu"
    assert outputs["PRECISION"] == "float32"
    assert 0 < outputs["SECONDS"] < 60
    assert outputs["CONSISTENCY_RMSE"] == pytest.approx(0, abs=1e-6)
    assert set(outputs) == {"OUTPUT", "SCALE", "DEVICE", "PRECISION", "SECONDS", "CONSISTENCY_RMSE"}


@pytest.mark.parametrize("bands", [[3, 1], "3;1", ["3", "1"]])
def test_bands_in_the_order_given(run, scene, read_pixels, bands):
    source = read_pixels(scene)
    result = read_pixels(run(scene, BANDS=bands)["OUTPUT"])
    np.testing.assert_array_equal(result, enlarged(source[[2, 0]], 2))


def test_output_type(run, scene, read_pixels):
    assert read_pixels(run(scene, OUTPUT_TYPE="float32")["OUTPUT"]).dtype == np.float32


def test_consistency_brings_the_input_back(run, scene):
    plain = run(scene, MODEL="bicubic:2", OUTPUT_TYPE="float32")
    kept = run(scene, MODEL="bicubic:2", OUTPUT_TYPE="float32", CONSISTENCY=True)
    assert kept["CONSISTENCY_RMSE"] < 0.01 * plain["CONSISTENCY_RMSE"]


def test_tile_size_and_margin_do_not_change_the_result(run, scene, read_pixels, tmp_path):
    whole = read_pixels(run(scene, MODEL="bicubic:2")["OUTPUT"])
    tiled = run(scene, MODEL="bicubic:2", TILE_SIZE=16, MARGIN=2, OUTPUT=str(tmp_path / "tiled.tif"))
    np.testing.assert_array_equal(read_pixels(tiled["OUTPUT"]), whole)


def test_nodata_zero_is_not_taken_for_no_nodata(run, make_raster):
    from osgeo import gdal

    source = make_raster(np.ones((1, 8, 8), np.int16), nodata=-9999)
    assert gdal.Open(run(source, NODATA=0)["OUTPUT"]).GetRasterBand(1).GetNoDataValue() == 0
    assert gdal.Open(run(source)["OUTPUT"]).GetRasterBand(1).GetNoDataValue() == -9999


def test_create_options_reach_gdal(run, scene):
    from osgeo import gdal

    result = gdal.Open(run(scene, CREATE_OPTIONS="COMPRESS=LZW|PREDICTOR=1")["OUTPUT"])
    assert result.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == "LZW"


def test_extent_in_the_crs_of_the_raster(run, scene, read_pixels):
    source = read_pixels(scene)
    result = run(scene, EXTENT="600050,600150,4999800,4999900 [EPSG:32632]")
    np.testing.assert_array_equal(read_pixels(result["OUTPUT"]), enlarged(source[:, 10:20, 5:15], 2))


def test_extent_in_another_crs(run, scene):
    from osgeo import gdal
    from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsProject, QgsRectangle

    utm, degrees = QgsCoordinateReferenceSystem("EPSG:32632"), QgsCoordinateReferenceSystem("EPSG:4326")
    box = QgsRectangle(600051, 4999801, 600149, 4999899)
    box = QgsCoordinateTransform(utm, degrees, QgsProject.instance()).transformBoundingBox(box)
    text = f"{box.xMinimum()},{box.xMaximum()},{box.yMinimum()},{box.yMaximum()} [EPSG:4326]"
    result = gdal.Open(run(scene, EXTENT=text)["OUTPUT"])
    # The box of a turned box is larger, never smaller.
    assert abs(result.GetGeoTransform()[0] - 600050) <= 10
    assert 10 <= result.RasterXSize / 2 <= 12
    assert 10 <= result.RasterYSize / 2 <= 12


def test_mask_blanks_what_lies_outside(run, scene, read_pixels):
    source = read_pixels(scene)
    # Columns 5 to 14, rows 10 to 19.
    result = read_pixels(run(scene, MASK=polygon_layer((600050, 4999800, 600150, 4999900)))["OUTPUT"])
    inside = result[:, result[0] != 0]
    np.testing.assert_array_equal(np.sort(inside[0]), np.sort(enlarged(source[:1, 10:20, 5:15], 2).ravel()))


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:4326"])
def test_mask_honours_selected_features_only(run, scene, project, read_pixels, crs):
    from qgis.core import QgsProcessingFeatureSourceDefinition

    utm = polygon_layer((600050, 4999800, 600150, 4999900), (600200, 4999900, 600300, 5000000))
    layer = utm if crs == "EPSG:32632" else reprojected(utm, crs)
    project.addMapLayer(layer)
    layer.selectByIds([sorted(f.id() for f in layer.getFeatures())[0]])
    mask = QgsProcessingFeatureSourceDefinition(layer.id(), True)
    result = read_pixels(run(scene, MASK=mask)["OUTPUT"])
    assert (result[0] != 0).sum() == pytest.approx(400, abs=25)


def test_mask_without_selection_is_an_error(run, scene, project):
    from qgis.core import QgsProcessingException, QgsProcessingFeatureSourceDefinition

    layer = polygon_layer((600050, 4999800, 600150, 4999900))
    project.addMapLayer(layer)
    with pytest.raises(QgsProcessingException, match="no polygon.*Selected features only"):
        run(scene, MASK=QgsProcessingFeatureSourceDefinition(layer.id(), True))


def test_a_layer_without_features_is_an_error(run, scene):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="no polygon"):
        run(scene, MASK=polygon_layer())


@pytest.mark.parametrize(
    "parameters, sentence",
    [
        ({"MODEL": "no-such-model"}, "There is no model 'no-such-model'"),
        ({"MODEL": "bicubic"}, "needs a whole scale factor"),
        ({"MODEL": " "}, "No model is chosen"),
        ({"BANDS": [9]}, "no band 9"),
        ({"EXTENT": "0,10,0,10 [EPSG:32632]"}, "does not overlap"),
        ({"OUTPUT": "/no/such/folder/result.tif"}, "does not exist"),
        ({"OUTPUT": "result.jp2"}, "must end in .tif"),
        ({"CREATE_OPTIONS": "COMPRESS"}, "KEY=VALUE"),
        ({"NODATA": 1.5}, "cannot be stored as uint16"),
        ({"NORMALISATION": "by hand"}, "by hand"),
    ],
)
def test_mistakes_are_told_in_words(run, scene, parameters, sentence):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException) as caught:
        run(scene, **parameters)
    assert sentence in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_missing_input_is_told_in_words(run, tmp_path):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="does not exist. Check the path"):
        run(str(tmp_path / "nothing.tif"))


def test_the_input_is_never_overwritten(run, scene, read_pixels):
    from qgis.core import QgsProcessingException

    before = read_pixels(scene)
    with pytest.raises(QgsProcessingException):
        run(scene, OUTPUT=scene)
    np.testing.assert_array_equal(read_pixels(scene), before)


def test_no_runtime_is_told_in_words(run, scene, monkeypatch, tmp_path):
    from qgis.core import QgsProcessingException

    from sr_plugin.processing import runtime_check

    monkeypatch.setenv("SR_PLUGIN_WORKER_PYTHON", str(tmp_path / "python3"))
    runtime_check.forget()
    with pytest.raises(QgsProcessingException, match="environment --create"):
        run(scene)
    monkeypatch.undo()
    runtime_check.forget()


def test_datasets_inside_archives(run, scene, read_pixels, tmp_path):
    import zipfile

    archive = tmp_path / "scene.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(scene, "folder/scene.tif")
    result = run(f"/vsizip/{archive}/folder/scene.tif")
    np.testing.assert_array_equal(read_pixels(result["OUTPUT"]), enlarged(read_pixels(scene), 2))


def test_subdatasets(run, qgis_app, read_pixels, tmp_path):
    from osgeo import gdal

    path = str(tmp_path / "two.tif")
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    for page in range(2):
        options = ["APPEND_SUBDATASET=YES"] if page else []
        page_file = gdal.GetDriverByName("MEM").Create("", 8, 6, 1, gdal.GDT_Byte)
        page_file.GetRasterBand(1).WriteArray(pixels + page)
        gdal.GetDriverByName("GTiff").CreateCopy(path, page_file, options=options).FlushCache()
    result = run(f"GTIFF_DIR:2:{path}")
    np.testing.assert_array_equal(read_pixels(result["OUTPUT"])[0], (pixels + 1).repeat(2, 0).repeat(2, 1))


def test_progress_says_tiles(run, scene, feedback):
    run(scene, feedback=feedback, TILE_SIZE=16)
    assert feedback.texts[-1] == "Tile 6 of 6"
    assert any(text.startswith("Model: Nearest") for text in feedback.infos)
    assert feedback.progress() == 100


def test_a_cancel_leaves_nothing_behind(run, scene, feedback, tmp_path):
    from qgis.core import QgsProcessingException

    feedback.progressChanged.connect(lambda _value: feedback.cancel())
    with pytest.raises(QgsProcessingException, match="cancelled"):
        run(scene, feedback=feedback, TILE_SIZE=8)
    assert [name for name in os.listdir(tmp_path) if name != "input.tif"] == []


def test_outputs_can_be_chained_in_a_model(provider, scene, feedback, read_pixels, tmp_path):
    import processing
    from qgis.core import (
        QgsProcessingModelAlgorithm,
        QgsProcessingModelChildAlgorithm,
        QgsProcessingModelOutput,
        QgsProcessingModelParameter,
        QgsProcessingParameterRasterLayer,
    )
    from qgis.core import QgsProcessingModelChildParameterSource as Source

    model = QgsProcessingModelAlgorithm("twice", "tests")
    model.addModelParameter(QgsProcessingParameterRasterLayer("INPUT", "Input"), QgsProcessingModelParameter("INPUT"))
    first = QgsProcessingModelChildAlgorithm("superres:superresolve")
    first.setChildId("first")
    first.addParameterSources("INPUT", [Source.fromModelParameter("INPUT")])
    first.addParameterSources("MODEL", [Source.fromStaticValue("nearest:3")])
    second = QgsProcessingModelChildAlgorithm("superres:superresolve")
    second.setChildId("second")
    second.addParameterSources("INPUT", [Source.fromChildOutput("first", "OUTPUT")])
    second.addParameterSources("MODEL", [Source.fromExpression("'nearest:' || @first_SCALE")])
    second.addParameterSources("DEVICE", [Source.fromChildOutput("first", "DEVICE")])
    result = QgsProcessingModelOutput("RESULT", "Result")
    result.setChildId("second")
    result.setChildOutputName("OUTPUT")
    second.setModelOutputs({"RESULT": result})
    model.addChildAlgorithm(first)
    model.addChildAlgorithm(second)
    model.updateDestinationParameters()
    name = model.destinationParameterDefinitions()[0].name()
    values = {"INPUT": scene, name: str(tmp_path / "result.tif")}
    outputs = processing.run(model, values, feedback=feedback)
    np.testing.assert_array_equal(read_pixels(outputs[name]), enlarged(read_pixels(scene), 9))


def test_the_shipped_model_runs(run, project_dir, read_pixels, tmp_path):
    if not (project_dir / "models" / "s2-rgbn-x2.json").is_file():
        pytest.skip("the shipped models are not built")
    sample = shutil.copy(next((project_dir / "resources" / "sample").glob("*.tif")), tmp_path)
    started = time.monotonic()
    outputs = run(str(sample), MODEL="s2-rgbn-x2", EXTENT=_corner_of(sample, 64), OUTPUT_TYPE="float32")
    result = read_pixels(outputs["OUTPUT"])
    assert result.shape == (4, 128, 128)
    assert np.isfinite(result).all()
    assert math.isfinite(outputs["CONSISTENCY_RMSE"])
    assert outputs["SECONDS"] <= time.monotonic() - started + 0.01


def _corner_of(path, pixels):
    from osgeo import gdal

    dataset = gdal.Open(str(path))
    left, width, _, top, _, height = dataset.GetGeoTransform()
    return f"{left},{left + pixels * width},{top + pixels * height},{top}"


@pytest.fixture
def sample_raster(project_dir):
    (path,) = glob.glob(os.path.join(project_dir, "resources", "sample", "*.tif"))
    return path


def test_the_uncertainty_is_a_second_raster_with_its_own_look(run, sample_raster, tmp_path, read_pixels):
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject, QgsRasterLayer

    pytest.importorskip("onnxruntime")
    path, project, context = str(tmp_path / "u.tif"), QgsProject.instance(), QgsProcessingContext()
    context.setProject(project)
    details = QgsProcessingContext.LayerDetails("Uncertainty (eight times the work)", project, "UNCERTAINTY")
    context.addLayerToLoadOnCompletion(path, details)
    steps, feedback = [], QgsProcessingFeedback()
    feedback.progressChanged.connect(steps.append)
    outputs = run(
        sample_raster, feedback, context, MODEL="s2-rgbn-x2", UNCERTAINTY=path, EXTENT=_upper_left(sample_raster, 40)
    )
    assert outputs["UNCERTAINTY"] == path and read_pixels(outputs["OUTPUT"]).dtype == np.uint16
    uncertainty = read_pixels(path)
    assert uncertainty.dtype == np.float32 and uncertainty.shape == (4, 80, 80) and 1 < np.median(uncertainty) < 500
    assert steps == sorted(steps) and steps[-1] == 100
    layer = QgsRasterLayer(path, "u")
    assert context.layerToLoadOnCompletionDetails(path).name.endswith(" x2 uncertainty")
    context.layerToLoadOnCompletionDetails(path).postProcessor().postProcessLayer(layer, context, feedback)
    renderer = layer.renderer()
    assert renderer.type() == "singlebandpseudocolor" and renderer.classificationMin() == 0
    assert 1 < renderer.classificationMax() <= uncertainty[0].max()


def test_result_and_uncertainty_need_two_names(run, sample_raster, tmp_path):
    from qgis.core import QgsProcessingException

    path = str(tmp_path / "same.tif")
    with pytest.raises(QgsProcessingException, match="same name"):
        run(sample_raster, MODEL="s2-rgbn-x2", OUTPUT=path, UNCERTAINTY=path)
    assert not os.path.exists(path)


@pytest.mark.parametrize(
    "model, where, reason",
    [("bicubic:2", "u.tif", "interpolates"), ("s2-rgbn-x2", "nowhere/u.tif", "nowhere"), ("s2-rgbn-x2", "", "itself")],
)
def test_a_wrong_uncertainty_is_refused_before_the_result_is_computed(
    run, sample_raster, tmp_path, model, where, reason
):
    from qgis.core import QgsProcessingException

    source, result = tmp_path / "source.tif", tmp_path / "result.tif"
    source.write_bytes(open(sample_raster, "rb").read())
    path = str(tmp_path / where) if where else str(source)
    with pytest.raises(QgsProcessingException, match=reason):
        run(str(source), MODEL=model, OUTPUT=str(result), UNCERTAINTY=path, EXTENT=_upper_left(sample_raster, 24))
    assert not result.exists()
    assert source.read_bytes() == open(sample_raster, "rb").read()


def test_limit_models_and_mask_reach_the_run(run, sample_raster, tmp_path, read_pixels):
    from osgeo import gdal
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject, QgsRasterLayer

    pytest.importorskip("onnxruntime")
    files = {"UNCERTAINTY": str(tmp_path / "u.tif"), "UNCERTAINTY_MASK": str(tmp_path / "m.tif")}
    project, context, feedback = QgsProject.instance(), QgsProcessingContext(), QgsProcessingFeedback()
    context.setProject(project)
    title = "Where bicubic took the place of the result"
    details = QgsProcessingContext.LayerDetails(title, project, "UNCERTAINTY_MASK")
    context.addLayerToLoadOnCompletion(files["UNCERTAINTY_MASK"], details)
    options = {"UNCERTAINTY_LIMIT": 30, "UNCERTAINTY_MODELS": "any-x2", "EXTENT": _upper_left(sample_raster, 24)}
    outputs = run(sample_raster, feedback, context, MODEL="s2-rgbn-x2", **files, **options)
    assert {name: outputs[name] for name in files} == files
    settings = gdal.Open(outputs["OUTPUT"]).GetMetadataItem("SR_SETTINGS")
    assert '"bicubic_above_uncertainty": 30.0' in settings and '"uncertainty_models": {"any-x2"' in settings
    replaced = read_pixels(files["UNCERTAINTY_MASK"])
    np.testing.assert_array_equal(replaced == 1, read_pixels(files["UNCERTAINTY"]) > 30)
    assert replaced.dtype == np.uint8 and 0 < replaced.mean() < 1
    assert "16 times the work of the result alone" in feedback.textLog()
    layer = QgsRasterLayer(files["UNCERTAINTY_MASK"], "m")
    loaded = context.layerToLoadOnCompletionDetails(files["UNCERTAINTY_MASK"])
    loaded.postProcessor().postProcessLayer(layer, context, feedback)
    (entry,) = layer.renderer().classes()
    assert entry.value == 1 and "bicubic" in entry.label and loaded.name.endswith(" x2 bicubic")


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"UNCERTAINTY_MODELS": "any-x4"}, "enlarges 4 times, not 2 times"),
        ({"UNCERTAINTY_MODELS": "any-x2; any-x2"}, "named twice"),
        ({"UNCERTAINTY_MASK": "m.tif"}, "needs a limit"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(run, sample_raster, tmp_path, options, reason):
    from qgis.core import QgsProcessingException

    files = {name: str(tmp_path / value) for name, value in options.items() if value.endswith(".tif")}
    result, path = tmp_path / "result.tif", tmp_path / "u.tif"
    given = {**options, **files, "OUTPUT": str(result), "UNCERTAINTY": str(path)}
    with pytest.raises(QgsProcessingException, match=reason):
        run(sample_raster, MODEL="s2-rgbn-x2", EXTENT=_upper_left(sample_raster, 24), **given)
    assert not result.exists() and not path.exists()


def _upper_left(path, pixels):
    """Extent of a square in the upper-left corner of a raster."""
    from osgeo import gdal

    x, width, _, y, _, height = gdal.Open(path).GetGeoTransform()
    return f"{x},{x + pixels * width},{y + pixels * height},{y}"
