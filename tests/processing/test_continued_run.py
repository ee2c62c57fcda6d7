"""Interrupted runs of every algorithm go on by the parameters that their entries give."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.conftest import write_raster
from tests.landsat_products import make_landsat
from tests.sentinel2_products import BANDS, make_safe

pytestmark = pytest.mark.qgis
FOUR = ("B04", "B03", "B02", "B08")


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory, monkeypatch):
    """An index of this test's own."""
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path_factory.mktemp("data")))


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Starting workers would take most of the time."""
    pytest.importorskip("osgeo")
    from tests.pipeline.conftest import local

    monkeypatch.setattr("sr_plugin.pipeline.superresolve.worker_factory", lambda _python="": local)
    monkeypatch.setattr("sr_plugin.pipeline.series.series_worker_factory", lambda _python="": local)


@pytest.fixture
def cancelling(qgis_app):
    """Makes feedback that cancels at a share of a step, or at a text."""
    from qgis.core import QgsProcessingFeedback

    class Cancels(QgsProcessingFeedback):
        def __init__(self, percent=None, text=None):
            super().__init__(False)
            self.percent, self.text = percent, text
            self.infos = []

        def setProgress(self, progress):
            if self.percent is not None and progress >= self.percent:
                self.cancel()

        def setProgressText(self, text):
            if self.text is not None and self.text in text:
                self.cancel()

        def pushInfo(self, info):
            self.infos.append(info)
            if self.text is not None and self.text in info:
                self.cancel()

    return Cancels


@pytest.fixture
def interrupted(provider, cancelling, tmp_path):
    """Cancels a run and gives what the index tells of it, and the same run's outputs where nobody interrupts it."""
    import processing
    from qgis.core import QgsProcessingException

    from sr_plugin.pipeline.interrupted import interrupted_jobs

    def go(algorithm, parameters, percent=30, text=None, **outputs):
        outputs = {"OUTPUT": "result.tif", **outputs}
        values = {"TILE_SIZE": 16, "KEEP_PARTIAL": True, **parameters}
        whole = {name: str(tmp_path / "whole" / file) for name, file in outputs.items()}
        os.makedirs(tmp_path / "whole")
        expected = processing.run(algorithm, {**values, **whole})
        assert interrupted_jobs() == []
        part = {name: str(tmp_path / file) for name, file in outputs.items()}
        with pytest.raises(QgsProcessingException, match="cancelled"):
            processing.run(algorithm, {**values, **part}, feedback=cancelling(None if text else percent, text))
        (job,) = interrupted_jobs()
        return job, expected

    return go


@pytest.fixture
def go_on(provider, cancelling):
    """Continues a run; gives its outputs and what it said."""
    import processing

    from sr_plugin.pipeline.interrupted import Standing, interrupted_jobs
    from sr_plugin.pipeline.run_listing import index_folder
    from sr_plugin.processing.continued_run import can_go_on_here, continued_run

    def call(job, algorithm):
        assert job.standing is Standing.CONTINUABLE and can_go_on_here(job.request)
        found, parameters = continued_run(job)
        assert found == algorithm
        feedback = cancelling()
        outputs = processing.run(algorithm, parameters, feedback=feedback)
        assert interrupted_jobs() == [] and os.listdir(index_folder()) == []
        return outputs, "\n".join(feedback.infos)

    return call


def assert_same(read_pixels, outputs, expected, names=("OUTPUT",)):
    for name in names:
        assert os.path.basename(outputs[name]) == os.path.basename(expected[name])
        np.testing.assert_array_equal(read_pixels(outputs[name]), read_pixels(expected[name]))


def metadata_of(outputs):
    from osgeo import gdal

    found = gdal.Open(outputs["OUTPUT"]).GetMetadata()
    return {key: value for key, value in found.items() if key != "TIFFTAG_DATETIME"}


def left_in(folder):
    return [name for name in os.listdir(folder) if ".part" in name or ".unaligned" in name or name.endswith(".lock")]


