"""What a raster's numbers stand for."""

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import ParameterError  # noqa: E402
from sr_plugin.core.radiometry import BandScaling  # noqa: E402
from sr_plugin.core.value_range import VALUE_RANGES  # noqa: E402
from sr_plugin.pipeline.quantity import ELEVATION, RADAR, other_quantity  # noqa: E402
from sr_plugin.pipeline.scaling import choose_scaling  # noqa: E402
from sr_plugin.raster.source import BandInfo  # noqa: E402

pytestmark = pytest.mark.gdal
REFLECTANCE, UNIT, DN = (VALUE_RANGES[name] for name in ("s2-10k", "unit", "dn"))


def band(pixel_type, scale=None, offset=None):
    return BandInfo(1, pixel_type, "", 0, None, scale, offset, "", (), None)


def sampler(values):
    data = np.asarray(values, float).reshape(1, 1, -1)
    return lambda: (data, np.ones(data.shape, bool))


def test_integers_are_reflectance_times_ten_thousand():
    assert choose_scaling("auto", REFLECTANCE, [band("uint16")], sampler([0])).bands == (BandScaling(1e-4),)


def test_scale_and_offset_of_the_file_come_first():
    choice = choose_scaling("auto", REFLECTANCE, [band("uint16", 1e-4, -0.1)], sampler([0]))
    assert choice.bands == (BandScaling(1e-4, -0.1),) and "scale and offset" in choice.description


@pytest.mark.parametrize("values, gain", [([0.1, 0.9, 1.1], 1.0), ([100.0, 2500.0], 1e-4)])
def test_floats_are_a_fraction_or_not(values, gain):
    assert choose_scaling("auto", REFLECTANCE, [band("float32")], sampler(values)).bands == (BandScaling(gain),)


def test_eight_bit_is_divided_by_255():
    for value_range in (REFLECTANCE, UNIT):
        assert choose_scaling("auto", value_range, [band("uint8")], sampler([0])).bands == (BandScaling(1 / 255),)


def test_display_models_get_one_window_for_all_bands():
    values = np.linspace(-100, 900, 1001).reshape(1, 1, -1).repeat(2, 0)

    def two_bands():
        return values, np.ones(values.shape, bool)

    choice = choose_scaling("auto", UNIT, [band("int16")] * 2, two_bands)
    (scaling, other) = choice.bands
    assert scaling == other
    assert -80 * scaling.gain + scaling.offset == pytest.approx(0, abs=1e-9)
    assert 880 * scaling.gain + scaling.offset == pytest.approx(1)


def test_models_of_plain_numbers_get_them_as_they_are():
    assert choose_scaling("auto", DN, [band("int16")], sampler([0])).bands == (BandScaling(),)


@pytest.mark.parametrize(
    "choice, at, expected",
    [
        ("none", 7.0, 7.0),
        ("divide:2000", 1000.0, 0.5),
        ("window:100,300", 150.0, 0.25),
        ("percentile:0,100", 5.0, 0.5),
    ],
)
def test_the_users_word(choice, at, expected):
    (scaling,) = choose_scaling(choice, UNIT, [band("uint16")], sampler([0, 10])).bands
    assert at * scaling.gain + scaling.offset == pytest.approx(expected)


@pytest.mark.parametrize(
    "choice",
    [
        "bogus",
        "divide:",
        "divide:0",
        "divide:x",
        "window:3",
        "window:5,1",
        "percentile:50,20",
        "percentile:-1,20",
        "window:nan,1",
    ],
)
def test_choices_that_cannot_be_understood(choice):
    with pytest.raises(ParameterError) as caught:
        choose_scaling(choice, UNIT, [band("uint16")], sampler([0, 10]))
    assert caught.value.hint


def test_a_raster_of_nothing_but_gaps_has_a_scaling():
    empty = (np.zeros((1, 2, 2)), np.zeros((1, 2, 2), bool))
    assert choose_scaling("auto", UNIT, [band("uint16")], lambda: empty).bands == (BandScaling(),)


def named(description, unit="", pixel_type="float32"):
    return BandInfo(1, pixel_type, description, 0, None, None, None, unit, (), None)


@pytest.mark.parametrize(
    "bands, quantity",
    [
        ([named("VV"), named("VH")], RADAR),
        ([named("Sigma0_VV_db")], RADAR),
        ([named("", "dB")], RADAR),
        ([named("DEM")], ELEVATION),
        ([named("band 1", "metre")], ELEVATION),
        ([named("B04"), named("B08")], ""),
        ([named("red"), named("VV")], ""),
        ([named("demand")], ""),
        ([named("")], ""),
    ],
)
def test_radar_and_elevation_are_told_by_name_and_unit(bands, quantity):
    assert other_quantity(bands) == quantity


def test_radar_is_mapped_to_where_the_model_saw_its_examples():
    values = np.linspace(-30, 10, 4001)
    choice = choose_scaling("auto", REFLECTANCE, [named("VV")], sampler(values))
    (scaling,) = choice.bands
    low, high = np.percentile(values, (2, 98))
    assert low * scaling.gain + scaling.offset == pytest.approx(0, abs=1e-9)
    assert high * scaling.gain + scaling.offset == pytest.approx(0.4)
    assert "radar backscatter" in choice.warning and "to 0.4" in choice.description


def test_the_users_word_comes_before_the_guess():
    choice = choose_scaling("none", REFLECTANCE, [named("VV")], sampler([0.0, 1.0]))
    assert choice.bands == (BandScaling(),) and not choice.warning
