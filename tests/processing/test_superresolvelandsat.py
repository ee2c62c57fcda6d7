"""The algorithm for Landsat products through ``processing.run``."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from tests import landsat_products as made
from tests.conftest import write_raster
from tests.landsat_products import CORNER, SHAPE, make_landsat, packed

pytestmark = pytest.mark.qgis

PARAMETERS = (
    "INPUT BANDS MODEL EXTENT MASK MASK_CLOUDS VALUES ALIGN_TO DEVICE PRECISION OUTPUT_TYPE CONSISTENCY GAPS "
    "ONE_FILE_PER_BAND TILE_SIZE MARGIN NORMALISATION OTHER_BANDS EXACT NODATA KEEP_PARTIAL COG CREATE_OPTIONS OUTPUT"
).split()
FOUR = ["red", "green", "blue", "nir"]
#: A Sentinel-2 grid over the middle of the products; it does not nest with theirs.
TARGET = (399800.0, 10.0, 0.0, 4182400.0, 0.0, -10.0)
TARGET_SHAPE = (70, 80)


@pytest.fixture
def run(provider, tmp_path):
    import processing

    def call(product, feedback=None, context=None, **parameters):
        values = {"INPUT": str(product), "MODEL": "nearest:3", "OUTPUT": str(tmp_path / "result.tif"), **parameters}
        return processing.run("superres:superresolvelandsat", values, feedback=feedback, context=context)

    return call


@pytest.fixture
def sentinel2(tmp_path):
    """A raster of 10 m, as the layer to align to."""
    rng = np.random.default_rng(8)
    pixels = rng.integers(300, 4000, (2, *TARGET_SHAPE)).astype(np.uint16)
    return write_raster(tmp_path / "sentinel2.tif", pixels, TARGET, descriptions=("B04", "B08"))


def enlarged(pixels, factor=3):
    return pixels.repeat(factor, axis=-2).repeat(factor, axis=-1)


def reflectance(pixels, scale, offset, nodata=0):
    """Reflectance x 10000 as the algorithm writes it."""
    numbers = pixels.astype(float)
    return np.where(numbers == nodata, -9999, np.rint((numbers * scale + offset) * 10000)).astype(np.int16)


def test_what_the_algorithm_declares(provider):
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolvelandsat")
    definitions = algorithm.parameterDefinitions()
    assert [p.name() for p in definitions] == PARAMETERS
    assert [p.name() for p in definitions if not p.help()] == []
    assert not algorithm.icon().isNull() and "does not measure it" in algorithm.shortHelpString()
    for parameter in definitions:
        if parameter.defaultValue() is not None:
            assert parameter.checkValueIsAcceptable(parameter.defaultValue()), parameter.name()
    assert algorithm.parameterDefinition("VALUES").defaultValue() == "reflectance"


@pytest.mark.parametrize(
    "spacecraft, collection, level, how",
    [(5, 1, 1, "folder"), (8, 1, 2, "json"), (9, 2, 2, "tar")],
)
def test_reflectance_of_every_product(run, tmp_path, spacecraft, collection, level, how):
    from osgeo import gdal

    form = "json" if how == "json" else "txt"
    root, pixels = make_landsat(tmp_path, spacecraft, collection, level, form)
    name = {"folder": root, "tar": packed(root), "json": root / f"{root.name}_MTL.json"}[how]
    outputs = run(name, BANDS=FOUR)
    nodata = -9999 if (collection, level) == (1, 2) else 0
    if level == 2:
        factors = (1e-4, 0.0) if collection == 1 else made.SURFACE
    else:
        factors = made.top_of_atmosphere(made.WORDS if spacecraft >= 8 else made.BYTES)
    result = gdal.Open(outputs["OUTPUT"])
    names = outputs["BAND_NAMES"].split(",")
    numbers = ("B4", "B3", "B2", "B5") if spacecraft >= 8 else ("B3", "B2", "B1", "B4")
    assert names == [("SR_" if level == 2 else "") + n for n in numbers]
    for number, band in enumerate(names, start=1):
        written = result.GetRasterBand(number)
        expected = enlarged(reflectance(pixels[band], *factors, nodata))
        # A value half-way between two numbers may go to either side.
        assert np.abs(written.ReadAsArray().astype(int) - expected).max() <= 1
        assert written.GetDescription() == band and written.GetNoDataValue() == -9999
        assert (written.GetScale(), written.GetOffset()) == (pytest.approx(1e-4), 0)
        assert float(written.GetMetadataItem("wavelength")) > 0.4
    assert result.GetRasterBand(1).DataType == gdal.GDT_Int16
    assert result.GetGeoTransform() == (399585, 10, 0, 4182615, 0, -10)
    assert result.GetMetadataItem("SR_SOURCE") == root.name


def test_the_numbers_of_the_product_on_request(run, read_pixels, tmp_path):
    from osgeo import gdal

    root, pixels = make_landsat(tmp_path, 7, 1, 1)
    result = run(root, BANDS=["nir"], VALUES="product")["OUTPUT"]
    np.testing.assert_array_equal(read_pixels(result)[0], enlarged(pixels["B4"]))
    dataset = gdal.Open(result)
    band = dataset.GetRasterBand(1)
    assert band.DataType == gdal.GDT_Byte and band.GetNoDataValue() == 0
    assert (band.GetScale(), band.GetOffset()) == pytest.approx(made.top_of_atmosphere(made.BYTES), rel=1e-6)


def test_without_bands_all_that_reflect_are_taken(run, tmp_path, feedback):
    """Thermal, cirrus and panchromatic bands are not fed to a model unasked."""
    root, _ = make_landsat(tmp_path, 8, 2, 1)
    assert run(root)["BAND_NAMES"] == "B1,B2,B3,B4,B5,B6,B7"
    # A model for Sentinel-2's red, green, blue and near infrared finds them on every Landsat, as reflectance.
    assert run(root, feedback, MODEL="s2-rgbn-x2")["BAND_NAMES"] == "B4,B3,B2,B5"
    assert any("reflectance by the scale and offset of the bands" in text for text in feedback.infos)


def test_the_panchromatic_band(run, tmp_path):
    from osgeo import gdal
    from qgis.core import QgsProcessingException

    root, pixels = make_landsat(tmp_path, 8, 2, 1)
    result = gdal.Open(run(root, BANDS=["pan"])["OUTPUT"])
    assert result.GetGeoTransform() == (399592.5, 5, 0, 4182607.5, 0, -5)
    expected = enlarged(reflectance(pixels["B8"], *made.top_of_atmosphere(made.WORDS)))
    assert np.abs(result.ReadAsArray().astype(int) - expected).max() <= 1
    with pytest.raises(QgsProcessingException, match=r"differ in resolution: B4 \(30 m\), but the others have 15 m"):
        run(root, BANDS=["pan", "red"])
    assert run(root, BANDS=["red", "pan"], OTHER_BANDS="enlarge")["BAND_NAMES"] == "B8,B4"


def test_gaps_of_the_failed_line_corrector(run, read_pixels, tmp_path, feedback):
    """Filled before the model sees them, cut out of its result: no band of darkness around them."""
    flat = {f"SR_B{n}": np.full(SHAPE, 12000) for n in (1, 2, 3, 4)}
    root, pixels = make_landsat(tmp_path, 7, 2, 2, date="2010-05-01", gaps=True, pixels=flat)
    outputs = run(root, feedback, MODEL="s2-rgbn-x2")
    result = read_pixels(outputs["OUTPUT"])
    assert outputs["BAND_NAMES"] == "SR_B3,SR_B2,SR_B1,SR_B4"
    assert any("scan line corrector" in text for text in feedback.warnings)
    for number, band in enumerate(("SR_B3", "SR_B2", "SR_B1", "SR_B4")):
        gap = enlarged(pixels[band] == 0, 2)
        np.testing.assert_array_equal(result[number] == -9999, gap)
        # 12000 is a reflectance of 0.13; a gap of 0 would be -0.2 and pull its neighbours down by hundreds.
        assert np.abs(result[number][~gap] - 1300).max() < 30


@pytest.mark.parametrize("gaps", ["nodata", "mask"])
def test_masked_classes_as_nodata_or_as_a_mask(run, tmp_path, gaps):
    from osgeo import gdal

    quality = np.full(SHAPE, 21824)
    quality[5:9, 10:20] = 22280
    quality[20:22, 3] = 23888
    root, pixels = make_landsat(tmp_path, 8, 2, 2, quality=quality)
    outputs = run(root, BANDS=["red"], MASK_CLOUDS=["cloud", "cloud_shadow"], GAPS=gaps, VALUES="product")
    dataset = gdal.Open(outputs["OUTPUT"])
    band = dataset.GetRasterBand(1)
    gap = enlarged((quality != 21824) | (pixels["SR_B4"] == 0))
    np.testing.assert_array_equal(band.GetMaskBand().ReadAsArray() == 0, gap)
    np.testing.assert_array_equal(band.ReadAsArray(), np.where(gap, 0, enlarged(pixels["SR_B4"])))
    assert band.GetNoDataValue() == (0 if gaps == "nodata" else None)
    assert band.GetMaskFlags() == (gdal.GMF_NODATA if gaps == "nodata" else gdal.GMF_PER_DATASET)


def test_an_extent(run, read_pixels, tmp_path):
    from osgeo import gdal

    root, pixels = make_landsat(tmp_path, 8, 2, 2)
    extent = f"{CORNER[0] + 300},{CORNER[0] + 600},{CORNER[1] - 900},{CORNER[1] - 600} [EPSG:32618]"
    result = run(root, BANDS=["red"], EXTENT=extent, VALUES="product")["OUTPUT"]
    np.testing.assert_array_equal(read_pixels(result)[0], enlarged(pixels["SR_B4"][20:30, 10:20]))
    assert gdal.Open(result).GetGeoTransform() == (CORNER[0] + 300, 10, 0, CORNER[1] - 600, 0, -10)


def files_in(folder):
    """Names of all files, but for the statistics that QGIS keeps beside a raster when it opens it as a layer."""
    return sorted(name for name in os.listdir(folder) if not name.endswith(".aux.xml"))


def same_grid(first, second):
    from osgeo import gdal, osr

    one, two = gdal.Open(first), gdal.Open(second)
    assert one.GetGeoTransform() == two.GetGeoTransform()
    assert (one.RasterXSize, one.RasterYSize) == (two.RasterXSize, two.RasterYSize)
    assert osr.SpatialReference(one.GetProjection()).IsSame(osr.SpatialReference(two.GetProjection()))


def test_aligned_to_the_grid_of_a_layer(run, read_pixels, tmp_path, sentinel2, feedback):
    """The pixels are exactly the layer's, and what is where stays where it is: a plane stays the same plane."""
    from osgeo import gdal

    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    plane = 9000 + 60 * columns + 90 * rows
    root, _ = make_landsat(tmp_path, 8, 2, 2, pixels={"SR_B4": plane, "SR_B5": plane + 500})
    outputs = run(root, feedback, BANDS=["red", "nir"], ALIGN_TO=sentinel2, MODEL="bicubic:3", VALUES="product")
    same_grid(outputs["OUTPUT"], sentinel2)
    result = gdal.Open(outputs["OUTPUT"])
    x = TARGET[0] + 10 * (np.arange(TARGET_SHAPE[1]) + 0.5) - CORNER[0]
    y = CORNER[1] - TARGET[3] + 10 * (np.arange(TARGET_SHAPE[0]) + 0.5)
    expected = 9000 + 60 * (x[None] / 30 - 0.5) + 90 * (y[:, None] / 30 - 0.5)
    # A shift of a tenth of a pixel of 10 m would be 2 to 3 numbers.
    assert np.abs(result.ReadAsArray()[0] - expected).max() <= 1.0
    assert np.abs(result.ReadAsArray()[1] - expected - 500).max() <= 1.0
    assert result.GetRasterBand(2).GetDescription() == "SR_B5" and outputs["BAND_NAMES"] == "SR_B4,SR_B5"
    assert result.GetRasterBand(2).GetOffset() == pytest.approx(-0.2)
    assert result.GetMetadataItem("SR_ALIGNED_BY") == "cubic convolution"
    assert result.GetMetadataItem("SR_MODEL") == "bicubic:3"
    assert files_in(tmp_path) == sorted([root.name, "result.tif", "sentinel2.tif"])
    # Only what the layer covers is computed, and a few pixels around: 80 x 70 pixels of 10 m are 27 x 24 of 30 m.
    (told,) = [text for text in feedback.infos if text.startswith("Result: ")]
    width, height = (int(number) // 3 for number in re.findall(r"\d+", told)[:2])
    assert 27 + 8 <= width <= 28 + 9 and 24 + 8 <= height <= 25 + 9


def test_a_layer_opened_with_options_has_the_same_grid(provider, sentinel2):
    from qgis.core import QgsRasterLayer

    from sr_plugin.processing.superresolvelandsat import _grid_of

    plain, with_options = (QgsRasterLayer(sentinel2 + end) for end in ("", "|option:NUM_THREADS=2"))
    assert plain.isValid() and with_options.isValid()
    one, other = _grid_of(plain), _grid_of(with_options)
    assert one.geotransform == TARGET and other.geotransform == pytest.approx(TARGET)
    assert (one.width, one.height) == (other.width, other.height) == TARGET_SHAPE[::-1]


def test_grids_that_nest_give_the_pixels_as_they_are(run, read_pixels, tmp_path):
    """With the corner of a pixel in common nothing is interpolated."""
    target = (CORNER[0] + 50, 10.0, 0.0, CORNER[1] - 70, 0.0, -10.0)
    layer = write_raster(tmp_path / "layer.tif", np.ones((40, 30), np.uint8), target)
    root, pixels = make_landsat(tmp_path, 8, 2, 2)
    result = run(root, BANDS=["red"], ALIGN_TO=layer, VALUES="product")["OUTPUT"]
    same_grid(result, layer)
    np.testing.assert_array_equal(read_pixels(result)[0], enlarged(pixels["SR_B4"])[7:47, 5:35])


@pytest.mark.parametrize("gaps", ["nodata", "mask"])
def test_aligned_gaps_and_what_lies_outside(run, tmp_path, gaps):
    """A pixel is a gap where half of it or more lies in one; the layer reaches beyond the product on two sides."""
    from osgeo import gdal

    target = (CORNER[0] - 95.0, 10.0, 0.0, CORNER[1] + 105.0, 0.0, -10.0)
    layer = write_raster(tmp_path / "layer.tif", np.ones((90, 100), np.uint8), target)
    root, pixels = make_landsat(tmp_path, 7, 2, 2, date="2010-05-01", gaps=True)
    outputs = run(root, BANDS=["red", "nir"], ALIGN_TO=layer, GAPS=gaps, MODEL="bicubic:3")
    same_grid(outputs["OUTPUT"], layer)
    dataset = gdal.Open(outputs["OUTPUT"])
    for number, band in enumerate(("SR_B3", "SR_B4"), start=1):
        seen = np.pad(enlarged(pixels[band] != 0).astype(int), ((11, 10), (10, 10)))
        # The layer's pixels lie half-way between those of the result: each covers a quarter of four of them.
        share = (seen[:-1, :-1] + seen[1:, :-1] + seen[:-1, 1:] + seen[1:, 1:])[:90, :100]
        gap = np.ones((90, 100), bool)
        gap[: share.shape[0], : share.shape[1]] = share <= 2
        mask = dataset.GetRasterBand(number).GetMaskBand().ReadAsArray() == 0
        # Along the outline of the product half of a pixel may count as a whole one, and in corners three quarters may
        # be too little to interpolate from.
        inner = (slice(12, None), slice(12, None))
        assert mask[inner][gap[inner]].all() and not mask[: share.shape[0], : share.shape[1]][share == 4].any()
        assert (mask != gap)[inner].sum() <= 4
        assert mask[:10].all() and mask[:, :9].all()
        written = dataset.GetRasterBand(number).ReadAsArray()
        assert (written[mask] == (-9999 if gaps == "nodata" else 0)).all() and (written[~mask] > -2000).all()


def test_aligned_in_another_crs(run, tmp_path):
    """The neighbouring UTM zone: positions of a plane are right within a twentieth of a pixel."""
    from osgeo import gdal, osr

    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32617)
    other = osr.SpatialReference()
    other.ImportFromEPSG(32618)
    to_there = osr.CoordinateTransformation(other, crs)
    middle = to_there.TransformPoint(CORNER[0] + 600, CORNER[1] - 540)
    corner = (round(middle[0], -1) - 200, round(middle[1], -1) + 200)
    target = (corner[0], 10.0, 0.0, corner[1], 0.0, -10.0)
    layer = write_raster(tmp_path / "layer.tif", np.ones((40, 40), np.uint8), target, wkt=crs.ExportToWkt())
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    root, _ = make_landsat(tmp_path, 8, 2, 2, pixels={"SR_B4": 9000 + 60 * columns + 90 * rows})
    result = run(root, BANDS=["red"], ALIGN_TO=layer, MODEL="bicubic:3", VALUES="product")["OUTPUT"]
    same_grid(result, layer)
    back = osr.CoordinateTransformation(crs, other)
    pixels = gdal.Open(result).ReadAsArray()
    for row, col in ((0, 0), (3, 36), (20, 20), (39, 1), (38, 39)):
        x, y, _ = back.TransformPoint(corner[0] + 10 * (col + 0.5), corner[1] - 10 * (row + 0.5))
        expected = 9000 + 60 * ((x - CORNER[0]) / 30 - 0.5) + 90 * ((CORNER[1] - y) / 30 - 0.5)
        assert abs(pixels[row, col] - expected) <= 2.0


