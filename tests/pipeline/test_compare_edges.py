"""Whole rasters compared by their edges."""

import math
import os

import numpy as np
import pytest
from osgeo import gdal

from sr_plugin.core.edges import EdgeSettings
from sr_plugin.core.errors import BandError, Cancelled, EmptyExtent, OutputError, ParameterError, SourceNotFound
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.pipeline.compare_edges import CompareEdgesRequest, compare_edges
from sr_plugin.pipeline.edge_outputs import check_outputs
from sr_plugin.worker.local_session import LocalSession
from tests.conftest import read_raster
from tests.pipeline.conftest import Recorder

pytest.importorskip("skimage")
pytestmark = pytest.mark.gdal

LEFT, TOP = 500000.0, 4100000.0
SETTINGS = EdgeSettings(sigma=1.0, low=0.7, high=0.85)


def transform(pixel, left=LEFT, top=TOP):
    return (left, pixel, 0.0, top, 0.0, -pixel)


@pytest.fixture
def pair(make_raster, scene):
    """A raster of 10 m and one of 2.5 m made of it by bicubic, with an extra line of edges."""
    scene = scene[:3, :80, :90].astype(np.float32)
    fine = enlarge_cubic(scene, 4)
    fine[:, 100:110, 40:300] += 900
    return make_raster(scene, "in.tif"), make_raster(fine, "out.tif", geotransform=transform(2.5))


def compare(source, result, feedback=None, open_session=LocalSession, **options):
    options.setdefault("settings", SETTINGS)
    return compare_edges(CompareEdgesRequest(source, result, **options), feedback, open_session)


@pytest.mark.parametrize("method", ["canny", "sobel"])
def test_a_raster_compared_with_itself(make_raster, scene, method, tmp_path):
    path, classes = make_raster(scene), str(tmp_path / "classes.tif")
    told = compare(path, path, classes=classes, settings=EdgeSettings(method), tile=64)
    assert told.counts.edges_input > 500
    assert (told.figures.kept, told.figures.new, told.figures.lost) == (1.0, 0.0, 0.0)
    assert set(np.unique(read_raster(classes))) == {0, 1}


def test_bicubic_alone_adds_nothing(make_raster, scene):
    source = make_raster(scene, "in.tif")
    rounded = np.rint(enlarge_cubic(scene.astype(np.float64), 4)).clip(0, 65535).astype(np.uint16)
    told = compare(source, make_raster(rounded, "out.tif", geotransform=transform(2.5)))
    # Rounding to integers moves a few weak edges.
    assert told.ratio == 4 and told.figures.kept > 0.99


def test_new_edges_are_found_where_they_are(pair, tmp_path):
    classes = str(tmp_path / "classes.tif")
    told = compare(*pair, classes=classes)
    assert told.figures.new > 0.01 and told.figures.lost < 0.02
    new = np.argwhere(read_raster(classes)[0] == 2)
    assert len(new) > 300
    near = (new[:, 0] >= 96) & (new[:, 0] < 114) & (new[:, 1] >= 36) & (new[:, 1] < 304)
    assert near.mean() > 0.9


def test_tiles_agree_with_the_whole(pair, tmp_path):
    paths = [str(tmp_path / name) for name in ("whole.tif", "tiled.tif")]
    settings = compare(*pair).settings
    whole = compare(*pair, settings=settings, classes=paths[0], tile=4096)
    tiled = compare(*pair, settings=settings, classes=paths[1], tile=64)
    assert (whole.tiles, tiled.tiles) == (1, 30)
    one, other = read_raster(paths[0]), read_raster(paths[1])
    assert (one != other).sum() <= 0.002 * (one > 0).sum()
    assert tiled.counts.pixels == whole.counts.pixels
    assert tiled.counts.squares_result == pytest.approx(whole.counts.squares_result, rel=1e-5)


