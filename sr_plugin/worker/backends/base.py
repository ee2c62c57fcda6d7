"""What every backend can do."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod

import numpy as np

from sr_plugin.core.session import LoadedModel


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
