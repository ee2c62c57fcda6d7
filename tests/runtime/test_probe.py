"""A Python is asked what it has, once, and never started when it is QGIS."""

from __future__ import annotations

import json
import os
import stat
import sys
import time

import pytest

from sr_plugin.core.locations import user_cache_folder
from sr_plugin.runtime import probe as probe_module
from sr_plugin.runtime import probe_cache
from sr_plugin.runtime.probe import PythonProbe, is_python_name, probe_python
from tests.waiting import SOON

posix = pytest.mark.skipif(sys.platform == "win32", reason="uses a shell script as a stand-in for a Python")


@pytest.fixture
def cache(tmp_path):
    return str(tmp_path / "cache")


def answer(**changes):
    """What a healthy Python prints."""
    record = {
        "version": "3.11.2",
        "executable": "python",
        "packages": {"numpy": "2.0.0"},
        "devices": [{"id": "cpu", "name": "A", "memory_mb": 1}],
        "site_folders": [],
        "makes_environments": True,
        "problem": "",
    }
    return {**record, **changes}


@pytest.fixture
def stand_in(tmp_path):
    """Makes a program named python3 that prints what it is told, and counts its starts."""

    def make(printed: str, code: int = 0, stderr: str = "", pause: float = 0.0):
        folder = tmp_path / "stand-in"
        folder.mkdir(exist_ok=True)
        (folder / "out").write_text(printed, encoding="utf-8")
        (folder / "err").write_text(stderr, encoding="utf-8")
        script = folder / "python3"
        script.write_text(
            f"#!/bin/sh\necho x >> {folder}/starts\nsleep {pause}\n"
            f"cat {folder}/err >&2\ncat {folder}/out\nexit {code}\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return str(script)

    return make


def starts(path: str) -> int:
    counter = os.path.join(os.path.dirname(path), "starts")
    return len(open(counter).readlines()) if os.path.exists(counter) else 0


def test_this_python_answers(cache):
    probe = probe_python(sys.executable, cache=cache)
    assert probe.problem == ""
    assert probe.version_info == sys.version_info[:3]
    assert probe.packages["numpy"]
    assert probe.usable_for("builtin")
    assert probe.devices[0]["id"] == "cpu" and probe.devices[0]["name"] and probe.devices[0]["memory_mb"] > 0
    json.dumps(probe.to_record())


@pytest.mark.parametrize(
    ("packages", "usable"),
    [
        ({}, set()),
        ({"numpy": "2"}, {"builtin"}),
        ({"numpy": "2", "onnxruntime": "1"}, {"builtin", "onnx"}),
        ({"numpy": "2", "torch": "2"}, {"builtin", "checkpoint", "safetensors"}),
        ({"torch": "2", "onnxruntime": "1"}, set()),
    ],
)
def test_packages_decide_what_can_be_run(packages, usable):
    probe = PythonProbe("python", "3.11.0", packages)
    assert {kind for kind in ("builtin", "onnx", "safetensors", "checkpoint") if probe.usable_for(kind)} == usable


def test_an_old_python_is_told_so():
    probe = PythonProbe("python", "3.9.7", {"numpy": "1", "onnxruntime": "1", "torch": "2"})
    assert not probe.usable_for("builtin")
    assert "3.9.7" in probe.reason_against("builtin") and "3.10" in probe.reason_against("builtin")


def test_versions_compare_as_numbers():
    assert PythonProbe("python", "3.10.0").is_new_enough
    assert not PythonProbe("python", "3.9.18").is_new_enough


def test_a_package_that_does_not_load_is_the_reason_given():
    problem = "torch 2.13.0 is installed but does not load (libgomp.so.1 is missing)"
    probe = PythonProbe("python", "3.11.0", {"numpy": "2"}, problem=problem)
    assert probe.reason_against("checkpoint") == problem
    assert probe.reason_against("onnx") == "has no onnxruntime"


@pytest.mark.parametrize("name", ["python", "python3", "python3.12", "python.exe", "pythonw.exe", r"C:\a\python3.exe"])
def test_names_of_pythons(name):
    assert is_python_name(name)


@pytest.mark.parametrize("name", ["qgis", "qgis-bin.exe", "QGIS", "qgis_process.bin", "bash", "python-qgis.sh", ""])
def test_names_of_other_programs(name):
    assert not is_python_name(name)


def test_qgis_is_never_started(tmp_path, cache, monkeypatch):
    qgis = tmp_path / "qgis-bin.exe"
    qgis.write_text("")
    monkeypatch.setattr(probe_module.subprocess, "run", lambda *a, **k: pytest.fail("QGIS was started"))
    assert "not named like a Python" in probe_python(str(qgis), cache=cache).problem


def test_a_missing_file_is_told(tmp_path, cache):
    assert probe_python(str(tmp_path / "python3"), cache=cache).problem == "does not exist"


@posix
def test_a_file_that_cannot_be_started_is_told(tmp_path, cache):
    path = tmp_path / "python3"
    path.write_text("no program")
    assert "cannot be started" in probe_python(str(path), cache=cache).problem


@posix
def test_a_program_that_is_no_python_is_told(stand_in, cache):
    assert "no such version" in probe_python(stand_in("", 1, "no such version\nmore"), cache=cache).problem


@posix
def test_a_python_that_hangs_is_given_up(stand_in, cache):
    path = stand_in("", pause=600)
    begun = time.monotonic()
    assert "did not answer within 0.5 s" in probe_python(path, timeout=0.5, cache=cache).problem
    assert time.monotonic() - begun < SOON


@posix
def test_what_a_sitecustomize_prints_does_no_harm(stand_in, cache):
    path = stand_in("welcome\n{not json\n" + json.dumps(answer()) + "\n")
    assert probe_python(path, cache=cache).version == "3.11.2"


@posix
@pytest.mark.parametrize("printed", ["{}", '{"version": "3.x", "packages": 3}', "{broken"])
def test_nonsense_is_told(stand_in, cache, printed):
    assert probe_python(stand_in(printed), cache=cache).problem


@posix
def test_a_dll_that_fails_names_the_usual_cause(stand_in, cache):
    broken = answer(problem="torch 2 is installed but does not load ([WinError 1114] A DLL failed)")
    assert "Visual C++" in probe_python(stand_in(json.dumps(broken)), cache=cache).problem


@posix
def test_the_answer_is_remembered(stand_in, cache):
    path = stand_in(json.dumps(answer()))
    assert probe_python(path, cache=cache) == probe_python(path, cache=cache)
    assert starts(path) == 1
    probe_python(path, cache=cache, refresh=True)
    assert starts(path) == 2


@posix
def test_failures_are_not_remembered(stand_in, cache):
    path = stand_in("", 1)
    probe_python(path, cache=cache)
    probe_python(path, cache=cache)
    assert starts(path) == 2


@posix
def test_an_installed_package_makes_it_ask_again(stand_in, cache, tmp_path):
    site = tmp_path / "site-packages"
    site.mkdir()
    path = stand_in(json.dumps(answer(site_folders=[str(site)])))
    probe_python(path, cache=cache)
    os.utime(site, ns=(1, 1))
    probe_python(path, cache=cache)
    assert starts(path) == 2


@posix
def test_a_replaced_interpreter_is_asked_again(stand_in, cache):
    path = stand_in(json.dumps(answer()))
    probe_python(path, cache=cache)
    os.utime(path, ns=(1, 1))
    probe_python(path, cache=cache)
    assert starts(path) == 2


@posix
def test_an_old_answer_is_asked_again(stand_in, cache, monkeypatch):
    path = stand_in(json.dumps(answer()))
    probe_python(path, cache=cache)
    later = time.time() + 30 * 24 * 3600
    monkeypatch.setattr(probe_cache.time, "time", lambda: later)
    probe_python(path, cache=cache)
    assert starts(path) == 2


@posix
@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"format": 1}', "\x00"])
def test_a_damaged_cache_is_no_error(stand_in, cache, damage):
    path = stand_in(json.dumps(answer()))
    probe_python(path, cache=cache)
    folder = os.path.join(cache, "python-probes")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "w") as file:
            file.write(damage)
    assert probe_python(path, cache=cache).version == "3.11.2"


@posix
def test_a_cache_that_cannot_be_written_is_no_error(stand_in, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert probe_python(stand_in(json.dumps(answer())), cache=str(blocked)).version == "3.11.2"


def test_the_cache_folder_can_be_redirected(monkeypatch, tmp_path):
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path))
    assert user_cache_folder() == str(tmp_path)


def test_a_broken_package_in_a_real_python_is_told(tmp_path, cache, monkeypatch):
    """torch lies there, as after a half-done installation, and raises when it is imported."""
    monkeypatch.setattr(
        probe_module, "worker_environment", lambda: {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    )
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise OSError('[WinError 1114] c10.dll')")
    info = tmp_path / "torch-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    probe = probe_python(sys.executable, cache=cache)
    assert "torch 9.9 is installed but does not load ([WinError 1114] c10.dll)" in probe.problem
    assert not probe.usable_for("checkpoint") and probe.usable_for("builtin")
