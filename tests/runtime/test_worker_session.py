"""The worker process, from the client's side."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import BandSpec, ModelCard, WeightFile
from sr_plugin.core.errors import Cancelled, ModelUnreadable, ProtocolError, RuntimeMissing, WorkerDied
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.session import RunSettings, TileTask
from sr_plugin.runtime import worker_session
from sr_plugin.runtime.worker_session import WorkerSession
from tests.waiting import LONG, SOON, wait_until

CARD = builtin_card("nearest:2")
SETTINGS = RunSettings(compose([BandScaling()], CARD.value_range, 1), "uint16")


@pytest.fixture
def session(worker_python):
    with WorkerSession(worker_python) as opened:
        yield opened


def tile(size=8, value=0):
    pixels = np.full((1, size, size), value, np.uint16)
    return [NamedArray("image", pixels)], TileTask((0, 0, 0, 0), Window(0, 0, size, size))


def test_answers_come_in_order(session):
    loaded = session.load(CARD, SETTINGS)
    assert loaded.device == "cpu" and loaded.backend.startswith("numpy")
    futures = [session.submit(*tile(value=i)) for i in range(20)]
    for i, future in enumerate(futures):
        result = future.result(LONG)
        assert result.arrays[0].data.shape == (1, 16, 16) and (result.arrays[0].data == i).all()


def test_errors_of_the_model_keep_their_class(session, tmp_path):
    if not session.load(CARD, SETTINGS):
        pytest.fail("a built-in model loads anywhere")
    path = tmp_path / "m.onnx"
    path.write_bytes(b"nonsense")
    card = ModelCard("m", "m", "onnx", 2, input_bands=(BandSpec("a"),), weights=(WeightFile(str(path), "onnx"),))
    with pytest.raises((ModelUnreadable, RuntimeMissing)) as caught:
        session.load(card, SETTINGS)
    assert caught.value.hint
    session.load(CARD, SETTINGS)
    assert session.submit(*tile()).result(LONG).arrays[0].data.shape == (1, 16, 16)


def assert_all_threads_ended(session):
    """None of them had to be given up on."""
    threads = (session._listener, session._stderr, session._watcher)
    assert [thread.name for thread in threads if thread.is_alive()] == []


def test_a_kill_is_a_cancel_that_always_works(worker_python, monkeypatch):
    """Also of a worker that sits at a tile for ten minutes."""
    asleep = "import time; from sr_plugin.worker.engine import Engine; Engine.run = lambda *_: time.sleep(600); main()"
    monkeypatch.setattr(worker_session, "_START", worker_session._START.replace("main()", asleep))
    session = WorkerSession(worker_python)
    session.load(CARD, SETTINGS)
    futures = [session.submit(*tile(2000)) for _ in range(3)]
    started = time.monotonic()
    session.kill()
    assert time.monotonic() - started < SOON
    assert_all_threads_ended(session)
    assert {type(future.exception(LONG)) for future in futures} == {Cancelled}
    with pytest.raises(ProcessLookupError):
        os.kill(session.pid, 0)


def test_a_worker_that_dies_says_how(worker_python):
    session = WorkerSession(worker_python)
    os.kill(session.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match="signal 9"):
        session.load(CARD, SETTINGS)
    with pytest.raises(WorkerDied):
        session.submit(*tile())
    session.close()


@pytest.mark.parametrize(
    "script, words",
    [
        ("import sys; sys.exit(3)", "exit code 3"),
        ("raise ImportError('no such module')", "no such module"),
        ("print('hello, I am no worker')", "no message"),
    ],
)
def test_programs_that_are_no_worker(tmp_path, script, words):
    fake = tmp_path / "python"
    fake.write_text(f"#!{sys.executable}\n{script}\n")
    fake.chmod(0o755)
    with pytest.raises((WorkerDied, ProtocolError), match=words):
        WorkerSession(str(fake))


def test_a_python_that_is_not_there():
    with pytest.raises(WorkerDied, match="cannot be started"):
        WorkerSession("/no/such/python")


def is_there(pid):
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_worker_ends_when_its_client_is_gone(worker_python, project_dir):
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1]);"
        "from sr_plugin.runtime.worker_session import WorkerSession;"
        "s = WorkerSession(sys.argv[2]); print(s.pid, flush=True); time.sleep(600)"
    )
    client = subprocess.Popen(
        [sys.executable, "-c", script, str(project_dir), worker_python], stdout=subprocess.PIPE, text=True
    )
    pid = int(client.stdout.readline())
    client.kill()
    client.wait()
    client.stdout.close()
    wait_until(lambda: not is_there(pid))


def test_stray_prints_do_not_break_the_channel(worker_python, project_dir):
    script = (
        "import sys, os; sys.path.insert(0, sys.argv[1]);"
        "from sr_plugin.worker import engine, server; run = engine.Engine.run;"
        "engine.Engine.run = lambda *a: (print('stray'), os.write(1, b'stray'), run(*a))[2];"
        "server.main()"
    )
    import io

    from sr_plugin.core.card import card_to_wire
    from sr_plugin.core.protocol import Frame, read_frame, write_frame

    arrays, task = tile(value=5)
    requests = io.BytesIO()
    write_frame(requests, Frame({"type": "load", "id": 0, "card": card_to_wire(CARD), "settings": SETTINGS.to_wire()}))
    write_frame(requests, Frame({"type": "infer", "id": 1, "task": task.to_wire()}, arrays))
    command = [worker_python, "-c", script, str(project_dir)]
    done = subprocess.run(command, input=requests.getvalue(), capture_output=True, timeout=LONG, check=True)
    answers = io.BytesIO(done.stdout)
    assert read_frame(answers).header["type"] == "loaded"
    assert (read_frame(answers).array("image") == 5).all() and read_frame(answers) is None
    assert done.stderr.count(b"stray") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize("how", ["killed", "died"])
def test_a_helper_that_holds_the_pipes_holds_up_nothing(tmp_path, monkeypatch, worker_python, how):
    """Packages fork helpers that inherit the worker's pipes; nobody may wait for them, and none may be left."""
    pid_file = tmp_path / "helper"
    fork = f"import os, time; p = os.fork(); p or time.sleep(600); open({str(pid_file)!r}, 'w').write(str(p)); "
    monkeypatch.setattr(worker_session, "_START", fork + worker_session._START)
    session = WorkerSession(worker_python)
    helper = int(pid_file.read_text())
    started = time.monotonic()
    if how == "died":
        os.kill(session.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied):
            session.load(CARD, SETTINGS)
    session.kill()
    assert time.monotonic() - started < SOON
    assert_all_threads_ended(session)
    wait_until(lambda: not is_there(helper))
