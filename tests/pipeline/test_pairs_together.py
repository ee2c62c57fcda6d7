"""Several rasters in one dataset: what belongs together, what their numbers mean, and whose ground they show."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("osgeo")

from sr_plugin.core.card import PointSpread  # noqa: E402
from sr_plugin.core.errors import BandError, EmptyExtent, ParameterError, UnsupportedRaster  # noqa: E402
from sr_plugin.core.point_spread import reduce_image  # noqa: E402
from sr_plugin.pipeline.pairs.layouts import find_scenes  # noqa: E402
from sr_plugin.pipeline.pairs.prepare_pairs import prepare_pairs  # noqa: E402
from sr_plugin.pipeline.pairs.request import FOLDERS, FUSION, SENSORS, PairRequest  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.conftest import write_raster  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402
from tests.pipeline.test_prepare_pairs import CORNER, coarse, terrain  # noqa: E402

BOX = PointSpread("box")
#: The same size, 100 km to the east.
ELSEWHERE = (CORNER[0] + 1e5, *CORNER[1:])
L2A = "S2A_MSIL2A_20{}0101T080000_N0{}_R1_T36NUG_20230101T1.tif"


@pytest.fixture
def prepare(tmp_path):
    """Run a request in this process; the dataset lies in ``set``."""

    def go(feedback=None, **options):
        defaults = {"output": str(tmp_path / "set"), "scale": 2, "patch": 8, "register": False, "max_days": None}
        return prepare_pairs(PairRequest(**{**defaults, **options}), feedback, LocalSession)

    return go


@pytest.fixture
def write(tmp_path):
    """Write a raster and return its path."""

    def go(name, array, geotransform=CORNER, **options):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_raster(tmp_path / name, array, geotransform, **options)
        return str(tmp_path / name)

    return go


def reduced(image, scale=2):
    return np.rint(reduce_image(image.astype(np.float32), scale, BOX)).astype(np.uint16)


def overlaps(boxes):
    """Pairs of squares ``(split, x, y)`` with sides of 16 that overlap and lie in two splits."""
    return sum(
        a[0] != b[0] and abs(a[1] - b[1]) < 16 and abs(a[2] - b[2]) < 16 for i, a in enumerate(boxes) for b in boxes[:i]
    )


def products(write, dates=("20240101", "20240601")):
    fine = tuple(write(f"fine_{date}.tif", terrain(128, 128, 1, n)) for n, date in enumerate(dates))
    grid = coarse(CORNER, 2)
    sharp = tuple(write(f"coarse_{date}.tif", terrain(64, 64, 1, 9 + n), grid) for n, date in enumerate(dates))
    return {"layout": FUSION, "high": fine, "low": sharp, "point_spread": "box", "validation": 0, "test": 0}


def test_a_product_is_guided_by_itself_alone(prepare, write):
    result = prepare(**products(write))
    found = Counter((r.source, r.reference, r.date, r.reference_date) for r in result.dataset.records)
    assert found == {
        ("coarse_20240101.tif", "fine_20240101.tif", "2024-01-01", "2024-01-01"): 16,
        ("coarse_20240601.tif", "fine_20240601.tif", "2024-06-01", "2024-06-01"): 16,
    }
    assert result.rejected == {}


def test_bands_of_two_dates_are_no_product(prepare, write):
    request = products(write)
    with pytest.raises(ParameterError, match="of 1 products, bands that guide of 2"):
        prepare(**{**request, "low": request["low"][:1]})
    with pytest.raises(EmptyExtent, match="two dates, 2024-06-01 and 2024-01-01"):
        prepare(**{**request, "low": request["low"][::-1]})


def test_one_target_under_two_guides_is_no_duplicate(prepare, write):
    request = products(write)
    low = write("again_20240601.tif", terrain(64, 64, 1, 9), coarse(CORNER, 2))
    result = prepare(**{**request, "low": (request["low"][0], low)})
    assert result.rejected == {} and len(result.dataset.records) == 32


def test_pixels_of_one_file_without_crs_stay_in_one_split(prepare, write):
    image = terrain(160, 160, 1)
    high = write("high.tif", image, None, wkt="")
    noise = np.random.default_rng(1)
    lows = tuple(
        write(f"low{n}.tif", reduced(image) + noise.integers(0, 900, (1, 80, 80)).astype(np.uint16), None, wkt="")
        for n in range(2)
    )
    dataset = prepare(layout=SENSORS, high=(high,), low=lows, match_histogram=False).dataset
    assert {record.source for record in dataset.records} == {"low0.tif", "low1.tif"}
    assert all(dataset.card.counts.values())
    assert overlaps([(r.split, 2 * r.col, 2 * r.row) for r in dataset.records]) == 0


def test_the_place_of_the_high_resolution_serves_where_the_low_one_has_none(prepare, write):
    ground = terrain(64, 400, 1)
    for number in range(10):
        image = ground[:, :, number * 10 : number * 10 + 64]
        write(f"hr/{number}.tif", image, (CORNER[0] + number * 100, *CORNER[1:]))
        write(f"lr/{number}.tif", reduced(image), None, wkt="")
    root = write("x.tif", ground)[: -len("x.tif")]
    dataset = prepare(layout=FOLDERS, folder=root + "hr", low_folder=root + "lr").dataset
    boxes = [(r.split, int(r.reference[0]) * 10 + 2 * r.col, 2 * r.row) for r in dataset.records]
    assert len(boxes) > 20 and len({split for split, _, _ in boxes}) > 1
    assert overlaps(boxes) == 0
    assert {source.crs for source in dataset.card.sources} == {"EPSG:32618"}
    assert [spec.gsd_m for spec in dataset.card.arrays] == pytest.approx([20, 10], abs=0.1)


def test_a_corrected_displacement_does_not_lead_into_another_split(prepare, write):
    pytest.importorskip("skimage")
    image = terrain(400, 400, 1)
    high = write("high.tif", image[:, 40:-40, 40:-40])
    lows = []
    for name, moved in (("low0.tif", 0), ("low1.tif", -12)):
        seen = image[:, 40:-40, 40 - moved : 40 - moved + 320]
        lows.append(write(name, reduced(seen), coarse(CORNER, 2)))
    dataset = prepare(
        layout=SENSORS, high=(high,), low=tuple(lows), patch=16, register=True, match_histogram=False
    ).dataset
    boxes = []
    for record in dataset.records:
        col, row = 2 * record.col + (12 if record.source == "low1.tif" else 0), 2 * record.row
        target = dataset.array(record, dataset.card.target)
        assert np.array_equal(target, image[:, 40 + row : 72 + row, 40 + col : 72 + col])
        boxes.append((record.split, col / 2, row / 2))
    assert {record.source for record in dataset.records} == {"low0.tif", "low1.tif"}
    assert len({split for split, _, _ in boxes}) > 1
    assert overlaps(boxes) == 0


def test_products_of_two_baselines_get_one_meaning(prepare, write):
    older, newer = terrain(64, 64, 1, 1), terrain(64, 64, 1, 2)
    names = (
        write(L2A.format(21, 300), older, descriptions=("B04",)),
        write(L2A.format(23, 509), newer + 1000, ELSEWHERE, descriptions=("B04",)),
    )
    dataset = prepare(high=names, validation=0, test=0, point_spread="box").dataset
    target = dataset.card.target
    assert (target.gain, target.offset, target.pixel_type) == (1e-4, 0.0, "uint16")
    assert len(dataset.records) == 32
    for record in dataset.records:
        image = older if record.source == L2A.format(21, 300) else newer
        part = image[:, 2 * record.row : 2 * record.row + 16, 2 * record.col : 2 * record.col + 16]
        assert np.array_equal(dataset.array(record, target), part)
        assert np.array_equal(dataset.array(record, dataset.card.low), reduced(part))


def test_fractions_join_whole_numbers(prepare, write):
    whole, fraction = terrain(64, 64, 1, 1), (terrain(64, 64, 1, 2) / 1e4).astype(np.float32)
    dataset = prepare(high=(write("a.tif", whole), write("b.tif", fraction, ELSEWHERE)), validation=0, test=0).dataset
    target = dataset.card.target
    assert (target.gain, target.pixel_type) == (1e-4, "float32")
    for record in dataset.records:
        image = whole if record.source == "a.tif" else fraction * 1e4
        part = image[:, 2 * record.row : 2 * record.row + 16, 2 * record.col : 2 * record.col + 16]
        assert dataset.array(record, target) == pytest.approx(part, rel=1e-5)


def test_pictures_of_8_bits_do_not_join_measurements(prepare, write):
    picture = (terrain(64, 64, 1, 2) // 20).astype(np.uint8)
    names = write("a.tif", terrain(64, 64, 1)), write("b.tif", picture, ELSEWHERE)
    with pytest.raises(UnsupportedRaster, match="'b.tif' holds 8-bit values"):
        prepare(high=names)


def test_bands_are_put_into_the_order_of_the_first_raster(prepare, write):
    first, second = terrain(64, 64, 2, 1), terrain(64, 64, 2, 2)
    names = (
        write("a.tif", first, descriptions=("B04", "B08")),
        write("b.tif", second[::-1], ELSEWHERE, descriptions=("B08", "B04")),
    )
    dataset = prepare(high=names, validation=0, test=0).dataset
    assert [band.name for band in dataset.card.target.bands] == ["B04", "B08"]
    for record in dataset.records:
        image = first if record.source == "a.tif" else second
        part = image[:, 2 * record.row : 2 * record.row + 16, 2 * record.col : 2 * record.col + 16]
        assert np.array_equal(dataset.array(record, dataset.card.target), part)


def test_other_bands_are_refused(prepare, write):
    first = write("a.tif", terrain(64, 64, 2), descriptions=("B04", "B08"))
    other = write("b.tif", terrain(64, 64, 2, 2), ELSEWHERE, descriptions=("B04", "B11"))
    with pytest.raises(BandError, match="has the bands B04, B11, the first raster has B04, B08"):
        prepare(high=(first, other))


def test_each_sensor_keeps_its_own_gain(prepare, write):
    image = terrain(96, 96, 1)
    low = write(L2A.format(23, 509), reduced(image) + 1000, coarse(CORNER, 2), descriptions=("B04",))
    high = write("high.tif", (image / 1e4).astype(np.float32), descriptions=("B04",))
    card = prepare(layout=SENSORS, high=(high,), low=(low,), match_histogram=False).dataset.card
    assert (card.low.gain, card.low.offset) == (1e-4, -0.1)
    assert (card.target.gain, card.target.offset, card.target.pixel_type) == (1.0, 0.0, "float32")


def matched(write, clear):
    """Fine values beyond 8 bits, and a coarse 8-bit image with values in a corner alone."""
    high = terrain(400, 400, 1) * 8
    low = np.clip(reduced(high) // 100, 1, 255).astype(np.uint8)
    corner = low[:, :clear, :clear].copy()
    low[:] = 0
    low[:, :clear, :clear] = corner
    names = {"high": (write("high.tif", high),), "low": (write("low.tif", low, coarse(CORNER, 2), nodata=0),)}
    return {"layout": SENSORS, "validation": 0, "test": 0, **names}


def test_histograms_are_matched_by_the_few_patches_that_are_clear(prepare, write):
    # Four of 625 patches: a sample of 64 rarely meets one.
    for seed in range(3):
        dataset = prepare(**matched(write, 16), seed=seed, output=write("x", terrain(2, 2)) + f"set{seed}").dataset
        assert len(dataset.records) == 4 and dataset.card.target.pixel_type == "uint8"
        for low, high, _ in dataset.pairs("train"):
            assert high.mean() == pytest.approx(low.mean(), rel=0.1)


def test_a_pair_without_clear_ground_is_left_out(prepare, write):
    recorder = Recorder()
    with pytest.raises(EmptyExtent, match="unmatched"):
        prepare(recorder, **matched(write, 0))


def test_values_under_clouds_are_filled_and_the_guide_is_masked(prepare, write):
    fine, target = terrain(128, 128, 1, 1), terrain(64, 64, 1, 2)
    target[:, 4:6, 4:6] = 60000
    names = {"high": (write("f.tif", fine),), "low": (write("c.tif", target, coarse(CORNER, 2)),)}
    dataset = prepare(
        layout=FUSION, **names, bright=50000.0, max_gaps=0.3, validation=0, test=0, point_spread="box"
    ).dataset
    (record,) = [record for record in dataset.records if record.gaps > 0]
    for spec in dataset.card.arrays:
        valid = dataset.valid(record, spec)
        assert (valid == 0).sum() == (1 if spec.name == "low_20m" else 4)
        assert dataset.array(record, spec).max() < 4000


def picture_folders(write, *names, size=32):
    """Pictures of bytes without place, each with another content; the folder that holds them all."""
    for number, name in enumerate(names):
        write(name, (terrain(size, size, 1, number) // 20).astype(np.uint8), None, wkt="")
    return write("none/x.tif", terrain(8, 8, 1))[: -len("none/x.tif")]


def test_names_of_places_decide_no_split(prepare, write):
    names = [f"test/{city}/{n}.tif" for city in ("Val_de_Marne", "Test", "val") for n in range(4)]
    recorder = Recorder()
    root = picture_folders(write, *names)
    # The chosen folder itself is called "test".
    dataset = prepare(recorder, folder=root + "test", patch=16, validation=0.3, test=0.2).dataset
    by_number = {record.source: record.split for record in dataset.records}
    counts = dataset.card.counts
    assert counts["train"] > 0 and len(by_number) == 4
    told = [message for message in recorder.messages if "folder is called" in message]
    assert told == [
        "4 pictures go into test because their folder is called 'Test'.",
        "4 pictures go into validation because their folder is called 'val'.",
    ]
    assert (counts["test"], counts["validation"]) == (4, 4)


@pytest.mark.parametrize(
    "folder, split",
    [
        ("train", "train"),
        ("DIV2K_valid_HR", "validation"),
        ("test_images", "test"),
        ("Val 2", "validation"),
        ("Val_de_Marne", ""),
        ("test-site-north", ""),
        ("trainstation", ""),
    ],
)
def test_folders_that_name_a_split(write, folder, split):
    root = picture_folders(write, f"set/{folder}/a.tif")
    (spec,) = find_scenes(PairRequest("", folder=root + "set"))
    assert (spec.split, spec.split_folder) == (split, folder if split else "")


def test_equal_names_in_subfolders_are_paired_within_them(prepare, write):
    for number, area in enumerate("AB"):
        image = (terrain(64, 64, 1, number) // 20).astype(np.uint8)
        write(f"hr/{area}/001.tif", image, None, wkt="")
        root = write(f"lr/X2/{area}/001x2.tif", image[:, ::2, ::2], None, wkt="")[: -len("lr/X2/A/001x2.tif")]
    for options in ({"folder": root + "hr", "low_folder": root + "lr"}, {"folder": root}):
        specs = find_scenes(PairRequest("", layout=FOLDERS, scale=2, **options))
        assert [spec.high.split("/")[-2] for spec in specs] == [spec.low.split("/")[-2] for spec in specs] == ["A", "B"]
    write("hr/A/001.png.tif", terrain(8, 8, 1))
    write("hr/A/001_x2.tif", terrain(8, 8, 1))
    with pytest.raises(ParameterError, match="same half of a pair"):
        find_scenes(PairRequest("", layout=FOLDERS, scale=2, folder=root + "hr", low_folder=root + "lr"))


@pytest.mark.parametrize("wanted", [1, 3, 10, 11, 12, 13])
def test_no_more_patches_than_wanted(prepare, write, wanted):
    dataset = prepare(high=(write("a.tif", terrain(300, 300, 1)),), max_patches=wanted).dataset
    assert len(dataset.records) == wanted
    assert wanted < 3 or all(dataset.card.counts.values())


def test_smooth_ground_is_kept(prepare, write):
    rows, columns = np.mgrid[:128, :128]
    image = (1000 + columns * 3 + 200 * np.sin(rows / 40)).astype(np.uint16)[None]
    result = prepare(high=(write("a.tif", image),), validation=0, test=0)
    # Signs alone would leave 1 of 64.
    assert len(result.dataset.records) >= 32


def test_a_damaged_picture_does_not_make_duplicates_of_its_copy(prepare, write, tmp_path):
    from osgeo import gdal

    image = terrain(96, 96, 1)
    whole = write("pictures/b.tif", image, options=("COMPRESS=DEFLATE", "BLOCKYSIZE=16"))
    opened = gdal.Open(whole)
    last = int(opened.GetRasterBand(1).GetMetadataItem("BLOCK_OFFSET_0_5", "TIFF"))
    data = bytearray(open(whole, "rb").read())
    data[last : last + 200] = b"\xff" * 200
    (tmp_path / "pictures" / "a.tif").write_bytes(data)
    result = prepare(folder=str(tmp_path / "pictures"), validation=0, test=0)
    assert {record.source for record in result.dataset.records} == {"b.tif"}
    assert len(result.dataset.records) == 36 and "duplicate" not in result.rejected