def test_aligned_part_in_an_extent(run, tmp_path, sentinel2):
    from osgeo import gdal

    root, _ = make_landsat(tmp_path, 8, 2, 2)
    extent = "399903,400097,4182003,4182197 [EPSG:32618]"
    result = gdal.Open(run(root, BANDS=["red"], ALIGN_TO=sentinel2, EXTENT=extent)["OUTPUT"])
    assert result.GetGeoTransform() == (399900, 10, 0, 4182200, 0, -10)
    assert (result.RasterXSize, result.RasterYSize) == (20, 20)


def test_aligned_and_one_file_per_band(run, tmp_path, sentinel2):
    root, _ = make_landsat(tmp_path, 8, 2, 2)
    outputs = run(root, BANDS=["red", "nir"], ALIGN_TO=sentinel2, ONE_FILE_PER_BAND=True)
    files = outputs["FILES"].split(";")
    assert [os.path.basename(f) for f in files] == ["result_SR_B4.tif", "result_SR_B5.tif"]
    for file in (*files, outputs["OUTPUT"]):
        same_grid(file, sentinel2)
    left = ["result.vrt", *map(os.path.basename, files)]
    assert files_in(tmp_path) == sorted([root.name, "sentinel2.tif", *left])


def test_a_layer_elsewhere_is_refused(run, tmp_path):
    from qgis.core import QgsProcessingException

    target = (600000.0, 10.0, 0.0, 4182400.0, 0.0, -10.0)
    layer = write_raster(tmp_path / "layer.tif", np.ones((40, 30), np.uint8), target)
    root, _ = make_landsat(tmp_path, 8, 2, 2)
    with pytest.raises(QgsProcessingException, match="'layer' lies elsewhere than the product"):
        run(root, ALIGN_TO=layer)
    with pytest.raises(QgsProcessingException, match="never modified"):
        run(root, BANDS=["red"], ALIGN_TO=layer, OUTPUT=str(root / f"{root.name}_SR_B4.TIF"))
    assert not os.path.exists(tmp_path / "result.tif")


