"""The discriminator of a training: what it makes the generator learn, and how it learns itself."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch.nn import functional

from sr_plugin.core.training_plan import AdversarialPlan
from sr_plugin.worker.training.adversarial_loss import discriminator_loss, generator_loss, gradient_penalty
from sr_plugin.worker.training.discriminators import build_discriminator, initialise, seen
from sr_plugin.worker.training.networks import Inputs

_BETAS = (0.5, 0.999)
_USUAL_BETAS = (0.9, 0.999)


def _signed(images: torch.Tensor, contrast: tuple[float, float]) -> torch.Tensor:
    low, high = contrast
    return (images - low) / (high - low) * 2.0 - 1.0


class Adversary:
    """A discriminator with its optimiser.

    It sees images whose usual contrast runs from -1 to 1.

    Args:
        plan: which one, and how it learns.
        fabric: device and precision.
        bands: bands of the targets.
        input_bands: bands of the input, which a conditional discriminator sees too.
        side: side of the targets in training.
        contrast, given: lowest and highest usual quantity of the targets and of the inputs.

    Attributes:
        module: the network itself.
        optimiser: its optimiser.
    """

    def __init__(
        self,
        plan: AdversarialPlan,
        fabric: Fabric,
        bands: int,
        input_bands: int,
        side: int,
        contrast: tuple[float, float],
        given: tuple[float, float],
    ) -> None:
        self._plan, self._fabric, self._contrast, self._given = plan, fabric, contrast, given
        # A penalty on the gradient by one image means nothing where the answer depends on the others.
        norm = plan.kind != "wasserstein" and plan.r1 == 0
        seen_bands = bands + (input_bands if plan.conditional else 0)
        module = build_discriminator(plan.discriminator, seen_bands, plan.width, side, norm)
        initialise(module)
        betas = _BETAS if plan.conditional else _USUAL_BETAS
        optimiser = torch.optim.Adam(module.parameters(), lr=plan.learning_rate, betas=betas)
        self._network, self._optimiser = fabric.setup(module, optimiser)
        self.module, self.optimiser = self._network.module, self._optimiser.optimizer

    def condition(self, inputs: Inputs, size: tuple[int, int]) -> torch.Tensor | None:
        """What a conditional discriminator sees of the input: the last one, enlarged to the size of the target."""
        if not self._plan.conditional:
            return None
        image = inputs[-1]
        image = image.mean(1) if image.ndim == 5 else image
        image = _signed(image, self._given)
        return functional.interpolate(image, size=size) if image.shape[-2:] != size else image

    def _shown(self, images: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        return seen(_signed(images, self._contrast), condition)

    def loss_of(self, result: torch.Tensor, target: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        """What the generator makes small; the discriminator gets no gradient of it."""
        self.module.requires_grad_(False)
        fake = self._network(self._shown(result, condition))
        real = fake
        if self._plan.kind == "relativistic":
            with torch.no_grad():
                real = self._network(self._shown(target, condition))
        loss = generator_loss(self._plan.kind, real, fake)
        self.module.requires_grad_(True)
        return loss

    def learn(
        self, result: torch.Tensor, target: torch.Tensor, condition: torch.Tensor | None, step: int, rate_share: float
    ) -> dict[str, torch.Tensor]:
        """One step of the discriminator.

        Args:
            result: of the generator, without a gradient.
            target: what it should be.
            condition: see :meth:`condition`.
            step: number of the step, from 0.
            rate_share: share of the discriminator's learning rate.

        Returns:
            Its loss, and its mean answers to targets and results.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self._plan.learning_rate * rate_share
        self._optimiser.zero_grad(set_to_none=True)
        real = self._network(self._shown(target, condition))
        fake = self._network(self._shown(result.detach(), condition))
        loss = discriminator_loss(self._plan.kind, real, fake)
        total = loss
        if self._plan.r1 > 0 and (step - self._plan.warm_up) % self._plan.r1_every == 0:
            total = total + self._plan.r1 * self._plan.r1_every * self._penalty(target, condition)
        self._fabric.backward(total)
        self._optimiser.step()
        return {"discriminator": loss.detach(), "real": real.detach().mean(), "fake": fake.detach().mean()}

    def _penalty(self, target: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        images = self._shown(target, condition).detach().requires_grad_(True)
        # In float32 whatever the precision: squares of small gradients vanish in half precision.
        with torch.autocast(images.device.type, enabled=False):
            return gradient_penalty(self.module(images.float()), images)
