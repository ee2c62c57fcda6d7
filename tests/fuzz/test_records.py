"""What the plugin itself keeps on the disk, after somebody else or a failing disk had it: as if it were not there."""

from __future__ import annotations

import json
import math
import os
import pathlib
import sys
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sr_plugin.core.architectures.opensr_settings import read_settings, settings_beside
from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.description import recalled_description, remember_description
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.job import JobPlan, SourceIdentity
from sr_plugin.core.radiometry import Radiometry
from sr_plugin.core.session import RunSettings
from sr_plugin.pipeline.journal import Computation, Journal, TileEntry
from sr_plugin.runtime.environment_folder import (
    COMPLETE,
    SIZES,
    UNFINISHED,
    broken_environments,
    is_ours,
    own_environments,
    python_of,
    read_record,
    size_of,
)
from sr_plugin.runtime.probe import _last_json_line, probe_python
from sr_plugin.runtime.probe_cache import recall, remember
from sr_plugin.worker.backends.measure import _remembered
from tests.fuzz.effort import effort
from tests.fuzz.guard import guarded
from tests.fuzz.inputs import changed_bytes, changed_documents, changed_json, changed_lines, json_values

DEEP = "[" * 100_000
ANSWER = {
    **{"version": "3.11.2", "packages": {"numpy": "2.0", "onnxruntime": "1.20"}, "problem": "", "site_folders": ["/x"]},
    **{"devices": [{"id": "cpu", "name": "CPU", "memory_mb": 0}], "makes_environments": True},
}
RECORD = {"size": "light", "python": "3.11.2", "packages": {"numpy": "2"}, "made": 1.7e9}
SETTINGS = """Data:
  normalization: normalise_10k
Model:
  in_bands: 4
Generator:
  n_blocks: 2
  n_channels: 8
  scaling_factor: 2
  res_scale: 0.2
"""


def plan() -> JobPlan:
    radiometry = Radiometry((1.0,), (0.0,), (1.0,), (0.0,))
    grid = Grid(100, 80, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0), "")
    settings = RunSettings(radiometry, "uint16")
    return JobPlan(
        SourceIdentity("a.tif", (1,), "x"), grid, Window(0, 0, 100, 80), builtin_card("bicubic:2"), settings, 32, 4
    )


PLAN = plan()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("records")


@pytest.fixture
def homes(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The user's data and cache folders, for the test alone."""
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(folder / "cache"))
    monkeypatch.setenv("SR_PLUGIN_DATA", str(folder / "data"))
    return folder


def lines_of(document: Any) -> str:
    return json.dumps(document) + "\n"


def journal_text() -> str:
    head = {"version": 1, "digest": PLAN.digest, "plan": PLAN.to_wire()}
    head["computation"] = {"runtime": "numpy", "precision": "float32"}
    tiles = [{"tile": i, "checksum": "ab" * 8, "statistics": {"seconds": 0.5}} for i in range(3)]
    return "".join(map(lines_of, [head, *tiles]))


tile_lines = st.one_of(
    changed_documents({"tile": 1, "checksum": "ab" * 8, "statistics": {"seconds": 0.5}}).map(lines_of),
    json_values.map(lines_of),
    st.sampled_from(
        [DEEP + "\n", '{"tile": 1e999, "checksum": "", "statistics": {}}\n', '{"tile": ' + "9" * 5000 + "}\n"]
    ),
)


@given(data=changed_bytes(journal_text().encode()), more=st.lists(tile_lines, max_size=4), broken=st.booleans())
@effort(2)
def test_journals(folder: pathlib.Path, data: bytes, more: list[str], broken: bool) -> None:
    path = folder / "journal.jsonl"
    path.write_bytes((data if broken else journal_text().encode()) + "".join(more).encode("utf-8", "surrogatepass"))
    with guarded():
        journal = Journal(str(path), PLAN)
        entries = journal.read()
        computation = journal.computation()
    assert computation is None or isinstance(computation, Computation)
    for index, entry in entries.items():
        assert isinstance(index, int) and isinstance(entry, TileEntry) and isinstance(entry.checksum, str)
        assert all(isinstance(value, float) for value in entry.statistics.values())


