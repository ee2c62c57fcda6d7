"""What a run will cost: pixels, disk, memory on disk meanwhile, and time from earlier runs on this machine."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import Dict, Optional

from sr_plugin.core.errors import DiskFull
from sr_plugin.core.job import JobPlan
from sr_plugin.core.locations import user_cache_folder
from sr_plugin.raster.writer import OutputSpec

#: Sensor data compress to about two thirds; half the raw size is the least that a run is started with.
_LEAST_SHARE = 0.5
#: Overviews take a third again.
_OVERVIEWS = 4 / 3
_REMEMBERED = 200


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
    """Input pixels that the model computes, margins included."""
    tiles = plan.tiles
    width = sum(tiles[column].read.width for column in range(tiles.columns))
    height = sum(tiles[row * tiles.columns].read.height for row in range(tiles.rows))
    return width * height


def _speed_file() -> str:
    return os.path.join(user_cache_folder(), "speeds.json")


def _speeds() -> Dict[str, float]:
    try:
        with open(_speed_file(), encoding="utf-8") as file:
            values = json.load(file)
        return {str(k): float(v) for k, v in values.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        # Without the memory of earlier runs there is no estimate of time, which is all that is lost.
        return {}


def _key(plan: JobPlan) -> str:
    return f"{plan.card.sha256}|{plan.settings.device}|{plan.settings.precision}|{len(plan.source.bands)}"


def remember_speed(plan: JobPlan, seconds: float) -> None:
    """Note how long a run took, for the next estimate. A cache that cannot be written is no harm."""
    speeds = _speeds()
    speeds.pop(_key(plan), None)
    speeds[_key(plan)] = seconds / max(1, read_pixels(plan))
    kept = dict(list(speeds.items())[-_REMEMBERED:])
    temporary = _speed_file() + f".{os.getpid()}"
    try:
        os.makedirs(user_cache_folder(), exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        os.replace(temporary, _speed_file())
    except OSError:
        return


def estimate_run(plan: JobPlan, output: OutputSpec) -> Estimate:
    """Estimate a run before it starts."""
    grid = plan.output_grid
    speed = _speeds().get(_key(plan))
    disk = int(output.raw_bytes * _OVERVIEWS)
    return Estimate(
        pixels=grid.width * grid.height * plan.output_bands,
        disk_bytes=disk,
        temporary_bytes=disk if output.cog else 0,
        seconds=None if speed is None else speed * read_pixels(plan),
    )


def check_disk(estimate: Estimate, path: str) -> None:
    """Refuse a run that cannot fit.

    Raises:
        DiskFull: with what is needed and what is free.
    """
    folder = os.path.dirname(os.path.abspath(path))
    free = shutil.disk_usage(folder).free
    needed = estimate.disk_bytes + estimate.temporary_bytes
    if free < needed * _LEAST_SHARE:
        raise DiskFull(
            f"The result needs up to {needed / 1e6:.0f} MB in '{folder}', but only {free / 1e6:.0f} MB are free."
        )
