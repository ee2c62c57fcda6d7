"""Rasters on the grid of another one."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

pytest.importorskip("osgeo")

from sr_plugin.core.errors import UnsupportedRaster  # noqa: E402
from sr_plugin.core.grid import Grid  # noqa: E402
from sr_plugin.raster.acquisition import acquisition_date, date_in_text  # noqa: E402
from sr_plugin.raster.ground_position import GroundPosition, far_apart  # noqa: E402
from sr_plugin.raster.source import RasterSource  # noqa: E402
from sr_plugin.raster.warped_source import WarpedSource, whole_offset  # noqa: E402


def test_a_shift_by_half_a_pixel_and_what_lies_outside(make_raster):
    ramp = np.tile(np.arange(0, 400, 10, np.uint16), (30, 1))
    source = RasterSource(make_raster(ramp))
    x0, a, b, y0, d, e = source.grid.geotransform
    grid = Grid(40, 30, (x0 + 5, a, b, y0, d, e), source.grid.wkt)
    with WarpedSource(source, grid) as warped:
        tile = warped.raster.read((1,), grid.window)
    assert tile.data[0, 5:-5, 5:-5] == pytest.approx(ramp[5:-5, 5:-5] + 5)
    assert tile.valid is not None and not tile.valid[0, :, -1].any() and tile.valid[0, :, 5:-5].all()


def test_another_crs(make_raster):
    from osgeo import osr

    source = RasterSource(make_raster(np.full((60, 60), 7, np.uint8)))
    position = GroundPosition(source.grid)
    (west, north), (east, south) = position.degrees([(15, 15), (45, 45)])
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(4326)
    step = (east - west) / 20
    grid = Grid(20, 20, (west, step, 0, north, 0, (south - north) / 20), reference.ExportToWkt())
    with WarpedSource(source, grid) as warped:
        tile = warped.raster.read((1,), grid.window)
    assert (tile.data == 7).all() and tile.valid is None


def test_offsets_of_grids_that_share_pixels(make_raster):
    grid = RasterSource(make_raster(np.zeros((20, 20), np.uint8))).grid
    x0, a, b, y0, d, e = grid.geotransform
    moved = Grid(5, 5, (x0 + 3 * a, a, b, y0 + 2 * e, d, e), grid.wkt)
    assert whole_offset(grid, moved) == (3, 2)
    assert whole_offset(grid, Grid(5, 5, (x0 + 3.4 * a, a, b, y0, d, e), grid.wkt)) is None
    assert whole_offset(grid, Grid(5, 5, (x0, a * 1.01, b, y0, d, e), grid.wkt)) is None
    assert whole_offset(grid, Grid(5, 5, moved.geotransform, "")) is None


def test_turned_grids_are_refused(make_raster):
    source = RasterSource(make_raster(np.zeros((20, 20), np.uint8)))
    x0, a, _, y0, _, e = source.grid.geotransform
    with pytest.raises(UnsupportedRaster):
        WarpedSource(source, Grid(5, 5, (x0, a, 2.0, y0, 2.0, e), source.grid.wkt))


def test_grids_that_share_no_ground(make_raster):
    from osgeo import osr

    grid = RasterSource(make_raster(np.zeros((20, 20), np.uint8))).grid
    x0, a, b, y0, d, e = grid.geotransform
    beside = Grid(20, 20, (x0 + 190, a, b, y0, d, e), grid.wkt)
    assert not far_apart(grid, beside) and far_apart(grid, Grid(20, 20, (x0 + 5000, a, b, y0, d, e), grid.wkt))
    zone = osr.SpatialReference()
    zone.ImportFromEPSG(32633)
    assert far_apart(grid, Grid(20, 20, grid.geotransform, zone.ExportToWkt()))
    assert not far_apart(grid, Grid(20, 20))


def test_pixel_sizes_on_the_ground(make_raster):
    from osgeo import osr

    grid = RasterSource(make_raster(np.zeros((20, 20), np.uint8))).grid
    assert GroundPosition(grid).pixel_metres() == 10.0
    web = osr.SpatialReference()
    web.ImportFromEPSG(3857)
    mercator = Grid(100, 100, (0, 10, 0, 8399737.9, 0, -10), web.ExportToWkt())
    assert GroundPosition(mercator).pixel_metres() == pytest.approx(5.0, rel=0.01)
    with pytest.raises(ValueError):
        GroundPosition(Grid(10, 10))


@pytest.mark.parametrize(
    "text, date",
    [
        ("S2A_MSIL1C_20170527T101021_N0205", (2017, 5, 27)),
        ("LC08_L1TP_198024_20200613_20200824_02", (2020, 6, 13)),
        ("field-2019_04_11.tif", (2019, 4, 11)),
        ("2021-12-31T10:00:00Z", (2021, 12, 31)),
        ("LE70220491999322EDC01", None),
        ("20201399", None),
        ("12345678901234", None),
    ],
)
def test_dates_in_names(text, date):
    assert date_in_text(text) == (datetime.date(*date) if date else None)


def test_metadata_come_before_the_name(make_raster):
    from osgeo import gdal

    path = make_raster(np.zeros((4, 4), np.uint8), "scene_20200101.tif")
    assert acquisition_date(RasterSource(path)) == datetime.date(2020, 1, 1)
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.SetMetadataItem("ACQUISITION_DATE", "2019-06-02")
    dataset.SetMetadataItem("TIFFTAG_DATETIME", "2024:01:01 00:00:00")
    del dataset
    assert acquisition_date(RasterSource(path)) == datetime.date(2019, 6, 2)
