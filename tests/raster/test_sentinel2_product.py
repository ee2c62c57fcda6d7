"""Sentinel-2 products: what is found in them, how it is scaled and placed, and what is said of broken ones."""

import os
import shutil

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import (  # noqa: E402
    BandError,
    SourceNotFound,
    SourceUnreadable,
    SuperResolutionError,
    UnsupportedRaster,
)
from sr_plugin.core.grid import Window  # noqa: E402
from sr_plugin.raster.band_stack import make_stack  # noqa: E402
from sr_plugin.raster.sentinel2_metadata import read_metadata  # noqa: E402
from sr_plugin.raster.sentinel2_product import (  # noqa: E402
    RESOLUTIONS,
    SCENE_CLASSES,
    is_sentinel2_product,
    open_sentinel2,
)
from sr_plugin.raster.source import RasterSource  # noqa: E402
from tests.sentinel2_products import TILE, make_safe, metadata_xml, pixels_of, write_band, zipped  # noqa: E402

pytestmark = pytest.mark.gdal
FOUR = ("B04", "B03", "B02", "B08")


def stack_of(product, names, classes=()):
    return make_stack(product.title, product.platform, [product.band(n) for n in names], product.masks, classes)


def read_all(name):
    source = RasterSource(name)
    numbers = list(range(1, source.band_count + 1))
    return source, source.read(numbers, source.grid.window), source.bands(numbers)


@pytest.mark.parametrize(
    "level, baseline, offset, expected",
    [
        ("1C", "02.04", None, 0.0),
        ("1C", "04.00", -1000, -0.1),
        ("1C", "05.10", -1000, -0.1),
        ("1C", "04.00", None, -0.1),  # a metadata file that lost its list of offsets
        ("2A", "02.06", None, 0.0),
        ("2A", "05.00", -1000, -0.1),
        ("2A", "05.00", 0, 0.0),  # the offset was taken out again
    ],
)
def test_pixels_and_reflectance_of_every_baseline(tmp_path, level, baseline, offset, expected):
    root, pixels = make_safe(tmp_path, level, baseline, offset, FOUR)
    product = open_sentinel2(str(root))
    assert (product.title, product.platform, product.level) == (root.name, "Sentinel-2A", f"L{level}")
    assert product.names == ("B02", "B03", "B04", "B08") and not product.missing and not product.notes
    stack = stack_of(product, FOUR)
    with stack.mounted() as name:
        source, tile, infos = read_all(name)
        assert source.sensor == "sentinel2"
        for number, band in enumerate(FOUR):
            np.testing.assert_array_equal(tile.data[number], pixels[band])
        assert [i.description for i in infos] == list(FOUR)
        assert [i.scale for i in infos] == [1e-4] * 4
        assert [i.offset for i in infos] == pytest.approx([expected] * 4)
        assert [i.nodata for i in infos] == [0] * 4
        assert infos[0].wavelength_um == pytest.approx(0.6646) and infos[3].wavelength_um == pytest.approx(0.842)
        assert not tile.valid[:, :2, :2].any() and tile.valid.sum() == 4 * (60 * 60 - 4)
    assert gdal.VSIStatL(name) is None


@pytest.mark.parametrize("how", ["folder", "xml", "zip", "granule", "granule xml", "slash"])
def test_every_way_to_name_a_product(tmp_path, how):
    root, pixels = make_safe(tmp_path, "1C", "04.00", -1000)
    granule = next((root / "GRANULE").iterdir())
    names = {
        "folder": root,
        "xml": root / "MTD_MSIL1C.xml",
        "zip": zipped(root),
        "granule": granule,
        "granule xml": granule / "MTD_TL.xml",
        "slash": f"{root}/",
    }
    assert is_sentinel2_product(str(names[how]))
    if how == "zip":
        shutil.rmtree(root)
    product = open_sentinel2(str(names[how]))
    assert product.title == root.name and set(product.names) == set(pixels)
    with stack_of(product, ["B08"]).mounted() as name:
        _, tile, (info,) = read_all(name)
        np.testing.assert_array_equal(tile.data[0], pixels["B08"])
        assert info.offset == pytest.approx(-0.1)


