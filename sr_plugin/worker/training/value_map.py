"""From the quantity of a dataset to the numbers of a network and back, on tensors."""

from __future__ import annotations

from dataclasses import replace

import torch

from sr_plugin.core.dataset_card import ArraySpec
from sr_plugin.core.value_range import QUANTITIES, ValueRange

_ROOM = 0.05


def range_for(
    known: ValueRange, quantity: str, contrast: tuple[float, float], name: str, trained: bool = False
) -> ValueRange:
    """The range of a network on the quantity of a dataset.

    Where the network was made for this quantity, its range stays; numbers of a file as they are mean something to
    trained weights only. Otherwise the contrast of the dataset, with a little room, takes the place of 0 to 1.

    Args:
        known: the range that the network is known for.
        quantity: that of the dataset, empty where it is not known.
        contrast: lowest and highest usual value of the dataset.
        name: name of the new range.
        trained: whether the network has weights that were trained on its range.
    """
    quantity = quantity if quantity in QUANTITIES else "dn"
    if known.quantity == quantity and (trained or quantity != "dn"):
        return known
    low, high = _with_room(*contrast)
    span = high - low
    inside = known if known.quantity != "dn" else ValueRange("plain", "unit")
    return replace(
        inside,
        name=name,
        quantity=quantity,
        in_gain=tuple(gain / span for gain in inside.in_gain),
        in_offset=_offsets(inside, low / span),
        out_gain=inside.out_gain * span,
        out_offset=inside.out_offset * span + low,
        valid=None if inside.valid is None else (low + span * inside.valid[0], low + span * inside.valid[1]),
    )


def translation_range(
    known: ValueRange,
    plain: ValueRange,
    inside: ValueRange,
    target: ArraySpec,
    contrast: tuple[float, float],
    kept: bool,
) -> ValueRange:
    """The range of a network whose results are another thing than its inputs: the numbers of the target as stored.

    Args:
        known: the range that the network is known for.
        plain: that of its architecture.
        inside: range of the inputs, with the name.
        target: how targets are stored.
        contrast: lowest and highest usual value of the targets, by the target's gain and offset.
        kept: whether the network has weights that were trained on its range.
    """
    if kept and known.out_type == target.pixel_type:
        return replace(inside, out_gain=known.out_gain, out_offset=known.out_offset, out_type=known.out_type)
    ends = sorted((value - target.offset) / target.gain for value in contrast)
    low, high = (0.0, 255.0) if target.pixel_type == "uint8" else _with_room(*ends)
    usual = plain if known.out_type or known.quantity == "dn" else known
    usual = usual if usual.quantity != "dn" else ValueRange("plain", "unit")
    span = high - low
    return replace(
        inside, out_gain=usual.out_gain * span, out_offset=usual.out_offset * span + low, out_type=target.pixel_type
    )


def _with_room(low: float, high: float) -> tuple[float, float]:
    room = _ROOM * (high - low)
    # Sensors have a true zero, which most networks see as zero.
    return (0.0 if 0.0 <= low < 0.5 * high else low - room), high + room


def _offsets(known: ValueRange, shift: float) -> tuple[float, ...]:
    count = max(len(known.in_gain), len(known.in_offset))
    wide = known.for_bands(count)
    return tuple(offset - gain * shift for gain, offset in zip(wide.in_gain, wide.in_offset, strict=True))


class ValueMap:
    """The affine maps of a range, for a number of bands on a device.

    Args:
        value_range: the range.
        bands: bands that the network takes in each of its inputs.
        device: where the tensors lie.
        target: gain and offset from the numbers of a result to its quantity, where these are its own.
    """

    def __init__(
        self,
        value_range: ValueRange,
        bands: tuple[int, ...],
        device: torch.device,
        target: tuple[float, float] = (1.0, 0.0),
    ) -> None:
        self._range, self._target = value_range, target
        spread = value_range.for_bands(sum(bands))
        gains, offsets = (torch.tensor(v, device=device)[:, None, None] for v in (spread.in_gain, spread.in_offset))
        self._gains, self._offsets = gains.split(list(bands)), offsets.split(list(bands))

    def to_model(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Quantities ``(..., bands, h, w)`` as the network takes them, clamped to what it was made for."""
        valid = self._range.valid
        clamped = inputs if valid is None else tuple(x.clamp(*valid) for x in inputs)
        return tuple(x * g + o for x, g, o in zip(clamped, self._gains, self._offsets, strict=True))

    def to_quantity(self, output: torch.Tensor) -> torch.Tensor:
        """What the network gives, as quantities."""
        result = output * self._range.out_gain + self._range.out_offset
        gain, offset = self._target
        return result * gain + offset if self._range.out_type else result

    def outside(self, image: torch.Tensor) -> torch.Tensor | None:
        """What the clamp takes from an image; None where that is nothing."""
        valid = self._range.valid
        rest = None if valid is None else image - image.clamp(*valid)
        return rest if rest is not None and bool(rest.any()) else None
