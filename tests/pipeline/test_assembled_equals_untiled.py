"""Any size, scale, tile, type and nodata pattern: the assembled result equals the untiled one."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.card import BandSpec, ModelCard, PointSpread, TileConstraints, WeightFile  # noqa: E402
from sr_plugin.core.card_file import write_card  # noqa: E402
from sr_plugin.core.resampling import enlarge_nearest  # noqa: E402
from sr_plugin.core.session import LoadedModel  # noqa: E402
from sr_plugin.core.value_range import VALUE_RANGES  # noqa: E402
from sr_plugin.worker import engine  # noqa: E402
from sr_plugin.worker.backends.base import Backend  # noqa: E402
from tests.conftest import read_raster  # noqa: E402

pytestmark = pytest.mark.gdal


class Neighbourhood(Backend):
    """Mixes every pixel with its neighbours up to a distance, zero beyond the image, as a convolution does."""

    def __init__(self, reach, scale, multiple):
        self.reach, self.scale, self.multiple = reach, scale, multiple

    def forward(self, batch):
        assert batch.shape[2] % self.multiple == 0 and batch.shape[3] % self.multiple == 0
        r, mixed = self.reach, np.zeros_like(batch)
        padded = np.pad(batch, [(0, 0), (0, 0), (r, r), (r, r)])
        height, width = batch.shape[2:]
        for row, col, weight in ((0, 0, 0.5), (0, r, 0.25), (2 * r, 0, -0.5), (r, r, 1.0), (r, 2 * r, -0.25)):
            mixed += np.float32(weight) * padded[:, :, row : row + height, col : col + width]
        # A phase counted from the tile's corner: wrong unless tiles start at multiples.
        if self.multiple > 1:
            mixed[:, :, :: self.multiple, :: self.multiple] *= np.float32(1.5)
        return enlarge_nearest(mixed, self.scale)

    def describe(self):
        return LoadedModel("test", "cpu", "CPU", "float32")


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    scale=st.sampled_from([1, 2, 3]),
    tile=st.integers(1, 40),
    reach=st.integers(1, 9),
    multiple=st.sampled_from([1, 1, 2, 4]),
    dtype=st.sampled_from(["uint8", "int16", "uint16", "float32"]),
    gaps=st.sampled_from([0.0, 0.0, 0.02, 0.5]),
    consistency=st.booleans(),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_assembled_equals_untiled(
    run, make_raster, monkeypatch, tmp_path, height, width, scale, tile, reach, multiple, dtype, gaps, consistency, seed
):
    monkeypatch.setattr(engine, "open_measured", lambda *_: (Neighbourhood(reach, scale, multiple), ()))
    rng = np.random.default_rng(seed)
    smooth = 100 + 50 * np.sin(np.arange(height) / 3)[:, None] * np.cos(np.arange(width) / 4)[None]
    pixels = (smooth[None] + rng.integers(0, 20, (2, height, width))).astype(dtype)
    nodata = 7 if gaps else None
    if gaps:
        pixels[rng.random(pixels.shape) < gaps] = nodata
    (tmp_path / "w.onnx").write_bytes(b"stand-in")
    card = ModelCard(
        "c", "c", "test", scale, input_bands=(BandSpec("a"), BandSpec("b")), reach=reach,
        value_range=VALUE_RANGES["dn"],
        tiles=TileConstraints(multiple_of=multiple), psf=PointSpread("box"),
        weights=(WeightFile(str(tmp_path / "w.onnx"), "onnx"),),
    )  # fmt: skip
    write_card(card, str(tmp_path / "c.json"))
    path = make_raster(pixels, nodata=nodata)
    results = []
    for side in (64, tile):
        result = run(path, str(tmp_path / "c.json"), tile=side, bands=(1, 2), consistency=consistency)
        results.append(read_raster(result.output).astype(float))
    whole, assembled = results
    assert whole.shape == (2, height * scale, width * scale)
    if consistency:
        # Products of matrices of another size round differently in float32; integers may then differ by one.
        differs = np.abs(whole - assembled) > 1e-3
        assert np.abs(whole - assembled).max() <= 1 and differs.mean() <= 0.01
    else:
        np.testing.assert_array_equal(whole, assembled)
    if gaps:
        np.testing.assert_array_equal(whole == nodata, (pixels == nodata).repeat(scale, 1).repeat(scale, 2))