@given(text=changed_json({"digest|cpu|auto|4": [0.1, 2.0, 1000], "b": [1, 2, 3]}))
@example(text=DEEP)
@effort(2)
def test_speeds(homes: pathlib.Path, text: str) -> None:
    estimate = pytest.importorskip("sr_plugin.pipeline.estimate", reason="GDAL's Python bindings are not installed")
    (homes / "cache").mkdir(exist_ok=True)
    (homes / "cache" / "speeds.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    with guarded():
        for speed in estimate._speeds().values():
            seconds = speed.seconds(10**6)
            assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@given(text=changed_json({'["host", "ab"]': "torch"}))
@example(text=DEEP)
@effort(0.5)
def test_remembered_runtimes(homes: pathlib.Path, text: str) -> None:
    (homes / "cache").mkdir(exist_ok=True)
    (homes / "cache" / "runtimes.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    with guarded():
        assert all(isinstance(name, str) for name in _remembered().values())


@given(text=changed_json({"version": 1, "sha256": "ab", "scale": 2}))
@example(text=DEEP)
@effort(0.5)
def test_remembered_descriptions(homes: pathlib.Path, text: str) -> None:
    remember_description("ab", {"scale": 2})
    (homes / "cache" / "descriptions" / "ab.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    with guarded():
        found = recalled_description("ab")
        assert found is None or found["sha256"] == "ab"


def use(path: str, cache: str) -> None:
    probe = probe_python(path, cache=cache)
    for container in ("onnx", "checkpoint", "edges", "figure"):
        probe.usable_for(container)
        assert isinstance(probe.reason_against(container), str)
    assert all(isinstance(device["id"], str) for device in probe.devices)
    assert all(isinstance(part, int) for part in probe.version_info)
    json.dumps(probe.to_record())


@given(answer=st.one_of(changed_documents(ANSWER), json_values))
@example(answer={**ANSWER, "version": "²"})
@example(answer={**ANSWER, "devices": [{}]})
@effort()
def test_remembered_answers_of_a_python(folder: pathlib.Path, answer: Any) -> None:
    cache = str(folder / "probes")
    path = str(folder / "python3")
    pathlib.Path(path).touch()
    remember(path, answer if isinstance(answer, dict) else ANSWER, (), cache)
    entry = next((folder / "probes" / "python-probes").glob("*.json"))
    stored = json.loads(entry.read_text())
    entry.write_text(json.dumps({**stored, "answer": answer, "time": time.time()}))
    with guarded():
        if recall(path, cache) is not None:
            use(path, cache)


@given(text=changed_json({"format": 2, "time": 1.7e9, "stamps": {"/x": [1, 2]}, "answer": ANSWER}))
@example(text=DEEP)
@example(text=json.dumps({"format": 2, "time": -(10**400), "stamps": {}, "answer": ANSWER}))
@effort()
def test_damaged_entries_of_the_probe_cache(folder: pathlib.Path, text: str) -> None:
    cache, path = str(folder / "probes"), str(folder / "python3")
    pathlib.Path(path).touch()
    remember(path, ANSWER, (), cache)
    entry = next((folder / "probes" / "python-probes").glob("*.json"))
    entry.write_text(text, encoding="utf-8", errors="surrogatepass")
    with guarded():
        found = recall(path, cache)
        assert found is None or isinstance(found, dict)


@given(text=changed_json(ANSWER))
@example(text='{"a":' * 100_000)
@effort()
def test_the_words_of_a_foreign_python(text: str) -> None:
    with guarded():
        found = _last_json_line("a sitecustomize says hello\n" + text)
        assert found is None or isinstance(found, dict)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    "answer",
    [
        {**ANSWER, "site_folders": [["x"], 7, "\x00", None]},
        {**ANSWER, "site_folders": 5},
        {**ANSWER, "version": "3.x"},
        {**ANSWER, "packages": "numpy"},
        {**ANSWER, "devices": ["cpu"]},
        {},
    ],
)
def test_a_foreign_python_that_answers_strangely(tmp_path: pathlib.Path, answer: Any) -> None:
    program = tmp_path / "python3"
    (tmp_path / "answer").write_text(json.dumps(answer) + "\n")
    program.write_text(f"#!/bin/sh\ncat '{tmp_path}/answer'\n")
    program.chmod(0o700)
    use(str(program), str(tmp_path / "cache"))


@given(complete=changed_json(RECORD), unfinished=changed_json({"size": "full"}), python=st.booleans())
@example(complete=DEEP, unfinished=DEEP, python=True)
@example(complete=json.dumps({**RECORD, "python": "3.²." + "9" * 5000}), unfinished="", python=True)
@effort()
def test_records_of_environments(homes: pathlib.Path, complete: str, unfinished: str, python: bool) -> None:
    folder = homes / "data" / "environments" / "python3.11"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / COMPLETE).write_text(complete, encoding="utf-8", errors="surrogatepass")
    (folder / UNFINISHED).write_text(unfinished, encoding="utf-8", errors="surrogatepass")
    interpreter = pathlib.Path(python_of(str(folder)))
    interpreter.parent.mkdir(exist_ok=True)
    interpreter.unlink(missing_ok=True)
    if python:
        interpreter.touch()
    with guarded():
        record = read_record(str(folder))
        assert record is None or size_of(record) in SIZES
        assert isinstance(is_ours(str(folder)), bool)
        assert set(own_environments()) <= {str(folder)} and set(broken_environments()) <= {str(folder)}


@given(text=changed_lines(SETTINGS))
@example(text="Model:\nGenerator:\n" + "\n".join(" " * i + f"k{i}:" for i in range(1, 600)))
@example(text="Model:\nGenerator:\n  n_blocks: 1e999\n  res_scale: nan\n")
@example(text="Model:\nGenerator:\nData:\n  normalization: " + "name " * 50_000)
@effort(2)
def test_settings_beside_a_checkpoint(folder: pathlib.Path, text: str) -> None:
    path = folder / "model.yaml"
    path.write_text(text, encoding="utf-8")
    with guarded(5):
        found = read_settings(str(path))
        settings_beside(str(folder / "model.pth"), 2, {"in_bands": 4, "blocks": 2, "width": 8})
    if found is not None:
        assert found.residual_scale is None or math.isfinite(found.residual_scale)
    assert os.path.exists(path)
