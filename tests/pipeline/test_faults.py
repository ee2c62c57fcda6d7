"""Faults injected into whole runs through the real worker: a whole result, or one clear sentence and nothing else."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import (  # noqa: E402
    Cancelled,
    DiskFull,
    OutOfMemory,
    OutputBusy,
    ProtocolError,
    SourceChanged,
    SourceUnreadable,
    SuperResolutionError,
    WorkerDied,
)
from sr_plugin.runtime.worker_session import WorkerSession  # noqa: E402
from tests.conftest import read_raster, write_raster  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402
from tests.pipeline.halted_run import halted_run  # noqa: E402
from tests.slow_server import serve  # noqa: E402, F401 - a fixture
from tests.waiting import LONG, SOON  # noqa: E402

pytestmark = [pytest.mark.gdal, pytest.mark.skipif(sys.platform == "win32", reason="signals and FIFOs")]
MODEL = "bicubic:2"


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@pytest.fixture
def source(make_raster, scene):
    """A source whose bytes must be the same afterwards."""
    path = make_raster(scene)
    before = digest(path)
    yield path
    if os.path.exists(path):
        assert digest(path) == before


@contextlib.contextmanager
def fails(kind, words, tmp_path, leftovers=()):
    """One sentence with a cause and a hint; nothing under the final name, nothing else that is not expected."""
    with pytest.raises(kind, match=words) as caught:
        yield caught
    error = caught.value
    assert error.message.endswith(".") and "Traceback" not in str(error) and "\n" not in str(error)
    assert error.hint or kind is Cancelled
    left = [name for name in os.listdir(tmp_path) if name.startswith("out.tif")]
    assert "out.tif" not in left and "out.tif.lock" not in left
    assert {name.split(".part")[-1] for name in left} <= set(leftovers)


KEPT = (".tif", ".jsonl")


def hacked(tmp_path, code):
    """A Python that starts the worker with ``code`` run before it serves."""
    script = tmp_path / "python"
    script.write_text(
        f"#!{sys.executable}\nimport os, sys, threading, time\nsys.path.insert(0, sys.argv[-1])\n"
        "from sr_plugin.core.protocol import Frame, NamedArray\nfrom sr_plugin.core.session import TileResult\n"
        "from sr_plugin.worker import engine, server\nimport numpy as np\nrun = engine.Engine.run\n"
        f"count = [0]\n{code}\nserver.main()\n"
    )
    script.chmod(0o755)
    return str(script)


def worker(python, patience=60.0):
    """A factory of sessions, with the session that was opened last as an attribute."""

    def start(_card):
        start.session = WorkerSession(python, patience)
        return start.session

    return start


def test_a_worker_that_hangs_is_ended_and_the_run_goes_on_from_there(run, source, tmp_path, worker_python):
    start, stopped = worker(worker_python, 1.0), []

    class Stops(Recorder):
        def progress(self, done, total, seconds_left):
            super().progress(done, total, seconds_left)
            if done >= 10:
                stopped.append(time.monotonic())
                with contextlib.suppress(ProcessLookupError):
                    os.kill(start.session.pid, signal.SIGSTOP)

    with fails(WorkerDied, "no sign of life for 1 s", tmp_path, KEPT):
        run(source, MODEL, tile=16, feedback=Stops(), open_session=start)
    assert time.monotonic() - stopped[0] < 50, "the usual patience is 60 s"
    again = Recorder()
    result = run(source, MODEL, tile=16, feedback=again, open_session=worker(worker_python))
    assert again.steps[0][0] >= 10
    np.testing.assert_array_equal(
        read_raster(result.output), read_raster(run(source, MODEL, output=str(tmp_path / "expected.tif")).output)
    )


def test_a_hanging_load_can_be_cancelled(run, source, tmp_path):
    python = hacked(tmp_path, "engine.Engine.load = lambda *a: time.sleep(3600)")
    feedback = Recorder()
    feedback.cancelled = cancelled_after(0.5)
    began = time.monotonic()
    with fails(Cancelled, "cancelled", tmp_path):
        run(source, MODEL, feedback=feedback, open_session=worker(python))
    assert time.monotonic() - began < SOON


OUT_OF_MEMORY = """
def limited(self, arrays, task):
    if max(arrays[0].data.shape[1:]) > {limit}:
        raise MemoryError("std::bad_alloc")
    return run(self, arrays, task)
