"""Private copies of the compared layers, drawn with the stretch of the reference.

Only the copies are restyled, so the layers of the project keep their look.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from qgis.core import Qgis, QgsMapLayer, QgsRasterLayer
from qgis.PyQt.QtXml import QDomDocument

from sr_plugin.processing.result_style import look_for_result, look_of
from sr_plugin.processing.translation import tr

_SYMBOLOGY = QgsMapLayer.StyleCategory.Symbology


class DrawnCopy(NamedTuple):
    """A copy of a layer that only the comparison draws.

    Attributes:
        layer: the copy; it is in no project.
        note: why it has its own stretch although that of the reference was asked for; empty where it has not.
    """

    layer: QgsRasterLayer
    note: str = ""


def drawn_copy(layer: QgsRasterLayer, reference: Optional[QgsRasterLayer]) -> DrawnCopy:
    """A copy of a layer to draw.

    Args:
        layer: a layer of the project.
        reference: the layer whose stretch it is to have; None for its own.
    """
    copy = layer.clone()
    if reference is None:
        return DrawnCopy(copy)
    bands = _bands_like(reference, copy)
    if not bands:
        return DrawnCopy(copy, tr("drawn with its own stretch, because its bands are not those of the reference"))
    if _is_byte(reference) != _is_byte(copy):
        return DrawnCopy(
            copy, tr("drawn with its own stretch, because its values have another range than those of the reference")
        )
    look = look_for_result(look_of(reference), bands)
    if look is None or not _put_on(copy, look):
        return DrawnCopy(copy, tr("drawn with its own stretch, because it lacks a band that the reference shows"))
    return DrawnCopy(copy)


def _bands_like(reference: QgsRasterLayer, layer: QgsRasterLayer) -> List[int]:
    """For each band of the layer the band of the reference that it is (0: none); empty where that is not known."""
    names, wanted = _band_names(layer), _band_names(reference)
    if all(names) and all(wanted) and len(set(wanted)) == len(wanted):
        found = [wanted.index(name) + 1 if name in wanted else 0 for name in names]
        if any(found):
            return found
    return list(range(1, layer.bandCount() + 1)) if layer.bandCount() == reference.bandCount() else []


def _band_names(layer: QgsRasterLayer) -> List[str]:
    """Descriptions of the bands, without the "Band 1: " that QGIS puts before them."""
    return [layer.bandName(number).partition(": ")[2] for number in range(1, layer.bandCount() + 1)]


def _is_byte(layer: QgsRasterLayer) -> bool:
    return layer.dataProvider().dataType(1) == Qgis.DataType.Byte


def _put_on(layer: QgsRasterLayer, look: str) -> bool:
    document = QDomDocument()
    document.setContent(look)
    done, _problem = layer.importNamedStyle(document, _SYMBOLOGY)
    return bool(done)
