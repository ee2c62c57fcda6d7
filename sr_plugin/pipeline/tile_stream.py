"""Tiles that rasters are compared on: through a worker, two at a time, in order, with progress and cancel."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future
from typing import Callable, Deque, List, Sequence, Tuple

from sr_plugin.core.grid import Window
from sr_plugin.core.session import ModelSession, TileResult
from sr_plugin.pipeline.edge_planes import wait
from sr_plugin.pipeline.request import RunFeedback
from sr_plugin.runtime.find_python import find_worker_python
from sr_plugin.runtime.worker_session import WorkerSession

#: Tiles that are with the worker at the same time.
_IN_FLIGHT = 2


def tiles_of(area: Window, side: int) -> List[Window]:
    """An area cut into squares, row by row; those at its right and lower edge may be smaller.

    Args:
        area: in pixels.
        side: of a square in pixels.
    """
    return [
        Window(col, row, side, side).intersection(area)
        for row in range(area.row, area.bottom, side)
        for col in range(area.col, area.right, side)
    ]


def stream_tiles(
    tiles: Sequence[Window],
    session: ModelSession,
    feedback: RunFeedback,
    submit: Callable[[Window], Sequence[Future[TileResult]]],
    take: Callable[..., None],
) -> None:
    """Have tiles computed, and take the results in the order of the tiles.

    Args:
        tiles: windows, each handed to ``submit``.
        session: is killed when the user cancels.
        feedback: progress and cancel.
        submit: reads a tile and sends it to the session; the futures of what it asked for.
        take: called with a tile and the results of its futures.

    Raises:
        Cancelled: when the user cancelled while an answer was awaited.
        SuperResolutionError: what the session says, or what ``submit`` or ``take`` raise.
    """
    pending: Deque[Tuple[Window, Sequence[Future[TileResult]]]] = deque()
    started, done = time.monotonic(), 0
    for tile in [*tiles, None]:
        if tile is not None:
            pending.append((tile, submit(tile)))
        while pending and (tile is None or len(pending) >= _IN_FLIGHT):
            place, futures = pending.popleft()
            take(place, *(wait(future, session, feedback.cancelled) for future in futures))
            done += 1
            left = (time.monotonic() - started) / done * (len(tiles) - done)
            feedback.progress(done, len(tiles), left)


def comparing_session(figure: str, worker_python: str) -> ModelSession:
    """A worker that finds edges, and draws pictures where one is wanted.

    Args:
        figure: path of the wanted picture, or empty.
        worker_python: Python for the worker, empty to find one.

    Raises:
        RuntimeMissing: when no Python has what is needed.
    """
    return WorkerSession(find_worker_python("figure" if figure else "edges", worker_python or None).path)