@pytest.mark.parametrize("options", ["", "|option:NUM_THREADS=2"])
@pytest.mark.parametrize("apart", [False, True])
def test_the_layer_aligned_to_is_never_written_over(run, tmp_path, sentinel2, options, apart):
    from qgis.core import QgsProcessingException, QgsRasterLayer

    root, _ = make_landsat(tmp_path, 8, 2, 2, bands=("4", "5"))
    before = open(sentinel2, "rb").read()
    output = sentinel2
    if apart:
        # The name of a band's file.
        output, sentinel2 = sentinel2, str(tmp_path / "sentinel2_SR_B5.tif")
        os.rename(output, sentinel2)
    layer = QgsRasterLayer(sentinel2 + options, "layer")
    with pytest.raises(QgsProcessingException, match="never modified"):
        run(root, ALIGN_TO=layer, OUTPUT=output, ONE_FILE_PER_BAND=apart)
    assert open(sentinel2, "rb").read() == before


def test_a_cancel_while_aligning_leaves_nothing_under_the_name(provider, tmp_path, sentinel2):
    import processing
    from qgis.core import QgsProcessingException, QgsProcessingFeedback

    class CancelWhenAligning(QgsProcessingFeedback):
        def pushInfo(self, text):
            if "Aligning" in text:
                self.cancel()

    root, _ = make_landsat(tmp_path, 8, 2, 2)
    values = {"INPUT": str(root), "MODEL": "nearest:3", "ALIGN_TO": sentinel2, "OUTPUT": str(tmp_path / "result.tif")}
    with pytest.raises(QgsProcessingException, match="cancelled"):
        processing.run("superres:superresolvelandsat", values, feedback=CancelWhenAligning(False))
    assert not (tmp_path / "result.tif").exists() and not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize("aligned", [False, True])
