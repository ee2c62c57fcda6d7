"""OpenSR SRGAN computes what the package opensr-srgan does (skipped where it is not installed), and what the notes say;
averaged weights and the YAML beside a checkpoint are heeded."""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import sys
import types
from typing import Any, Callable, Dict, Iterator
from unittest import mock

import pytest

from sr_plugin.core.architectures.opensr_settings import NORMALISATIONS
from sr_plugin.core.architectures.registry import card_from_checkpoint

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

YAML = """
Data:
  train_batch_size: 6   # of the training
  normalization: '{normalisation}'
Model:
  in_bands: {bands}
Generator:
  model_type: 'esrgan'
  n_channels: {width}
  n_blocks: 2
  scaling_factor: 4
  res_scale: {scale}
"""


@pytest.fixture
def package() -> Iterator[Callable[[str], Any]]:
    """Imports a module of opensr-srgan without running what draws its plots."""
    found = importlib.util.find_spec("opensr_srgan")
    if found is None or not found.submodule_search_locations:
        pytest.skip("opensr-srgan is not installed")
    root = pathlib.Path(found.submodule_search_locations[0])
    stubs: Dict[str, Any] = {name: mock.MagicMock() for name in ("skimage", "matplotlib", "matplotlib.pyplot", "PIL")}
    for name, folder in (("opensr_srgan", root), ("opensr_srgan.utils", root / "utils")):
        stubs[name] = types.ModuleType(name)
        stubs[name].__path__ = [str(folder)]
    stubs = {name: stub for name, stub in stubs.items() if name not in sys.modules}
    sys.modules.update(stubs)
    yield lambda name: importlib.import_module(f"opensr_srgan.{name}")
    for name in [name for name in sys.modules if name in stubs or name.startswith("opensr_srgan")]:
        del sys.modules[name]


def randomised(network: Any) -> Any:
    """Every number random, so that none hides behind its start value."""
    generator = torch.Generator().manual_seed(4)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif value.is_floating_point():
            value.add_(0.05 * torch.randn(value.shape, generator=generator))
    return network.eval()


def lightning(network: Any, **more: Any) -> Dict[str, Any]:
    """A training's checkpoint, with a critic beside the generator."""
    state = {f"generator.{name}": value for name, value in network.state_dict().items()}
    state["discriminator.0.weight"] = torch.zeros(2, 2)
    return {"epoch": 3, "pytorch-lightning_version": "2.5.0", "state_dict": state, **more}


def result(path: pathlib.Path, image: Any) -> Any:
    from sr_plugin.worker.architectures.build import load_network

    card = card_from_checkpoint(str(path))
    with torch.inference_mode():
        found = load_network(card)(image)
        torch.testing.assert_close(load_network(str(path))(image), found)
    return found


FLEXIBLE = {
    "res": (3, 4, {"n_channels": 8, "large_kernel": 9}),
    "rcab": (6, 8, {"n_channels": 32, "large_kernel": 5}),
    "rrdb": (4, 2, {"n_channels": 8, "large_kernel": 9}),
    "lka": (10, 4, {"n_channels": 8, "large_kernel": 7}),
}


def make_original(package: Callable[[str], Any], name: str) -> Any:
    if name in FLEXIBLE:
        bands, scale, sizes = FLEXIBLE[name]
        generator = package("model.generators.flexible_generator").FlexibleGenerator
        return generator(in_channels=bands, n_blocks=2, scale=scale, block_type=name, **sizes), bands, scale
    if name == "esrgan":
        generator = package("model.generators.esrgan").ESRGANGenerator
        return generator(in_channels=4, n_features=8, n_blocks=2, growth_channels=4, scale=4), 4, 4
    if name == "cgan":
        generator = package("model.generators.cgan_generator").StochasticGenerator
        return generator(in_channels=4, n_channels=8, n_blocks=2, scale=4, noise_dim=5), 4, 4
    generator = package("model.generators.srresnet").Generator
    return generator(in_channels=6, n_channels=8, n_blocks=2, scaling_factor=4), 6, 4


@pytest.mark.parametrize("name", [*FLEXIBLE, "esrgan", "cgan", "standard"])
def test_same_output_as_the_package(name: str, package: Callable[[str], Any], tmp_path: pathlib.Path) -> None:
    torch.manual_seed(0)
    original, bands, scale = make_original(package, name)
    randomised(original)
    path = tmp_path / "last.ckpt"
    torch.save(lightning(original), path)
    image = torch.rand(1, bands, 14, 17)
    extra = {"noise": torch.zeros(1, 5)} if name == "cgan" else {}
    with torch.inference_mode():
        wanted = original(image, **extra)
    found = result(path, image)
    assert found.shape == wanted.shape == (1, bands, 14 * scale, 17 * scale)
    assert wanted.std() > 1e-3
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    card = card_from_checkpoint(str(path))
    family = {"esrgan": "opensr_esrgan", "standard": "srresnet_t"}.get(name, "opensr")
    assert (card.family, card.scale, len(card.input_bands)) == (family, scale, bands)
    assert card.generative and not card.verified and "OpenSR" in card.title
    assert card.value_range.name == "s2-10k-clamped" and "is assumed" in card.notes
    assert (card.reach is None) == (name == "rcab")


