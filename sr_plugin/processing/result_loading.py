"""What becomes of a run's files when they are loaded into a project: names, looks and notes."""

from __future__ import annotations

import datetime
import os
from typing import TYPE_CHECKING, Tuple

from qgis.core import QgsProcessingContext

from sr_plugin.pipeline.request import SuperResolveRequest, SuperResolveResult
from sr_plugin.processing.result_style import look_for_result
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.processing.superresolve import SuperResolveAlgorithm


def bands_one_for_one(result: SuperResolveResult) -> Tuple[int, ...]:
    """Source band of each band of the result; empty where they are others, as in a translation."""
    return result.source_bands if len(result.source_bands) == result.bands else ()


class ResultLoading:
    """Prepares the loading of a run's files; what is not loaded is left alone.

    Args:
        algorithm: what was run; it names the results.
        context: of the run.
        layer_name: name of the input layer, empty where it has none.
        look: style XML of the input, empty where it has none that fits a result.
    """

    def __init__(
        self, algorithm: SuperResolveAlgorithm, context: QgsProcessingContext, layer_name: str, look: str
    ) -> None:
        self._algorithm = algorithm
        self._context = context
        self._layer_name = layer_name
        self._look = look

    def prepare(self, request: SuperResolveRequest, result: SuperResolveResult) -> None:
        """Give the layers their names and looks.

        Args:
            request: what was asked for.
            result: what it gave.
        """
        self._prepare_result(request, result)
        self._prepare_beside(result.uncertainty, "UNCERTAINTY", tr("{layer} x{scale} uncertainty"), result.scale)
        self._prepare_beside(result.uncertainty_mask, "UNCERTAINTY_MASK", tr("{layer} x{scale} bicubic"), result.scale)

    def _prepare_result(self, request: SuperResolveRequest, result: SuperResolveResult) -> None:
        if not self._context.willLoadLayerOnCompletion(result.output):
            return
        # Imported here, as the looks below are: only a desktop needs them, and only after a run.
        from sr_plugin.processing.result_layer import ResultFinish
        from sr_plugin.processing.result_notes import notes_of

        self._name(result.output, "OUTPUT", self._algorithm.result_name(result))
        look = look_for_result(self._look, bands_one_for_one(result), result.mask_band) if self._look else None
        notes = notes_of(result, self._layer_name or os.path.basename(request.input), datetime.date.today())
        self._context.layerToLoadOnCompletionDetails(result.output).setPostProcessor(ResultFinish(look, notes))

    def _prepare_beside(self, path: str, parameter: str, name: str, scale: int) -> None:
        if not path or not self._context.willLoadLayerOnCompletion(path):
            return
        from sr_plugin.processing.edge_style import PalettedLook
        from sr_plugin.processing.uncertainty_style import UncertaintyLook, replaced_legend

        self._name(path, parameter, name.format(layer=self._layer_name, scale=scale))
        look = UncertaintyLook() if parameter == "UNCERTAINTY" else PalettedLook(replaced_legend())
        self._context.layerToLoadOnCompletionDetails(path).setPostProcessor(look)

    def _name(self, path: str, parameter: str, name: str) -> None:
        """Several results with one and the same name could not be told apart in the layer tree."""
        details = self._context.layerToLoadOnCompletionDetails(path)
        if self._layer_name and details.name == self._algorithm.parameterDefinition(parameter).description():
            details.name = name