def test_memory_does_not_grow_with_the_scene(make_raster, tmp_path):
    """What travels at a time is bounded by the tile, however tall the raster."""
    rng = np.random.default_rng(0)
    tall = rng.integers(0, 3000, (1, 1500, 60)).astype(np.uint16)
    sizes = []

    class Watched(LocalSession):
        def edges(self, arrays, settings, crop, outputs):
            sizes.append(max(item.data.size * item.ratio**2 for item in arrays))
            return super().edges(arrays, settings, crop, outputs)

    path = make_raster(tall)
    compare(path, path, open_session=Watched, tile=128, report=str(tmp_path / "r.html"))
    halo = SETTINGS.halo(1)
    assert len(sizes) > 12 and max(sizes) <= 60 * (384 + 2 * halo)


def test_alignment_is_by_position(pair, make_raster, tmp_path):
    """A result of a part only, and an input that begins elsewhere, meet where they lie on the ground."""
    source, result = pair
    whole, part = str(tmp_path / "whole.tif"), str(tmp_path / "part.tif")
    settings = compare(source, result).settings
    compare(source, result, settings=settings, classes=whole)
    moved = make_raster(
        read_raster(result)[:, 80:240, 40:280], "moved.tif", geotransform=transform(2.5, LEFT + 100, TOP - 200)
    )
    told = compare(source, moved, settings=settings, classes=part)
    assert told.ratio == 4 and (told.width, told.height) == (240, 160)
    inner = (slice(12, -12), slice(12, -12))
    one, other = read_raster(whole)[0, 80:240, 40:280][inner], read_raster(part)[0][inner]
    assert (one != other).mean() < 0.002
    assert gdal.Open(part).GetGeoTransform() == transform(2.5, LEFT + 100, TOP - 200)


def test_an_extent_is_cut_to_whole_input_pixels(pair, tmp_path):
    classes = str(tmp_path / "classes.tif")
    box = (LEFT + 101, TOP - 399, LEFT + 399, TOP - 201)
    told = compare(*pair, classes=classes, extent=box)
    assert (told.width, told.height) == (30 * 4, 20 * 4)
    assert gdal.Open(classes).GetGeoTransform() == transform(2.5, LEFT + 100, TOP - 200)
    with pytest.raises(EmptyExtent):
        compare(*pair, extent=(0, 0, 10, 10))


@pytest.mark.parametrize("pixel", [2.5, 1.25, 1.0])
def test_a_truth_on_any_grid(pair, make_raster, pixel):
    source, result = pair
    fine = read_raster(result)
    if pixel == 1.25:
        fine = fine.repeat(2, 1).repeat(2, 2)
    elif pixel == 1.0:
        fine = enlarge_cubic(fine, 5).reshape(3, 800, 2, 900, 2).mean((2, 4)).astype(np.float32)
    truth = make_raster(fine, "truth.tif", geotransform=transform(pixel))
    told = compare(source, result, truth=truth)
    assert told.figures.f1 > (0.999 if pixel > 1 else 0.95)
    assert told.figures.recall_input < told.figures.recall
    assert told.figures.new_right > 0.97


def test_without_truth_its_figures_are_no_numbers(pair):
    figures = compare(*pair).figures
    assert math.isnan(figures.f1) and math.isnan(figures.density_truth) and figures.density_result > 0


def test_rasters_without_a_place_cover_the_same_ground(make_raster, scene):
    source = make_raster(scene, "in.tif", geotransform=(), wkt="")
    fine = enlarge_cubic(scene.astype(np.float32), 2)
    told = compare(source, make_raster(fine, "out.tif", geotransform=(), wkt=""))
    assert told.ratio == 2 and told.figures.kept > 0.999


def test_an_extent_of_rasters_without_a_place_is_that_of_qgis(make_raster, scene):
    source = make_raster(scene, "in.tif", geotransform=(), wkt="")
    told = compare(source, source, extent=(20.0, -70.0, 60.0, -10.0))
    assert (told.width, told.height) == (40, 60)


