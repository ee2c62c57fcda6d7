"""Writing results."""

import os
import shutil
from collections import namedtuple

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import DiskFull, OutputError  # noqa: E402
from sr_plugin.core.grid import Grid, Window  # noqa: E402
from sr_plugin.raster.creation_options import block_size, creation_options  # noqa: E402
from sr_plugin.raster.output_path import check_output_path  # noqa: E402
from sr_plugin.raster.writer import OutputBand, OutputSpec, RasterWriter  # noqa: E402

pytestmark = pytest.mark.gdal
never = bool
GRID = Grid(100, 80, (10.0, 0.5, 0.1, 20.0, 0.1, -0.5))


def spec(tmp_path, **changes):
    values = dict(
        path=str(tmp_path / "out.tif"), grid=GRID, bands=[OutputBand("a"), OutputBand("b")], pixel_type="uint16"
    )
    return OutputSpec(**{**values, **changes})


def test_the_name_appears_only_when_the_file_is_whole(tmp_path):
    wanted = spec(tmp_path, nodata=7.0, metadata={"SR_MODEL": "m"})
    writer = RasterWriter(wanted, str(tmp_path / "part.tif"))
    pixels = np.arange(2 * 80 * 100).reshape(2, 80, 100).astype(np.uint16)
    writer.write(pixels, GRID.window)
    assert not os.path.exists(wanted.path)
    writer.finish([], never)
    assert sorted(os.listdir(tmp_path)) == ["out.tif"]
    dataset = gdal.Open(wanted.path)
    np.testing.assert_array_equal(dataset.ReadAsArray(), pixels)
    assert dataset.GetGeoTransform() == GRID.geotransform
    assert [dataset.GetRasterBand(i).GetDescription() for i in (1, 2)] == ["a", "b"]
    assert dataset.GetRasterBand(1).GetNoDataValue() == 7.0 and dataset.GetMetadataItem("SR_MODEL") == "m"


@pytest.mark.parametrize("keep", [False, True])
def test_an_abandoned_file_never_gets_the_name(tmp_path, keep):
    writer = RasterWriter(spec(tmp_path), str(tmp_path / "part.tif"))
    writer.write(np.ones((2, 10, 10), np.uint16), Window(0, 0, 10, 10))
    if keep:
        writer.close()
    else:
        writer.remove()
    assert os.listdir(tmp_path) == (["part.tif"] if keep else [])


def test_blocks_that_were_never_written_read_as_nodata(tmp_path):
    wanted = spec(tmp_path, nodata=9.0)
    writer = RasterWriter(wanted, str(tmp_path / "part.tif"))
    writer.finish([], never)
    assert (gdal.Open(wanted.path).ReadAsArray() == 9).all()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
def test_all_pixel_types(tmp_path, dtype):
    wanted = spec(tmp_path, pixel_type=dtype, bands=[OutputBand()])
    writer = RasterWriter(wanted, str(tmp_path / "part.tif"))
    pixels = np.linspace(-100, 100, 8000).reshape(1, 80, 100).astype(dtype)
    writer.write(pixels, GRID.window)
    writer.finish([], never)
    read = gdal.Open(wanted.path).ReadAsArray()
    np.testing.assert_array_equal(read.view(np.int8) if dtype == "int8" else read, pixels[0])


def test_options_of_the_user_replace_the_defaults():
    options = creation_options("uint16", 3, 512, 1000, ["compress=LZW", "BIGTIFF=YES"])
    assert "COMPRESS=LZW" in options and "BIGTIFF=YES" in options and "TILED=YES" in options
    with pytest.raises(OutputError, match="no creation option"):
        creation_options("uint16", 3, 512, 1000, ["LZW"])


def test_large_results_are_bigtiff_and_many_bands_lie_apart():
    assert "BIGTIFF=YES" in creation_options("uint16", 4, 512, 12_800_000_000, [])
    assert "INTERLEAVE=BAND" in creation_options("uint16", 5, 512, 1000, [])


@pytest.mark.parametrize("tile, expected", [(1024, 512), (768, 256), (384, 128), (320, 64), (100, 256)])
def test_blocks_divide_the_pieces_that_are_written(tile, expected):
    assert block_size(tile) == expected


def test_outputs_that_cannot_be_written(tmp_path):
    source = tmp_path / "in.tif"
    source.write_bytes(b"x")
    (tmp_path / "folder.tif").mkdir()
    for path, words in (
        ("", "No output"),
        (str(tmp_path / "a.png"), "no GeoTIFF"),
        (str(tmp_path / "missing" / "a.tif"), "does not exist"),
        (str(tmp_path / "folder.tif"), "is a folder"),
        (str(source), "input itself"),
    ):
        with pytest.raises(OutputError, match=words) as caught:
            check_output_path(path, [str(source)])
        assert caught.value.hint
    os.link(source, tmp_path / "same.tif")
    with pytest.raises(OutputError, match="input itself"):
        check_output_path(str(tmp_path / "same.tif"), [str(source)])


def test_a_file_that_cannot_be_created(tmp_path):
    with pytest.raises(OutputError, match="could not be created"):
        RasterWriter(spec(tmp_path), str(tmp_path / "no" / "part.tif"))


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 0))
    with pytest.raises(DiskFull, match="is full"):
        RasterWriter(spec(tmp_path), str(tmp_path / "no" / "part.tif"))


def test_pixels_of_the_wrong_size_are_refused(tmp_path):
    writer = RasterWriter(spec(tmp_path), str(tmp_path / "part.tif"))
    with pytest.raises(ValueError, match="do not fit"):
        writer.write(np.ones((2, 3, 3), np.uint16), Window(0, 0, 4, 4))
    writer.remove()
