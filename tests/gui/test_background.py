"""Functions that run off the GUI thread."""

from __future__ import annotations

import threading

import pytest

from tests.gui.dock_desktop import pause, wait_until

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture
def background(qgis_app):
    from sr_plugin.gui.background import Background

    runner = Background()
    yield runner
    runner.shut_down()


def test_work_runs_elsewhere_and_its_result_comes_back_here(background):
    seen = {}

    def done(value):
        seen["value"], seen["done in"] = value, threading.get_ident()

    background.start("lane", threading.get_ident, done)
    assert background.is_busy("lane") and background.is_busy() and not background.is_busy("other")
    wait_until(lambda: seen)
    assert seen["done in"] == threading.get_ident() != seen["value"]
    assert not background.is_busy()


def test_only_the_newest_result_of_a_lane_is_delivered(background):
    gate = threading.Event()
    delivered = []

    def work(number):
        gate.wait(10)
        return number

    for number in range(5):
        background.start("lane", lambda n=number: work(n), delivered.append)
    background.start("other", lambda: work(9), delivered.append)
    gate.set()
    wait_until(lambda: not background.is_busy())
    pause(0.1)
    assert sorted(delivered) == [4, 9]


def test_a_hanging_function_does_not_hold_up_the_next_one(background):
    gate = threading.Event()
    delivered = []
    background.start("lane", lambda: gate.wait(10), delivered.append)
    background.start("lane", lambda: "second", delivered.append)
    wait_until(lambda: delivered)
    assert delivered == ["second"]
    gate.set()


def test_errors_come_back_as_errors_of_the_plugin(background):
    from sr_plugin.core.errors import ModelNotFound, SuperResolutionError

    errors = []

    def fail(error):
        raise error

    background.start("own", lambda: fail(ModelNotFound("No such model.")), pytest.fail, errors.append)
    wait_until(lambda: len(errors) == 1)
    assert isinstance(errors[0], ModelNotFound)
    background.start("foreign", lambda: fail(ZeroDivisionError("nought")), pytest.fail, errors.append)
    wait_until(lambda: len(errors) == 2)
    assert type(errors[1]) is SuperResolutionError and "nought" in str(errors[1])


def test_an_error_that_nobody_takes_goes_to_the_log(background, qgis_app):
    messages = []
    log = qgis_app.messageLog()

    def keep(text, tag, _level):
        messages.append((text, tag))

    log.messageReceived.connect(keep)
    try:
        background.start("lane", lambda: 1 / 0, pytest.fail)
        wait_until(lambda: any("ZeroDivisionError" in text and tag == "Super-resolution" for text, tag in messages))
    finally:
        log.messageReceived.disconnect(keep)


def test_a_cancelled_lane_delivers_nothing(background):
    gate = threading.Event()
    delivered = []
    background.start("lane", lambda: gate.wait(10), delivered.append, delivered.append)
    background.cancel("lane")
    assert not background.is_busy("lane")
    gate.set()
    pause(0.1)
    assert delivered == []


def test_busy_is_told(background):
    told = []
    background.busy_changed.connect(lambda lane, busy: told.append((lane, busy)))
    background.start("lane", lambda: 1, lambda _value: told.append("done"))
    wait_until(lambda: "done" in told)
    assert told == [("lane", True), ("lane", False), "done"]


def test_deleted_while_a_function_runs(qgis_app):
    from qgis.PyQt import sip

    from sr_plugin.gui.background import Background

    gate = threading.Event()
    delivered = []
    runner = Background()
    runner.start("lane", lambda: gate.wait(10), delivered.append, delivered.append)
    runner.shut_down(wait_seconds=0.05)
    runner.deleteLater()
    wait_until(lambda: sip.isdeleted(runner))
    gate.set()
    pause(0.1)
    assert delivered == []


def test_after_the_end_nothing_is_started(background):
    background.shut_down()
    background.start("lane", lambda: pytest.fail("started"), pytest.fail)
    assert not background.is_busy()