def test_band_files_without_metadata(tmp_path):
    root, pixels = make_safe(tmp_path, bands=("B04", "B08"))
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in root.rglob(f"IMG_DATA/{TILE}_*_B0?.jp2"):
        shutil.copy(file, flat)
    files = [str(f) for f in sorted(flat.iterdir())]
    for name in (str(flat), ";".join(files)):
        product = open_sentinel2(name)
        assert product.names == ("B04", "B08") and len(product.notes) == 1 and "number / 10000" in product.notes[0]
        assert product.band("B08").offset == 0
    # The name of the folder tells the baseline, with or without an offset.
    early = tmp_path / "S2A_MSIL1C_20160112T160242_N0201_R097_T18SVG_20160112T160500"
    shutil.copytree(flat, early)
    assert open_sentinel2(str(early)).notes == () and open_sentinel2(str(early)).band("B04").offset == 0
    later = tmp_path / "S2A_MSIL1C_20220601T155829_N0400_R097_T18SVG_20220601T192836"
    shutil.copytree(flat, later)
    assert open_sentinel2(str(later)).band("B08").offset == pytest.approx(-0.1)


def test_what_gdal_opens_itself_is_left_to_it(tmp_path, make_raster):
    raster = make_raster(np.ones((1, 4, 4), np.uint8))
    (tmp_path / "scene.zarr").mkdir()
    (tmp_path / "scene.zarr" / "zarr.json").write_text("{}")
    odd = shutil.copy(raster, tmp_path / "a;b.tif")
    for name in (raster, str(tmp_path / "scene.zarr"), str(odd), f"/vsizip/{tmp_path}/a.zip/b.tif", "WMS:http://a;b"):
        assert not is_sentinel2_product(name), name


def test_level_2a_takes_the_finest_file_of_a_band(tmp_path):
    root, pixels = make_safe(tmp_path, "2A", "05.00", -1000, ("B04", "B8A"))
    coarse = next(root.rglob("*_B8A_20m.jp2")).parent / "T18SVG_20220601T155829_B04_20m.jp2"
    write_band(coarse, np.ones((31, 31), np.uint16), 20)
    product = open_sentinel2(str(root))
    assert [(b.name, b.resolution) for b in product.bands] == [("B04", 10), ("B8A", 20)]
    assert product.band("B04").path.endswith("R10m/T18SVG_20220601T155829_B04_10m.jp2")


def test_grids_that_do_not_nest_are_aligned_by_position(tmp_path):
    """A plane in map coordinates is the same plane on every grid; cubic convolution keeps planes."""
    root, _ = make_safe(tmp_path, bands=("B04", "B8A", "B09"))
    planes = {}
    for file in root.rglob("IMG_DATA/*_B??.jp2"):
        dataset = gdal.Open(str(file))
        x0, step, _, y0, _, _ = dataset.GetGeoTransform()
        x = x0 + step * (np.arange(dataset.RasterXSize) + 0.5)
        y = y0 - step * (np.arange(dataset.RasterYSize) + 0.5)
        plane = 2000 + 2 * (x[None] - 435720) + 3 * (4179480 - y[:, None])
        band = file.stem[-3:]
        planes[band] = plane
        del dataset
        write_band(file, np.round(plane).astype(np.uint16), int(step))
    product = open_sentinel2(str(root))
    with stack_of(product, ["B04", "B8A", "B09"]).mounted() as name:
        source, tile, infos = read_all(name)
        assert source.grid.geotransform == (435730, 10, 0, 4179460, 0, -10) and source.grid.width == 60
        inner = slice(12, 45)
        for number in (1, 2):
            difference = tile.data[number][inner, inner].astype(float) - planes["B04"][inner, inner]
            # A shift of one tenth of a pixel would be 2 or 3 numbers.
            assert np.abs(difference).max() <= 1.0, infos[number].description
        whole = tile.data[1].copy()
        part = source.read([2], Window(7, 9, 20, 22)).data[0]
        np.testing.assert_array_equal(part, whole[9:31, 7:27])


