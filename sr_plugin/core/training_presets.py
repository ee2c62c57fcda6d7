"""Plans to begin with: settings that are known to work, for the usual purposes."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.training_plan import AdversarialPlan, ContentPlan, OptimiserPlan, TrainingPlan, ValidationPlan


def _content(plan: TrainingPlan) -> TrainingPlan:
    return replace(plan, steps=20000, batch=16, patch=32, content=ContentPlan(l1=1.0), optimiser=OptimiserPlan())


def _fine_tune(plan: TrainingPlan) -> TrainingPlan:
    gentle = OptimiserPlan(learning_rate=5e-5, warm_up=100, final_share=0.02)
    return replace(
        plan, steps=4000, batch=8, patch=32, content=ContentPlan(l1=1.0, gradient=0.1), optimiser=gentle, ema=0.995
    )


def _gan(plan: TrainingPlan) -> TrainingPlan:
    # Weights after ESRGAN (arXiv:1809.00219, section 4.1), whose perceptual loss needs weights that are not at hand.
    return replace(
        plan,
        steps=20000,
        batch=16,
        patch=32,
        content=ContentPlan(l1=1.0, gradient=0.2),
        adversarial=AdversarialPlan(
            "relativistic", "esrgan", weight=0.005, warm_up=2000, ramp=4000, ramp_shape="cosine", r1=0.0
        ),
        optimiser=OptimiserPlan(learning_rate=1e-4, schedule="steps"),
    )


def _translation(plan: TrainingPlan) -> TrainingPlan:
    # Isola et al., 2017, arXiv:1611.07004, section 3 and appendix 6.2: lambda 100, Adam with beta1 0.5, batch 1.
    return replace(
        plan,
        steps=20000,
        batch=1,
        patch=256,
        content=ContentPlan(l1=100.0),
        adversarial=AdversarialPlan(
            "vanilla", "patchgan", weight=1.0, warm_up=0, ramp=0, learning_rate=2e-4, conditional=True
        ),
        optimiser=OptimiserPlan(learning_rate=2e-4, schedule="linear", beta1=0.5, final_share=0.0, clip=0.0),
        ema=0.0,
        validation=ValidationPlan(every=500, side=256, border=0),
    )


_PRESETS: Dict[str, Callable[[TrainingPlan], TrainingPlan]] = {
    "content": _content,
    "fine-tune": _fine_tune,
    "gan": _gan,
    "translation": _translation,
}
#: Names of the presets.
PRESETS = tuple(_PRESETS)


def preset(name: str, model: str, dataset: str) -> TrainingPlan:
    """A plan with the settings of a preset; architecture or starting model are still to be chosen.

    Args:
        name: one of :data:`PRESETS`.
        model: name of the model that comes out.
        dataset: folder of the dataset.

    Raises:
        ParameterError: when there is no such preset.
    """
    if name not in _PRESETS:
        raise ParameterError(f"There is no preset '{name}'.", f"Use one of {', '.join(PRESETS)}.")
    return _PRESETS[name](TrainingPlan(model, dataset))
