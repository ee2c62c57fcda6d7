"""Published weights sharpen a real aerial image as they should.

``weights/README.md`` gives figures for a crop that it does not name, and a search of the imagery at hand found none
with its bicubic figures (``docs/quality.md``), so they cannot be repeated. These are for a crop with similar bicubic
figures. There, what networks trained for PSNR gain over bicubic is like in the README.
"""

from __future__ import annotations

import pathlib
from dataclasses import replace
from typing import Dict, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint

torch = pytest.importorskip("torch")
image_module = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

IMAGE, ROW, COLUMN, SIDE = "rsvqa-hr-usgs/2387.tif", 24, 248, 240
#: Weights and scale; PSNR in dB of luma here; gain over bicubic here and in the README.
FIGURES: Dict[Tuple[str, int], Tuple[float, float, float]] = {
    ("vdsr/vdsr_state_dict.pth", 2): (40.78, 1.99, 1.95),
    ("vdsr/vdsr_state_dict.pth", 3): (36.25, 0.99, 1.02),
    ("vdsr/vdsr_state_dict.pth", 4): (34.08, 0.74, 0.50),
    ("rdn/rdn_slim_x2.pth", 2): (38.36, -0.43, -0.38),
    ("rdn/rdn_slim_x4.pth", 4): (33.44, 0.10, 0.02),
    ("rdn/rdn_medium_x2.pth", 2): (38.56, -0.22, -0.28),
    ("rdn/rdn_medium_x3.pth", 3): (35.58, 0.32, 0.28),
    ("rdn/rdn_medium_x4.pth", 4): (33.54, 0.19, 0.20),
    ("rfdn/RFDN_AIM.pth", 4): (34.19, 0.84, 0.87),
    ("carn-m/carn_m.pth", 2): (40.78, 1.99, 2.13),
    ("carn-m/carn_m.pth", 3): (36.28, 1.03, 1.11),
    ("carn-m/carn_m.pth", 4): (34.14, 0.79, 0.84),
}
#: Networks trained to look plausible, whose loss of PSNR depends on what there is to invent.
FIGURES_OF_GANS: Dict[Tuple[str, int], Tuple[float, float, float]] = {
    ("srgan/netG_epoch_2_100.pth", 2): (39.23, 0.44, 0.04),
    ("srgan/netG_epoch_4_100.pth", 4): (33.34, -0.01, -0.14),
    ("srgan/netG_epoch_8_100.pth", 8): (30.80, 0.33, 0.01),
    ("real-esrgan-rrdb/RealESRGAN_x4plus_fp16.pth", 4): (29.79, -3.56, -1.55),
    ("real-esrgan-rrdb/RealESRGAN_x4plus_anime_6B_fp16.pth", 4): (30.92, -2.43, -2.51),
    ("real-esrgan-rrdb/realesr-animevideov3-x4_fp16.pth", 4): (32.38, -0.97, -1.13),
}


def luma(image: np.ndarray) -> np.ndarray:
    """Studio-range Y of BT.601, 16 to 235."""
    return image.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255 + 16


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((image - truth) ** 2)))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), {**FIGURES, **FIGURES_OF_GANS})
def test_figures(name: str, scale: int, shared_dir: pathlib.Path) -> None:
    from sr_plugin.worker.architectures.build import load_network

    wanted, gain, published_gain = {**FIGURES, **FIGURES_OF_GANS}[(name, scale)]
    picture = image_module.open(shared_dir / "data" / IMAGE).convert("RGB")
    truth = picture.crop((COLUMN, ROW, COLUMN + SIDE, ROW + SIDE))
    small = truth.resize((SIDE // scale,) * 2, image_module.BICUBIC)
    bicubic = psnr(luma(np.asarray(small.resize((SIDE, SIDE), image_module.BICUBIC))), luma(np.asarray(truth)))
    card = card_from_checkpoint(str(shared_dir / "weights" / name))
    if "scale" in card.hyperparameters:
        card = replace(card, hyperparameters={**card.hyperparameters, "scale": scale})
    network = load_network(card)
    pixels = np.asarray(small).astype(np.float32)
    with torch.inference_mode():
        if card.family == "vdsr":
            given = torch.from_numpy(luma(pixels) / 255)[None, None].float()
            found = np.clip(network(given)[0, 0].numpy() * 255, 16, 235)
        else:
            facts = card.value_range
            given = torch.from_numpy(pixels / 255).permute(2, 0, 1)[None] * facts.in_gain[0]
            colours = network(given)[0].permute(1, 2, 0).numpy() * facts.out_gain + facts.out_offset
            found = luma(np.clip(colours * 255, 0, 255).round())
    figure = psnr(found, luma(np.asarray(truth)))
    assert figure == pytest.approx(wanted, abs=0.05)
    assert figure - bicubic == pytest.approx(gain, abs=0.05)
    if (name, scale) in FIGURES:
        assert gain == pytest.approx(published_gain, abs=0.25)