@pytest.mark.parametrize("name", sorted(set(NORMALISATIONS) - {"identity"}))
def test_the_ranges_are_the_package_s_normalisations(name: str, package: Callable[[str], Any]) -> None:
    normaliser = package("data.utils.normalizer").Normalizer
    config = types.SimpleNamespace(Data=types.SimpleNamespace(normalization=name))
    original, ours = normaliser(config), NORMALISATIONS[name]
    unit = torch.linspace(0.0, 1.0, 21)
    # Those for reflectance in DN take DN; what lies outside the range is clamped before the network.
    there = unit * 10000 if name.startswith("normalise_10k") else unit
    low, high = ours.valid
    given = unit.clamp(low, high) * ours.in_gain[0] + ours.in_offset[0]
    torch.testing.assert_close(given, original.normalize(there))
    back = original.denormalize(given) / (10000 if name.startswith("normalise_10k") else 1)
    torch.testing.assert_close(given * ours.out_gain + ours.out_offset, back, rtol=1e-5, atol=1e-6)


class Notes(nn.Module):
    """ESRGAN of OpenSR SRGAN as the notes describe it, from its tensors."""

    def __init__(self, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        sizes = {"conv_first": (4, 8), "conv_body": (8, 8), "conv_hr": (8, 8), "conv_last": (8, 4)}
        sizes.update({"upsampler.0": (8, 32), "upsampler.3": (8, 32)})
        for n in range(2):
            for block in (1, 2, 3):
                sizes.update({f"body.{n}.db{block}.c{k}": (8 + 4 * (k - 1), 8 if k == 5 else 4) for k in range(1, 6)})
        self.state = {f"{name}.weight": 0.2 * torch.randn(b, a, 3, 3) for name, (a, b) in sizes.items()}
        self.state.update({f"{name}.bias": 0.2 * torch.randn(b) for name, (_, b) in sizes.items()})
        self.state.update({f"upsampler.{k}.weight": torch.rand(1) for k in (2, 5)})

    def state_dict(self, *_: Any, **__: Any) -> Any:
        return dict(self.state)

    def run(self, name: str, x: Any) -> Any:
        return functional.conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], padding=1)

    def forward(self, x: Any) -> Any:
        features = first = self.run("conv_first", x)
        for n in range(2):
            inner = features
            for block in (1, 2, 3):
                dense = [inner]
                for k in range(1, 5):
                    name = f"body.{n}.db{block}.c{k}"
                    dense.append(functional.leaky_relu(self.run(name, torch.cat(dense, 1)), 0.2))
                inner = self.run(f"body.{n}.db{block}.c5", torch.cat(dense, 1))
            features = features + self.residual_scale * inner
        features = first + self.run("conv_body", features)
        for k in (0, 3):
            shuffled = functional.pixel_shuffle(self.run(f"upsampler.{k}", features), 2)
            features = functional.prelu(shuffled, self.state[f"upsampler.{k + 2}.weight"])
        return self.run("conv_last", functional.leaky_relu(self.run("conv_hr", features), 0.2))


def written(tmp_path: pathlib.Path, residual_scale: float = 0.2, **more: Any) -> tuple[Notes, pathlib.Path]:
    torch.manual_seed(3)
    network, path = Notes(residual_scale), tmp_path / "last.ckpt"
    torch.save(lightning(network, **more), path)
    return network, path


def test_esrgan_as_the_notes_describe_it(tmp_path: pathlib.Path) -> None:
    network, path = written(tmp_path)
    image = torch.rand(1, 4, 9, 12)
    torch.testing.assert_close(result(path, image), network(image), rtol=1e-4, atol=1e-4)


def test_averaged_weights_come_first(tmp_path: pathlib.Path) -> None:
    network, path = written(tmp_path)
    averaged = {name: value.clone() for name, value in network.state.items()}
    spoilt = Notes(0.2)
    ema = {"decay": 0.999, "num_updates": 7, "device": None, "shadow_params": averaged, "shadow_buffers": {}}
    torch.save(lightning(spoilt, ema_state=ema), path)
    image = torch.rand(1, 4, 9, 12)
    torch.testing.assert_close(result(path, image), network(image), rtol=1e-4, atol=1e-4)


def test_the_yaml_beside_it_tells_range_and_residual_scale(tmp_path: pathlib.Path) -> None:
    network, path = written(tmp_path, 0.35)
    plain = card_from_checkpoint(str(path))
    assert plain.value_range.name == "s2-10k-clamped" and "is assumed" in plain.notes
    (tmp_path / "config_10m.yaml").write_text(YAML.format(normalisation="sen2_stretch", bands=4, width=8, scale=0.35))
    # Of another network, so it does not count.
    (tmp_path / "other.yaml").write_text(YAML.format(normalisation="zero_one", bands=6, width=8, scale=0.1))
    card = card_from_checkpoint(str(path))
    assert card.value_range.name == "s2-stretch" and "is assumed" not in card.notes
    assert card.hyperparameters["residual_scale"] == 0.35
    assert [band.name for band in card.input_bands] == ["B04", "B03", "B02", "B08"]
    image = torch.rand(1, 4, 9, 12)
    torch.testing.assert_close(result(path, image), network(image), rtol=1e-4, atol=1e-4)


def test_settings_that_contradict_each_other_do_not_count(tmp_path: pathlib.Path) -> None:
    _, path = written(tmp_path)
    for name, normalisation in (("a.yaml", "normalise_s2"), ("b.yml", "zero_one")):
        (tmp_path / name).write_text(YAML.format(normalisation=normalisation, bands=4, width=8, scale=0.2))
    assert card_from_checkpoint(str(path)).value_range.name == "s2-10k-clamped"
    (tmp_path / "last.yaml").write_text(YAML.format(normalisation="s2_signed", bands=4, width=8, scale=0.2))
    assert card_from_checkpoint(str(path)).value_range.name == "s2-10k-signed"