def test_scene_classes_become_gaps(tmp_path):
    scene = np.full((31, 31), 4, np.uint8)
    scene[10:14, 10:14] = 9
    scene[20, 20] = 3
    root, pixels = make_safe(tmp_path, "2A", "05.00", -1000, FOUR, scene)
    product = open_sentinel2(str(root))
    assert product.mask_classes == tuple(SCENE_CLASSES)
    with stack_of(product, FOUR, ["cloud_high"]).mounted() as name:
        source, tile, _ = read_all(name)
        expected = np.ones((60, 60), bool)
        # 20 m columns 10 to 13 are 10 m columns 19 to 26, because the 20 m grid starts one pixel to the left.
        expected[20:28, 19:27] = False
        expected[:2, :2] = False
        for number in range(4):
            np.testing.assert_array_equal(tile.valid[number], expected)
        np.testing.assert_array_equal(tile.data[0], pixels["B04"])
    with stack_of(product, FOUR, ["cloud_shadow", "cloud_high"]).mounted() as name:
        assert not read_all(name)[1].valid[0, 40:42, 39:41].any()


def test_classification_of_level_1c(tmp_path):
    root, _ = make_safe(tmp_path, "1C", "04.00", -1000, ("B04",))
    classes = np.zeros((3, 11, 11), np.uint8)
    classes[0, 3, 3] = classes[1, 5, 5] = classes[2, 7, 7] = 1
    write_band(next(root.rglob("QI_DATA")) / "MSK_CLASSI_B00.jp2", classes, 60)
    product = open_sentinel2(str(root))
    assert product.mask_classes == ("cloud_medium", "cloud_high", "thin_cirrus", "snow")

    def gaps(*names):
        with stack_of(product, ["B04"], names).mounted() as name:
            valid = read_all(name)[1].valid[0]
        # Centres of the 60 m pixels (3, 3), (5, 5) and (7, 7) on the 10 m grid.
        return [bool(~valid[row, col]) for row, col in ((19, 20), (31, 32), (43, 44))]

    assert gaps("cloud_high") == [True, False, False]
    assert gaps("thin_cirrus") == [False, True, False]
    assert gaps("cloud_high", "thin_cirrus") == [True, True, False]
    with pytest.raises(BandError, match="does not tell water"):
        product.check_classes(("water",))


_MASK = """<?xml version="1.0"?><eop:Mask xmlns:eop="http://www.opengis.net/eop/2.0" xmlns:gml="http://www.opengis.net/gml/3.2">
<gml:name>MSK_CLOUDS_pixels_B00</gml:name><eop:maskMembers>{}</eop:maskMembers></eop:Mask>"""
_FEATURE = """<eop:MaskFeature><eop:maskType codeSpace="urn:gs2:S2PDGS:maskType">{}</eop:maskType><eop:extentOf>
<gml:Polygon><gml:exterior><gml:LinearRing><gml:posList srsDimension="2">{}</gml:posList></gml:LinearRing>
</gml:exterior></gml:Polygon></eop:extentOf></eop:MaskFeature>"""


@pytest.mark.parametrize("packed", [False, True])
def test_cloud_polygons_of_early_level_1c(tmp_path, packed):
    root, pixels = make_safe(tmp_path, "1C", "02.04", None, ("B04",))
    x, y = 435730, 4179460

    def square(col, row, side):
        corners = ((0, 0), (side, 0), (side, side), (0, side), (0, 0))
        return " ".join(f"{x + 60 * (col + a)} {y - 60 * (row + b)}" for a, b in corners)

    features = _FEATURE.format("OPAQUE", square(2, 3, 2)) + _FEATURE.format("CIRRUS", square(6, 6, 1))
    file = next(root.rglob("QI_DATA")) / "MSK_CLOUDS_B00.gml"
    file.write_text(_MASK.format(features))
    product = open_sentinel2(str(zipped(root) if packed else root))
    assert product.mask_classes == ("cloud_medium", "cloud_high", "thin_cirrus")

    def gaps(*names):
        with stack_of(product, ["B04"], names).mounted() as name:
            return ~read_all(name)[1].valid[0]

    cloud = gaps("cloud_high")
    # All pixels inside, and none farther away than the one pixel of 60 m that the outline may touch.
    assert cloud[18:30, 12:24].all() and cloud.sum() <= 4 + (4 * 6) ** 2
    assert not cloud[36:42, 36:42].any() and gaps("thin_cirrus")[36:42, 36:42].all()
    if not packed:
        file.write_text(_MASK.format(_FEATURE.format("OPAQUE", "1 2 x")))
        with pytest.raises(SourceUnreadable, match="MSK_CLOUDS_B00.gml' holds a polygon that cannot be understood"):
            gaps("cloud_high")
        file.write_text(_MASK.format(""))
        assert gaps("cloud_high").sum() == 4