def test_a_cancelled_run_goes_on_where_it_stopped(provider, tmp_path, sentinel2, aligned):
    import processing
    from qgis.core import QgsProcessingException, QgsProcessingFeedback

    root, _ = make_landsat(tmp_path, 8, 2, 2)

    class CancelAfterSome(QgsProcessingFeedback):
        def setProgress(self, progress):
            super().setProgress(progress)
            if progress > 30:
                self.cancel()

    class Kept(QgsProcessingFeedback):
        def __init__(self):
            super().__init__(False)
            self.infos = []

        def pushInfo(self, info):
            self.infos.append(info)

    values = {
        "INPUT": str(root),
        "MODEL": "nearest:3",
        "TILE_SIZE": 4,
        "KEEP_PARTIAL": True,
        "OUTPUT": str(tmp_path / "result.tif"),
        **({"ALIGN_TO": sentinel2} if aligned else {}),
    }
    with pytest.raises(QgsProcessingException, match="cancelled"):
        processing.run("superres:superresolvelandsat", values, feedback=CancelAfterSome(False))
    kept = Kept()
    processing.run("superres:superresolvelandsat", values, feedback=kept)
    assert any("Going on with an interrupted run" in text for text in kept.infos)
    left = [root.name, "result.tif", "sentinel2.tif"]
    assert files_in(tmp_path) == sorted(left)


