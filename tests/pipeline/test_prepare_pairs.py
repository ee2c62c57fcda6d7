"""Datasets from small rasters and pictures, whole runs in this process."""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("osgeo")

from sr_plugin.core.card import PointSpread  # noqa: E402
from sr_plugin.core.dataset import Dataset  # noqa: E402
from sr_plugin.core.errors import (  # noqa: E402
    BandError,
    Cancelled,
    EmptyExtent,
    OutputError,
    ParameterError,
    SourceNotFound,
)
from sr_plugin.core.point_spread import reduce_image  # noqa: E402
from sr_plugin.pipeline.pairs.prepare_pairs import prepare_pairs  # noqa: E402
from sr_plugin.pipeline.pairs.request import FOLDERS, FUSION, SCALES, SENSORS, SIDE_BY_SIDE, PairRequest  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.conftest import write_raster  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402

#: 10 m pixels; a coarse grid with the same corner follows from the scale.
CORNER = (500000.0, 10.0, 0.0, 4100000.0, 0.0, -10.0)
BOX = PointSpread("box")


def terrain(height, width, bands=2, seed=0):
    """Fields of different brightness with texture: every patch differs from every other."""
    rng = np.random.default_rng(seed)
    rows, columns = -(-height // 6), -(-width // 6)
    fields = rng.integers(500, 3000, (bands, rows, columns)).repeat(6, 1).repeat(6, 2)[:, :height, :width]
    return (fields + rng.integers(0, 200, (bands, height, width))).astype(np.uint16)


@pytest.fixture
def prepare(tmp_path):
    """Run a request in this process; the dataset lies in ``set``."""

    def go(feedback=None, **options):
        request = PairRequest(**{"output": str(tmp_path / "set"), "scale": 2, "patch": 8, **options})
        return prepare_pairs(request, feedback, LocalSession)

    return go


def coarse(corner, scale, dx=0.0, dy=0.0):
    x0, a, b, y0, d, e = corner
    return (x0 + dx, a * scale, b, y0 + dy, d, e * scale)


def ground(record, dataset, scale=2):
    """Rectangle of a patch in fine pixels of the one raster."""
    side = dataset.card.target.width
    return record.col * scale, record.row * scale, side, side


def assert_no_leak(dataset, scale=2):
    places = {}
    for record in dataset.records:
        assert places.setdefault(record.place, record.split) == record.split
    rectangles = [(record.split, ground(record, dataset, scale)) for record in dataset.records]
    for index, (split, (x, y, w, h)) in enumerate(rectangles):
        for other, (x2, y2, w2, h2) in rectangles[:index]:
            if split != other:
                assert x >= x2 + w2 or x2 >= x + w or y >= y2 + h2 or y2 >= y + h


def test_degraded_pairs_are_what_the_sensor_sees(prepare, make_raster):
    image = terrain(100, 134)
    result = prepare(high=(make_raster(image, descriptions=("B04", "B08")),), mtf=(0.3, 0.3))
    dataset = result.dataset
    psf = PointSpread("gaussian", 0.3)
    whole = reduce_image(image[:, :100, :134].astype(np.float32), 2, psf)
    assert len(dataset.records) + result.rejected.get("border", 0) == 6 * 8
    for split in ("train", "validation", "test"):
        for low, high, record in dataset.pairs(split):
            rows, columns = slice(record.row, record.row + 8), slice(record.col, record.col + 8)
            assert np.array_equal(low, np.rint(whole[:, rows, columns]).astype(np.uint16))
            fine = image[:, record.row * 2 : record.row * 2 + 16, record.col * 2 : record.col * 2 + 16]
            assert np.array_equal(high, fine) and record.mtf == 0.3
    assert_no_leak(dataset)
    assert all(dataset.card.counts.values()) and dataset.verify() == []
    card = dataset.card
    assert [band.common_name for band in card.low.bands] == ["red", "nir"] and card.low.gsd_m == 20.0
    assert (card.target.gsd_m, card.target.gain, card.quantity) == (10.0, 1e-4, "reflectance")
    assert card.point_spread == {"kind": "gaussian", "mtf_nyquist": [0.3, 0.3]}


@pytest.mark.parametrize("scale", [s for s in SCALES if s > 1])
def test_every_scale(prepare, make_raster, scale):
    result = prepare(high=(make_raster(terrain(8 * scale * 3, 8 * scale * 4 + 1, 1)),), scale=scale, point_spread="box")
    low, high, record = next(result.dataset.pairs("train"))
    assert low.shape == (1, 8, 8) and high.shape == (1, 8 * scale, 8 * scale)
    assert np.abs(low - reduce_image(high.astype(float), scale, BOX)).max() <= 0.51
    assert np.isnan(record.mtf) and result.dataset.card.point_spread == {"kind": "box"}


def test_the_same_seed_gives_the_same_dataset(prepare, make_raster, tmp_path):
    source = make_raster(terrain(100, 100))
    options = {"high": (source,), "mtf": (0.2, 0.5), "noise": 5.0, "max_patches": 20}
    checksums = [
        prepare(**options, seed=seed, output=str(tmp_path / f"set{n}")).dataset.card.checksum
        for n, seed in enumerate((3, 3, 4))
    ]
    assert checksums[0] == checksums[1] != checksums[2]


def test_noise_has_the_size_that_was_asked_for(prepare, make_raster):
    source = make_raster(np.tile(np.arange(2000, 2160, dtype=np.float32), (160, 1)))
    low = np.concatenate(
        [low for low, _, _ in prepare(high=(source,), noise=4.0, point_spread="box").dataset.pairs("train")]
    )
    rest = low - low.mean(axis=1, keepdims=True)
    assert rest.std() == pytest.approx(4.0, rel=0.1)


def test_rasters_that_overlap_and_another_crs_share_places(prepare, make_raster, tmp_path):
    from osgeo import gdal

    image = terrain(150, 150, 1)
    first = make_raster(image, "a.tif")
    shifted = make_raster(image[:, 5:, 7:], "b.tif", geotransform=(500070.0, 10.0, 0.0, 4099950.0, 0.0, -10.0))
    # The same ground in the neighbouring zone.
    other = str(tmp_path / "c.tif")
    gdal.Warp(other, first, dstSRS="EPSG:32617", xRes=10, yRes=10, resampleAlg="cubic", dstNodata=0)
    dataset = prepare(high=(first, shifted, other), max_gaps=0.0).dataset
    assert Counter(record.source for record in dataset.records).keys() == {"a.tif", "b.tif", "c.tif"}
    from sr_plugin.core.grid import Window
    from sr_plugin.raster.ground_position import GroundPosition
    from sr_plugin.raster.source import RasterSource

    positions = {name: GroundPosition(RasterSource(str(tmp_path / name)).grid) for name in ("a.tif", "b.tif", "c.tif")}
    boxes = []
    for record in dataset.records:
        x, y, w, h = ground(record, dataset)
        window = Window(x, y, w, h).expanded(-1)
        corners = [(c, r) for c in (window.col, window.right) for r in (window.row, window.bottom)]
        points = positions[record.source].degrees(corners)
        east, north = [p[0] for p in points], [p[1] for p in points]
        boxes.append((record.split, min(east), max(east), min(north), max(north)))
    for index, (split, west, east, south, north) in enumerate(boxes):
        for other_split, west2, east2, south2, north2 in boxes[:index]:
            if split != other_split:
                # Boxes around turned patches are a little larger than these.
                slack = 3e-5
                assert (
                    east <= west2 + slack or east2 <= west + slack or north <= south2 + slack or north2 <= south + slack
                )


def test_overlapping_steps_do_not_leak(prepare, make_raster):
    dataset = prepare(high=(make_raster(terrain(128, 128, 1)),), step=4).dataset
    assert len(dataset.records) > 64
    assert_no_leak(dataset)


def test_gaps_are_left_out_or_masked(prepare, make_raster, tmp_path):
    image = terrain(64, 96, 1)
    image[:, :3, 20] = 0
    image[:, 40:, 70:] = 0
    source = make_raster(image, nodata=0)
    strict = prepare(high=(source,), max_gaps=0.0, validation=0, test=0)
    # One patch with three pixels, and those that the corner touches.
    assert strict.rejected["no data"] == 1 + 4 and not os.path.exists(tmp_path / "set" / "high_valid")
    lenient = prepare(high=(source,), max_gaps=0.05, validation=0, test=0, output=str(tmp_path / "lenient")).dataset
    masked = [r for r in lenient.records if r.gaps > 0]
    assert [(r.col, r.row) for r in masked] == [(8, 0)] and masked[0].gaps == pytest.approx(3 / 256, abs=1e-4)
    valid = lenient.valid(masked[0], lenient.card.target)
    assert valid.sum() == 253 and lenient.valid(masked[0], lenient.card.low).sum() == 62
    assert lenient.array(masked[0], lenient.card.target).min() > 0


@pytest.mark.parametrize("scale", [1, 2])
def test_what_the_low_resolution_does_not_show_is_a_gap_of_the_target(prepare, make_raster, scale):
    """A map, for one, covers more ground than the image that it is to be drawn from."""
    image, drawn = terrain(16, 32, 1, 1), terrain(16 * scale, 32 * scale, 1, 2)
    image[:, 3:6, 20:24] = 0
    low = make_raster(image, "image.tif", geotransform=coarse(CORNER, scale), nodata=0)
    high = make_raster(drawn, "map.tif")
    pair = {"layout": SENSORS, "low": (low,), "high": (high,), "max_days": None, "register": False}
    found = prepare(**pair, scale=scale, match_histogram=False, max_gaps=0.5, validation=0, test=0).dataset
    (masked,) = [record for record in found.records if record.gaps > 0]
    assert masked.gaps == pytest.approx(12 / 64, abs=1e-4)
    seen, given = (found.valid(masked, spec) for spec in (found.card.target, found.card.low))
    np.testing.assert_array_equal(seen, np.kron(given, np.ones((scale, scale))))


def test_clouds_by_mask_and_by_brightness(prepare, make_raster, tmp_path):
    image = terrain(64, 64)
    classes = np.full((64, 64), 4, np.uint8)
    classes[20:30, 20:30] = 9
    source, mask = make_raster(image), make_raster(classes, "scl.tif")
    found = prepare(high=(source,), high_masks=(mask,), validation=0, test=0)
    assert found.rejected == {"cloud": 1}
    image[:, 50:56, 4:9] = 9000
    bright = make_raster(image, "bright.tif")
    found = prepare(high=(bright,), bright=8000.0, validation=0, test=0, output=str(tmp_path / "bright"))
    assert found.rejected == {"cloud": 1}
    (rejected,) = csv.DictReader((tmp_path / "bright" / "rejected.csv").read_text().splitlines())
    assert (rejected["col"], rejected["row"]) == ("0", "24")


def test_duplicates_go_once(prepare, tmp_path):
    image = terrain(64, 64, 1)
    names = [str(tmp_path / f"{name}.tif") for name in "ab"]
    write_raster(names[0], image)
    # The same picture far away, as a dataset that was merged twice has it.
    write_raster(names[1], image, (700000.0, 10.0, 0.0, 4300000.0, 0.0, -10.0))
    result = prepare(high=tuple(names), validation=0, test=0)
    assert result.rejected == {"duplicate": 16} and len(result.dataset.records) == 16
    both = prepare(high=tuple(names), validation=0, test=0, duplicates_out=False, output=str(tmp_path / "both"))
    assert len(both.dataset.records) == 32


def test_flat_patches_teach_nothing(prepare, make_raster):
    image = terrain(48, 48, 1)
    image[:, :16, :16] = 1234
    assert prepare(high=(make_raster(image),), validation=0, test=0).rejected == {"flat": 1}


def test_strata_are_balanced(prepare, make_raster, tmp_path):
    classes = np.full((128, 128), 1, np.uint8)
    classes[:, 96:] = 2
    classes[:16] = 3
    options = {"high": (make_raster(terrain(128, 128, 1)),), "classes": make_raster(classes, "lc.tif")}
    balanced = prepare(**options, validation=0, test=0, max_patches=20).dataset
    counts = Counter(record.stratum for record in balanced.records)
    assert len(balanced.records) == 20 and set(counts) == {"1", "2", "3"} and max(counts.values()) <= 7
    median = prepare(**options, validation=0, test=0, output=str(tmp_path / "median"))
    # 42, 14 and 8 patches there are.
    assert Counter(r.stratum for r in median.dataset.records) == {"1": 14, "2": 14, "3": 8}
    assert median.rejected["surplus"] == 28


def test_several_views_of_a_place(prepare, make_raster):
    image = terrain(144, 144, 1).astype(np.float32)
    dataset = prepare(high=(make_raster(image),), scale=4, views=3, point_spread="box", noise=1.0).dataset
    assert dataset.card.kind == "multi-image" and dataset.card.views == 3
    low, high, _ = next(dataset.pairs("train"))
    assert low.shape == (3, 1, 8, 8)
    # The first view is that of the grid itself, the others are displaced.
    there = reduce_image(np.array(high), 4, BOX)
    assert np.abs(low[0] - there).std() < 1.5
    assert len({view.tobytes() for view in low}) == 3


def test_bands_of_two_pixel_sizes(prepare, make_raster, tmp_path):
    fine, coarse_bands = terrain(150, 170, 1, 1), terrain(72, 80, 2, 2)
    # The coarse grid begins 30 m right of and 20 m below the fine one.
    coarse_path = make_raster(coarse_bands, "c.tif", geotransform=(500030.0, 20.0, 0.0, 4099980.0, 0.0, -20.0))
    found = prepare(
        layout=FUSION, high=(make_raster(fine, "f.tif"),), low=(coarse_path,), point_spread="box", validation=0, test=0
    ).dataset
    assert found.card.kind == "band-fusion" and [spec.name for spec in found.card.inputs] == ["low_10m", "low_20m"]
    assert [spec.gsd_m for spec in found.card.arrays] == [20.0, 40.0, 20.0] and len(found.records) == 4 * 5
    for record in found.records:
        arrays = found.arrays(record)
        row, col = 2 * record.row, 2 * record.col
        target = coarse_bands[:, row : row + 16, col : col + 16]
        guide = fine[:, 2 + 2 * row : 2 + 2 * row + 32, 3 + 2 * col : 3 + 2 * col + 32]
        assert np.array_equal(arrays["high"], target)
        assert np.abs(arrays["low_20m"] - reduce_image(target.astype(float), 2, BOX)).max() <= 0.51
        assert np.abs(arrays["low_10m"] - reduce_image(guide.astype(float), 2, BOX)).max() <= 0.51


def test_guiding_bands_that_end_earlier_bound_the_patches(prepare, make_raster):
    fine, coarse_bands = terrain(64, 150, 1, 1), terrain(72, 72, 1, 2)
    fine[:, :10, :10] = 0
    names = make_raster(fine, "f.tif", nodata=0), make_raster(coarse_bands, "c.tif", geotransform=coarse(CORNER, 2))
    result = prepare(layout=FUSION, high=names[:1], low=names[1:], validation=0, test=0, max_gaps=0.0)
    assert max(record.row for record in result.dataset.records) == 8 and result.rejected == {"no data": 1}


def sensors(tmp_path, scale=3, moved=(0, 0), gain=2.0, offset=100.0, dates=("20200610", "20200613"), seed=0):
    """A fine raster, and what a coarser sensor sees of it: displaced by fine pixels, with other values."""
    image = terrain(40 * scale + 12, 60 * scale + 12, 2, seed)
    dx, dy = moved
    seen = image[:, 6 - dy : 6 - dy + 40 * scale, 6 - dx : 6 - dx + 60 * scale].astype(np.float32)
    low = reduce_image(seen, scale, PointSpread("gaussian", 0.35)) * gain + offset
    high_path, low_path = tmp_path / f"high_{dates[0]}.tif", tmp_path / f"low_{dates[1]}.tif"
    write_raster(high_path, image[:, 6:-6, 6:-6], CORNER)
    write_raster(low_path, np.rint(low).astype(np.uint16), coarse(CORNER, scale))
    return str(high_path), str(low_path)


def test_two_sensors_are_brought_into_line(prepare, tmp_path):
    pytest.importorskip("skimage")
    high, low = sensors(tmp_path, moved=(2, -1))
    recorder = Recorder()
    result = prepare(
        recorder, layout=SENSORS, scale=3, patch=16, step=8, high=(high,), low=(low,), validation=0, test=0
    )
    dataset = result.dataset
    assert any("displaced by 2, -1 pixels" in message for message in recorder.messages)
    assert len(dataset.records) >= 10 and not result.rejected.get("misaligned")
    for record in dataset.records:
        assert np.hypot(record.shift_x, record.shift_y) < 0.2 and record.score > 0.9
        assert (record.date, record.reference_date) == ("2020-06-13", "2020-06-10")
    for split_low, split_high, _ in dataset.pairs("train"):
        # Histogram matching undoes gain and offset of the other sensor.
        reduced = reduce_image(split_high.astype(np.float64), 3, PointSpread("gaussian", 0.35))
        assert np.abs(reduced - split_low)[:, 3:-3, 3:-3].mean() < 0.05 * np.ptp(split_low)


def test_without_co_registration_the_displacement_stays(prepare, tmp_path):
    high, low = sensors(tmp_path, moved=(2, -1), gain=1.0, offset=0.0)
    found = prepare(layout=SENSORS, scale=3, high=(high,), low=(low,), register=False, match_histogram=False).dataset
    assert all(np.isnan(record.score) for record in found.records)
    low_pixels, high_pixels, _ = next(found.pairs("train"))
    assert np.abs(reduce_image(high_pixels.astype(float), 3, BOX) - low_pixels).mean() > 100


def test_patches_that_moved_on_their_own_are_rejected(prepare, tmp_path):
    pytest.importorskip("skimage")
    high, low = sensors(tmp_path)
    from osgeo import gdal

    dataset = gdal.Open(low, gdal.GA_Update)
    pixels = dataset.ReadAsArray()
    moved = pixels.copy()
    # One patch is displaced by two pixels, another one shows something else.
    moved[:, :16, :16] = np.roll(pixels, 2, axis=2)[:, :16, :16]
    moved[:, 16:32, 32:48] = np.random.default_rng(1).integers(1000, 6000, (2, 16, 16))
    dataset.WriteArray(moved)
    del dataset
    result = prepare(
        layout=SENSORS, scale=3, patch=16, high=(high,), low=(low,), validation=0, test=0, min_score=0.3, max_shift=0.5
    )
    rows = list(csv.DictReader((tmp_path / "set" / "rejected.csv").read_text().splitlines()))
    assert {(row["reason"], row["col"], row["row"]) for row in rows} == {
        ("misaligned", "0", "0"),
        ("unlike", "32", "16"),
    }
    assert len(result.dataset.records) == 2 * 3 - 2
    shift = next(row["detail"] for row in rows if row["reason"] == "misaligned").split()
    assert float(shift[0]) == pytest.approx(2, abs=0.4) and abs(float(shift[1])) < 0.4


def test_images_too_far_apart_in_time_are_no_pair(prepare, tmp_path):
    high, low = sensors(tmp_path, dates=("20200610", "20200713"))
    with pytest.raises(EmptyExtent, match="33 days apart"):
        prepare(layout=SENSORS, scale=3, high=(high,), low=(low,), register=False)
    assert prepare(layout=SENSORS, scale=3, high=(high,), low=(low,), register=False, max_days=40).dataset.records
    undated = str(tmp_path / "low.tif")
    os.rename(low, undated)
    with pytest.raises(EmptyExtent, match="date of low.tif is unknown"):
        prepare(layout=SENSORS, scale=3, high=(high,), low=(undated,), register=False, output=str(tmp_path / "other"))


def test_grids_that_do_not_nest_are_resampled(prepare, tmp_path):
    rows, columns = np.mgrid[0:130, 0:130]
    fine = (1000 + 10 * columns + 4 * rows).astype(np.float32)
    write_raster(tmp_path / "high.tif", fine, CORNER)
    # Coarse pixels of 23 m that begin 7 m to the right.
    rows, columns = np.mgrid[0:40, 0:40]
    x, y = 7 + 23 * (columns + 0.5), 23 * (rows + 0.5)
    low = (1000 + 10 * (x / 10 - 0.5) + 4 * (y / 10 - 0.5)).astype(np.float32)
    write_raster(tmp_path / "low.tif", low, (500007.0, 23.0, 0.0, 4100000.0, 0.0, -23.0))
    found = prepare(
        layout=SENSORS,
        high=(str(tmp_path / "high.tif"),),
        low=(str(tmp_path / "low.tif"),),
        max_days=None,
        register=False,
        match_histogram=False,
        duplicates_out=False,
    ).dataset
    for low_pixels, high_pixels, _ in found.pairs("train"):
        assert reduce_image(np.array(high_pixels), 2, BOX) == pytest.approx(np.array(low_pixels), abs=1.0)


def test_rasters_apart(prepare, tmp_path):
    write_raster(tmp_path / "a.tif", terrain(64, 64, 1), CORNER)
    write_raster(tmp_path / "b.tif", terrain(32, 32, 1), (900003.0, 20.0, 0.0, 4100000.0, 0.0, -20.0))
    with pytest.raises(EmptyExtent, match="do not overlap"):
        prepare(
            layout=SENSORS,
            high=(str(tmp_path / "a.tif"),),
            low=(str(tmp_path / "b.tif"),),
            max_days=None,
            register=False,
        )


def picture(path, pixels):
    """A PNG without georeference, ``(3, h, w)`` uint8."""
    from osgeo import gdal

    path.parent.mkdir(parents=True, exist_ok=True)
    memory = gdal.GetDriverByName("MEM").Create("", pixels.shape[2], pixels.shape[1], pixels.shape[0], gdal.GDT_Byte)
    memory.WriteArray(pixels)
    gdal.GetDriverByName("PNG").CreateCopy(str(path), memory)


def test_pictures_side_by_side(prepare, tmp_path):
    rng = np.random.default_rng(0)
    pictures = {}
    for number in range(8):
        pixels = rng.integers(0, 255, (3, 16, 32)).astype(np.uint8)
        pictures[f"{number}.png"] = pixels
        picture(tmp_path / "ab" / f"{number}.png", pixels)
    picture(tmp_path / "ab" / "odd.png", rng.integers(0, 255, (3, 16, 33)).astype(np.uint8))
    picture(tmp_path / "ab" / "square.png", rng.integers(0, 255, (3, 16, 16)).astype(np.uint8))
    result = prepare(layout=SIDE_BY_SIDE, scale=1, patch=16, folder=str(tmp_path / "ab"))
    dataset = result.dataset
    assert dataset.card.kind == "translation" and result.rejected == {"size": 1}
    assert len({record.place for record in dataset.records}) == 9 and all(dataset.card.counts.values())
    for record in dataset.records:
        if record.source in pictures:
            pixels = pictures[record.source]
            assert np.array_equal(dataset.array(record, dataset.card.low), pixels[..., :16])
            assert np.array_equal(dataset.array(record, dataset.card.target), pixels[..., 16:])
    assert dataset.card.split["rule"].startswith("Each picture is a place")


def test_a_set_in_the_manner_of_div2k(prepare, tmp_path):
    rng = np.random.default_rng(1)

    def add(split, name, low_size, high_size):
        coarse_pixels = rng.integers(0, 255, (3, *low_size)).astype(np.uint8)
        fine = np.zeros((3, *high_size), np.uint8)
        repeated = coarse_pixels.repeat(3, 1).repeat(3, 2)[:, : high_size[0], : high_size[1]]
        fine[:, : repeated.shape[1], : repeated.shape[2]] = repeated
        picture(tmp_path / "DIV" / f"DIV_{split}_HR" / f"{name}.png", fine)
        picture(tmp_path / "DIV" / f"DIV_{split}_LR_bicubic" / "X3" / f"{name}x3.png", coarse_pixels)

    add("train", "0001", (17, 18), (51, 54))
    # Two pixels more, as rounding leaves them; and sizes that do not belong together.
    add("train", "0002", (17, 18), (53, 56))
    add("train", "0003", (17, 18), (60, 54))
    add("valid", "0801", (9, 9), (27, 27))
    result = prepare(layout=FOLDERS, scale=3, folder=str(tmp_path / "DIV"))
    counts = Counter((record.split, record.reference) for record in result.dataset.records)
    assert counts == {("train", "0001.png"): 4, ("train", "0002.png"): 4, ("validation", "0801.png"): 1}
    assert result.rejected == {"size": 1}
    for low, high, _ in result.dataset.pairs("train"):
        assert np.array_equal(high[:, 1::3, 1::3], low)


def test_the_same_picture_in_training_and_test_is_used_once(prepare, tmp_path):
    pixels = np.random.default_rng(2).integers(0, 255, (3, 32, 32)).astype(np.uint8)
    for place in ("train/a.png", "test/renamed.png"):
        picture(tmp_path / "pictures" / place, pixels)
    found = prepare(folder=str(tmp_path / "pictures"), patch=16, validation=0)
    assert len(found.dataset.records) == 1 and found.rejected == {"duplicate": 1}


def test_damaged_pictures_are_left_out_with_a_word(prepare, tmp_path):
    rng = np.random.default_rng(3)
    for number in range(3):
        picture(tmp_path / "pictures" / f"{number}.png", rng.integers(0, 255, (3, 32, 32)).astype(np.uint8))
    (tmp_path / "pictures" / "bad.png").write_bytes(b"no picture")
    recorder = Recorder()
    found = prepare(recorder, folder=str(tmp_path / "pictures"))
    assert found.rejected["unreadable"] == 1 and any("bad.png" in warning for warning in recorder.warnings)


def test_pictures_with_other_bands_are_left_out(prepare, tmp_path):
    rng = np.random.default_rng(4)
    for number, bands in enumerate((3, 3, 1)):
        picture(tmp_path / "pictures" / f"{number}.png", rng.integers(0, 255, (bands, 32, 32)).astype(np.uint8))
    found = prepare(folder=str(tmp_path / "pictures"))
    assert found.rejected["unreadable"] == 1
    assert {record.source for record in found.dataset.records} <= {"0.png", "1.png"}


def test_previews_and_contact_sheet(prepare, make_raster, tmp_path):
    from osgeo import gdal

    result = prepare(high=(make_raster(terrain(64, 64, 3), "a<b>.tif"),))
    page = open(result.contact_sheet, encoding="utf-8").read()
    for record in result.dataset.records:
        preview = gdal.Open(result.dataset.preview_path(record))
        assert (preview.RasterXSize, preview.RasterYSize) == (324, 160)
        assert f'src="previews/{record.id}.png"' in page
    assert "a&lt;b&gt;.tif" in page and "a<b>" not in page and "exclude.csv" in page


def test_a_cancel_leaves_nothing(prepare, make_raster, tmp_path):
    source = make_raster(terrain(96, 96, 1))
    for after in (1, 40):
        with pytest.raises(Cancelled):
            prepare(Recorder(cancel_after=after), high=(source,))
    assert sorted(os.listdir(tmp_path)) == ["input.tif"]


def test_an_input_is_never_touched(prepare, make_raster, tmp_path):
    source = make_raster(terrain(64, 64))
    before = (os.stat(source).st_mtime_ns, open(source, "rb").read())
    prepare(high=(source,))
    assert (os.stat(source).st_mtime_ns, open(source, "rb").read()) == before
    assert sorted(os.listdir(tmp_path)) == ["input.tif", "set"]


@pytest.mark.parametrize(
    "changes, error, words",
    [
        ({"high": ()}, ParameterError, "No rasters"),
        ({"scale": 5}, ParameterError, "scale 5"),
        ({"scale": 1}, ParameterError, "above 1"),
        ({"layout": "other"}, ParameterError, "no layout"),
        ({"patch": 4}, ParameterError, "4 pixels"),
        ({"mtf": (0.5, 0.3)}, ParameterError, "modulation"),
        ({"validation": 0.6, "test": 0.4}, ParameterError, "leave something"),
        ({"views": 2, "layout": SENSORS, "low": ("x",)}, ParameterError, "views"),
        ({"place_size_m": 50.0}, ParameterError, "smaller than a patch"),
        ({"high": ("gone.tif",)}, SourceNotFound, "does not exist"),
        ({"high_bands": (7,)}, BandError, "no band 7"),
        ({"patch": 512}, EmptyExtent, "pixels of the low resolution"),
        ({"bright": 0.0}, EmptyExtent, "cloud"),
    ],
)
def test_mistakes_are_told(prepare, make_raster, tmp_path, changes, error, words):
    with pytest.raises(error, match=words):
        prepare(**{"high": (make_raster(terrain(64, 64)),), **changes})
    assert not os.path.exists(tmp_path / "set")


def test_a_folder_in_use_is_refused(prepare, make_raster, tmp_path):
    source = make_raster(terrain(64, 64))
    prepare(high=(source,))
    before = Dataset.open(str(tmp_path / "set")).card
    with pytest.raises(OutputError, match="holds something"):
        prepare(high=(source,), seed=9)
    assert replace(Dataset.open(str(tmp_path / "set")).card) == before


def test_a_place_too_small_to_split_is_said(prepare, make_raster):
    recorder = Recorder()
    found = prepare(recorder, high=(make_raster(terrain(24, 24)),))
    assert found.dataset.card.counts["train"] == 1
    assert any("no patches for validation and test" in warning for warning in recorder.warnings)


@pytest.mark.slow
def test_a_real_scene(shared_dir, tmp_path):
    folder = shared_dir / "data" / "s2-l1c-18SVG-20160112"
    result = prepare_pairs(
        PairRequest(str(tmp_path / "set"), high=(str(folder / "s2_B08.jp2"),), patch=64, mtf=(0.25, 0.55))
    )
    assert sum(result.dataset.card.counts.values()) > 20 and all(result.dataset.card.counts.values())
    assert_no_leak(result.dataset, 4)
