"""The result lies exactly where its input lies."""

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")
from osgeo import osr  # noqa: E402

from sr_plugin.core.errors import EmptyExtent  # noqa: E402
from tests.conftest import read_raster  # noqa: E402

pytestmark = pytest.mark.gdal

CUSTOM = (
    'PROJCS["Mine grid",GEOGCS["Odd",DATUM["Odd",SPHEROID["Odd ellipsoid",6378000,297.5]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]],PROJECTION["Oblique_Stereographic"],PARAMETER["latitude_of_origin",-23.4],'
    'PARAMETER["central_meridian",-44.1],PARAMETER["scale_factor",0.9999],PARAMETER["false_easting",1000],'
    'PARAMETER["false_northing",2000],UNIT["metre",1]]'
)


@pytest.mark.parametrize(
    "transform",
    [
        (500000.0, 10.0, 0.0, 4100000.0, 0.0, -10.0),
        (1000.0, 8.0, 6.0, 2000.0, 6.0, -8.0),
        (12.5, 0.0001, 0.0, 47.25, 0.0, -0.0001),
        (0.0, 5.0, 0.0, 0.0, 0.0, 5.0),
    ],
)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_corner_kept_and_all_terms_divided(run, make_raster, scene, transform, scale):
    result = run(make_raster(scene[:1], geotransform=transform), f"bicubic:{scale}", tile=64)
    dataset = gdal.Open(result.output)
    assert (dataset.RasterXSize, dataset.RasterYSize) == (170 * scale, 150 * scale) == (result.width, result.height)
    x0, a, b, y0, d, e = transform
    assert dataset.GetGeoTransform() == pytest.approx((x0, a / scale, b / scale, y0, d / scale, e / scale), rel=1e-12)


def test_a_custom_crs_is_kept(run, make_raster, scene):
    ours = osr.SpatialReference(gdal.Open(run(make_raster(scene, wkt=CUSTOM), "nearest:2").output).GetProjection())
    theirs = osr.SpatialReference(CUSTOM)
    assert ours.IsSame(theirs) and ours.GetName() == "Mine grid"


def test_a_raster_without_georeferencing(run, make_raster, scene):
    dataset = gdal.Open(run(make_raster(scene, geotransform=(), wkt=""), "nearest:2").output)
    assert dataset.GetProjection() == "" and dataset.RasterXSize == 340


def test_an_extent_gives_the_crop_of_the_whole_result(run, make_raster, scene, tmp_path):
    path = make_raster(scene)
    whole = read_raster(run(path, "bicubic:2", tile=64).output)
    extent = (500000 + 31 * 10.0, 4100000 - 120 * 10.0, 500000 + 97 * 10.0, 4100000 - 22 * 10.0)
    part = run(path, "bicubic:2", tile=32, extent=extent, output=str(tmp_path / "part.tif"))
    np.testing.assert_array_equal(read_raster(part.output), whole[:, 44:240, 62:194])
    transform = gdal.Open(part.output).GetGeoTransform()
    assert (transform[0], transform[3]) == (500310.0, 4100000 - 220.0)


def test_an_extent_beside_the_raster_is_refused(run, make_raster, scene):
    with pytest.raises(EmptyExtent):
        run(make_raster(scene), "bicubic:2", extent=(0, 0, 10, 10))


def _box(xmin, ymin, xmax, ymax):
    from osgeo import ogr

    return bytes(
        ogr.CreateGeometryFromWkt(
            f"POLYGON(({xmin} {ymin},{xmax} {ymin},{xmax} {ymax},{xmin} {ymax},{xmin} {ymin}))"
        ).ExportToWkb()
    )


def test_a_mask_cuts_out_and_skips_tiles(run, make_raster, scene):
    path = make_raster(scene)
    mask = (_box(500100, 4099700, 500300, 4099900), _box(501000, 4099000, 501105, 4099100))
    result = run(path, "nearest:2", tile=32, mask=mask)
    dataset = gdal.Open(result.output)
    transform = dataset.GetGeoTransform()
    assert (transform[0], transform[3]) == (500100.0, 4099900.0)
    out, nodata = dataset.ReadAsArray(), dataset.GetRasterBand(1).GetNoDataValue()
    valid = (out != nodata).all(0)
    assert valid[:40, :40].all() and valid.sum() == 40 * 40 + 21 * 20
    assert 2 <= result.tiles < 12


def test_an_empty_mask_or_one_elsewhere_is_refused(run, make_raster, scene):
    path = make_raster(scene)
    for mask in ((), (_box(0, 0, 1, 1),)):
        with pytest.raises(EmptyExtent):
            run(path, "nearest:2", mask=mask)


def test_descriptions_and_colours_are_kept(run, make_raster, scene):
    colours = [gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand, gdal.GCI_Undefined]
    path = make_raster(scene, descriptions=["B04", "B03", "B02", "B08"], colours=colours)
    dataset = gdal.Open(run(path, "bicubic:2", bands=(3, 1)).output)
    assert [dataset.GetRasterBand(i).GetDescription() for i in (1, 2)] == ["B02", "B04"]
    assert [dataset.GetRasterBand(i).GetColorInterpretation() for i in (1, 2)] == [gdal.GCI_BlueBand, gdal.GCI_RedBand]


@pytest.mark.parametrize("model", ["bicubic:4", "s2-rgbn-x2", "s2-rgbn-x4", "s2-rgb-x4-gan"])
def test_a_point_target_keeps_its_place(run, make_raster, model):
    pixels = np.full((4, 61, 67), 800, np.uint16)
    pixels[:, 30, 41] = 3000
    result = run(make_raster(pixels, descriptions=["B04", "B03", "B02", "B08"]), model, tile=32)
    excess = np.clip(read_raster(result.output)[0].astype(float) - 800, 0, None)
    excess[excess < 200] = 0
    rows, columns = np.indices(excess.shape)
    row = ((rows + 0.5) * excess).sum() / excess.sum() / result.scale
    column = ((columns + 0.5) * excess).sum() / excess.sum() / result.scale
    assert (row, column) == pytest.approx((30.5, 41.5), abs=0.1)
