"""Tiles of a comparison: cut without gap or overlap, two under way at most, taken in order, given up by a cancel."""

from concurrent.futures import Future

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import Cancelled, ModelFailed  # noqa: E402
from sr_plugin.core.grid import Window  # noqa: E402
from sr_plugin.pipeline.request import SilentFeedback  # noqa: E402
from sr_plugin.pipeline.tile_stream import stream_tiles, tiles_of  # noqa: E402

pytestmark = pytest.mark.gdal
TILES = tiles_of(Window(0, 0, 50, 10), 10)


class Session:
    """Only remembers that it was ended."""

    killed = False

    def kill(self):
        self.killed = True


class Telling(SilentFeedback):
    """Feedback that keeps the progress, and is cancelled when told to."""

    def __init__(self, is_cancelled=False):
        self.steps, self.is_cancelled = [], is_cancelled

    def progress(self, done, total, seconds_left):
        self.steps.append((done, total))

    def cancelled(self):
        return self.is_cancelled


@pytest.mark.parametrize("area", [Window(0, 0, 40, 30), Window(7, 3, 41, 29), Window(5, 5, 3, 4)])
def test_every_pixel_lies_in_one_tile(area):
    seen = np.zeros((60, 60), int)
    for tile in tiles_of(area, 10):
        assert not tile.empty and max(tile.width, tile.height) <= 10
        seen[tile.row : tile.bottom, tile.col : tile.right] += 1
    assert (seen[area.row : area.bottom, area.col : area.right] == 1).all() and seen.sum() == area.width * area.height


def test_tiles_are_taken_in_order_with_two_under_way():
    under_way, most, taken, feedback = [], [], [], Telling()

    def submit(tile):
        futures = [Future(), Future()]
        under_way.append(tile)
        most.append(len(under_way))
        for future, answer in zip(futures, "ab"):
            future.set_result((tile, answer))
        return futures

    def take(tile, *answers):
        under_way.remove(tile)
        taken.append((tile, answers))

    stream_tiles(TILES, Session(), feedback, submit, take)
    assert taken == [(tile, ((tile, "a"), (tile, "b"))) for tile in TILES]
    assert max(most) == 2 and under_way == []
    assert feedback.steps == [(done, 5) for done in range(1, 6)]


def test_a_cancel_ends_the_session_that_does_not_answer():
    session, taken = Session(), []
    with pytest.raises(Cancelled):
        stream_tiles(
            TILES, session, Telling(is_cancelled=True), lambda _: [Future()], lambda *given: taken.append(given)
        )
    assert session.killed and taken == []


def test_what_the_session_says_comes_through():
    def submit(_):
        future = Future()
        future.set_exception(ModelFailed("It broke."))
        return [future]

    with pytest.raises(ModelFailed, match="It broke"):
        stream_tiles(TILES, Session(), Telling(), submit, lambda *_: None)
