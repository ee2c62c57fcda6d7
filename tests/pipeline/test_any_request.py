"""Requests of all kinds as JSON values and back."""

import dataclasses
import datetime
import json
import os

import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.grid import Grid  # noqa: E402
from sr_plugin.pipeline.any_request import (  # noqa: E402
    absolute,
    goes_on,
    lasting,
    request_from_wire,
    request_to_wire,
    results,
    run_from_wire,
    run_of,
    tile_steps,
)
from sr_plugin.pipeline.product_input import BandSelection  # noqa: E402
from sr_plugin.pipeline.product_request import ProductRequest  # noqa: E402
from sr_plugin.pipeline.request import FusionRequest, SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.series_request import SeriesRequest, SeriesView  # noqa: E402

pytestmark = pytest.mark.gdal
RUN = SuperResolveRequest(
    "in.tif",
    "out.tif",
    "bicubic:2",
    bands=(3, 1),
    extent=(0.1, 0.2, 1e6 / 3, 7.0),
    mask=(b"\x01\x00\xff", b"x"),
    margin=4,
    nodata=-1.5,
    create_options=("COMPRESS=LZW",),
    fusion=FusionRequest(("a.vrt",), ("s2-fuse-20m",), 2, "any-x2"),
)
GRID = Grid(7, 9, (399800.0, 1 / 3, 0.0, 4182400.0, 0.0, -0.1), 'PROJCS["x"]')
PRODUCT = ProductRequest(RUN, "landsat", BandSelection(("red", "nir"), ("cloud",), True), True, GRID, "a & b")
VIEWS = (SeriesView("a.tif", "m.tif", datetime.date(2020, 6, 4)), SeriesView("b.tif"))
SERIES = SeriesRequest(RUN, VIEWS, datetime.date(2020, 1, 1), 30, "global", 4.5, False, "changes.tif")


@pytest.mark.parametrize("request_", [RUN, PRODUCT, SERIES, dataclasses.replace(SERIES, reference_date=None)])
def test_what_is_written_is_read(request_):
    assert request_from_wire(json.loads(json.dumps(request_to_wire(request_)))) == request_


@pytest.mark.parametrize(
    "request_, change",
    [
        (RUN, {"kind": "other"}),
        (RUN, {"run": {"input": "in.tif"}}),
        (RUN, {"run": 4}),
        (RUN, {"more": 1}),
        (PRODUCT, {"more": 1}),
        (PRODUCT, {"target": {"width": 1}}),
        (PRODUCT, {"selection": 4}),
        (SERIES, {"more": 1}),
        (SERIES, {"views": []}),
        (SERIES, {"views": [{"input": 3, "mask": "", "date": None}]}),
        (SERIES, {"reference_date": "soon"}),
    ],
)
def test_what_is_no_request_is_refused(request_, change):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        request_from_wire({**request_to_wire(request_), **change})


def test_what_earlier_versions_wrote_is_read():
    values = json.loads(json.dumps(request_to_wire(RUN)))["run"]
    for name in [name for name in values if name.startswith("uncertainty")]:
        del values[name]
    found = run_from_wire({**values, "spread": False, "spread_limit": 40.5})
    assert found == dataclasses.replace(RUN, uncertainty_limit=40.5)


def test_steps_and_results():
    out, changes = os.path.abspath("out.tif"), os.path.abspath("changes.tif")
    assert (tile_steps(RUN), goes_on(RUN), results(RUN)) == (1, False, {out})
    assert (tile_steps(SERIES), goes_on(SERIES), results(SERIES)) == (2, True, {out, changes})
    assert (tile_steps(PRODUCT), goes_on(PRODUCT), results(PRODUCT)) == (1, True, set())
    aligned = dataclasses.replace(PRODUCT, file_per_band=False)
    assert goes_on(aligned) and results(aligned) == {out}
    assert not goes_on(dataclasses.replace(aligned, target=None))
    assert run_of(PRODUCT) is RUN


def test_paths_hold_in_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in.tif", "a.tif", "m.tif"):
        (tmp_path / name).touch()
    assert absolute("in.tif;a.tif") == f"{tmp_path / 'in.tif'};{tmp_path / 'a.tif'}"
    assert absolute("/vsicurl/x") == "/vsicurl/x" and absolute("s2-rgbn-x2") == "s2-rgbn-x2" and absolute("") == ""
    found = lasting(SERIES, 64)
    assert found.run.input == str(tmp_path / "in.tif") and found.run.output == str(tmp_path / "out.tif")
    assert found.run.tile == 64 and found.run.model == "bicubic:2" and found.changes == str(tmp_path / "changes.tif")
    views = [(view.input, view.mask) for view in found.views]
    assert views == [(str(tmp_path / "a.tif"), str(tmp_path / "m.tif")), ("b.tif", "")]
    assert lasting(PRODUCT, 32).run.fusion.models == ("s2-fuse-20m",)
