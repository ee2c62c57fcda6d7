"""The spread of a model over flips and quarter turns as a raster, and bicubic where it is large."""

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")
pytest.importorskip("onnxruntime")

from sr_plugin.core.errors import ParameterError  # noqa: E402
from tests.conftest import read_raster  # noqa: E402

pytestmark = pytest.mark.gdal
MODEL = "s2-rgbn-x2"


@pytest.fixture
def source(scene, make_raster):
    """Four bands with a gap of nodata, and a band description."""
    pixels = scene[:, :60, :50].copy()
    pixels[:, 20:24, 10:16] = 0
    return make_raster(pixels, "in.tif", nodata=0, descriptions=("B04", "B03", "B02", "B08"))


def test_tiles_leave_no_trace(run, source):
    whole = read_raster(run(source, MODEL, spread=True, tile=60).output)
    tiled = read_raster(run(source, MODEL, spread=True, tile=24).output)
    assert whole.dtype == np.float32 and whole.shape == (4, 120, 100)
    np.testing.assert_allclose(tiled, whole, atol=0.05)
    assert np.nanmedian(whole) > 1


def test_gaps_stay_gaps_and_certain_pixels_do_not_become_gaps(run, source):
    result = run(source, MODEL, spread=True)
    out = read_raster(result.output)
    gaps = np.zeros(out.shape, bool)
    gaps[:, 40:48, 20:32] = True
    np.testing.assert_array_equal(np.isnan(out), gaps)
    dataset = gdal.Open(result.output)
    assert np.isnan(dataset.GetRasterBand(1).GetNoDataValue())
    assert dataset.GetRasterBand(1).GetDescription() == "B04 uncertainty"
    assert "Standard deviation" in dataset.GetMetadataItem("SR_NOTE")


def test_bicubic_where_the_model_is_not_sure(run, source):
    uncertainty = read_raster(run(source, MODEL, spread=True).output)
    plain = read_raster(run(source, MODEL).output)
    smooth = read_raster(run(source, "bicubic:2").output)
    limit = float(np.nanquantile(uncertainty, 0.7))
    guarded = read_raster(run(source, MODEL, spread_limit=limit).output)
    # Rounding may move a pixel at the very limit to the other side.
    sure, unsure = uncertainty < limit - 0.01, uncertainty > limit + 0.01
    np.testing.assert_array_equal(guarded[sure], plain[sure])
    np.testing.assert_allclose(guarded[unsure].astype(int), smooth[unsure].astype(int), atol=1)
    assert (plain[unsure] != smooth[unsure]).mean() > 0.5


def test_an_interrupted_spread_goes_on(run, source, tmp_path):
    class Stops:
        """Cancels after some tiles."""

        def __init__(self):
            self.done, self.said = 0, []

        def message(self, text):
            self.said.append(text)

        warning = message

        def progress(self, done, total, left):
            self.done = done

        def cancelled(self):
            return self.done >= 2

    from sr_plugin.core.errors import Cancelled

    options = dict(spread=True, tile=24, keep_partial=True)
    with pytest.raises(Cancelled):
        run(source, MODEL, feedback=Stops(), output=str(tmp_path / "u.tif"), **options)
    feedback = Stops()
    feedback.cancelled = lambda: False
    again = read_raster(run(source, MODEL, feedback=feedback, output=str(tmp_path / "u.tif"), **options).output)
    assert any("interrupted run" in text for text in feedback.said)
    np.testing.assert_array_equal(again, read_raster(run(source, MODEL, **options).output))


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(run, source, limit):
    with pytest.raises(ParameterError, match="above 0"):
        run(source, MODEL, spread_limit=limit)


@pytest.mark.parametrize("options", [{"spread": True}, {"spread_limit": 5.0}])
def test_an_interpolation_has_no_uncertainty(run, source, options):
    with pytest.raises(ParameterError, match="interpolates"):
        run(source, "bicubic:2", **options)