def test_bands_of_a_sentinel2_product(interrupted, go_on, read_pixels, tmp_path):
    algorithm = "superres:superresolvesentinel2"
    scene = np.full((31, 31), 4, np.uint8)
    scene[10:14, 10:14] = 9
    root, _ = make_safe(tmp_path, "2A", "05.00", -1000, FOUR, scene)
    parameters = {
        "INPUT": str(root),
        "MODEL": "nearest:2",
        "BANDS": ["B04", "B08"],
        "MASK_CLOUDS": ["cloud_high"],
        "GAPS": "mask",
        "EXTENT": "435750,436300,4178900,4179400 [EPSG:32618]",
        "OUTPUT_TYPE": "float32",
        "CREATE_OPTIONS": "COMPRESS=DEFLATE",
    }
    job, expected = interrupted(algorithm, parameters)
    assert job.request.satellite == "sentinel2" and job.run.input == str(root) and 0 < job.done < job.tiles
    outputs, told = go_on(job, algorithm)
    assert "Going on with an interrupted run" in told
    assert_same(read_pixels, outputs, expected)
    assert metadata_of(outputs) == metadata_of(expected)
    assert left_in(tmp_path) == []


def test_all_bands_of_a_sentinel2_product_in_files_of_their_own(interrupted, go_on, read_pixels, tmp_path):
    pytest.importorskip("torch")
    from tests.fusion_scenes import write_fusion_model

    algorithm = "superres:superresolvesentinel2"
    root, _ = make_safe(tmp_path, "2A", "05.00", -1000, bands=BANDS)
    models = [write_fusion_model(tmp_path / f"fuse-{g}.pth", g, seed=n) for n, g in enumerate(("20m", "60m"))]
    parameters = {
        "INPUT": str(root / "MTD_MSIL2A.xml"),
        "TARGET": "all bands at 5 m",
        "FUSION_MODELS": "; ".join(map(str, models)),
        "MODEL": "bicubic:2",
        "BAND_MODEL": "nearest:2",
        "ONE_FILE_PER_BAND": True,
        "TILE_SIZE": 20,
    }
    job, expected = interrupted(algorithm, parameters)
    assert job.run.fusion.factor == 2 and 0 < job.done < job.tiles
    outputs, told = go_on(job, algorithm)
    assert "Going on with an interrupted run" in told
    assert_same(read_pixels, outputs, expected)
    assert len(outputs["FILES"].split(";")) == 12 and left_in(tmp_path) == [] and not (tmp_path / "result.tif").exists()


def test_tiles_are_not_computed_again_for_files_of_bands(interrupted, go_on, read_pixels, tmp_path):
    algorithm = "superres:superresolvesentinel2"
    root, _ = make_safe(tmp_path, "2A", "05.00", -1000, FOUR)
    parameters = {"INPUT": str(root), "MODEL": "nearest:2", "ONE_FILE_PER_BAND": True}
    job, expected = interrupted(algorithm, parameters, text="Writing one file per band")
    assert job.done == job.tiles
    outputs, told = go_on(job, algorithm)
    assert "was whole already" in told and "Going on" not in told
    assert_same(read_pixels, outputs, expected)
    assert left_in(tmp_path) == [] and not (tmp_path / "result.tif").exists()


@pytest.mark.parametrize("text", [None, "Aligning to the grid"])
def test_an_aligned_landsat_product(interrupted, go_on, read_pixels, tmp_path, text):
    """The raster that gave the grid may be gone by then."""
    algorithm = "superres:superresolvelandsat"
    root, _ = make_landsat(tmp_path, 8, 2, 2)
    target = write_raster(
        tmp_path / "a & b.tif", np.ones((1, 70, 80), np.uint8), (399800.0, 10.0, 0.0, 4182400.0, 0.0, -10.0)
    )
    parameters = {
        "INPUT": str(root),
        "MODEL": "nearest:3",
        "BANDS": ["red", "nir"],
        "ALIGN_TO": target,
        "VALUES": "product",
        "TILE_SIZE": 8,
    }
    job, expected = interrupted(algorithm, parameters, text=text)
    assert job.request.target_name == "a & b" and (job.done == job.tiles) == (text is not None)
    os.remove(target)
    outputs, told = go_on(job, algorithm)
    assert ("was whole already" if text else "Going on with an interrupted run") in told
    assert_same(read_pixels, outputs, expected)
    assert metadata_of(outputs) == metadata_of(expected) and metadata_of(outputs)["SR_ALIGNED_TO"] == "a & b"
    assert left_in(tmp_path) == []


