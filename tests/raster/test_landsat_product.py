"""Landsat products: what is found in them, how it is scaled, masked and placed, and what is said of broken ones."""

import os
import shutil
import tarfile

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import BandError, SourceNotFound, SourceUnreadable, UnsupportedRaster  # noqa: E402
from sr_plugin.core.grid import Window  # noqa: E402
from sr_plugin.raster.band_stack import make_stack  # noqa: E402
from sr_plugin.raster.landsat_metadata import read_metadata  # noqa: E402
from sr_plugin.raster.landsat_product import is_landsat_product, open_landsat  # noqa: E402
from sr_plugin.raster.landsat_quality import PIXEL_FLAGS  # noqa: E402
from sr_plugin.raster.open_product import is_product, open_product  # noqa: E402
from sr_plugin.raster.source import RasterSource  # noqa: E402
from tests import landsat_products as made  # noqa: E402
from tests.landsat_products import SHAPE, make_landsat, metadata_groups, metadata_text, packed  # noqa: E402
from tests.sentinel2_products import make_safe  # noqa: E402

pytestmark = pytest.mark.gdal
FOUR = ("red", "green", "blue", "nir")
#: Names of the same four bands on the older and the newer instruments.
TM_NAMES, OLI_NAMES = ("B3", "B2", "B1", "B4"), ("B4", "B3", "B2", "B5")


def stack_of(product, names, classes=()):
    return make_stack(product.title, product.platform, [product.band(n) for n in names], product.masks, classes)


def read_all(name):
    source = RasterSource(name)
    numbers = list(range(1, source.band_count + 1))
    return source, source.read(numbers, source.grid.window), source.bands(numbers)


# Landsat 9 was launched after Collection 1.
@pytest.mark.parametrize(
    "spacecraft, collection", [(4, 1), (5, 1), (7, 1), (8, 1), (4, 2), (5, 2), (7, 2), (8, 2), (9, 2)]
)
@pytest.mark.parametrize("level", [1, 2])
def test_bands_and_reflectance_of_every_satellite(tmp_path, spacecraft, collection, level):
    root, pixels = make_landsat(tmp_path, spacecraft, collection, level)
    product = open_landsat(str(root))
    newer = spacecraft >= 8
    start = "SR_" if level == 2 else ""
    names = [start + name for name in (OLI_NAMES if newer else TM_NAMES)]
    assert product.platform == f"Landsat {spacecraft}" and product.title == root.name and not product.missing
    assert product.sensor == ("landsat-oli" if newer else "landsat-tm")
    assert [product.band(name).name for name in FOUR] == names
    usual = ("B1", "B2", "B3", "B4", "B5", "B6", "B7") if newer else ("B1", "B2", "B3", "B4", "B5", "B7")
    assert product.usual == tuple(start + name for name in usual)
    if level == 2:
        scale, offset = (1e-4, 0.0) if collection == 1 else made.SURFACE
    else:
        scale, offset = made.top_of_atmosphere(made.WORDS if newer else made.BYTES)
    with stack_of(product, FOUR).mounted() as name:
        source, tile, infos = read_all(name)
        assert source.sensor == product.sensor and source.grid.geotransform == (399585, 30, 0, 4182615, 0, -30)
        for number, band in enumerate(names):
            np.testing.assert_array_equal(tile.data[number], pixels[band])
        assert [i.description for i in infos] == names
        assert [i.scale for i in infos] == pytest.approx([scale] * 4, rel=1e-6)
        assert [i.offset for i in infos] == pytest.approx([offset] * 4, abs=1e-6)
        assert infos[0].wavelength_um == (0.655 if newer else 0.66)
        assert not tile.valid[:, :2, :3].any() and tile.valid.sum() == 4 * (SHAPE[0] * SHAPE[1] - 6)
    assert gdal.VSIStatL(name) is None


