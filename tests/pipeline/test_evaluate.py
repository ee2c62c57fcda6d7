"""Whole rasters evaluated: alignment, tiles, registration, matching, land cover and files."""

from __future__ import annotations

import csv
import json
import math
import os
import re

import numpy as np
import pytest
from osgeo import gdal, ogr

from sr_plugin.core.card import PointSpread
from sr_plugin.core.errors import Cancelled, EmptyExtent, OutputError, ParameterError
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.pipeline import edge_planes
from sr_plugin.pipeline.evaluate import evaluate
from sr_plugin.pipeline.evaluation_land_cover import TrainingPolygon, training_roles
from sr_plugin.pipeline.evaluation_preparation import sensible_shift
from sr_plugin.pipeline.evaluation_request import EvaluateRequest
from sr_plugin.worker.local_session import LocalSession
from tests.pipeline.conftest import Recorder

pytest.importorskip("skimage")
pytestmark = pytest.mark.gdal

LEFT, TOP, FINE, RATIO = 500000.0, 4100000.0, 2.5, 4
NAMES = ("B02", "B04", "B08")
SIZE = (160, 192)


def transform(pixel, column=0.0, row=0.0):
    return (LEFT + column * pixel, pixel, 0.0, TOP - row * pixel, 0.0, -pixel)


