"""How large a tile may be.

It follows from the machine's memory, not from what is free at the moment, so that an interrupted run finds the same
tiles again; where that was too much, tiles are split as they run.
"""

from __future__ import annotations

import os
from typing import Optional

from sr_plugin.core.card import ModelCard
from sr_plugin.core.fusion_chain import FUSION_CHAIN, chain_of

#: Working memory that a tile may take at most, in bytes: larger tiles gain nothing on a CPU.
_MOST = 2 << 30
#: Assumed when the system does not tell how much memory there is.
_UNKNOWN = 8 << 30

#: Families whose last layer enlarges, so that all features lie on the input's grid.
_ENLARGE_LAST = ("edsr_bicubic", "srvgg", "espcn")

_SMALLEST, _LARGEST = 64, 512


def total_memory() -> Optional[int]:
    """Bytes of memory of this machine, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def bytes_per_pixel(card: ModelCard) -> int:
    """Rough working memory of a network per input pixel in bytes.

    Three copies of the widest layer's activations, which sits on the output grid in networks that enlarge before it.
    """
    if card.family == FUSION_CHAIN:
        return max(_chain_bytes(card, step) for step in chain_of(card).steps)
    if card.family == "builtin":
        return 64 * card.scale**2
    width = int(card.hyperparameters.get("width") or card.hyperparameters.get("features") or 64)
    if card.family in _ENLARGE_LAST:
        return 4 * 4 * max(1, len(card.input_bands)) * card.scale**2 + 4 * width * 8
    return 3 * 4 * width * card.scale**2 + 4 * 4 * width * 5


def _chain_bytes(chain: ModelCard, step: ModelCard) -> int:
    """Working memory of one step of a chain, with all bands in and out of it beside."""
    count = len(chain.input_bands)
    alike = max(1, count // 4) if step.any_bands or step.per_band else 1
    return bytes_per_pixel(step) * alike + 3 * 4 * count * (1 + chain.scale**2)


def choose_tile(card: ModelCard, margin: int, bands: int) -> int:
    """Side of a tile's core in input pixels, as large as memory sensibly allows.

    The side is a multiple of 64 so that the blocks of the result are written once each.
    """
    budget = min(_MOST, (total_memory() or _UNKNOWN) // 8)
    per_pixel = bytes_per_pixel(card) * (max(1, bands // 4) if card.any_bands or card.per_band else 1)
    side = int((budget / per_pixel) ** 0.5) - 2 * margin
    return max(_SMALLEST, min(_LARGEST, side // 64 * 64))
