"""How large a tile may be.

It follows from the machine's memory, not from what is free at the moment, so that an interrupted run finds the same
tiles again; where that was too much, tiles are split as they run.
"""

from __future__ import annotations

import os
from typing import List, Optional, Sequence, Tuple

from sr_plugin.core.card import ModelCard
from sr_plugin.core.fusion_chain import FUSION_CHAIN, chain_of
from sr_plugin.core.grid import Window
from sr_plugin.core.tiling import TilePlan

#: Working memory that a tile may take: at most so many bytes, and at most this part of the machine's memory.
_MOST, _PART = 4 << 30, 6
#: Assumed when the system does not tell how much memory there is.
_UNKNOWN = 8 << 30

#: Arrays of the result's size beside the network's own: the first result, a view's, a difference, two sums, bicubic.
_COMPARED_ARRAYS = 6

#: Families whose last layer enlarges, so that all features lie on the input's grid.
_ENLARGE_LAST = ("edsr_bicubic", "srvgg", "espcn")

#: Sides of cores. The blocks of the result are written once each where the side is a multiple of 64.
_SIDES = tuple(range(64, 513, 64))

#: Where Linux says how much memory a container may use.
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def total_memory() -> Optional[int]:
    """Bytes of memory of this machine or of the container, or None where the system does not tell."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return min([machine, *_container_limits()])


def _container_limits() -> List[int]:
    limits = []
    for path in _CONTAINER_LIMITS:
        try:
            with open(path, encoding="ascii") as file:
                limits.append(int(file.read()))
        except (OSError, ValueError):
            # Another system, or no limit, which Linux writes as "max".
            continue
    return limits


def bytes_per_pixel(card: ModelCard) -> int:
    """Rough working memory of a network per input pixel in bytes.

    Activations of the widest layer, which sits on the output grid in networks that enlarge before it. With SRResNet x4
    of 64 channels, OpenVINO was seen to hold 2.2 copies of them in float32, torch 2.3, ONNX Runtime 2.3 to 2.8.
    """
    if card.family == FUSION_CHAIN:
        return max(_chain_bytes(card, step) for step in chain_of(card).steps)
    if card.family == "builtin":
        return 64 * card.scale**2
    width = int(card.hyperparameters.get("width") or card.hyperparameters.get("features") or 64)
    if card.family in _ENLARGE_LAST:
        return 4 * 4 * max(1, len(card.input_bands)) * card.scale**2 + 4 * width * 8
    return 3 * 4 * width * card.scale**2


def _network_bytes(card: ModelCard, bands: int) -> int:
    """Working memory of a network that is fed some bands, per input pixel in bytes."""
    return bytes_per_pixel(card) * (max(1, bands // 4) if card.any_bands or card.per_band else 1)


def _chain_bytes(chain: ModelCard, step: ModelCard) -> int:
    """Working memory of one step of a chain, with all bands in and out of it beside."""
    count = len(chain.input_bands)
    alike = max(1, count // 4) if step.any_bands or step.per_band else 1
    return bytes_per_pixel(step) * alike + 3 * 4 * count * (1 + chain.scale**2)


def _views_bytes(card: ModelCard, bands: int) -> int:
    """What comparing views needs besides, per input pixel in bytes: sums and results of two tiles under way."""
    return 2 * _COMPARED_ARRAYS * 4 * card.output_count(bands) * card.scale**2


def choose_tile(
    card: ModelCard,
    margin: int,
    bands: int,
    area: Optional[Window] = None,
    bounds: Optional[Window] = None,
    compared: Sequence[ModelCard] = (),
) -> int:
    """Side of a tile's core in input pixels: of those whose memory is there, the one with the least margins.

    Args:
        card: the model.
        margin: pixels read around a core.
        bands: number of input bands.
        area: pixels to be super-resolved; without it, the largest side that fits.
        bounds: all pixels of the raster, where margins end.
        compared: models whose views are compared, this one among them; they run one after the other.
    """
    budget = min(_MOST, (total_memory() or _UNKNOWN) // _PART)
    per_pixel = max(_network_bytes(each, bands) for each in (card, *compared))
    most = budget // (per_pixel + (_views_bytes(card, bands) if compared else 0))
    if area is None or bounds is None:
        return max((side for side in _SIDES if (side + 2 * margin) ** 2 <= most), default=_SIDES[0])
    fitting = []
    for side in _SIDES:
        widths, heights = _read_sizes(TilePlan(area, bounds, side, margin))
        if max(widths) * max(heights) <= most:
            fitting.append((sum(widths) * sum(heights), side))
    # Of equals the smallest: the last tile of a row is then about as large as the others.
    return min(fitting)[1] if fitting else _SIDES[0]


def _read_sizes(tiles: TilePlan) -> Tuple[List[int], List[int]]:
    """Widths of what is read for each column of tiles, and heights for each row."""
    widths = [tiles[column].read.width for column in range(tiles.columns)]
    return widths, [tiles[row * tiles.columns].read.height for row in range(tiles.rows)]