def test_a_product_without_classification_says_so(tmp_path):
    root, _ = make_safe(tmp_path, bands=("B04",))
    with pytest.raises(SourceUnreadable, match=r"no classification \(SCL, MSK_CLASSI or MSK_CLOUDS\)"):
        open_sentinel2(str(root)).check_classes(("cloud_high",))


def test_a_missing_band_is_named_when_it_is_wanted(tmp_path):
    root, _ = make_safe(tmp_path)
    next(root.rglob("*_B08.jp2")).unlink()
    product = open_sentinel2(str(root))
    assert "B08" not in product.names
    with pytest.raises(SourceUnreadable, match=r"lacks the file of band B08 \(T18SVG_20220601T155829_B08.jp2\)"):
        product.band("B08")
    with pytest.raises(BandError, match="has no band B05"):
        product.band("B05")


def test_a_missing_metadata_file_is_named(tmp_path):
    root, _ = make_safe(tmp_path)
    (root / "MTD_MSIL1C.xml").unlink()
    for name in (root, zipped(root)):
        with pytest.raises(SourceUnreadable, match="lacks its metadata file .MTD_MSIL1C.xml or MTD_MSIL2A.xml"):
            open_sentinel2(str(name))


@pytest.mark.parametrize("share", [0.2, 0.6, 0.999])
def test_a_band_cut_short_is_named(tmp_path, share):
    if gdal.GetDriverByName("JP2OpenJPEG") is None:
        pytest.skip("this GDAL writes no JPEG 2000")
    root, _ = make_safe(tmp_path)
    file = next(root.rglob("*_B08.jp2"))
    whole = file.read_bytes()
    assert stack_of(open_sentinel2(str(root)), ["B08"]).files == (os.path.realpath(file),)
    file.write_bytes(whole[: int(share * len(whole))])
    for name in (root, zipped(root)):
        product = open_sentinel2(str(name))
        with pytest.raises(SourceUnreadable, match="'T18SVG_20220601T155829_B08.jp2' is cut short"):
            stack_of(product, ["B08"])


def test_a_band_file_of_another_format_is_refused(tmp_path):
    """A virtual raster, for example, could name any other file."""
    root, _ = make_safe(tmp_path, bands=("B04", "B08"))
    file = next(root.rglob("IMG_DATA/*_B08.jp2"))
    assert gdal.GetDriverByName("VRT").CreateCopy(f"{file}.vrt", gdal.Open(str(file))) is not None
    os.replace(f"{file}.vrt", file)
    with pytest.raises(UnsupportedRaster, match="B08.jp2' is neither JPEG 2000 nor GeoTIFF"):
        stack_of(open_sentinel2(str(root)), ["B08"])


def test_a_zip_cut_short_is_refused(tmp_path):
    root, _ = make_safe(tmp_path, bands=("B04",))
    archive = zipped(root)
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(SourceUnreadable, match="cannot be opened"):
        open_sentinel2(str(archive))


