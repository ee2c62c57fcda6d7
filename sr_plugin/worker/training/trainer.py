"""The loop: one step after the other, with validation, pictures and checkpoints in between."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import DataLoader

from sr_plugin.core.card import MULTI_IMAGE, TRANSLATION
from sr_plugin.core.checkpoint.read import read_checkpoint as read_model
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.dataset_card import DatasetCard
from sr_plugin.core.errors import ParameterError, SuperResolutionError, TrainingFailed
from sr_plugin.core.job_folder import JobFolder
from sr_plugin.core.training_plan import TrainingPlan, ValidationPlan
from sr_plugin.core.training_schedule import (
    adversarial_weight,
    discriminator_learns,
    learning_rate_share,
    weights_count_from,
)
from sr_plugin.worker.training.adversary import Adversary
from sr_plugin.worker.training.checkpoint import Progress, read_checkpoint, write_checkpoint
from sr_plugin.worker.training.content_loss import ContentLoss
from sr_plugin.worker.training.device import make_fabric
from sr_plugin.worker.training.ema import running_mean
from sr_plugin.worker.training.examples import StepBatches, ToldBatches, crop_side, open_examples
from sr_plugin.worker.training.fusion_warm_up import fusing_part, fusion_loss, noisy_copies
from sr_plugin.worker.training.networks import Inputs, Runner, plain_result
from sr_plugin.worker.training.optimiser import make_optimiser
from sr_plugin.worker.training.panels import shown_bands, write_panel
from sr_plugin.worker.training.perceptual_loss import PerceptualLoss
from sr_plugin.worker.training.running_sums import RunningSums
from sr_plugin.worker.training.start import Contrasts, Start, start_of, tensors_of
from sr_plugin.worker.training.tensorboard import tensorboard_loggers
from sr_plugin.worker.training.validation import Figures, Validation

_GENERATOR, _MEAN, _CRITIC = "generator", "mean", "discriminator"

Batch = tuple[Inputs, torch.Tensor, torch.Tensor]


def _multiple(finest: int, dataset: DatasetCard) -> int:
    """What sides must be a multiple of in pixels of the coarsest input; ``finest`` is it in those of the finest."""
    heights = [spec.height for spec in dataset.inputs]
    return finest // math.gcd(finest, max(heights) // min(heights))


def _windowed(start: Start, side: int) -> Start:
    """A fresh network that sees its whole window is used on windows of the side that it is trained on."""
    if start.trained or start.card.reach is not None:
        return start
    return replace(start, card=replace(start.card, training_tile=side))


def _validated(plan: TrainingPlan, start: Start) -> ValidationPlan:
    """The validation, on the windows of use where the result depends on them."""
    if start.card.reach is not None:
        return plan.validation
    return replace(plan.validation, side=start.card.training_tile)


def _check_losses(plan: TrainingPlan, dataset: DatasetCard) -> None:
    """Refuse losses that the dataset has nothing for.

    Raises:
        ParameterError: when results are to be compared with an interpolation that there is not.
    """
    if plan.content.relative and len(dataset.inputs[-1].bands) != len(dataset.target.bands):
        raise ParameterError(
            "The relative losses compare with cubic convolution, but input and target have different bands.",
            "Choose other losses, or a dataset with the same bands on both sides.",
        )


class Trainer:
    """A training, made ready or continued.

    Args:
        plan: what is to be done.
        folder: where checkpoints, figures and pictures go.

    Attributes:
        progress: how far it is.
        notes: sentences for the log.

    Raises:
        SuperResolutionError: when dataset, model, device or checkpoint cannot be used.
    """

    def __init__(self, plan: TrainingPlan, folder: JobFolder) -> None:
        self.plan, self.folder = plan, folder
        training, held_out = open_examples(plan.dataset)
        self.dataset = training.card
        _check_losses(plan, self.dataset)
        self.contrast = training.contrast()
        # The multiple that the network wants is known only once there is a network, whose depth may follow the side.
        self._given = training.contrast(self.dataset.inputs[-1])
        contrasts = Contrasts(self._given, self.contrast)
        start = start_of(plan, self.dataset, crop_side(training, plan.patch, 1), contrasts)
        multiple = _multiple(start.card.tiles.multiple_of, self.dataset)
        side = crop_side(training, max(plan.patch, multiple), multiple)
        start = _windowed(start, side)
        self.start = start
        loggers, note = tensorboard_loggers(folder.path, plan.tensorboard)
        self.notes = [note] if note else []
        self.fabric = make_fabric(plan, loggers)
        self.device = self.fabric.device
        self.runner = Runner(start, self.device)
        self._network, self._optimiser = self.fabric.setup(start.network, make_optimiser(start.network, plan.optimiser))
        self.module = self._network.module
        self._mean = running_mean(self.module, plan.ema) if plan.ema > 0 else None
        self._content = ContentLoss(plan.content, self._perceptual()).to(self.device)
        self._adversary = self._make_adversary(side)
        self._batches = StepBatches(training, plan, side, self._given[1] - self._given[0])
        peak = self._peak()
        self.validation = Validation(held_out, _validated(plan, start), multiple, peak, self.device)
        self._sums = RunningSums()
        self.progress = Progress()
        if os.path.exists(folder.last):
            self.progress = read_checkpoint(folder.last, plan.digest, self._networks(), self._optimisers())
            self._restore_scaler()
        folder.forget_metrics_after(self.progress.step if os.path.exists(folder.last) else -1)

    def _peak(self) -> float:
        """The range of the data for PSNR and SSIM: 1 for reflectance and for values from 0 to 1."""
        target = self.dataset.target
        if self.dataset.kind == TRANSLATION:
            return 255.0 * abs(target.gain) if target.pixel_type == "uint8" else self.contrast[1] - self.contrast[0]
        return 1.0 if self.start.card.value_range.quantity != "dn" else self.contrast[1] - self.contrast[0]

    def _perceptual(self) -> PerceptualLoss | None:
        plan = self.plan.content
        return PerceptualLoss(plan.vgg, shown_bands(self.dataset.target.bands)) if plan.perceptual > 0 else None

    def _make_adversary(self, side: int) -> Adversary | None:
        if not self.plan.adversarial.active:
            return None
        target = self.dataset.target
        ratio = target.height // min(spec.height for spec in self.dataset.inputs)
        bands = len(target.bands), len(self.dataset.inputs[-1].bands)
        # Its weights must not depend on whether the generator's were drawn or read.
        torch.manual_seed(self.plan.seed + 1)
        return Adversary(self.plan.adversarial, self.fabric, *bands, side * ratio, self.contrast, self._given)

    def _networks(self) -> dict[str, torch.nn.Module]:
        found: dict[str, torch.nn.Module] = {_GENERATOR: self.module}
        if self._mean is not None:
            found[_MEAN] = self._mean
        if self._adversary is not None:
            found[_CRITIC] = self._adversary.module
        return found

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        found: dict[str, torch.optim.Optimizer] = {_GENERATOR: self._optimiser.optimizer}
        if self._adversary is not None:
            found[_CRITIC] = self._adversary.optimiser
        return found

    def _restore_scaler(self) -> None:
        if self.progress.scaler:
            self.fabric.strategy.precision.load_state_dict(self.progress.scaler)

    @property
    def kept(self) -> torch.nn.Module:
        """The network that is validated and kept: the running mean, where there is one."""
        return self._mean.module if self._mean is not None else self.module

    def batches(self) -> Iterator[Batch]:
        """The batches from the current step on, on the device.

        Raises:
            DatasetUnreadable: when a patch cannot be used.
        """
        steps = range(self.progress.step, self.plan.steps)
        told = ToldBatches(self._batches)
        loader = DataLoader(told, batch_size=None, sampler=steps, num_workers=self.plan.readers)
        for batch in self.fabric.setup_dataloaders(loader):
            if isinstance(batch, SuperResolutionError):
                raise batch
            inputs, target, valid = batch
            yield tuple(inputs), target, valid

    def measure_before(self) -> None:
        """The figures of what is there without training: cubic convolution, and the starting model."""
        if self.progress.before:
            return
        size = self.dataset.target.bands
        methods = {}
        if self.dataset.kind != TRANSLATION:
            # The two sides of a translation are different things, so its input is no result to compare with.
            methods["bicubic"] = lambda inputs, t: plain_result(inputs, len(size), tuple(t.shape[-2:]))
        if self.start.trained:
            methods["before"] = lambda inputs, _: self._evaluated(self.module, inputs)
        for name, method in methods.items():
            figures = self.validation.measure(method)
            if figures is not None:
                self.progress.before[name] = figures.named()
                self.folder.append_metrics({"step": 0, "kind": "before", "method": name, **figures.named()})

    def _evaluated(self, network: torch.nn.Module, inputs: Inputs) -> torch.Tensor:
        was_training = network.training
        network.eval()
        try:
            with torch.no_grad():
                return self.runner(network, inputs)
        finally:
            network.train(was_training)

    def step(self, batch: Batch) -> None:
        """Change the weights once.

        Raises:
            TrainingFailed: when a loss is no longer finite.
        """
        plan, number = self.plan, self.progress.step
        # Dropout and noise follow from the number of the step, so that nothing has to be remembered.
        torch.manual_seed((plan.seed << 32) + number)
        share = learning_rate_share(number, plan.steps, plan.optimiser)
        for group in self._optimiser.param_groups:
            group["lr"] = plan.optimiser.learning_rate * share
        self._module_to_train()
        inputs, target, valid = batch
        figures = self._generator_step(inputs, target, valid, number, share)
        if self._mean is not None:
            self._mean.update_parameters(self.module)
        self._sums.add(figures)
        self.progress.step = number + 1

    def _module_to_train(self) -> None:
        self._network.train()
        if self._adversary is not None:
            self._adversary.module.train()

    def _generator_step(
        self, inputs: Inputs, target: torch.Tensor, valid: torch.Tensor, number: int, share: float
    ) -> dict[str, torch.Tensor]:
        """One step of the generator, and of the discriminator where it learns already."""
        self._optimiser.zero_grad(set_to_none=True)
        if number < self.plan.fusion_warm_up and self.dataset.kind == MULTI_IMAGE:
            copies, mean = noisy_copies(inputs[0], self.plan.fusion_noise * (self.contrast[1] - self.contrast[0]))
            part = fusing_part(self.module)
            if part is not None:
                return self._fusion_step(part, copies, mean)
            inputs = (copies,)
        result = self._filled(self.runner(self._network, inputs), target, valid)
        loss, figures = self._content(result, target, self.contrast, self._baseline(inputs, target, valid))
        weight = adversarial_weight(number, self.plan.adversarial)
        against = self._adversary if discriminator_learns(number, self.plan.adversarial) else None
        condition = None
        if against is not None:
            condition = against.condition(inputs, tuple(target.shape[-2:]))
            adversarial = against.loss_of(result, target, condition)
            loss = loss + weight * adversarial
            figures.update(adversarial=adversarial.detach(), weight=torch.tensor(weight, dtype=torch.float64))
        self._descend(loss)
        if against is not None:
            figures.update(against.learn(result.detach(), target, condition, number, share))
        return {"loss": loss.detach(), **figures}

    def _baseline(self, inputs: Inputs, target: torch.Tensor, valid: torch.Tensor) -> torch.Tensor | None:
        """What cubic convolution gives, where a loss asks for it."""
        if not self.plan.content.relative:
            return None
        plain = plain_result(inputs, target.shape[-3], tuple(target.shape[-2:]))
        return None if plain is None else self._filled(plain, target, valid)

    def _filled(self, result: torch.Tensor, target: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """The result with the target where that has no data, so that nothing is learned there."""
        return torch.where(valid, result, target)

    def _fusion_step(self, part: torch.nn.Module, copies: torch.Tensor, mean: torch.Tensor) -> dict[str, torch.Tensor]:
        (views,) = self.runner.to_network((copies,))
        (truth,) = self.runner.to_network((mean,))
        with self.fabric.autocast():
            loss = fusion_loss(part, views, truth)
        self._descend(loss)
        return {"loss": loss.detach(), "fusion": loss.detach()}

    def _descend(self, loss: torch.Tensor) -> None:
        self.fabric.backward(loss)
        if self.plan.optimiser.clip > 0:
            self.fabric.clip_gradients(
                self._network, self._optimiser, max_norm=self.plan.optimiser.clip, error_if_nonfinite=False
            )
        self._optimiser.step()

    def log_losses(self) -> None:
        """Write the mean losses since the last time.

        Raises:
            TrainingFailed: when one is not finite.
        """
        means = self._sums.take()
        if not means:
            return
        rate = float(self._optimiser.param_groups[0]["lr"])
        line = {"step": self.progress.step, "kind": "train", **means, "learning_rate": rate}
        self.folder.append_metrics(line)
        self.fabric.log_dict({f"train/{n}": v for n, v in line.items() if isinstance(v, float)}, self.progress.step)

    def validate(self) -> Figures:
        """Measure the kept weights, and keep a copy of the best ones."""
        progress, figures = self.progress, self.measure_kept()
        value = getattr(figures, self.plan.validation.metric)
        counts = progress.step >= weights_count_from(self.plan.steps, self.plan.adversarial)
        better = counts and math.isfinite(value) and (progress.best is None or value > progress.best)
        if better:
            progress.best, progress.best_step, progress.bad = value, progress.step, 0
            self.save_weights(self.folder.best)
        elif counts:
            progress.bad += 1
        self.folder.append_metrics(
            {"step": progress.step, "kind": "validation", **figures.named(), "best": bool(better)}
        )
        self.fabric.log_dict({f"validation/{n}": v for n, v in figures.named().items()}, progress.step)
        return figures

    @property
    def tired(self) -> bool:
        """Whether the validation has not got better for as long as the plan allows."""
        return 0 < self.plan.validation.patience <= self.progress.bad

    def save_weights(self, path: str) -> None:
        """Write the kept weights alone."""
        write_safetensors(path, tensors_of(self.kept), {"format": "pt", "step": str(self.progress.step)})

    def load_weights(self, path: str) -> None:
        """Put weights that :meth:`save_weights` wrote into the kept network."""
        state = {name: torch.from_numpy(array) for name, array in read_model(path).tensors.items()}
        state.update({n: t for n, t in self.kept.state_dict().items() if n.endswith(".num_batches_tracked")})
        self.kept.load_state_dict(state)

    def measure_kept(self) -> Figures:
        """The figures of the kept weights as they are."""
        figures = self.validation.measure(lambda inputs, _: self._evaluated(self.kept, inputs))
        if figures is None:
            raise TrainingFailed("The network gave no result on the held-out patches.")
        return figures

    def save(self) -> None:
        """Write everything that is needed to go on."""
        self.progress.scaler = dict(self.fabric.strategy.precision.state_dict())
        write_checkpoint(self.folder.last, self.plan.digest, self._networks(), self._optimisers(), self.progress)

    def draw_panel(self) -> None:
        """Write a picture of the first validation patches."""
        count = min(self.plan.validation.panels, len(self.validation))
        rows = []
        for number in range(count):
            inputs, target, _ = self.validation.tensors(number)
            result = self._evaluated(self.kept, inputs)
            given = inputs[-1][0, 0] if inputs[-1].ndim == 5 else inputs[-1][0]
            rows.append(tuple(np.asarray(x.cpu()) for x in (given, result[0], target[0])))
        if rows:
            path = os.path.join(self.folder.panels, f"{self.progress.step:08d}.png")
            write_panel(path, rows, shown_bands(self.dataset.target.bands))
