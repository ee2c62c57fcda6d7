"""One run an output, also where files cannot be locked."""

import errno
import os
import subprocess
import sys

import pytest

from sr_plugin.core import output_lock
from sr_plugin.core.errors import OutputBusy
from sr_plugin.core.output_lock import OutputLock, is_locked
from sr_plugin.core.process_mark import this_process

HOLD = """
import errno, sys
from sr_plugin.core import output_lock
if sys.argv[2] == "unlockable":
    def refuse(file):
        raise OSError(errno.ENOTSUP, "no locks here")
    output_lock._lock = refuse
lock = output_lock.OutputLock(sys.argv[1])
print("held", flush=True)
input()
"""


@pytest.fixture(params=["lockable", "unlockable"])
def file_system(request, monkeypatch):
    def refuse(_file):
        raise OSError(errno.ENOTSUP, "no locks here")

    if request.param == "unlockable":
        monkeypatch.setattr(output_lock, "_lock", refuse)
    return request.param


@pytest.fixture
def output(tmp_path):
    return str(tmp_path / "result.tif")


def test_a_lock_is_seen_and_given_back(file_system, output):
    assert not is_locked(output)
    with OutputLock(output):
        assert is_locked(output)
        with pytest.raises(OutputBusy, match="Another run"):
            OutputLock(output)
        assert is_locked(output)
    assert not is_locked(output) and not os.path.exists(output + ".lock")


def test_a_killed_process_holds_nothing(file_system, output):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, output, file_system], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        assert is_locked(output)
        with pytest.raises(OutputBusy):
            OutputLock(output)
        process.kill()
        process.wait()
    assert os.path.exists(output + ".lock") and not is_locked(output)
    with OutputLock(output):
        assert is_locked(output)
    assert not is_locked(output)


def test_rubbish_in_a_lock_file_locks_nothing(file_system, output):
    with open(output + ".lock", "wb") as file:
        file.write(b"\xff\0rubbish " * 1000)
    assert not is_locked(output)
    with OutputLock(output):
        assert is_locked(output)


def test_the_file_names_its_holder_where_nothing_else_guards(monkeypatch, output):
    def refuse(_file):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(output_lock, "_lock", refuse)
    with OutputLock(output), open(output + ".lock", encoding="ascii") as file:
        assert file.read() == this_process()
