"""The algorithm for Sentinel-2 products through ``processing.run``."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from tests.sentinel2_products import make_safe, zipped

pytestmark = pytest.mark.qgis

PARAMETERS = (
    "INPUT TARGET BANDS MODEL EXTENT MASK MASK_CLOUDS DEVICE PRECISION OUTPUT_TYPE CONSISTENCY GAPS "
    "ONE_FILE_PER_BAND FUSION_MODELS BAND_MODEL TILE_SIZE MARGIN NORMALISATION OTHER_BANDS EXACT NODATA KEEP_PARTIAL "
    "COG CREATE_OPTIONS OUTPUT"
).split()
FOUR = ("B04", "B03", "B02", "B08")


@pytest.fixture
def run(provider, tmp_path):
    import processing

    def call(product, feedback=None, context=None, **parameters):
        values = {"INPUT": str(product), "MODEL": "nearest:2", "OUTPUT": str(tmp_path / "result.tif"), **parameters}
        return processing.run("superres:superresolvesentinel2", values, feedback=feedback, context=context)

    return call


def enlarged(pixels, factor=2):
    return pixels.repeat(factor, axis=-2).repeat(factor, axis=-1)


def test_what_the_algorithm_declares(provider):
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolvesentinel2")
    definitions = algorithm.parameterDefinitions()
    assert [p.name() for p in definitions] == PARAMETERS
    assert [p.name() for p in definitions if not p.help()] == []
    assert not algorithm.icon().isNull() and "does not measure it" in algorithm.shortHelpString()
    for parameter in definitions:
        if parameter.defaultValue() is not None:
            assert parameter.checkValueIsAcceptable(parameter.defaultValue()), parameter.name()
    assert algorithm.parameterDefinition("BANDS").defaultValue() == list(FOUR)


@pytest.mark.parametrize("how", ["folder", "zip", "xml"])
def test_pixels_names_and_scaling(run, read_pixels, tmp_path, how):
    from osgeo import gdal

    root, pixels = make_safe(tmp_path, "2A", "05.00", -1000)
    name = {"folder": root, "zip": zipped(root), "xml": root / "MTD_MSIL2A.xml"}[how]
    outputs = run(name)
    result = gdal.Open(outputs["OUTPUT"])
    for number, band in enumerate(FOUR, start=1):
        written = result.GetRasterBand(number)
        np.testing.assert_array_equal(written.ReadAsArray(), enlarged(pixels[band]))
        assert written.GetDescription() == band and written.GetNoDataValue() == 0
        assert (written.GetScale(), written.GetOffset()) == (pytest.approx(1e-4), pytest.approx(-0.1))
        assert float(written.GetMetadataItem("wavelength")) > 0.4
    assert result.RasterCount == 4 and result.GetGeoTransform() == (435730, 5, 0, 4179460, 0, -5)
    assert result.GetMetadataItem("SR_SOURCE") == root.name
    assert outputs["BAND_NAMES"] == "B04,B03,B02,B08" and outputs["FILES"] == outputs["OUTPUT"]


def test_bands_in_any_order_go_to_the_model_in_its_own(run, read_pixels, tmp_path, feedback):
    """A shipped model expects B04, B03, B02, B08, and bands of a product are known by name."""
    root, _ = make_safe(tmp_path, "1C", "04.00", -1000)
    usual = read_pixels(run(root, MODEL="s2-rgbn-x2")["OUTPUT"])
    other = run(
        root,
        feedback,
        MODEL="s2-rgbn-x2",
        BANDS=["B02", "B03", "B04", "B08"],
        OUTPUT=str(tmp_path / "other.tif"),
    )
    assert other["BAND_NAMES"] == "B04,B03,B02,B08"
    np.testing.assert_array_equal(read_pixels(other["OUTPUT"]), usual)
    assert any("reflectance by the scale and offset of the bands" in text for text in feedback.infos)


def test_bands_of_20_m(run, read_pixels, tmp_path):
    from osgeo import gdal

    root, pixels = make_safe(tmp_path, bands=("B04", "B05", "B8A"))
    result = run(root, BANDS=["B8A", "B05"])["OUTPUT"]
    np.testing.assert_array_equal(read_pixels(result), enlarged(np.stack([pixels["B8A"], pixels["B05"]])))
    assert gdal.Open(result).GetGeoTransform() == (435720, 10, 0, 4179460, 0, -10)


def test_other_resolutions_are_refused_or_carried(run, tmp_path):
    from osgeo import gdal
    from qgis.core import QgsProcessingException

    root, pixels = make_safe(tmp_path)
    with pytest.raises(QgsProcessingException, match=r"differ in resolution: B8A \(20 m\), B09 \(60 m\)"):
        run(root, BANDS=["B04", "B8A", "B09"])
    outputs = run(root, BANDS=["B09", "B04", "B8A"], OTHER_BANDS="enlarge")
    assert outputs["BAND_NAMES"] == "B04,B09,B8A"
    result = gdal.Open(outputs["OUTPUT"])
    np.testing.assert_array_equal(result.GetRasterBand(1).ReadAsArray(), enlarged(pixels["B04"]))
    carried = result.GetRasterBand(3).ReadAsArray()[16:104, 18:102].astype(float)
    # The mean over a band's own pixels survives interpolation nearly: 4 x 4 pixels of the result are one of 20 m.
    means = carried.reshape(22, 4, 21, 4).mean(axis=(1, 3))
    original = pixels["B8A"][4:26, 5:26].astype(float)
    assert np.corrcoef(means.ravel(), original.ravel())[0, 1] > 0.95


def test_a_model_for_other_bands_is_refused(run, tmp_path):
    from qgis.core import QgsProcessingException

    root, _ = make_safe(tmp_path)
    with pytest.raises(QgsProcessingException, match="expects B04, B03, B02, B08, but the chosen bands are B8A"):
        run(root, MODEL="s2-rgbn-x2", BANDS=["B8A"])


def test_without_bands_the_model_chooses(run, tmp_path):
    root, _ = make_safe(tmp_path)
    assert run(root, MODEL="s2-rgbn-x2", BANDS=[])["BAND_NAMES"] == "B04,B03,B02,B08"
    assert run(root, BANDS=[])["BAND_NAMES"] == "B02,B03,B04,B08"


def test_extent_and_masked_classes(run, read_pixels, tmp_path):
    scene = np.full((31, 31), 4, np.uint8)
    scene[10:14, 10:14] = 9
    root, pixels = make_safe(tmp_path, "2A", "05.00", -1000, FOUR, scene)
    expected = np.stack([pixels[band] for band in FOUR])
    expected[:, 20:28, 19:27] = 0
    whole = run(root, MASK_CLOUDS=["cloud_high", "cloud_shadow"])["OUTPUT"]
    np.testing.assert_array_equal(read_pixels(whole), enlarged(expected))
    extent = "435830,436130,4179060,4179360 [EPSG:32618]"
    part = run(root, MASK_CLOUDS=["cloud_high"], EXTENT=extent, OUTPUT=str(tmp_path / "part.tif"))["OUTPUT"]
    np.testing.assert_array_equal(read_pixels(part), enlarged(expected[:, 10:40, 10:40]))


def test_gaps_as_a_mask(run, read_pixels, tmp_path):
    """Values of all bands stay, and the classes are in a mask that they share."""
    from osgeo import gdal

    scene = np.full((31, 31), 4, np.uint8)
    scene[10:14, 10:14] = 9
    root, pixels = make_safe(tmp_path, "2A", "05.00", -1000, FOUR, scene)
    outputs = run(root, MASK_CLOUDS=["cloud_high"], GAPS="mask", ONE_FILE_PER_BAND=True, COG=True)
    gap = np.zeros((120, 120), bool)
    gap[40:56, 38:54] = True
    gap[:4, :4] = True
    for result in (outputs["FILES"].split(";")[0], outputs["OUTPUT"]):
        dataset = gdal.Open(result)
        band = dataset.GetRasterBand(1)
        assert band.GetNoDataValue() is None and band.GetMaskFlags() == gdal.GMF_PER_DATASET
        np.testing.assert_array_equal(band.GetMaskBand().ReadAsArray() == 0, gap)
        np.testing.assert_array_equal(band.ReadAsArray(), np.where(gap, 0, enlarged(pixels["B04"])))
    file = gdal.Open(outputs["FILES"].split(";")[0])
    assert file.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"


def test_one_file_per_band(run, read_pixels, tmp_path):
    from osgeo import gdal

    root, pixels = make_safe(tmp_path, "1C", "04.00", -1000)
    outputs = run(root, ONE_FILE_PER_BAND=True, CREATE_OPTIONS="COMPRESS=LZW")
    files = outputs["FILES"].split(";")
    assert [os.path.basename(f) for f in files] == [f"result_{band}.tif" for band in FOUR]
    assert outputs["OUTPUT"] == str(tmp_path / "result.vrt") and not (tmp_path / "result.tif").exists()
    for file, band in zip(files, FOUR):
        dataset = gdal.Open(file)
        np.testing.assert_array_equal(dataset.ReadAsArray(), enlarged(pixels[band]))
        assert dataset.GetRasterBand(1).GetDescription() == band
        assert dataset.GetRasterBand(1).GetOffset() == pytest.approx(-0.1)
        assert dataset.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == "LZW"
        assert dataset.GetMetadataItem("SR_MODEL") == "nearest:2"
    np.testing.assert_array_equal(read_pixels(outputs["OUTPUT"]), enlarged(np.stack([pixels[band] for band in FOUR])))
    virtual = gdal.Open(outputs["OUTPUT"])
    assert virtual.GetRasterBand(4).GetDescription() == "B08"
    assert virtual.GetRasterBand(4).GetScale() == pytest.approx(1e-4)
    assert sorted(os.listdir(tmp_path)) == sorted([root.name, "result.vrt", *map(os.path.basename, files)])


def test_one_file_per_band_never_takes_the_place_of_a_band_file(run, tmp_path):
    from qgis.core import QgsProcessingException

    root, _ = make_safe(tmp_path, driver="GTiff")
    for file in root.rglob("IMG_DATA/*_B0?.jp2"):
        shutil.copy(file, tmp_path / f"{file.stem}.tif")
    bands = sorted(str(f) for f in tmp_path.glob("*.tif"))
    before = [open(f, "rb").read() for f in bands]
    output = bands[0].replace("_B02.tif", ".tif")
    with pytest.raises(QgsProcessingException, match="never modified"):
        run(";".join(bands), OUTPUT=output, ONE_FILE_PER_BAND=True)
    assert [open(f, "rb").read() for f in bands] == before and not os.path.exists(output)


@pytest.mark.parametrize("apart", [False, True])
def test_the_result_is_loaded_as_one_layer_with_its_notes(provider, tmp_path, project, feedback, apart):
    import processing
    from processing.tools.dataobjects import createContext
    from qgis.core import QgsProcessingOutputLayerDefinition

    root, _ = make_safe(tmp_path)
    output = QgsProcessingOutputLayerDefinition(str(tmp_path / "result.tif"), project)
    values = {"INPUT": str(root), "MODEL": "nearest:2", "OUTPUT": output, "ONE_FILE_PER_BAND": apart}
    processing.runAndLoadResults(
        "superres:superresolvesentinel2", values, feedback=feedback, context=createContext(feedback)
    )
    (layer,) = project.mapLayers().values()
    assert layer.source() == str(tmp_path / ("result.vrt" if apart else "result.tif"))
    assert layer.name() == f"{root.name} x2" and "interpolated" in layer.abstract()
    assert layer.bandName(1).startswith("Band 1: B04")


def test_broken_products_are_refused_in_one_sentence(run, tmp_path):
    from qgis.core import QgsProcessingException

    root, _ = make_safe(tmp_path)
    next(root.rglob("IMG_DATA/*_B08.jp2")).unlink()
    with pytest.raises(QgsProcessingException, match="lacks the file of band B08"):
        run(root)
    (root / "MTD_MSIL1C.xml").unlink()
    with pytest.raises(QgsProcessingException, match="lacks its metadata file"):
        run(root)
    with pytest.raises(QgsProcessingException, match="does not exist"):
        run(tmp_path / "none.SAFE")


def test_parameters_are_checked_before_the_run(provider, tmp_path):
    from qgis.core import QgsApplication, QgsProcessingContext

    algorithm = QgsApplication.processingRegistry().createAlgorithmById("superres:superresolvesentinel2")
    root, _ = make_safe(tmp_path)
    values = {"INPUT": str(root), "MODEL": "nearest:2", "OUTPUT": str(tmp_path / "a.tif")}
    assert algorithm.checkParameterValues(values, QgsProcessingContext()) == (True, "")
    fine, problem = algorithm.checkParameterValues({**values, "INPUT": str(tmp_path)}, QgsProcessingContext())
    assert not fine or "lacks" not in problem
    fine, problem = algorithm.checkParameterValues({**values, "INPUT": "/nowhere.SAFE"}, QgsProcessingContext())
    assert not fine and "does not exist" in problem


def test_a_cancelled_run_goes_on_where_it_stopped(provider, tmp_path, read_pixels):
    """The stack has the same name in every run, so that the journal knows it again."""
    import processing
    from qgis.core import QgsProcessingException, QgsProcessingFeedback

    root, pixels = make_safe(tmp_path)

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
        "MODEL": "nearest:2",
        "TILE_SIZE": 8,
        "KEEP_PARTIAL": True,
        "OUTPUT": str(tmp_path / "result.tif"),
    }
    with pytest.raises(QgsProcessingException, match="cancelled"):
        processing.run("superres:superresolvesentinel2", values, feedback=CancelAfterSome(False))
    kept = Kept()
    result = processing.run("superres:superresolvesentinel2", values, feedback=kept)["OUTPUT"]
    assert any("Going on with an interrupted run" in text for text in kept.infos)
    np.testing.assert_array_equal(read_pixels(result), enlarged(np.stack([pixels[band] for band in FOUR])))


def test_nothing_stays_in_memory_files(run, tmp_path):
    from osgeo import gdal

    root, _ = make_safe(tmp_path)
    run(root)
    assert not gdal.ReadDir("/vsimem/superres")