def test_products_of_the_first_years(tmp_path):
    """Until December 2016 a product held several tiles, and its files had long names."""
    root = tmp_path / "S2A_OPER_PRD_MSIL1C_PDMC_20160112T160500_R097_V20160112T160242_20160112T160242.SAFE"
    images = ""
    pixels = {}
    for tile in ("18SVG", "18SVH"):
        granule = f"S2A_OPER_MSI_L1C_TL_EPA__20160112T160242_A002934_T{tile}_N02.01"
        images += f'<Granules granuleIdentifier="{granule}">'
        for band in ("B04", "B08", "B8A"):
            image = f"S2A_OPER_MSI_L1C_TL_EPA__20160112T160242_A002934_T{tile}_{band}"
            images += f"<IMAGE_ID>{image}</IMAGE_ID>"
            pixels[tile, band] = pixels_of(band, int(tile == "18SVH"))
            if (tile, band) != ("18SVH", "B8A"):
                path = root / "GRANULE" / granule / "IMG_DATA" / f"{image}.jp2"
                write_band(path, pixels[tile, band], 20 if band == "B8A" else 10)
        images += "</Granules>"
    name = "S2A_OPER_MTD_SAFL1C_PDMC_20160112T160500_R097_V20160112T160242_20160112T160242.xml"
    (root / name).write_text(
        '<n1:Level-1C_User_Product xmlns:n1="https://example.org"><PROCESSING_LEVEL>Level-1C</PROCESSING_LEVEL>'
        f"<PROCESSING_BASELINE>02.01</PROCESSING_BASELINE><Granule_List>{images}</Granule_List>"
        "<QUANTIFICATION_VALUE>1000</QUANTIFICATION_VALUE></n1:Level-1C_User_Product>"
    )
    with pytest.raises(UnsupportedRaster, match=r"2 tiles \(18SVG, 18SVH\).*Choose the folder of one of its granules"):
        open_sentinel2(str(root / name))
    product = open_sentinel2(str(root / "GRANULE" / granule))
    assert product.names == ("B04", "B08") and product.missing["B8A"].endswith("T18SVH_B8A.jp2")
    assert (product.band("B04").scale, product.band("B04").offset) == (1e-3, 0)
    with stack_of(product, ["B08"]).mounted() as stack:
        np.testing.assert_array_equal(read_all(stack)[1].data[0], pixels["18SVH", "B08"])


def test_level_2a_of_the_first_processors(tmp_path):
    root = tmp_path / "S2A_USER_PRD_MSIL2A_PDMC_20160112T160500_R097_V20160112T160242_20160112T160242.SAFE"
    start = "S2A_USER_MSI_L2A_TL_EPA__20160112T160242_A002934_T18SVG"
    folder = root / "GRANULE" / f"{start}_N02.01" / "IMG_DATA"
    write_band(folder / "R10m" / f"{start}_B04_10m.jp2", pixels_of("B04"), 10)
    scene = np.full((31, 31), 9, np.uint8)
    write_band(folder / f"{start.replace('MSI', 'SCL')}_20m.jp2", scene, 20)
    (root / "S2A_USER_MTD_SAFL2A_PDMC_20160112T160500_R097_V20160112T160242.xml").write_text(
        '<n1:Level-2A_User_Product xmlns:n1="https://example.org"><PROCESSING_LEVEL>Level-2Ap</PROCESSING_LEVEL>'
        "<L2A_BOA_QUANTIFICATION_VALUE>2000</L2A_BOA_QUANTIFICATION_VALUE>"
        f"<IMAGE_ID_2A>{start}_B04_10m</IMAGE_ID_2A><PRODUCT_URI_2A>{root.name}</PRODUCT_URI_2A>"
        "<QUANTIFICATION_VALUE>1000</QUANTIFICATION_VALUE></n1:Level-2A_User_Product>"
    )
    product = open_sentinel2(str(root))
    assert (product.level, product.title, product.band("B04").scale) == ("L2A", root.name, 5e-4)
    with stack_of(product, ["B04"], ["cloud_high"]).mounted() as stack:
        assert not read_all(stack)[1].valid.any()


