"""Layers that are no files give the same numbers as the file behind them, and say in words what they need."""

from __future__ import annotations

import glob
import math
import os
import tempfile

import numpy as np
import pytest

from tests.gui.desktop_tools import wait_until
from tests.gui.ticks import assert_awake, ticking
from tests.waiting import LONG

pytestmark = pytest.mark.qgis

WORLD = 20037508.342789244
ZOOM = 3
PIXEL = 2 * WORLD / (256 << ZOOM)


@pytest.fixture
def scene_layer(scene, project):
    from qgis.core import QgsRasterLayer

    layer = QgsRasterLayer(scene, "scene")
    project.addMapLayer(layer)
    return layer


@pytest.fixture
def virtual_layer(scene_layer, project):
    """Twice the second band of the scene, as a virtual raster."""
    from qgis.core import QgsRasterLayer

    e = scene_layer.extent()
    sides = ",".join(repr(v) for v in (e.xMinimum(), e.yMinimum(), e.xMaximum(), e.yMaximum()))
    uri = f'?crs=EPSG:32632&extent={sides}&width=40&height=30&formula="s@2" * 2'
    layer = QgsRasterLayer(f"{uri}&s:uri={scene_layer.source()}&s:provider=gdal", "doubled", "virtualraster")
    assert layer.isValid()
    project.addMapLayer(layer)
    return layer


def tile_pixels(column, row):
    """RGBA of a tile, different in every tile, with a transparent corner in tile (0, 0)."""
    pixels = np.zeros((4, 256, 256), np.uint8)
    pixels[0], pixels[1] = 20 * column + 3, 20 * row + 5
    pixels[2] = np.arange(256)[np.newaxis]
    pixels[3] = 255
    if (column, row) == (0, 0):
        pixels[3, :64, :64] = 0
    return pixels


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """Tiles of one zoom level in the usual folders; three of its eight columns."""
    from osgeo import gdal

    folder = tmp_path_factory.mktemp("tiles")
    memory, png = gdal.GetDriverByName("MEM"), gdal.GetDriverByName("PNG")
    for column in range(3):
        (folder / str(ZOOM) / str(column)).mkdir(parents=True)
        for row in range(3):
            source = memory.Create("", 256, 256, 4, gdal.GDT_Byte)
            for number, band in enumerate(tile_pixels(column, row), start=1):
                source.GetRasterBand(number).WriteArray(band)
            png.CreateCopy(str(folder / str(ZOOM) / str(column) / f"{row}.png"), source)
    return folder


@pytest.fixture
def tile_layer(tiles, project):
    from qgis.core import QgsRasterLayer

    address = f"file://{tiles}/%7Bz%7D/%7Bx%7D/%7By%7D.png"
    layer = QgsRasterLayer(f"type=xyz&url={address}&zmin={ZOOM}&zmax={ZOOM}", "Map: tiles/1", "wms")
    assert layer.isValid()
    project.addMapLayer(layer)
    return layer


