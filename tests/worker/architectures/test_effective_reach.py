"""Deep networks need less margin than their reach: measured on real weights and a real scene."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.architectures.registry import card_from_checkpoint  # noqa: E402
from sr_plugin.worker.architectures.build import load_network  # noqa: E402

pytestmark = [pytest.mark.gdal, pytest.mark.slow]
CORE = 32


def reflectance(folder, margin):
    """A piece of the scene as DN, ``(3, n, n)``, with its core in the middle."""
    side, bands = CORE + 2 * margin, []
    for name in ("B04", "B03", "B02"):
        dataset = gdal.Open(str(folder / "data" / "s2-l1c-18SVG-20160112" / f"s2_{name}.jp2"))
        bands.append(dataset.ReadAsArray(150 - margin + 300, 1050 - margin, side, side))
    return np.stack(bands).astype(np.float32)


def core_of(network, pixels, low, span, margin):
    with torch.inference_mode():
        tile = torch.from_numpy(np.clip((pixels - low) / span, 0, 1)[None])
        result = network(tile)[0].numpy() * span
    scale = result.shape[1] // pixels.shape[1]
    return result[:, margin * scale : (margin + CORE) * scale, margin * scale : (margin + CORE) * scale]


@pytest.mark.parametrize("name", ["RealESRGAN_x4plus_anime_6B_fp16.pth", "RealESRGAN_x4plus_fp16.pth"])
def test_less_than_one_dn_of_ten_thousand(shared_dir, name):
    """The network of 23 blocks reaches 349 pixels: a tile of 730 x 730, some minutes and 8 GB."""
    path = str(shared_dir / "weights" / "real-esrgan-rrdb" / name)
    card, network = card_from_checkpoint(path), load_network(path)
    exact = card.reach
    wide = reflectance(shared_dir, exact)
    low, high = np.percentile(wide, (2, 98))
    truth = core_of(network, wide, low, high - low, exact)
    cut = exact - card.effective_reach
    margin = card.effective_reach
    seen = core_of(network, wide[:, cut:-cut, cut:-cut], low, high - low, margin)
    error = np.abs(seen - truth)
    print(f"{name}: margin {margin}, largest error {error.max():.3f} DN, RMSE {np.sqrt((error**2).mean()):.4f} DN")
    assert error.max() <= 1.0 and np.sqrt((error**2).mean()) <= 0.1
