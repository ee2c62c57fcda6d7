"""What a run will cost: pixels, disk, memory on disk meanwhile, and time from earlier runs on this machine."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import astuple, dataclass
from typing import Dict, List, Optional, Sequence

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import DiskFull
from sr_plugin.core.job import JobPlan
from sr_plugin.core.locations import user_cache_folder
from sr_plugin.core.uncertainty import views_of
from sr_plugin.pipeline.partial_files import partial_files
from sr_plugin.pipeline.whole_step import read_record
from sr_plugin.raster.writer import OutputSpec

#: Sensor data compress to about two thirds; half the raw size is the least that a run is started with.
_LEAST_SHARE = 0.5
#: Overviews take a third again.
_OVERVIEWS = 4 / 3
_REMEMBERED = 200
#: A run with fewer pixels than this part of an earlier one's does not replace its speed.
_COMPARABLE = 4
#: The speed of a run with fewer pixels is that of its preparations, and says nothing about much larger rasters.
_TELLING = 128 * 128
#: No run takes as long, in seconds, or has as many pixels; also keeps out what is no number.
_ENDLESS = 1e18


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes:
        pixels: pixels of the result in all bands.
        disk_bytes: the most that the result may take, overviews included.
        temporary_bytes: the most that is needed besides while it is made.
        seconds: expected time, or None where no earlier run on this machine tells.
    """

    pixels: int
    disk_bytes: int
    temporary_bytes: int
    seconds: Optional[float]


def read_pixels(plan: JobPlan) -> int:
    """Input pixels that are read for the model, margins included."""
    tiles = plan.tiles
    width = sum(tiles[column].read.width for column in range(tiles.columns))
    height = sum(tiles[row * tiles.columns].read.height for row in range(tiles.rows))
    return width * height


def computed_pixels(plan: JobPlan) -> int:
    """Input pixels that the model of the result computes in all views of its tiles."""
    return read_pixels(plan) * (1 if plan.settings.uncertainty is None else views_of(plan.constraints))


def _speed_file() -> str:
    return os.path.join(user_cache_folder(), "speeds.json")


@dataclass(frozen=True)
class _Speed:
    """How fast an earlier run was.

    Attributes:
        per_pixel: seconds for an input pixel.
        start: seconds before the first tile: starting the worker, loading the model.
        pixels: input pixels of that run; the more, the more the figure can be trusted.
    """

    per_pixel: float
    start: float
    pixels: int

    def seconds(self, pixels: int) -> Optional[float]:
        """Expected time for a number of input pixels; None where this run does not tell."""
        if self.pixels < _TELLING and pixels > _COMPARABLE * self.pixels:
            return None
        return self.start + self.per_pixel * pixels


def _speeds() -> Dict[str, _Speed]:
    try:
        with open(_speed_file(), encoding="utf-8") as file:
            values = json.load(file)
        speeds = {key: _Speed(float(value[0]), float(value[1]), int(value[2])) for key, value in values.items()}
    except (OSError, ValueError, AttributeError, TypeError, LookupError, OverflowError, RecursionError):
        # Without the memory of earlier runs there is no estimate of time, which is all that is lost.
        return {}
    return {key: speed for key, speed in speeds.items() if all(0 <= value < _ENDLESS for value in astuple(speed))}


def _key(plan: JobPlan, card: Optional[ModelCard] = None) -> str:
    """Names what the speed of a run depends on; with a card, that of a run of this model without an uncertainty."""
    name = (card or plan.card).sha256
    text = f"{name}|{plan.settings.device}|{plan.settings.precision}|{len(plan.source.bands)}"
    if card is None and plan.settings.uncertainty is not None:
        text += "|" + "|".join(["views", *(other.sha256 for other in plan.settings.uncertainty.cards)])
    return text


def _expected(plan: JobPlan) -> Optional[float]:
    """Seconds that a run will take, or None where no earlier run tells."""
    speeds, pixels = _speeds(), read_pixels(plan)
    known = speeds.get(_key(plan))
    if known is not None:
        return known.seconds(pixels)
    if plan.settings.uncertainty is None:
        return None
    # Each of the models computes every view of a tile.
    total = 0.0
    for card in plan.cards:
        alone = speeds.get(_key(plan, card))
        seconds = alone.seconds(computed_pixels(plan)) if alone is not None else None
        if seconds is None:
            return None
        total += seconds
    return total


def remember_speed(plan: JobPlan, seconds: float, start_seconds: float = 0.0) -> None:
    """Note how long a run took, for the next estimate. A cache that cannot be written is no harm.

    Args:
        plan: the run.
        seconds: wall time in all.
        start_seconds: how much of it passed before the first tile.
    """
    speeds, pixels = _speeds(), max(1, read_pixels(plan))
    known = speeds.get(_key(plan))
    if known is not None and pixels < known.pixels / _COMPARABLE:
        # So small a run tells less than the one before.
        return
    speeds.pop(_key(plan), None)
    speeds[_key(plan)] = _Speed(max(0.0, seconds - start_seconds) / pixels, start_seconds, pixels)
    kept = {key: list(astuple(speed)) for key, speed in list(speeds.items())[-_REMEMBERED:]}
    temporary = _speed_file() + f".{os.getpid()}"
    try:
        os.makedirs(user_cache_folder(), exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        os.replace(temporary, _speed_file())
    except OSError:
        return


def estimate_run(plan: JobPlan, output: OutputSpec, beside: Sequence[OutputSpec] = ()) -> Estimate:
    """Estimate a run before it starts.

    Args:
        plan: the run.
        output: its result.
        beside: what is written besides.
    """
    grid = plan.output_grid
    disk = sum(int(spec.raw_bytes * _OVERVIEWS) for spec in (output, *beside))
    return Estimate(
        pixels=grid.width * grid.height * plan.output_bands,
        disk_bytes=disk,
        temporary_bytes=disk if output.cog else 0,
        seconds=_expected(plan),
    )


def check_disks(plan: JobPlan, outputs: Sequence[OutputSpec]) -> None:
    """Refuse a run whose files cannot fit, on one disk or on several; files that are whole already are not written.

    Args:
        plan: the run.
        outputs: all that is written, the result first.

    Raises:
        DiskFull: with what is needed and what is free.
    """
    if read_record(outputs[0].path, plan.digest, outputs[0].cog) is not None:
        return
    disks: Dict[int, List[OutputSpec]] = {}
    for spec in outputs:
        disks.setdefault(os.stat(os.path.dirname(os.path.abspath(spec.path))).st_dev, []).append(spec)
    for first, *others in disks.values():
        partials = [partial_files(spec.path, plan.digest).raster for spec in (first, *others)]
        check_disk(estimate_run(plan, first, others), first.path, *partials)


def check_disk(estimate: Estimate, path: str, *partials: str) -> None:
    """Refuse a run that cannot fit.

    Args:
        estimate: what it will cost.
        path: the result.
        partials: what an interrupted run of the same job may have written already.

    Raises:
        DiskFull: with what is needed and what is free.
    """
    folder = os.path.dirname(os.path.abspath(path))
    free = shutil.disk_usage(folder).free
    needed = estimate.disk_bytes + estimate.temporary_bytes
    written = sum(os.path.getsize(partial) for partial in partials if os.path.isfile(partial))
    if free + written < needed * _LEAST_SHARE:
        raise DiskFull(
            f"The result needs up to {needed / 1e6:.0f} MB in '{folder}', but only {free / 1e6:.0f} MB are free."
        )