engine.Engine.run = limited
"""


def test_out_of_memory_in_the_worker_halves_the_tile(run, source, tmp_path, recorder):
    expected = read_raster(run(source, MODEL, output=str(tmp_path / "expected.tif")).output)
    python = hacked(tmp_path, OUT_OF_MEMORY.format(limit=40))
    result = run(source, MODEL, tile=128, feedback=recorder, open_session=worker(python))
    np.testing.assert_array_equal(read_raster(result.output), expected)
    assert any("halved to 32" in text for text in recorder.warnings)


def test_memory_for_not_even_the_smallest_tile(run, source, tmp_path):
    python = hacked(tmp_path, OUT_OF_MEMORY.format(limit=2))
    with fails(OutOfMemory, "ran out of memory", tmp_path, KEPT):
        run(source, MODEL, tile=128, open_session=worker(python))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system needs the right to mount one")
    yield place
    subprocess.run(["umount", str(place)], check=True)


class FillsDisk(Recorder):
    """Takes all room but some when so many tiles are done."""

    def __init__(self, place, after, room):
        super().__init__()
        self.place, self.after, self.room = place, after, room

    def progress(self, done, total, seconds_left):
        super().progress(done, total, seconds_left)
        ballast = self.place / "ballast"
        if done >= self.after and not ballast.exists():
            free = shutil.disk_usage(self.place).free
            ballast.write_bytes(b"x" * max(0, free - self.room))


@pytest.mark.parametrize("after, room", [(1, 100_000), (20, 0), (55, 40_000), (100, 0)])
def test_a_disk_that_fills_up_while_writing_or_closing(
    run, make_raster, small_disk, tmp_path, worker_python, after, room
):
    noise = np.random.default_rng(0).integers(0, 60000, (1, 600, 600)).astype(np.uint16)
    source = make_raster(noise)
    before, output = digest(source), str(small_disk / "out.tif")
    feedback = FillsDisk(small_disk, after, room)
    try:
        run(source, MODEL, tile=60, output=output, feedback=feedback, open_session=worker(worker_python))
    except SuperResolutionError as error:
        assert isinstance(error, DiskFull) and error.hint, error
        assert not os.path.exists(output)
    else:
        assert read_raster(output).shape == (1, 1200, 1200) and after >= 100
    assert digest(source) == before
    if not os.path.exists(output):
        os.remove(small_disk / "ballast")
        # What was broken off takes room in the partial file.
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
        result = run(source, MODEL, tile=60, output=output, open_session=worker(worker_python))
        np.testing.assert_array_equal(
            read_raster(result.output), read_raster(run(source, MODEL, output=str(tmp_path / "e.tif")).output)
        )
    assert sorted(set(os.listdir(small_disk)) - {"ballast"}) == ["out.tif"]


class Meddles(Recorder):
    """Does something to the source when some tiles are done."""

    def __init__(self, deed):
        super().__init__()
        self.deed = deed

    def progress(self, done, total, seconds_left):
        super().progress(done, total, seconds_left)
        if done >= 5 and self.deed is not None:
            self.deed()
            self.deed = None


def test_a_source_that_vanishes_under_way(run, source, tmp_path, worker_python):
    with fails(SourceChanged, "changed or vanished", tmp_path):
        run(source, MODEL, tile=16, feedback=Meddles(lambda: os.remove(source)), open_session=worker(worker_python))


def test_a_source_that_is_replaced_under_way(run, scene, make_raster, tmp_path, worker_python):
    path, other = make_raster(scene), make_raster(scene + 1, "other.tif")
    with fails(SourceChanged, "changed or vanished", tmp_path):
        run(path, MODEL, tile=16, feedback=Meddles(lambda: os.replace(other, path)), open_session=worker(worker_python))


def test_a_source_that_is_cut_short_under_way(run, make_raster, scene, tmp_path, worker_python):
    path = make_raster(np.tile(scene, (1, 4, 4)), options=["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"])
    with fails((SourceUnreadable, SourceChanged), "cannot be read|changed or vanished", tmp_path, KEPT):
        run(path, MODEL, tile=16, feedback=Meddles(lambda: os.truncate(path, 5000)), open_session=worker(worker_python))


def cancelled_after(seconds):
    """A user who cancels so many seconds from now."""
    moment = time.monotonic() + seconds
    return lambda: time.monotonic() > moment


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_fifo_that_nobody_or_a_slow_one_writes_to_can_be_cancelled(run, source, tmp_path, share):
    fifo = str(tmp_path / "slow.tif")
    os.mkfifo(fifo)
    stop = threading.Event()

    def write():
        with contextlib.suppress(BrokenPipeError), open(fifo, "wb") as target, open(source, "rb") as file:
            target.write(file.read()[: int(share * os.path.getsize(source))])
            target.flush()
            stop.wait(600)

    if share:
        threading.Thread(target=write, daemon=True).start()
    feedback = Recorder()
    feedback.cancelled = cancelled_after(0.5)
    began = time.monotonic()
    with pytest.raises((Cancelled, SuperResolutionError)) as caught:
        run(fifo, MODEL, feedback=feedback)
    assert time.monotonic() - began < SOON
    assert isinstance(caught.value, Cancelled) or (caught.value.message and caught.value.hint)
    assert sorted(os.listdir(tmp_path)) == ["input.tif", "slow.tif"]
    stop.set()
    with contextlib.suppress(OSError):
        # Whoever still waits for the other end gets it.
        os.close(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.parametrize("share, words", [(0.0, "while it is opened"), (0.02, "in the sample"), (0.95, "in the loop")])
def test_a_network_source_that_stops_answering_can_be_cancelled(
    run, scene, tmp_path, serve, worker_python, share, words
):
    noise = np.random.default_rng(3).integers(0, 60000, (1, 2400, 2400)).astype(np.uint16)
    # So large that the sample is taken from places spread over it, the loop reads what the sample did not.
    path = write_raster(tmp_path / "far.tif", noise, options=["TILED=YES", "BLOCKXSIZE=128", "BLOCKYSIZE=128"])
    server = serve(path, int(share * os.path.getsize(path)))
    feedback = Recorder()
    moments = []

    def cancelled():
        if server.waiting.is_set() and not moments:
            moments.append(time.monotonic() + 0.2)
        return bool(moments) and time.monotonic() > moments[0]

    feedback.cancelled = cancelled
    with fails(Cancelled, "cancelled", tmp_path):
        run(server.name, MODEL, tile=256, feedback=feedback, open_session=worker(worker_python))
    assert time.monotonic() - moments[0] < SOON
    assert bool(feedback.steps) == (words == "in the loop")


GARBAGE = {
    "no message": ("os.write(answers, b'garbage' * 1000 + b'\\n')", "no message"),
    "half a message": ('os.write(answers, b\'{"type": "result"\'); os._exit(0)', "broke in the middle"),
    "an array that is too short": (
        'os.write(answers, b\'{"type":"result","id":2,"arrays":[{"name":"image","dtype":"<u2","shape":[9]}]}\\n\');'
        "os._exit(0)",
        "broke in the middle",
    ),
    "an endless array": (
        'os.write(answers, b\'{"type":"result","id":2,"arrays":[{"name":"","dtype":"<u2","shape":[9999999999]}]}\\n\')',
        "more bytes than are allowed",
    ),
    "an answer to nobody": ('os.write(answers, b\'{"type":"result","id":77}\\n\')', "never made"),
    "a tile without pixels": ("return TileResult(())", "something that is none"),
    "a tile of another size": ("return TileResult((NamedArray('image', np.zeros((4, 7, 7), 'u2')),))", "that is none"),
    "a tile of another type": (
        "r = run(self, arrays, task); return TileResult((NamedArray('image', r.arrays[0].data.astype('f8')),))",
        "that is none",
    ),
    "sums that are words": (
        "r = run(self, arrays, task); return TileResult(r.arrays, {'consistency_sum': 'much'})",
        "not understood",
    ),
}
BABBLES = """
answers = []
dup = os.dup
os.dup = lambda number: answers.append(dup(number)) or answers[-1]
one_at_a_time, writing = threading.Lock(), threading.Lock()
write_frame = server.write_frame
def write_alone(*given):
    with writing:
        write_frame(*given)
