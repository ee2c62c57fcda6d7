"""Networks that see their whole tile: windows of one size, blended so that no border shows."""

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.card import BandSpec, ModelCard, TileConstraints, WeightFile  # noqa: E402
from sr_plugin.core.card_file import write_card  # noqa: E402
from sr_plugin.core.errors import Cancelled  # noqa: E402
from sr_plugin.core.resampling import enlarge_cubic  # noqa: E402
from sr_plugin.core.session import LoadedModel  # noqa: E402
from sr_plugin.core.value_range import VALUE_RANGES  # noqa: E402
from sr_plugin.worker import engine  # noqa: E402
from sr_plugin.worker.backends.base import Backend  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402

pytestmark = pytest.mark.gdal
TILE = 48


class SeesEverything(Backend):
    """Cubic enlargement, plus a little of the tile's mean: what channel attention does to a result."""

    def forward(self, batch):
        assert batch.shape[2:] == (TILE, TILE)
        return enlarge_cubic(batch, 2) + 0.05 * batch.mean((2, 3), keepdims=True)

    def describe(self):
        return LoadedModel("test", "cpu", "CPU", "float32")


@pytest.fixture(params=[None, (TILE, TILE)])
def model(request, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "open_measured", lambda *_: (SeesEverything(), ()))
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "global.onnx").write_bytes(b"stand-in")
    card = ModelCard(
        "global", "global", "test", 2, input_bands=tuple(BandSpec(f"b{i}") for i in range(4)), reach=None,
        training_tile=TILE, tiles=TileConstraints(fixed=request.param), value_range=VALUE_RANGES["s2-10k"],
        weights=(WeightFile(str(folder / "global.onnx"), "onnx"),),
    )  # fmt: skip
    write_card(card, str(folder / "global.json"))
    return str(folder / "global.json")


def border_steps(pixels, plan_step):
    """Mean absolute step across the borders of cells, and everywhere else."""
    steps = np.abs(np.diff(pixels.astype(float), axis=2)).mean((0, 1))
    at = np.arange(1, steps.size + 1) % plan_step == 0
    return steps[at].mean(), steps[~at].mean()


def test_no_border_shows(run, make_raster, scene, model):
    result = run(make_raster(scene), model, bands=(1, 2, 3, 4))
    out = read_raster(result.output)
    assert out.shape == (4, 300, 340) and out.dtype == np.uint16
    at_borders, inside = border_steps(out, (TILE - TILE // 4) * 2)
    assert at_borders <= 1.5 * inside


def test_without_overlap_borders_show(run, make_raster, model):
    ramp = np.broadcast_to(np.linspace(500, 9000, 170), (4, 150, 170)).astype(np.uint16)
    steps = {}
    for margin in (0, None):
        out = read_raster(run(make_raster(ramp), model, bands=(1, 2, 3, 4), margin=margin).output)
        row = np.abs(np.diff(out[0, 100].astype(float), n=2))
        steps[margin] = row[20:-20].max()
    assert steps[0] > 3 * steps[None]


def test_gaps_and_masks_are_cut_out(run, make_raster, scene, model):
    pixels = scene.copy()
    pixels[:, 30:110, 20:100] = 0
    out = read_raster(run(make_raster(pixels, nodata=0), model, bands=(1, 2, 3, 4)).output)
    np.testing.assert_array_equal(out == 0, (pixels == 0).repeat(2, 1).repeat(2, 2))


def test_a_blended_run_goes_on_with_the_same_pixels(run, make_raster, scene, model, tmp_path):
    path = make_raster(scene)
    expected = read_raster(run(path, model, bands=(1, 2, 3, 4), output=str(tmp_path / "whole.tif")).output)
    for after in (1, 6, 13):
        with pytest.raises(Cancelled):
            run(path, model, bands=(1, 2, 3, 4), keep_partial=True, feedback=Recorder(cancel_after=after))
        feedback = Recorder()
        result = run(path, model, bands=(1, 2, 3, 4), feedback=feedback)
        assert any("Going on" in text for text in feedback.messages)
        np.testing.assert_array_equal(read_raster(result.output), expected)


def test_rasters_smaller_than_a_window(run, make_raster, scene, model):
    out = read_raster(run(make_raster(scene[:, :20, :33]), model, bands=(1, 2, 3, 4)).output)
    assert out.shape == (4, 40, 66)
