"""What the folder of a training tells, also after a crash."""

from __future__ import annotations

import errno
import os

import pytest

from sr_plugin.core.errors import ModelUnreadable, OutputBusy
from sr_plugin.core.job_folder import DONE, FAILED, INTERRUPTED, RUNNING, WAITING, JobFolder, JobStatus


@pytest.fixture
def folder(tmp_path):
    folder = JobFolder(str(tmp_path / "job"))
    folder.make()
    return folder


def test_a_state_survives_the_file(folder):
    status = JobStatus(DONE, 5, 10, None, "Done", best=31.5, best_step=4, model="m.json", device="cpu")
    folder.write_status(status)
    assert folder.status() == status


def test_who_runs_without_a_worker_was_interrupted(folder):
    folder.write_status(JobStatus(RUNNING, 5, 10))
    with folder.lock():
        assert folder.busy
        assert folder.status().state == RUNNING
    assert not folder.busy
    assert folder.status().state == INTERRUPTED
    folder.write_status(JobStatus(FAILED, message="no"))
    assert folder.status().state == FAILED


def test_a_state_meets_its_reader_and_is_written_all_the_same(folder, monkeypatch):
    """As on Windows, which replaces no file that somebody has open."""
    replace, refusals = os.replace, [PermissionError(errno.EACCES, "in use")] * 3

    def refusing(one, other):
        if refusals:
            raise refusals.pop()
        replace(one, other)

    monkeypatch.setattr(os, "replace", refusing)
    folder.write_status(JobStatus(DONE, 1, 1))
    assert folder.status().state == DONE and not refusals
    refusals += [PermissionError(errno.EACCES, "in use")] * 3
    folder.append_metrics({"step": 1})
    folder.forget_metrics_after(0)
    assert folder.read_metrics()[0] == []


def test_how_it_ended_is_told_on_a_full_disk(folder, monkeypatch):
    folder.write_status(JobStatus(RUNNING, 5, 10, message="Training on a device with a long name"))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        folder.write_status(JobStatus(RUNNING, 6, 10))
    folder.write_status(JobStatus(FAILED, 5, 10, message="Full"))
    assert folder.status() == JobStatus(FAILED, 5, 10, message="Full")


def test_a_training_whose_state_is_lost_does_not_start_for_ever(folder):
    assert folder.status().state == INTERRUPTED
    with folder.lock():
        assert folder.status().state == WAITING


def test_one_process_works_a_folder(folder):
    with folder.lock(), pytest.raises(OutputBusy):
        folder.lock()


@pytest.mark.parametrize("text", ["", "[]", '{"state": "dreaming"}', '{"step": "x"}', '{"state": "done"'])
def test_a_damaged_state_counts_as_none(folder, text):
    with open(folder.status_file, "w", encoding="utf-8") as file:
        file.write(text)
    assert folder.status().state == WAITING


def test_figures_are_read_from_where_they_ended(folder):
    folder.append_metrics({"step": 1, "loss": 0.5})
    first, offset = folder.read_metrics()
    assert first == [{"step": 1, "loss": 0.5}]
    assert folder.read_metrics(offset) == ([], offset)
    with open(folder.metrics, "ab") as file:
        file.write(b'not json\n{"loss": 1}\n{"step": 2}\n{"step": 3')
    again, offset = folder.read_metrics(offset)
    assert again == [{"step": 2}]
    with open(folder.metrics, "ab") as file:
        file.write(b"3}\n")
    assert folder.read_metrics(offset)[0] == [{"step": 33}]


def test_figures_of_steps_that_are_taken_again_are_dropped(folder):
    for step in (0, 2, 4, 6):
        folder.append_metrics({"step": step})
    folder.forget_metrics_after(4)
    assert [line["step"] for line in folder.read_metrics()[0]] == [0, 2, 4]
    # A file that got shorter is read from its beginning.
    assert folder.read_metrics(10**6)[0]


def test_a_request_to_stop_can_be_taken_back(folder):
    folder.ask_to_stop()
    assert folder.stop_asked()
    folder.forget_stop()
    folder.forget_stop()
    assert not folder.stop_asked()


def test_a_folder_without_a_plan_is_refused(folder):
    with pytest.raises(ModelUnreadable, match="plan.json"):
        folder.check()
