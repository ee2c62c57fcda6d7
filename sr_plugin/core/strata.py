"""Strata: which class covers a patch, and a choice in which rare classes are not drowned by common ones."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import DefaultDict, Dict, Hashable, List, Mapping, Optional, Sequence

import numpy as np

from sr_plugin.core.place_split import generator


def dominant_class(classes: np.ndarray, valid: Optional[np.ndarray] = None) -> str:
    """The class number that covers most pixels, as text; the smallest of several, empty where nothing is valid.

    Args:
        classes: whole numbers of any type and shape.
        valid: bool of the same shape, None where all are.
    """
    chosen = classes.ravel() if valid is None else classes[valid]
    if chosen.size == 0:
        return ""
    values, counts = np.unique(chosen, return_counts=True)
    return f"{int(values[int(np.argmax(counts))])}"


def quotas(sizes: Mapping[Hashable, int], total: int) -> Dict[Hashable, int]:
    """How many to take of each stratum: equal numbers, and what small strata leave goes to the others.

    Args:
        sizes: how many there are of each.
        total: how many are wanted in all; 0 takes of each stratum as many as the median stratum has.
    """
    if total <= 0:
        middle = int(statistics.median(sizes.values())) if sizes else 0
        return {stratum: min(size, max(1, middle)) for stratum, size in sizes.items()}
    taken: Dict[Hashable, int] = {}
    left = total
    for index, stratum in enumerate(sorted(sizes, key=lambda s: (sizes[s], str(s)))):
        taken[stratum] = min(sizes[stratum], left // (len(sizes) - index))
        left -= taken[stratum]
    return taken


def balanced_choice(strata: Sequence[str], total: int, seed: int) -> List[int]:
    """Numbers of the patches to keep, ascending; drawn at random within each stratum.

    Args:
        strata: stratum of every patch.
        total: see :func:`quotas`.
        seed: of the draw.
    """
    members: DefaultDict[str, List[int]] = defaultdict(list)
    for number, stratum in enumerate(strata):
        members[stratum].append(number)
    wanted = quotas({stratum: len(found) for stratum, found in members.items()}, total)
    kept: List[int] = []
    for stratum, found in members.items():
        kept += generator(seed, "stratum", stratum).sample(found, wanted[stratum])
    return sorted(kept)
