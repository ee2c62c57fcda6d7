"""The list of interrupted runs: found after any kill, continued, discarded, cleared away."""

import json
import os
import time

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import Cancelled, OutputBusy, WorkerDied  # noqa: E402
from sr_plugin.core.output_lock import OutputLock, is_locked  # noqa: E402
from sr_plugin.pipeline import interrupted  # noqa: E402
from sr_plugin.pipeline.interrupted import Standing, discard, interrupted_jobs  # noqa: E402
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.pipeline.conftest import Recorder, local  # noqa: E402
from tests.pipeline.halted_run import halted_run  # noqa: E402

pytestmark = pytest.mark.gdal
MODEL, TILE = "bicubic:4", 32


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory, monkeypatch):
    """An index of this test's own."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("SR_PLUGIN_DATA", str(folder))
    return folder


@pytest.fixture
def source(make_raster, scene):
    return make_raster(np.tile(scene, (1, 2, 2)), nodata=0)


def interrupt(run, source, after=20, **options):
    with pytest.raises(Cancelled):
        run(source, MODEL, tile=TILE, keep_partial=True, feedback=Recorder(cancel_after=after), **options)


def test_a_run_that_ends_well_is_not_listed(run, source):
    run(source, MODEL, tile=TILE)
    assert interrupted_jobs() == [] and os.listdir(interrupted.index_folder()) == []


def test_a_cancelled_run_that_leaves_nothing_is_not_listed(run, source):
    with pytest.raises(Cancelled):
        run(source, MODEL, tile=TILE, feedback=Recorder(cancel_after=5))
    assert interrupted_jobs() == [] and os.listdir(interrupted.index_folder()) == []


def test_an_interrupted_run_is_listed_with_what_is_done_and_goes_on(run, source, tmp_path):
    expected = read_raster(run(source, MODEL, tile=TILE, output=str(tmp_path / "expected.tif")).output)
    before = time.time()
    interrupt(run, source)
    (job,) = interrupted_jobs()
    assert job.request.input == source and job.request.output == str(tmp_path / "out.tif")
    assert job.tiles == 110 and 20 <= job.done < 110 and job.share == job.done / 110
    assert before - 2 < job.started <= job.stopped <= time.time() + 2
    assert job.standing is Standing.CONTINUABLE and job.model == "Bicubic interpolation x4"
    feedback = Recorder()
    result = superresolve(job.request, feedback, local)
    np.testing.assert_array_equal(read_raster(result.output), expected)
    assert feedback.steps[0][0] >= 20
    assert interrupted_jobs() == [] and os.listdir(interrupted.index_folder()) == []


def test_all_that_was_asked_for_comes_back(run, make_raster, scene):
    from osgeo import ogr

    path = make_raster(scene)
    square = ogr.CreateGeometryFromWkt("POLYGON((500100 4099900,501500 4099900,501500 4098700,500100 4099900))")
    options = dict(
        bands=(3, 1),
        extent=(500012.5, 4098500.1, 501600.0, 4099990.0),
        mask=(bytes(square.ExportToWkb()),),
        output_type="float32",
        nodata=float("nan"),
        consistency=True,
        margin=9,
        normalisation="divide:5000",
        create_options=("COMPRESS=DEFLATE",),
    )
    interrupt(run, path, 3, **options)
    (job,) = interrupted_jobs()
    for name, value in options.items():
        assert getattr(job.request, name) == value or name == "nodata"
    assert np.isnan(job.request.nodata)
    feedback = Recorder()
    superresolve(job.request, feedback, local)
    assert any("Going on" in text for text in feedback.messages)


def test_a_killed_process_is_found_from_another_folder(run, source, tmp_path, project_dir, worker_python):
    """The paths of the command were relative to a folder that is not that of who continues."""
    line = ["superresolve", "input.tif", "o.tif", "--model", MODEL, "--quiet", "--tile", "16", "--worker"]
    process = halted_run(project_dir, 12, [*line, worker_python], tmp_path)
    try:
        assert interrupted_jobs() == [], "a run that goes on must not be listed"
    finally:
        process.kill()
    process.communicate()
    (job,) = interrupted_jobs()
    assert job.request.input == source and 12 <= job.done < job.tiles
    feedback = Recorder()
    result = superresolve(job.request, feedback, local)
    assert any("Going on" in text for text in feedback.messages)
    np.testing.assert_array_equal(
        read_raster(result.output), read_raster(run(source, MODEL, output=str(tmp_path / "expected.tif")).output)
    )
    assert sorted(os.listdir(tmp_path)) == ["expected.tif", "input.tif", "o.tif"]


def test_a_dead_worker_leaves_a_run_that_can_go_on(run, source, worker_python):
    from sr_plugin.runtime.worker_session import WorkerSession
    from tests.pipeline.test_survival import KillsItsWorker

    feedback = KillsItsWorker()

    def start(_card):
        feedback.session = WorkerSession(worker_python)
        return feedback.session

    with pytest.raises(WorkerDied):
        run(source, MODEL, tile=16, feedback=feedback, open_session=start)
    (job,) = interrupted_jobs()
    assert job.standing is Standing.CONTINUABLE and job.done >= 1


def test_discard_deletes_what_was_done_and_nothing_else(run, source, tmp_path):
    interrupt(run, source)
    before = open(source, "rb").read()
    (tmp_path / "out.tif.lock").touch()
    (job,) = interrupted_jobs()
    with OutputLock(job.request.output):
        with pytest.raises(OutputBusy):
            discard(job)
        assert os.path.exists(job.files.raster) and interrupted_jobs() == []
    discard(job)
    assert os.listdir(tmp_path) == ["input.tif"] and open(source, "rb").read() == before
    assert interrupted_jobs() == [] and os.listdir(interrupted.index_folder()) == []


def standing_after(change):
    change()
    return [job.standing for job in interrupted_jobs()]


def test_what_cannot_go_on_says_why_and_is_cleaned_up(run, source, make_raster, tmp_path):
    interrupt(run, source)
    (job,) = interrupted_jobs()
    moments = os.stat(source).st_atime_ns, os.stat(source).st_mtime_ns
    assert standing_after(lambda: os.utime(source, (1, 1))) == [Standing.SOURCE_CHANGED]
    assert standing_after(lambda: os.utime(source, ns=moments)) == [Standing.CONTINUABLE]
    assert standing_after(lambda: os.rename(source, source + ".away")) == [Standing.SOURCE_GONE]
    os.rename(source + ".away", source)
    assert standing_after(lambda: os.remove(job.files.raster)) == [Standing.PARTIAL_GONE]
    (job,) = interrupted_jobs()
    discard(job)
    assert os.listdir(tmp_path) == ["input.tif"] and interrupted_jobs() == []


def test_an_entry_of_which_nothing_is_left_is_forgotten(run, source):
    interrupt(run, source)
    (job,) = interrupted_jobs()
    for name in job.files:
        os.remove(name)
    assert interrupted_jobs() == [] and os.listdir(interrupted.index_folder()) == []


def test_a_drive_that_is_away_is_waited_for(run, source, tmp_path):
    folder = tmp_path / "drive"
    folder.mkdir()
    interrupt(run, source, output=str(folder / "o.tif"))
    folder.rename(tmp_path / "unmounted")
    assert interrupted_jobs() == []
    (tmp_path / "unmounted").rename(folder)
    assert len(interrupted_jobs()) == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}', '{"version": 1, "request": 7}', "[" * 100_000])
def test_rotten_entries_are_forgotten(run, source, content):
    interrupt(run, source)
    os.makedirs(interrupted.index_folder(), exist_ok=True)
    path = os.path.join(interrupted.index_folder(), "rotten.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    assert len(interrupted_jobs()) == 1 and not os.path.exists(path)


@pytest.mark.parametrize(
    "name, value",
    [
        ("digest", "../../x"),
        ("digest", 7),
        ("tiles", "many"),
        ("output", 3),
        ("started", None),
        ("steps", []),
        ("request", {"kind": "raster", "run": None}),
        ("request", {"kind": "other"}),
    ],
)
def test_entries_with_wrong_values_touch_no_file(run, source, tmp_path, name, value):
    interrupt(run, source)
    (entry,) = os.listdir(interrupted.index_folder())
    path = os.path.join(interrupted.index_folder(), entry)
    values = json.load(open(path))
    where = values["steps"][0] if name in values["steps"][0] else values
    where[name] = value
    with open(path, "w", encoding="utf-8") as file:
        json.dump(values, file)
    there = sorted(os.listdir(tmp_path))
    assert interrupted_jobs() == [] and sorted(os.listdir(tmp_path)) == there


def test_entries_of_the_first_version_are_read(run, source, tmp_path):
    """As they were written before runs had steps."""
    expected = read_raster(run(source, MODEL, tile=TILE, output=str(tmp_path / "expected.tif")).output)
    interrupt(run, source)
    (job,) = interrupted_jobs()
    values = json.load(open(job.entry))
    old = {name: values[name] for name in ("model", "georeferenced", "started", "source", "source_files")}
    (step,) = values["steps"]
    old.update(version=1, request=values["request"]["run"], digest=step["digest"], tiles=step["tiles"])
    with open(job.entry, "w", encoding="utf-8") as file:
        json.dump(old, file)
    assert interrupted_jobs() == [job]
    np.testing.assert_array_equal(read_raster(superresolve(job.request, None, local).output), expected)
    assert interrupted_jobs() == [] and os.listdir(interrupted.index_folder()) == []


def test_what_lay_in_the_memory_of_a_process_cannot_go_on(run, source):
    interrupt(run, source)
    (job,) = interrupted_jobs()
    values = json.load(open(job.entry))
    values["request"]["run"]["input"] = "/vsimem/stack/x.vrt"
    with open(job.entry, "w", encoding="utf-8") as file:
        json.dump(values, file)
    assert [job.standing for job in interrupted_jobs()] == [Standing.SOURCE_GONE]


def test_an_index_that_cannot_be_written_is_told_and_stops_no_run(run, source, monkeypatch, data_folder):
    (data_folder / "file").touch()
    monkeypatch.setenv("SR_PLUGIN_DATA", str(data_folder / "file"))
    feedback = Recorder()
    assert os.path.exists(run(source, MODEL, feedback=feedback).output)
    assert any("cannot be entered into the list" in text for text in feedback.messages)


def test_runs_that_nobody_would_continue_are_not_listed(run, source):
    interrupt(run, source, listed=False)
    assert interrupted_jobs() == []


def test_looking_for_a_lock_neither_makes_nor_takes_it(tmp_path):
    output = str(tmp_path / "o.tif")
    assert not is_locked(output) and os.listdir(tmp_path) == []
    with OutputLock(output):
        assert is_locked(output) and is_locked(output)
    (tmp_path / "o.tif.lock").touch()
    assert not is_locked(output)
    with OutputLock(output):
        assert is_locked(output)