@pytest.mark.parametrize("form", ["txt", "xml", "json"])
@pytest.mark.parametrize("level", [1, 2])
def test_the_three_forms_of_the_metadata_say_the_same(tmp_path, form, level):
    """The metadata of level 2 repeat keys of level 1 with other values in other groups."""
    groups = metadata_groups(9, 2, level, "2021-12-01", {"4": "a_B4.TIF", "8": "a_B8.TIF"}, "a_QA_PIXEL.TIF")
    found = read_metadata(metadata_text(groups, form).encode(), f"a_MTL.{form}")
    assert (found.platform, found.sensor, found.collection) == ("Landsat 9", "landsat-oli", 2)
    assert found.level == ("L1TP" if level == 1 else "L2SP") and found.quality_file == "a_QA_PIXEL.TIF"
    name = "B4" if level == 1 else "SR_B4"
    assert found.files[name] == "a_B4.TIF" and found.title == made.product_name(9, 2, level, "2021-12-01")
    expected = made.top_of_atmosphere(made.WORDS) if level == 1 else made.SURFACE
    assert found.scaling(name)[:2] == pytest.approx(expected, rel=1e-6)


def test_metadata_that_would_take_for_ever_are_refused_at_once():
    """No line and no file is near as long as what is refused, so nothing can be made slow by blanks."""
    text = metadata_text(metadata_groups(8, 2, 1, "2021-12-01", {"4": "a_B4.TIF"}), "txt")
    padded = text.replace(" = ", " " * 1500 + "=" + " " * 1500)
    assert read_metadata(padded.encode(), "a_MTL.txt").files == {"B4": "a_B4.TIF"}
    with pytest.raises(SourceUnreadable, match="'a_MTL.txt' has a line longer than any product's"):
        read_metadata(("A = x" + " " * 10_000 + "y\n" + text).encode(), "a_MTL.txt")
    for ending in ("txt", "xml", "json"):
        with pytest.raises(SourceUnreadable, match="is larger than any product's"):
            read_metadata(b"\n" * (5 << 20), f"a_MTL.{ending}")


@pytest.mark.parametrize(
    "how", ["folder", "slash", "tar", "tar in a folder", "tar of dot", "tar.gz", "tgz", "txt", "xml", "json"]
)
def test_every_way_to_name_a_product(tmp_path, how):
    root, pixels = make_landsat(tmp_path, 8, 2, 2, form=how if how in ("xml", "json") else "txt")
    name = {
        "folder": root,
        "slash": f"{root}/",
        "txt": root / f"{root.name}_MTL.txt",
        "xml": root / f"{root.name}_MTL.xml",
        "json": root / f"{root.name}_MTL.json",
    }.get(how)
    if name is None:
        start = {"tar in a folder": f"{root.name}/", "tar of dot": "./"}.get(how, "")
        name = packed(root, f".{how.partition(' ')[0]}", start)
        shutil.rmtree(root)
    assert is_landsat_product(str(name)) and is_product(str(name))
    product = open_product(str(name))
    assert product.title == root.name and set(product.names) == set(pixels)
    assert [("slow" in note) for note in product.notes] == ([True] if how in ("tar.gz", "tgz") else [])
    with stack_of(product, ["nir"]).mounted() as stack:
        source, tile, (info,) = read_all(stack)
        np.testing.assert_array_equal(tile.data[0], pixels["SR_B5"])
        assert info.offset == pytest.approx(-0.2)
        archive = str(name).rstrip("/") if how.startswith(("t", "tar")) and how != "txt" else ""
        assert not archive or os.path.realpath(archive) in source.files


def test_one_of_several_products_is_chosen_by_its_metadata_file(tmp_path):
    first, pixels = make_landsat(tmp_path / "a", 8, 2, 2)
    second, _ = make_landsat(tmp_path / "b", 5, 2, 2)
    mixed = tmp_path / "mixed"
    shutil.copytree(first, mixed)
    for file in second.iterdir():
        shutil.copy(file, mixed)
    with pytest.raises(UnsupportedRaster, match="holds 2 products"):
        open_landsat(str(mixed))
    assert open_landsat(str(mixed / f"{first.name}_MTL.txt")).names == tuple(pixels)
    # Several forms of one product's metadata are one product.
    for form in ("xml", "json"):
        shutil.copy(first / f"{first.name}_MTL.txt", first / f"{first.name}_MTL.{form}")
    assert open_landsat(str(first)).title == first.name


def test_products_of_sentinel_2_and_landsat_are_told_apart(tmp_path):
    safe, _ = make_safe(tmp_path, bands=("B04",))
    landsat, _ = make_landsat(tmp_path, 8, 2, 1)
    assert open_product(str(safe)).sensor == "sentinel2"
    assert open_product(str(landsat)).sensor == "landsat-oli"
    assert not is_landsat_product(str(safe)) and not is_landsat_product("/vsitar/a.tar/b.tif")
    assert not is_landsat_product(str(landsat / f"{landsat.name}_B4.TIF"))


