"""Plans go to JSON and back, and what makes no sense is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.training_plan import (
    AdversarialPlan,
    ContentPlan,
    TrainingPlan,
    ValidationPlan,
    check_plan,
    plan_from_json,
    plan_to_json,
    read_plan,
    write_plan,
)
from sr_plugin.core.training_presets import PRESETS, preset

PLAN = TrainingPlan("mine", "data", family="edsr")


@given(
    steps=st.integers(2, 10**6),
    weight=st.floats(0, 100),
    kind=st.sampled_from(["none", "vanilla", "wasserstein"]),
    rate=st.floats(0, 1),
    width=st.integers(1, 99),
)
@settings(max_examples=40)
def test_a_plan_survives_json(steps, weight, kind, rate, width):
    plan = replace(
        PLAN,
        steps=steps,
        hyperparameters={"width": width},
        content=ContentPlan(l1=1.0, sam=weight),
        adversarial=AdversarialPlan(kind, learning_rate=rate, warm_up=1, r1=10.0),
    )
    again = plan_from_json(json.loads(json.dumps(plan_to_json(plan))))
    assert again == plan
    assert again.digest == plan.digest


def test_a_plan_survives_a_file(tmp_path):
    path = str(tmp_path / "plan.json")
    write_plan(PLAN, path)
    assert read_plan(path) == PLAN


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_plan_that_can_be_worked(name):
    plan = replace(preset(name, "mine", "data"), family="edsr")
    check_plan(plan)
    assert plan.adversarial.active == (name in ("gan", "translation"))


def test_no_such_preset():
    with pytest.raises(ParameterError, match="magic"):
        preset("magic", "mine", "data")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"steps": True}, "steps"),
        ({"ema": 1.0}, "ema"),
        ({"precision": "float8"}, "precision"),
        ({"nonsense": 1}, "nonsense"),
        ({"content": {"l2": 1.0}}, "l2"),
        ({"content": {"l1": 0.0}}, "no content loss"),
        ({"content": {"l1": -1.0}}, "content.l1"),
        ({"content": {"perceptual": 1.0}}, "VGG19"),
        ({"adversarial": {"kind": "evil"}}, "adversarial.kind"),
        ({"adversarial": {"kind": "vanilla", "warm_up": 100}, "steps": 100}, "warm-up"),
        ({"adversarial": {"kind": "wasserstein", "warm_up": 1}, "steps": 100}, "gradient penalty"),
        ({"optimiser": {"learning_rate": "fast"}}, "learning_rate"),
        ({"validation": {"side": 8, "border": 4}}, "border"),
        ({"family": ""}, "either an architecture"),
        ({"start": {}}, "either an architecture"),
        ({"dataset": ""}, "dataset"),
        ({"version": 99}, "version"),
        ({"hyperparameters": []}, "hyperparameters"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changes, named):
    with pytest.raises(ParameterError, match=named):
        plan_from_json({**plan_to_json(PLAN), **changes})


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": NaN}'])
def test_a_damaged_file_is_refused(tmp_path, text):
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError):
        read_plan(str(path))


def test_only_what_decides_the_weights_decides_the_digest():
    assert replace(PLAN, device="cuda", readers=4, install=False).digest == PLAN.digest
    assert replace(PLAN, seed=1).digest != PLAN.digest
    assert replace(PLAN, validation=ValidationPlan(every=7)).digest != PLAN.digest
