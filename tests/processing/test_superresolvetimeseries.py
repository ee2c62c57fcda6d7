"""``superres:superresolvetimeseries`` through ``processing.run``."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytestmark = pytest.mark.qgis

ORIGIN = (600000.0, 5000000.0)
PIXEL = 10.0


def _scene(rows: int, columns: int) -> np.ndarray:
    """Two bands of texture on the fine grid, between 0.05 and 0.4."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(5)
    fields = [gaussian_filter(rng.normal(size=(rows, columns)), sigma) * sigma for sigma in (1.2, 3.0, 8.0)]
    base = 0.2 + 0.12 * sum(fields)
    return np.clip(np.stack([base, 0.6 * base + 0.05 * fields[0]]), 0.02, 0.6)


def _observed(fine: np.ndarray, shift: tuple) -> np.ndarray:
    from sr_plugin.core.card import PointSpread
    from sr_plugin.worker.view_fusion import observe

    return observe(fine, 2, shift, PointSpread("gaussian", 0.35))


@pytest.fixture(scope="module")
def fine():
    pytest.importorskip("scipy")
    return _scene(144, 160)


@pytest.fixture
def write(tmp_path):
    from tests.conftest import write_raster

    def go(values, name, offset=(0.0, 0.0), epsg=32632, pixel=PIXEL, **facts):
        from osgeo import osr

        crs = osr.SpatialReference()
        crs.ImportFromEPSG(epsg)
        transform = (ORIGIN[0] + offset[1] * PIXEL, pixel, 0.0, ORIGIN[1] - offset[0] * PIXEL, 0.0, -pixel)
        pixels = np.clip(np.round(np.asarray(values) * 10000), 1, 65535).astype(np.uint16)
        return write_raster(tmp_path / name, pixels, transform, crs.ExportToWkt(), **facts)

    return go


@pytest.fixture
def series(fine, write):
    """Four views whose grids are shifted against each other, as their georeference says but for 0.1 pixel."""
    rng = np.random.default_rng(11)
    paths = []
    for number, shift in enumerate([(0.0, 0.0), (0.5, 0.45), (-0.4, 0.3), (0.3, -0.5)]):
        view = _observed(fine, shift) * (1 + 0.04 * number) + 0.003 * number
        view = view + rng.normal(0, 0.0005, view.shape)
        told = (0.0, 0.0) if number == 0 else (shift[0] + 0.1, shift[1] - 0.1)
        paths.append(write(view, f"view_202006{number + 1:02d}.tif", told, nodata=0))
    return paths


@pytest.fixture
def fuse(provider, tmp_path):
    import processing

    def call(inputs, feedback=None, **parameters):
        values = {
            "INPUTS": inputs,
            "MODEL": "shift-and-add:2",
            "OUTPUT": str(tmp_path / "fused.tif"),
            **parameters,
        }
        return processing.run("superres:superresolvetimeseries", values, feedback=feedback)

    return call


def _psnr(path: str, fine: np.ndarray, read_pixels) -> float:
    error = (read_pixels(path) / 10000.0 - fine)[:, 16:-16, 16:-16]
    return float(10 * np.log10(1.0 / np.mean(error**2)))


@pytest.mark.slow
def test_several_views_beat_one_and_their_average(series, fuse, fine, read_pixels, tmp_path):
    outputs = fuse(series, CHANGES=str(tmp_path / "changes.tif"))
    fused = _psnr(outputs["OUTPUT"], fine, read_pixels)
    single = _psnr(fuse(series[:1], OUTPUT=str(tmp_path / "one.tif"))["OUTPUT"], fine, read_pixels)
    average = _psnr(fuse(series, MODEL="average:2", OUTPUT=str(tmp_path / "mean.tif"))["OUTPUT"], fine, read_pixels)
    assert fused > single + 1.0
    assert fused > average + 1.0
    assert outputs["VIEWS_USED"] == 4 and outputs["SCALE"] == 2
    views = json.loads(outputs["VIEWS"])
    assert [view["date"] for view in views] == ["2020-06-01", "2020-06-02", "2020-06-03", "2020-06-04"]
    assert np.allclose([abs(v) for v in views[1]["shift"]], (0.5, 0.45), atol=0.05)
    changes = read_pixels(outputs["CHANGES"])
    assert changes.shape == (1, 72, 80) and changes.dtype == np.uint8
    assert (changes[:, 6:-6, 6:-6] > 0).mean() < 0.02


def test_the_result_lies_on_the_refined_grid_of_the_reference(series, fuse):
    from osgeo import gdal

    result = gdal.Open(fuse(series)["OUTPUT"])
    source = gdal.Open(series[0])
    assert (result.RasterXSize, result.RasterYSize) == (2 * source.RasterXSize, 2 * source.RasterYSize)
    assert result.GetGeoTransform() == (ORIGIN[0], 5.0, 0.0, ORIGIN[1], 0.0, -5.0)
    assert result.GetRasterBand(1).DataType == gdal.GDT_UInt16
    assert [view["name"] for view in json.loads(result.GetMetadataItem("SR_VIEWS"))][0] == "view_20200601.tif"


def test_a_reference_date_chooses_the_reference_and_a_span_leaves_views_out(series, fuse, feedback):
    outputs = fuse(series, feedback=feedback, REFERENCE_DATE="2020-06-04", MAX_DAYS=2)
    views = json.loads(outputs["VIEWS"])
    assert [view["date"] for view in views] == ["2020-06-04", "2020-06-03", "2020-06-02"]
    assert any("view_20200601.tif" in text and "span" in text for text in feedback.warnings)


