"""Many runs in one process: memory stays where it is after a warm-up, and nothing is left behind."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("onnxruntime")

pytestmark = [pytest.mark.gdal, pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="/proc")]
#: ``SR_LOAD_SECONDS=7200`` makes it two hours.
SECONDS = float(os.environ.get("SR_LOAD_SECONDS", "90"))


def test_two_hours_of_tiles_in_a_nutshell(tmp_path, project_dir, worker_python, record_property):
    folder, temporary = tmp_path / "rasters", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    shared = sorted(os.listdir("/dev/shm"))
    environment = {
        **os.environ,
        "PYTHONPATH": str(project_dir),
        "TMPDIR": str(temporary),
        # glibc hands out heaps to threads as it likes: it takes hundreds of runs until all have been filled once.
        "MALLOC_ARENA_MAX": "2",
        "SR_PLUGIN_DATA": str(tmp_path / "data"),
        "SR_PLUGIN_CACHE": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-m", "tests.pipeline.load_loop", str(folder), str(SECONDS), worker_python]
    done = subprocess.run(command, cwd=project_dir, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    rounds, end = told["rounds"], told["end"]
    third = len(rounds) // 3
    for side in ("plugin", "previews", "runs"):
        sizes = [each[side] for each in rounds]
        # Peaks, because a heap breathes with what happens to lie at its end; a leak makes new ones again and again.
        before, after = max(sizes[: 2 * third]), max(sizes[2 * third :])
        line = f"{side}: at most {before / 1e6:.1f} MB in the first two thirds, {after / 1e6:.1f} MB in the last one"
        record_property(f"{side}_megabytes", [round(size / 1e6, 1) for size in sizes])
        print(f"{line}; {len(rounds)} rounds, {told['tiles']} tiles")
        assert after < 1.05 * before, f"{line}: {[round(size / 1e6) for size in sizes]}"
    for name in ("files", "threads", "children", "folder", "temporary"):
        assert rounds[-1][name] == rounds[third][name], name
    # onnxruntime keeps a number of its own in ".ses".
    assert end["folder"] == ["input.tif"] and set(end["temporary"]) <= {".ses"} and end["children"] == 0
    assert end["threads"] == ["MainThread"]
    assert sorted(os.listdir("/dev/shm")) == shared == end["shared memory"]
    assert os.listdir(tmp_path / "data" / "runs") == []