def test_the_result_is_loaded_with_its_notes(provider, tmp_path, project, feedback, sentinel2):
    import processing
    from processing.tools.dataobjects import createContext
    from qgis.core import QgsProcessingOutputLayerDefinition

    root, _ = make_landsat(tmp_path, 8, 2, 2)
    output = QgsProcessingOutputLayerDefinition(str(tmp_path / "result.tif"), project)
    values = {"INPUT": str(root), "MODEL": "nearest:3", "OUTPUT": output, "ALIGN_TO": sentinel2}
    processing.runAndLoadResults(
        "superres:superresolvelandsat", values, feedback=feedback, context=createContext(feedback)
    )
    layers = [layer for layer in project.mapLayers().values() if layer.source() == str(tmp_path / "result.tif")]
    assert [layer.name() for layer in layers] == [f"{root.name} x3"]
    assert "interpolated" in layers[0].abstract() and layers[0].bandName(1).startswith("Band 1: SR_B1")


@pytest.mark.parametrize("aligned", [False, True])
def test_a_temporary_result_is_one_file(provider, tmp_path, project, sentinel2, aligned):
    """Processing waits for each file that it makes up a name for."""
    import processing
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProcessingOutputLayerDefinition

    root, _ = make_landsat(tmp_path, 8, 2, 2)
    context = QgsProcessingContext()
    context.setProject(project)
    values = {"INPUT": str(root), "MODEL": "nearest:3", "BANDS": ["red"]}
    values["OUTPUT"] = QgsProcessingOutputLayerDefinition("TEMPORARY_OUTPUT", project)
    if aligned:
        values["ALIGN_TO"] = sentinel2
    feedback = QgsProcessingFeedback(False)
    outputs = processing.run("superres:superresolvelandsat", values, context=context, feedback=feedback)
    assert list(context.layersToLoadOnCompletion()) == [outputs["OUTPUT"]] and os.path.isfile(outputs["OUTPUT"])
    assert os.listdir(os.path.dirname(outputs["OUTPUT"])) == [os.path.basename(outputs["OUTPUT"])]


def test_broken_products_are_refused_in_one_sentence(run, tmp_path):
    from qgis.core import QgsProcessingException

    root, _ = make_landsat(tmp_path, 8, 2, 2)
    file = root / f"{root.name}_SR_B4.TIF"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(QgsProcessingException, match="SR_B4.TIF' (is cut short|cannot be opened)"):
        run(root, BANDS=["red"])
    file.unlink()
    with pytest.raises(QgsProcessingException, match="lacks the file of band red"):
        run(root, BANDS=["red"])
    (root / f"{root.name}_MTL.txt").unlink()
    with pytest.raises(QgsProcessingException, match="lacks its metadata file"):
        run(root)
    with pytest.raises(QgsProcessingException, match="does not exist"):
        run(tmp_path / "none.tar")


def test_nothing_stays_in_memory_files(run, tmp_path):
    from osgeo import gdal

    run(packed(make_landsat(tmp_path, 8, 2, 2)[0]))
    assert not gdal.ReadDir("/vsimem/superres")
