"""Whether a raster fits a model, told before the run."""

from dataclasses import replace

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.bands import sentinel2_band  # noqa: E402
from sr_plugin.core.card import ModelCard  # noqa: E402
from sr_plugin.core.grid import Grid  # noqa: E402
from sr_plugin.core.value_range import VALUE_RANGES  # noqa: E402
from sr_plugin.pipeline.match_check import check_match, ground_sampling_distance  # noqa: E402
from sr_plugin.raster.source import BandInfo, RasterSource  # noqa: E402

pytestmark = pytest.mark.gdal
CARD = ModelCard(
    "m", "m", "f", 2, input_bands=tuple(map(sentinel2_band, ("B04", "B03", "B02", "B08"))), gsd_m=(10.0, 10.0),
    value_range=VALUE_RANGES["s2-10k"],
)  # fmt: skip


def bands(pixel_type="uint16", names=("B04", "B03", "B02", "B08")):
    return [BandInfo(i + 1, pixel_type, name, 0, None, None, None, "", (), None) for i, name in enumerate(names)]


def utm(size):
    from osgeo import osr

    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32618)
    return Grid(9, 9, (0, size, 0, 0, 0, -size), reference.ExportToWkt())


def geographic(size):
    from osgeo import osr

    reference = osr.SpatialReference()
    reference.ImportFromEPSG(4326)
    return Grid(9, 9, (0, size, 0, 0, 0, -size), reference.ExportToWkt())


def test_a_raster_that_fits_gives_no_word():
    assert check_match(CARD, utm(10.0), bands()) == []
    assert check_match(CARD, utm(19.0), bands()) == []


@pytest.mark.parametrize("size, told", [(0.5, "0.5 m"), (30.0, "30 m")])
def test_another_resolution_is_told_with_the_figure(size, told):
    (sentence,) = check_match(CARD, utm(size), bands())
    assert told in sentence and "10 m" in sentence and "resample" in sentence


def test_eight_bit_is_told():
    (sentence,) = check_match(CARD, utm(10.0), bands("uint8"))
    assert "8-bit" in sentence and "Use " in sentence


def test_eight_bit_is_well_for_a_model_of_any_scale():
    assert check_match(replace(CARD, value_range=VALUE_RANGES["any-scale"]), utm(10.0), bands("uint8")) == []


def test_a_wrong_order_is_told_with_the_right_one():
    (sentence,) = check_match(CARD, utm(10.0), bands(names=("B02", "B03", "B04", "B08")))
    assert "choose 3, 2, 1, 4 instead of 1, 2, 3, 4" in sentence


def test_geographic_coordinates_are_told():
    (sentence,) = check_match(CARD, geographic(10 / 111_320), bands())
    assert "geographic" in sentence and "Reproject" in sentence


def test_ground_sampling_distance():
    assert ground_sampling_distance(utm(20.0)) == pytest.approx(20.0)
    assert ground_sampling_distance(geographic(0.0001)) == pytest.approx(11.132)
    assert ground_sampling_distance(Grid(3, 3)) is None


def test_feet_are_brought_to_metres(make_raster):
    from osgeo import osr

    reference = osr.SpatialReference()
    reference.ImportFromEPSG(2227)
    path = make_raster(np.zeros((3, 3), np.uint8), wkt=reference.ExportToWkt())
    assert ground_sampling_distance(RasterSource(path).grid) == pytest.approx(10 * 1200 / 3937)


def test_a_run_passes_the_warnings_on(run, make_raster, scene, recorder):
    path = make_raster(scene, geotransform=(0, 60, 0, 0, 0, -60), descriptions=["", "", "", ""])
    run(path, "s2-rgbn-x2", feedback=recorder)
    assert any("60 m" in text for text in recorder.warnings)
    assert any("taken in order" in text for text in recorder.warnings)
