"""One worker for several runs: kept, shared, replaced when it died, ended when nobody wants it."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future

import numpy as np
import pytest

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.errors import Cancelled, WorkerDied
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.session import LoadedModel, ModelSession, RunSettings, TileTask
from sr_plugin.pipeline.request import SuperResolveRequest
from sr_plugin.pipeline.superresolve import superresolve, worker_factory
from sr_plugin.pipeline.warm_session import WarmSessions
from tests.pipeline.conftest import Recorder
from tests.waiting import LONG, wait_until

pytestmark = pytest.mark.gdal

CARD = builtin_card("nearest:2")
TASK = TileTask((0, 0, 0, 0), Window(0, 0, 4, 4))
TILE = [NamedArray("image", np.zeros((1, 4, 4), np.uint16))]


def settings(output_type="uint16"):
    return RunSettings(compose([BandScaling()], CARD.value_range, 1), output_type)


class Scripted(ModelSession):
    """A session whose tiles are answered when the test says so."""

    def __init__(self):
        self.loads, self.tiles, self.ended, self.dead = 0, [], "", False

    @property
    def alive(self):
        return not self.ended and not self.dead

    def load(self, card, settings, samples=()):
        if self.dead:
            raise WorkerDied("gone")
        self.loads += 1
        return LoadedModel("scripted", "cpu", "CPU", "float32")

    def submit(self, arrays, task):
        future = Future()
        self.tiles.append(future)
        return future

    def close(self):
        self.ended = self.ended or "closed"

    def kill(self):
        self.ended = "killed"


@pytest.fixture
def opened():
    """Every session that was started, in order."""
    return []


@pytest.fixture
def make_warm(opened):
    """Makes warm sessions of scripted ones; they are closed afterwards."""
    made = []

    def start(_card):
        opened.append(Scripted())
        return opened[-1]

    def make(patience):
        made.append(WarmSessions(start, idle_seconds=2 * LONG, patience=patience))
        return made[-1]

    yield make
    for sessions in made:
        sessions.close()


@pytest.fixture
def warm(make_warm):
    """Sessions that wait as long as it takes for what an earlier run left behind."""
    return make_warm(LONG)


@pytest.fixture
def hasty(make_warm):
    """Sessions that wait for hardly anything."""
    return make_warm(0.05)


def test_the_next_run_finds_worker_and_model_ready(warm, opened):
    for _ in range(3):
        with warm(CARD) as session:
            session.load(CARD, settings())
    assert [s.loads for s in opened] == [1]


def test_other_settings_or_another_model_are_loaded(warm, opened):
    for card, kind in ((CARD, "uint16"), (CARD, "uint8"), (builtin_card("nearest:3"), "uint8")):
        with warm(card) as session:
            session.load(card, settings(kind))
    assert [s.loads for s in opened] == [3]


def test_a_worker_that_died_while_idle_is_replaced(warm, opened):
    with warm(CARD) as session:
        session.load(CARD, settings())
    opened[0].dead = True
    with warm(CARD) as session:
        session.load(CARD, settings())
    assert [s.loads for s in opened] == [1, 1]
    assert opened[0].ended == "killed"


def test_a_worker_that_dies_in_a_run_is_replaced_for_the_next(warm, opened):
    with pytest.raises(WorkerDied):
        with warm(CARD) as session:
            session.load(CARD, settings())
            tile = session.submit(TILE, TASK)
            opened[0].dead = True
            opened[0].tiles[0].set_exception(WorkerDied("gone"))
            tile.result(1)
    with warm(CARD) as session:
        session.load(CARD, settings())
    assert len(opened) == 2


def test_a_cancelled_run_leaves_one_tile_at_most_to_finish(warm, opened):
    session = warm(CARD)
    session.load(CARD, settings())
    tiles = [session.submit(TILE, TASK) for _ in range(5)]
    session.kill()
    assert len(opened[0].tiles) == 1
    assert all(isinstance(tile.exception(1), Cancelled) for tile in tiles[1:])
    threading.Timer(0.05, opened[0].tiles[0].set_result, ["late"]).start()
    with warm(CARD) as again:
        again.load(CARD, settings())
    assert [s.loads for s in opened] == [1]


def test_a_worker_that_never_ends_its_tile_is_killed_for_the_next_run(hasty, opened):
    session = hasty(CARD)
    session.load(CARD, settings())
    session.submit(TILE, TASK)
    session.kill()
    with hasty(CARD) as again:
        again.load(CARD, settings())
    assert [s.ended for s in opened] == ["killed", ""]


def test_a_run_that_has_ended_loads_nothing_into_a_worker_that_is_lent_on(warm, opened):
    first = warm(CARD)
    first.kill()
    with warm(CARD) as second:
        second.load(CARD, settings())
        for ask in (
            lambda: first.load(CARD, settings("uint8")),
            lambda: first.describe(CARD),
            lambda: first.probe(CARD),
        ):
            with pytest.raises(Cancelled):
                ask()
    assert [s.loads for s in opened] == [1]


@pytest.mark.parametrize("request_name", ["load", "describe", "probe"])
def test_what_a_cancelled_run_still_waits_for_is_over_before_the_next(warm, opened, request_name):
    begun, go_on, order = threading.Event(), threading.Event(), []

    def slow(*_args):
        begun.set()
        go_on.wait(LONG)
        order.append("answered")
        return LoadedModel("scripted", "cpu", "CPU", "float32")

    session = warm(CARD)
    setattr(opened[0], request_name, slow)
    arguments = (CARD, settings()) if request_name == "load" else (CARD,)
    asking = threading.Thread(target=getattr(session, request_name), args=arguments)
    asking.start()
    assert begun.wait(LONG)
    session.kill()
    threading.Timer(0.05, go_on.set).start()
    with warm(CARD):
        order.append("lent on")
    asking.join(LONG)
    assert order == ["answered", "lent on"] and len(opened) == 1


def test_tiles_go_to_the_worker_one_after_the_other_in_order(warm, opened):
    with warm(CARD) as session:
        futures = [session.submit(TILE, TASK) for _ in range(3)]
        for number, future in enumerate(futures):
            assert len(opened[0].tiles) == number + 1
            opened[0].tiles[number].set_result(number)
            assert future.result(1) == number


def test_a_second_run_at_the_same_time_gets_a_worker_of_its_own(hasty, opened):
    with hasty(CARD) as first, hasty(CARD) as second:
        first.load(CARD, settings())
        second.load(CARD, settings())
    assert [s.loads for s in opened] == [1, 1]
    assert opened[1].ended == "closed" and opened[0].alive


def test_an_idle_worker_ends(opened):
    def start(_card):
        opened.append(Scripted())
        return opened[-1]

    warm = WarmSessions(start, idle_seconds=0.1)
    with warm(CARD):
        pass
    assert warm.worker is opened[0]
    wait_until(lambda: not opened[0].alive and warm.worker is None)
    assert opened[0].ended == "closed" and warm.worker is None


def test_closing_ends_the_worker_and_the_run_that_has_it(warm, opened):
    session = warm(CARD)
    warm.close()
    assert opened[0].ended == "killed" and not session.alive
    session.close()
    with warm(CARD):
        assert len(opened) == 2


def test_a_real_worker_survives_a_cancel_and_is_replaced_after_a_kill(tmp_path, make_raster, worker_python):
    source = make_raster(np.arange(3 * 64 * 64, dtype=np.uint16).reshape(3, 64, 64))
    warm = WarmSessions(worker_factory(worker_python), patience=LONG)
    try:
        superresolve(SuperResolveRequest(source, str(tmp_path / "a.tif"), "bicubic:2"), None, warm)
        first = warm.worker.pid
        with pytest.raises(Cancelled):
            request = SuperResolveRequest(source, str(tmp_path / "b.tif"), "bicubic:2", tile=16)
            superresolve(request, Recorder(cancel_after=1), warm)
        assert not (tmp_path / "b.tif").exists()
        superresolve(SuperResolveRequest(source, str(tmp_path / "c.tif"), "bicubic:2"), None, warm)
        assert warm.worker.pid == first
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not warm.worker.alive)
        superresolve(SuperResolveRequest(source, str(tmp_path / "d.tif"), "bicubic:2"), None, warm)
        assert warm.worker.pid != first
        assert (tmp_path / "d.tif").exists()
    finally:
        warm.close()
