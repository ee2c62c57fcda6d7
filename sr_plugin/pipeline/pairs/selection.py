"""Which candidates go into the dataset, and into which split: by place, balanced over strata."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

from sr_plugin.core.dataset_card import SPLITS, TRAIN
from sr_plugin.core.errors import EmptyExtent, ParameterError
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.place_split import assign_splits, ground_cells, pixel_cells, split_of
from sr_plugin.core.strata import balanced_choice
from sr_plugin.pipeline.pairs.request import PairRequest
from sr_plugin.pipeline.pairs.survey import Candidate, Rejection, Survey
from sr_plugin.raster.ground_position import GroundPosition
from sr_plugin.raster.warped_source import same_crs

#: Squares that a whole area is cut into where nobody says otherwise.
_PLACES = 30
#: Their least side in patches: where patches lie on the grid of the squares, overlap, or lie anywhere.
_ON_GRID, _OVERLAPPING, _ANYWHERE = 1, 2, 3
#: As many pictures without georeference are places of their own; fewer are cut into squares.
_PICTURES = 5
#: Neighbouring patches share an edge but no pixels.
_INSET = 0.01
Points = List[Tuple[float, float]]


@dataclass(frozen=True)
class SceneGround:
    """Where a scene lies.

    Attributes:
        grid: of the low resolution.
        margin: pixels around a patch that have part in its values.
        title: name of the scene's picture, unlike that of all scenes that show no pixel of it.
        split: that the set itself gives it, or empty.
        position: on Earth, None where it has none.
        shift: columns and rows of the low resolution by which the high one was read further right and down.
    """

    grid: Grid
    margin: int
    title: str
    split: str
    position: Optional[GroundPosition]
    shift: Tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Selection:
    """The patches of a dataset.

    Attributes:
        chosen: candidates and their splits, in the order of scenes and windows.
        rule: of the split, a sentence.
        place_size_m: side of a square; see :class:`Places`.
        places: number of places by split.
        warnings: sentences that the user should read.
    """

    chosen: Tuple[Tuple[Candidate, str], ...]
    rule: str
    place_size_m: float
    places: Mapping[str, int]
    warnings: Tuple[str, ...]


def ground_of(grid: Grid, margin: int, title: str, split: str, georeferenced: bool) -> SceneGround:
    """Where a scene lies; a CRS that leads nowhere on Earth counts as none."""
    position = None
    if georeferenced:
        try:
            position = GroundPosition(grid)
            position.degrees(_corners(grid.window, 0))
        except ValueError:
            position = None
    return SceneGround(grid, margin, title, split, position)


def select(survey: Survey, grounds: Mapping[int, SceneGround], request: PairRequest) -> Selection:
    """Split and balance what the survey found; adds to its rejections.

    Raises:
        EmptyExtent: when nothing is left.
        ParameterError: when the places are smaller than a patch.
    """
    if not survey.candidates:
        raise EmptyExtent(_why_nothing(survey), "Loosen a filter, choose smaller patches, or give other rasters.")
    places = Places(survey.candidates, grounds, request)
    located = [places.locate(candidate) for candidate in survey.candidates]
    touching = Counter(cell for candidate in located for cell in candidate.cells)
    given = _given_splits(located, grounds)
    disputed = {cell for cell, found in given.items() if len(found) > 1}
    fixed = {cell: min(found) for cell, found in given.items()}
    splits = assign_splits(touching, request.shares, request.seed, fixed)
    inside: Dict[str, List[Candidate]] = {split: [] for split in SPLITS}
    for candidate in located:
        split = split_of(candidate.cells, splits)
        # Values of a training patch must not come from the surroundings of what is judged.
        reached = {splits.get(cell, split) for cell in candidate.reach} if split == TRAIN else {split}
        if split and reached == {split} and not candidate.cells & disputed:
            inside[split].append(candidate)
        else:
            survey.rejections.append(Rejection("border", candidate.scene, candidate.window))
    chosen = _balanced(inside, survey, request)
    counts = {split: len({c.home for c, s in chosen if s == split}) for split in SPLITS}
    return Selection(chosen, places.rule, places.size_m, counts, tuple(_warnings(chosen, request)))


def _given_splits(located: Sequence[Candidate], grounds: Mapping[int, SceneGround]) -> Dict[str, Set[str]]:
    """Splits that the sets themselves give to places; several where they contradict each other."""
    given: Dict[str, Set[str]] = {}
    for candidate in located:
        split = grounds[candidate.scene].split
        for cell in candidate.cells if split else ():
            given.setdefault(cell, set()).add(split)
    return given


def _why_nothing(survey: Survey) -> str:
    told = ", ".join(f"{count} {reason}" for reason, count in survey.counts.most_common())
    return f"No patch is left to learn from ({told or 'the rasters are smaller than a patch'})."


class Places:
    """Cuts the ground into places.

    Rasters of one CRS share the pixel grid of the first of them, so that no patch of it lies across a border; those of
    several CRS share squares along longitude and latitude. Pictures without georeference are places of their own, or
    are cut into squares where there are few.

    Args:
        candidates: patches to be placed.
        grounds: where their scenes lie.
        request: patch and size of places.

    Attributes:
        size_m: side of a square in metres, or in pixels of the low resolution where nothing is known of the ground; 0
            where pictures are places.
        rule: a sentence.

    Raises:
        ParameterError: when the places are smaller than a patch.
    """

    def __init__(
        self, candidates: Sequence[Candidate], grounds: Mapping[int, SceneGround], request: PairRequest
    ) -> None:
        self._grounds = grounds
        located = [g for g in grounds.values() if g.position is not None]
        loose = len({g.title for g in grounds.values() if g.position is None})
        self._first = located[0] if located else None
        # Squares begin where the patches of their grid do.
        self._starts: Dict[str, Tuple[int, int]] = {}
        for candidate in candidates:
            start = candidate.window.col % request.patch, candidate.window.row % request.patch
            self._starts.setdefault(grounds[candidate.scene].title, start)
        self._shared = bool(located) and all(same_crs(g.grid.wkt, located[0].grid.wkt) for g in located[1:])
        sizes = [g.position.pixel_metres() or 1.0 for g in located if g.position is not None]
        unit, largest = (sizes[0], max(sizes)) if sizes else (1.0, 1.0)
        step = request.step or request.patch
        area = len(candidates) * step**2
        pixels = request.place_size_m / unit
        if request.place_size_m <= 0:
            least = _ON_GRID if self._shared or not located else _ANYWHERE
            aligned = step == request.patch and not any(any(g.shift) for g in grounds.values())
            least = max(least, _ON_GRID if aligned else _OVERLAPPING)
            patches = max(least, math.ceil(math.sqrt(area / _PLACES) / request.patch))
            pixels = patches * request.patch * largest / unit
        #: Cells are counted in whole pixels of the low resolution of the first raster.
        self._pixels = float(round(pixels))
        self._whole_pictures = request.place_size_m <= 0 and loose >= _PICTURES
        squares = bool(located) or not self._whole_pictures
        self.size_m = self._pixels * unit if squares else 0.0
        if squares and self._pixels * unit < request.patch * largest:
            raise ParameterError(
                f"Places of {request.place_size_m:g} are smaller than a patch of {request.patch * largest:g}.",
                "Choose larger places, smaller patches, or 0.",
            )
        self.rule = "Each picture is a place and goes into one split as a whole."
        if squares:
            side = f"{self.size_m:.0f} m" if located else f"{self._pixels:.0f} pixels"
            self.rule = (
                f"Squares of {side} go into one split as a whole; patches that lie across the border of two splits, "
                "and training patches whose surroundings do, are left out."
            )

    def locate(self, candidate: Candidate) -> Candidate:
        """The candidate with the places that it and its surroundings touch, and the one that its middle lies in."""
        ground = self._grounds[candidate.scene]
        window = candidate.window
        middle = [(window.col + window.width / 2, window.row + window.height / 2)]
        return replace(
            candidate,
            cells=self._touched(ground, window, -_INSET),
            reach=self._touched(ground, window, ground.margin - _INSET),
            home=min(self._cells(ground, middle)),
        )

    def _touched(self, ground: SceneGround, window: Window, margin: float) -> FrozenSet[str]:
        """Places of both halves of a patch: another image may show what ``high`` was read from at its own place."""
        corners = _corners(window, margin)
        columns, rows = ground.shift
        moved = [(point[0] + columns, point[1] + rows) for point in corners]
        return self._cells(ground, corners) | self._cells(ground, moved)

    def _cells(self, ground: SceneGround, points: Points) -> FrozenSet[str]:
        if ground.position is None or self._first is None:
            size = None if self._whole_pictures else self._pixels
            return pixel_cells(self._from_start(ground, points), size, ground.title)
        if not self._shared:
            return ground_cells(ground.position.degrees(points), self.size_m)
        on_first = [self._first.grid.to_pixel(*ground.grid.to_map(*point)) for point in points]
        return pixel_cells(self._from_start(self._first, on_first), self._pixels)

    def _from_start(self, ground: SceneGround, points: Points) -> Points:
        col, row = self._starts.get(ground.title, (0, 0))
        return [(point[0] - col, point[1] - row) for point in points]


def _corners(window: Window, margin: float) -> Points:
    columns = window.col - margin, window.right + margin
    rows = window.row - margin, window.bottom + margin
    return [(column, row) for column in columns for row in rows]


def _balanced(
    inside: Mapping[str, List[Candidate]], survey: Survey, request: PairRequest
) -> Tuple[Tuple[Candidate, str], ...]:
    """At most as many as wanted, equally many of each stratum, within each split."""
    wanted = _portions({split: len(found) for split, found in inside.items() if found}, request.max_patches)
    chosen: List[Tuple[Candidate, str]] = []
    for split, found in inside.items():
        if not found:
            continue
        keep = range(len(found))
        if wanted[split] or (request.classes and not request.max_patches):
            keep = balanced_choice([c.stratum for c in found], wanted[split], request.seed)
        elif request.max_patches:
            keep = range(0)
        kept = set(keep)
        for index, candidate in enumerate(found):
            if index in kept:
                chosen.append((candidate, split))
            else:
                survey.rejections.append(Rejection("surplus", candidate.scene, candidate.window, candidate.stratum))
    return tuple(sorted(chosen, key=lambda item: (item[0].scene, item[0].window.row, item[0].window.col)))


def _portions(sizes: Mapping[str, int], total: int) -> Dict[str, int]:
    """How many patches each split keeps of a total (0 of none), by largest remainder; each has one if possible."""
    available = sum(sizes.values())
    if total <= 0 or total >= available:
        return dict(sizes) if total else dict.fromkeys(sizes, 0)
    exact = {split: total * size / available for split, size in sizes.items()}
    kept = {split: int(share) for split, share in exact.items()}
    for split in sorted(sizes, key=lambda s: kept[s] - exact[s])[: total - sum(kept.values())]:
        kept[split] += 1
    for split in kept:
        largest = max(kept, key=lambda s: kept[s])
        if kept[split] == 0 and kept[largest] > 1:
            kept[split], kept[largest] = 1, kept[largest] - 1
    return kept


def _warnings(chosen: Sequence[Tuple[Candidate, str]], request: PairRequest) -> List[str]:
    have = Counter(split for _, split in chosen)
    missing = [split for split in SPLITS if request.shares[split] > 0 and not have[split]]
    if not missing and have[TRAIN] < len(chosen) * request.shares[TRAIN] / 2:
        return [
            f"Only {have[TRAIN]} of {len(chosen)} patches are left to train on: the area holds few separate places. "
            "Smaller patches help, or a share of 0 for test."
        ]
    if not missing:
        return []
    if TRAIN in missing:
        return ["Nothing is left to train on: all patches lie on ground of validation or test."]
    return [
        f"There are no patches for {' and '.join(missing)}: the area holds too few separate places. "
        "Smaller places, smaller patches or more rasters help."
    ]
