"""Real Landsat scenes, laid out as products: right reflectance, and every pixel where it belongs."""

import os

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.pipeline.align import align_result, plan_alignment, unaligned  # noqa: E402
from sr_plugin.pipeline.product_input import BandSelection, product_as_input  # noqa: E402
from sr_plugin.pipeline.request import SilentFeedback, SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402
from sr_plugin.raster.band_stack import make_stack  # noqa: E402
from sr_plugin.raster.landsat_product import open_landsat  # noqa: E402
from sr_plugin.raster.product import ProductBand  # noqa: E402
from sr_plugin.raster.source import RasterSource  # noqa: E402
from tests import landsat_products as made  # noqa: E402
from tests.conftest import read_raster, write_raster  # noqa: E402
from tests.landsat_products import make_landsat  # noqa: E402
from tests.pipeline.conftest import local  # noqa: E402

pytestmark = pytest.mark.gdal


def scene(shared_dir, *parts):
    path = shared_dir.joinpath("data", *parts)
    if not path.is_file():
        pytest.skip("the real scene is not at hand")
    return str(path)


def displacement(reference, moved):
    """Rows and columns by which the second image is to be moved to lie on the first."""
    registration = pytest.importorskip("skimage.registration")
    inner = (slice(12, -12), slice(12, -12))
    return registration.phase_cross_correlation(
        reference[inner].astype(float), moved[inner].astype(float), upsample_factor=100, normalization=None
    )[0]


def stacked(fine, coarse, shift=(0.0, 0.0)):
    """A fine raster with bands of a coarse one on its grid, as products are stacked; the coarse one moved first.

    Returns:
        Pixels of the stack, the fine one first.
    """
    bands = [ProductBand("fine", fine, 1.0)]
    dataset = gdal.Open(coarse)
    x0, a, b, y0, d, e = dataset.GetGeoTransform()
    for number in range(1, dataset.RasterCount + 1):
        # A copy of one band, placed anew.
        path = f"/vsimem/coarse{number}.tif"
        copy = gdal.Translate(path, dataset, bandList=[number])
        copy.SetGeoTransform((x0 + shift[1], a, b, y0 - shift[0], d, e))
        del copy
        bands.append(ProductBand(f"coarse{number}", path, 2.0))
    with make_stack("pair", "", bands).mounted() as name:
        source = RasterSource(name)
        pixels = source.read(range(1, len(bands) + 1), source.grid.window).data.astype(float)
    for band in bands[1:]:
        gdal.Unlink(band.path)
    return pixels


@pytest.mark.parametrize(
    "fine, coarse, chosen",
    [
        (("landsat8-elkton-pan-ms", "pan_15m.tif"), ("landsat8-elkton-pan-ms", "ms_30m.tif"), (2, 3, 4)),
        (("spacenet6-ms-pan", "pan1.tif"), ("spacenet6-ms-pan", "ms1.tif"), (1, 2, 3)),
    ],
)
def test_multispectral_bands_lie_where_their_georeference_says(shared_dir, fine, coarse, chosen):
    """Both pairs were cut out half a coarse pixel off; corrected for it, they register with the fine band."""
    fine, coarse = scene(shared_dir, *fine), scene(shared_dir, *coarse)
    _, step, _, _, _, down = gdal.Open(fine).GetGeoTransform()

    def measured(shift):
        pixels = stacked(fine, coarse, shift)
        return displacement(pixels[0], pixels[list(chosen)].mean(axis=0))

    error = measured((0.0, 0.0))
    assert 0.9 < abs(error[1]) < 1.5
    # Measured in the coarse pixels, without any interpolation by the stack, the error is the same.
    grid, other = gdal.Open(coarse), gdal.Open(fine)
    x0, a, _, y0, _, e = grid.GetGeoTransform()
    bounds = (x0, y0 + grid.RasterYSize * e, x0 + grid.RasterXSize * a, y0)
    size = {"width": grid.RasterXSize, "height": grid.RasterYSize}
    mean = gdal.Warp("", other, format="MEM", outputBounds=bounds, resampleAlg="average", **size).ReadAsArray()
    colours = np.mean([grid.GetRasterBand(n).ReadAsArray() for n in chosen], axis=0)
    assert np.abs(2 * displacement(mean, colours) - error).max() < 0.15
    # Corrected by as much, the bands register within a tenth of a pixel.
    assert np.abs(measured((-error[0] * down, error[1] * step))).max() < 0.1


def aligned(product, selection, target, folder, model="bicubic:3", name="aligned.tif"):
    """Super-resolve bands of a product onto the grid of a raster."""
    request = SuperResolveRequest(str(product), os.path.join(folder, name), model, listed=False)
    grid = RasterSource(target).grid
    with product_as_input(request, selection) as readable:
        source = RasterSource(readable.input)
        plan = plan_alignment(readable, grid, source.grid, "target", source.files)
        result = superresolve(unaligned(readable, plan), None, local)
        return align_result(result, readable, plan, SilentFeedback())


