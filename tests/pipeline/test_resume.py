"""Interrupted runs go on, and give the same pixels as if nothing had happened."""

import os
import pathlib
import random
import signal
import time

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import Cancelled, OutputBusy, WorkerDied  # noqa: E402
from sr_plugin.core.output_lock import OutputLock  # noqa: E402
from sr_plugin.runtime.worker_session import WorkerSession  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402
from tests.pipeline.halted_run import halted_run  # noqa: E402

pytestmark = pytest.mark.gdal
MODEL, TILE = "bicubic:4", 32


@pytest.fixture
def source(make_raster, scene):
    return make_raster(np.tile(scene, (1, 2, 2)), nodata=0)


@pytest.fixture
def expected(run, source, tmp_path):
    return read_raster(run(source, MODEL, tile=TILE, output=str(tmp_path / "expected.tif")).output)


def interrupt(run, source, after):
    """Cancel after some tiles, keeping what was done."""
    with pytest.raises(Cancelled):
        run(source, MODEL, tile=TILE, keep_partial=True, feedback=Recorder(cancel_after=after))


def finish(run, source, expected, folder):
    """Run to the end; the pixels must be those of an uninterrupted run and nothing may be left over."""
    feedback = Recorder()
    result = run(source, MODEL, tile=TILE, feedback=feedback)
    np.testing.assert_array_equal(read_raster(result.output), expected)
    assert sorted(os.listdir(folder)) == ["expected.tif", "input.tif", "out.tif"]
    assert result.tiles == 10 * 11
    return feedback


def parts(folder):
    return sorted(str(p) for p in pathlib.Path(folder).glob("*.part.*"))


def test_a_cancelled_run_goes_on_where_it_stopped(run, source, expected, tmp_path):
    interrupt(run, source, 40)
    feedback = finish(run, source, expected, tmp_path)
    assert feedback.steps[0][0] >= 40
    assert any("Going on" in text for text in feedback.messages)


def test_the_figures_of_a_resumed_run_are_those_of_a_whole_one(run, source, tmp_path):
    whole = run(source, MODEL, tile=TILE, output=str(tmp_path / "whole.tif"))
    interrupt(run, source, 40)
    resumed = run(source, MODEL, tile=TILE)
    assert resumed.consistency_rmse == pytest.approx(whole.consistency_rmse, rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_power_loss_that_cut_the_file_short(run, source, expected, tmp_path, share):
    interrupt(run, source, 70)
    raster = next(p for p in parts(tmp_path) if p.endswith(".tif"))
    os.truncate(raster, int(os.path.getsize(raster) * share))
    finish(run, source, expected, tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_journal_cut_short(run, source, expected, tmp_path, share):
    interrupt(run, source, 70)
    journal = next(p for p in parts(tmp_path) if p.endswith(".jsonl"))
    os.truncate(journal, int(os.path.getsize(journal) * share))
    finish(run, source, expected, tmp_path)


def test_bytes_that_rotted_are_computed_anew(run, source, expected, tmp_path):
    interrupt(run, source, 70)
    raster = next(p for p in parts(tmp_path) if p.endswith(".tif"))
    size = os.path.getsize(raster)
    with open(raster, "rb+") as file:
        for place in range(size // 4, size // 2, 5000):
            file.seek(place)
            file.write(b"\xff" * 16)
    finish(run, source, expected, tmp_path)


def test_a_file_whose_directory_was_never_written_is_made_anew(run, source, expected, tmp_path):
    """As a disk leaves it that was full when the file was closed: the header points beyond the end."""
    interrupt(run, source, 70)
    raster = next(p for p in parts(tmp_path) if p.endswith(".tif"))
    with open(raster, "rb+") as file:
        big = file.read(4) in (b"II\x2b\x00", b"MM\x00\x2b")
        file.seek(8 if big else 4)
        file.write((os.path.getsize(raster) + 1000).to_bytes(8 if big else 4, "little"))
    feedback = finish(run, source, expected, tmp_path)
    assert any("computed anew" in text for text in feedback.warnings)


def test_another_job_does_not_go_on_from_there(run, source, expected, tmp_path):
    interrupt(run, source, 40)
    feedback = Recorder()
    run(source, "bicubic:2", tile=TILE, feedback=feedback, output=str(tmp_path / "out.tif"))
    assert not any("Going on" in text for text in feedback.messages)
    for left in parts(tmp_path):
        os.remove(left)


def test_two_runs_on_one_output_are_refused(run, source, tmp_path):
    with OutputLock(str(tmp_path / "out.tif")):
        with pytest.raises(OutputBusy) as caught:
            run(source, MODEL, tile=TILE)
        assert caught.value.hint
    run(source, MODEL, tile=TILE)
    assert sorted(os.listdir(tmp_path)) == ["input.tif", "out.tif"]


@pytest.mark.slow
def test_ten_kills_of_the_whole_process(run, source, expected, tmp_path, project_dir, worker_python):
    output, moments, resumed = str(tmp_path / "out.tif"), random.Random(4), 0
    line = ["superresolve", source, output, "--model", MODEL, "--tile", str(TILE), "--quiet", "--worker", worker_python]
    for _ in range(10):
        process = halted_run(project_dir, moments.randint(1, 100), line, project_dir)
        process.send_signal(signal.SIGCONT)
        time.sleep(moments.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        feedback = finish(run, source, expected, tmp_path)
        resumed += any("Going on" in text for text in feedback.messages)
        os.remove(output)
    assert resumed >= 3


@pytest.mark.slow
def test_ten_kills_of_the_worker(run, source, expected, tmp_path, worker_python):
    moments = random.Random(5)

    class Kills(Recorder):
        session, after = None, 0

        def progress(self, done, total, seconds_left):
            super().progress(done, total, seconds_left)
            if self.after <= done < total:
                os.kill(self.session.pid, signal.SIGKILL)
                self.after = 10**9

    for _ in range(10):
        feedback = Kills()
        feedback.after = moments.randint(1, 100)

        def start(_card, feedback=feedback):
            feedback.session = WorkerSession(worker_python)
            return feedback.session

        with pytest.raises(WorkerDied):
            run(source, MODEL, tile=TILE, feedback=feedback, open_session=start)
        finish(run, source, expected, tmp_path)
        os.remove(tmp_path / "out.tif")
