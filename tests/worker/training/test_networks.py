"""A network in training computes what it will compute in use."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sr_plugin.core.card import BandSpec, ModelCard
from sr_plugin.core.radiometry import BandScaling, compose, from_model, to_model
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.core.value_range import ValueRange
from sr_plugin.worker.training.networks import Runner, plain_result
from sr_plugin.worker.training.start import Start

RANGE = ValueRange("mine", "reflectance", in_gain=(4.0,), out_gain=0.25, valid=(0.0, 0.25))
RGB = (BandSpec("B04", "red"), BandSpec("B03", "green"), BandSpec("B02", "blue"))


class Twice(nn.Module):
    """Gives every pixel four times, and the square of its value."""

    def forward(self, x):
        return nn.functional.interpolate(x, scale_factor=2) ** 2


def started(per_band=False, outputs=RGB):
    bands = RGB[:1] if per_band else RGB
    card = ModelCard(
        "mine", "mine", "espcn", 2, input_bands=bands, output_bands=bands if per_band else outputs, value_range=RANGE
    )
    return Start(Twice(), card, per_band, (1,) if per_band else (3,), True)


def in_use(image):
    """What the engine makes of ``(3, h, w)``: clamped, through the network, what was cut off enlarged and added."""
    radiometry = compose([BandScaling()] * 3, RANGE, 3)
    fed, remainder = to_model(image, radiometry)
    result = from_model(Twice()(torch.from_numpy(fed)[None])[0].numpy(), radiometry, np.float32)
    return result if remainder is None else result + enlarge_cubic(remainder, 2)


@pytest.fixture
def image():
    """``(3, 8, 8)`` reflectance, some of it above and below what the network knows."""
    pixels = np.random.default_rng(3).uniform(0.0, 0.25, (3, 8, 8)).astype(np.float32)
    pixels[:, 2, 3], pixels[1, 6, 6] = 0.9, -0.1
    return pixels


@pytest.mark.parametrize("per_band", [False, True])
def test_what_lies_outside_of_the_range_is_carried_as_in_use(image, per_band):
    start = started(per_band)
    result = Runner(start, torch.device("cpu"))(start.network, (torch.from_numpy(image)[None],))
    np.testing.assert_allclose(result[0].numpy(), in_use(image), rtol=1e-5, atol=1e-6)
    assert float(result.max()) > 2 * RANGE.valid[1]


def test_nothing_is_carried_where_all_is_inside(image):
    inside = image.clip(0, 0.25)
    start = started()
    result = Runner(start, torch.device("cpu"))(start.network, (torch.from_numpy(inside)[None],))
    np.testing.assert_allclose(result[0].numpy(), in_use(inside), rtol=1e-5, atol=1e-6)


def test_nothing_is_carried_into_other_bands(image):
    class Mean(Twice):
        def forward(self, x):
            return super().forward(x).mean(1, keepdim=True)

    start = started(outputs=RGB[:1])
    result = Runner(start, torch.device("cpu"))(Mean(), (torch.from_numpy(image)[None],))
    assert result.shape == (1, 1, 16, 16) and float(result.max()) <= 0.25


def test_without_a_network_there_is_the_view_that_the_target_lies_on():
    views = np.random.default_rng(1).random((2, 3, 3, 4, 4), dtype=np.float32)
    found = plain_result((torch.from_numpy(views),), 3, (8, 8))
    np.testing.assert_array_equal(found.numpy(), enlarge_cubic(views[:, 0], 2))
