"""Networks that see their whole tile leave no border on real scenes, since their windows are blended.

Measured is the mean step across a line of pixels at which a window begins or ends, against the mean step across the
lines near it.
"""

from __future__ import annotations

import pathlib
import shutil
from dataclasses import replace
from typing import Any, Callable, Dict, Tuple

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")

from sr_plugin.core.architectures.registry import card_from_checkpoint  # noqa: E402
from sr_plugin.core.card_file import write_card  # noqa: E402
from sr_plugin.core.checkpoint.safetensors import write_safetensors  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.worker.architectures.test_sen2sr import save, sen2sr  # noqa: E402

pytestmark = [pytest.mark.gdal, pytest.mark.slow]
RFDN = "rfdn/RFDN_AIM.pth"
SIDE, WINDOW, SCALE = 230, 128, 4
#: Input pixels on each side of a line that count as near it.
NEAR = 4
_S2 = "s2-l1c-18SVG-20160112/s2_{}.jp2"
#: Files, row and column of a square with fields and towns of Virginia, and of a forest of Florida from an aeroplane.
SCENES: Dict[str, Tuple[Tuple[str, ...], int, int]] = {
    "Sentinel-2": (tuple(_S2.format(band) for band in ("B04", "B03", "B02", "B08")), 1200, 300),
    "aerial": (("neon-aerial/OSBS_029.tif",), 40, 60),
}


@pytest.fixture
def scene(request: pytest.FixtureRequest, make_raster: Callable[..., str], shared_dir: pathlib.Path) -> str:
    files, row, column = SCENES[request.param]
    bands = [gdal.Open(str(shared_dir / "data" / file)).ReadAsArray(column, row, SIDE, SIDE) for file in files]
    return make_raster(np.concatenate([band.reshape(-1, SIDE, SIDE) for band in bands]))


def lines_of(overlap: int) -> np.ndarray:
    """The lines between output pixels at which a window begins or ends, far enough from the scene's sides."""
    starts = np.arange(1, 9) * (WINDOW - overlap)
    places = np.unique(np.concatenate((starts, starts + overlap)))
    return places[places < SIDE - NEAR] * SCALE - 1


def steps_at(image: np.ndarray, lines: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Mean step across each of the lines, down and across the image, and across the lines near each."""
    own, near = [], []
    for axis in (1, 2):
        steps = np.abs(np.diff(image.astype(np.float64), axis=axis)).mean((0, 3 - axis))
        beside = np.r_[-NEAR * SCALE : 0, 1 : NEAR * SCALE + 1]
        own.append(steps[lines])
        near.append(steps[lines[:, None] + beside].mean(1))
    return np.concatenate(own), np.concatenate(near)


@pytest.mark.parametrize("scene", SCENES, indirect=True)
def test_rfdn(scene: str, run: Callable[..., Any], shared_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    weights = shutil.copy(shared_dir / "weights" / RFDN, tmp_path / "rfdn.pth")
    card = card_from_checkpoint(str(weights))
    assert card.reach is None and (card.training_tile, card.scale) == (WINDOW, SCALE)
    write_card(replace(card, training_tile=SIDE), str(tmp_path / "whole.json"))
    options = {
        "whole": {"model": str(tmp_path / "whole.json")},
        "blended": {"model": str(weights)},
        "cut": {"model": str(weights), "margin": 0},
    }
    out = {
        name: read_raster(run(scene, bands=(1, 2, 3), output=str(tmp_path / f"{name}.tif"), **given).output)
        for name, given in options.items()
    }
    lines = lines_of(WINDOW // 4)
    own, near = steps_at(out["blended"], lines)
    untiled, _ = steps_at(out["whole"], lines)
    report(own / near, own / untiled)
    assert (own <= 1.5 * near).all()
    # What remains is the scene's own: the same lines of a run without tiles have the same steps.
    assert (own <= 1.02 * untiled).all()
    cut, beside = steps_at(out["cut"], lines_of(0))
    assert (cut > 1.5 * beside).all()


def report(*ratios: np.ndarray) -> None:
    """Figures for ``docs/quality.md``."""
    print("largest:", *(f"{ratio.max():.3f}" for ratio in ratios))


def low_pass(side: int, radius: float) -> np.ndarray:
    distance = np.hypot(*np.meshgrid(*[np.arange(side) - side // 2] * 2))
    return (1 / (1 + (distance / radius) ** 8)).astype(np.float32)


@pytest.mark.parametrize("scene", ["Sentinel-2"], indirect=True)
def test_sen2sr(scene: str, run: Callable[..., Any], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights, as no published ones are at hand; their low frequencies are far off, so the constraint works."""
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(1)
    tensors = sen2sr(4, 4, 24, SCALE, 6)
    tensors["upsampler.0.weight"] *= 0.05
    tensors["upsampler.0.bias"][:] = 0.5
    folder = tmp_path / "SEN2SRLite"
    folder.mkdir()
    save(folder / "model.safetensor", tensors)
    side = WINDOW * SCALE
    mask = low_pass(side, side / 2 / SCALE)
    write_safetensors(str(folder / "hard_constraint.safetensor"), {"weights": mask})
    (folder / "load.py").write_text("raise SystemExit('never run')")
    out = read_raster(run(scene, str(folder), bands=(1, 2, 3, 4)).output)
    assert out.shape == (4, SIDE * SCALE, SIDE * SCALE)
    own, near = steps_at(out, lines_of(WINDOW // 4 + 16))
    report(own / near)
    assert (own <= 1.5 * near).all()
    # Digital numbers stay what they were, but for the random network's own detail.
    coarse = out.reshape(4, SIDE, SCALE, SIDE, SCALE).mean((2, 4))
    given = read_raster(scene)
    inner = (slice(None), slice(16, -16), slice(16, -16))
    assert np.median(np.abs(coarse - given)[inner] / given[inner]) < 0.03
    sharp = run(scene, str(folder), bands=(1, 2, 3, 4), margin=0, output=str(tmp_path / "cut.tif"))
    cut, beside = steps_at(read_raster(sharp.output), lines_of(0))
    assert (cut / beside).max() > 1.2 * (own / near).max()
