"""Land cover by random forests."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from sr_plugin.core.errors import EmptyExtent, RuntimeMissing
from sr_plugin.worker.land_cover import LandCover


def samples(noise, count=400):
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 3, count)
    return np.array([[0.0, 5, 9], [4, 1, 8]])[:, classes] + rng.normal(0, noise, (2, count)), classes


def test_a_clear_raster_is_classified_better_than_a_noisy_one():
    pytest.importorskip("sklearn")
    clear, classes = samples(0.3)
    noisy, _ = samples(6.0)
    train = np.arange(len(classes)) % 2 == 0
    cover = LandCover({"truth": clear, "result": noisy}, classes, train)
    assert cover.scores["truth.accuracy"] == 1.0 == cover.scores["truth.kappa"] == cover.scores["truth.f1"]
    assert cover.scores["result.accuracy"] < 0.9
    images = {name: pixels.reshape(2, 20, 20) for name, pixels in (("truth", clear), ("result", noisy))}
    valid = np.ones((20, 20), bool)
    valid[:, :5] = False
    counts = cover.classify(images, valid, 3)
    assert counts["pixels"] == counts["truth.agree"] == 300
    told = [counts[f"truth.class.{number}"] for number in range(3)]
    assert told == np.bincount(classes.reshape(20, 20)[valid]).tolist()
    assert counts["result.agree"] < 300


def test_too_little_to_learn_is_told():
    pytest.importorskip("sklearn")
    pixels, classes = samples(1.0)
    with pytest.raises(EmptyExtent, match="fewer than two classes"):
        LandCover({"truth": pixels}, np.zeros_like(classes), np.arange(400) < 200)
    with pytest.raises(EmptyExtent, match="nothing to test"):
        LandCover({"truth": pixels}, classes, np.ones(400, bool))


def test_a_missing_package_is_told(monkeypatch):
    there = builtins.__import__

    def without(name, *args, **more):
        if name.split(".")[0] == "sklearn":
            raise ImportError("No module named 'sklearn'")
        return there(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    pixels, classes = samples(1.0)
    with pytest.raises(RuntimeMissing, match="scikit-learn") as caught:
        LandCover({"truth": pixels}, classes, np.arange(400) < 200)
    assert "leave the training polygons out" in caught.value.hint
