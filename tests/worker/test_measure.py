"""What ``auto`` chooses, with runtimes of known speed and error."""

from types import SimpleNamespace

import numpy as np
import pytest

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.errors import ModelFailed
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.session import LoadedModel, RunSettings
from sr_plugin.core.value_range import VALUE_RANGES
from sr_plugin.worker.backends import measure, runtimes

CARD = ModelCard("m", "m", "f", 2, weights=(WeightFile("/m.onnx", "onnx"), WeightFile("/m.safetensors", "safetensors")))
RADIOMETRY = compose([BandScaling()], VALUE_RANGES["dn"], 1)
NOISE = 8.0
LONG = 10**9


class Pretended:
    """A backend that takes a while and is off by a constant."""

    def __init__(self, name, precision, seconds, error):
        self.name, self.precision, self.seconds, self.error = name, precision, seconds, error

    def describe(self):
        return LoadedModel(f"{self.name} 1.0", "cpu", "CPU", self.precision)


@pytest.fixture
def choose(monkeypatch, tmp_path):
    """Let ``auto`` choose among runtimes given as name -> (seconds, reduced seconds or None, reduced error)."""
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path))
    opened, clock = [], [0.0]
    monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def go(table, precision="auto", pixels=LONG, samples=2, noise=NOISE):
        monkeypatch.setattr(runtimes, "find_spec", lambda name: name in [*table, "torch"] or None)
        monkeypatch.setattr(runtimes.platform, "machine", lambda: "x86_64")
        monkeypatch.setattr(runtimes.Runtime, "reaches", lambda self, device: device == "cpu" and self.name in table)
        monkeypatch.setattr(
            runtimes.Runtime, "reduced_type", lambda self, device: "bfloat16" if table[self.name][1] else None
        )

        def opens(self, card, device, settings):
            seconds, reduced, error = table[self.name]
            opened.append((self.name, settings.precision))
            if seconds is None:
                raise ModelFailed("It does not run.")
            if settings.precision == "reduced" and reduced:
                return Pretended(self.name, "bfloat16", reduced, error)
            return Pretended(self.name, "float32", seconds, 0.0)

        monkeypatch.setattr(runtimes.Runtime, "open", opens)

        def evaluate(backend, piece):
            clock[0] += backend.seconds
            return piece.astype(np.float32) + np.float32(backend.error)

        rng = np.random.default_rng(0)
        pieces = [rng.normal(1000, noise, (1, 64, 64)) for _ in range(samples)]
        settings = RunSettings(RADIOMETRY, "uint16", precision=precision, pixels=pixels)
        backend, remarks = measure.open_measured(CARD, settings, pieces, evaluate)
        return backend, remarks, opened

    return go


def test_reduced_precision_is_taken_where_it_drowns_in_the_noise(choose):
    backend, remarks, _ = choose({"openvino": (0.04, 0.01, 0.2 * NOISE)})
    assert backend.precision == "bfloat16"
    assert "bfloat16" in remarks[0] and "1.6" in remarks[0] and "8" in remarks[0]


def test_it_is_not_taken_where_it_shows(choose):
    backend, remarks, _ = choose({"openvino": (0.04, 0.01, 0.3 * NOISE)})
    assert backend.precision == "float32" and "would differ by 2.4" in remarks[0]


def test_an_image_without_noise_keeps_float32(choose):
    backend, _, _ = choose({"openvino": (0.04, 0.01, 1e-3)}, noise=0.0)
    assert backend.precision == "float32"


def test_it_is_not_taken_where_it_gains_nothing(choose):
    backend, remarks, _ = choose({"openvino": (0.01, 0.03, 0.0)})
    assert backend.precision == "float32" and "not faster" in remarks[0]


def test_float32_is_kept_when_asked_for(choose):
    backend, remarks, opened = choose({"openvino": (0.01, 0.001, 0.0)}, precision="float32")
    assert backend.precision == "float32" and not remarks
    assert all(precision == "float32" for _, precision in opened)


def test_the_fastest_runtime_wins_and_is_remembered(choose):
    table = {"openvino": (0.03, None, 0), "onnxruntime": (0.05, None, 0), "torch": (0.005, None, 0)}
    assert choose(table)[0].name == "torch"
    backend, _, opened = choose(table)
    assert backend.name == "torch" and opened[-1:] == [("torch", "float32")] and len(opened) == 4


def test_where_the_remembered_runtime_fails_another_one_runs(choose):
    table = {"openvino": (0.03, None, 0), "onnxruntime": (0.05, None, 0), "torch": (0.005, None, 0)}
    choose(table)
    assert choose({**table, "torch": (None, None, 0)})[0].name == "openvino"
    with pytest.raises(ModelFailed):
        choose({name: (None, None, 0) for name in table})


def test_short_runs_are_not_held_up_by_measuring(choose):
    table = {"openvino": (0.02, 0.001, 0), "torch": (0.001, None, 0)}
    backend, _, opened = choose(table, pixels=64 * 64 * 4)
    assert backend.name == "openvino" and backend.precision == "float32" and opened == [("openvino", "float32")]


def test_without_samples_nothing_is_measured(choose):
    backend, remarks, opened = choose({"openvino": (0.0, 0.0, 0), "torch": (0.0, None, 0)}, samples=0)
    assert backend.precision == "float32" and not remarks and len(opened) == 1


def test_a_runtime_that_fails_is_not_the_fastest(choose):
    table = {"openvino": (0.02, None, 0), "onnxruntime": (None, None, 0), "torch": (0.05, None, 0)}
    assert choose(table)[0].name == "openvino"
