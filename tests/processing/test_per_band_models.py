"""Models of one band on any number of bands and any bit depth, each band on its own or luminance only."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.qgis


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small VDSR of one band, x2."""
    from tests.small_checkpoints import checkpoint

    path = tmp_path_factory.mktemp("model") / "vdsr_x2.pth"
    torch.save({name: torch.from_numpy(array) for name, array in checkpoint("vdsr").items()}, path)
    return str(path)


def picture(bands, top):
    """Blocks of 6 pixels, different in every band, ``(bands, 36, 42)``."""
    blocks = np.random.default_rng(5).integers(top // 5, top * 4 // 5, (bands, 6, 7))
    return blocks.repeat(6, axis=1).repeat(6, axis=2)


_OTHERS = [pytest.param(*case, marks=pytest.mark.slow) for case in ((1, "uint8"), (5, "int16"))]


@pytest.mark.parametrize(("bands", "kind"), [(13, "uint16"), *_OTHERS])
def test_every_band_goes_through_on_its_own(run, make_raster, read_pixels, tmp_path, model, bands, kind):
    pixels = picture(bands, 255 if kind == "uint8" else 9000).astype(kind)
    window = {} if kind == "uint8" else {"NORMALISATION": "divide:10000"}
    whole = read_pixels(run(make_raster(pixels), MODEL=model, **window)["OUTPUT"])
    assert whole.shape == (bands, 72, 84) and whole.dtype == np.dtype(kind)
    plain = read_pixels(run(make_raster(pixels), MODEL="bicubic:2", OUTPUT=str(tmp_path / "plain.tif"))["OUTPUT"])
    assert (whole != plain).mean() > 0.1
    last = make_raster(pixels[-1:], "last.tif")
    alone = read_pixels(run(last, MODEL=model, OUTPUT=str(tmp_path / "alone.tif"), **window)["OUTPUT"])
    np.testing.assert_array_equal(whole[-1], alone[0])


@pytest.mark.slow
def test_luminance_only(run, make_raster, read_pixels, tmp_path, model):
    """The network adds one and the same detail to red, green and blue."""
    pixels = picture(3, 255).astype(np.uint8)
    raster = make_raster(pixels)

    def result(name, **more):
        output = run(raster, OUTPUT_TYPE="float32", OUTPUT=str(tmp_path / name), **more)["OUTPUT"]
        return read_pixels(output).astype(float)

    detail = result("a.tif", MODEL=model, LUMINANCE=True) - result("b.tif", MODEL="bicubic:2")
    assert np.abs(detail).max() > 0.5
    np.testing.assert_allclose(detail - detail[:1], 0, atol=1e-3)
    each = result("c.tif", MODEL=model)
    assert np.abs(each - result("d.tif", MODEL=model, LUMINANCE=True)).max() > 0.5


def test_luminance_needs_three_bands(run, make_raster, model):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="exactly three bands"):
        run(make_raster(picture(2, 255).astype(np.uint8)), MODEL=model, LUMINANCE=True)
