"""Splitting patches by the ground they lie on, so that no ground is both learned from and judged on.

Neighbouring pixels resemble each other, so patches drawn at random into training and validation make a model look
better than it is (Ploton et al. 2020, doi:10.1038/s41467-020-18321-y). Here the ground is cut into square cells, a cell
goes into one split as a whole, and a patch that reaches into cells of two splits is left out.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from typing import Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple

from sr_plugin.core.dataset_card import TEST, TRAIN, VALIDATION

Point = Tuple[float, float]
#: Length of a degree of latitude on a sphere of 6371 km.
METRES_PER_DEGREE = 111194.93
#: Most neighbouring places that go into validation or test together.
_GROUP = 4


def ground_cells(corners: Sequence[Point], size_m: float) -> FrozenSet[str]:
    """Names of the cells that a patch touches, the same for rasters of any CRS.

    Args:
        corners: longitude and latitude in degrees of all corners of the patch.
        size_m: side of a cell in metres.
    """
    west, east = _span(p[0] for p in corners)
    south, north = (math.floor(y * METRES_PER_DEGREE / size_m) for y in _span(p[1] for p in corners))
    cells = set()
    for row in range(south, north + 1):
        # Columns of a row are as wide as at its middle, so that cells are square everywhere.
        middle = min(89.9, abs((row + 0.5) * size_m / METRES_PER_DEGREE))
        degree = METRES_PER_DEGREE * math.cos(math.radians(middle))
        # A patch may reach into a row only between its corners, so both ends of the whole patch are looked at.
        columns = math.floor(west * degree / size_m), math.floor(east * degree / size_m)
        cells.update(f"{row}_{column}" for column in range(columns[0], columns[1] + 1))
    return frozenset(cells)


def pixel_cells(corners: Sequence[Point], size_px: Optional[float], name: str = "") -> FrozenSet[str]:
    """The same on the pixels of one grid, such as that of a picture without georeference.

    Args:
        corners: column and row of all corners of the patch.
        size_px: side of a cell in pixels, no smaller than the patch; None for the whole picture as one place.
        name: of the picture; empty where all patches share one grid.
    """
    if size_px is None:
        return frozenset((name,))
    left, right = (math.floor(edge / size_px) for edge in _span(p[0] for p in corners))
    top, bottom = (math.floor(edge / size_px) for edge in _span(p[1] for p in corners))
    start = f"{name}:" if name else ""
    return frozenset(f"{start}{row}_{column}" for row in range(top, bottom + 1) for column in range(left, right + 1))


def _span(values: Iterable[float]) -> Tuple[float, float]:
    found = list(values)
    return min(found), max(found)


def assign_splits(
    patches: Mapping[str, int], shares: Mapping[str, float], seed: int, fixed: Optional[Mapping[str, str]] = None
) -> Dict[str, str]:
    """Give every place a split, so that the patches come close to the shares.

    Places of validation and test are taken in groups of neighbours: the shorter the frontier, the fewer patches lie
    across it.

    Args:
        patches: number of patches that touch each place.
        shares: wanted share of each split; those that are 0 or missing get none.
        seed: of the order in which places are dealt out.
        fixed: splits of places that are known already.

    Returns:
        The split of every place. Each split with a share has a place as long as there are enough of them, training
        first.
    """
    splits = {place: split for place, split in (fixed or {}).items() if place in patches}
    free = sorted((p for p in patches if p not in splits), key=lambda p: _order(p, seed))
    total = sum(patches.values())
    judging = [split for split in (VALIDATION, TEST) if shares.get(split, 0) > 0]
    for split in judging:
        others = {TRAIN, *judging} - {split} - set(splits.values())
        have = sum(patches[p] for p, s in splits.items() if s == split)
        group: List[str] = []
        while have < shares[split] * total and len(free) > len(others):
            place = _next_place(free, group, patches, shares[split] * total - have, have == 0)
            if place is None:
                break
            group = [*group, place] if len(group) < _GROUP else [place]
            splits[place] = split
            have += patches[place]
            free.remove(place)
    splits.update(dict.fromkeys(free, TRAIN))
    return splits


def _next_place(
    free: Sequence[str], group: Sequence[str], patches: Mapping[str, int], missing: float, needed: bool
) -> Optional[str]:
    """The next place of a split: beside the group begun, else the next one in order.

    One that overshoots what is missing by more than half is taken only where a split would stay empty.
    """
    fitting = [place for place in free if patches[place] / 2 <= missing]
    if 0 < len(group) < _GROUP:
        beside = Counter(near for place in group for near in _neighbours(place))
        touching = [place for place in fitting if beside[place]]
        if touching:
            return max(touching, key=lambda place: beside[place])
    if fitting:
        return fitting[0]
    return min(free, key=lambda place: patches[place]) if needed else None


def _neighbours(place: str) -> List[str]:
    start, _, last = place.rpartition(":")
    row, _, column = last.partition("_")
    try:
        y, x = int(row), int(column)
    except ValueError:
        return []
    start = f"{start}:" if start else ""
    return [f"{start}{y + dy}_{x + dx}" for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))]


def split_of(cells: Iterable[str], splits: Mapping[str, str]) -> str:
    """The split of a patch that touches these cells, or an empty text where they belong to several.

    Raises:
        KeyError: when a cell was given to no split, because two patches of different splits might overlap there.
    """
    found = {splits[cell] for cell in cells}
    return found.pop() if len(found) == 1 else ""


def _order(place: str, seed: int) -> str:
    """Where a place stands in the shuffled row: does not depend on the other places."""
    return hashlib.sha256(f"{seed} {place}".encode()).hexdigest()


def generator(seed: int, *key: object) -> random.Random:
    """A random generator of its own for each key, so that results do not depend on the order of work."""
    digest = hashlib.sha256(" ".join(str(part) for part in (seed, *key)).encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))  # nosec B311: a repeatable choice, no secret
