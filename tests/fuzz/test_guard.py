"""The guard itself: what it is there for does not pass by unseen."""

from __future__ import annotations

import builtins
import os
import pathlib
import pickle
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.fuzz.guard import Hung, guarded

HOME = pathlib.Path(__file__).resolve().parent
#: Neither the project nor a temporary folder, which may hold it.
ELSEWHERE = pathlib.Path(os.path.abspath(os.sep))


def start_a_program() -> None:
    subprocess.run([sys.executable, "-c", ""], check=False)


def run_a_command() -> None:
    os.system("true")


def run_text() -> None:
    builtins.eval("1 + 1")


def unpickle_a_name() -> None:
    pickle.loads(b"cos\ngetcwd\n)R.")


def write_elsewhere() -> None:
    try:
        os.open(ELSEWHERE / "no such folder" / "x", os.O_WRONLY | os.O_CREAT)
    except OSError:
        pass


def delete_elsewhere() -> None:
    try:
        os.remove(ELSEWHERE / "no such file")
    except OSError:
        pass


def call_out() -> None:
    with socket.socket() as made:
        made.settimeout(0.1)
        try:
            made.connect(("127.0.0.1", 9))
        except OSError:
            pass


ACTS = [start_a_program, run_a_command, run_text, unpickle_a_name, write_elsewhere, delete_elsewhere, call_out]


@pytest.mark.parametrize("act", ACTS)
def test_acts_are_seen(act):
    with pytest.raises(AssertionError, match="it did"), guarded():
        act()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers on Windows")
def test_a_hang_is_seen():
    with pytest.raises(Hung), guarded(patience=0.2):
        try:
            time.sleep(60)
        except Exception:
            pytest.fail("a reader that catches everything must not swallow it")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers on Windows")
def test_a_computation_without_end_is_seen():
    with pytest.raises(Hung), guarded(seconds=0.1):
        while True:
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="the size of a process is not told there")
def test_a_flood_is_seen():
    with pytest.raises(AssertionError, match="it took"), guarded(megabytes=20):
        # More than this process ever had, as only a new record counts.
        from tests.fuzz.guard import greatest_size

        held = bytearray((greatest_size() + 64) << 20)
        del held


def test_reading_and_temporary_files_are_fine(tmp_path):
    with guarded():
        (tmp_path / "x").write_text("x")
        (tmp_path / "x").rename(tmp_path / "y")
        (tmp_path / "y").unlink()
        (HOME / "guard.py").read_text()
