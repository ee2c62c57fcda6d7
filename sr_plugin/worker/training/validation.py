"""Figures on places that are never trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image import PeakSignalNoiseRatio

from sr_plugin.core.errors import DatasetUnreadable
from sr_plugin.core.training_plan import ValidationPlan
from sr_plugin.worker.training.examples import Example, Examples, crop_side
from sr_plugin.worker.training.networks import Inputs

#: Gives the result for inputs, or None where it has none.
Method = Callable[[Inputs, torch.Tensor], "torch.Tensor | None"]
#: Smallest side that the window of SSIM (11 pixels) fits into.
_SSIM_SIDE = 11


@dataclass(frozen=True)
class Figures:
    """How well a method does.

    Attributes:
        psnr: peak signal-to-noise ratio in dB over all pixels that count together.
        ssim: structural similarity, mean over the patches; NaN where these are too small.
        patches: how many there were.
    """

    psnr: float
    ssim: float
    patches: int

    def named(self, prefix: str = "") -> dict[str, float]:
        """The figures by name, without those that are none."""
        values = {f"{prefix}psnr": self.psnr, f"{prefix}ssim": self.ssim}
        return {name: value for name, value in values.items() if np.isfinite(value)}


class Validation:
    """The patches that are validated on, whole or their middle; the same ones every time.

    Args:
        examples: of the split ``validation``.
        plan: how many, how large, and which border does not count.
        multiple: what sides must be a multiple of, in pixels of the coarsest input.
        peak: the quantity that PSNR and SSIM take as the range of the data.
        device: where the network runs.

    Raises:
        DatasetUnreadable: when the patches are too small for the network, or for the figure that is to choose.
    """

    def __init__(
        self, examples: Examples, plan: ValidationPlan, multiple: int, peak: float, device: torch.device
    ) -> None:
        self._examples, self._plan, self.peak, self._device = examples, plan, peak, device
        self._side = crop_side(examples, plan.side, multiple)
        self._ratio = examples.card.target.height // examples.coarsest[0]
        self._border = min(plan.border, (self._side - 1) // 2) * self._ratio
        if plan.metric == "ssim" and self._side * self._ratio - 2 * self._border < _SSIM_SIDE:
            raise DatasetUnreadable(
                f"The patches that are validated on are too small for SSIM, which needs {_SSIM_SIDE} pixels without "
                "the border.",
                "Let PSNR choose the best weights, or make a dataset with larger patches.",
            )
        # Evenly spread over all of them, those without gaps first.
        ordered = sorted(examples.records, key=lambda record: record.gaps > 0)
        places = np.linspace(0, len(ordered) - 1, min(plan.most, len(ordered))).astype(int)
        self.records = [ordered[int(place)] for place in places]

    def __len__(self) -> int:
        return len(self.records)

    def example(self, number: int) -> Example:
        """The middle of a patch."""
        height, width = self._examples.coarsest
        row, column = ((length - self._side) // 2 for length in (height, width))
        multiple_of_side = (self._side, self._side)
        return self._examples.crop(self.records[number], row, column, multiple_of_side)

    def tensors(self, number: int) -> tuple[Inputs, torch.Tensor, torch.Tensor]:
        """Inputs, target and valid pixels of a patch, each with 1 in front."""
        example = self.example(number)
        inputs = tuple(torch.from_numpy(x)[None].to(self._device) for x in example.inputs)
        target, valid = (torch.from_numpy(x)[None].to(self._device) for x in (example.target, example.valid))
        return inputs, target, valid

    def _all(self) -> Iterator[tuple[Inputs, torch.Tensor, torch.Tensor]]:
        for number in range(len(self.records)):
            yield self.tensors(number)

    def _inner(self, x: torch.Tensor) -> torch.Tensor:
        b = self._border
        return x[..., b : x.shape[-2] - b, b : x.shape[-1] - b] if b else x

    def measure(self, method: Method) -> Figures | None:
        """The figures of a method; None where it has no result for this dataset.

        Pixels without data do not count in PSNR, and are those of the target in SSIM.
        """
        psnr = PeakSignalNoiseRatio(data_range=self.peak).to(self._device)
        similarities = []
        with torch.no_grad():
            for inputs, target, valid in self._all():
                result = method(inputs, target)
                if result is None:
                    return None
                result, target, valid = (self._inner(x) for x in (result.float(), target, valid))
                seen = valid.expand_as(target)
                if seen.any():
                    psnr.update(result[seen], target[seen])
                if min(target.shape[-2:]) >= _SSIM_SIDE:
                    filled = torch.where(seen, result, target)
                    similarity = structural_similarity_index_measure(filled, target, data_range=self.peak)
                    similarities.append(float(similarity))
        ssim = float(np.mean(similarities)) if similarities else float("nan")
        return Figures(float(psnr.compute()), ssim, len(self.records))
