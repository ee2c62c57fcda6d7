"""Modules that lie in the current folder, beside somebody's project, never run in a process that the plugin starts.

Python 3.11 has a switch for that; the tests take it away, as older ones do not know it.
"""

from __future__ import annotations

import pathlib
import sys

import pytest

from sr_plugin.runtime import clean_environment, probe, run_logged, worker_session
from sr_plugin.runtime.probe import probe_python
from sr_plugin.runtime.worker_session import WorkerSession

TRAPS = ("numpy", "json", "pip", "venv", "queue", "onnxruntime", "sr_plugin")


@pytest.fixture
def trapped(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Work in a folder of modules that leave a mark when they are imported; the mark's path."""
    folder = tmp_path / "project"
    folder.mkdir()
    mark = tmp_path / "mark"
    for name in TRAPS:
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r})\n")
    monkeypatch.chdir(folder)

    def environment_of_old() -> dict:
        made = clean_environment.worker_environment()
        made.pop("PYTHONSAFEPATH")
        return made

    for module in (probe, run_logged, worker_session):
        monkeypatch.setattr(module, "worker_environment", environment_of_old)
    return mark


def test_the_traps_work(trapped):
    import subprocess

    done = subprocess.run([sys.executable, "-c", "import pip"], env=worker_session.worker_environment(), check=False)
    assert done.returncode == 0 and trapped.exists()


def test_worker(trapped, worker_python):
    WorkerSession(worker_python).close()
    assert not trapped.exists()


def test_probe(trapped, tmp_path):
    assert probe_python(sys.executable, cache=str(tmp_path / "cache"), refresh=True).version
    assert not trapped.exists()


def test_installation(trapped):
    code, lines = run_logged.run_logged([sys.executable, "-m", "pip", "--version"], lambda line: None)
    assert not trapped.exists()
    assert code == 0 and lines[0].startswith("pip")


def test_reading_of_hdf5(trapped, project_dir):
    pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
    from sr_plugin.core.checkpoint.keras import read_keras_hdf5
    from sr_plugin.core.errors import ModelUnreadable
    from sr_plugin.raster import hdf5_reader

    hdf5_reader.register()
    try:
        assert read_keras_hdf5(str(project_dir / "tests" / "raster" / "keras" / "rdn_x2.h5"))
    except ModelUnreadable as error:
        assert "nothing here can read" in str(error)
    assert not trapped.exists()


@pytest.mark.parametrize("password", ["secret", "se@cret", "s:e@c@ret"])
def test_passwords_with_odd_letters_do_not_reach_the_log(password):
    code, lines = run_logged.run_logged([sys.executable, "-c", f"print('at https://me:{password}@host/simple')"], print)
    assert code == 0 and lines == ["at https://host/simple"]
