"""All bands of a Sentinel-2 product equally fine, through ``processing.run`` and a worker process."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.fusion_scenes import write_fusion_model
from tests.sentinel2_products import BANDS, CORNERS, make_safe

pytestmark = pytest.mark.qgis
TWELVE = tuple(band for band in BANDS if band != "B10")
# The worker's models and QGIS know their own orders; a product's is the sensor's.
ORDER = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {g: write_fusion_model(folder / f"fuse-{g}.pth", g, seed=n) for n, g in enumerate(("20m", "60m"))}


@pytest.fixture
def run(provider, tmp_path, models):
    import processing

    def call(product, feedback=None, **parameters):
        values = {
            "INPUT": str(product),
            "TARGET": "all bands at 10 m",
            "FUSION_MODELS": "; ".join(models.values()),
            "OUTPUT": str(tmp_path / "result.tif"),
            **parameters,
        }
        return processing.run("superres:superresolvesentinel2", values, feedback=feedback)

    return call


def place_in_result(band_resolution):
    """Fine pixels by which a band's grid begins left of and above that of 10 m."""
    left, top = CORNERS[band_resolution]
    return round((CORNERS[10][0] - left) / 10), round((top - CORNERS[10][1]) / 10)


def test_twelve_bands_at_10_m(run, read_pixels, tmp_path, feedback):
    from osgeo import gdal

    root, pixels = make_safe(tmp_path, "2A", "05.00", -1000, bands=BANDS)
    outputs = run(root, feedback)
    assert outputs["BAND_NAMES"] == ",".join(ORDER) and outputs["SCALE"] == 1
    result = gdal.Open(outputs["OUTPUT"])
    assert result.GetGeoTransform() == (435730, 10, 0, 4179460, 0, -10)
    for number, name in enumerate(ORDER, start=1):
        band = result.GetRasterBand(number)
        assert band.GetDescription() == name and band.GetNoDataValue() == 0
        assert (band.GetScale(), band.GetOffset()) == (pytest.approx(1e-4), pytest.approx(-0.1))
        assert float(band.GetMetadataItem("wavelength")) > 0.4
    found = read_pixels(outputs["OUTPUT"]).astype(float)
    for name in ("B02", "B03", "B04", "B08"):
        np.testing.assert_array_equal(found[ORDER.index(name)], pixels[name])
    for name, resolution, ratio in (("B05", 20, 2), ("B12", 20, 2), ("B01", 60, 6), ("B09", 60, 6)):
        left, top = place_in_result(resolution)
        image = found[ORDER.index(name)]
        # A cell in the middle, by position: none of its pixels is a gap.
        row, column = (30 + top) // ratio, (30 + left) // ratio
        part = image[row * ratio - top :, column * ratio - left :][:ratio, :ratio]
        assert part.shape == (ratio, ratio) and part.min() > 0
        assert part.mean() == pytest.approx(pixels[name][row, column], rel=0.005)
    assert any("B10 sees clouds" in text for text in feedback.infos)
    assert outputs["CONSISTENCY_RMSE"] < 15


def test_all_bands_at_5_m_in_files_of_their_own(run, read_pixels, tmp_path):
    from osgeo import gdal

    root, _ = make_safe(tmp_path, bands=BANDS)
    outputs = run(root, TARGET="all bands at 5 m", BAND_MODEL="bicubic:2", ONE_FILE_PER_BAND=True)
    assert outputs["SCALE"] == 2 and len(outputs["FILES"].split(";")) == 12
    for path, name in zip(outputs["FILES"].split(";"), ORDER):
        assert path.endswith(f"_{name}.tif") and gdal.Open(path).GetGeoTransform()[1] == 5
    assert read_pixels(outputs["OUTPUT"]).shape == (12, 120, 120)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part.tif")]


def test_a_product_without_60_m(run, tmp_path, models):
    from qgis.core import QgsProcessingException

    root, _ = make_safe(tmp_path, bands=[b for b in BANDS if b not in ("B01", "B09", "B10")])
    with pytest.raises(QgsProcessingException, match="has no band B01|lacks the file of band B01"):
        run(root)
    assert run(root, FUSION_MODELS=models["20m"])["BAND_NAMES"] == "B02,B03,B04,B05,B06,B07,B08,B8A,B11,B12"


def test_a_missing_file_is_named(run, tmp_path):
    from qgis.core import QgsProcessingException

    root, _ = make_safe(tmp_path, bands=BANDS)
    (lost,) = root.glob("GRANULE/*/IMG_DATA/*_B8A.jp2")
    lost.unlink()
    with pytest.raises(QgsProcessingException, match=r"lacks the file of band B8A"):
        run(root)


def test_a_missing_model_is_named(run, tmp_path):
    from qgis.core import QgsProcessingException

    root, _ = make_safe(tmp_path, bands=BANDS)
    with pytest.raises(QgsProcessingException, match="no-such-model"):
        run(root, FUSION_MODELS="no-such-model")
    with pytest.raises(QgsProcessingException, match="does not make coarse bands finer"):
        run(root, FUSION_MODELS="s2-rgbn-x2")


def test_the_help_promises_means_for_10_m_only(provider):
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolvesentinel2")
    helps = algorithm.shortHelpString(), algorithm.parameterDefinition("TARGET").help()
    for text in helps:
        promised = text.index("half a percent")
        assert "differ by more" in text[promised:] and "at 5 m" in text[promised:].lower()


def test_gaps_as_a_mask_in_files_of_bands(run, tmp_path):
    from osgeo import gdal

    scene = np.full((31, 31), 4, np.uint8)
    scene[10:20, 10:20] = 9
    root, _ = make_safe(tmp_path, "2A", bands=BANDS, scene=scene)
    outputs = run(root, MASK_CLOUDS=["cloud_high"], GAPS="mask", ONE_FILE_PER_BAND=True)
    for name in (outputs["OUTPUT"], outputs["FILES"].split(";")[4]):
        dataset = gdal.Open(name)
        band = dataset.GetRasterBand(1)
        assert band.GetNoDataValue() is None and band.GetMaskFlags() == gdal.GMF_PER_DATASET
        mask = band.GetMaskBand().ReadAsArray()
        assert not mask[20:40, 19:39].any() and mask[42:50, 42:50].all()


def test_clouds_become_gaps_of_all_bands(run, read_pixels, tmp_path):
    scene = np.full((31, 31), 4, np.uint8)
    scene[10:20, 10:20] = 9
    root, _ = make_safe(tmp_path, "2A", bands=BANDS, scene=scene)
    pixels = read_pixels(run(root, MASK_CLOUDS=["cloud_high"])["OUTPUT"])
    # The grid of 20 m begins one pixel left of that of 10 m.
    assert (pixels[:, 20:40, 19:39] == 0).all()
    assert (pixels[:, 42:50, 42:50] > 0).all()