def ground(rows, columns, seed=4):
    """Three bands of a finer ground than any raster shows."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    shared = gaussian_filter(rng.normal(size=(rows, columns)), 5) * 9000
    return 3000 + shared + gaussian_filter(rng.normal(size=(3, rows, columns)), (0, 2, 2)) * 2500


@pytest.fixture(scope="module")
def arrays():
    """Input, a good result, and the truth."""
    truth = ground(*SIZE)
    coarse = reduce_image(truth, RATIO, PointSpread())
    result = 0.7 * truth + 0.3 * enlarge_cubic(coarse, RATIO)
    return coarse, result, truth


@pytest.fixture
def paths(arrays, make_raster):
    coarse, result, truth = (array.astype(np.float32) for array in arrays)
    return (
        make_raster(coarse, "in.tif", geotransform=transform(FINE * RATIO), descriptions=NAMES),
        make_raster(result, "out.tif", geotransform=transform(FINE), descriptions=NAMES),
        make_raster(truth, "truth.tif", geotransform=transform(FINE), descriptions=NAMES),
    )


def judge(source, results, truth="", feedback=None, **options):
    results = (results,) if isinstance(results, str) else tuple(results)
    return evaluate(EvaluateRequest(source, results, truth, **options), feedback, LocalSession)


def test_a_good_result_beats_bicubic(paths, arrays):
    told = judge(*paths, peak=10000)
    coarse, result, truth = (array.astype(np.float32).astype(float) for array in arrays)
    for name, image in (("result", result), ("bicubic", enlarge_cubic(coarse, RATIO))):
        rmse = math.sqrt(((image - truth) ** 2).mean())
        assert told.figures[name].overall["rmse"] == pytest.approx(rmse, rel=1e-6)
    assert told.ranking[0] == ("result", 1.0) and told.ranking[1] == ("bicubic", 2.0)
    assert told.edges["result"].f1 > told.edges["result"].f1_input
    assert set(told.figures["result"].indices) == {"ndvi", "iron_oxide"}
    assert told.figures["result"].overall["shift"] < 0.02


def test_the_figures_do_not_depend_on_the_tiles(paths, monkeypatch):
    from sr_plugin.pipeline import evaluate as module

    whole = judge(*paths, cell=256)
    monkeypatch.setattr(module, "_CELLS", 1)
    tiled = judge(*paths, cell=48)
    assert (len(whole.tiles), len(tiled.tiles)) == (1, 16)
    for name in ("result", "bicubic"):
        for key, value in whole.figures[name].overall.items():
            close = {"rel": 1e-3} if key in ("edge_f1",) else {"rel": 1e-9, "abs": 1e-9}
            assert tiled.figures[name].overall[key] == pytest.approx(value, nan_ok=True, **close), (name, key)


def test_several_results_are_ranked(paths, arrays, make_raster):
    coarse, result, truth = arrays
    noisy = result + np.random.default_rng(1).normal(0, 400, result.shape)
    bad = make_raster(noisy.astype(np.float32), "bad.tif", geotransform=transform(FINE), descriptions=NAMES)
    told = judge(paths[0], (bad, paths[1]), paths[2], titles=("In", "Noisy", "Good", "Truth"))
    assert [told.titles[name] for name, _ in told.ranking][0] == "Good"
    assert told.figures["result"].overall["psnr"] < told.figures["result2"].overall["psnr"]


def test_without_a_truth_the_input_judges(paths):
    told = judge(*paths[:2])
    assert not told.against_truth and told.settings.step == RATIO
    found = told.figures["result"].overall
    assert found["rmse"] > 0 and found["ssim"] > 0.99 and math.isnan(found["edge_f1"])
    assert found["mae"] == pytest.approx(found["reflectance"])


@pytest.mark.parametrize("shift", [(0.4, -0.7), (-1.3, 0.25)])
def test_a_shifted_truth_is_found(arrays, make_raster, shift):
    from scipy.ndimage import shift as moved

    rows, columns = shift
    fine = ground(240, 272, seed=9)
    truth = fine[:, 40:-40, 40:-40]
    # What lies at a place in the truth lies that much further up and left in what is given as the truth.
    off = moved(fine, (0, -rows, -columns), order=5, mode="nearest")[:, 40:-40, 40:-40]
    coarse = reduce_image(truth, RATIO, PointSpread())
    names = [
        make_raster(coarse.astype(np.float32), "in.tif", geotransform=transform(FINE * RATIO)),
        make_raster(truth.astype(np.float32), "out.tif", geotransform=transform(FINE)),
        make_raster(off.astype(np.float32), "truth.tif", geotransform=transform(FINE)),
    ]
    plain, told = judge(*names), judge(*names, register=True)
    assert plain.truth_shift is None
    assert told.truth_shift == pytest.approx((rows, columns), abs=0.05)
    # With the truth back in its place, the result, which is the truth, is nearly right again.
    assert told.figures["result"].overall["psnr"] > plain.figures["result"].overall["psnr"] + 3


@pytest.mark.parametrize("shift", [(0.0, 0.0), (-1.3, 2.4)])
def test_gaps_do_not_bias_the_shift(arrays, make_raster, shift):
    from scipy.ndimage import gaussian_filter
    from scipy.ndimage import shift as moved

    fine = ground(240, 272, seed=9)
    truth = fine[:, 40:-40, 40:-40]
    result = 0.5 * truth + 0.5 * enlarge_cubic(reduce_image(truth, RATIO, PointSpread()), RATIO)
    off = moved(fine, (0, -shift[0], -shift[1]), order=5, mode="nearest")[:, 40:-40, 40:-40]
    noise = gaussian_filter(np.random.default_rng(1).normal(size=off.shape[1:]), 8)
    off[:, noise > np.quantile(noise, 0.7)] = -9999
    result[:, 100:, 120:] = -9999
    rasters = (reduce_image(truth, RATIO, PointSpread()), result, off)
    names = [
        make_raster(raster.astype(np.float32), f"{number}.tif", geotransform=transform(pixel), nodata=-9999)
        for number, (raster, pixel) in enumerate(zip(rasters, (FINE * RATIO, FINE, FINE)))
    ]
    told = judge(*names, register=True)
    assert told.truth_shift == pytest.approx(shift, abs=0.1 if any(shift) else 0.03)
    # One window tells no spread.
    assert math.isnan(told.truth_spread)
    assert judge(*names[:2]).figures["result"].overall["shift"] < 0.02


def test_a_truth_in_its_place_is_not_moved(paths):
    assert judge(*paths, register=True).truth_shift == pytest.approx((0, 0), abs=0.02)


def test_a_truth_of_another_place_is_not_moved(arrays, make_raster, paths):
    other = make_raster(
        ground(*SIZE, seed=77).astype(np.float32), "other.tif", geotransform=transform(FINE), descriptions=NAMES
    )
    feedback = Recorder()
    told = judge(paths[0], paths[1], other, feedback, register=True)
    assert told.truth_shift == (0.0, 0.0)
    assert [text for text in feedback.warnings if "is not moved" in text]


@pytest.mark.parametrize(
    "shift, spread, moved",
    [((0.3, 0.0), 0.1, True), ((0.3, 0.0), 0.4, False), ((0.01, 0.0), 0.0, False), ((12.0, 12.0), 0.0, False)]
    + [((0.3, 0.0), math.nan, True), ((0.01, 0.0), math.nan, False)],
)
def test_which_shifts_are_believed(shift, spread, moved):
    assert sensible_shift(shift, spread, 4) is moved


def test_rasters_without_a_place_cover_the_same_ground(arrays, make_raster):
    names = [
        make_raster(array.astype(np.float32), f"{number}.tif", geotransform=None, wkt="")
        for number, array in enumerate(arrays)
    ]
    told = judge(*names)
    rmse = math.sqrt(((arrays[1] - arrays[2]) ** 2).mean())
    assert told.figures["result"].overall["rmse"] == pytest.approx(rmse, rel=1e-5)
    assert told.settings.ratio == RATIO


def test_matching_takes_the_difference_of_sensors_away(paths, arrays, make_raster):
    _, _, truth = arrays
    other = make_raster((truth * 1.3 + 400).astype(np.float32), "t.tif", geotransform=transform(FINE))
    plain = judge(paths[0], paths[1], other, bands=(1, 2, 3))
    told = judge(paths[0], paths[1], other, bands=(1, 2, 3), match=True)
    assert plain.figures["result"].overall["bias"] < -800
    assert abs(told.figures["result"].overall["bias"]) < 20
    assert told.figures["result"].overall["psnr"] > plain.figures["result"].overall["psnr"] + 5
    expected = (truth * 1.3 + 400 - truth).mean(axis=(1, 2))
    assert told.matched["result"] == pytest.approx(expected, rel=0.05)
    # Consistency is that of the result as it is.
    for key in ("reflectance", "spectral"):
        assert told.figures["result"].overall[key] == pytest.approx(plain.figures["result"].overall[key])


def test_pictures_show_what_was_measured(paths, arrays, make_raster, tmp_path):
    other = make_raster((arrays[2] + 3000).astype(np.float32), "t.tif", geotransform=transform(FINE))
    page = tmp_path / "r.html"
    worst = {}
    for match in (False, True):
        judge(paths[0], paths[1], other, bands=(1, 2, 3), match=match, report=str(page))
        worst[match] = float(re.findall(r"difference ([0-9.e+]+) or more", page.read_text("utf-8"))[0])
    # All that is left is the detail that bicubic lacks.
    assert worst[False] > 3000 > 1000 > worst[True]
    assert "after the matching of histograms" in page.read_text("utf-8")


def test_a_mask_narrower_than_an_input_pixel_is_told(paths, tmp_path):
    polygon = bytes(ogr.CreateGeometryFromWkt(rectangle(41, 41, 2, 40)).ExportToWkb())
    with pytest.raises(EmptyExtent, match="No pixel of the input lies wholly"):
        judge(*paths[:2], mask=(polygon,), report=str(tmp_path / "r.html"))
    assert judge(*paths, mask=(polygon,)).figures["result"].pixels == 80


def test_gaps_and_masks_do_not_count(paths, arrays, make_raster):
    _, _, truth = arrays
    holed = truth.astype(np.float32).copy()
    holed[:, 20:60, 30:90] = -1
    gappy = make_raster(holed, "g.tif", geotransform=transform(FINE), descriptions=NAMES, nodata=-1)
    told = judge(paths[0], paths[1], gappy)
    assert told.figures["result"].pixels == SIZE[0] * SIZE[1] - 40 * 60
    half = ogr.CreateGeometryFromWkt(rectangle(0, 0, 96, 160)).ExportToWkb()
    masked = judge(*paths, mask=(bytes(half),))
    assert masked.figures["result"].pixels == 96 * 160
    assert masked.figures["bicubic"].overall["psnr"] != judge(*paths).figures["bicubic"].overall["psnr"]


def rectangle(column, row, width, height):
    left, top = LEFT + column * FINE, TOP - row * FINE
    right, bottom = left + width * FINE, top - height * FINE
    return f"POLYGON(({left} {top},{right} {top},{right} {bottom},{left} {bottom},{left} {top}))"


def test_scale_and_offset_make_physical_units(arrays, make_raster):
    coarse, result, truth = (np.rint(array).astype(np.uint16) for array in arrays)
    facts = {"descriptions": NAMES, "scale_offset": (1e-4, -0.1)}
    names = [
        make_raster(coarse, "in.tif", geotransform=transform(FINE * RATIO), **facts),
        make_raster(result, "out.tif", geotransform=transform(FINE), **facts),
        make_raster(truth, "t.tif", geotransform=transform(FINE), descriptions=NAMES),
    ]
    told = judge(*names)
    assert told.settings.peak == 1.0
    rmse = math.sqrt(((result.astype(float) - truth) ** 2).mean()) * 1e-4
    assert told.figures["result"].overall["rmse"] == pytest.approx(rmse, rel=1e-4)
    first, second = truth[2] * 1e-4 - 0.1, truth[1] * 1e-4 - 0.1
    seen = [result[place] * 1e-4 - 0.1 for place in (2, 1)]
    error = (seen[0] - seen[1]) / (seen[0] + seen[1]) - (first - second) / (first + second)
    keep = (first + second > 0) & (seen[0] + seen[1] > 0)
    assert told.figures["result"].indices["ndvi"]["mae"] == pytest.approx(np.abs(error[keep]).mean(), rel=1e-3)


def test_reflectance_without_a_scale_is_not_scaled_again(arrays, make_raster):
    coarse, result, truth = arrays
    facts = {"descriptions": NAMES, "scale_offset": (1e-4, -0.1)}
    place = transform(FINE)
    source = make_raster(np.rint(coarse).astype(np.uint16), "i.tif", geotransform=transform(FINE * RATIO), **facts)
    same = make_raster(np.rint(result).astype(np.uint16), "r.tif", geotransform=place, descriptions=NAMES)
    stored = make_raster(truth.astype(np.float32), "s.tif", geotransform=place, descriptions=NAMES)
    shares = make_raster((truth * 1e-4 - 0.1).astype(np.float32), "t.tif", geotransform=place, descriptions=NAMES)
    expected = np.abs(result - truth).mean() * 1e-4
    for name, words in ((shares, "taken for physical"), (stored, "that of the input is used")):
        feedback = Recorder()
        told = judge(source, same, name, feedback)
        assert told.figures["result"].overall["mae"] == pytest.approx(expected, rel=0.01)
        assert [text for text in feedback.warnings if words in text]
        assert [text for text in feedback.messages if "r.tif' tells no scale" in text]


@pytest.mark.parametrize("values, peak", [(np.uint8, 255.0), (np.uint16, 10000.0), (np.float32, 1.0)])
def test_the_range_is_found(arrays, make_raster, values, peak):
    factor = {np.uint8: 1 / 40, np.uint16: 1, np.float32: 1e-4}[values]
    names = []
    for number, (array, pixel) in enumerate(zip(arrays, (FINE * RATIO, FINE, FINE))):
        scaled = np.clip(array * factor, 0, 250 if values is np.uint8 else 1e5).astype(values)
        names.append(make_raster(scaled, f"{number}.tif", geotransform=transform(pixel)))
    assert judge(*names).settings.peak == peak


def test_a_scale_of_one_is_none(arrays, make_raster, tmp_path):
    names = [
        make_raster((array / 40).astype(np.uint8), f"{number}.tif", geotransform=transform(pixel))
        for number, (array, pixel) in enumerate(zip(arrays[:2], (FINE * RATIO, FINE)))
    ]
    # A GeoTIFF does not keep a scale of 1, other formats do.
    dataset = gdal.Translate(str(tmp_path / "in.vrt"), names[0], format="VRT")
    for number in (1, 2, 3):
        dataset.GetRasterBand(number).SetScale(1.0)
    dataset = None
    assert judge(str(tmp_path / "in.vrt"), names[1]).settings.peak == 255.0


def test_land_cover(arrays, make_raster):
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 2, (10, 12)).repeat(16, 0).repeat(16, 1)
    truth = (np.array([[800, 2600], [900, 1500], [3500, 1800]])[:, classes] + rng.normal(0, 60, (3, *SIZE))).astype(
        np.float32
    )
    coarse = reduce_image(truth.astype(float), RATIO, PointSpread()).astype(np.float32)
    names = [
        make_raster(coarse, "in.tif", geotransform=transform(FINE * RATIO)),
        make_raster(truth, "out.tif", geotransform=transform(FINE)),
        make_raster(truth, "t.tif", geotransform=transform(FINE)),
    ]
    polygons = []
    for row, column in np.ndindex(10, 12):
        wkt = rectangle(column * 16 + 1, row * 16 + 1, 14, 14)
        label = "field" if classes[row * 16, column * 16] else "forest"
        polygons.append(TrainingPolygon(bytes(ogr.CreateGeometryFromWkt(wkt).ExportToWkb()), label))
    told = judge(*names, polygons=tuple(polygons)).land_cover
    assert list(told) == ["bicubic", "result", "truth", "input"]
    assert told["truth"].accuracy > 0.99 and told["truth"].agreement == 1.0
    assert told["result"].areas == told["truth"].areas
    assert told["truth"].areas["field"] == pytest.approx(classes.mean() * SIZE[0] * SIZE[1] * FINE**2, rel=0.01)
    assert told["bicubic"].agreement < 1
    assert sum(told["bicubic"].areas.values()) == pytest.approx(SIZE[0] * SIZE[1] * FINE**2)


def test_no_polygon_both_trains_and_tests():
    polygons = [TrainingPolygon(b"", label) for label in "abaabb"]
    assert training_roles(polygons) == [True, True, False, True, False, True]


def test_one_class_is_told(paths):
    pytest.importorskip("sklearn")
    wkb = bytes(ogr.CreateGeometryFromWkt(rectangle(0, 0, 50, 50)).ExportToWkb())
    other = bytes(ogr.CreateGeometryFromWkt(rectangle(60, 0, 50, 50)).ExportToWkb())
    with pytest.raises(EmptyExtent, match="fewer than two classes"):
        judge(*paths, polygons=(TrainingPolygon(wkb, "a"), TrainingPolygon(other, "a")))
    away = bytes(ogr.CreateGeometryFromWkt(rectangle(5000, 0, 50, 50)).ExportToWkb())
    feedback = Recorder()
    with pytest.raises(EmptyExtent, match="do not overlap"):
        judge(*paths, feedback=feedback, polygons=(TrainingPolygon(away, "a"),))
    # Before the tiles are gone through.
    assert not feedback.steps


def test_what_the_sample_misses_is_evaluated(paths, arrays, make_raster, monkeypatch):
    monkeypatch.setattr(edge_planes, "_SAMPLE_SIDE", 64)
    # Sampled windows begin at column 20 and row 16.
    corners = [rectangle(0, 0, 16, 12), rectangle(176, 148, 16, 12)]
    wkb = [bytes(ogr.CreateGeometryFromWkt(corner).ExportToWkb()) for corner in corners]
    one = judge(*paths, mask=wkb[:1])
    assert one.figures["result"].pixels == 16 * 12 and (one.grid.width, one.grid.height) == (16, 12)
    assert judge(*paths, mask=tuple(wkb)).figures["result"].pixels == 2 * 16 * 12
    coarse, _, truth = (array.astype(np.float32) for array in arrays)
    truth[:, :, 16:] = -1
    gappy = make_raster(truth, "g.tif", geotransform=transform(FINE), descriptions=NAMES, nodata=-1)
    assert judge(*paths[:2], gappy).figures["result"].pixels == 16 * 160
    coarse[:, :, 4:] = -1
    place = transform(FINE * RATIO)
    strip = make_raster(coarse, "strip.tif", geotransform=place, descriptions=NAMES, nodata=-1)
    assert judge(strip, *paths[1:]).edges["result"].f1_input > 0.1
    away = bytes(ogr.CreateGeometryFromWkt(rectangle(5000, 0, 50, 50)).ExportToWkb())
    with pytest.raises(EmptyExtent, match="mask holds no pixel"):
        judge(*paths, mask=(away,))


def test_an_extent_is_no_rim_to_bicubic(paths, arrays, make_raster):
    enlarged = enlarge_cubic(arrays[0].astype(np.float32).astype(float), RATIO).astype(np.float32)
    same = make_raster(enlarged, "cubic.tif", geotransform=transform(FINE), descriptions=NAMES)
    extent = (LEFT + 24 * FINE, TOP - 136 * FINE, LEFT + 120 * FINE, TOP - 40 * FINE)
    told = judge(paths[0], same, paths[2], extent=extent, cell=32).figures
    assert told["result"].pixels == 96 * 96
    for key in ("psnr", "ssim", "sam", "ergas", "scc"):
        assert told["result"].overall[key] == pytest.approx(told["bicubic"].overall[key], rel=1e-5), key


def test_files(paths, tmp_path):
    pytest.importorskip("matplotlib")
    files = {name: str(tmp_path / f"{name}.x") for name in ("table", "summary", "report", "figure")}
    told = judge(*paths, cell=64, titles=("In", "<b>Out</b>", "Truth"), **files)
    with open(files["table"], encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(told.tiles) == 2 * 9
    squares = sum(float(r["rmse"]) ** 2 * int(r["pixels"]) for r in rows if r["candidate"] == "result")
    total = sum(int(r["pixels"]) for r in rows if r["candidate"] == "result")
    assert math.sqrt(squares / total) == pytest.approx(told.figures["result"].overall["rmse"])
    assert float(rows[0]["xmin"]) == LEFT and float(rows[0]["ymax"]) == TOP
    with open(files["summary"], encoding="utf-8") as file:
        record = json.load(file)
    assert record["figures"]["result"]["overall"]["psnr"] == told.figures["result"].overall["psnr"]
    assert record["reference"] == "truth" and record["range"] == 10000.0
    with open(files["report"], encoding="utf-8") as file:
        page = file.read()
    assert "<b>Out</b>" not in page and "&lt;b&gt;Out" in page
    assert page.count("<svg") == 3 and page.count("<h3>") == 3
    assert "Range</th><td>10000" in page and "doi:10.1109/TIP.2003.819861" in page
    with open(files["figure"], "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_histograms_count_every_pixel(paths):
    told = judge(*paths)
    assert set(told.histograms) == {"bicubic", "result", "truth"}
    assert (told.histograms["truth"].sum(axis=1) == SIZE[0] * SIZE[1]).all()


def test_an_extent_limits_what_is_judged(paths, tmp_path):
    table = tmp_path / "t.csv"
    told = judge(*paths, extent=(LEFT + 41, TOP - 201, LEFT + 159, TOP - 39), table=str(table))
    # Tiles are told by their place in the whole result.
    first = next(csv.DictReader(table.read_text("utf-8").splitlines()))
    assert (first["column"], first["row"]) == ("16", "16")
    # Whole pixels of the input: from column 4 and row 4 up to column 16 and row 20.
    assert told.grid.geotransform == pytest.approx(transform(FINE, 16, 16))
    assert (told.grid.width, told.grid.height) == (48, 64)
    assert told.figures["result"].pixels == 48 * 64


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"results": ()}, ParameterError, "no result"),
        ({"peak": -1.0}, ParameterError, "range"),
        ({"extent": (0.0, 0.0, 1.0, 1.0)}, EmptyExtent, "extent"),
    ],
)
def test_mistakes_are_told(paths, change, error, words):
    values = {"results": (paths[1],), **change}
    with pytest.raises(error, match=words):
        judge(paths[0], values.pop("results"), paths[2], **values)


def test_files_appear_together_or_not_at_all(paths, tmp_path):
    blocked = tmp_path / "summary.json"
    (tmp_path / "summary.json.part").mkdir()
    with pytest.raises(OutputError, match="summary.json' cannot be written"):
        judge(*paths, table=str(tmp_path / "table.csv"), summary=str(blocked))
    assert not [name for name in os.listdir(tmp_path) if name.startswith("table")]


def test_sources_are_never_overwritten(paths):
    before = os.path.getsize(paths[1])
    with pytest.raises(OutputError, match="source"):
        judge(*paths, summary=paths[1])
    assert os.path.getsize(paths[1]) == before


def test_grids_that_are_not_nested_need_a_truth(arrays, make_raster, paths):
    coarse, _, _ = arrays
    off = make_raster(coarse.astype(np.float32), "off.tif", geotransform=transform(FINE * RATIO, 0.3, 0.2))
    with pytest.raises(ParameterError, match="nested"):
        judge(off, paths[1], bands=(1, 2, 3))
    told = judge(off, paths[1], paths[2], bands=(1, 2, 3))
    assert told.settings.ratio == 0 and math.isnan(told.figures["result"].overall["reflectance"])
    nested = judge(paths[0], paths[1], paths[2], bands=(1, 2, 3))
    assert told.figures["result"].overall["ergas"] == pytest.approx(nested.figures["result"].overall["ergas"], rel=0.05)
    assert told.figures["result"].overall["psnr"] > told.figures["bicubic"].overall["psnr"]


def test_cancel(paths, tmp_path):
    feedback = Recorder()
    feedback.cancelled = lambda: True
    with pytest.raises(Cancelled):
        judge(*paths, feedback=feedback, summary=str(tmp_path / "s.json"))
    assert not os.path.exists(tmp_path / "s.json")
