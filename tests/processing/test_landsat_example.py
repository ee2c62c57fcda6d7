"""The example of a graphical model for the use that Landsat's long record has: before and after on one grid."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests import landsat_products as made
from tests.conftest import write_raster
from tests.landsat_products import CORNER, SHAPE, make_landsat, packed

pytestmark = pytest.mark.qgis

#: Results of the model and the names of their files.
RESULTS = {"landsat:OUTPUT": "fine", "before:OUTPUT": "before", "after:OUTPUT": "after", "change:OUTPUT": "change"}
SIZE = (60, 70)
TARGET = (CORNER[0] + 105.0, 10.0, 0.0, CORNER[1] - 205.0, 0.0, -10.0)


@pytest.fixture
def model(provider, project_dir):
    from qgis.core import QgsProcessingModelAlgorithm

    found = QgsProcessingModelAlgorithm()
    assert found.fromFile(str(project_dir / "resources" / "examples" / "landsat_ndvi_change.model3"))
    assert found.validate() == (True, [])
    assert found.parameterDefinition("MODEL").defaultValue() == "any-x3"
    return found


def numbers_of_surface(reflectance):
    return np.rint((reflectance - made.SURFACE[1]) / made.SURFACE[0])


def test_before_and_after_on_one_grid(model, tmp_path, feedback):
    """Landsat 5 of 2001 beside Sentinel-2 with a radiometric offset: NDVI 0.5 and 0.6 before, 0.3333 after."""
    import processing
    from osgeo import gdal

    if shutil.which("gdal_calc.py") is None:
        pytest.skip("GDAL's raster calculator is not installed")
    left = np.arange(SHAPE[1])[None] < 20
    red, nir = np.full(SHAPE, 0.1), np.where(left, 0.3, 0.4) * np.ones(SHAPE)
    quality = np.full(SHAPE, 5440)
    quality[15:18, 25:28] = 5896  # cloud
    pixels = {"SR_B3": numbers_of_surface(red), "SR_B4": numbers_of_surface(nir)}
    root, _ = make_landsat(tmp_path, 5, 2, 2, pixels=pixels, quality=quality)
    later = np.stack([np.full(SIZE, 2000), np.full(SIZE, 1500), np.full(SIZE, 1400), np.full(SIZE, 3000)])
    later[:, :3, :4] = 0
    sentinel2 = write_raster(
        tmp_path / "sentinel2.tif",
        later.astype(np.uint16),
        TARGET,
        nodata=0,
        descriptions=("B04", "B03", "B02", "B08"),
        scale_offset=(1e-4, -0.1),
    )
    outputs = {name: str(tmp_path / f"{end}.tif") for name, end in RESULTS.items()}
    values = {"LANDSAT": str(packed(root)), "INPUT": sentinel2, "RED": 1, "NIR": 4, "MODEL": "bicubic:3", **outputs}
    processing.run(model, values, feedback=feedback)
    grids = set()
    found = {}
    for end in RESULTS.values():
        dataset = gdal.Open(str(tmp_path / f"{end}.tif"))
        grids.add((dataset.RasterXSize, dataset.RasterYSize, dataset.GetGeoTransform(), dataset.GetProjection()))
        band = dataset.GetRasterBand(1)
        found[end] = np.ma.masked_where(band.GetMaskBand().ReadAsArray() == 0, band.ReadAsArray())
    assert len(grids) == 1 and grids.pop()[:3] == (*SIZE[::-1], TARGET)
    # Columns of the grid: 20 pixels of 30 m are 60 of 10 m, of which it leaves out 10.5.
    west, east = (slice(30, None), slice(0, 42)), (slice(45, None), slice(57, None))
    assert np.abs(found["before"][west] - 0.5).max() < 2e-3 and np.abs(found["before"][east] - 0.6).max() < 2e-3
    assert np.abs(found["after"][10:] - 1 / 3).max() < 1e-5
    assert np.abs(found["change"][west] - (1 / 3 - 0.5)).max() < 2e-3
    # The cloud: rows 45 to 54 less 20.5, columns 75 to 84 less 10.5.
    assert found["change"].mask[26:32, 66:70].all() and not found["change"].mask[40:, :60].any()
    assert found["change"].mask[:3, :4].all()
