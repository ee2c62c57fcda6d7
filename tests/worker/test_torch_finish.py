"""What a GPU does after the forward, on the CPU as its stand-in: final pixels, as the host makes them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from sr_plugin.core.architectures.registry import card_from_checkpoint  # noqa: E402
from sr_plugin.core.errors import ModelFailed, OutOfMemory  # noqa: E402
from sr_plugin.core.grid import Window  # noqa: E402
from sr_plugin.core.protocol import NamedArray  # noqa: E402
from sr_plugin.core.radiometry import BandScaling, compose  # noqa: E402
from sr_plugin.core.session import RunSettings, TileTask  # noqa: E402
from sr_plugin.core.value_range import VALUE_RANGES  # noqa: E402
from sr_plugin.worker import engine as engine_module  # noqa: E402
from sr_plugin.worker.architectures.build import build_network  # noqa: E402
from sr_plugin.worker.backends.base import Finish  # noqa: E402
from sr_plugin.worker.backends.torch_backend import TorchBackend  # noqa: E402
from sr_plugin.worker.engine import Engine  # noqa: E402


class OnDevice(TorchBackend):
    """Finishes where it computes, as on CUDA."""

    finishes = True

    def __init__(self, *args):
        super().__init__(*args)
        self.finished = 0

    def forward_finished(self, batch, finish):
        self.finished += 1
        return super().forward_finished(batch, finish)


@pytest.fixture
def card(tmp_path):
    torch.manual_seed(0)
    path = str(tmp_path / "network.pth")
    parameters = {"bands": 3, "width": 8, "blocks": 1, "factors": [2]}
    torch.save(build_network("msrresnet", parameters).state_dict(), path)
    return card_from_checkpoint(path)


def settings(card, output_type, gain=1e-4, offset=0.0, **more):
    scaling = [BandScaling(gain * (1 + band / 10), offset) for band in range(3)]
    radiometry = compose(scaling, VALUE_RANGES["unit"], 3)
    return RunSettings(radiometry, output_type, "cpu", "float32", **more)


def engine_of(monkeypatch, card, kind, how):
    backend = kind(card, card.weights[0], "cpu", how)
    monkeypatch.setattr(engine_module, "open_measured", lambda *_: (backend, ()))
    engine = Engine()
    engine.load(card, how)
    return engine, backend


def run(engine, pixels, crop):
    result = engine.run([NamedArray("image", pixels)], TileTask((0, 0, 0, 0), crop))
    return result.arrays[0].data, result.statistics


@pytest.mark.parametrize("output_type, gain, offset", [
    ("uint16", 1e-4, 0.0), ("uint16", 1e-5, 0.0), ("int16", 1e-4, 0.5), ("uint8", 1 / 255, 0.0), ("int8", 1e-2, 0.3),
])  # fmt: skip
def test_the_device_gives_what_the_host_gives(monkeypatch, card, output_type, gain, offset):
    how = settings(card, output_type, gain, offset)
    limits = np.iinfo(output_type)
    # Within the network's range in all bands, whose gains differ by a fifth.
    lowest = max(limits.min, int((0.05 - offset) / gain / 1.2))
    highest = min(limits.max, int((0.9 - offset) / gain / 1.2))
    pixels = np.random.default_rng(1).integers(lowest, highest, (3, 20, 24)).astype(output_type)
    crop = Window(3, 2, 15, 12)
    expected, figures = run(engine_of(monkeypatch, card, TorchBackend, how)[0], pixels, crop)
    engine, backend = engine_of(monkeypatch, card, OnDevice, how)
    found, same = run(engine, pixels, crop)
    assert backend.finished == 1 and found.dtype == np.dtype(output_type) and found.shape == (3, 24, 30)
    # Products may be added without rounding in between on a device, so a half may round the other way.
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert difference.max() <= 1 and np.mean(difference > 0) < 0.001
    assert same["consistency_sum"] == pytest.approx(figures["consistency_sum"], rel=1e-3)
    assert same["consistency_count"] == figures["consistency_count"]


def test_all_bits_of_unsigned_numbers_travel(card):
    backend = OnDevice(card, card.weights[0], "cpu", settings(card, "uint16"))
    values = np.array([[[-5.0, 0.4, 0.5, 1.5, 32767.0, 32768.0, 65534.6, 7e4]]], np.float32)
    backend._compute = lambda batch: torch.from_numpy(values)[None]
    finish = Finish((1, 1, 8), Window(0, 0, 8, 1), (1.0,), (0.0,), "uint16")
    assert backend.forward_finished(values, finish).tolist() == [[[0, 0, 0, 2, 32767, 32768, 65535, 65535]]]


def test_what_the_host_has_to_see_stays_with_it(monkeypatch, card):
    pixels = np.full((3, 16, 16), 4000, np.uint16)
    for how in (settings(card, "uint16", consistency=True), settings(card, "float32"), settings(card, "uint32")):
        engine, backend = engine_of(monkeypatch, card, OnDevice, how)
        run(engine, pixels, Window(0, 0, 16, 16))
        assert backend.finished == 0


def test_failures_are_told_as_on_the_host(monkeypatch, card):
    engine, backend = engine_of(monkeypatch, card, OnDevice, settings(card, "uint16"))
    pixels, crop = np.full((3, 16, 16), 4000, np.uint16), Window(0, 0, 16, 16)
    backend._compute = lambda batch: torch.full((1, 3, 32, 32), float("nan"))
    with pytest.raises(ModelFailed, match="finite"):
        run(engine, pixels, crop)
    backend._compute = lambda batch: torch.zeros((1, 3, 64, 64))
    with pytest.raises(ModelFailed, match="promises"):
        run(engine, pixels, crop)

    def exhausted(batch):
        raise RuntimeError("CUDA out of memory")

    backend._compute = exhausted
    with pytest.raises(OutOfMemory):
        run(engine, pixels, crop)
