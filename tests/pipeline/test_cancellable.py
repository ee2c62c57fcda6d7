"""A cancel while a run is being prepared leaves no session behind, whenever it comes."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import Cancelled  # noqa: E402
from sr_plugin.pipeline.cancellable import prepare_patiently  # noqa: E402
from sr_plugin.pipeline.request import SilentFeedback, SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.series import _HandedOn  # noqa: E402
from tests.waiting import LONG  # noqa: E402

REQUEST = SuperResolveRequest("in.tif", "out.tif", "bicubic:2")


class _Session:
    alive = True

    def kill(self):
        self.alive = False


class _CancelledWhen(SilentFeedback):
    def __init__(self, event):
        self._event = event

    def cancelled(self):
        return self._event.is_set()


def test_a_session_asked_for_after_the_cancel_is_not_opened():
    reading, cancelled, done, opened = (threading.Event(), threading.Event(), threading.Event(), [])

    def prepare(_request, _feedback, open_session):
        reading.set()
        cancelled.wait(LONG)
        try:
            open_session(None)
        finally:
            done.set()

    with pytest.raises(Cancelled):
        prepare_patiently(REQUEST, _CancelledWhen(reading), lambda _: opened.append(_Session()), prepare)
    cancelled.set()
    assert done.wait(LONG)
    assert opened == []


def test_a_session_that_was_being_opened_is_ended():
    opening, cancelled, done, session = threading.Event(), threading.Event(), threading.Event(), _Session()

    def factory(_card):
        opening.set()
        cancelled.wait(LONG)
        return session

    def prepare(_request, _feedback, open_session):
        try:
            open_session(None)
        finally:
            done.set()

    with pytest.raises(Cancelled):
        prepare_patiently(REQUEST, _CancelledWhen(opening), factory, prepare)
    cancelled.set()
    assert done.wait(LONG)
    assert not session.alive


def test_a_session_handed_on_after_the_end_is_ended():
    early, late = _Session(), _Session()
    sessions = _HandedOn(lambda _: _Session())
    sessions.keep(early)
    sessions.end()
    sessions.keep(late)
    assert not early.alive and not late.alive
