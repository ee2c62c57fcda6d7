"""Which part of an input is computed for the grid of another raster, and which grids are refused."""

import os
import re

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from osgeo import osr  # noqa: E402

from sr_plugin.core.errors import EmptyExtent, OutputError, ParameterError, UnsupportedRaster  # noqa: E402
from sr_plugin.core.grid import Grid, Window  # noqa: E402
from sr_plugin.pipeline.align import plan_alignment, transformed, unaligned  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402

pytestmark = pytest.mark.gdal


def wkt(code):
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(code)
    return crs.ExportToWkt()


UTM = wkt(32618)
SOURCE = Grid(1000, 1000, (400000.0, 30.0, 0.0, 4200000.0, 0.0, -30.0), UTM)
TARGET = Grid(300, 200, (410000.0, 10.0, 0.0, 4190000.0, 0.0, -10.0), UTM)


@pytest.fixture
def request_(tmp_path):
    return SuperResolveRequest("in.tif", str(tmp_path / "out.tif"), "bicubic:3", cog=True)


def test_what_the_target_covers_is_computed(request_):
    plan = plan_alignment(request_, TARGET, SOURCE, "layer")
    assert plan.grid == TARGET
    assert plan.extent == (410000 - 120, 4188000 - 120, 413000 + 120, 4190000 + 120)
    before = unaligned(request_, plan)
    assert before.extent == plan.extent and not before.cog
    # No user's name, the same for the same run, and another one for another grid.
    assert re.fullmatch(r"out\.tif\.[0-9a-f]{8}\.unaligned\.tif", os.path.basename(before.output))
    assert unaligned(request_, plan) == before
    other = plan_alignment(request_, TARGET.cropped(Window(0, 0, 30, 20)), SOURCE, "layer")
    assert unaligned(request_, other).output != before.output


def test_the_raster_aligned_to_is_never_written_over(request_, tmp_path):
    (tmp_path / "out.tif").write_bytes(b"kept")
    (tmp_path / "link.tif").symlink_to(tmp_path / "out.tif")
    for file in ("out.tif", "link.tif"):
        with pytest.raises(OutputError, match="'layer', the raster to align to, which is never modified"):
            plan_alignment(request_, TARGET, SOURCE, "layer", (), (str(tmp_path / file),))
    plan_alignment(request_, TARGET, SOURCE, "layer", (), (str(tmp_path / "gone.tif"),))


@pytest.mark.parametrize("asked", [{"uncertainty": "u.tif"}, {"uncertainty_limit": 3.0}])
def test_what_is_aligned_has_no_uncertainty(request_, asked):
    from dataclasses import replace

    with pytest.raises(ParameterError, match="aligned to another grid has no uncertainty"):
        plan_alignment(replace(request_, **asked), TARGET, SOURCE, "layer")


def test_an_extent_narrows_the_target_to_its_pixels(request_):
    from dataclasses import replace

    plan = plan_alignment(replace(request_, extent=(410503.0, 4188000.0, 410997.0, 4189004.0)), TARGET, SOURCE, "layer")
    assert plan.grid.geotransform == (410500, 10, 0, 4189010, 0, -10) and (plan.grid.width, plan.grid.height) == (
        50,
        101,
    )
    with pytest.raises(EmptyExtent, match="does not overlap 'layer'"):
        plan_alignment(replace(request_, extent=(1.0, 1.0, 2.0, 2.0)), TARGET, SOURCE, "layer")


@pytest.mark.parametrize(
    "target, error, message",
    [
        (Grid(10, 10, (410000.0, 10.0, 1.0, 4190000.0, 1.0, -10.0), UTM), UnsupportedRaster, "not north up"),
        (Grid(10, 10, (410000.0, 10.0, 0.0, 4190000.0, 0.0, 10.0), UTM), UnsupportedRaster, "not north up"),
        (Grid(10, 10, (410000.0, 10.0, 0.0, 4190000.0, 0.0, -10.0), ""), UnsupportedRaster, "has no CRS"),
        (Grid(10, 10, (700000.0, 10.0, 0.0, 4190000.0, 0.0, -10.0), UTM), EmptyExtent, "lies elsewhere"),
    ],
)
def test_grids_that_cannot_be_used_are_refused(request_, target, error, message):
    with pytest.raises(error, match=message):
        plan_alignment(request_, target, SOURCE, "layer")


def test_an_output_that_cannot_be_written_is_told_before_the_run(tmp_path):
    request = SuperResolveRequest("in.tif", str(tmp_path / "no" / "out.tif"), "bicubic:3")
    with pytest.raises(OutputError, match="does not exist"):
        plan_alignment(request, TARGET, SOURCE, "layer")


def test_bounds_in_another_crs_hold_curved_sides():
    """Parallels bend in UTM: in the middle of a side they lie farther out than at the corners."""
    extent = (-77.5, 37.0, -72.5, 38.0)
    left, bottom, right, top = transformed(extent, wkt(4326), UTM)
    crs, other = osr.SpatialReference(wkt(4326)), osr.SpatialReference(UTM)
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    change = osr.CoordinateTransformation(crs, other)
    points = [change.TransformPoint(x, y) for x in np.linspace(-77.5, -72.5, 101) for y in (37.0, 38.0)]
    assert bottom <= min(p[1] for p in points) + 1 and top >= max(p[1] for p in points) - 1
    assert left <= min(p[0] for p in points) + 1 and right >= max(p[0] for p in points) - 1
    with pytest.raises(ParameterError, match="cannot be brought into the other CRS"):
        transformed((1e9, 1e9, 2e9, 2e9), UTM, wkt(4326))