server.write_frame = write_alone
def babble(self, arrays, task):
    with one_at_a_time:
        count[0] += 1
        if count[0] == 3:
            answers = globals()["answers"][-1]
            {deed}
        return run(self, arrays, task)
engine.Engine.run = babble
"""


@pytest.mark.parametrize("name", sorted(GARBAGE))
def test_garbage_from_the_worker(run, source, tmp_path, name):
    deed, words = GARBAGE[name]
    if deed.startswith("os.write"):
        # No other tile and no sign of life comes in the middle of the garbage or behind it.
        deed = f"with writing: {deed}; time.sleep(600)"
    python = hacked(tmp_path, BABBLES.format(deed=deed))
    # Garbage that went unnoticed would end as a worker without a sign of life.
    with fails(ProtocolError, words, tmp_path, KEPT):
        run(source, MODEL, tile=32, open_session=worker(python))
    assert os.path.exists(run(source, MODEL, tile=32).output)


def test_a_second_process_on_the_same_job(run, source, tmp_path, project_dir, worker_python):
    """As with two windows of QGIS: the first one ends well, the second one is told."""
    line = ["superresolve", source, str(tmp_path / "out.tif"), "--tile", "16", "--model", MODEL, "--quiet", "--worker"]
    # Held still, so that it cannot end before the second one has begun.
    first = halted_run(project_dir, 5, [*line, worker_python], tmp_path)
    try:
        assert first.poll() is None
        with pytest.raises(OutputBusy, match="Another run is writing") as caught:
            run(source, MODEL, tile=16)
    finally:
        first.send_signal(signal.SIGCONT)
    assert caught.value.hint
    assert first.wait(LONG) == 0, first.stderr.read()
    first.stderr.close()
    np.testing.assert_array_equal(
        read_raster(str(tmp_path / "out.tif")), read_raster(run(source, MODEL, output=str(tmp_path / "e.tif")).output)
    )


@pytest.mark.parametrize("kind, nodata", [("uint16", 0), ("float32", float("nan")), ("int16", -32768)])
@pytest.mark.parametrize("model", [MODEL, "s2-rgbn-x2"])
def test_nothing_but_nodata(run, make_raster, tmp_path, worker_python, kind, nodata, model):
    if model != MODEL:
        pytest.importorskip("onnxruntime")
    path = make_raster(np.full((4, 70, 90), nodata, kind), nodata=nodata, descriptions=["B04", "B03", "B02", "B08"])
    before = digest(path)
    result = run(path, model, tile=32, open_session=worker(worker_python))
    pixels = read_raster(result.output)
    assert pixels.shape == (4, 140, 180) and pixels.dtype == np.dtype(kind)
    assert (np.isnan(pixels) if np.isnan(nodata) else pixels == nodata).all()
    assert digest(path) == before and sorted(os.listdir(tmp_path)) == ["input.tif", "out.tif"]