def test_units_that_the_files_tell_are_brought_together(make_raster, scene):
    numbers = make_raster(scene, "in.tif", scale_offset=(0.0001, 0.0))
    offset = make_raster(scene + np.uint16(1000), "offset.tif", scale_offset=(0.0001, -0.1))
    share = make_raster(scene.astype(np.float32) / 10000, "share.tif")
    told = compare(numbers, offset, truth=share)
    assert told.figures.kept > 0.999 and told.figures.f1 > 0.999
    assert told.figures.sharpness_truth == pytest.approx(told.figures.sharpness_input, rel=1e-3)


def test_no_edges_at_nodata(make_raster, scene, tmp_path):
    image = np.full((60, 60), 500, np.int16)
    image[20:30, 20:30] = -9999
    path, edges = make_raster(image, nodata=-9999), str(tmp_path / "edges.tif")
    told = compare(path, path, edges_input=edges)
    assert told.counts.edges_input == 0 and told.counts.pixels == 3600 - 144
    assert (read_raster(edges)[0, 20:30, 20:30] == 255).all()


def test_outputs_carry_colours_names_and_settings(pair, tmp_path):
    names = ("edges_input", "edges_result", "classes")
    paths = {name: str(tmp_path / f"{name}.tif") for name in names}
    told = compare(*pair, **paths)
    opened = {name: gdal.Open(path) for name, path in paths.items()}
    band = opened["classes"].GetRasterBand(1)
    assert band.GetNoDataValue() == 255 and band.GetColorInterpretation() == gdal.GCI_PaletteIndex
    assert band.GetColorTable().GetColorEntry(2)[:3] == (213, 94, 0)
    assert "not in the input" in band.GetCategoryNames()[2]
    assert "not in the input" in band.GetMetadataItem("CLASS_2")
    facts = opened["edges_result"].GetMetadata()
    assert float(facts["SR_EDGES_LOW"]) == pytest.approx(told.settings.low) and facts["SR_EDGES_METHOD"] == "canny"
    assert (read_raster(paths["edges_result"]) == 1).sum() == told.counts.edges_result
    assert (read_raster(paths["edges_input"]) == 1).sum() == told.counts.edges_input
    counted = [(read_raster(paths["classes"]) == code).sum() for code in (1, 2, 3)]
    assert counted == [told.counts.kept, told.counts.new, told.counts.lost]
    assert sorted(os.listdir(tmp_path)) == sorted(
        [f"{name}.tif{end}" for name in names for end in ("", ".aux.xml")] + ["in.tif", "out.tif"]
    )


def test_report_and_figure(pair, tmp_path):
    pytest.importorskip("matplotlib")
    report, figure = tmp_path / "report.html", tmp_path / "figure.png"
    compare(*pair, truth=pair[1], report=str(report), figure=str(figure), titles=("A <b>", "B", "C"))
    html = report.read_text(encoding="utf-8")
    assert html.count("<img") == 7 and "A &lt;b&gt;" in html and "new: not in the input" in html
    assert figure.read_bytes()[:4] == b"\x89PNG"


def test_panels_share_the_stretch_and_show_colour(make_raster, pair):
    from sr_plugin.pipeline.edge_panels import EdgePanels
    from sr_plugin.pipeline.edge_planes import EdgePlanes

    planes = EdgePlanes({"input": pair[0], "result": pair[1]}, 0)
    area = planes.area(None, ["input", "result"])
    with LocalSession() as session:
        panels = EdgePanels(planes, area, area, compare(*pair).settings, session)
    before, after = panels.pictures["input"].astype(int), panels.pictures["result"].astype(int)
    # Away from the added line, the result is the enlarged input.
    assert np.abs(before[:90] - after[:90]).max() <= 1
    assert (before[..., 0] != before[..., 2]).any()
    assert set(np.unique(panels.pictures["edges_input"])) == {0, 255}