def test_thermal_bands_are_there_when_asked_for(tmp_path):
    product = open_landsat(str(make_landsat(tmp_path, 8, 2, 2)[0]))
    assert "ST_B10" not in product.usual and product.band("lwir").name == "ST_B10"
    band = product.band("ST_B10")
    assert (band.scale, band.offset, band.unit) == (0.00341802, 149.0, "K")
    product = open_landsat(str(make_landsat(tmp_path, 7, 1, 1)[0]))
    assert product.band("lwir").name == "B6_VCID_1" and "B6_VCID_2" in product.names
    band = product.band("B6_VCID_2")
    assert (band.scale, band.offset, band.unit) == (*made.RADIANCE, "W/(m2 sr um)")
    assert product.usual == ("B1", "B2", "B3", "B4", "B5", "B7")
    product = open_landsat(str(make_landsat(tmp_path, 9, 2, 1)[0]))
    assert (product.band("lwir").name, product.band("lwir12").name) == ("B10", "B11")


def test_the_panchromatic_band_has_a_grid_of_its_own(tmp_path):
    root, pixels = make_landsat(tmp_path, 8, 2, 1)
    product = open_landsat(str(root))
    assert product.band("pan").resolution == 15 and product.band("red").resolution == 30
    with stack_of(product, ["pan"]).mounted() as name:
        source, tile, (info,) = read_all(name)
        assert source.grid.geotransform == (399592.5, 15, 0, 4182607.5, 0, -15)
        np.testing.assert_array_equal(tile.data[0], pixels["B8"])
        assert (info.scale, info.offset) == pytest.approx(made.top_of_atmosphere(made.WORDS))


def test_bands_are_aligned_with_the_panchromatic_one_by_position(tmp_path):
    """A plane in map coordinates is the same plane on both grids; cubic convolution keeps planes."""

    def plane(rows, columns, step, shift):
        x = made.CORNER[0] + shift + step * (np.arange(columns) + 0.5)
        y = made.CORNER[1] - shift - step * (np.arange(rows) + 0.5)
        return 8000 + 2 * (x[None] - made.CORNER[0]) + 3 * (made.CORNER[1] - y[:, None])

    pixels = {"B4": plane(*SHAPE, 30, 0), "B8": plane(2 * SHAPE[0] - 1, 2 * SHAPE[1] - 1, 15, 7.5)}
    root, _ = make_landsat(tmp_path, 8, 2, 1, bands=("4", "8"), pixels=pixels)
    with stack_of(open_landsat(str(root)), ["pan", "red"]).mounted() as name:
        _, tile, _ = read_all(name)
        inner = slice(8, -8)
        # A shift of a tenth of a pixel of 15 m would be 3 to 4.5 numbers.
        assert np.abs(tile.data[1].astype(float) - pixels["B8"])[inner, inner].max() <= 1.0


def test_uniform_numbers_are_reflectance_times_10000(tmp_path):
    for spacecraft, collection, level in ((5, 1, 1), (7, 2, 2), (8, 1, 2), (9, 2, 1)):
        root, pixels = make_landsat(tmp_path / str(spacecraft), spacecraft, collection, level)
        product = open_landsat(str(root))
        plain = product.band("nir")
        with stack_of(product.in_reflectance(), ["nir", "red"]).mounted() as name:
            source, tile, infos = read_all(name)
        numbers = pixels[plain.name].astype(float)
        gap = numbers == plain.nodata
        expected = (numbers * plain.scale + plain.offset) * 10000
        np.testing.assert_allclose(tile.data[0][~gap], expected[~gap], rtol=1e-5, atol=0.01)
        assert (tile.data[0][gap] == -9999).all() and (tile.valid[0] == ~gap).all()
        assert {(i.scale, i.offset, i.nodata, i.pixel_type) for i in infos} == {(1e-4, 0.0, -9999.0, "float32")}
    with stack_of(product.in_reflectance(), ["pan", "red"]).mounted() as name:
        _, tile, _ = read_all(name)
        assert tile.data[1][tile.valid[1]].min() > -9999


