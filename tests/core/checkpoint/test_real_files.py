"""Published files give what torch itself reads from them."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from sr_plugin.core.checkpoint.read import read_checkpoint

torch = pytest.importorskip("torch")

FILES = (
    "carn-m/carn_m.pth",
    "rdn/rdn_slim_x2.pth",
    "real-esrgan-rrdb/RealESRGAN_x4plus_anime_6B_fp16.pth",
    "real-esrgan-rrdb/RealESRGAN_x4plus_fp16.pth",
    "real-esrgan-rrdb/realesr-animevideov3-x4_fp16.pth",
    "rfdn/RFDN_AIM.pth",
    "srgan/netG_epoch_4_100.pth",
    "vdsr/vdsr_state_dict.pth",
)


@pytest.mark.parametrize("name", FILES)
def test_same_as_torch(name: str, shared_dir: pathlib.Path) -> None:
    path = shared_dir / "weights" / name
    saved = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in ("params_ema", "params"):
        saved = saved.get(wrapper, saved)
    wanted = {k: v.float().numpy() for k, v in saved.items() if not k.endswith("num_batches_tracked")}
    found = read_checkpoint(str(path)).tensors
    assert sorted(found) == sorted(wanted)
    assert all(np.array_equal(found[k], wanted[k]) for k in wanted)


def test_vdsr(shared_dir: pathlib.Path) -> None:
    tensors = read_checkpoint(str(shared_dir / "weights" / "vdsr" / "vdsr_state_dict.pth")).tensors
    assert len(tensors) == 20
    assert tensors["input.weight"].shape == (64, 1, 3, 3)
