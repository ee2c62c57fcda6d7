"""Quantities into a network and back."""

from __future__ import annotations

import pytest
import torch

from sr_plugin.core.value_range import VALUE_RANGES
from sr_plugin.worker.training.value_map import ValueMap, range_for


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
