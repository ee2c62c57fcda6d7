"""What every backend can do."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from sr_plugin.core.errors import ModelFailed
from sr_plugin.core.grid import Window
from sr_plugin.core.session import LoadedModel

#: Final types that a device can make: their bits fit into what every device computes with.
FINISHED_TYPES = ("uint8", "int8", "uint16", "int16")


@dataclass(frozen=True)
class Finish:
    """From a network's output to final pixels.

    Attributes:
        shape: what the output has to be, ``(bands, h, w)``.
        crop: the part to keep, in its pixels.
        gain, offset: per band, ``pixel = output * gain + offset``, rounded half to even and saturating.
        pixel_type: one of :data:`FINISHED_TYPES`.
    """

    shape: tuple[int, int, int]
    crop: Window
    gain: tuple[float, ...]
    offset: tuple[float, ...]
    pixel_type: str


def check_output(found: tuple[int, ...], expected: tuple[int, ...], finite: bool) -> None:
    """Refuse what is no result.

    Args:
        found: shape of a network's output.
        expected: what its card promises.
        finite: whether all values are.

    Raises:
        ModelFailed: saying which of both is wrong.
    """
    if not finite:
        raise ModelFailed(
            "The model gave values that are not finite.", "Use float32 precision, or check the normalisation."
        )
    if found != expected:
        raise ModelFailed(
            f"The model gave an image of shape {found} where its card promises {expected}.",
            "Check scale and bands in the model card.",
        )


class Backend(ABC):
    """A network made ready on one device."""

    @abstractmethod
    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        """Run the network.

        Args:
            inputs: ``(n, bands, h, w)`` float32 in the network's own value range; one for most networks. Those that
                fuse bands take one for each group, in the order of their card, all on the grid of the finest one.

        Returns:
            ``(n, output bands, h * scale, w * scale)`` float32.

        Raises:
            OutOfMemory: when the device has too little memory for this batch.
            ModelFailed: when the network fails for another reason.
        """

    @abstractmethod
    def describe(self) -> LoadedModel:
        """What computes, where and in which precision."""

    @property
    def finishes(self) -> bool:
        """True where :meth:`forward_finished` pays, because the output has to travel from a device of its own."""
        return False

    def forward_finished(self, batch: np.ndarray, finish: Finish) -> np.ndarray:
        """Run the network on one image and make final pixels of its output where it was computed.

        Args:
            batch: ``(1, bands, h, w)`` float32 in the network's own value range.
            finish: what to make of the output.

        Returns:
            ``(output bands, height, width)`` of the crop, of the final type.

        Raises:
            OutOfMemory: when the device has too little memory.
            ModelFailed: when the network fails, or its output is not finite or of an unexpected shape.
        """
        raise NotImplementedError


def is_out_of_memory(error: BaseException) -> bool:
    """True for the many ways in which runtimes say that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    text = f"{type(error).__name__} {error}".lower()
    signs = ("out of memory", "outofmemory", "can't allocate", "failed to allocate", "bad_alloc", "cannot allocate")
    return any(sign in text for sign in signs)


def thread_count(wanted: int) -> int:
    """Threads to use: as many as this process may run on unless told otherwise."""
    if wanted > 0:
        return wanted
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def first_line(error: BaseException) -> str:
    """What a runtime says first about an error, short enough for a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