def test_uniform_numbers_of_thermal_bands(tmp_path):
    root, pixels = make_landsat(tmp_path, 8, 2, 2, pixels={"ST_B10": np.full(SHAPE, 43000)})
    product = open_landsat(str(root)).in_reflectance()
    with stack_of(product, ["ST_B10"]).mounted() as name:
        _, tile, (info,) = read_all(name)
    celsius = 43000 * 0.00341802 + 149.0 - 273.15
    assert tile.data[0][5, 5] == pytest.approx(celsius * 100, abs=0.02)
    assert (info.scale, info.offset, info.unit) == (0.01, 273.15, "K")


@pytest.mark.parametrize("date, off", [("2003-05-30", False), ("2003-05-31", True), ("2012-08-01", True)])
def test_gaps_of_the_failed_line_corrector_are_gaps(tmp_path, date, off):
    root, pixels = make_landsat(tmp_path, 7, 2, 2, date=date, gaps=off)
    product = open_landsat(str(root))
    assert [("scan line corrector" in note) for note in product.notes] == ([True] if off else [])
    with stack_of(product, ["red"]).mounted() as name:
        _, tile, _ = read_all(name)
        np.testing.assert_array_equal(tile.valid[0], pixels["SR_B3"] != 0)
        assert (tile.valid[0][:, 0].mean() < 0.85) == off


def quality_band(spots):
    """A quality band with one pixel of each value in a row, at column 4 and row 10, 12, ..."""
    quality = np.full(SHAPE, 1 << 6)
    for number, value in enumerate(spots):
        quality[10 + 2 * number, 4] = value
    return quality


def gaps_of(product, classes, count):
    with stack_of(product, ["red"], classes).mounted() as name:
        valid = read_all(name)[1].valid[0]
    assert valid.sum() >= SHAPE[0] * SHAPE[1] - 6 - count
    return [bool(~valid[10 + 2 * number, 4]) for number in range(count)]


def test_quality_of_collection_2(tmp_path):
    """Real values: 22280 cloud, 21826 dilated cloud, 54596 cirrus, 23888 shadow, 30048 snow, 21952 water."""
    values = (22280, 21826, 54596, 23888, 30048, 21952, 21824)
    root, _ = make_landsat(tmp_path, 8, 2, 2, quality=quality_band(values))
    product = open_landsat(str(root))
    assert set(product.mask_classes) == set(PIXEL_FLAGS)
    classes = ("cloud", "dilated_cloud", "cirrus", "cloud_shadow", "snow", "water")
    for number, name in enumerate(classes):
        assert gaps_of(product, [name], 7) == [i == number for i in range(7)], name
    assert gaps_of(product, ["cloud", "cloud_shadow", "snow"], 7) == [True, False, False, True, True, False, False]
    assert gaps_of(product, classes, 7) == [True] * 6 + [False]


def test_quality_of_collection_1(tmp_path):
    """Real values of BQA: 2800 cloud, 2976 shadow (high), 3744 snow (high), 6816 cirrus (high), 2720 clear."""
    values = (2800, 2976, 3744, 6816, 2720, 2848)
    root, _ = make_landsat(tmp_path, 8, 1, 1, quality=quality_band(values))
    product = open_landsat(str(root))
    assert gaps_of(product, ["cloud"], 6) == [True] + [False] * 5
    assert gaps_of(product, ["cloud_shadow"], 6) == [False, True] + [False] * 4
    assert gaps_of(product, ["snow"], 6) == [False, False, True] + [False] * 3
    assert gaps_of(product, ["cirrus"], 6) == [False] * 3 + [True] + [False] * 2
    with pytest.raises(BandError, match="does not tell dilated_cloud"):
        product.check_classes(("dilated_cloud",))


def test_quality_of_surface_reflectance_on_demand(tmp_path):
    """Real values of pixel_qa: 352 cloud, 328 shadow, 336 snow, 324 water, 834 cirrus (high), 322 clear."""
    values = (352, 328, 336, 324, 834, 322)
    root, _ = make_landsat(tmp_path, 8, 1, 2, quality=quality_band(values))
    product = open_landsat(str(root))
    for number, name in enumerate(("cloud", "cloud_shadow", "snow", "water", "cirrus")):
        assert gaps_of(product, [name], 6) == [i == number for i in range(6)], name


def scenes_on_demand(folder, *dates):
    """Scenes of the on-demand processor side by side; the folder, and their names."""
    names = []
    for date in dates:
        root, _ = make_landsat(folder.parent / "apart", 8, 1, 2, date=date, quality=np.full(SHAPE, 322))
        shutil.copytree(root, folder, dirs_exist_ok=True)
        names.append(root.name)
    return folder, names


