"""Cancel, kills and running out of memory: a whole result or none."""

import contextlib
import os
import signal
import time

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import Cancelled, OutOfMemory, RuntimeMissing, SourceChanged, WorkerDied  # noqa: E402
from sr_plugin.runtime import worker_session  # noqa: E402
from sr_plugin.runtime.worker_session import WorkerSession  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402
from tests.waiting import SOON  # noqa: E402

pytestmark = pytest.mark.gdal


class KillsItsWorker(Recorder):
    """Kills the worker after some tiles, as the system does when memory runs out."""

    session = None

    def progress(self, done, total, seconds_left):
        super().progress(done, total, seconds_left)
        if 3 <= done < total:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.session.pid, signal.SIGKILL)


def test_a_killed_worker_leaves_a_clear_error_and_the_next_run_works(run, make_raster, scene, worker_python, tmp_path):
    path = make_raster(scene)
    before = sorted(os.listdir(tmp_path))
    feedback = KillsItsWorker()

    def start(_card):
        feedback.session = WorkerSession(worker_python)
        return feedback.session

    with pytest.raises(WorkerDied, match="signal 9") as caught:
        run(path, "bicubic:4", tile=16, feedback=feedback, open_session=start)
    assert caught.value.hint and not (tmp_path / "out.tif").exists()
    again = Recorder()
    result = run(path, "bicubic:4", tile=16, feedback=again, open_session=lambda _: WorkerSession(worker_python))
    assert result.tiles == 110 and any("Going on with an interrupted run" in text for text in again.messages)
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "out.tif"])


#: A worker that computes five tiles and then sits at each for ten minutes.
FALLS_ASLEEP = (
    "import time; from sr_plugin.worker.engine import Engine; run, awake = Engine.run, iter(range(5)); "
    "Engine.run = lambda *given: run(*given) if next(awake, None) is not None else time.sleep(600); main()"
)


def test_a_cancel_waits_for_no_tile(run, make_raster, scene, worker_python, tmp_path, monkeypatch):
    monkeypatch.setattr(worker_session, "_START", worker_session._START.replace("main()", FALLS_ASLEEP))
    path = make_raster(scene)
    before = sorted(os.listdir(tmp_path))
    moments = []

    class Cancels(Recorder):
        def cancelled(self):
            if super().cancelled():
                moments.append(time.monotonic())
            return bool(moments)

    feedback = Cancels(cancel_after=3)
    with pytest.raises(Cancelled):
        run(path, "bicubic:8", tile=16, feedback=feedback, open_session=lambda _: WorkerSession(worker_python))
    assert time.monotonic() - moments[0] < SOON
    assert sorted(os.listdir(tmp_path)) == before
    assert len(feedback.steps) <= 5


def test_what_was_done_is_kept_on_request(run, make_raster, scene, tmp_path):
    feedback = Recorder(cancel_after=4)
    with pytest.raises(Cancelled):
        run(make_raster(scene), "nearest:2", tile=16, feedback=feedback, keep_partial=True)
    (kept,) = [name for name in os.listdir(tmp_path) if name.endswith(".part.tif")]
    assert (read_raster(str(tmp_path / kept))[:, :32, :32] == scene[:, :16, :16].repeat(2, 1).repeat(2, 2)).all()
    assert any(kept in text for text in feedback.messages)


class SmallMemory(LocalSession):
    """A model that has room for tiles of up to 40 x 40 pixels."""

    sizes: list = []

    def submit(self, arrays, task):
        height, width = arrays[0].data.shape[1:]
        SmallMemory.sizes.append(max(height, width))
        if max(height, width) > 40:
            from concurrent.futures import Future

            future = Future()
            future.set_exception(OutOfMemory("Too large."))
            return future
        return super().submit(arrays, task)


def test_running_out_of_memory_halves_the_tile_and_changes_nothing(run, make_raster, scene, tmp_path, recorder):
    path = make_raster(scene)
    expected = read_raster(run(path, "bicubic:2").output)
    SmallMemory.sizes = []
    result = run(
        path,
        "bicubic:2",
        tile=128,
        feedback=recorder,
        open_session=lambda _: SmallMemory(),
        output=str(tmp_path / "small.tif"),
    )
    np.testing.assert_array_equal(read_raster(result.output), expected)
    assert [text for text in recorder.warnings if "halved to 32" in text]
    assert sum(size > 40 for size in SmallMemory.sizes) <= 6


class NoMemory(SmallMemory):
    def submit(self, arrays, task):
        from concurrent.futures import Future

        future = Future()
        future.set_exception(OutOfMemory("Nothing fits."))
        return future


def test_memory_for_nothing_at_all_is_an_error(run, make_raster, scene):
    with pytest.raises(OutOfMemory):
        run(make_raster(scene), "bicubic:2", open_session=lambda _: NoMemory())


def test_a_source_that_changes_under_way_is_told(run, make_raster, scene, tmp_path):
    path = make_raster(scene)

    class Touches(Recorder):
        def progress(self, done, total, seconds_left):
            os.utime(path, ns=(1, 1))

    with pytest.raises(SourceChanged):
        run(path, "nearest:2", tile=16, feedback=Touches())
    assert os.listdir(tmp_path) == ["input.tif"]


def test_without_a_runtime_the_way_out_is_told(make_raster, scene, tmp_path, monkeypatch):
    from sr_plugin.pipeline.request import SuperResolveRequest
    from sr_plugin.pipeline.superresolve import superresolve

    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    request = SuperResolveRequest(make_raster(scene), str(tmp_path / "o.tif"), "bicubic:2", worker_python="/no/python")
    with pytest.raises(RuntimeMissing) as caught:
        superresolve(request)
    assert caught.value.hint
