"""Training pairs from rasters or pictures: survey all patches, choose among them, cut and write the chosen ones.

Two passes, so that memory follows one patch and not the dataset: the first one keeps a few numbers of each patch.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import shutil
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from random import Random
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.contact_sheet import contact_sheet_html
from sr_plugin.core.dataset import VALID_SUFFIX, Dataset, PatchRecord
from sr_plugin.core.dataset_card import SPLITS, DatasetCard, SourceNote
from sr_plugin.core.dataset_writer import DatasetWriter
from sr_plugin.core.errors import (
    Cancelled,
    DiskFull,
    EmptyExtent,
    OutputError,
    SourceNotFound,
    SourceUnreadable,
    SuperResolutionError,
)
from sr_plugin.core.pixel_type import common_type, recast_pixels
from sr_plugin.core.place_split import generator
from sr_plugin.core.session import ModelSession
from sr_plugin.pipeline.pairs.coregistration import Aligner
from sr_plugin.pipeline.pairs.dataset_notes import dataset_card, source_notes
from sr_plugin.pipeline.pairs.facts import Facts, conforming, facts_of, types_of
from sr_plugin.pipeline.pairs.layouts import find_scenes, shared_titles
from sr_plugin.pipeline.pairs.preview import HEIGHT, WIDTH, PreviewMaker
from sr_plugin.pipeline.pairs.raster_view import PatchPixels
from sr_plugin.pipeline.pairs.request import FUSION, SENSORS, PairRequest
from sr_plugin.pipeline.pairs.scene import Corrections, PairScene, SizeMismatch
from sr_plugin.pipeline.pairs.selection import SceneGround, Selection, ground_of, select
from sr_plugin.pipeline.pairs.survey import (
    REASONS,
    Candidate,
    Rejection,
    SceneFilters,
    SceneState,
    SceneSurvey,
    Survey,
)
from sr_plugin.pipeline.request import RunFeedback, SilentFeedback
from sr_plugin.raster.block_cache import limited_block_cache
from sr_plugin.runtime.find_python import find_worker_python
from sr_plugin.runtime.worker_session import WorkerSession

CONTACT_SHEET, REJECTED_FILE = "contact-sheet.html", "rejected.csv"
_PREVIEW_SAMPLES = 4
#: Bytes of decoded blocks beyond those that a raster is known to need: virtual rasters do not tell the blocks behind.
_CACHE = 64 << 20
#: Reasons of whole scenes by the error that they raise.
_SCENE_REASONS = ((EmptyExtent, "apart"), (SizeMismatch, "size"))


@dataclass(frozen=True)
class PairsResult:
    """What a run gives.

    Attributes:
        dataset: the dataset in its place.
        contact_sheet: path of the page.
        rejected: candidates left out, by reason.
        seconds: wall time.
    """

    dataset: Dataset
    contact_sheet: str
    rejected: Mapping[str, int]
    seconds: float


class _Preparation:
    """One run."""

    def __init__(self, request: PairRequest, feedback: RunFeedback, session: Optional[ModelSession]) -> None:
        self._request, self._feedback = request, feedback
        self._aligner = Aligner(session, request.scale, feedback.cancelled) if session is not None else None
        self._states = [SceneState(spec) for spec in find_scenes(request)]
        self._usable: List[int] = []
        self._grounds: Dict[int, SceneGround] = {}
        self._notes: List[SourceNote] = []
        self._types: List[Tuple[str, str, str]] = []
        self._titles = shared_titles([state.spec for state in self._states])
        self._facts: Optional[Facts] = None
        self._survey = Survey()
        self._done, self._total = 0, 0
        self._started = time.monotonic()

    def run(self) -> PairsResult:
        self._tell_splits()
        for number in range(len(self._states)):
            self._stop_if_cancelled()
            self._inspect(number)
        self._warn_of_scenes()
        if not self._usable or self._facts is None:
            raise EmptyExtent(
                "None of the rasters or pictures can be used "
                f"({self._first_problem() or 'they are smaller than a patch'}).",
                "Look at the log for the reason of each.",
            )
        for number in list(self._usable):
            self._survey_scene(number)
        selection = select(self._survey, self._grounds, self._request)
        for warning in selection.warnings:
            self._feedback.warning(warning)
        self._total = self._done + len(selection.chosen)
        return self._write(selection)

    def _tell_splits(self) -> None:
        """Name the folders that decide a split, since a name may say so by chance."""
        found = Counter((s.spec.split_folder, s.spec.split) for s in self._states if s.spec.split)
        for (folder, split), count in sorted(found.items()):
            self._feedback.message(f"{count} pictures go into {split} because their folder is called '{folder}'.")

    def _stop_if_cancelled(self) -> None:
        if self._feedback.cancelled():
            raise Cancelled("The preparation was cancelled.")

    def _advance(self) -> None:
        self._done += 1
        seconds = time.monotonic() - self._started
        self._feedback.progress(min(self._done, self._total), self._total, seconds / self._done * self._left())

    def _left(self) -> int:
        return max(0, self._total - self._done)

    def _first_problem(self) -> str:
        return next((r.detail for r in self._survey.rejections if r.detail), "")

    def _warn_of_scenes(self) -> None:
        counts = Counter(r.reason for r in self._survey.rejections)
        for reason, count in counts.items():
            what = f"{count} of {len(self._states)} rasters or pairs were left out: {REASONS[reason]}."
            first = next(r for r in self._survey.rejections if r.reason == reason)
            self._feedback.warning(f"{what} The first one: {first.detail or self._states[first.scene].spec.titles[0]}")

    def _inspect(self, number: int) -> None:
        """Open a scene, note its facts, and leave it out where it cannot be used."""
        state = self._states[number]
        try:
            with state.open(self._request) as scene:
                problem = self._date_problem(scene)
                if problem:
                    self._survey.rejections.append(Rejection("dates", number, None, problem))
                    return
                windows = len(scene.windows())
                if windows == 0:
                    self._survey.rejections.append(
                        Rejection("size", number, None, f"{state.spec.titles[1]}: {_size(scene)}")
                    )
                    return
                self._note(number, scene)
        except Cancelled:
            raise
        except SuperResolutionError as error:
            whole_set = state.spec.optional or isinstance(error, EmptyExtent)
            if not whole_set or isinstance(error, SourceNotFound):
                raise
            reason = next((name for kind, name in _SCENE_REASONS if isinstance(error, kind)), "unreadable")
            detail = f"{state.spec.titles[1]}: {error.message}"
            self._survey.rejections.append(Rejection(reason, number, None, detail))
            return
        self._usable.append(number)
        self._total += 2 * windows

    def _date_problem(self, scene: PairScene) -> str:
        """Why the dates of a pair do not go together, or an empty text."""
        request = self._request
        low, high = scene.dates
        names = " and ".join(scene.spec.titles)
        if request.layout == FUSION:
            both = low is not None and high is not None
            return f"{names} belong to products of two dates, {low} and {high}" if both and low != high else ""
        if request.layout != SENSORS or request.max_days is None:
            return ""
        if low is None or high is None:
            return f"the date of {scene.spec.titles[0 if low is None else 1]} is unknown"
        days = abs((low - high).days)
        return f"{names} lie {days} days apart" if days > request.max_days else ""

    def _note(self, number: int, scene: PairScene) -> None:
        """Keep what the card needs.

        Raises:
            BandError: when the bands are not those of the scenes before.
            UnsupportedRaster: when the values cannot be brought to those of the scenes before.
        """
        state = self._states[number]
        facts = facts_of(scene, self._request)
        if self._facts is None:
            self._facts = facts
        else:
            state.correct(**conforming(scene, facts, self._facts, self._request))
        if state.corrections != Corrections():
            with state.open(self._request) as conformed:
                facts = replace(facts, **types_of(conformed, self._request))
        self._types.append((facts.low_type, facts.high_type, facts.guide_type or facts.low_type))
        ground = ground_of(
            scene.grid,
            scene.margin,
            self._titles[number],
            scene.spec.split,
            scene.georeferenced,
        )
        self._grounds[number] = ground
        self._notes += source_notes(scene, facts, self._request)

    def _survey_scene(self, number: int) -> None:
        state = self._states[number]
        before, prints = len(self._survey.candidates), len(self._survey.fingerprints)
        survey = SceneSurvey(
            number, state, self._request, self._survey, self._aligner, self._feedback.cancelled, self._advance
        )
        try:
            survey.run()
        except SourceUnreadable as error:
            if not state.spec.optional:
                raise
            del self._survey.candidates[before:]
            self._survey.fingerprints.forget(prints)
            survey.reject("unreadable", None, f"{state.spec.titles[1]}: {error.message}")
            self._feedback.warning(str(error))
        if state.corrections.shift != (0, 0):
            columns, rows = state.corrections.shift
            self._feedback.message(
                f"{' and '.join(state.spec.titles)} were displaced by {-columns}, {-rows} pixels of the high "
                "resolution; corrected."
            )
        if self._aligner is not None:
            self._regrounded(number)

    def _regrounded(self, number: int) -> None:
        """Where a displacement was corrected, the halves of a patch lie on two pieces of ground."""
        columns, rows = self._states[number].corrections.shift
        scale = self._request.scale
        self._grounds[number] = replace(self._grounds[number], shift=(columns / scale, rows / scale))

    def _write(self, selection: Selection) -> PairsResult:
        request = self._request
        types = [common_type(kinds).name for kinds in zip(*self._types)]
        if self._facts is None:
            raise EmptyExtent("No raster can be used.")
        facts = replace(self._facts, low_type=types[0], high_type=types[1], guide_type=types[2])
        card = dataset_card(request, facts, selection, self._notes)
        _check_space(request.output, card, len(selection.chosen))
        order = itertools.groupby(selection.chosen, key=lambda item: item[0].scene)
        with DatasetWriter(request.output, card) as writer:
            for number, members in order:
                with self._states[number].open(request) as scene, SceneFilters(scene, request) as filters:
                    with limited_block_cache(scene.cache_bytes):
                        self._cut(scene, filters, list(members), writer, card)
            rejected = dict(self._survey.counts)
            writer.add_file(REJECTED_FILE, self._rejected_csv().encode("utf-8"))
            counts = {split: sum(r.split == split for r in writer.records) for split in SPLITS}
            told = replace(card, counts=counts, rejected=rejected)
            page = contact_sheet_html(told, writer.records, REASONS, WIDTH, HEIGHT)
            writer.add_file(CONTACT_SHEET, page.encode("utf-8"))
            self._stop_if_cancelled()
            dataset = writer.finish(rejected=rejected)
        seconds = time.monotonic() - self._started
        return PairsResult(dataset, os.path.join(dataset.folder, CONTACT_SHEET), rejected, seconds)

    def _cut(
        self,
        scene: PairScene,
        filters: SceneFilters,
        members: Sequence[Tuple[Candidate, str]],
        writer: DatasetWriter,
        card: DatasetCard,
    ) -> None:
        """Write the chosen patches of one scene."""
        step = max(1, len(members) // _PREVIEW_SAMPLES)
        samples = [self._pixels(scene, filters, candidate)[:2] for candidate, _ in members[::step]]
        same_units = self._request.degrades or self._request.matches
        previews = PreviewMaker(scene, samples, same_units)
        for candidate, split in members:
            self._stop_if_cancelled()
            low, high, guide, mtf = self._pixels(scene, filters, candidate)
            pixels = {card.inputs[-1].name: low, card.target.name: high}
            if guide is not None:
                pixels[card.inputs[0].name] = guide
            arrays = {spec.name: recast_pixels(pixels[spec.name].data, spec.pixel_type) for spec in card.arrays}
            for name, found in pixels.items():
                if not found.valid.all():
                    arrays[name + VALID_SUFFIX] = found.valid.astype(np.uint8)
            record = writer.add(self._record(scene, candidate, split, mtf, high.gaps), arrays)
            writer.add_file(f"previews/{record.id}.png", previews.png(low, high))
            self._advance()

    def _pixels(
        self, scene: PairScene, filters: SceneFilters, candidate: Candidate
    ) -> Tuple[PatchPixels, PatchPixels, Optional[PatchPixels], float]:
        """``low``, ``high``, the guide of a band fusion, and the modulation transfer of ``low``."""
        window = candidate.window
        low, mtf = scene.read_low(window, self._rng(candidate))
        high = scene.read_high(window)
        guide = scene.read_guide(window, self._rng(candidate, "guide"))
        if guide is not None:
            guide = filters.clear_guide(window, guide, low, high)
        clear, high, _ = filters.clear_of_clouds(window, low, high)
        return clear or low, high, guide, mtf

    def _rng(self, candidate: Candidate, *purpose: str) -> Random:
        """A generator for each patch, so that results do not depend on what else is chosen."""
        return generator(self._request.seed, candidate.scene, candidate.window.col, candidate.window.row, *purpose)

    def _record(self, scene: PairScene, candidate: Candidate, split: str, mtf: float, gaps: float) -> PatchRecord:
        low, high = scene.spec.titles
        dates = [date.isoformat() if date else "" for date in scene.dates]
        record = PatchRecord(
            "", split, candidate.home, low, high, candidate.window.col, candidate.window.row, *dates, candidate.stratum
        )
        if candidate.alignment is not None:
            found = candidate.alignment
            told = {"shift_x": found.shift_x, "shift_y": found.shift_y, "score": found.score}
            record = replace(record, **{name: round(value, 3) for name, value in told.items()})
        return replace(record, mtf=mtf, gaps=round(gaps, 4))

    def _rejected_csv(self) -> str:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(("reason", "source", "reference", "col", "row", "detail"))
        for rejection in self._survey.rejections:
            place = (rejection.window.col, rejection.window.row) if rejection.window else ("", "")
            titles = self._states[rejection.scene].spec.titles
            writer.writerow((rejection.reason, *titles, *place, rejection.detail))
        return buffer.getvalue()


def _size(scene: PairScene) -> str:
    return f"{scene.grid.width} x {scene.grid.height} pixels of the low resolution"


def _check_space(output: str, card: DatasetCard, patches: int) -> None:
    """Refuse a dataset that the disk has no room for.

    Raises:
        DiskFull: naming sizes.
    """
    sizes = [int(np.prod(card.shape(spec))) * np.dtype(spec.pixel_type).itemsize for spec in card.arrays]
    needed = patches * (sum(sizes) + (1 << 17))
    folder = os.path.dirname(os.path.abspath(output))
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFull(f"The dataset needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in '{folder}'.")


def prepare_pairs(
    request: PairRequest,
    feedback: Optional[RunFeedback] = None,
    open_session: Optional[Callable[[], ModelSession]] = None,
) -> PairsResult:
    """Prepare a dataset.

    Args:
        request: what to make of what.
        feedback: progress, messages and cancel.
        open_session: where displacements are measured; a worker process unless given.

    Raises:
        Cancelled: when the user cancelled.
        SuperResolutionError: naming what went wrong. Nothing then stands under the output's name.
    """
    feedback = feedback or SilentFeedback()
    request = request.checked()
    if os.path.lexists(request.output) and (not os.path.isdir(request.output) or os.listdir(request.output)):
        raise OutputError(f"The folder '{request.output}' holds something already.", "Choose a new or an empty folder.")
    with limited_block_cache(_CACHE), ExitStack() as stack:
        session = None
        if request.aligns:
            if open_session is None:
                python = find_worker_python("edges", request.worker_python or None).path
                session = stack.enter_context(WorkerSession(python))
            else:
                session = stack.enter_context(open_session())
        result = _Preparation(request, feedback, session).run()
    counts = result.dataset.card.counts
    feedback.message(
        f"{len(result.dataset.records)} pairs: " + ", ".join(f"{counts[split]} {split}" for split in SPLITS)
    )
    for reason, count in sorted(result.rejected.items(), key=lambda item: -item[1]):
        feedback.message(f"Left out, {reason}: {count} ({REASONS[reason]})")
    return result
