"""Adversarial weight and learning rate over the steps."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.training_plan import AdversarialPlan, OptimiserPlan
from sr_plugin.core.training_schedule import (
    adversarial_weight,
    discriminator_learns,
    learning_rate_share,
    weights_count_from,
)


def plan(warm_up, ramp, shape="linear", weight=0.5):
    return AdversarialPlan("vanilla", weight=weight, warm_up=warm_up, ramp=ramp, ramp_shape=shape)


def test_the_linear_ramp_is_a_straight_line():
    weights = [adversarial_weight(step, plan(10, 4)) for step in range(18)]
    assert weights[:10] == [0.0] * 10
    assert weights[10:15] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert weights[15:] == [0.5] * 3


def test_the_cosine_ramp_is_half_a_cosine():
    weights = [adversarial_weight(step, plan(2, 3, "cosine", 1.0)) for step in range(2, 6)]
    assert weights == pytest.approx([0.5 * (1 - math.cos(math.pi * k / 4)) for k in (1, 2, 3, 4)])


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 200), st.sampled_from(["linear", "cosine"]))
def test_it_never_falls_and_begins_with_the_discriminator(warm_up, ramp, step, shape):
    p = plan(warm_up, ramp, shape)
    now, then = adversarial_weight(step, p), adversarial_weight(step + 1, p)
    assert 0.0 <= now <= then <= 0.5
    assert (now > 0) == discriminator_learns(step, p) == (step >= warm_up)
    assert adversarial_weight(warm_up + ramp, p) == 0.5


def test_without_an_adversary_there_is_none():
    assert not discriminator_learns(10**6, AdversarialPlan())
    assert adversarial_weight(10**6, AdversarialPlan()) == 0.0


def test_weights_count_once_the_adversary_has_its_full_say():
    plan = AdversarialPlan("vanilla", warm_up=30, ramp=20, weight=0.1)
    first = weights_count_from(100, plan)
    assert adversarial_weight(first - 1, plan) < adversarial_weight(first, plan) == 0.1
    assert weights_count_from(40, plan) == 40, "a training that ends before has its last weights"
    assert weights_count_from(100, AdversarialPlan()) == 0


def share(step, **changes):
    return learning_rate_share(step, 100, OptimiserPlan(**changes))


def test_schedules_follow_their_formulas():
    assert share(50, schedule="constant") == 1.0
    assert share(50, schedule="cosine", final_share=0.2) == pytest.approx(0.6)
    assert share(100, schedule="cosine", final_share=0.2) == pytest.approx(0.2)
    assert [share(s, schedule="linear", final_share=0.0) for s in (0, 50, 75, 100)] == pytest.approx([1, 1, 0.5, 0])
    assert [share(s, schedule="steps", final_share=0.0) for s in (49, 50, 75, 90, 95)] == [1, 0.5, 0.25, 0.125, 0.0625]


def test_the_warm_up_rises_in_a_straight_line():
    assert [share(s, warm_up=4) for s in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert share(4, warm_up=4) == 1.0
