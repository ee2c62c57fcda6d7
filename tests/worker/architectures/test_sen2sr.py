"""SEN2SR computes what the notes describe and what its package does; and the remote-sensing networks as ONNX."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any, Dict, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.card import SINGLE_IMAGE
from sr_plugin.core.catalogue import find_model
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.errors import ModelMismatch, ModelNotFound
from tests.worker.architectures.references import Reference, Tensors, assert_close, conv, load

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def package_module(name: str) -> Any:
    """A module of the package sen2sr, loaded on its own, as the package asks for more libraries."""
    found = importlib.util.find_spec("sen2sr")
    if found is None or not found.submodule_search_locations:
        pytest.skip("sen2sr is not installed")
    path = pathlib.Path(found.submodule_search_locations[0]) / "models" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sen2sr(taken: int, given: int, width: int, scale: int, blocks: int = 3) -> Tensors:
    tensors: Tensors = {}
    layers = {"conv_1": (taken, width), "conv_2": (width, width)}
    layers.update({f"blocks.{n}.c{k}_r": (width, width) for n in range(blocks) for k in (1, 2, 3)})
    for name, (a, b) in layers.items():
        tensors.update({**conv(f"{name}.sk", a, b, 1), **conv(f"{name}.conv.0", a, 2 * a, 1)})
        tensors.update({**conv(f"{name}.conv.1", 2 * a, 2 * b), **conv(f"{name}.conv.2", 2 * b, b, 1)})
    tensors.update(conv("conv_cat", 4 * width, width, 1))
    tensors.update(conv("upsampler.0", width, given * scale * scale))
    tensors["upsampler.0.bias"] += 0.5
    return tensors


def run_sen2sr(tensors: Tensors, x: Any, scale: int, blocks: int = 3) -> Any:
    """With every block, and the convolutions as training runs them: in parts, over a border of zeros."""
    r = Reference(tensors)

    def stored(name: str, x: Any) -> Any:
        inner = r.conv(f"{name}.conv.0", functional.pad(x, (1, 1, 1, 1)))
        inner = functional.conv2d(inner, tensors[f"{name}.conv.1.weight"], tensors[f"{name}.conv.1.bias"])
        return r.conv(f"{name}.conv.2", inner) + r.conv(f"{name}.sk", x)

    stem = stored("conv_1", x)
    outs, firsts = [], []
    for n in range(blocks):
        first = functional.silu(stored(f"blocks.{n}.c1_r", stem))
        change = stored(f"blocks.{n}.c3_r", functional.silu(stored(f"blocks.{n}.c2_r", first)))
        outs.append((change + stem) * (torch.sigmoid(change) - 0.5))
        firsts.append(first)
    features = r.conv("conv_cat", torch.cat((stem, stored("conv_2", outs[-1]), outs[0], firsts[-1]), 1))
    return functional.pixel_shuffle(r.conv("upsampler.0", features), scale).clamp(min=0)


def save(path: pathlib.Path, tensors: Tensors) -> None:
    write_safetensors(str(path), {name: value.contiguous().numpy() for name, value in tensors.items()})


@pytest.mark.parametrize(("taken", "given", "scale"), [(4, 4, 4), (10, 6, 1)])
def test_sen2sr_alone(taken: int, given: int, scale: int, tmp_path: pathlib.Path) -> None:
    torch.manual_seed(5)
    tensors = sen2sr(taken, given, 6, scale)
    save(tmp_path / "model.safetensor", tensors)
    card, network = load(tmp_path / "model.safetensor")
    assert (card.family, card.kind, card.scale, card.reach) == ("sen2sr", SINGLE_IMAGE, scale, 6)
    assert (len(card.input_bands), len(card.output_bands)) == (taken, given)
    assert card.input_bands[: given if given == 6 else 4] == card.output_bands
    assert card.value_range.name == "s2-10k" and card.tiles.fixed is None and "left out" in card.notes
    image = torch.rand(2, taken, 12, 15)
    with torch.inference_mode():
        assert_close(network(image), run_sen2sr(tensors, image, scale))


def test_sen2sr_with_fused_convolutions_only(tmp_path: pathlib.Path) -> None:
    torch.manual_seed(6)
    tensors = sen2sr(4, 4, 6, 2)
    save(tmp_path / "parts.safetensors", tensors)
    _, parts = load(tmp_path / "parts.safetensors")
    stored = {name[: -len(".sk.weight")] for name in tensors if name.endswith(".sk.weight")}
    fused = {name: value for name, value in tensors.items() if not name.startswith(tuple(s + "." for s in stored))}
    for name in stored:
        weight, bias = parts.get_submodule(name)._kernel()
        fused.update({f"{name}.eval_conv.weight": weight.detach(), f"{name}.eval_conv.bias": bias.detach()})
    save(tmp_path / "fused.safetensors", fused)
    card, network = load(tmp_path / "fused.safetensors")
    assert card.hyperparameters["parts"] == ["eval_conv"]
    image = torch.rand(1, 4, 9, 9)
    with torch.inference_mode():
        assert_close(network(image), run_sen2sr(tensors, image, 2))


@pytest.mark.parametrize(("taken", "given", "scale"), [(4, 4, 4), (10, 6, 1)])
def test_sen2sr_keeps_the_low_frequencies_of_its_input(
    taken: int, given: int, scale: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(7)
    tensors, side = sen2sr(taken, given, 6, scale), 16
    distance = np.hypot(*np.meshgrid(*[np.arange(side * scale) - side * scale // 2] * 2))
    mask = (1 / (1 + (distance / 4) ** 6)).astype(np.float32)
    save(tmp_path / "sr_model.safetensor", tensors)
    write_safetensors(str(tmp_path / "sr_hard_constraint.safetensor"), {"weights": mask})
    (tmp_path / "load.py").write_text("raise SystemExit('never run')")
    card, network = load(tmp_path / "sr_model.safetensor")
    # One file with both, so that an installed or exported model keeps its constraint.
    (copy,) = card.weights
    assert copy.path.startswith(str(tmp_path / "cache"))
    assert card_from_checkpoint(copy.path).hyperparameters == card.hyperparameters
    assert card.reach is None and card.tiles.fixed == (side, side) and card.training_tile == side
    assert card.tiles.border == side // 8
    image = torch.rand(1, taken, side, side)
    with torch.inference_mode():
        plain = run_sen2sr(tensors, image, scale).numpy().astype(np.float64)
        size = (side * scale, side * scale)
        enlarged = functional.interpolate(image[:, :given], size=size, mode="bicubic", antialias=True).numpy()
        spectra = [np.fft.fftshift(np.fft.fft2(x), axes=(-2, -1)) for x in (enlarged, plain)]
        mixed = spectra[0] * mask + spectra[1] * (1 - mask)
        wanted = np.fft.ifft2(np.fft.ifftshift(mixed, axes=(-2, -1))).real.astype(np.float32)
        assert_close(network(image), torch.from_numpy(wanted))
        with pytest.raises(ValueError, match="constraint"):
            network(image[..., 1:])


@pytest.mark.parametrize(("taken", "given", "scale"), [(4, 4, 4), (10, 6, 1)])
def test_sen2sr_as_its_package(
    taken: int, given: int, scale: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    cnn, tricks = package_module("opensr_baseline/cnn"), package_module("tricks")
    torch.manual_seed(8)
    original = cnn.CNNSR(taken, given, 24, scale, True, False, 6).eval()
    for name, value in original.state_dict().items():
        # The convolutions that it makes up itself are spoilt, as it makes them anew before it uses them.
        value.add_(0.05 * torch.randn(value.shape) + (1.0 if "eval_conv" in name else 0.0))
    tensors = {name: value.clone() for name, value in original.state_dict().items()}
    if scale == 4:
        assert (len(tensors), sum(value.numel() for value in tensors.values())) == (204, 572336)
    mask = torch.rand(16 * scale, 16 * scale)
    save(tmp_path / "model.safetensor", tensors)
    save(tmp_path / "hard_constraint.safetensor", {"weights": mask})
    constraint = tricks.HardConstraint(mask, "all" if taken == given else [0, 1, 2, 3, 4, 5])
    image = torch.rand(1, taken, 16, 16)
    with torch.inference_mode():
        wanted = constraint(image, original(image).clamp(min=0))
        assert_close(load(tmp_path / "model.safetensor")[1](image), wanted)


def test_the_last_step_of_the_chain_is_refused(tmp_path: pathlib.Path) -> None:
    for name in ("sr_model", "f2_model", "model"):
        save(tmp_path / f"{name}.safetensor", sen2sr(*((4, 4) if name == "sr_model" else (10, 6)), 6, 1))
    with pytest.raises(ModelMismatch, match="chain for all ten bands") as caught:
        find_model(str(tmp_path))
    assert "'sr_model.safetensor'" in caught.value.hint
    assert find_model(str(tmp_path / "sr_model.safetensor")).family == "sen2sr"
    assert "enlarged bilinearly" in find_model(str(tmp_path / "f2_model.safetensor")).notes


def test_a_published_folder_is_a_model(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "SEN2SRLite_RGBN"
    folder.mkdir()
    with pytest.raises(ModelNotFound, match="is a folder"):
        find_model(str(folder))
    save(folder / "model.safetensor", sen2sr(4, 4, 6, 4))
    (folder / "load.py").write_text("raise SystemExit('never run')")
    card = find_model(str(folder))
    assert (card.name, card.title, card.scale) == ("SEN2SRLite_RGBN", "SEN2SRLite_RGBN (SEN2SR, x4)", 4)
    assert [band.name for band in card.input_bands] == ["B04", "B03", "B02", "B08"]


# ONNX

ONNX: Dict[str, Tuple[str, Dict[str, Any], Tuple[int, ...]]] = {
    "opensr lka": ("opensr", {"width": 4, "blocks": 1, "block": "lka"}, (1, 4, 12, 14)),
    "opensr cgan": ("opensr", {"width": 4, "blocks": 1, "block": "cgan", "inner_width": 3}, (1, 4, 12, 14)),
    "sen2sr": ("sen2sr", {"width": 4, "blocks": 2}, (1, 4, 12, 14)),
    "sen2sr with constraint": ("sen2sr", {"width": 4, "blocks": 2, "constraint": 64}, (1, 4, 16, 16)),
    "pix2pix maps": ("pix2pix", {"width": 2, "depth": 4, "style": "maps"}, (1, 3, 32, 32)),
    "five views": ("highresnet", {"width": 4}, (1, 5, 12, 14)),
    "five views of three bands": ("rs_srgan_fusion", {"width": 4, "blocks": 1}, (1, 5, 3, 12, 14)),
}


@pytest.mark.parametrize("name", ONNX)
@pytest.mark.filterwarnings("ignore")
def test_written_as_onnx_they_give_the_same(name: str, tmp_path: pathlib.Path) -> None:
    from sr_plugin.worker.architectures.build import build_network

    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    torch.manual_seed(9)
    family, sizes, shape = ONNX[name]
    network, image = build_network(family, sizes).eval(), torch.rand(shape)
    if "constraint" in sizes:
        network.hard_constraint.weights.copy_(torch.rand(64, 64))
    path = str(tmp_path / "model.onnx")
    with torch.inference_mode():
        wanted = network(image)
    with torch.no_grad():
        torch.onnx.export(network, (image,), path, opset_version=17, dynamo=False, input_names=["input"])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": image.numpy()})
    assert_close(torch.from_numpy(found), wanted.clone())