def test_bands_are_matched_by_name(make_raster, scene):
    source = make_raster(scene, "in.tif", descriptions=["B02", "B03", "B04", "B08"])
    swapped = make_raster(scene[[2, 1, 0, 3]], "out.tif", descriptions=["B04", "B03", "B02", "B08"])
    told = compare(source, swapped)
    assert told.bands == {"input": (3, 2, 1), "result": (1, 2, 3)} and told.figures.kept == 1.0
    single = compare(source, swapped, band=1)
    assert single.bands == {"input": (1,), "result": (3,)} and single.figures.kept == 1.0


def test_a_result_of_ours_says_from_which_bands_it_was_made(make_raster, scene, run, tmp_path):
    source = make_raster(scene, "in.tif")
    run(source, "bicubic:2", bands=(4, 2), output=str(tmp_path / "sr.tif"))
    told = compare(source, str(tmp_path / "sr.tif"), band=4)
    assert told.bands == {"input": (4,), "result": (1,)} and told.figures.kept > 0.99


@pytest.mark.parametrize("flaw", ["crs", "apart", "band", "few bands", "unplaced", "missing", "settings"])
def test_rasters_that_cannot_be_compared(make_raster, scene, flaw):
    from osgeo import osr

    other, options, error, words = dict(), {}, ParameterError, "does not exist"
    pixels = scene[:3]
    if flaw == "crs":
        reference = osr.SpatialReference()
        reference.ImportFromEPSG(32633)
        other, words = {"wkt": reference.ExportToWkt()}, "coordinate reference systems"
    elif flaw == "apart":
        other, error, words = {"geotransform": transform(10, LEFT + 1e6)}, EmptyExtent, "does not overlap"
    elif flaw == "band":
        options, error, words = {"band": 9}, BandError, "no band 9"
    elif flaw == "few bands":
        pixels, error, words = scene[:1], BandError, "none that stands for"
    elif flaw == "unplaced":
        other, words = {"geotransform": (), "wkt": ""}, "not georeferenced"
    elif flaw == "settings":
        options, words = {"settings": EdgeSettings(high=7)}, "between 0 and 1"
    path = "no-such-file.tif" if flaw == "missing" else make_raster(pixels, "other.tif", **other)
    error = SourceNotFound if flaw == "missing" else error
    with pytest.raises(error, match=words) as caught:
        compare(make_raster(scene[:3]), path, **options)
    assert caught.value.hint or flaw == "settings"


def test_outputs_are_checked_first(pair, tmp_path):
    with pytest.raises(OutputError, match="input itself"):
        compare(*pair, classes=pair[0])
    with pytest.raises(OutputError, match="does not exist"):
        compare(*pair, report=str(tmp_path / "none" / "r.html"))
    with pytest.raises(OutputError, match="same name"):
        compare(*pair, classes=str(tmp_path / "a.tif"), edges_input=str(tmp_path / "a.tif"))


def test_a_cancel_leaves_nothing(pair, tmp_path):
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    recorder = Recorder(cancel_after=2)
    with pytest.raises(Cancelled):
        compare(
            *pair, recorder, tile=64, classes=str(outputs / "c.tif"), edges_input=str(outputs / "e.tif"),
            report=str(outputs / "r.html"),
        )  # fmt: skip
    assert 2 <= recorder.steps[-1][0] < recorder.steps[-1][1] == 30
    assert os.listdir(outputs) == []


def test_progress_counts_tiles_and_the_log_tells_what_was_done(pair):
    recorder = Recorder()
    compare(*pair, recorder, tile=128)
    assert recorder.steps == [(n, 9) for n in range(1, 10)]
    told = "\n".join(recorder.messages)
    assert "enlarged 4 times by bicubic" in told and "Thresholds" in told and "New edges" in told


def test_a_figure_does_not_overwrite_a_source(tmp_path):
    picture = tmp_path / "truth.png"
    picture.write_bytes(b"a source")
    with pytest.raises(OutputError, match="is a source"):
        check_outputs({}, {"figure": str(tmp_path / "." / "truth.png")}, [str(picture)])
    check_outputs({}, {"figure": str(tmp_path / "figure.png")}, [str(picture)])
