"""What a result carries besides its pixels."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import ParameterError  # noqa: E402
from sr_plugin.core.resampling import enlarge_cubic  # noqa: E402
from sr_plugin.pipeline.output_values import chosen_type  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402
from sr_plugin.raster.source import BandInfo  # noqa: E402
from tests.conftest import read_raster  # noqa: E402

pytestmark = pytest.mark.gdal
NAMES = ["B04", "B03", "B02", "B08"]


@pytest.fixture
def large(make_raster, scene):
    """A raster whose result needs overviews."""
    return make_raster(np.tile(scene, (1, 4, 4))[:2], nodata=0)


def test_overviews_and_statistics(run, large):
    dataset = gdal.Open(run(large, "bicubic:2").output)
    band = dataset.GetRasterBand(2)
    assert [band.GetOverview(i).XSize for i in range(band.GetOverviewCount())] == [680]
    pixels = band.ReadAsArray().astype(float)
    metadata = {k: float(v) for k, v in band.GetMetadata().items() if k.startswith("STATISTICS_")}
    assert metadata["STATISTICS_MINIMUM"] == pixels.min() and metadata["STATISTICS_MAXIMUM"] == pixels.max()
    assert metadata["STATISTICS_MEAN"] == pytest.approx(pixels.mean())
    assert metadata["STATISTICS_STDDEV"] == pytest.approx(pixels.std())


def test_overviews_are_means_but_for_nearest(run, large, tmp_path):
    for model, method in (("bicubic:2", "mean"), ("nearest:2", "pick")):
        dataset = gdal.Open(run(large, model, output=str(tmp_path / f"{method}.tif")).output)
        small = dataset.GetRasterBand(1).GetOverview(0).ReadAsArray().astype(float)
        full = dataset.GetRasterBand(1).ReadAsArray().astype(float)
        blocks = full.reshape(small.shape[0], 2, small.shape[1], 2)
        if method == "mean":
            np.testing.assert_allclose(small, blocks.mean((1, 3)), atol=0.51)
        else:
            np.testing.assert_array_equal(small, blocks[:, 0, :, 0])


def test_a_cloud_optimised_result_has_the_same_pixels(run, large, tmp_path):
    plain = run(large, "bicubic:2", output=str(tmp_path / "plain.tif"))
    cog = run(large, "bicubic:2", output=str(tmp_path / "cog.tif"), cog=True)
    dataset = gdal.Open(cog.output)
    assert dataset.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"
    assert dataset.GetMetadataItem("SR_MODEL") == "bicubic:2" and dataset.GetRasterBand(1).GetNoDataValue() == 0
    assert dataset.GetRasterBand(1).GetOverviewCount() > 0
    np.testing.assert_array_equal(read_raster(cog.output), read_raster(plain.output))
    assert sorted(os.listdir(tmp_path)) == ["cog.tif", "input.tif", "plain.tif"]


def test_who_made_it_and_how(run, make_raster, scene):
    path = make_raster(scene, descriptions=NAMES)
    result = run(path, "s2-rgbn-x2", consistency=True)
    metadata = gdal.Open(result.output).GetMetadata()
    assert metadata["SR_MODEL"] == "s2-rgbn-x2" and metadata["SR_MODEL_SHA256"] == result.model_sha256
    assert metadata["SR_SCALE"] == "2" and metadata["SR_SOURCE"] == "input.tif"
    settings = json.loads(metadata["SR_SETTINGS"])
    assert settings["bands"] == [1, 2, 3, 4] and settings["consistency"] is True
    assert "estimated by a model" in metadata["SR_NOTE"]
    assert "Super-Resolution" in metadata["TIFFTAG_SOFTWARE"] and metadata["TIFFTAG_DATETIME"]


def test_control_points_move_with_the_grid(run, make_raster, scene, tmp_path):
    path = make_raster(scene[:1], geotransform=(), wkt="")
    dataset = gdal.Open(path, gdal.GA_Update)
    points = [gdal.GCP(10 + i, 50 - i, 5, 17.0 * i + 3, 11.0 * i + 4) for i in range(4)]
    wkt = gdal.osr.SpatialReference() if hasattr(gdal, "osr") else None
    from osgeo import osr

    wkt = osr.SpatialReference()
    wkt.ImportFromEPSG(4326)
    dataset.SetGCPs(points, wkt.ExportToWkt())
    dataset = None
    out = gdal.Open(run(path, "nearest:3").output)
    assert [(p.GCPX, p.GCPY, p.GCPZ) for p in out.GetGCPs()] == [(p.GCPX, p.GCPY, p.GCPZ) for p in points]
    assert [(p.GCPPixel, p.GCPLine) for p in out.GetGCPs()] == [(p.GCPPixel * 3, p.GCPLine * 3) for p in points]
    assert osr.SpatialReference(out.GetGCPProjection()).IsSame(wkt)


RPC = {
    "LINE_OFF": "70", "SAMP_OFF": "80", "LAT_OFF": "45", "LONG_OFF": "5", "HEIGHT_OFF": "100",
    "LINE_SCALE": "75", "SAMP_SCALE": "85", "LAT_SCALE": "0.1", "LONG_SCALE": "0.1", "HEIGHT_SCALE": "500",
    "LINE_NUM_COEFF": "0 0 -1 " + "0 " * 17, "LINE_DEN_COEFF": "1 " + "0 " * 19,
    "SAMP_NUM_COEFF": "0 1 0 " + "0 " * 17, "SAMP_DEN_COEFF": "1 " + "0 " * 19,
}  # fmt: skip


def test_rational_polynomials_point_to_the_same_ground(run, make_raster, scene):
    path = make_raster(scene[:1], geotransform=(), wkt="")
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.SetMetadata(RPC, "RPC")
    dataset = None
    result = gdal.Open(run(path, "nearest:3").output)
    before = gdal.Transformer(gdal.Open(path), None, ["METHOD=RPC"])
    after = gdal.Transformer(result, None, ["METHOD=RPC"])
    for col, row in ((0.0, 0.0), (80.5, 70.5), (170.0, 150.0)):
        _, there = before.TransformPoint(0, col, row, 100)
        _, same = after.TransformPoint(0, col * 3, row * 3, 100)
        assert same == pytest.approx(there, abs=1e-7)


def test_bands_that_the_model_does_not_take_are_carried(run, make_raster, scene):
    pixels = np.concatenate([scene, scene[::-1] // 2])
    path = make_raster(pixels, descriptions=[*NAMES, "B05", "B06", "B07", "B11"])
    result = run(path, "s2-rgbn-x2", other_bands="enlarge", tile=64)
    out = read_raster(result.output)
    assert out.shape == (8, 300, 340) and result.source_bands == (1, 2, 3, 4, 5, 6, 7, 8)
    np.testing.assert_allclose(out[4:], enlarge_cubic(pixels[4:].astype(float), 2), atol=1.01)
    dataset = gdal.Open(result.output)
    assert [dataset.GetRasterBand(i).GetDescription() for i in (1, 5, 8)] == ["B04", "B05", "B11"]
    alone = read_raster(run(make_raster(scene, "four.tif", descriptions=NAMES), "s2-rgbn-x2", tile=64).output)
    assert np.abs(out[:4].astype(int) - alone).max() <= 1


def test_other_bands_has_two_choices(run, make_raster, scene):
    with pytest.raises(ParameterError, match="other bands"):
        run(make_raster(scene), "nearest:2", other_bands="keep")


def test_the_index_of_a_result_brought_back_is_that_of_the_input(run, project_dir):
    sample = str(project_dir / "resources" / "sample" / "sentinel2_virginia_10m.tif")
    pixels = read_raster(sample).astype(float)
    for scale in (2, 4):
        out = read_raster(run(sample, f"s2-rgbn-x{scale}", output_type="float32").output)
        back = out.reshape(4, pixels.shape[1], scale, pixels.shape[2], scale).mean((2, 4))
        index, given = ((b[3] - b[0]) / (b[3] + b[0]) for b in (back, pixels))
        assert np.median(np.abs(index - given)) < 0.01


@pytest.mark.parametrize("scale", [2, 4])
def test_consistency_by_the_cards_point_spread(run, project_dir, scale):
    from sr_plugin.core.catalogue import find_model
    from sr_plugin.core.point_spread import reduce_image

    sample = str(project_dir / "resources" / "sample" / "sentinel2_virginia_10m.tif")
    result = run(sample, f"s2-rgbn-x{scale}", consistency=True, tile=128)
    pixels = read_raster(sample).astype(float)
    back = reduce_image(read_raster(result.output).astype(float), scale, find_model(f"s2-rgbn-x{scale}").psf)
    assert np.abs(back - pixels).mean() / pixels.mean() < 0.001


def test_only_what_could_be_continued_waits_for_the_disk(make_raster, scene, run, tmp_path, monkeypatch):
    waits, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (waits.append(number), sync(number)))
    counts = []
    for listed in (True, False):
        waits.clear()
        run(make_raster(scene), "bicubic:2", listed=listed, output=str(tmp_path / f"{listed}.tif"))
        counts.append(len(waits))
    # The journal's head and its entry wait no more; the result still does before it takes its name.
    assert counts[0] - counts[1] >= 2 and counts[1] >= 1


def test_results_of_their_own_kind_have_their_own_type():
    bands = [BandInfo(1, "float32", "", 0, None, None, None, "", (), None)]
    request = SuperResolveRequest("in.tif", "out.tif", "model")
    assert chosen_type(request, bands) == "float32"
    assert chosen_type(request, [], "uint8") == "uint8"
    # Bands that the model does not take keep their values beside it.
    assert chosen_type(request, bands, "uint8") == "float32"
    assert chosen_type(replace(request, output_type="int16"), [], "uint8") == "int16"
