"""A worker that is alive but does not answer is ended; one that is only slow goes on."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.errors import WorkerDied
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.session import RunSettings, TileTask
from sr_plugin.runtime.silence import SilenceWatch
from sr_plugin.runtime.worker_session import WorkerSession
from tests.waiting import LONG

CARD = builtin_card("nearest:2")
SETTINGS = RunSettings(compose([BandScaling()], CARD.value_range, 1), "uint16")
PATIENCE = 1.0


def tile(value=0):
    return [NamedArray("image", np.full((1, 8, 8), value, np.uint16))], TileTask((0, 0, 0, 0), Window(0, 0, 8, 8))


def worker_doing(tmp_path, code):
    """A Python whose worker runs ``code`` before each tile that has a 1 in it."""
    script = tmp_path / "python"
    script.write_text(
        f"#!{sys.executable}\n"
        "import sys, threading, time\n"
        f"sys.path.insert(0, sys.argv[-1])\n"
        "from sr_plugin.worker import engine, server\n"
        "run = engine.Engine.run\n"
        "def slowly(self, arrays, task):\n"
        "    if arrays[0].data.max() == 1:\n"
        f"        {code}\n"
        "    return run(self, arrays, task)\n"
        "engine.Engine.run = slowly\n"
        "server.main()\n"
    )
    script.chmod(0o755)
    return str(script)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_stopped_worker_is_ended_and_the_requests_fail_with_the_reason(worker_python):
    with WorkerSession(worker_python, PATIENCE) as session:
        session.load(CARD, SETTINGS)
        os.kill(session.pid, signal.SIGSTOP)
        started = time.monotonic()
        futures = [session.submit(*tile()) for _ in range(5)]
        errors = [future.exception(LONG) for future in futures]
        assert time.monotonic() - started > PATIENCE
        assert all(isinstance(error, WorkerDied) for error in errors)
        assert errors[0].message == "The worker process gave no sign of life for 1 s and was ended." and errors[0].hint
        assert not session.alive
        with pytest.raises(WorkerDied, match="no sign of life"):
            session.submit(*tile())
    with pytest.raises(ProcessLookupError):
        os.kill(session.pid, 0)
    assert not [thread.name for thread in threading.enumerate() if thread.name == "sr-worker-alive"]


def test_a_deadlock_in_the_worker_counts_as_hung(tmp_path):
    session = WorkerSession(worker_doing(tmp_path, "lock = threading.Lock(); lock.acquire(); lock.acquire()"), PATIENCE)
    session.load(CARD, SETTINGS)
    assert session.submit(*tile(0)).result(LONG).arrays[0].data.max() == 0
    error = session.submit(*tile(1)).exception(LONG)
    assert isinstance(error, WorkerDied) and "no sign of life" in error.message
    session.close()


def test_a_computation_that_lasts_is_left_alone(tmp_path):
    busy = "end = time.monotonic() + 3\n        while time.monotonic() < end: sum(range(1000))"
    with WorkerSession(worker_doing(tmp_path, busy), PATIENCE) as session:
        session.load(CARD, SETTINGS)
        started = time.monotonic()
        assert (session.submit(*tile(1)).result(LONG).arrays[0].data == 1).all()
        assert time.monotonic() - started > 2 * PATIENCE


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_owes_nothing_may_be_silent(worker_python):
    with WorkerSession(worker_python, PATIENCE) as session:
        session.load(CARD, SETTINGS)
        os.kill(session.pid, signal.SIGSTOP)
        time.sleep(2.5 * PATIENCE)
        os.kill(session.pid, signal.SIGCONT)
        assert (session.submit(*tile(7)).result(LONG).arrays[0].data == 7).all()


def test_time_in_which_nobody_checked_does_not_count(monkeypatch):
    """A laptop that sleeps misses its checks, however late its clock says that it is."""
    from sr_plugin.runtime import silence

    given_up, checks = threading.Event(), []
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def borne():
        clock[0] += 3600
        checks.append(1)
        return 1.0

    watch = SilenceWatch(0.6, borne, given_up.set)
    assert given_up.wait(LONG) and len(checks) == silence._CHECKS + 1
    watch.end()
