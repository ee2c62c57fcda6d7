"""What counts as a change of a raster's files."""

import os

import numpy as np
import pytest
from osgeo import gdal

from sr_plugin.raster.source_files import files_digest, source_files

pytestmark = pytest.mark.gdal


@pytest.fixture
def raster(make_raster):
    return make_raster(np.arange(64, dtype=np.uint16).reshape(1, 8, 8), "in.tif")


def digest(path):
    dataset = gdal.Open(path)
    return files_digest(source_files(dataset, path))


def test_statistics_that_qgis_writes_aside_are_no_change(raster):
    before = digest(raster)
    dataset = gdal.Open(raster)
    dataset.GetRasterBand(1).ComputeStatistics(False)
    dataset.GetRasterBand(1).GetDefaultHistogram(force=1)
    dataset = None
    assert os.path.exists(raster + ".aux.xml")
    assert digest(raster) == before != ""


def test_a_nodata_value_told_aside_is_a_change(raster):
    before = digest(raster)
    dataset = gdal.Open(raster)
    dataset.GetRasterBand(1).ComputeStatistics(False)
    dataset.GetRasterBand(1).SetNoDataValue(7)
    dataset = None
    assert os.path.exists(raster + ".aux.xml")
    assert digest(raster) != before
    os.remove(raster + ".aux.xml")
    assert digest(raster) == before


def test_a_side_file_that_is_no_xml_counts_as_it_is(raster):
    with open(raster + ".aux.xml", "wb") as file:
        file.write(b"not xml")
    one = files_digest((raster, raster + ".aux.xml"))
    with open(raster + ".aux.xml", "wb") as file:
        file.write(b"no xml either")
    assert files_digest((raster, raster + ".aux.xml")) != one


def test_a_raster_that_is_gone_has_no_digest(raster):
    dataset = gdal.Open(raster)
    files = source_files(dataset, raster)
    dataset = None
    os.utime(raster, ns=(1, 1))
    changed = files_digest(files)
    os.remove(raster)
    assert changed and files_digest(files) == ""