def files_of(product):
    return [os.path.basename(item.path) for item in (*product.bands, *product.masks)]


def test_scenes_on_demand_in_one_folder_are_not_mixed(tmp_path):
    folder, names = scenes_on_demand(tmp_path / "flat", "2014-07-14", "2015-01-02", "2016-03-04")
    for name in names:
        product = open_landsat(str(folder / f"{name}_MTL.txt"))
        assert files_of(product) == [f"{name}_sr_band{n}.tif" for n in range(1, 8)] + [f"{name}_pixel_qa.tif"]
    # A scene whose bands are not there takes none of its neighbours'.
    for file in [*folder.glob(f"{names[1]}_sr_band*"), *folder.glob(f"{names[2]}_pixel_qa*")]:
        file.unlink()
    assert not open_landsat(str(folder / f"{names[1]}_MTL.txt")).bands
    product = open_landsat(str(folder / f"{names[2]}_MTL.txt"))
    assert len(product.bands) == 7 and not product.masks


def test_files_on_demand_without_the_name_of_a_scene(tmp_path):
    folder, (name,) = scenes_on_demand(tmp_path / "one", "2014-07-14")
    metadata = folder / f"{name}_MTL.txt"
    for file in folder.glob("*_sr_band?.tif"):
        file.rename(folder / file.name[len(name) + 1 :])
    (folder / f"{name}_pixel_qa.tif").rename(folder / "pixel_qa.tif")
    expected = [f"sr_band{n}.tif" for n in range(1, 8)] + ["pixel_qa.tif"]
    assert files_of(open_landsat(str(metadata))) == expected
    plain = metadata.rename(folder / "MTL.txt")
    assert files_of(open_landsat(str(plain))) == expected


def test_metadata_that_name_none_of_several_scenes_are_refused(tmp_path):
    folder, names = scenes_on_demand(tmp_path / "flat", "2014-07-14", "2015-01-02")
    (folder / f"{names[1]}_MTL.txt").unlink()
    plain = (folder / f"{names[0]}_MTL.txt").rename(folder / "MTL.txt")
    with pytest.raises(UnsupportedRaster, match="holds the files of 2 scenes"):
        open_landsat(str(plain))
    for file in folder.glob(f"{names[1]}_*"):
        file.unlink()
    assert files_of(open_landsat(str(plain)))[0] == f"{names[0]}_sr_band1.tif"


def test_a_product_without_quality_band_says_so(tmp_path):
    product = open_landsat(str(make_landsat(tmp_path)[0]))
    with pytest.raises(SourceUnreadable, match=r"no classification \(QA_PIXEL, BQA or pixel_qa\)"):
        product.check_classes(("cloud",))


def test_a_missing_band_is_named_when_it_is_wanted(tmp_path):
    root, _ = make_landsat(tmp_path, 8, 2, 2)
    (root / f"{root.name}_SR_B5.TIF").unlink()
    for name in (root, packed(root)):
        product = open_landsat(str(name))
        assert "SR_B5" not in product.names
        for wanted in ("SR_B5", "nir"):
            with pytest.raises(SourceUnreadable, match=rf"lacks the file of band {wanted} \({root.name}_SR_B5.TIF\)"):
                product.band(wanted)
        with pytest.raises(BandError, match="has no band pan"):
            product.band("pan")


def test_a_missing_metadata_file_is_named(tmp_path):
    root, _ = make_landsat(tmp_path)
    (root / f"{root.name}_MTL.txt").unlink()
    for name in (root, packed(root)):
        assert is_landsat_product(str(name))
        with pytest.raises(SourceUnreadable, match=r"lacks its metadata file \(..._MTL.txt, .xml or .json\)"):
            open_landsat(str(name))