def extent_text(left, top, columns, rows, pixel=PIXEL):
    """Extent of pixels counted from the upper left corner of the tiles."""
    xmin, ymax = -WORLD + left * pixel, WORLD - top * pixel
    return f"{xmin},{xmin + columns * pixel},{ymax - rows * pixel},{ymax} [EPSG:3857]"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path_factory, monkeypatch):
    """Other programs may leave theirs in the usual one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))


def no_temporary_folder_is_left():
    return not glob.glob(os.path.join(tempfile.gettempdir(), "superres-*"))


def test_a_virtual_raster_gives_its_numbers(run, virtual_layer, scene, read_pixels):
    result = run(virtual_layer, MODEL="nearest:2")["OUTPUT"]
    expected = 2.0 * read_pixels(scene)[1].repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(read_pixels(result)[0], expected)
    assert no_temporary_folder_is_left()


def test_place_crs_and_name_of_source_are_kept(run, virtual_layer):
    from osgeo import gdal

    dataset = gdal.Open(run(virtual_layer, MODEL="nearest:2")["OUTPUT"])
    assert dataset.GetGeoTransform() == (600000, 5, 0, 5000000, 0, -5)
    assert dataset.GetSpatialRef().GetAuthorityCode(None) == "32632"
    assert dataset.GetMetadataItem("SR_SOURCE") == "doubled.tif"


def test_a_part_is_the_same_as_in_the_whole(run, virtual_layer, read_pixels, tmp_path):
    whole = read_pixels(run(virtual_layer, MODEL="bicubic:2")["OUTPUT"])
    extent = "600100,600300,4999800,4999950 [EPSG:32632]"
    part = run(virtual_layer, MODEL="bicubic:2", EXTENT=extent, OUTPUT=str(tmp_path / "part.tif"))["OUTPUT"]
    np.testing.assert_array_equal(read_pixels(part), whole[:, 10:40, 20:60])


def test_gaps_of_a_virtual_raster_stay_gaps(make_raster, project, run, read_pixels):
    from osgeo import gdal
    from qgis.core import QgsRasterLayer

    pixels = np.arange(1, 1201).reshape(1, 30, 40).astype(np.uint16)
    pixels[0, 3, 4] = 0
    path = make_raster(pixels, "gap.tif", nodata=0)
    sides = "600000.0,4999700.0,600400.0,5000000.0"
    uri = f'?crs=EPSG:32632&extent={sides}&width=40&height=30&formula="s@1" * 2&s:uri={path}&s:provider=gdal'
    layer = QgsRasterLayer(uri, "gap", "virtualraster")
    project.addMapLayer(layer)
    result = run(layer, MODEL="nearest:2")["OUTPUT"]
    dataset = gdal.Open(result)
    nodata = dataset.GetRasterBand(1).GetNoDataValue()
    gaps = read_pixels(result)[0] == nodata
    assert gaps.sum() == 4 and gaps[6:8, 8:10].all()
    assert read_pixels(result)[0].max() == 2400


def test_a_chosen_resolution_sets_the_pixels_that_are_read(run, virtual_layer):
    from osgeo import gdal

    dataset = gdal.Open(run(virtual_layer, MODEL="nearest:2", RESOLUTION=20)["OUTPUT"])
    assert (dataset.RasterXSize, dataset.RasterYSize) == (40, 30)
    assert dataset.GetGeoTransform()[1] == 10


def test_bands_keep_names_types_nodata_and_colours(make_raster, project, feedback, tmp_path):
    from osgeo import gdal
    from qgis.core import QgsRasterLayer

    from sr_plugin.processing.provider_clone import clone_of
    from sr_plugin.processing.provider_copy import copy_of_clone

    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 5000, (3, 30, 40)).astype(np.int16)
    path = make_raster(pixels, descriptions=("B04", "NIR: near", ""), nodata=-1)
    layer = QgsRasterLayer(path, "a/b: c")
    dataset = gdal.Open(copy_of_clone(clone_of(layer), str(tmp_path), None, None, feedback))
    assert os.path.basename(dataset.GetDescription()) == "a_b_ c.tif"
    bands = [dataset.GetRasterBand(number) for number in (1, 2, 3)]
    assert [band.GetDescription() for band in bands] == ["B04", "NIR: near", ""]
    assert [band.GetNoDataValue() for band in bands] == [-1, -1, -1]
    assert all(band.DataType == gdal.GDT_Int16 for band in bands)
    np.testing.assert_array_equal(dataset.ReadAsArray(), pixels)


def test_many_blocks_fit_together(make_raster, feedback, tmp_path, monkeypatch):
    from osgeo import gdal
    from qgis.core import QgsRasterLayer

    from sr_plugin.processing import provider_copy
    from sr_plugin.processing.provider_clone import clone_of

    monkeypatch.setattr(provider_copy, "BLOCK", 7)
    pixels = np.random.default_rng(2).random((2, 30, 40)).astype(np.float32)
    layer = QgsRasterLayer(make_raster(pixels), "layer")
    path = provider_copy.copy_of_clone(clone_of(layer), str(tmp_path), None, None, feedback)
    np.testing.assert_array_equal(gdal.Open(path).ReadAsArray(), pixels)


def test_tiles_become_red_green_blue_and_alpha(run, tile_layer, read_pixels):
    from osgeo import gdal

    result = run(tile_layer, MODEL="nearest:2", EXTENT=extent_text(250, 250, 20, 12))["OUTPUT"]
    dataset = gdal.Open(result)
    mosaic = np.concatenate(
        [np.concatenate([tile_pixels(column, row) for column in (0, 1)], axis=2) for row in (0, 1)], axis=1
    )
    expected = mosaic[:, 250:262, 250:270].repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(read_pixels(result)[:3], expected[:3])
    assert dataset.GetGeoTransform()[0] == pytest.approx(-WORLD + 250 * PIXEL)
    assert dataset.GetGeoTransform()[1] == pytest.approx(PIXEL / 2)
    assert [dataset.GetRasterBand(n).GetColorInterpretation() for n in (1, 2, 3)] == [3, 4, 5]
    assert no_temporary_folder_is_left()


def test_transparent_pixels_are_gaps(run, tile_layer, read_pixels):
    from osgeo import gdal

    result = run(tile_layer, MODEL="nearest:2", EXTENT=extent_text(50, 50, 30, 30), BANDS=[1, 2, 3])["OUTPUT"]
    dataset = gdal.Open(result)
    valid = dataset.GetRasterBand(1).GetMaskBand().ReadAsArray() > 0
    expected = np.ones((60, 60), bool)
    expected[:28, :28] = False
    np.testing.assert_array_equal(valid, expected)


def test_a_map_service_without_an_extent_says_what_to_do(run, tile_layer):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="an extent is needed.*canvas"):
        run(tile_layer)


def test_too_large_an_area_is_refused_with_a_figure_and_a_way_out(run, tile_layer, monkeypatch):
    from qgis.core import QgsProcessingException

    from sr_plugin.processing import provider_clone

    monkeypatch.setattr(provider_clone, "MOST_SERVICE_PIXELS", 1_000_000)
    with pytest.raises(
        QgsProcessingException, match=r"2048 x 2048 pixels.*at most 1 million.*resolution of "
    ) as raised:
        run(tile_layer, EXTENT=extent_text(0, 0, 2048, 2048))
    advice = float(str(raised.value).split("resolution of ")[1].split()[0])
    assert PIXEL * 2.048 < advice < PIXEL * 2.1


def test_where_a_service_draws_nothing_the_run_says_so(run, tile_layer):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="draws nothing in this extent"):
        run(tile_layer, EXTENT=extent_text(1600, 1600, 20, 20))
    assert no_temporary_folder_is_left()


def test_a_full_disk_is_told_before_anything_is_read(virtual_layer, feedback, tmp_path, monkeypatch):
    import shutil

    from sr_plugin.core.errors import DiskFull
    from sr_plugin.processing import provider_copy
    from sr_plugin.processing.provider_clone import clone_of

    monkeypatch.setattr(provider_copy.shutil, "disk_usage", lambda _folder: shutil._ntuple_diskusage(100, 91, 9))
    with pytest.raises(DiskFull, match="needs 0 MB, but only 0 MB are free"):
        provider_copy.copy_of_clone(clone_of(virtual_layer), str(tmp_path), None, None, feedback)
    assert list(tmp_path.glob("*.tif")) == [tmp_path / "input.tif"]


def test_an_extent_beside_the_layer_is_told(run, virtual_layer):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="does not overlap"):
        run(virtual_layer, EXTENT="700000,700100,4999800,4999900 [EPSG:32632]")


def test_a_cancel_ends_between_blocks_and_leaves_nothing(tile_layer, tmp_path, monkeypatch):
    from qgis.core import QgsProcessingFeedback

    from sr_plugin.core.errors import Cancelled
    from sr_plugin.processing import provider_copy
    from sr_plugin.processing.provider_clone import clone_of

    monkeypatch.setattr(provider_copy, "BLOCK", 64)
    feedback = QgsProcessingFeedback(False)
    seen = []

    def stop(percent):
        seen.append(percent)
        feedback.cancel()

    feedback.progressChanged.connect(stop)
    extent = (-WORLD, WORLD - 256 * PIXEL, -WORLD + 256 * PIXEL, WORLD)
    with pytest.raises(Cancelled), provider_copy.temporary_folder() as folder:
        provider_copy.copy_of_clone(clone_of(tile_layer), folder, extent, None, feedback)
    assert len(seen) == 1 and seen[0] < 50
    assert not os.path.exists(folder)


def test_a_clone_is_read_in_another_thread(tile_layer, virtual_layer, feedback, tmp_path):
    import threading

    from osgeo import gdal

    from sr_plugin.processing.provider_clone import clone_of
    from sr_plugin.processing.provider_copy import copy_of_clone

    jobs = {
        "tiles": (clone_of(tile_layer), (-WORLD, WORLD - 80 * PIXEL, -WORLD + 80 * PIXEL, WORLD)),
        "virtual": (clone_of(virtual_layer), None),
    }
    paths = {}

    def work():
        for name, (clone, extent) in jobs.items():
            folder = tmp_path / name
            folder.mkdir()
            paths[name] = copy_of_clone(clone, str(folder), extent, None, feedback)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(LONG)
    assert set(paths) == set(jobs)
    # 80 pixels and their surroundings to the right and below.
    np.testing.assert_array_equal(gdal.Open(paths["tiles"]).ReadAsArray()[:3, 70:], tile_pixels(0, 0)[:3, 70:112, :112])


@pytest.fixture
def slow_server(tiles):
    """The tiles by HTTP, each after a second; gives the address and the paths that were asked for."""
    import functools
    import http.server
    import threading
    import time

    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            time.sleep(1)
            super().do_GET()

        def log_message(self, *_args):
            """Say nothing."""

    handler = functools.partial(Handler, directory=str(tiles))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_service_is_read_without_freezing_the_interface(slow_server, project, feedback, tmp_path, monkeypatch):
    import threading
    import time

    from osgeo import gdal
    from qgis.core import QgsRasterLayer
    from qgis.PyQt.QtCore import QCoreApplication

    from sr_plugin.processing import provider_copy
    from sr_plugin.processing.provider_clone import clone_of

    address, asked = slow_server
    uri = f"type=xyz&url={address}/%7Bz%7D/%7Bx%7D/%7By%7D.png&zmin={ZOOM}&zmax={ZOOM}"
    clone = clone_of(QgsRasterLayer(uri, "served", "wms"))
    monkeypatch.setattr(provider_copy, "BLOCK", 256)
    extent = (-WORLD, WORLD - 500 * PIXEL, -WORLD + 500 * PIXEL, WORLD)
    paths = []

    def read():
        paths.append(provider_copy.copy_of_clone(clone, str(tmp_path), extent, None, feedback))

    with ticking(10) as seen:
        thread = threading.Thread(target=read)
        thread.start()
        while thread.is_alive():
            QCoreApplication.processEvents()
            time.sleep(0.002)
    assert paths and len(asked) >= 4
    mosaic = np.concatenate([np.concatenate([tile_pixels(c, r) for c in (0, 1)], axis=2) for r in (0, 1)], axis=1)
    pixels = gdal.Open(paths[0]).ReadAsArray()[:, :512, :512]
    np.testing.assert_array_equal(pixels[:3, 64:], mosaic[:3, 64:])
    assert_awake(seen)


def test_a_task_of_the_desktop_runs_it_in_its_own_thread(tile_layer, virtual_layer, provider, project, tmp_path):
    """As the toolbox and the dock run it: prepared in the main thread, worked off in another one."""

    from osgeo import gdal
    from qgis.core import (
        QgsApplication,
        QgsProcessingAlgRunnerTask,
        QgsProcessingContext,
        QgsProcessingFeedback,
    )

    algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolve")
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
    context.setProject(project)
    ended = {}
    inputs = {"tiles": (tile_layer, extent_text(250, 250, 20, 12)), "virtual": (virtual_layer, None)}
    for name, (layer, extent) in inputs.items():
        output = str(tmp_path / f"{name}.tif")
        parameters = {"INPUT": layer.id(), "MODEL": "nearest:2", "EXTENT": extent, "OUTPUT": output}
        task = QgsProcessingAlgRunnerTask(algorithm, parameters, context, feedback)
        task.executed.connect(lambda done, _results, name=name: ended.update({name: done}))
        QgsApplication.taskManager().addTask(task)
        wait_until(lambda name=name: name in ended)
        assert ended[name], feedback.textLog()
        dataset = gdal.Open(output)
        assert dataset.RasterXSize == (40 if name == "tiles" else 80)


def test_open_options_keep_numbers_and_type(run, scene, project, read_pixels):
    from qgis.core import QgsRasterLayer

    layer = QgsRasterLayer(f"{scene}|option:NUM_THREADS=2", "with options", "gdal")
    assert layer.isValid()
    project.addMapLayer(layer)
    result = read_pixels(run(layer, MODEL="nearest:2")["OUTPUT"])
    assert result.dtype == np.uint16
    np.testing.assert_array_equal(result, read_pixels(scene).repeat(2, 1).repeat(2, 2))
    assert no_temporary_folder_is_left()


def test_open_options_take_effect(make_raster, feedback, tmp_path):
    """The option that chooses an overview changes what is read, so it must reach GDAL."""
    from osgeo import gdal
    from qgis.core import QgsRasterLayer

    from sr_plugin.processing.layer_source import stand_in_of

    path = make_raster(np.arange(4096 * 4).reshape(1, 128, 128).astype(np.uint16))
    original = gdal.Open(path)
    original.BuildOverviews("NEAREST", [2])
    layer = QgsRasterLayer(f"{path}|option:OVERVIEW_LEVEL=0", "overview", "gdal")
    name = stand_in_of(layer).write(str(tmp_path), None, None, feedback)
    dataset = gdal.Open(name)
    assert (dataset.RasterXSize, dataset.RasterYSize) == (64, 64)
    np.testing.assert_array_equal(dataset.ReadAsArray(), original.GetRasterBand(1).GetOverview(0).ReadAsArray())


def test_a_file_needs_no_stand_in(scene_layer, run, scene, feedback):
    from sr_plugin.processing.layer_source import gdal_dataset_name, stand_in_of

    assert stand_in_of(scene_layer) is None
    assert gdal_dataset_name(scene_layer) == scene
    run(scene, feedback=feedback, RESOLUTION=5)
    assert any("resolution is not used" in text for text in feedback.warnings)


def test_a_request_outside_a_run_is_refused_in_words(virtual_layer, provider):
    """As for a preview, which reads no whole layer first."""
    from qgis.core import QgsApplication, QgsProcessingContext, QgsProject

    from sr_plugin.core.errors import UnsupportedRaster

    algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolve").create()
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    parameters = {"INPUT": virtual_layer.id(), "MODEL": "nearest:2", "OUTPUT": "TEMPORARY_OUTPUT"}
    algorithm.prepare(parameters, context)
    with pytest.raises(UnsupportedRaster, match="'doubled' is no raster file.*GeoTIFF"):
        algorithm.request(parameters, context)


def test_what_takes_files_only_says_so(virtual_layer, provider):
    import processing
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="'doubled' is no raster file"):
        processing.run("superres:modelinfo", {"MODEL": "bicubic:2", "INPUT": virtual_layer})


@pytest.mark.parametrize(("extent", "columns", "rows"), [(None, 40, 30), ((600100, 4999800, 600110, 4999810), 40, 30)])
def test_whole_pixels_do_not_bring_in_their_neighbours(virtual_layer, extent, columns, rows, monkeypatch):
    from sr_plugin.processing import provider_clone

    grid = provider_clone.clone_of(virtual_layer).grid(extent)
    assert (grid.columns, grid.rows) == (columns, rows)
    monkeypatch.setattr(provider_clone, "CONTEXT", 0)
    if extent:
        grid = provider_clone.clone_of(virtual_layer).grid(extent)
        assert (grid.columns, grid.rows, grid.left, grid.top) == (1, 1, 600100, 4999810)


def test_a_resolution_that_is_no_size_is_told(virtual_layer):
    from sr_plugin.core.errors import ParameterError
    from sr_plugin.processing.provider_clone import clone_of

    for value in (0.0, -3.0, math.nan, math.inf):
        with pytest.raises(ParameterError, match="above 0"):
            clone_of(virtual_layer).grid(None, value)
