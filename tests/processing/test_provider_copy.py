"""The copy of a layer without a file: one nodata value for all bands, and no copy that is not whole."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.qgis


@pytest.fixture
def clone(make_raster):
    """Gives a clone of a layer of some pixels ``(bands, rows, columns)`` with one nodata value per band."""
    from qgis.core import QgsRasterLayer

    from sr_plugin.processing.provider_clone import clone_of

    def make(pixels, nodata):
        made = clone_of(QgsRasterLayer(make_raster(pixels), "layer"))
        bands = tuple(replace(band, nodata=value) for band, value in zip(made.bands, nodata))
        return replace(made, bands=bands)

    return make


@pytest.fixture
def copy(feedback, tmp_path):
    """Copies a clone and opens the copy."""
    from osgeo import gdal

    from sr_plugin.processing.provider_copy import copy_of_clone

    folder = tmp_path / "copy"
    folder.mkdir()
    return lambda clone: gdal.Open(copy_of_clone(clone, str(folder), None, None, feedback))


def test_a_nodata_value_that_the_type_cannot_hold_marks_nothing(clone, copy):
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    copied = copy(clone(pixels, [-9999.0]))
    assert copied.GetRasterBand(1).GetNoDataValue() is None
    np.testing.assert_array_equal(copied.ReadAsArray(), pixels[0])


def test_a_band_without_a_usable_nodata_value_leaves_the_choice_to_the_next(clone, copy):
    pixels = np.tile(np.array([241, 7, 0, 3], np.uint8), (2, 4, 1))
    copied = copy(clone(pixels, [-9999.0, 7.0]))
    assert copied.GetRasterBand(1).GetNoDataValue() == 7
    assert copied.ReadAsArray()[:, 0].tolist() == [[241, 8, 0, 3], [241, 7, 0, 3]]


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_valid_pixels_do_not_become_gaps_of_another_band(clone, copy, kind):
    pixels = np.tile(np.array([0, 5, 9, 0], kind), (3, 4, 1))
    copied = copy(clone(pixels, [0.0, None, 9.0])).ReadAsArray()
    gaps = (copied == 0)[:, 0].tolist()
    assert gaps == [[True, False, False, True], [False] * 4, [False, False, True, False]]
    np.testing.assert_allclose(copied[1, 0], pixels[1, 0], atol=1)


@contextlib.contextmanager
def largest_file(size):
    """A limit on the size of files stands in for a full disk."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_a_copy_that_is_not_whole_is_an_error(clone, copy, share):
    from sr_plugin.core.errors import OutputError

    source = clone(np.random.default_rng(0).integers(0, 60000, (2, 600, 600)).astype(np.uint16), [None, None])
    size = os.path.getsize(copy(source).GetDescription())
    with largest_file(int(size * share)), pytest.raises(OutputError, match="copy '.*' of the layer could not"):
        copy(source)


def test_a_disk_that_fills_up_is_named(clone, copy, monkeypatch):
    from sr_plugin.core.errors import DiskFull

    source = clone(np.random.default_rng(0).integers(0, 60000, (2, 600, 600)).astype(np.uint16), [None, None])
    free = iter([10**9, 0])
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: shutil._ntuple_diskusage(10**9, 0, next(free)))
    with largest_file(100_000), pytest.raises(DiskFull, match="is full, so the layer could not be copied"):
        copy(source)
