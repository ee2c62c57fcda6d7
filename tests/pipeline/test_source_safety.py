"""The source is never written over, and a resume never mixes two sources."""

import os
import zipfile

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")
from osgeo import osr  # noqa: E402

from sr_plugin.core.card import BandSpec, ModelCard, TileConstraints, WeightFile  # noqa: E402
from sr_plugin.core.card_file import write_card  # noqa: E402
from sr_plugin.core.errors import Cancelled, ModelFailed, OutputError, ParameterError  # noqa: E402
from sr_plugin.raster.sentinel2_offset import add_offset  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402

pytestmark = pytest.mark.gdal


def as_vrt(path, folder):
    name = str(folder / "view.vrt")
    gdal.Translate(name, path, format="VRT")
    return name


@pytest.mark.parametrize("disguise", [lambda p, f: f"GTIFF_DIR:1:{p}", as_vrt])
def test_a_disguised_source_is_not_written_over(run, make_raster, scene, tmp_path, disguise):
    path = make_raster(scene)
    before = open(path, "rb").read()
    with pytest.raises(OutputError, match="input itself"):
        run(disguise(path, tmp_path), "nearest:2", output=path)
    assert open(path, "rb").read() == before


def test_an_archive_is_not_written_over_and_its_change_is_noticed(run, make_raster, scene, tmp_path):
    path = make_raster(scene)
    archive = tmp_path / "scene.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(path, "scene.tif")
    name = f"/vsizip/{archive}/scene.tif"
    with pytest.raises(Cancelled):
        run(name, "nearest:2", tile=16, keep_partial=True, feedback=Recorder(cancel_after=40))
    os.remove(path)
    other = make_raster(scene + 1)
    with zipfile.ZipFile(archive, "w") as file:
        file.write(other, "scene.tif")
    gdal.VSICurlClearCache()
    out = read_raster(run(name, "nearest:2", tile=16).output)
    np.testing.assert_array_equal(out, (scene + 1).repeat(2, 1).repeat(2, 2))


def test_a_rotated_pole_is_kept_beside_the_result(run, make_raster, scene, tmp_path):
    reference = osr.SpatialReference()
    reference.ImportFromProj4("+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +ellps=WGS84")
    path = make_raster(scene, wkt=reference.ExportToWkt())
    result = gdal.Open(run(path, "nearest:2").output)
    assert osr.SpatialReference(result.GetProjection()).IsSame(osr.SpatialReference(gdal.Open(path).GetProjection()))
    assert not [name for name in os.listdir(tmp_path) if ".part" in name]


def test_side_files_of_an_earlier_result_go(run, make_raster, scene, tmp_path):
    output = tmp_path / "out.tif"
    for suffix in (".aux.xml", ".ovr", ".msk"):
        (tmp_path / f"out.tif{suffix}").write_bytes(b"old")
    run(make_raster(scene), "nearest:2")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["input.tif", output.name]


def test_alpha_counts_beside_nodata(run, make_raster):
    pixels = np.full((4, 8, 8), 100, np.uint8)
    pixels[3, :4] = 0
    colours = [gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand, gdal.GCI_AlphaBand]
    out = read_raster(run(make_raster(pixels, colours=colours, nodata=0), "nearest:2", bands=(1, 2, 3)).output)
    assert (out[:, :8] == 0).all() and (out[:, 8:] == 100).all()


def test_nodata_that_no_pixel_can_have_changes_nothing(run, make_raster):
    pixels = np.zeros((1, 5, 5), np.uint8)
    assert (read_raster(run(make_raster(pixels, nodata=-9999), "nearest:2").output) == 0).all()


def test_gaps_in_bicubic_do_not_depend_on_the_tiling(run, make_raster, scene, tmp_path):
    pixels = scene.copy()
    pixels[np.random.default_rng(0).random(pixels.shape) < 0.1] = 0
    path = make_raster(pixels, nodata=0)
    outputs = [read_raster(run(path, "bicubic:2", tile=t, output=str(tmp_path / f"{t}.tif")).output) for t in (512, 32)]
    np.testing.assert_array_equal(*outputs)