def test_several_tiles_are_told_apart_by_their_granule(tmp_path):
    root, _ = make_safe(tmp_path, bands=("B04",))
    granule = next((root / "GRANULE").iterdir())
    other = root / "GRANULE" / granule.name.replace("18SVG", "18SVH")
    shutil.copytree(granule, other)
    for file in other.rglob("T18SVG*"):
        file.rename(file.parent / file.name.replace("18SVG", "18SVH"))
    with pytest.raises(UnsupportedRaster, match=r"2 tiles \(18SVG, 18SVH\)"):
        (root / "MTD_MSIL1C.xml").write_text(metadata_xml("1C", "02.04", root.name, [], None))
        open_sentinel2(str(root))
    product = open_sentinel2(str(other))
    assert product.names == ("B04",) and "18SVH" in product.band("B04").path


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "cannot be read"),
        ("<a><b></a>", "mismatched"),
        ('<!DOCTYPE a [<!ENTITY b "bbb">]><Level-1C_User_Product>&b;</Level-1C_User_Product>', "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/hosts"><Level-1C_User_Product/>', "document type"),
        ("<a>" * 100 + "</a>" * 100, "nested"),
        ("<Level-1C_Tile_ID/>", None),
        ("<Something/>", "no metadata of a Sentinel-2 product"),
        ('<?xml version="1.0" encoding="nonsense"?><Level-1C_User_Product/>', "cannot be read"),
    ],
)
def test_bad_metadata_is_refused_in_words(tmp_path, text, message):
    root, _ = make_safe(tmp_path, bands=("B04",))
    (root / "MTD_MSIL1C.xml").write_text(text)
    if message is None:
        assert open_sentinel2(str(root)).band("B04").offset == 0
        return
    with pytest.raises(SuperResolutionError, match=message):
        open_sentinel2(str(root))


def test_damaged_metadata_never_ends_in_another_error():
    """Bytes changed, cut out or doubled: read all the same, or refused by an error with a sentence."""
    whole = metadata_xml("2A", "05.00", "S2A.SAFE", ["GRANULE/a/IMG_DATA/T18SVG_B04"], -1000).encode()
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            start, length = int(rng.integers(0, len(data))), int(rng.integers(1, 40))
            piece = bytes(rng.integers(0, 256, int(rng.integers(0, 8)), np.uint8))
            data[start : start + length] = (piece, data[start : start + length] * 2, b"9" * 30, b"")[rng.integers(4)]
        try:
            found = read_metadata(bytes(data), "MTD_MSIL2A.xml")
        except SuperResolutionError as error:
            refused += 1
            assert error.message.endswith(".")
            continue
        scale, offset = found.scaling("B04")
        assert 1e-6 <= scale <= 1 and abs(offset) <= 1e6 and abs(found.nodata) <= 1e6
    assert 100 < refused < 600


