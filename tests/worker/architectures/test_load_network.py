"""Published weights run and give what their model is for; what does not fit is refused."""

from __future__ import annotations

import pathlib
from dataclasses import replace
from typing import Any, Dict

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.card import ModelCard
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.errors import ModelMismatch, ModelNotFound, ModelNotRecognised, ModelUnreadable

torch = pytest.importorskip("torch")

#: File, scale, parameters, side of the square input: the larger the network, the smaller.
PUBLISHED = {
    "real-esrgan-rrdb/RealESRGAN_x4plus_fp16.pth": (4, 16_697_987, 24),
    "real-esrgan-rrdb/RealESRGAN_x4plus_anime_6B_fp16.pth": (4, 4_467_779, 48),
    "real-esrgan-rrdb/realesr-animevideov3-x4_fp16.pth": (4, 621_424, 64),
    "srgan/netG_epoch_2_100.pth": (2, 586_506, 64),
    "srgan/netG_epoch_4_100.pth": (4, 734_219, 64),
    "srgan/netG_epoch_8_100.pth": (8, 881_932, 48),
}


def scene(side: int) -> np.ndarray:
    """A smooth scene with different colours and a few edges, ``(1, 3, side, side)``, values 0.1 to 0.9."""
    y, x = np.mgrid[0:side, 0:side] / side
    red = 0.3 + 0.3 * np.sin(5 * x) * np.cos(4 * y)
    green = 0.5 + 0.25 * np.cos(6 * y + 2 * x)
    blue = np.where((x > 0.4) & (y > 0.3), 0.7, 0.25) + 0.1 * np.sin(9 * x)
    return np.clip(np.stack([red, green, blue]), 0.1, 0.9)[None].astype(np.float32)


def run(network: Any, card: ModelCard, quantity: np.ndarray) -> np.ndarray:
    """A network applied through its card's value range, ``(1, bands, h, w)`` to ``(1, bands, h * s, w * s)``."""
    facts = card.value_range.for_bands(quantity.shape[1])
    gain, offset = (np.array(v, np.float32)[None, :, None, None] for v in (facts.in_gain, facts.in_offset))
    with torch.inference_mode():
        output = network(torch.from_numpy(quantity * gain + offset)).numpy()
    return output * facts.out_gain + facts.out_offset


def difference_at_low_resolution(output: np.ndarray, image: np.ndarray) -> float:
    """Mean absolute difference between block means of the output and the input, as part of the range 0 to 1."""
    _, bands, height, width = image.shape
    scale = output.shape[-1] // width
    means = output.reshape(1, bands, height, scale, width, scale).mean(axis=(3, 5))
    return float(np.abs(means - image).mean())


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_weights_keep_the_scene(name: str, shared_dir: pathlib.Path) -> None:
    """Brought back to the input's resolution, the output is the input; a wrong range or band order would show."""
    from sr_plugin.worker.architectures.build import load_network

    scale, parameters, side = PUBLISHED[name]
    path = str(shared_dir / "weights" / name)
    card, network = card_from_checkpoint(path), load_network(path)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    image = scene(side)
    output = run(network, card, image)
    assert (card.scale, output.shape) == (scale, (1, 3, side * scale, side * scale))
    # The networks of Real-ESRGAN also clean what they hold for noise, so they keep less than the 1 % of the others.
    assert difference_at_low_resolution(output, image) < (0.01 if card.family == "srresnet_f" else 0.035)
    assert difference_at_low_resolution(output[:, ::-1], image) > 0.1
    assert difference_at_low_resolution(2 * output - 1, image) > 0.1


def small_file(tmp_path: pathlib.Path) -> str:
    from sr_plugin.worker.architectures.build import build_network

    torch.manual_seed(0)
    network = build_network("edsr_bicubic", {"in_bands": 4, "out_bands": 4, "width": 8, "blocks": 1, "scale": 2})
    path = str(tmp_path / "small.safetensors")
    write_safetensors(path, {name: value.numpy() for name, value in network.state_dict().items()})
    return path


