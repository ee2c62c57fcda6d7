"""The index of interrupted runs: a damaged entry is no entry, and discarding takes nothing but partial files."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import SuperResolutionError  # noqa: E402
from sr_plugin.core.grid import Grid  # noqa: E402
from sr_plugin.pipeline.any_request import AnyRequest, request_to_wire  # noqa: E402
from sr_plugin.pipeline.interrupted import discard, index_folder, interrupted_jobs  # noqa: E402
from sr_plugin.pipeline.product_input import BandSelection  # noqa: E402
from sr_plugin.pipeline.product_request import ProductRequest  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.series_request import SeriesRequest, SeriesView  # noqa: E402
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


RUN = SuperResolveRequest("in.tif", OUTPUT, "bicubic:2")
FACTS = {"model": "m", "georeferenced": True, "started": 1.7e9, "source": "x", "source_files": ["in.tif"]}


def first_version() -> dict:
    """An entry with the output in a folder that the test knows by a relative name."""
    return {**FACTS, "version": 1, "request": dataclasses.asdict(RUN), "digest": DIGEST, "tiles": 9}


def entry(request: AnyRequest) -> dict:
    """An entry of a run with steps."""
    steps = [{"output": OUTPUT, "digest": DIGEST, "tiles": 9, "beside": ["./uncertainty.tif"]}]
    return {**FACTS, "version": 2, "request": request_to_wire(request), "steps": steps, "tile_steps": 1}


PRODUCT = ProductRequest(RUN, "landsat", BandSelection(("red",)), True, Grid(3, 4), "other")
ENTRIES = [first_version(), *map(entry, (RUN, PRODUCT, SeriesRequest(RUN, (SeriesView("in.tif"),))))]
WHOLE = [json.dumps(values) for values in ENTRIES]


@given(text=st.one_of(map(changed_json, ENTRIES)))
@example(text="[" * 100_000)
@example(text=json.dumps({**ENTRIES[0], "started": 10**400}))
@example(text=WHOLE[0])
@example(text=WHOLE[1])
@example(text=WHOLE[2])
@example(text=WHOLE[3])
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
    if text in WHOLE:
        assert not any(os.path.exists(name) for name in files), "the whole entry was not discarded"