def test_what_is_no_product_is_refused_in_words(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.xml").write_text("<a/>")
    cases = {
        "": (SourceNotFound, "No product"),
        str(tmp_path / "nothing.SAFE"): (SourceNotFound, "does not exist"),
        str(tmp_path / "empty"): (UnsupportedRaster, "no band files"),
        str(tmp_path / "other.xml"): (UnsupportedRaster, "no metadata file"),
        f"{tmp_path}/a_B04.tif;{tmp_path}/a_B08.tif": (SourceNotFound, "a_B04.tif"),
    }
    for name, (error, message) in cases.items():
        with pytest.raises(error, match=message):
            open_sentinel2(name)


def test_bands_of_another_place_are_refused(tmp_path):
    root, _ = make_safe(tmp_path, bands=("B04", "B08"))
    write_band(next(root.rglob("*_B08.jp2")), np.ones((60, 60), np.uint16), 10, (500000, 4100000))
    with pytest.raises(UnsupportedRaster, match="B08.jp2' lies in another place"):
        stack_of(open_sentinel2(str(root)), ["B04", "B08"])


def test_a_shift_by_whole_pixels_is_no_interpolation(tmp_path):
    root, pixels = make_safe(tmp_path, bands=("B04", "B08"))
    write_band(next(root.rglob("*_B08.jp2")), pixels["B08"], 10, (435730 - 30, 4179460 + 20))
    with stack_of(open_sentinel2(str(root)), ["B04", "B08"]).mounted() as name:
        _, tile, _ = read_all(name)
        np.testing.assert_array_equal(tile.data[1, :58, :57], pixels["B08"][2:, 3:])
        assert not tile.valid[1, 58:].any() and not tile.valid[1, :, 57:].any()


def test_the_name_of_a_stack_follows_its_files(tmp_path):
    root, pixels = make_safe(tmp_path, bands=("B04", "B08"))

    def names():
        product = open_sentinel2(str(root))
        return stack_of(product, ["B04"]).name, stack_of(product, ["B08"]).name

    before = names()
    assert names() == before and before[0] != before[1]
    write_band(next(root.rglob("IMG_DATA/*_B04.jp2")), pixels["B04"] // 2, 10)
    assert names()[0] != before[0] and names()[1] == before[1]


def test_a_stack_stays_while_one_of_its_users_does(tmp_path):
    stack = stack_of(open_sentinel2(str(make_safe(tmp_path, bands=("B04",))[0])), ["B04"])
    with stack.mounted() as first:
        with stack.mounted() as second:
            assert first == second
        assert gdal.VSIStatL(first) is not None
    assert gdal.VSIStatL(first) is None


def test_the_real_scene(shared_dir, tmp_path):
    """A SAFE laid out by links from the real bands: right reflectance with and without offset, real grids."""
    folder = shared_dir / "data" / "s2-l1c-18SVG-20160112"
    if not folder.is_dir():
        pytest.skip("the real scene is not at hand")
    for level, baseline, offset in (("1C", "02.01", None), ("1C", "05.10", -1000), ("2A", "05.10", -1000)):
        granule = f"L{level}_T18SVG_A002934_20160112T160242"
        number = baseline.replace(".", "")
        root = tmp_path / f"S2A_MSIL{level}_20160112T160242_N{number}_R097_T18SVG_20160112T160500.SAFE"
        images = []
        for file in sorted(folder.glob("s2_B*.jp2")):
            image = f"GRANULE/{granule}/IMG_DATA/T18SVG_20160112T160242_{file.stem[3:]}"
            if level == "2A":
                side = RESOLUTIONS[file.stem[3:]]
                image = f"GRANULE/{granule}/IMG_DATA/R{side}m/T18SVG_20160112T160242_{file.stem[3:]}_{side}m"
            (root / image).parent.mkdir(parents=True, exist_ok=True)
            os.symlink(file, root / f"{image}.jp2")
            images.append(image)
        (root / f"MTD_MSIL{level}.xml").write_text(metadata_xml(level, baseline, root.name, images, offset))
        product = open_sentinel2(str(root))
        assert len(product.names) == 13 and not product.missing and product.level == f"L{level}"
        with stack_of(product, ("B04", "B8A")).mounted() as name:
            source, tile, infos = read_all(name)
            assert source.grid.geotransform == (435730, 10, 0, 4179460, 0, -10)
            digital = gdal.Open(str(folder / "s2_B04.jp2")).ReadAsArray()
            np.testing.assert_array_equal(tile.data[0], digital)
            reflectance = tile.data[0] * infos[0].scale + infos[0].offset
            np.testing.assert_allclose(reflectance, (digital + (offset or 0.0)) / 10000, atol=1e-9)
            coarse = gdal.Open(str(folder / "s2_B8A.jp2")).ReadAsArray().astype(float)
            # 20 m pixel (i, j) covers the 10 m rows 2i, 2i+1 and columns 2j-1, 2j.
            fine = tile.data[1, :1940, 1:1901].astype(float)
            means = fine.reshape(970, 2, 950, 2).mean(axis=(1, 3))
            difference = means - coarse[:970, 1:951]
            shifted = means - coarse[:970, :950]
            assert np.sqrt((difference**2).mean()) < 0.05 * coarse.std() < np.sqrt((shifted**2).mean())


def test_the_blocks_of_the_files_are_those_of_the_stack(tmp_path):
    """Reading decodes a block of JPEG 2000 once for a row of tiles only where the stack tells how large it is."""
    root, pixels = make_safe(tmp_path, bands=("B04",))
    large = np.tile(pixels["B04"], (25, 20))
    write_band(next(root.rglob("IMG_DATA/*_B04.jp2")), large, 10)
    with stack_of(open_sentinel2(str(root)), ["B04"]).mounted() as name:
        source = RasterSource(name)
        if gdal.GetDriverByName("JP2OpenJPEG") is None:
            pytest.skip("this GDAL writes no JPEG 2000")
        assert source.dataset.GetRasterBand(1).GetBlockSize() == [1024, 1024]
        assert source.row_bytes([1], 512, 562) == 2 * 1024 * 2 * 1024 * 2
