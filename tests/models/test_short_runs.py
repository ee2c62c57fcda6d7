"""Short trainings on real data: their rasters, plans, record and table; one of them in miniature."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("scipy", reason="SciPy is not installed")
pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning_fabric", reason="Lightning Fabric is not installed")

from osgeo import gdal, ogr, osr  # noqa: E402

from models.recipes import short_run_rasters as rasters  # noqa: E402
from models.recipes.regional_scene import SCENE  # noqa: E402
from models.recipes.short_run_figures import even_colour, overlap  # noqa: E402
from models.recipes.short_run_plans import BY_NAME, RUNS  # noqa: E402
from models.recipes.short_run_report import display_bands, stretched, table  # noqa: E402
from models.recipes.short_runs import RECORD, plan_of, run_one, write_record  # noqa: E402
from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, SINGLE_IMAGE, TRANSLATION, BandSpec  # noqa: E402
from sr_plugin.core.dataset import Dataset  # noqa: E402
from sr_plugin.core.training_plan import plan_to_json  # noqa: E402
from sr_plugin.pipeline.pairs.request import PairRequest  # noqa: E402
from tests.training_datasets import write_dataset  # noqa: E402

#: Fine pixels; the coarse grid of the scene begins one fine column earlier, as that of the real one does.
ROWS, COLUMNS = 193, 81
CORNER = (435730.0, 4179460.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with the scene: land but for the sea in the east, every band another texture."""
    folder = tmp_path_factory.mktemp("data")
    os.makedirs(folder / SCENE)
    rng = np.random.default_rng(3)
    for names, metres, left in ((rasters.FINE, 10, CORNER[0]), (rasters.COARSE, 20, CORNER[0] - 10)):
        shape = ROWS * 10 // metres, -(-COLUMNS * 10 // metres)
        for name in names:
            pixels = rng.integers(600, 3000, shape).astype(np.uint16)
            if name in ("B08", "B8A"):
                pixels[:, 400 // metres :] = 200
            rasters.write_raster(
                str(folder / SCENE / f"s2_{name}.jp2"), pixels[None], (left, metres, 0, CORNER[1], 0, -metres), utm()
            )
    return str(folder)


def utm(zone=32618):
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(zone)
    return crs.ExportToWkt()


def opened(path):
    file = gdal.Open(path)
    names = [file.GetRasterBand(n + 1).GetDescription() for n in range(file.RasterCount)]
    return file.ReadAsArray(), file.GetGeoTransform(), names


def halves(folder, metres):
    paths = (
        f"{folder}/{part}/S2_18SVG_20160112_{metres}m_{name}.tif"
        for part, name in (("train", "north"), ("val", "south"))
    )
    return [opened(path) for path in paths]


@pytest.mark.parametrize(("metres", "bands"), [(10, rasters.FINE), (20, rasters.ALL)])
def test_north_and_south_are_the_scene_in_two_parts(data, tmp_path, metres, bands):
    (north, upper, names), (south, lower, _) = halves(rasters.write_halves(data, str(tmp_path), metres), metres)
    assert tuple(names) == bands and north.shape[1] % 16 == 0
    assert lower[3] == upper[3] - metres * north.shape[1] and lower[0] == upper[0]
    whole = np.concatenate([north, south], axis=1)
    land = whole[bands.index("B08")] > 500
    assert 0.6 < land[: north.shape[1]].sum() / land.sum() < 0.7
    assert (whole[:, :, 780 // metres :] == 0).all() and (whole[:, :, : 400 // metres] > 0).all()


def test_ten_bands_lie_on_one_grid_of_20_m(data, tmp_path):
    (north, place, names), _ = halves(rasters.write_halves(data, str(tmp_path), 20), 20)
    assert place[0] == CORNER[0] + 10 and place[3] == CORNER[1]
    red, _, _ = opened(os.path.join(data, SCENE, "s2_B04.jp2"))
    edge, _, _ = opened(os.path.join(data, SCENE, "s2_B05.jp2"))
    assert north[names.index("B04"), 2, 3] == round(red[4:6, 7:9].mean())
    assert north[names.index("B05"), 2, 3] == edge[2, 4]


def test_a_product_has_one_corner(data, tmp_path):
    (fine, near, names), (coarse, far, coarse_names) = map(opened, rasters.write_product(data, str(tmp_path)))
    assert near[::3] == far[::3] and (tuple(names), tuple(coarse_names)) == (rasters.FINE, rasters.COARSE)
    assert (near[1], far[1]) == (10, 20) and fine.shape[2] == COLUMNS - 1 and coarse.shape[2] == 40


def test_grids_that_do_not_nest_are_refused():
    fine, coarse = (100.0, 10.0, 0.0, 0.0, 0.0, -10.0), (95.0, 20.0, 0.0, 0.0, 0.0, -20.0)
    with pytest.raises(ValueError, match="nest"):
        rasters.common_start(fine, coarse, 2)


@pytest.fixture
def drawn(tmp_path):
    """A map of one square house of 6 x 6 m in an image of 1 m, whose outline is given in degrees."""
    place = (436000.0, 1.0, 0.0, 4179000.0, 0.0, -1.0)
    image = rasters.write_raster(str(tmp_path / "image.tif"), np.zeros((3, 20, 30), np.uint8), place, utm())
    ring = ogr.Geometry(ogr.wkbLinearRing)
    for x, y in ((5.2, 4.2), (11.2, 4.2), (11.2, 10.2), (5.2, 10.2), (5.2, 4.2)):
        ring.AddPoint_2D(place[0] + x, place[3] - y)
    house = ogr.Geometry(ogr.wkbPolygon)
    house.AddGeometry(ring)
    here, there = osr.SpatialReference(wkt=utm()), osr.SpatialReference()
    there.ImportFromEPSG(4326)
    for crs in (here, there):
        crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    house.Transform(osr.CoordinateTransformation(here, there))
    outlines = str(tmp_path / "buildings.geojson")
    with open(outlines, "w", encoding="utf-8") as file:
        feature = {"type": "Feature", "properties": {}, "geometry": json.loads(house.ExportToJson())}
        json.dump({"type": "FeatureCollection", "features": [feature]}, file)
    return opened(rasters.render_map(image, outlines, str(tmp_path / "map.tif"))), place


def test_a_map_shows_houses_and_their_outlines_on_the_grid_of_the_image(drawn):
    (colours, place, _), expected = drawn
    assert place == expected and colours.shape == (3, 20, 30)
    assert tuple(colours[:, 0, 0]) == rasters.GROUND
    assert tuple(colours[:, 7, 8]) == rasters.BUILDING
    assert tuple(colours[:, 4, 8]) == rasters.OUTLINE
    inside = rasters.buildings_in(colours)
    assert inside[4:11, 5:12].all() and inside.sum() == 49


def test_a_blurred_map_is_read_by_the_nearest_colour():
    ground, house = np.array(rasters.GROUND), np.array(rasters.BUILDING)
    shares = np.linspace(0, 1, 11)
    colours = ground[:, None, None] * (1 - shares) + house[:, None, None] * shares
    np.testing.assert_array_equal(rasters.buildings_in(colours)[0], shares > 0.5)


def test_only_ground_that_is_seen_counts():
    found, true, seen = (np.array([[int(c) for c in row]], bool) for row in ("110011", "011001", "111100"))
    assert overlap(found, true, seen) == (1, 3)


def test_the_even_map_has_the_middle_colour_of_the_training_maps(tmp_path):
    folder = write_dataset(tmp_path / "d", TRANSLATION)
    dataset = Dataset.open(folder)
    pixels = np.concatenate([high.reshape(3, -1) for _, high, _ in dataset.pairs("train")], axis=1)
    assert even_colour(folder) == pytest.approx(np.median(pixels, axis=1) * 1e-4)


@pytest.mark.parametrize("run", RUNS, ids=list(BY_NAME))
def test_every_run_can_be_asked_for(tmp_path, run):
    named = (
        {"folder": "folder"} if run.name.startswith(("landsat", "bands")) else {"high": ("a.tif",), "low": ("b.tif",)}
    )
    if run.name.startswith("series"):
        named.pop("low")
    request = PairRequest(output="set", **named, validation=0.2, test=0.0, **run.pairs).checked()
    kind = {"translation": TRANSLATION, "highresnet": MULTI_IMAGE, "dsen2": BAND_FUSION}.get(
        run.preset if run.preset == "translation" else run.family, SINGLE_IMAGE
    )
    assert request.kind == kind
    plan = plan_of(run, write_dataset(tmp_path / "d", kind))
    assert (plan.steps, plan.threads, plan.device, plan.install) == (run.steps, 1, "cpu", False)
    assert plan.adversarial.active == (kind == TRANSLATION)


def test_the_record_is_of_these_runs_and_every_one_improved(tmp_path):
    with open(RECORD, encoding="utf-8") as file:
        record = json.load(file)
    assert list(record) == list(BY_NAME)
    for name, told in record.items():
        run = BY_NAME[name]
        plan = plan_to_json(plan_of(run, write_dataset(tmp_path / name, told["pairs"]["kind"])))
        assert told["plan"] == {key: plan[key] for key in told["plan"]}, name
        assert {key: told["pairs"]["settings"][key] for key in ("patch", "step", "views")} == {
            "patch": run.pairs["patch"],
            "step": run.pairs.get("step", 0),
            "views": run.pairs.get("views", 1),
        }
        figures = told["validation"]
        plain = figures.get("bicubic") or figures["even"]
        assert figures["trained"]["psnr"] > max(plain["psnr"], figures["untrained"]["psnr"]), name


def test_a_record_takes_one_run_after_the_other(tmp_path):
    path = str(tmp_path / "record.json")
    write_record("series-x2", {"steps": 3, "seconds": {"pairs": 5.0, "training": 60.0}}, path)
    write_record("landsat-x3", {"steps": 1, "seconds": {"pairs": 1.0, "training": 2.0}}, path)
    # The second time, the pairs are there already.
    write_record("series-x2", {"steps": 4, "seconds": {"training": 50.0}}, path)
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    assert list(found) == ["landsat-x3", "series-x2"]
    assert found["series-x2"] == {"steps": 4, "seconds": {"pairs": 5.0, "training": 50.0}}


def test_the_table_tells_what_was_measured():
    run = {
        "title": "To a map",
        "pairs": {"counts": {"train": 200, "validation": 40, "test": 0}},
        "plan": {"family": "pix2pix", "adversarial": {"kind": "vanilla"}},
        "weights": 4120000,
        "steps": 600,
        "seconds": {"pairs": 9.0, "training": 700.0, "processor": 192.0},
        "validation": {"untrained": {"psnr": 9.0, "ssim": 0.1}, "trained": {"psnr": 14.256, "ssim": 0.61}},
    }
    assert table({"map": run}).splitlines()[2] == (
        "| `map`: To a map | 200 / 40 | `pix2pix`, 4.12 million weights and a PatchGAN | 600 | 3.2 |  "
        "| 9.00 / 0.1000 | **14.26 / 0.6100** |"
    )


def test_pictures_show_infrared_where_there_is_no_colour():
    assert display_bands([BandSpec(name) for name in rasters.COARSE]) == (5, 3, 0)
    assert display_bands([BandSpec("B04", "red"), BandSpec("B03", "green"), BandSpec("B02", "blue")]) == (0, 1, 2)
    image = np.linspace(0, 1, 300).reshape(3, 10, 10)
    shown = stretched(image, image)
    assert shown.shape == (10, 10, 3) and shown.dtype == np.uint8 and (shown.min(), shown.max()) == (0, 255)


@pytest.mark.slow
def test_one_of_them_in_miniature(shared_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "own"))
    run = BY_NAME["bands-x2"]
    run = replace(run, steps=40, pairs={**run.pairs, "max_patches": 40})
    record = run_one(run, str(shared_dir / "data"), str(tmp_path))
    counts = record["pairs"]["counts"]
    assert record["steps"] == 40 and counts["train"] + counts["validation"] == 40 and min(counts.values()) == 0
    assert record["pairs"]["bands"] == [list(rasters.ALL)] * 2
    figures = record["validation"]
    # This network begins as bicubic.
    assert figures["untrained"]["psnr"] == pytest.approx(figures["bicubic"]["psnr"], abs=0.02)
    assert figures["trained"]["psnr"] > figures["bicubic"]["psnr"] > 35
    assert record["seconds"]["processor"] > 0 and record["weights"] > 200_000
