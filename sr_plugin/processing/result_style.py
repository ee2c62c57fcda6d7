"""Gives a result the look of the layer that it was made from.

Two layers can only be compared when both are drawn alike: same bands, same minimum and maximum, same resampling.
The look travels as QGIS style XML: plain text may cross threads, a renderer may not.
"""

from __future__ import annotations

from typing import Optional, Sequence

from qgis.core import (
    QgsMapLayer,
    QgsRasterLayer,
    QgsReadWriteContext,
)
from qgis.PyQt.QtXml import QDomDocument, QDomElement

_BAND_ATTRIBUTES = ("redBand", "greenBand", "blueBand", "grayBand", "band")
_SYMBOLOGY = QgsMapLayer.StyleCategory.Symbology


def look_of(layer: QgsRasterLayer) -> str:
    """Style XML of a layer; empty where QGIS cannot give it."""
    document = QDomDocument("qgis")
    problem = layer.exportNamedStyle(document, QgsReadWriteContext(), _SYMBOLOGY)
    return "" if problem or layer.renderer() is None else document.toString()


def look_for_result(look: str, bands: Sequence[int], mask_band: bool = False) -> Optional[str]:
    """The look with the band numbers of the result.

    Args:
        look: style XML of the source layer.
        bands: band numbers of the source; the result holds them in this order.
        mask_band: the result marks gaps by a mask band, which QGIS shows as an alpha band behind the others.

    Returns:
        None where the source shows a band that the result does not have.
    """
    document = QDomDocument()
    document.setContent(look)
    renderers = document.elementsByTagName("rasterrenderer")
    if renderers.count() == 0:
        return None
    renderer = renderers.at(0).toElement()
    numbers = {band: position for position, band in enumerate(bands, start=1)}
    for name in _BAND_ATTRIBUTES:
        shown = _number(renderer, name)
        if shown is None or shown < 1:
            continue
        if shown not in numbers:
            return None
        renderer.setAttribute(name, str(numbers[shown]))
    # A missing alpha band only makes the result opaque, which is no reason to give up the rest of the look.
    alpha = _number(renderer, "alphaBand")
    if alpha is not None and alpha > 0:
        renderer.setAttribute("alphaBand", str(len(bands) + 1 if mask_band else numbers.get(alpha, -1)))
    _fix_minimum_and_maximum(renderer)
    return document.toString()


def apply_look(layer: QgsRasterLayer, look: str) -> str:
    """Draw a layer in a look made by :func:`look_for_result`; says what is wrong, empty where nothing is."""
    document = QDomDocument()
    document.setContent(look)
    done, problem = layer.importNamedStyle(document, _SYMBOLOGY)
    return "" if done else problem


def _number(element: QDomElement, attribute: str) -> Optional[int]:
    """An integer attribute, None where the element has none of this name."""
    text = element.attribute(attribute)
    return int(text) if text.lstrip("-").isdigit() else None


def _fix_minimum_and_maximum(renderer: QDomElement) -> None:
    """Declare minimum and maximum as set by the user, so that QGIS never stretches the result on its own."""
    limits = renderer.firstChildElement("minMaxOrigin").firstChildElement("limits")
    if not limits.isNull():
        limits.firstChild().setNodeValue("None")
