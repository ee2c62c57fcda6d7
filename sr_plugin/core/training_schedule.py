"""What changes in the course of a training, as functions of the step: learning rate and adversarial weight.

Nothing here has a memory, so a training that goes on after an interruption needs none either.
"""

from __future__ import annotations

import math

from sr_plugin.core.training_plan import AdversarialPlan, OptimiserPlan

#: Shares of the training after which the schedule ``steps`` halves the learning rate.
_MILESTONES = (0.5, 0.75, 0.9, 0.95)
#: Share of the training after which the schedule ``linear`` begins to fall, as in pix2pix.
_PLATEAU = 0.5


def learning_rate_share(step: int, steps: int, plan: OptimiserPlan) -> float:
    """Share of the highest learning rate at a step (counted from 0), between 0 and 1."""
    if step < plan.warm_up:
        return (step + 1) / (plan.warm_up + 1)
    progress = min(1.0, (step - plan.warm_up) / max(1, steps - plan.warm_up))
    if plan.schedule == "constant":
        return 1.0
    if plan.schedule == "steps":
        return max(plan.final_share, 0.5 ** sum(progress >= milestone for milestone in _MILESTONES))
    if plan.schedule == "linear":
        falling = max(0.0, (progress - _PLATEAU) / (1.0 - _PLATEAU))
        return 1.0 - (1.0 - plan.final_share) * falling
    return plan.final_share + (1.0 - plan.final_share) * 0.5 * (1.0 + math.cos(math.pi * progress))


def adversarial_weight(step: int, plan: AdversarialPlan) -> float:
    """Weight of the adversarial loss at a step (counted from 0).

    It is 0 during the warm-up, then grows over ``ramp`` steps, linearly or along half a cosine, to the full weight.
    """
    if not plan.active or step < plan.warm_up:
        return 0.0
    share = min(1.0, (step - plan.warm_up + 1) / (plan.ramp + 1))
    if plan.ramp_shape == "cosine":
        share = 0.5 * (1.0 - math.cos(math.pi * share))
    return plan.weight * share


def discriminator_learns(step: int, plan: AdversarialPlan) -> bool:
    """Whether there is a discriminator to run at a step (counted from 0)."""
    return plan.active and step >= plan.warm_up


def weights_count_from(steps: int, plan: AdversarialPlan) -> int:
    """The number of steps after which validations may choose the weights that are kept.

    Figures fall as the adversarial loss sets in, so without it the best weights would be those of the warm-up, which no
    adversary has had a part in.
    """
    return min(steps, plan.warm_up + plan.ramp) if plan.active else 0
