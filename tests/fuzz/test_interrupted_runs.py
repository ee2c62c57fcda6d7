"""The index of interrupted runs: a damaged entry is no entry, and discarding takes nothing but partial files."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib

import pytest
from hypothesis import example, given

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import SuperResolutionError  # noqa: E402
from sr_plugin.pipeline.interrupted import discard, index_folder, interrupted_jobs  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.unfinished import partial_files  # noqa: E402
from tests.fuzz.effort import effort  # noqa: E402
from tests.fuzz.guard import guarded  # noqa: E402
from tests.fuzz.inputs import changed_json  # noqa: E402

pytestmark = pytest.mark.gdal

OUTPUT = os.path.join(os.curdir, "out.tif")
DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.getbasetemp() / "interrupted"


def entry() -> dict:
    """An entry with the output in a folder that the test knows by a relative name."""
    request = dataclasses.asdict(SuperResolveRequest("in.tif", OUTPUT, "bicubic:2"))
    facts = {"version": 1, "request": request, "digest": DIGEST, "model": "m", "georeferenced": True, "tiles": 9}
    return {**facts, "started": 1.7e9, "source": "x", "source_files": ["in.tif"]}


WHOLE = json.dumps(entry())


@given(text=changed_json(entry()))
@example(text="[" * 100_000)
@example(text=json.dumps({**entry(), "started": 10**400}))
@example(text=WHOLE)
@effort()
def test_entries(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SR_PLUGIN_DATA", str(folder / "data"))
    os.makedirs(index_folder(), exist_ok=True)
    monkeypatch.chdir(folder)
    (pathlib.Path(index_folder()) / "entry.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    kept = [folder / name for name in ("in.tif", "out.tif", "thesis.txt")]
    files = partial_files(OUTPUT, DIGEST)
    for path in (*kept, *map(pathlib.Path, files)):
        path.write_text("years of work")
    with guarded():
        for job in interrupted_jobs():
            assert 0 <= job.share <= 1
            try:
                discard(job)
            except SuperResolutionError:
                continue
    assert all(path.exists() for path in kept)
    if text == WHOLE:
        assert not any(os.path.exists(name) for name in files), "the whole entry was not discarded"
