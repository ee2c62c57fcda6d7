"""The tiles of an evaluation as a map layer: fields, features and look."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, List, Sequence

import numpy as np
from qgis.core import (
    QgsFeature,
    QgsField,
    QgsFields,
    QgsFillSymbol,
    QgsGeometry,
    QgsGraduatedSymbolRenderer,
    QgsMapLayer,
    QgsPointXY,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRendererRange,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QVariant

from sr_plugin.core.evaluation import BICUBIC

if TYPE_CHECKING:
    from sr_plugin.pipeline.evaluation_request import EvaluatedTile, EvaluateResult

#: Figures of a tile that the layer holds for every raster.
_METRICS = ("psnr", "ssim", "sam", "rmse", "hallucination")
_SHORT = {"hallucination": "halluc"}
#: From little error to much (ColorBrewer's YlOrRd with five classes, safe for colour-blind readers).
_COLOURS = ("255,255,178", "254,204,92", "253,141,60", "240,59,32", "189,0,38")
#: The field that the layer is coloured by.
ERROR_FIELD = "rmse_1"


def _suffix(candidate: str) -> str:
    """``b`` for bicubic, else the place of the result from 1; shapefiles cut names at ten letters."""
    return "b" if candidate == BICUBIC else candidate[len("result") :] or "1"


def tile_fields(candidates: Sequence[str]) -> QgsFields:
    """Number of the tile, its place, what counts, figures of each raster, and the gain of the first result."""
    fields = QgsFields()
    for name in ("tile", "column", "row", "pixels"):
        fields.append(QgsField(name, QVariant.Type.Int))
    for candidate in candidates:
        for key in _METRICS:
            fields.append(QgsField(f"{_SHORT.get(key, key)}_{_suffix(candidate)}", QVariant.Type.Double))
    fields.append(QgsField("gain", QVariant.Type.Double))
    return fields


def tile_features(result: EvaluateResult) -> List[QgsFeature]:
    """One polygon for each tile; figures that do not apply are null."""
    fields = tile_fields(list(result.figures))
    return [_feature(number, tile, result, fields) for number, tile in enumerate(result.tiles, start=1)]


def _feature(number: int, tile: EvaluatedTile, result: EvaluateResult, fields: QgsFields) -> QgsFeature:
    window = tile.window
    corners = ((window.col, window.row), (window.right, window.row))
    corners += ((window.right, window.bottom), (window.col, window.bottom))
    feature = QgsFeature(fields)
    feature.setGeometry(QgsGeometry.fromPolygonXY([[QgsPointXY(*result.grid.to_map(*place)) for place in corners]]))
    seen = result.placed(window)
    values: List[object] = [number, seen.col, seen.row, next(iter(tile.figures.values())).pixels]
    for figures in tile.figures.values():
        values += [_known(figures.overall[key]) for key in _METRICS]
    psnr = [tile.figures[name].overall["psnr"] for name in ("result", BICUBIC)]
    values.append(_known(psnr[0] - psnr[1]))
    feature.setAttributes(values)
    return feature


def _known(value: float) -> object:
    return value if math.isfinite(value) else None


class TileLook(QgsProcessingLayerPostProcessorInterface):
    """Colours the tiles by the error of the first result, a fifth of them in each class.

    Args:
        errors: of all tiles.
        title: of the first result.
    """

    #: Processing does not own post-processors; without a reference Python deletes them before they run.
    _kept: List[TileLook] = []

    def __init__(self, errors: Sequence[float], title: str) -> None:
        super().__init__()
        known = [value for value in errors if math.isfinite(value)]
        self._breaks = list(np.quantile(known, np.linspace(0, 1, len(_COLOURS) + 1))) if known else []
        self._title = title
        TileLook._kept.append(self)

    def postProcessLayer(  # noqa: N802 - QGIS API
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Called by Processing in the main thread."""
        if not isinstance(layer, QgsVectorLayer) or not self._breaks:
            return
        ranges = []
        for place, colour in enumerate(_COLOURS):
            low, high = self._breaks[place], self._breaks[place + 1]
            look = {"color": f"{colour},170", "outline_color": "90,90,90,160", "outline_width": "0.15"}
            symbol = QgsFillSymbol.createSimple(look)
            ranges.append(QgsRendererRange(low, high, symbol, f"RMSE {low:.4g} - {high:.4g}"))
        layer.setRenderer(QgsGraduatedSymbolRenderer(ERROR_FIELD, ranges))
        layer.setName(f"{layer.name()}: {self._title}")