def test_a_model_that_gives_infinity_is_told(run, make_raster, scene, monkeypatch, project_dir):
    from sr_plugin.worker.backends.image_layout import ImageLayout

    pytest.importorskip("onnxruntime")
    through = ImageLayout.run
    monkeypatch.setattr(ImageLayout, "run", lambda self, *arguments: through(self, *arguments) * np.float32("inf"))
    path = make_raster(scene, descriptions=["B04", "B03", "B02", "B08"])
    with pytest.raises(ModelFailed, match="not finite"):
        run(path, "s2-rgbn-x2")


def test_the_consistency_figure_does_not_depend_on_the_tiling(run, project_dir):
    sample = str(project_dir / "resources" / "sample" / "sentinel2_virginia_10m.tif")
    figures = [run(sample, "s2-rgbn-x2", consistency=True, tile=tile).consistency_rmse for tile in (64, 256)]
    assert figures[0] == pytest.approx(figures[1], rel=0.02) and figures[0] < 0.5


def test_mixed_integers_become_floats(run, make_raster, tmp_path):
    paths = [make_raster(np.full((1, 4, 4), 7, kind), f"{kind}.tif") for kind in ("uint32", "int32")]
    name = str(tmp_path / "mixed.vrt")
    gdal.BuildVRT(name, paths, separate=True)
    out = read_raster(run(name, "nearest:2").output)
    assert out.dtype in (np.float64, np.uint32, np.int32) and (out == 7).all()


@pytest.mark.parametrize(
    "names, metadata, expected",
    [
        (["/d/S2A_MSIL2A_20230101T101411_N0509_R022_T33UUP_20230101T140000.SAFE/a.jp2"], {}, -1000.0),
        (["/d/S2A_MSIL1C_20210101T101411_N0301_R022_T33UUP_20210101T140000.SAFE/a.jp2"], {}, None),
        (["a.tif"], {"PROCESSING_BASELINE": "04.00"}, -1000.0),
        (["a.tif"], {"BOA_ADD_OFFSET": "-1000"}, -1000.0),
        (["a.tif"], {"RADIO_ADD_OFFSET_B04": "0"}, 0.0),
        (["/d/S2A_MSIL1C_20210101T101411_N9999_R022.SAFE/a.jp2"], {}, None),
        (["a.tif"], {}, None),
    ],
)
def test_the_add_offset_of_sentinel_2(names, metadata, expected):
    assert add_offset(names, metadata) == expected


def test_a_product_with_the_offset_is_read_as_reflectance(run, make_raster, scene, recorder):
    name = "S2A_MSIL2A_20230101T101411_N0509_R022_T33UUP_20230101T140000.tif"
    path = make_raster(scene + 1000, name, descriptions=["B04", "B03", "B02", "B08"])
    plain = make_raster(scene, "plain.tif", descriptions=["B04", "B03", "B02", "B08"])
    shifted = read_raster(run(path, "s2-rgbn-x2", feedback=recorder).output).astype(int)
    expected = read_raster(run(plain, "s2-rgbn-x2").output).astype(int)
    assert any("add-offset" in text for text in recorder.messages)
    inside = expected > 0
    assert np.abs(shifted - 1000 - expected)[inside].max() <= 1


def test_a_margin_that_eats_a_static_model_is_told(run, make_raster, scene, tmp_path):
    (tmp_path / "static.onnx").write_bytes(b"never loaded")
    bands = tuple(BandSpec(f"b{i}") for i in range(4))
    weight = WeightFile(str(tmp_path / "static.onnx"), "onnx")
    tiles = TileConstraints(fixed=(32, 32))
    card = ModelCard("static", "static", "onnx", 2, input_bands=bands, reach=10, tiles=tiles, weights=(weight,))
    write_card(card, str(tmp_path / "static.json"))
    with pytest.raises(ParameterError, match="leaves nothing"):
        run(make_raster(scene), str(tmp_path / "static.json"), bands=(1, 2, 3, 4), margin=16)