@pytest.mark.parametrize("cloud_optimised", [False, True])
@pytest.mark.parametrize("share", [0.05, 0.6, 0.995])
def test_a_band_cut_short_is_named(tmp_path, cloud_optimised, share):
    root, _ = make_landsat(tmp_path, 8, 2, 2)
    file = root / f"{root.name}_SR_B5.TIF"
    if cloud_optimised:
        # Its directory comes first, so that GDAL opens it without a word.
        large = np.random.default_rng(1).integers(1, 60000, (700, 700)).astype(np.uint16)
        made.write_raster(file, large, (*made.CORNER[:1], 30.0, 0.0, made.CORNER[1], 0.0, -30.0))
        copy = gdal.GetDriverByName("COG").CreateCopy(f"{file}.cog", gdal.Open(str(file)), 0, ["BLOCKSIZE=256"])
        del copy
        os.replace(f"{file}.cog", file)
    whole = file.read_bytes()
    stack_of(open_landsat(str(root)), ["nir"])
    file.write_bytes(whole[: int(share * len(whole))])
    for name in (root, packed(root)):
        product = open_landsat(str(name))
        with pytest.raises(SourceUnreadable, match=f"'{root.name}_SR_B5.TIF' (is cut short|cannot be opened)"):
            stack_of(product, ["nir"])


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_an_archive_cut_short_is_refused(tmp_path, ending):
    archive = packed(make_landsat(tmp_path)[0], ending)
    whole = archive.read_bytes()
    # For a plain one: inside a file, and right behind one, where it looks like a whole one.
    ends = [len(whole) // 2, len(whole) // 4]
    if ending == ".tar":
        with tarfile.open(archive) as opened:
            ends.append(opened.getmembers()[3].offset)
    for end in ends:
        archive.write_bytes(whole[:end])
        with pytest.raises(SourceUnreadable, match="The archive '.*' cannot be opened"):
            open_landsat(str(archive))


def test_files_outside_the_product_are_never_opened(tmp_path):
    root, _ = make_landsat(tmp_path, 8, 2, 2)
    secret = tmp_path / "secret.TIF"
    shutil.copy(root / f"{root.name}_SR_B4.TIF", secret)
    metadata = root / f"{root.name}_MTL.txt"
    text = metadata.read_text().replace(f"{root.name}_SR_B4.TIF", "../secret.TIF")
    metadata.write_text(text)
    product = open_landsat(str(root))
    assert "SR_B4" not in product.names and product.missing["SR_B4"] == "secret.TIF"


@pytest.mark.parametrize(
    "old, new, error, message",
    [
        ("LANDSAT_8", "LANDSAT_1", UnsupportedRaster, "no metadata of a Landsat 4 to 9 product"),
        ("OLI_TIRS", "MSS", UnsupportedRaster, r"of TM, ETM\+ or OLI"),
        ("SUN_ELEVATION = 30.88235160", "SUN_ELEVATION = -3.0", SourceUnreadable, "SUN_ELEVATION above the horizon"),
        ("SUN_ELEVATION", "SOMETHING", SourceUnreadable, "SUN_ELEVATION above the horizon"),
        ("REFLECTANCE_MULT_BAND_4", "OTHER", SourceUnreadable, "lack REFLECTANCE_MULT_BAND_4"),
        ("REFLECTANCE_MULT_BAND_4 = 2.0000E-05", "REFLECTANCE_MULT_BAND_4 = 1E300", SourceUnreadable, "MULT_BAND_4"),
        ("\nEND\n", "\n", SourceUnreadable, "cut short: its last line, END, is missing"),
    ],
)
def test_metadata_that_cannot_be_used_are_refused_in_words(tmp_path, old, new, error, message):
    root, _ = make_landsat(tmp_path, 8, 2, 1)
    metadata = root / f"{root.name}_MTL.txt"
    assert old in metadata.read_text()
    metadata.write_text(metadata.read_text().replace(old, new))
    with pytest.raises(error, match=message):
        open_landsat(str(root))


def test_what_is_no_product_is_refused_in_words(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.xml").write_text("<a/>")
    cases = {
        "": (SourceNotFound, "No product"),
        str(tmp_path / "nothing.tar"): (SourceNotFound, "does not exist"),
        str(tmp_path / "empty"): (UnsupportedRaster, "no metadata file"),
        str(tmp_path / "other.xml"): (UnsupportedRaster, "no Landsat product"),
    }
    for name, (error, message) in cases.items():
        assert not is_landsat_product(name)
        with pytest.raises(error, match=message):
            open_landsat(name)


def test_a_window_of_a_stack_equals_the_window_of_the_whole(tmp_path):
    product = open_landsat(str(packed(make_landsat(tmp_path, 8, 2, 2)[0]))).in_reflectance()
    with stack_of(product, FOUR).mounted() as name:
        source, tile, _ = read_all(name)
        part = source.read([1, 4], Window(7, 9, 20, 22)).data
        np.testing.assert_array_equal(part, tile.data[[0, 3], 9:31, 7:27])
