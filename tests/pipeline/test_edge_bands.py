"""Which bands of several rasters show the same."""

import numpy as np
import pytest
from osgeo import gdal

from sr_plugin.core.errors import BandError
from sr_plugin.pipeline.edge_bands import reference_bands, same_bands
from sr_plugin.raster.source import RasterSource

pytestmark = pytest.mark.gdal


@pytest.fixture
def opened(make_raster):
    def make(name, descriptions=(), count=None, colours=()):
        pixels = np.zeros((count or len(descriptions), 4, 5), np.uint8)
        return RasterSource(make_raster(pixels, name, descriptions=descriptions, colours=colours))

    return make


def test_luminance_takes_red_green_blue_by_name(opened):
    assert reference_bands(opened("a.tif", ["B02", "B03", "B04", "B08"]), 0) == (3, 2, 1)


@pytest.mark.parametrize("count, bands", [(1, (1,)), (2, (1,)), (3, (1, 2, 3)), (5, (1, 2, 3))])
def test_luminance_without_names(opened, count, bands):
    assert reference_bands(opened("a.tif", count=count), 0) == bands


def test_alpha_is_no_band_to_compare(opened):
    colours = [gdal.GCI_GrayIndex, gdal.GCI_AlphaBand]
    assert reference_bands(opened("a.tif", count=2, colours=colours), 0) == (1,)


def test_a_band_that_is_not_there(opened):
    with pytest.raises(BandError):
        reference_bands(opened("a.tif", count=2), 3)


def test_equal_texts_before_numbers(opened):
    reference, other = opened("a.tif", ["ndvi", "moisture"]), opened("b.tif", ["moisture", "x", "ndvi"])
    assert same_bands(reference, (1,), other) == (3,)


def test_names_that_mean_the_same(opened):
    reference, other = opened("a.tif", ["B02", "B03", "B04"]), opened("b.tif", ["red", "green", "blue"])
    assert same_bands(reference, (3, 2, 1), other) == (1, 2, 3)


def test_numbers_without_names(opened):
    assert same_bands(opened("a.tif", count=4), (2,), opened("b.tif", count=3)) == (2,)
    with pytest.raises(BandError, match="none that stands for band 4"):
        same_bands(opened("c.tif", count=4), (4,), opened("d.tif", count=3))
