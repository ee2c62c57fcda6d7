"""A process is known again by its mark."""

import os
import subprocess
import sys

import pytest

from sr_plugin.core.process_mark import still_runs, this_process

SHOW = "from sr_plugin.core.process_mark import this_process; print(this_process(), flush=True); input()"


def test_this_process_runs():
    assert still_runs(this_process())


def test_a_process_is_gone_once_it_has_ended():
    with subprocess.Popen(
        [sys.executable, "-c", SHOW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    ) as process:
        mark = process.stdout.readline().strip()
        assert mark != this_process() and still_runs(mark)
        process.stdin.close()
        process.wait()
        assert not still_runs(mark)


@pytest.mark.skipif(sys.platform != "linux", reason="needs the start time of processes")
def test_a_number_that_was_used_again_is_another_process():
    machine, number, started = this_process().split(" ")
    assert not still_runs(f"{machine} {number} {int(started) - 1}")


@pytest.mark.parametrize("mark", ["", "x", "a b c", "a -1 ?", "a 1 ? 2", "a 99999999999999999999 ?", "\0 1 1"])
def test_what_is_no_mark_names_nothing(mark):
    assert not still_runs(mark)
    assert not still_runs(mark.replace("a ", this_process().split(" ")[0] + " ", 1))


def test_a_process_of_another_machine_is_not_known():
    _, number, started = this_process().split(" ")
    assert not still_runs(f"elsewhere.{os.getpid()} {number} {started}")