def test_landsat_8_on_the_grid_of_sentinel_2(shared_dir, tmp_path):
    """The data set's maker repeated pixels of 30 m on the grid of 10 m: so does nearest neighbour, pixel by pixel."""
    on_grid = scene(shared_dir, "icor-mol-s2-l8", "L8_L1_20200613_on10m.tif")
    sentinel2 = scene(shared_dir, "icor-mol-s2-l8", "S2_L1C_20190411_10m.tif")
    row, col, size = 0, 1, 90
    repeated = read_raster(on_grid)[:, row : row + size, col : col + size]
    coarse = repeated[:, ::3, ::3]
    np.testing.assert_array_equal(coarse.repeat(3, 1).repeat(3, 2), repeated)
    x0, _, _, y0, _, _ = gdal.Open(on_grid).GetGeoTransform()
    corner = (x0 + 10 * col, y0 - 10 * row)
    pixels = {"B2": coarse[0], "B3": coarse[1], "B4": coarse[2]}
    root, _ = make_landsat(tmp_path, 8, 2, 1, bands=("2", "3", "4"), pixels=pixels, corner=corner)
    for file in root.glob("*_B?.TIF"):
        dataset = gdal.Open(str(file), gdal.GA_Update)
        dataset.SetProjection(gdal.Open(on_grid).GetProjection())
        del dataset
    result = aligned(root, BandSelection(("blue", "green", "red")), sentinel2, tmp_path, "nearest:3")
    written = gdal.Open(result.output)
    reference = gdal.Open(sentinel2)
    assert written.GetGeoTransform() == reference.GetGeoTransform()
    assert (written.RasterXSize, written.RasterYSize) == (reference.RasterXSize, reference.RasterYSize)
    found = read_raster(result.output)
    np.testing.assert_array_equal(found[:, row : row + size, col : col + size], repeated)
    outside = np.ones(found.shape, bool)
    outside[:, row : row + size, col : col + size] = False
    assert (found[outside] == 0).all()


def test_two_dates_of_landsat_7_on_one_grid(shared_dir, tmp_path):
    """Change of NDVI at 10 m, brought back to 30 m, is the change that the products hold."""
    files = [
        scene(shared_dir, "landsat7-two-dates", f"{name}_stack.gtif")
        for name in ("LE70220491999322EDC01", "LE70220492002106EDC00")
    ]
    size = 120
    target = None
    fine, coarse = [], []
    for number, file in enumerate(files):
        stack = read_raster(file)[:, 60 : 60 + size, 60 : 60 + size]
        x0, _, _, y0, _, _ = gdal.Open(file).GetGeoTransform()
        corner = (x0 + 60 * 30, y0 - 60 * 30)
        names = ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7")
        pixels = dict(zip(names, stack[:6]))
        root, _ = make_landsat(tmp_path / str(number), 7, 1, 2, pixels=pixels, corner=corner)
        if target is None:
            # As grids of Landsat and Sentinel-2 lie in truth: half a pixel of 10 m apart.
            place = (corner[0] + 95.0, 10.0, 0.0, corner[1] - 95.0, 0.0, -10.0)
            target = write_raster(tmp_path / "target.tif", np.ones((339, 339), np.uint8), place)
        result = aligned(root, BandSelection(("red", "nir"), reflectance=True), target, tmp_path, name=f"{number}.tif")
        assert (result.width, result.height) == (339, 339)
        red, nir = read_raster(result.output).astype(float)
        fine.append((nir - red) / (nir + red))
        coarse.append((pixels["SR_B4"] - pixels["SR_B3"].astype(float)) / (pixels["SR_B4"] + pixels["SR_B3"]))
    change, expected = fine[1] - fine[0], coarse[1] - coarse[0]
    # In halves of its pixels the grid begins 19 from the corner; 5 more on the fifth pixel of 30 m begins, of 6 each.
    count = (2 * 339 - 5) // 6
    halves = change.repeat(2, 0).repeat(2, 1)[5 : 5 + 6 * count, 5 : 5 + 6 * count]
    means = halves.reshape(count, 6, count, 6).mean(axis=(1, 3))
    there = expected[4 : 4 + count, 4 : 4 + count]
    inner = (slice(4, -4), slice(4, -4))
    difference = (means - there)[inner]
    assert np.sqrt((difference**2).mean()) < 0.25 * expected.std() and abs(difference.mean()) < 0.003
    assert np.abs(displacement(there, means)).max() < 0.03


def test_reflectance_at_the_top_of_the_atmosphere_of_a_real_scene(shared_dir, tmp_path):
    """The numbers of the Elkton scene by the formula of its metadata: dark water and bright fields, all plausible."""
    pixels = read_raster(scene(shared_dir, "landsat8-elkton-pan-ms", "ms_30m.tif"))[:, :90, :90]
    names = {f"B{n}": pixels[n - 1] for n in range(1, 8)}
    root, _ = make_landsat(tmp_path, 8, 1, 1, bands=tuple("1234567"), pixels=names)
    product = open_landsat(str(root)).in_reflectance()
    with make_stack("scene", "", [product.band(n) for n in ("blue", "red", "nir")]).mounted() as name:
        source = RasterSource(name)
        numbers = source.read([1, 2, 3], source.grid.window).data
    scale, offset = made.top_of_atmosphere(made.WORDS)
    np.testing.assert_allclose(numbers[1], (pixels[3] * scale + offset) * 10000, atol=0.02, rtol=1e-5)
    assert 0 < np.percentile(numbers, 1) and np.percentile(numbers, 99) < 12000