def test_a_span_without_dates_is_refused(write, fine, fuse):
    from qgis.core import QgsProcessingException

    paths = [write(_observed(fine, (0.0, 0.0)), f"view{n}.tif") for n in range(2)]
    with pytest.raises(QgsProcessingException, match="dates"):
        fuse(paths, MAX_DAYS=10)


def test_dates_can_be_given(write, fine, fuse):
    paths = [write(_observed(fine, (0.0, 0.3 * n)), f"view{n}.tif") for n in range(3)]
    outputs = fuse(paths, DATES="2020-01-01,2020-02-01,2020-03-01", REFERENCE_DATE="2020-02-20", MAX_DAYS=31)
    assert [view["name"] for view in json.loads(outputs["VIEWS"])] == ["view2.tif", "view1.tif"]


@pytest.mark.slow
def test_a_view_without_clear_pixels_changes_nothing(series, write, fine, fuse, read_pixels, feedback, tmp_path):
    cloud = np.zeros_like(_observed(fine, (0.0, 0.0)))
    blind = write(cloud, "view_20200605.tif", nodata=1)
    plain = read_pixels(fuse(series)["OUTPUT"])
    outputs = fuse([*series, blind], feedback=feedback, OUTPUT=str(tmp_path / "with_cloud.tif"))
    assert np.array_equal(read_pixels(outputs["OUTPUT"]), plain)
    assert any("view_20200605.tif" in text for text in feedback.warnings)


@pytest.mark.slow
def test_a_cloud_mask_is_respected(series, write, fine, fuse, read_pixels, tmp_path):
    """A cloud that a mask knows leaves no trace, even where changes are not looked for."""
    view = _observed(fine, (0.4, 0.1))
    cloud = np.zeros(view.shape[1:], bool)
    cloud[20:50, 20:60] = True
    paths = [series[0], write(np.where(cloud, 0.9, view), "view_20200609.tif", (0.4, 0.1))]
    clear = [write(np.zeros(view.shape[1:]), "none.tif"), ""]
    clear[1] = write(cloud * 0.01, "cloud.tif", (0.4, 0.1))
    from osgeo import gdal

    none = gdal.Open(clear[0], gdal.GA_Update)
    none.GetRasterBand(1).WriteArray(np.zeros(view.shape[1:], np.uint16))
    del none
    mask = gdal.Open(clear[1], gdal.GA_Update)
    mask.GetRasterBand(1).WriteArray(cloud.astype(np.uint16))
    del mask
    parameters = {"THRESHOLD": 0.0, "MATCH": "none"}
    masked = read_pixels(fuse(paths, MASKS=clear, **parameters)["OUTPUT"])
    bare = read_pixels(fuse(paths, OUTPUT=str(tmp_path / "bare.tif"), **parameters)["OUTPUT"])
    inside = (slice(None), slice(60, 80), slice(60, 100))
    assert np.abs(masked / 10000.0 - fine)[inside].max() < 0.05
    assert np.abs(bare / 10000.0 - fine)[inside].mean() > 0.2


def test_what_changed_is_flagged_and_not_taken_over(series, write, fine, fuse, read_pixels, tmp_path):
    new = _observed(fine, (0.2, 0.2))
    new[:, 30:42, 30:44] += 0.25
    paths = [*series, write(new, "view_20200610.tif", (0.2, 0.2))]
    outputs = fuse(paths, CHANGES=str(tmp_path / "changes.tif"))
    changes = read_pixels(outputs["CHANGES"])[0]
    assert changes[32:40, 32:42].min() == 1
    assert (changes[8:24, 8:-8] > 0).mean() < 0.05
    error = (read_pixels(outputs["OUTPUT"]) / 10000.0 - fine)[:, 66:78, 66:82]
    assert np.abs(error).max() < 0.06


def test_another_crs_is_brought_onto_the_grid_of_the_reference(series, fine, fuse, read_pixels, feedback, tmp_path):
    from osgeo import gdal

    other = str(tmp_path / "other_20200607.tif")
    # A reference without it would keep GDAL's dataset alive.
    assert gdal.Warp(other, series[1], dstSRS="EPSG:32633", resampleAlg="cubic") is not None
    outputs = fuse([series[0], other], feedback=feedback)
    views = json.loads(outputs["VIEWS"])
    assert [view["interpolated"] for view in views] == [False, True]
    assert any("interpolated onto its grid" in text for text in feedback.warnings)
    assert _psnr(outputs["OUTPUT"], fine, read_pixels) > 30


def test_views_with_too_few_bands_are_named(series, write, fine, fuse):
    from qgis.core import QgsProcessingException

    poor = write(_observed(fine, (0.0, 0.0))[:1], "poor_20200608.tif")
    with pytest.raises(QgsProcessingException, match="poor_20200608.tif"):
        fuse([series[0], poor])


def test_bands_can_be_chosen(series, fuse, read_pixels):
    assert read_pixels(fuse(series, BANDS="2")["OUTPUT"]).shape == (1, 144, 160)


def test_a_single_image_model_is_refused(series, fuse):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="several"):
        fuse(series, MODEL="bicubic:2")


def test_masks_of_another_number_are_refused(series, fuse):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="4 rasters, but 1 mask"):
        fuse(series, MASKS=series[:1])


def test_every_parameter_has_help(provider):
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolvetimeseries")
    assert [p.name() for p in algorithm.parameterDefinitions() if not p.help()] == []
    assert "does not measure it" in algorithm.shortHelpString()