def test_an_aligned_product_whose_bands_could_not_be_laid_apart(interrupted, go_on, read_pixels, tmp_path):
    algorithm = "superres:superresolvelandsat"
    root, _ = make_landsat(tmp_path, 8, 2, 2)
    target = write_raster(
        tmp_path / "target.tif", np.ones((1, 70, 80), np.uint8), (399800.0, 10.0, 0.0, 4182400.0, 0.0, -10.0)
    )
    parameters = {"INPUT": str(root), "MODEL": "nearest:3", "ALIGN_TO": target, "BANDS": ["red", "nir"]}
    job, expected = interrupted(algorithm, {**parameters, "ONE_FILE_PER_BAND": True}, text="Writing one file per band")
    assert job.done == job.tiles and not (tmp_path / "result.tif").exists()
    outputs, told = go_on(job, algorithm)
    assert "was whole already" in told
    assert_same(read_pixels, outputs, expected)
    assert left_in(tmp_path) == [] and not (tmp_path / "result.tif").exists()


def test_a_series_with_dates_masks_and_changes(interrupted, go_on, read_pixels, tmp_path):
    pytest.importorskip("skimage")
    from tests.series_scenes import fine_scene, seen

    algorithm = "superres:superresolvetimeseries"
    fine, paths, masks = fine_scene(120, 140, 2), [], []
    for number, shift in enumerate([(0.0, 0.0), (0.5, 0.45), (-0.4, 0.3)]):
        transform = (500000.0 + shift[1] * 10, 10.0, 0.0, 4100000.0 - shift[0] * 10, 0.0, -10.0)
        pixels = np.clip(np.round(seen(fine, shift, 0.001, number) * 10000), 1, 65535).astype(np.uint16)
        paths.append(write_raster(tmp_path / f"view{number}.tif", pixels, transform))
        cloud = np.zeros((1, 60, 70), np.uint8)
        cloud[0, 10:20, 10 * number : 10 * number + 5] = 1
        masks.append(write_raster(tmp_path / f"cloud{number}.tif", cloud, transform))
    parameters = {
        "INPUTS": paths,
        "MASKS": masks,
        "MODEL": "shift-and-add:2",
        "DATES": "2020-06-01,2020-06-05,2020-06-09",
        "REFERENCE_DATE": "2020-06-06",
        "MAX_DAYS": 20,
        "MATCH": "global",
        "THRESHOLD": 4.0,
        "REGISTER": False,
        "BANDS": "2,1",
        "NODATA": 0,
    }
    job, expected = interrupted(algorithm, parameters, CHANGES="changes.tif")
    assert [view.input for view in job.request.views] == paths and 0 < job.done < job.tiles
    outputs, told = go_on(job, algorithm)
    assert "Going on with an interrupted run" in told
    assert_same(read_pixels, outputs, expected, ("OUTPUT", "CHANGES"))
    assert outputs["VIEWS"] == expected["VIEWS"] and left_in(tmp_path) == []


def test_runs_of_the_command_line_that_no_algorithm_makes(tmp_path):
    from dataclasses import replace

    from sr_plugin.core.grid import Grid
    from sr_plugin.pipeline.product_input import BandSelection
    from sr_plugin.pipeline.product_request import LANDSAT, SENTINEL2, ProductRequest
    from sr_plugin.pipeline.request import SuperResolveRequest
    from sr_plugin.processing.continued_run import can_go_on_here

    run = SuperResolveRequest("in", "out.tif", "bicubic:2")
    assert can_go_on_here(run) and not can_go_on_here(replace(run, gaps_as_mask=True))
    product, reflectance = ProductRequest(run, SENTINEL2), BandSelection(reflectance=True)
    assert can_go_on_here(product) and not can_go_on_here(replace(product, selection=reflectance))
    assert not can_go_on_here(replace(product, target=Grid(2, 2)))
    for options in ({"luminance": True}, {"uncertainty": "u.tif"}):
        assert can_go_on_here(replace(run, **options))
        assert not can_go_on_here(replace(product, run=replace(run, **options)))
    landsat = ProductRequest(run, LANDSAT, reflectance, target=Grid(2, 2))
    assert can_go_on_here(landsat) and not can_go_on_here(replace(landsat, selection=BandSelection(("B4",))))
    assert not can_go_on_here(ProductRequest(run, "", target=Grid(2, 2)))
