"""Quantities into a network and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sr_plugin.core.card import TRANSLATION, BandSpec, ModelCard
from sr_plugin.core.dataset_card import ArraySpec
from sr_plugin.core.radiometry import BandScaling, compose, from_model, to_model
from sr_plugin.core.value_range import VALUE_RANGES
from sr_plugin.worker.training.networks import Runner
from sr_plugin.worker.training.start import Start
from sr_plugin.worker.training.value_map import ValueMap, range_for, translation_range


def mapped(value_range, bands=(3,)):
    return ValueMap(value_range, bands, torch.device("cpu"))


@pytest.mark.parametrize("name", ["unit", "byte", "signed", "imagenet-signed"])
def test_reflectance_goes_through_a_network_of_pictures_and_comes_back(name):
    known = VALUE_RANGES[name]
    made = range_for(known, "reflectance", (0.02, 0.4), "mine")
    assert made.quantity == "reflectance"
    images = torch.rand(2, 3, 4, 4) * 0.4
    (seen,) = mapped(made).to_model((images,))
    # The usual contrast of the data, with room above, is what 0 to 1 was.
    (ends,) = mapped(made).to_model((torch.tensor([0.0, 0.419]).reshape(2, 1, 1, 1).expand(2, 3, 1, 1),))
    (expected,) = mapped(known).to_model((torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 3, 1, 1),))
    torch.testing.assert_close(ends, expected, rtol=1e-4, atol=1e-3)
    if name != "imagenet-signed":
        torch.testing.assert_close(mapped(made).to_quantity(seen), images, rtol=1e-5, atol=1e-6)


def test_a_network_of_the_same_quantity_keeps_its_range():
    assert range_for(VALUE_RANGES["s2-2000"], "reflectance", (0, 1), "mine") is VALUE_RANGES["s2-2000"]


def test_an_unknown_quantity_is_that_of_the_file():
    made = range_for(VALUE_RANGES["unit"], "", (-20.0, 5.0), "mine")
    assert made.quantity == "dn"
    (seen,) = mapped(made).to_model((torch.tensor([-20.0, 5.0]).reshape(2, 1, 1, 1).expand(2, 3, 1, 1),))
    assert 0 < float(seen.min()) < 0.06 and 0.94 < float(seen.max()) < 1


def test_numbers_of_a_file_stay_for_weights_that_know_them():
    known = VALUE_RANGES["dn"]
    assert range_for(known, "dn", (0, 4000), "mine", trained=True) is known
    fresh = range_for(known, "dn", (0, 4000), "mine")
    assert fresh.in_gain[0] == pytest.approx(1 / 4200)


def test_every_input_has_its_own_bands():
    (fine, coarse) = mapped(VALUE_RANGES["s2-2000"], (4, 6)).to_model((torch.ones(1, 4, 4, 4), torch.ones(1, 6, 2, 2)))
    assert fine.shape == (1, 4, 4, 4) and coarse.shape == (1, 6, 2, 2) and float(coarse.max()) == 5.0


@pytest.mark.parametrize(
    ("quantity", "gain", "given", "kind", "target_gain", "usual", "contrast"),
    [
        ("reflectance", 1e-4, (0.0, 0.4), "uint8", 1 / 255, (0.0, 255.0), (0.0, 1.0)),
        ("reflectance", 1.0, (-25.0, -5.0), "uint8", 1 / 255, (0.0, 255.0), (0.0, 1.0)),
        ("reflectance", 1e-4, (0.0, 0.4), "uint16", 1.0, (0.0, 3000.0), (0.0, 3000.0)),
        ("unit", 1 / 255, (0.0, 1.0), "uint16", 1.0, (0.0, 3000.0), (0.0, 3000.0)),
        ("reflectance", 1e-4, (0.0, 0.4), "float32", 1.0, (200.0, 900.0), (200.0, 900.0)),
    ],
)
def test_a_translation_has_a_range_on_each_side(quantity, gain, given, kind, target_gain, usual, contrast):
    """What training makes of stored numbers is what a run makes of a raster."""
    known = VALUE_RANGES["signed"]
    inside = range_for(known, quantity, given, "mine")
    target = ArraySpec("high", (), 8, 8, kind, gain=target_gain)
    made = translation_range(known, known, inside, target, contrast, False)
    numbers = np.linspace(*given, 50)
    images = torch.tensor(numbers, dtype=torch.float32).reshape(1, 1, 1, 50)
    (seen,) = mapped(made, (1,)).to_model((images,))
    assert len(torch.unique(seen)) == 50 and float(seen.min()) >= -1.001 and 0.7 < float(seen.max()) <= 1.001
    radiometry = compose([BandScaling(gain)], made, 1)
    fed, rest = to_model((numbers / gain).reshape(1, 1, 50), radiometry)
    np.testing.assert_allclose(fed, seen[0], atol=1e-5)
    assert rest is None or np.abs(rest).max() < 1e-6
    value_map = ValueMap(made, (1,), torch.device("cpu"), (target_gain, 0.0))
    for number in usual:
        network = (number - made.out_offset) / made.out_gain
        assert -1 <= network <= 1
        (stored,) = from_model(np.full((1, 1, 1), network, np.float32), radiometry, np.dtype(np.float64)).ravel()
        assert stored == pytest.approx(number, abs=1e-3)
        quantity_of = float(value_map.to_quantity(torch.tensor(network)))
        assert quantity_of == pytest.approx(number * target_gain, abs=1e-3)


def test_a_translation_that_goes_on_keeps_what_its_weights_know():
    known = VALUE_RANGES["signed"]
    target = ArraySpec("high", (), 8, 8, "uint16", gain=1.0)
    first = translation_range(known, known, known, target, (0.0, 3000.0), False)
    again = translation_range(first, known, first, target, (0.0, 500.0), True)
    assert (again.out_gain, again.out_offset) == (first.out_gain, first.out_offset)
    bytes_now = ArraySpec("high", (), 8, 8, "uint8", gain=1 / 255)
    other = translation_range(first, known, first, bytes_now, (0.0, 1.0), True)
    assert (other.out_gain, other.out_offset, other.out_type) == (127.5, 127.5, "uint8")


@pytest.mark.parametrize("value", [0.5, 0.2, -0.1])
def test_a_single_image_gets_back_what_the_clamp_took(value):
    """As in use, so that a validation measures what a run will give."""
    card = ModelCard("m", "m", "test", 1, input_bands=(BandSpec("b"),), value_range=VALUE_RANGES["s2-3000"])
    inputs = (torch.full((2, 1, 6, 6), value),)
    runner = Runner(Start(torch.nn.Identity(), card, False, (1,), True), torch.device("cpu"))
    torch.testing.assert_close(runner(torch.nn.Identity(), inputs), inputs[0])
    other = Runner(Start(torch.nn.Identity(), replace(card, kind=TRANSLATION), False, (1,), True), torch.device("cpu"))
    assert float(other(torch.nn.Identity(), inputs).max()) <= 0.3 + 1e-6
    enlarging = Runner(Start(torch.nn.Identity(), replace(card, scale=2), False, (1,), True), torch.device("cpu"))
    twice = torch.nn.Upsample(scale_factor=2)
    torch.testing.assert_close(enlarging(twice, inputs), torch.full((2, 1, 12, 12), value))
