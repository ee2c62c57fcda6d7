"""How bands are called in the dock: those that a model wants, and those that a layer has."""

from __future__ import annotations

from typing import Dict

from sr_plugin.core.bands import LayerBand
from sr_plugin.core.card import BandSpec
from sr_plugin.processing.translation import tr


def _colours() -> Dict[str, str]:
    return {
        "coastal": tr("Coastal"),
        "blue": tr("Blue"),
        "green": tr("Green"),
        "yellow": tr("Yellow"),
        "red": tr("Red"),
        "rededge071": tr("Red edge 1"),
        "rededge075": tr("Red edge 2"),
        "rededge078": tr("Red edge 3"),
        "nir": tr("Near infrared"),
        "nir08": tr("Narrow near infrared"),
        "nir09": tr("Water vapour"),
        "cirrus": tr("Cirrus"),
        "swir16": tr("Short-wave infrared 1"),
        "swir22": tr("Short-wave infrared 2"),
        "pan": tr("Panchromatic"),
    }


def wanted_name(spec: BandSpec) -> str:
    """A model's band, such as ``Red (B04)``."""
    colour = _colours().get(spec.common_name, spec.common_name)
    if not colour or colour.lower() == spec.name.lower():
        return spec.name[:1].upper() + spec.name[1:]
    return f"{colour} ({spec.name})"


def wanted_tooltip(spec: BandSpec) -> str:
    """What the model expects there, with the wavelength where it is known."""
    text = tr("Band of the layer that the model gets as {}").format(wanted_name(spec))
    return f"{text}, {1000 * spec.wavelength_um:.0f} nm" if spec.wavelength_um else text


def layer_band_name(band: LayerBand) -> str:
    """A layer's band, such as ``1: B04 (665 nm)``."""
    text = band.description or (band.colour.capitalize() if band.colour in ("red", "green", "blue", "gray") else "")
    wavelength = f"{1000 * band.wavelength_um:.0f} nm" if band.wavelength_um else ""
    if not text:
        text, wavelength = wavelength or tr("Band {}").format(band.number), ""
    return f"{band.number}: {text}" + (f" ({wavelength})" if wavelength else "")
