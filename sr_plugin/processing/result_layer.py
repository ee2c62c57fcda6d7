"""Finishes a result when QGIS has loaded it into a project: the look of its source, and what it says of itself."""

from __future__ import annotations

from typing import List, Optional

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
)

from sr_plugin.processing.result_notes import ResultNotes, write_notes
from sr_plugin.processing.result_style import apply_look
from sr_plugin.processing.translation import tr


class ResultFinish(QgsProcessingLayerPostProcessorInterface):
    """Applies look and notes to a result.

    Args:
        look: style XML made by :func:`~sr_plugin.processing.result_style.look_for_result`, None to leave QGIS' own.
        notes: title, abstract and legend note.
    """

    #: Processing does not own post-processors; without a reference Python deletes them before they run.
    _kept: List[ResultFinish] = []

    def __init__(self, look: Optional[str], notes: ResultNotes) -> None:
        super().__init__()
        self._look = look
        self._notes = notes
        ResultFinish._kept.append(self)

    @property
    def brings_look(self) -> bool:
        """True where the layer needs no style of its own, which would cost a pass over its pixels."""
        return self._look is not None

    def postProcessLayer(  # noqa: N802 - QGIS API
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Called by Processing in the main thread."""
        if not isinstance(layer, QgsRasterLayer):
            return
        write_notes(layer, self._notes)
        problem = apply_look(layer, self._look) if self._look is not None else ""
        if problem:
            feedback.pushWarning(tr("The look of the source could not be applied to the result: {}").format(problem))