def test_card_and_path_give_the_same_network(tmp_path: pathlib.Path) -> None:
    from sr_plugin.worker.architectures.build import load_network

    path = small_file(tmp_path)
    image = torch.rand(1, 4, 9, 7)
    with torch.inference_mode():
        torch.testing.assert_close(load_network(path)(image), load_network(card_from_checkpoint(path))(image))


def test_a_card_that_contradicts_its_file_is_refused(tmp_path: pathlib.Path) -> None:
    from sr_plugin.worker.architectures.build import load_network

    card = card_from_checkpoint(small_file(tmp_path))
    with pytest.raises(ModelMismatch, match="says 'rrdbnet'"):
        load_network(replace(card, family="rrdbnet"))
    with pytest.raises(ModelMismatch, match="expand"):
        load_network(replace(card, hyperparameters={"scale": 4}))
    with pytest.raises(ModelNotFound, match="no checkpoint"):
        load_network(replace(card, weights=()))


def test_weights_that_are_no_numbers_are_refused(tmp_path: pathlib.Path) -> None:
    from sr_plugin.core.checkpoint.read import read_checkpoint
    from sr_plugin.worker.architectures.build import load_network

    path = small_file(tmp_path)
    tensors = read_checkpoint(path).tensors
    name = next(iter(tensors))
    tensors[name] = tensors[name].copy()
    tensors[name].flat[1] = np.nan
    write_safetensors(path, tensors)
    with pytest.raises(ModelUnreadable, match=f"'{name}' holds values that are not finite"):
        load_network(path)


@pytest.mark.parametrize("asked", [{"blocks": 10**9}, {"blocks": -1}, {"blocks": "many"}])
def test_a_card_cannot_ask_for_more_layers(asked: Dict[str, Any], tmp_path: pathlib.Path) -> None:
    """Told without listing a thousand million layers that are missing."""
    from sr_plugin.worker.architectures.build import load_network

    card = card_from_checkpoint(small_file(tmp_path))
    with pytest.raises(ModelMismatch, match="the file has 1"):
        load_network(replace(card, hyperparameters={**card.hyperparameters, **asked}))


def test_unknown_families_and_sizes_are_refused() -> None:
    from sr_plugin.worker.architectures.build import build_network

    with pytest.raises(ModelNotRecognised, match="'unet'"):
        build_network("unet", {})
    for family, sizes in (
        ("srvgg", {"activation": "relu6"}),
        ("srvgg", {"depth": 3}),
        ("srresnet_f", {"final": "exp"}),
    ):
        with pytest.raises(ModelMismatch):
            build_network(family, sizes)


def test_every_family_can_be_built() -> None:
    """Names and shapes of the core's families are exactly those of the torch modules."""
    from sr_plugin.core.architectures.registry import FAMILIES
    from sr_plugin.worker.architectures.build import build_network

    sizes = {
        "edsr_bicubic": {"in_bands": 4, "out_bands": 4, "width": 8, "blocks": 2, "scale": 3},
        "rrdbnet": {
            "width": 8,
            "growth": 4,
            "blocks": 2,
            "upsamplings": 3,
            "unshuffle": 1,
            "in_bands": 5,
            "out_bands": 2,
        },
        "srvgg": {"bands": 5, "width": 8, "convs": 2, "scale": 3, "activation": "prelu"},
        "msrresnet": {"bands": 4, "width": 8, "blocks": 2, "factors": [3]},
    }
    common = {"in_bands": 4, "out_bands": 2, "width": 8, "blocks": 2, "upsamplings": 2, "outer_kernel": 7}
    for family in FAMILIES:
        if family.id not in sizes and family.id not in ("srresnet_t", "srresnet_l", "srresnet_f"):
            continue  # Compared with independent programs in a test of its own, through strict loading.
        facts = sizes.get(family.id) or {**common, "inner_kernel": 5, "body_bias": False, "final": "clamp"}
        state = build_network(family.id, facts).state_dict()
        shapes = {name: tuple(v.shape) for name, v in state.items() if not name.endswith("num_batches_tracked")}
        assert shapes == family.expected_shapes(facts), family.id
