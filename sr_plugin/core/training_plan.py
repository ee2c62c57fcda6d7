"""The plan of a training: everything that decides its result, as plain values that go to and from JSON.

All randomness of a training follows from ``seed`` and the number of a step, so the same plan on the same CPU gives the
same weights, also after an interruption.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Dict, Mapping, Optional, Tuple, Type, TypeVar

from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.strict_json import parse_json
from sr_plugin.core.training_parts import (
    ADVERSARIES,
    DISCRIMINATORS,
    METRICS,
    OPTIMISERS,
    RAMPS,
    SCHEDULES,
    AdversarialPlan,
    AugmentationPlan,
    ContentPlan,
    OptimiserPlan,
    ValidationPlan,
)

__all__ = [
    "ADVERSARIES",
    "DISCRIMINATORS",
    "METRICS",
    "OPTIMISERS",
    "PRECISIONS",
    "RAMPS",
    "SCHEDULES",
    "VERSION",
    "AdversarialPlan",
    "AugmentationPlan",
    "ContentPlan",
    "OptimiserPlan",
    "TrainingPlan",
    "ValidationPlan",
    "check_plan",
    "plan_from_json",
    "plan_to_json",
    "read_plan",
    "write_plan",
]

VERSION = 1
PRECISIONS = ("float32", "bfloat16", "float16")
_MOST_STEPS = 10_000_000
_LARGEST_PATCH = 1024
_MOST_IN_BATCH = 4096

Part = TypeVar("Part")


@dataclass(frozen=True)
class TrainingPlan:
    """A training.

    Attributes:
        name: name of the model that comes out.
        dataset: folder of the dataset.
        family: architecture of a network with fresh weights; empty where ``start`` is given.
        hyperparameters: those of the architecture that are not to be the usual ones.
        start: the card of the model to go on from, as :func:`sr_plugin.core.card.card_to_wire` gives it, or None.
        steps: number of changes of the weights.
        batch: examples a step.
        patch: side of the examples in pixels of the (coarsest) input.
        seed: of everything that is random.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: one of :data:`PRECISIONS`; the weights themselves stay float32.
        threads: CPU threads; 0 for all.
        readers: processes that prepare examples; 0 does it between the steps.
        ema: decay of the running mean of the weights, which is what is validated and kept; 0 for none.
        fusion_warm_up: steps in which a network of several views sees noisy copies of their mean.
        fusion_noise: standard deviation of that noise, as a share of the data's spread.
        checkpoint_every: steps between two checkpoints.
        log_every: steps between two lines of the losses.
        tensorboard: write logs for TensorBoard too, where its package is installed.
        install: put the model into the user's list when it is done.
        licence: licence of the model that comes out.
        content, adversarial, optimiser, augmentation, validation: see :mod:`sr_plugin.core.training_parts`.
    """

    name: str
    dataset: str
    family: str = ""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    start: Optional[Mapping[str, Any]] = None
    steps: int = 5000
    batch: int = 8
    patch: int = 32
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    threads: int = 0
    readers: int = 0
    ema: float = 0.999
    fusion_warm_up: int = 0
    fusion_noise: float = 0.02
    checkpoint_every: int = 250
    log_every: int = 10
    tensorboard: bool = False
    install: bool = True
    licence: str = ""
    content: ContentPlan = ContentPlan()
    adversarial: AdversarialPlan = AdversarialPlan()
    optimiser: OptimiserPlan = OptimiserPlan()
    augmentation: AugmentationPlan = AugmentationPlan()
    validation: ValidationPlan = ValidationPlan()

    @property
    def digest(self) -> str:
        """Tells whether a checkpoint belongs to this plan: device and what is only shown or kept do not count."""
        values = plan_to_json(self)
        for name in ("device", "threads", "readers", "tensorboard", "install", "licence", "name"):
            del values[name]
        return sha256_of_json(values)


_PARTS: Dict[str, Type[Any]] = {
    "content": ContentPlan,
    "adversarial": AdversarialPlan,
    "optimiser": OptimiserPlan,
    "augmentation": AugmentationPlan,
    "validation": ValidationPlan,
}


def plan_to_json(plan: TrainingPlan) -> Dict[str, Any]:
    """The plan as JSON-serialisable values."""
    return {"version": VERSION, **asdict(plan)}


def _refuse(what: str, hint: str = "") -> ParameterError:
    return ParameterError(f"The plan of the training cannot be used: {what}.", hint)


def _part(cls: Type[Part], values: Any, where: str) -> Part:
    """One dataclass from its values; types follow the defaults.

    Raises:
        ParameterError: when a field is unknown, or of another type.
    """
    if not isinstance(values, dict):
        raise _refuse(f"'{where}' is no group of settings")
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    taken: Dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise _refuse(f"'{where}' has no setting '{name}'", f"Known are {', '.join(known)}.")
        taken[name] = _typed(known[name].default, value, f"{where}.{name}")
    return cls(**taken)


def _typed(default: Any, value: Any, where: str) -> Any:
    if isinstance(default, bool):
        fits = isinstance(value, bool)
    elif isinstance(default, int):
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif isinstance(default, float):
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        value = float(value) if fits else value
    elif isinstance(default, str):
        fits = isinstance(value, str)
    else:
        fits = True
    if not fits:
        raise _refuse(f"'{where}' is {value!r}, but should be like {default!r}")
    return value


def plan_from_json(values: Any, checked: bool = True) -> TrainingPlan:
    """Inverse of :func:`plan_to_json`; what is left out takes its default.

    Args:
        values: the plan.
        checked: whether it must be one that can be worked, not one that is still to be changed.

    Raises:
        ParameterError: when a setting is unknown, of another type or out of its range.
    """
    if not isinstance(values, dict):
        raise _refuse("it is no JSON object")
    if values.get("version", VERSION) != VERSION:
        raise _refuse(f"it is of version {values['version']!r}", "Install a newer version of the plugin.")
    data = {name: value for name, value in values.items() if name != "version"}
    for name in ("name", "dataset"):
        if not isinstance(data.get(name), str) or not data[name]:
            raise _refuse(f"'{name}' is missing")
    for name, cls in _PARTS.items():
        if name in data:
            data[name] = _part(cls, data[name], name)
    hyperparameters, start = data.get("hyperparameters", {}), data.get("start")
    if not isinstance(hyperparameters, dict) or not (start is None or isinstance(start, dict)):
        raise _refuse("'hyperparameters' or 'start' is no group of settings")
    plan = _part(TrainingPlan, data, "plan")
    if checked:
        check_plan(plan)
    return plan


def write_plan(plan: TrainingPlan, path: str) -> None:
    """Write a plan that :func:`read_plan` reads."""
    check_plan(plan)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(plan_to_json(plan), file, indent=2, ensure_ascii=False)
        file.write("\n")


def read_plan(path: str) -> TrainingPlan:
    """Read a plan.

    Raises:
        ParameterError: when the file cannot be read or is no plan.
    """
    try:
        with open(path, encoding="utf-8") as file:
            values = parse_json(file.read())
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"The plan '{path}' cannot be read ({error}).", "Choose the folder of a training, or start a new one."
        ) from error
    return plan_from_json(values)


#: Settings with the lowest and highest value that makes sense.
_LIMITS: Dict[str, Tuple[float, float]] = {
    "steps": (1, _MOST_STEPS),
    "batch": (1, _MOST_IN_BATCH),
    "patch": (1, _LARGEST_PATCH),
    "seed": (0, 2**31 - 1),
    "threads": (0, 1024),
    "readers": (0, 64),
    "ema": (0, 0.999999),
    "fusion_warm_up": (0, _MOST_STEPS),
    "fusion_noise": (0, 10),
    "checkpoint_every": (1, _MOST_STEPS),
    "log_every": (1, _MOST_STEPS),
    "content.l1": (0, 1e6),
    "content.charbonnier": (0, 1e6),
    "content.sam": (0, 1e6),
    "content.gradient": (0, 1e6),
    "content.fft": (0, 1e6),
    "content.relative_l1": (0, 1e6),
    "content.relative_l2": (0, 1e6),
    "content.perceptual": (0, 1e6),
    "adversarial.width": (1, 1024),
    "adversarial.weight": (0, 1e6),
    "adversarial.warm_up": (0, _MOST_STEPS),
    "adversarial.ramp": (0, _MOST_STEPS),
    "adversarial.learning_rate": (0, 10),
    "adversarial.r1": (0, 1e6),
    "adversarial.r1_every": (1, _MOST_STEPS),
    "optimiser.learning_rate": (0, 10),
    "optimiser.warm_up": (0, _MOST_STEPS),
    "optimiser.final_share": (0, 1),
    "optimiser.beta1": (0, 0.999999),
    "optimiser.beta2": (0, 0.999999),
    "optimiser.weight_decay": (0, 10),
    "optimiser.clip": (0, 1e6),
    "augmentation.gain": (0, 0.9),
    "augmentation.noise": (0, 10),
    "validation.every": (1, _MOST_STEPS),
    "validation.most": (1, 100_000),
    "validation.side": (1, 4096),
    "validation.border": (0, 512),
    "validation.patience": (0, _MOST_STEPS),
    "validation.panels": (0, 64),
}
_WORDS: Dict[str, Tuple[str, ...]] = {
    "precision": PRECISIONS,
    "adversarial.kind": ADVERSARIES,
    "adversarial.discriminator": DISCRIMINATORS,
    "adversarial.ramp_shape": RAMPS,
    "optimiser.kind": OPTIMISERS,
    "optimiser.schedule": SCHEDULES,
    "validation.metric": METRICS,
}


def _value_of(plan: TrainingPlan, name: str) -> Any:
    value: Any = plan
    for part in name.split("."):
        value = getattr(value, part)
    return value


def check_plan(plan: TrainingPlan) -> None:
    """Refuse a plan that cannot be worked.

    Raises:
        ParameterError: naming the first setting that is out of its range.
    """
    for name, (lowest, highest) in _LIMITS.items():
        value = _value_of(plan, name)
        if not lowest <= value <= highest:
            raise _refuse(f"'{name}' is {value!r}", f"Give {lowest:g} to {highest:g}.")
    for name, words in _WORDS.items():
        if _value_of(plan, name) not in words:
            raise _refuse(f"'{name}' is {_value_of(plan, name)!r}", f"Use one of {', '.join(words)}.")
    if bool(plan.family) == (plan.start is not None):
        raise _refuse("it needs either an architecture or a model to go on from", "Choose one of the two.")
    if not plan.content.weights:
        raise _refuse("no content loss has a weight", "Give L1 a weight, for example.")
    if plan.content.perceptual > 0 and not plan.content.vgg:
        raise _refuse("the perceptual loss needs the weights of VGG19", "Give their file, or the weight 0.")
    if plan.adversarial.active and plan.adversarial.warm_up >= plan.steps:
        raise _refuse("the warm-up of the generator lasts as long as the training", "Give more steps or less warm-up.")
    if plan.adversarial.kind == "wasserstein" and plan.adversarial.r1 == 0:
        # Nothing else bounds the answers of its discriminator, which grow for ever.
        raise _refuse("Wasserstein's loss needs a gradient penalty", "Give R1 a weight, for example 10.")
    if plan.validation.border * 2 >= plan.validation.side:
        raise _refuse("the border of the validation leaves nothing of a patch", "Give a smaller border.")
