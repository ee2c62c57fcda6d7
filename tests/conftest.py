"""Fixtures that several test folders share."""

from __future__ import annotations

import gc
import os
import pathlib
import sys
from typing import Any, Callable, Optional, Sequence

import numpy as np
import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[1]


_STATUS = pytest.StashKey[int]()


def pytest_collection_finish() -> None:
    """Keep what imports brought out of later collections of garbage.

    Tests of the interface collect it often, to see what is really gone. The modules of torch and the others that the
    test files import are 300,000 objects, which take 0.15 s each time.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember how the tests ended."""
    session.config.stash[_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End at once where QGIS runs in this process.

    QGIS, torch and OpenVINO in one process, which there are nowhere but here, do not always come down together: the
    interpreter then dies by a signal after all is said, and a run that passed would count as failed.
    """
    session = sys.modules.get("tests.qgis_session")
    if session is not None and session.start_qgis.cache_info().currsize and _STATUS in config.stash:
        session.take_down()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_STATUS])


@pytest.fixture(scope="session")
def project_dir() -> pathlib.Path:
    """Root of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_dir() -> pathlib.Path:
    """Folder with real imagery and real weights that are too large for the repository; skips where it is missing."""
    folder = pathlib.Path(os.environ.get("SR_SHARED_DIR", PROJECT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("real imagery and weights are not at hand (set SR_SHARED_DIR to their folder)")
    return folder


@pytest.fixture(scope="session")
def worker_python() -> str:
    """A Python that can run the worker: the one that runs the tests."""
    return os.environ.get("SR_PLUGIN_WORKER_PYTHON", sys.executable)


@pytest.fixture
def make_raster(tmp_path: pathlib.Path) -> Callable[..., str]:
    """Write an array as a GeoTIFF and give its path (see :func:`write_raster`)."""
    pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

    def make(array: np.ndarray, name: str = "input.tif", **facts: Any) -> str:
        return write_raster(tmp_path / name, array, **facts)

    return make


def write_raster(
    path: pathlib.Path,
    array: np.ndarray,
    geotransform: Sequence[float] = (500000.0, 10.0, 0.0, 4100000.0, 0.0, -10.0),
    wkt: Optional[str] = None,
    nodata: Optional[float] = None,
    descriptions: Sequence[str] = (),
    colours: Sequence[int] = (),
    scale_offset: Optional[Sequence[float]] = None,
    options: Sequence[str] = (),
) -> str:
    """Write ``(bands, h, w)`` or ``(h, w)`` as a GeoTIFF in UTM zone 18 north unless told otherwise."""
    from osgeo import gdal, gdal_array, osr

    array = array[None] if array.ndim == 2 else array
    code = gdal_array.NumericTypeCodeToGDALTypeCode(array.dtype.type)
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), array.shape[2], array.shape[1], array.shape[0], code, list(options)
    )
    if geotransform:
        dataset.SetGeoTransform(list(geotransform))
    if wkt is None:
        reference = osr.SpatialReference()
        reference.ImportFromEPSG(32618)
        wkt = reference.ExportToWkt()
    if wkt:
        dataset.SetProjection(wkt)
    for number, pixels in enumerate(array, start=1):
        band = dataset.GetRasterBand(number)
        if nodata is not None:
            band.SetNoDataValue(nodata)
        if number <= len(descriptions):
            band.SetDescription(descriptions[number - 1])
        if number <= len(colours):
            band.SetColorInterpretation(colours[number - 1])
        if scale_offset:
            band.SetScale(scale_offset[0])
            band.SetOffset(scale_offset[1])
        band.WriteArray(pixels)
    del band, dataset
    return str(path)


def read_raster(path: str) -> np.ndarray:
    """All pixels of a raster as ``(bands, h, w)``."""
    from osgeo import gdal

    pixels = gdal.Open(str(path)).ReadAsArray()
    return pixels[None] if pixels.ndim == 2 else pixels
