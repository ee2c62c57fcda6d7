"""One preview: the parameters of a run, cut down to a window, through the same pipeline."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject, QgsRasterLayer, QgsReferencedRectangle

from sr_plugin.gui.preview.window import PreviewWindow
from sr_plugin.pipeline.request import SuperResolveResult
from sr_plugin.processing.result_style import apply_look, look_for_result

if TYPE_CHECKING:
    from sr_plugin.pipeline.superresolve import SessionFactory

#: What a preview leaves out: polygons cost time to read, and the rest concerns the files only.
_LEFT_OUT = {
    **{"MASK": None, "COG": False, "KEEP_PARTIAL": False, "CREATE_OPTIONS": "", "TILE_SIZE": 0},
    **{"UNCERTAINTY": None, "UNCERTAINTY_MASK": None},
}
#: Side of a tile: small enough that a cancelled preview holds up the next one for a moment only.
TILE = 256


class PreviewFeedback:
    """Lets a preview be dropped, and keeps what it warns of."""

    def __init__(self) -> None:
        self._dropped = threading.Event()
        #: For layers that are read before they are computed.
        self.reading = QgsProcessingFeedback(False)
        self.warnings: List[str] = []

    def message(self, text: str) -> None:
        """Previews keep no log."""

    def warning(self, text: str) -> None:
        """Keep a warning."""
        self.warnings.append(text)

    def progress(self, done: int, total: int, seconds_left: Optional[float]) -> None:
        """A preview is over before progress could be read."""

    def cancelled(self) -> bool:
        """True once nobody wants the preview."""
        return self._dropped.is_set()

    def drop(self) -> None:
        """Nobody wants it any more."""
        self._dropped.set()
        self.reading.cancel()


class PreviewRun:
    """A preview on its way. It is made in the GUI thread, computed in another one, and shown in the GUI thread.

    Args:
        parameters: of ``superres:superresolve``.
        source: the layer that they name.
        window: which part of it.
        output: path of the GeoTIFF to write.

    Raises:
        SuperResolutionError: when the layer cannot be used.
    """

    def __init__(self, parameters: Dict[str, Any], source: QgsRasterLayer, window: PreviewWindow, output: str) -> None:
        # Imported here, as the pipeline below is: no part of showing the dock.
        from sr_plugin.processing.superresolve import SuperResolveAlgorithm

        self.source = source
        self.window = window
        self.feedback = PreviewFeedback()
        extent = QgsReferencedRectangle(window.extent, source.crs()) if source.crs().isValid() else window.extent
        self._parameters = {**parameters, **_LEFT_OUT, "INPUT": source.id(), "EXTENT": extent, "OUTPUT": output}
        self._transforms = QgsProject.instance().transformContext()
        self._algorithm = SuperResolveAlgorithm()
        self._algorithm.initAlgorithm()
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        self._algorithm.prepare(self._parameters, context)

    def compute(self, sessions: SessionFactory) -> SuperResolveResult:
        """Run the pipeline; called in a thread.

        Args:
            sessions: where the model runs.

        Raises:
            Cancelled: when the preview was dropped.
            SuperResolutionError: naming what went wrong.
        """
        from sr_plugin.pipeline.superresolve import superresolve

        context = QgsProcessingContext()
        context.setTransformContext(self._transforms)
        with self._algorithm.readable(self._parameters, context, self.feedback.reading):
            request = replace(self._algorithm.request(self._parameters, context), tile=TILE, listed=False)
            return superresolve(request, self.feedback, sessions)

    def layer(self, result: SuperResolveResult) -> QgsRasterLayer:
        """The result as a layer that looks like its source."""
        from sr_plugin.processing.result_loading import bands_one_for_one

        look = self._algorithm.look or None
        if look is not None:
            look = look_for_result(look, bands_one_for_one(result), result.mask_band)
        # A default style costs a pass over the pixels.
        layer = QgsRasterLayer(result.output, "preview", "gdal", QgsRasterLayer.LayerOptions(look is None))
        layer.setCrs(self.source.crs())
        if look is not None:
            apply_look(layer, look)
        return layer
