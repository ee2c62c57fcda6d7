"""The check of a result against the stored one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sr_plugin.core.errors import SourceUnreadable

pytestmark = pytest.mark.qgis


@pytest.fixture
def stored(tmp_path, monkeypatch, qgis_app):
    """A stored result of two bands with a tolerance, and its pixels."""
    from sr_plugin.gui import sample_check

    pixels = np.random.default_rng(1).integers(100, 3000, (2, 64, 64)).astype(np.uint16)
    facts = {
        "shape": [2, 64, 64],
        "step": 16,
        "tolerance": {"mean": 1.0, "std": 1.0, "pixel": 20.0},
        "bands": sample_check.facts_of(pixels, 16),
    }
    path = tmp_path / "expected.json"
    path.write_text(json.dumps(facts), encoding="utf-8")
    monkeypatch.setattr(sample_check, "expected_path", lambda: str(path))
    return pixels


def check(make_raster, pixels):
    from sr_plugin.gui.sample_check import differences

    return differences(make_raster(pixels, "result.tif"))


def test_the_same_pixels_and_those_of_another_runtime_pass(stored, make_raster):
    assert check(make_raster, stored) == []
    noise = np.random.default_rng(2).integers(-1, 2, stored.shape)
    assert check(make_raster, (stored + noise).astype(np.uint16)) == []


def test_a_shift_of_the_values_is_told_per_band(stored, make_raster):
    wrong = stored.copy()
    wrong[1] += 30
    texts = check(make_raster, wrong)
    assert len(texts) == 2 and all("band 2" in text for text in texts)
    assert texts[1] == "pixels of band 2 differ by up to 30"


def test_shuffled_pixels_are_told(stored, make_raster):
    texts = check(make_raster, np.ascontiguousarray(stored[:, ::-1]))
    assert [text.split(" differ")[0] for text in texts] == ["pixels of band 1", "pixels of band 2"]


def test_another_size_is_told(stored, make_raster):
    assert check(make_raster, stored[:, :32]) == ["its size is 64 x 32 x 2 instead of 64 x 64 x 2"]


def test_missing_facts_are_an_error_in_words(make_raster, monkeypatch, qgis_app):
    from sr_plugin.gui import sample_check

    monkeypatch.setattr(sample_check, "expected_path", lambda: "/no/such.json")
    with pytest.raises(SourceUnreadable, match="stored result of the sample cannot be read"):
        sample_check.differences(make_raster(np.zeros((4, 4), np.uint16)))


def test_the_stored_facts_belong_to_the_shipped_model(qgis_app):
    from sr_plugin.core.catalogue import find_model
    from sr_plugin.gui.sample_check import expected_path, sample_parameters

    with open(expected_path(), encoding="utf-8") as file:
        facts = json.load(file)
    assert facts["sha256"] == find_model(sample_parameters("")["MODEL"]).sha256
    assert len(facts["bands"]) == 4 and all(band["std"] > 50 for band in facts["bands"])
