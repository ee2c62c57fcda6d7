"""Value in = value out: types, nodata, scale and offset."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import ParameterError  # noqa: E402
from tests.conftest import read_raster  # noqa: E402

pytestmark = pytest.mark.gdal
TYPES = ["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]


def extremes(dtype):
    """``(2, 9, 11)`` with the smallest and largest values of a type among random ones."""
    rng = np.random.default_rng(1)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        pixels = rng.normal(0, 1e6, (2, 9, 11)).astype(dtype)
        pixels[0, 0, :3] = np.array([np.pi, -1e-7, 1e30], dtype)
        return pixels
    limits = np.iinfo(kind)
    pixels = rng.integers(limits.min, limits.max, (2, 9, 11), dtype, endpoint=True)
    pixels[0, 0, :2] = limits.min, limits.max
    return pixels


@pytest.mark.parametrize("dtype", TYPES)
def test_every_value_survives_nearest(run, make_raster, dtype):
    pixels = extremes(dtype)
    result = run(make_raster(pixels), "nearest:4", tile=4)
    out = read_raster(result.output)
    assert out.dtype == pixels.dtype and out.shape == (2, 36, 44)
    np.testing.assert_array_equal(out, pixels.repeat(4, 1).repeat(4, 2))
    assert result.consistency_rmse == pytest.approx(0, abs=1e-9) or dtype == "float32" or dtype.endswith("32")


@pytest.mark.parametrize(
    "source, target, expected",
    [
        ("float32", "uint8", [0, 255, 100, 0]),
        ("float32", "int16", [-300, 400, 100, 0]),
        ("int16", "uint8", [0, 255, 100, 0]),
    ],
)
def test_a_narrower_type_rounds_and_saturates(run, make_raster, source, target, expected):
    pixels = np.array([[[-300, 400, 100.4 if source == "float32" else 100, -0.4]]]).astype(source)
    result = run(make_raster(pixels), "nearest:2", output_type=target, nodata=7)
    assert read_raster(result.output)[0, 0, ::2].tolist() == expected


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    scale=st.integers(1, 4),
    tile=st.integers(1, 50),
    dtype=st.sampled_from(TYPES),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_size_type_tile_and_nodata_pattern(run, make_raster, height, width, scale, tile, dtype, share, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 250, (2, height, width)).astype(dtype)
    pixels[rng.random(pixels.shape) < share] = 17
    path = make_raster(pixels, nodata=17)
    for model in (f"nearest:{scale}", f"bicubic:{scale}"):
        out = read_raster(run(path, model, tile=tile).output)
        gaps = (pixels == 17).repeat(scale, 1).repeat(scale, 2)
        np.testing.assert_array_equal(out == 17, gaps)
        if model.startswith("nearest"):
            np.testing.assert_array_equal(out, pixels.repeat(scale, 1).repeat(scale, 2))


def test_nan_never_spreads(run, make_raster, scene):
    pixels = scene.astype(np.float32)
    pixels[:, 40:60, 50:80] = np.nan
    pixels[1, 5, 5] = np.inf
    out = read_raster(run(make_raster(pixels), "bicubic:2", tile=32).output)
    expected = ~np.isfinite(pixels).repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(np.isnan(out), expected)


def test_gaps_do_not_darken_their_neighbours(run, make_raster):
    pixels = np.full((1, 40, 40), 5000, np.uint16)
    pixels[0, 10:20, 10:20] = 0
    out = read_raster(run(make_raster(pixels, nodata=0), "bicubic:4").output)
    assert set(np.unique(out)) == {0, 5000}


def test_scale_and_offset_are_kept(run, make_raster, scene):
    path = make_raster(scene, scale_offset=(1e-4, -0.1))
    dataset = gdal.Open(run(path, "bicubic:2").output)
    band = dataset.GetRasterBand(1)
    assert (band.GetScale(), band.GetOffset()) == (1e-4, -0.1)


def test_a_nodata_value_that_the_type_cannot_hold_is_refused(run, make_raster, scene):
    with pytest.raises(ParameterError, match="cannot be stored"):
        run(make_raster(scene), "nearest:2", nodata=-1)


def test_consistency_makes_the_result_agree_with_its_input(run, make_raster, scene):
    path = make_raster(scene)
    free = run(path, "bicubic:4", tile=64)
    bound = run(path, "bicubic:4", tile=64, consistency=True, output_type="float32")
    assert bound.consistency_rmse < 0.05 < free.consistency_rmse
    out = read_raster(bound.output)
    back = out.reshape(4, 150, 4, 170, 4).mean((2, 4))
    np.testing.assert_allclose(back, scene, atol=0.5)
