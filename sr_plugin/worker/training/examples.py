"""Examples of a dataset, as quantities in float32, and the batches of a training.

Which examples a step sees, and how they are changed, follows from the seed and the number of the step alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from torch.utils.data import Dataset as TorchDataset

from sr_plugin.core.card import MULTI_IMAGE
from sr_plugin.core.dataset import Dataset, PatchRecord
from sr_plugin.core.dataset_card import TRAIN, VALIDATION, ArraySpec
from sr_plugin.core.errors import DatasetUnreadable, SuperResolutionError
from sr_plugin.core.training_plan import AugmentationPlan, TrainingPlan
from sr_plugin.worker.training.augmentation import Change, changed

#: Tells the random numbers of the order from those of the changes.
_ORDER, _CHANGES = 1, 2
#: Patches that are looked at where the card of a dataset does not tell the spread of its values.
_LOOKED_AT = 32
_PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True)
class Example:
    """One or several examples.

    Attributes:
        inputs: ``(bands, h, w)``, or ``(views, bands, h, w)`` for several images; one array for each grid, in the order
            of the dataset, with ``N`` in front where these are several examples.
        target: ``(bands, H, W)``.
        valid: bool ``(1, H, W)``, False for pixels of the target without data.
    """

    inputs: tuple[np.ndarray, ...]
    target: np.ndarray
    valid: np.ndarray


class Examples:
    """The patches of one split.

    Args:
        dataset: an opened dataset.
        split: ``train`` or ``validation``.

    Raises:
        DatasetUnreadable: when the split is empty.
    """

    def __init__(self, dataset: Dataset, split: str) -> None:
        self.dataset, self.card = dataset, dataset.card
        self.records = dataset.split(split)
        if not self.records:
            raise DatasetUnreadable(
                f"The dataset '{dataset.folder}' has no patches for {'training' if split == TRAIN else split}.",
                "Make a dataset with more places, or with other shares.",
            )

    def __len__(self) -> int:
        return len(self.records)

    @property
    def coarsest(self) -> tuple[int, int]:
        """Height and width of the coarsest input."""
        inputs = self.card.inputs
        return min(spec.height for spec in inputs), min(spec.width for spec in inputs)

    def crop(self, record: PatchRecord, row: int, column: int, side: tuple[int, int]) -> Example:
        """A part of a patch.

        Args:
            record: which patch.
            row, column, side: upper-left corner, and height and width, in pixels of the coarsest input.

        Raises:
            DatasetUnreadable: when an array is missing, not what the card says, or not finite.
        """
        inputs = tuple(self._cut(record, spec, row, column, side) for spec in self.card.inputs)
        if self.card.kind == MULTI_IMAGE:
            inputs = (self._ordered(record, inputs[0]),)
        target = self._cut(record, self.card.target, row, column, side)
        mask = self.dataset.valid(record, self.card.target)
        if mask is None:
            valid = np.ones((1, *target.shape[-2:]), bool)
        else:
            valid = self._window(mask, self.card.target, row, column, side)[None] != 0
        for spec, values in zip(self.card.arrays, (*inputs, target), strict=True):
            if not np.isfinite(values).all():
                raise DatasetUnreadable(
                    f"Array '{spec.name}' of patch {record.id} holds values that are not finite.",
                    "Strike the patch out, or make the dataset anew.",
                )
        return Example(inputs, target, valid)

    def _ratio(self, spec: ArraySpec) -> int:
        return spec.height // self.coarsest[0]

    def _window(self, values: np.ndarray, spec: ArraySpec, row: int, column: int, side: tuple[int, int]) -> np.ndarray:
        r = self._ratio(spec)
        return values[..., row * r : (row + side[0]) * r, column * r : (column + side[1]) * r]

    def _cut(self, record: PatchRecord, spec: ArraySpec, row: int, column: int, side: tuple[int, int]) -> np.ndarray:
        values = self._window(self.dataset.array(record, spec), spec, row, column, side)
        return (values.astype(np.float64) * spec.gain + spec.offset).astype(np.float32)

    def _ordered(self, record: PatchRecord, views: np.ndarray) -> np.ndarray:
        """The views, the clearest first but for the very first one, on whose grid the target lies."""
        mask = self.dataset.valid(record, self.card.inputs[0])
        if mask is None:
            return views
        gaps = (mask[1:] == 0).mean(axis=(1, 2))
        return views[[0, *(1 + np.argsort(gaps, kind="stable"))]]

    def contrast(self, spec: ArraySpec | None = None) -> tuple[float, float]:
        """The quantities that nearly all targets, or the values of another array, lie between (0.1 % and 99.9 %).

        Raises:
            DatasetUnreadable: when all values are the same.
        """
        spec = spec or self.card.target
        if spec.percentiles:
            ends = np.asarray(spec.percentiles, np.float64) * spec.gain + spec.offset
            low, high = float(ends.min()), float(ends.max())
        else:
            side = self.coarsest
            shown = [self._cut(record, spec, 0, 0, side) for record in self.records[:_LOOKED_AT]]
            values = np.concatenate([s[np.isfinite(s)] for s in shown])
            low, high = (float(v) for v in np.percentile(values, _PERCENTILES)) if values.size else (0.0, 0.0)
        if high <= low:
            raise DatasetUnreadable(
                f"All values of '{spec.name}' in the dataset are the same.", "Make it from other rasters."
            )
        return low, high


def open_examples(folder: str) -> tuple[Examples, Examples]:
    """Training and validation examples of the dataset in a folder.

    Raises:
        DatasetUnreadable: when there is none, a split is empty, or a place is in both splits.
    """
    dataset = Dataset.open(folder)
    training, validation = Examples(dataset, TRAIN), Examples(dataset, VALIDATION)
    shared = {r.place for r in training.records} & {r.place for r in validation.records}
    if shared:
        raise DatasetUnreadable(
            f"The place '{sorted(shared)[0]}' is trained on and validated on.", "Split the dataset by place."
        )
    return training, validation


def crop_side(examples: Examples, wanted: int, multiple: int) -> int:
    """Side of the square crops in pixels of the coarsest input.

    Args:
        examples: what is cropped.
        wanted: side that the plan asks for.
        multiple: what the side must be a multiple of, in the same pixels.

    Raises:
        DatasetUnreadable: when the patches are too small.
    """
    side = min(wanted, *examples.coarsest) // multiple * multiple
    if side < 1:
        raise DatasetUnreadable(
            f"The patches of the dataset are too small: the network needs multiples of {multiple} pixels.",
            "Make a dataset with larger patches, or choose a network that halves less often.",
        )
    return side


class StepBatches(TorchDataset):
    """The batch of every step, under the number of the step.

    Args:
        examples: training examples.
        plan: batch, seed and changes.
        side: side of the crops in pixels of the coarsest input.
        spread: the quantity between the lowest and the highest usual value, which noise is counted in.
    """

    def __init__(self, examples: Examples, plan: TrainingPlan, side: int, spread: float) -> None:
        self._examples, self._plan, self._side, self._spread = examples, plan, side, spread

    def __len__(self) -> int:
        return self._plan.steps

    def indices(self, step: int) -> list[int]:
        """Numbers of the examples of a step; every one comes once before any comes again."""
        count, batch = len(self._examples), self._plan.batch
        positions = range(step * batch, (step + 1) * batch)
        return [int(_order(self._plan.seed, k // count, count)[k % count]) for k in positions]

    def __getitem__(self, step: int) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
        rng = np.random.default_rng((self._plan.seed, _CHANGES, step))
        parts = [self._one(index, rng, self._plan.augmentation) for index in self.indices(step)]
        inputs = tuple(np.stack(group) for group in zip(*(part.inputs for part in parts), strict=True))
        return inputs, np.stack([part.target for part in parts]), np.stack([part.valid for part in parts])

    def _one(self, index: int, rng: np.random.Generator, plan: AugmentationPlan) -> Example:
        height, width = self._examples.coarsest
        row, column = (int(rng.integers(0, length - self._side + 1)) for length in (height, width))
        record = self._examples.records[index]
        example = self._examples.crop(record, row, column, (self._side, self._side))
        change = Change.drawn(rng, plan, self._spread)
        inputs = tuple(change.with_noise(changed(x, change), rng) for x in example.inputs)
        return Example(inputs, changed(example.target, change), changed(example.valid, change, values=False))


class ToldBatches(TorchDataset):
    """Batches whose errors are values.

    Out of a reader process an error comes as a text with all the calls that led to it; a value comes as it is.
    """

    def __init__(self, batches: StepBatches) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, step: int) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray] | SuperResolutionError:
        try:
            return self._batches[step]
        except SuperResolutionError as error:
            return error


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, _ORDER, epoch)).permutation(count)
