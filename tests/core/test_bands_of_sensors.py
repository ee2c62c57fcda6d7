"""Finding a model's bands in layers of other sensors."""

import pytest

from sr_plugin.core.bands import LayerBand, match_bands, sentinel2_band
from sr_plugin.core.card import BandSpec
from sr_plugin.core.sensors import SENSORS, sensor_in_text, sensor_of_metadata

RGBN = [sentinel2_band(name) for name in ("B04", "B03", "B02", "B08")]


def layer(*descriptions, sensor="", waves=()):
    return [
        LayerBand(i + 1, text, wavelength_um=waves[i] if waves else None, sensor=sensor)
        for i, text in enumerate(descriptions)
    ]


@pytest.mark.parametrize(
    "bands, expected",
    [
        # Landsat 8 and 9, Collection 2
        (layer("SR_B2", "SR_B3", "SR_B4", "SR_B5"), (3, 2, 1, 4)),
        (layer("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7"), (4, 3, 2, 5)),
        # Landsat 5 and 7: band 4 is the near infrared
        (layer("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7"), (3, 2, 1, 4)),
        (layer("SR_B1", "SR_B2", "SR_B3", "SR_B4"), (3, 2, 1, 4)),
        (layer("B1", "B2", "B3", "B4", "B5", "B7", sensor="landsat-tm"), (3, 2, 1, 4)),
        (layer("B1", "B2", "B3", "B4", "B5", "B6", "B7", sensor="landsat-oli"), (4, 3, 2, 5)),
        (layer("Landsat 7 B1", "Landsat 7 B2", "Landsat 7 B3", "Landsat 7 B4"), (3, 2, 1, 4)),
        # the names say Sentinel-2, the wavelengths Landsat 5
        (layer("B1", "B2", "B3", "B4", waves=(0.485, 0.56, 0.66, 0.83)), (3, 2, 1, 4)),
        # PlanetScope
        (layer("blue", "green", "red", "nir"), (3, 2, 1, 4)),
        (layer("coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge", "nir"), (6, 4, 2, 8)),
        (layer("", "", "", "", sensor="planetscope4"), (3, 2, 1, 4)),
        (layer(*[""] * 8, sensor="planetscope8"), (6, 4, 2, 8)),
        # NAIP, colours by GDAL and by order
        (layer("Red", "Green", "Blue", "NIR"), (1, 2, 3, 4)),
        (layer("", "", "", "", sensor="naip"), (1, 2, 3, 4)),
        # WorldView
        (layer("Coastal", "Blue", "Green", "Yellow", "Red", "Red Edge", "NIR1", "NIR2"), (5, 3, 2, 7)),
        (layer(*[""] * 8, sensor="worldview8"), (5, 3, 2, 7)),
        # words around the name
        (layer("Band 2 - Blue", "Band 3 - Green", "Band 4 - Red", "Band 8 - Near Infrared"), (3, 2, 1, 4)),
        (layer("Band 2", "Band 3", "Band 4", "Band 8"), (3, 2, 1, 4)),
        (layer("Red Edge 1 (705 nm)", "490 nm", "560 nm", "665 nm", "842 nm"), (4, 3, 2, 5)),
        (layer(*[""] * 4, waves=(0.49, 0.565, 0.635, 0.865)), (3, 2, 1, 4)),
        # GDAL's way to say that there is no name
        (layer("Band 1", "Band 2", "Band 3", "Band 4"), None),
        (layer("Band 1", "Band 2", "Band 3", "Band 4", sensor="landsat-tm"), (3, 2, 1, 4)),
        # a red edge is no red, a second near infrared no first one
        (layer("Blue", "Green", "Red Edge", "NIR"), None),
        (layer("B1", "B2", "B3", "B5", "B6", "B7", "B8", sensor="landsat-oli"), None),
    ],
)
def test_red_green_blue_and_near_infrared(bands, expected):
    assert match_bands(RGBN, bands) == expected


def test_a_model_for_landsat_takes_landsats_own_names():
    wanted = [BandSpec("B5", "nir08", 0.865), BandSpec("B4", "red", 0.655)]
    assert match_bands(wanted, layer("B3", "B4", "B5", sensor="landsat-oli")) == (3, 2)


def test_the_ten_bands_of_sentinel2():
    names = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
    wanted = [sentinel2_band(name) for name in reversed(names)]
    assert match_bands(wanted, layer(*names)) == tuple(range(10, 0, -1))
    waves = tuple(sentinel2_band(name).wavelength_um for name in names)
    assert match_bands(wanted, layer(*[""] * 10, waves=waves)) == tuple(range(10, 0, -1))


@pytest.mark.parametrize(
    "metadata, bands, expected",
    [
        ({"SPACECRAFT_ID": "LANDSAT_8"}, 7, "landsat-oli"),
        ({"SPACECRAFT_ID": "LANDSAT_5", "SENSOR_ID": "TM"}, 6, "landsat-tm"),
        ({"DATATAKE_1_SPACECRAFT_NAME": "Sentinel-2B"}, 4, "sentinel2"),
        ({"SATELLITEID": "WV02"}, 8, "worldview8"),
        ({"SATELLITEID": "WV03"}, 4, "worldview4"),
        ({"instrument": "PSB.SD"}, 8, "planetscope8"),
        ({"instrument": "PS2"}, 4, "planetscope4"),
        ({"AREA_OR_POINT": "Area"}, 4, ""),
        ({}, 0, ""),
    ],
)
def test_the_sensor_by_metadata(metadata, bands, expected):
    assert sensor_of_metadata(metadata, bands) == expected


def test_tables_are_sound():
    for sensor in SENSORS:
        assert all(common and 0.4 < wavelength < 13 for common, wavelength in sensor.bands.values())
        assert sensor_in_text("a plain text about nothing") == ""
