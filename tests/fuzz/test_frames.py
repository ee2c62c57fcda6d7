"""Garbage on the channel between plugin and worker, in both directions: a plain error, no hang, no flood."""

from __future__ import annotations

import io
import json
import os
import pathlib
import stat
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import card_to_wire
from sr_plugin.core.edges import EdgeSettings
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import VERSION, Frame, NamedArray, read_frame, write_frame
from sr_plugin.core.radiometry import Radiometry
from sr_plugin.core.session import RunSettings, TileResult, TileTask
from sr_plugin.runtime.worker_session import WorkerSession
from sr_plugin.worker.server import Server
from tests.fuzz.effort import effort
from tests.fuzz.guard import greatest_size, guarded
from tests.fuzz.inputs import changed_bytes, changed_documents, json_values, scalars
from tests.waiting import LONG

CARD = builtin_card("bicubic:2")
SETTINGS = RunSettings(Radiometry((1.0,), (0.0,), (1.0,), (0.0,)), "uint16")
TASK = TileTask((0, 1, 0, 1), Window(0, 0, 6, 6))
TILE = np.arange(36, dtype=np.uint16).reshape(1, 6, 6)


def frame_bytes(header: Any, *arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    write_frame(stream, Frame(header, [NamedArray("image", array) for array in arrays]))
    return stream.getvalue()


LOAD = {"type": "load", "id": 1, "card": card_to_wire(CARD), "settings": SETTINGS.to_wire()}
INFER = {"type": "infer", "id": 2, "task": TASK.to_wire()}
EDGES = {"type": "edges", "id": 3, "settings": EdgeSettings().to_wire(), "crop": [0, 0, 6, 6], "outputs": []}
REQUESTS: dict[str, tuple[dict[str, Any], tuple[np.ndarray, ...]]] = {
    "hello": ({"type": "hello", "id": 0}, ()),
    "load": (LOAD, ()),
    "infer": (INFER, (TILE,)),
    "edges": (EDGES, (TILE.astype(np.float32), TILE.astype(np.float32))),
    "figure": ({"type": "figure", "id": 4, "description": {}}, (TILE,)),
    "describe": ({"type": "describe", "id": 5, "card": card_to_wire(CARD)}, ()),
    "probe": ({"type": "probe", "id": 6, "card": card_to_wire(CARD)}, ()),
}
RESULT = frame_bytes({"type": "result", "id": 2, "statistics": {"seconds": 0.5}}, TILE)
entry = {"name": "a", "dtype": "<f4", "shape": [2, 3], "ratio": 1.0}


def header_line(header: Any) -> bytes:
    return json.dumps(header).encode() + b"\n"


headers = st.one_of(
    changed_documents({"type": "result", "id": 1, "arrays": [entry, entry]}),
    st.builds(lambda e: {"type": "x", "arrays": e}, st.lists(changed_documents(entry), max_size=3)),
    json_values,
)
frames = st.one_of(
    st.builds(lambda h, tail: header_line(h) + tail, headers, st.binary(max_size=64) | st.just(bytes(48))),
    changed_bytes(RESULT),
    st.binary(min_size=1, max_size=200),
    st.sampled_from(
        [b"[" * 100_000 + b"\n", b'{"a":' * 100_000 + b"\n", b"1" * 5000 + b"\n", b"x" * (5 << 20), b"\n" * 99]
    ),
)


@given(data=frames)
@effort(4)
def test_frames_are_read_or_refused(data: bytes) -> None:
    stream = io.BytesIO(data)
    with guarded():
        try:
            while True:
                frame = read_frame(stream)
                if frame is None:
                    break
                assert isinstance(frame.header["type"], str)
        except SuperResolutionError as error:
            assert len(str(error)) < 1000


def answers(data: bytes, seconds: float = LONG) -> list[Frame]:
    """What the server answers to these bytes, all of it well-formed; fails where it does not come to its end."""
    given_back = io.BytesIO()
    serving = threading.Thread(target=Server(io.BytesIO(data), given_back).serve, daemon=True)
    serving.start()
    serving.join(seconds)
    assert not serving.is_alive(), "the server hangs"
    found, stream = [], io.BytesIO(given_back.getvalue())
    while True:
        frame = read_frame(stream)
        if frame is None:
            return found
        found.append(frame)


@given(data=frames)
@effort()
def test_the_server_ends_after_garbage(data: bytes) -> None:
    with guarded(60):
        for frame in answers(frame_bytes({"type": "hello", "id": 0}) + data):
            assert frame.header["type"] in ("hello", "error")


@pytest.mark.parametrize("kind", REQUESTS)
@given(data=st.data())
@effort(0.5)
def test_every_changed_request_has_an_answer(kind: str, data: st.DataObject) -> None:
    header, arrays = REQUESTS[kind]
    changed = data.draw(changed_documents(header))
    if (
        not isinstance(changed, dict)
        or not isinstance(changed.get("type"), str)
        or changed["type"] in ("quit", "export")
    ):
        changed = header
    changed.pop("arrays", None)
    sent = data.draw(st.sampled_from([arrays, (), arrays * 2, tuple(a[..., :0] for a in arrays)]))
    with guarded(60):
        found = answers(frame_bytes(LOAD) + frame_bytes(changed, *sent) + frame_bytes({"type": "hello", "id": 9}))
    assert len(found) == 3
    assert found[0].header["type"] == "loaded" and found[2].header["type"] == "hello"
    if found[1].header["type"] == "error":
        assert found[1].header["message"] and len(found[1].header["message"]) < 100_000


def worker_that_says(folder: pathlib.Path, data: bytes, greet: bool = True) -> str:
    """A program in place of the worker's Python that waits for a request and then writes these bytes."""
    program, told = folder / "python3", folder / "answers"
    hello = frame_bytes({"type": "hello", "id": 0, "protocol": VERSION, "pid": 1})
    told.write_bytes((hello if greet else b"") + data)
    program.write_text(f"#!/bin/sh\nread line\nexec cat '{told}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("workers")


LOADED = {
    **{"type": "loaded", "id": 1, "backend": "b", "device": "cpu", "device_name": "CPU", "precision": "float32"},
    **{"notes": ["n"], "remarks": []},
}
told = st.one_of(
    frames,
    st.builds(header_line, changed_documents(LOADED)),
    st.builds(header_line, changed_documents({"type": "error", "id": 1, "code": "ModelFailed", "message": "m"})),
)


def talk(session: WorkerSession) -> None:
    try:
        session.load(CARD, SETTINGS)
        result = session.submit([NamedArray("image", TILE)], TASK).result(timeout=LONG)
        assert isinstance(result, TileResult) and all(isinstance(n, (int, float)) for n in result.statistics.values())
    finally:
        session.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@given(data=told, rest=st.sampled_from([b"", RESULT]), greet=st.sampled_from([True, True, True, False]))
@effort(0.7)
def test_the_client_is_told_of_garbage(folder: pathlib.Path, data: bytes, rest: bytes, greet: bool) -> None:
    python = worker_that_says(folder, data + rest, greet)
    started = time.monotonic()
    try:
        talk(WorkerSession(python))
    except SuperResolutionError as error:
        assert error.message
    assert time.monotonic() - started < 50, "a client that is not told gives up after a minute"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@given(statistics=scalars | json_values)
@effort(0.2)
def test_a_tile_that_is_answered_in_another_form(folder: pathlib.Path, statistics: Any) -> None:
    data = header_line(LOADED) + header_line({"type": "result", "id": 2, "statistics": statistics})
    try:
        talk(WorkerSession(worker_that_says(folder, data)))
    except SuperResolutionError:
        return


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_endless_words_of_a_worker_take_no_memory(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "python3"
    program.write_text("#!/bin/sh\nread line\nhead -c 200000000 /dev/zero | tr '\\0' x >&2\nexit 3\n")
    program.chmod(0o700)
    before = greatest_size()
    with pytest.raises(SuperResolutionError, match="exit code 3"):
        WorkerSession(str(program))
    assert greatest_size() - before < 60


GARBAGE = {
    "noise": bytes(range(256)) * 40,
    "no end of line": b"x" * (5 << 20),
    "nested": b"[" * 1_000_000 + b"\n",
    "an array that never comes": header_line({"type": "infer", "id": 1, "arrays": [{**entry, "shape": [2**30]}]}),
    "more than there is memory": header_line({"type": "infer", "id": 1, "arrays": [{**entry, "shape": [2**31]}]}),
    "types that are none": header_line({"type": "infer", "id": 1, "arrays": [{**entry, "dtype": ["<f4"]}]}),
    "a ratio without end": header_line({"type": "infer", "id": 1, "arrays": [{**entry, "ratio": 10**400}]}),
    "sides without end": header_line({"type": "infer", "id": 1, "arrays": [{**entry, "shape": [0, 2**39, 2**39]}]}),
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_real_worker_says_what_is_wrong_and_ends(kind: str, worker_python: str) -> None:
    start = "import sys; sys.path.insert(0, sys.argv[1]); from sr_plugin.worker.server import main; main()"
    parent = str(pathlib.Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [worker_python, "-c", start, parent],
        input=GARBAGE[kind],
        capture_output=True,
        timeout=LONG,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0
    frame = read_frame(io.BytesIO(done.stdout))
    assert frame is not None and frame.header["type"] == "error" and frame.header["code"] == "ProtocolError"
    assert b"Traceback" not in done.stderr
