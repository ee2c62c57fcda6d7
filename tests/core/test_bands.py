"""Finding the bands that a model wants."""

import pytest

from sr_plugin.core.bands import LayerBand, match_bands, sentinel2_band

WANTED = [sentinel2_band(name) for name in ("B04", "B03", "B02", "B08")]


def layer(*descriptions):
    return [LayerBand(i + 1, text) for i, text in enumerate(descriptions)]


@pytest.mark.parametrize(
    "bands, expected",
    [
        (layer("B02", "B03", "B04", "B08"), (3, 2, 1, 4)),
        (layer("B2", "B3", "B4", "B5", "B8", "B8A"), (3, 2, 1, 5)),
        (layer("Blue", "Green", "Red", "NIR"), (3, 2, 1, 4)),
        (layer("B8A, central wavelength 865 nm", "B4", "B3", "B2", "B8, central wavelength 842 nm"), (2, 3, 4, 5)),
        (layer("red", "green", "blue", "near infrared"), (1, 2, 3, 4)),
        ([LayerBand(i + 1, "", "", w) for i, w in enumerate((0.49, 0.56, 0.665, 0.842))], (3, 2, 1, 4)),
        (
            [LayerBand(1, "", "red"), LayerBand(2, "", "green"), LayerBand(3, "", "blue"), LayerBand(4, "nir")],
            (1, 2, 3, 4),
        ),
        (layer("", "", "", ""), None),
        (layer("B04", "B03", "B02"), None),
        (layer("B04", "B04", "B03", "B02"), None),
    ],
)
def test_matching(bands, expected):
    assert match_bands(WANTED, bands) == expected


def test_unknown_band_names_are_errors():
    with pytest.raises(KeyError):
        sentinel2_band("B99")
