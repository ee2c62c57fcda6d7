"""From a few choices to a whole plan: preset, dataset, model, and whatever is to be otherwise."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import Any, Dict, Mapping, Optional, Set

from sr_plugin.core.card import TRANSLATION, card_to_wire
from sr_plugin.core.catalogue import available_models, find_model
from sr_plugin.core.dataset import Dataset
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.job_folder import DONE
from sr_plugin.core.model_folder import usable_name
from sr_plugin.core.training_families import usual_family
from sr_plugin.core.training_plan import TrainingPlan, plan_from_json, plan_to_json, read_plan
from sr_plugin.core.training_presets import preset
from sr_plugin.pipeline.training_job import known_jobs

#: Validations and checkpoints of a training that is shorter than its preset.
_FEWEST_LOOKS = 20
#: What of a plan belongs to its own training.
_OWN = ("name", "dataset", "start", "family", "version")


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> Dict[str, Any]:
    """Nested values with others put over them."""
    found = dict(values)
    for name, value in changes.items():
        old = found.get(name)
        nested = isinstance(old, dict) and isinstance(value, dict) and name not in ("hyperparameters", "start")
        found[name] = merged(old, value) if nested else value
    return found


def _shortened(plan: TrainingPlan, steps: int) -> TrainingPlan:
    """A plan for another number of steps: what counts in steps keeps its share."""
    share = steps / max(1, plan.steps)

    def scaled(count: int) -> int:
        return int(round(count * share))

    looks = max(1, steps // _FEWEST_LOOKS)
    return replace(
        plan,
        steps=steps,
        checkpoint_every=min(plan.checkpoint_every, looks),
        log_every=max(1, min(plan.log_every, steps // 100)),
        adversarial=replace(
            plan.adversarial, warm_up=scaled(plan.adversarial.warm_up), ramp=scaled(plan.adversarial.ramp)
        ),
        optimiser=replace(plan.optimiser, warm_up=scaled(plan.optimiser.warm_up)),
        validation=replace(plan.validation, every=min(plan.validation.every, looks)),
    )


def _based(plan: TrainingPlan, base: Mapping[str, Any]) -> TrainingPlan:
    """A plan with the settings of an earlier one, without what belongs to the earlier training."""
    own = {*_OWN, *(() if base.get("family") == plan.family else ("hyperparameters",))}
    settings = {name: value for name, value in base.items() if name not in own}
    return plan_from_json(merged(plan_to_json(plan), settings), checked=False)


def make_plan(
    dataset: str,
    preset_name: str,
    model: str = "",
    family: str = "",
    name: str = "",
    steps: Optional[int] = None,
    changes: Optional[Mapping[str, Any]] = None,
    base: Optional[Mapping[str, Any]] = None,
) -> TrainingPlan:
    """A plan that can be worked, as far as can be told without reading all of the dataset.

    Args:
        dataset: folder of a dataset.
        preset_name: one of :data:`sr_plugin.core.training_presets.PRESETS`.
        model: name or file of the model to go on from; empty for fresh weights.
        family: architecture of fresh weights; empty for the usual one of the dataset's kind.
        name: of the model that comes out; empty for one that is made up.
        steps: other number of steps than that of preset and ``base``, whose parts keep their shares.
        changes: settings that are to be otherwise, nested as in a plan's file.
        base: settings of an earlier plan, which are put over the preset's before anything else; its hyperparameters
            count where it has the same architecture.

    Raises:
        DatasetUnreadable: when the folder holds no dataset.
        ModelNotFound, ModelNotRecognised: when there is no such model.
        ParameterError: when a setting cannot be used, or preset and dataset do not go together.
    """
    card = Dataset.open(dataset).card
    if (preset_name == "translation") != (card.kind == TRANSLATION) and preset_name in ("translation", "gan"):
        raise ParameterError(
            f"The preset '{preset_name}' is not for datasets of the kind '{card.kind}'.", "Choose another preset."
        )
    plan = preset(preset_name, name or "model", dataset)
    if model:
        start = find_model(model)
        if not start.weights:
            raise ParameterError(f"'{start.name}' is an interpolation, which cannot be trained.", "Choose a network.")
        plan = replace(plan, start=card_to_wire(start), name=name or usable_name(f"{start.name}-{card.name}"))
    else:
        if preset_name == "fine-tune":
            raise ParameterError("Fine-tuning needs a model to go on from.", "Choose a model, or the preset 'content'.")
        chosen = family or usual_family(card)
        plan = replace(plan, family=chosen, name=name or usable_name(f"{card.name}-{chosen}"))
    plan = _based(plan, base) if base else plan
    if steps:
        plan = _shortened(plan, steps)
    plan = plan_from_json(merged(plan_to_json(plan), changes or {}))
    # The process that works the plan has another current folder.
    content = replace(plan.content, vgg=os.path.abspath(plan.content.vgg)) if plan.content.vgg else plan.content
    plan = replace(plan, dataset=os.path.abspath(plan.dataset), content=content)
    return replace(plan, name=_free_name(plan.name, bool(name))) if plan.install else plan


def _coming_names() -> Set[str]:
    """Names of the models that will come out of trainings that are not over."""
    found = set()
    for job in known_jobs():
        if job.status().state == DONE:
            continue
        with contextlib.suppress(ParameterError):
            found.add(usable_name(read_plan(job.plan).name))
    return found


def _free_name(wanted: str, chosen: bool) -> str:
    """A name that no model of the list has.

    Raises:
        ParameterError: when the user chose the name of a model that is there.
    """
    taken = {card.name for card in available_models()} | _coming_names()
    plain = usable_name(wanted)
    if chosen and plain in taken:
        raise ParameterError(
            f"There is a model '{plain}' already, or a training of one.",
            "Choose another name, or remove that model first.",
        )
    number, found = 1, plain
    while found in taken:
        number += 1
        found = f"{plain}-{number}"
    return found
