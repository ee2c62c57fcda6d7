"""Fixtures of the tests that run algorithms in a real QGIS."""

from __future__ import annotations

import numpy as np
import pytest

from tests.qgis_session import provider, qgis_app  # noqa: F401 - fixtures

UTM = 32632


@pytest.fixture
def make_raster(tmp_path):
    """Writes a GeoTIFF from an array ``(bands, rows, columns)``: 10 m pixels from (600000, 5000000) in UTM 32 N."""
    from osgeo import gdal, gdal_array, osr

    def write(pixels, name="input.tif", descriptions=(), nodata=None):
        pixels = np.asarray(pixels)
        path = str(tmp_path / name)
        kind = gdal_array.NumericTypeCodeToGDALTypeCode(pixels.dtype.type)
        dataset = gdal.GetDriverByName("GTiff").Create(path, pixels.shape[2], pixels.shape[1], pixels.shape[0], kind)
        crs = osr.SpatialReference()
        crs.ImportFromEPSG(UTM)
        dataset.SetProjection(crs.ExportToWkt())
        dataset.SetGeoTransform((600000, 10, 0, 5000000, 0, -10))
        for number, band in enumerate(pixels, start=1):
            dataset.GetRasterBand(number).WriteArray(band)
            if nodata is not None:
                dataset.GetRasterBand(number).SetNoDataValue(nodata)
        for number, text in enumerate(descriptions, start=1):
            dataset.GetRasterBand(number).SetDescription(text)
        dataset.FlushCache()
        return path

    return write


@pytest.fixture
def scene(make_raster):
    """A uint16 raster of four bands and 30 x 40 pixels with different values in every band."""
    rng = np.random.default_rng(3)
    base = rng.integers(200, 3000, (1, 30, 40))
    return make_raster((base + np.array([0, 1000, 2000, 3000]).reshape(4, 1, 1)).astype(np.uint16))


@pytest.fixture
def read_pixels():
    """Reads a raster as ``(bands, rows, columns)``."""
    from osgeo import gdal

    def read(path):
        pixels = gdal.OpenEx(path).ReadAsArray()
        return pixels if pixels.ndim == 3 else pixels[np.newaxis]

    return read


@pytest.fixture
def project(qgis_app):
    """An empty project, emptied again afterwards."""
    from qgis.core import QgsProject

    instance = QgsProject.instance()
    instance.clear()
    yield instance
    instance.clear()


@pytest.fixture
def feedback(qgis_app):
    """Feedback that keeps what it is told."""
    from qgis.core import QgsProcessingFeedback

    class Kept(QgsProcessingFeedback):
        def __init__(self):
            super().__init__(False)
            self.texts, self.infos, self.warnings, self.errors = [], [], [], []

        def setProgressText(self, text):
            self.texts.append(text)

        def pushInfo(self, info):
            self.infos.append(info)

        def pushWarning(self, warning):
            self.warnings.append(warning)

        def reportError(self, error, fatalError=False):
            self.errors.append(error)

    return Kept()


@pytest.fixture
def run(provider, tmp_path):
    """Runs the algorithm through ``processing.run`` and returns its outputs."""
    import processing

    def call(raster, feedback=None, context=None, **parameters):
        values = {"INPUT": raster, "MODEL": "nearest:2", "OUTPUT": str(tmp_path / "result.tif"), **parameters}
        return processing.run("superres:superresolve", values, feedback=feedback, context=context)

    return call
