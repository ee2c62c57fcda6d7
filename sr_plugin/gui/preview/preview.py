"""The preview: what the map shows, super-resolved and drawn over it."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from typing import TYPE_CHECKING, Any, Dict, Optional

from qgis.core import QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QEvent, QObject, Qt, QTimer, pyqtSignal

from sr_plugin.core.errors import SourceNotFound, SuperResolutionError
from sr_plugin.gui.background import Background
from sr_plugin.gui.connections import Connections
from sr_plugin.gui.preview.overlay import PreviewOverlay
from sr_plugin.gui.preview.preview_run import PreviewRun
from sr_plugin.gui.preview.window import PreviewWindow, preview_window
from sr_plugin.processing import settings
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.pipeline.request import SuperResolveResult

#: Milliseconds for which the map must rest before a preview follows it, and before its picture is rendered anew.
_FOLLOW_DELAY = 400
_RENDER_DELAY = 40
_LANE = "preview"


class Preview(QObject):
    """Super-resolves what the canvas shows of a layer and draws it over the map.

    A newer preview drops an older one that is still on its way. The worker stays alive between previews.

    Args:
        canvas: the map.
        parent: Qt parent.

    Attributes:
        state_changed: emitted with a text for the user and whether a preview is on its way.
        failed: emitted with what went wrong with a preview that was asked for by hand.
    """

    state_changed = pyqtSignal(str, bool)
    failed = pyqtSignal(str)

    def __init__(self, canvas: QgsMapCanvas, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._background = Background(self)
        self._sessions: Optional[Any] = None
        self._folder = ""
        self._numbers = itertools.count()
        self._parameters: Dict[str, Any] = {}
        self._follow = False
        self._coming: Optional[PreviewRun] = None
        self._shown: Optional[PreviewWindow] = None
        self._layer: Optional[QgsRasterLayer] = None
        self._overlay: Optional[PreviewOverlay] = None
        self._started = 0.0
        self._by_hand = False
        self.seconds = 0.0
        self._canvas_signals = Connections()
        self._source_signals = Connections()
        self._follow_timer = self._timer(_FOLLOW_DELAY, self._catch_up)
        self._render_timer = self._timer(_RENDER_DELAY, self._render)

    def _timer(self, delay: int, slot: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(delay)
        timer.timeout.connect(slot)
        return timer

    @property
    def overlay(self) -> Optional[PreviewOverlay]:
        """What is drawn over the map; None while there is no preview."""
        return self._overlay

    @property
    def busy(self) -> bool:
        """True while a preview is on its way."""
        return self._coming is not None

    def show(self, parameters: Dict[str, Any]) -> None:
        """Make a preview with the parameters of a run (``superres:superresolve``)."""
        source = parameters.get("INPUT")
        # By its id, which outlives the layer.
        self._parameters = {**parameters, "INPUT": source.id() if isinstance(source, QgsMapLayer) else str(source)}
        self._shown = None
        self._by_hand = True
        self._start()

    def set_follow(self, follow: bool) -> None:
        """Whether the preview follows pan and zoom."""
        self._follow = follow
        if follow and (self._shown is not None or self.busy):
            self._catch_up()

    def clear(self) -> None:
        """Take the preview off the map, and drop one that is on its way."""
        active = self.busy or self._overlay is not None
        self._drop()
        self._parameters = {}
        self._follow_timer.stop()
        self._render_timer.stop()
        self._shown = None
        self._source_signals.clear()
        self._canvas_signals.clear()
        self._canvas.removeEventFilter(self)
        if self._overlay is not None:
            self._overlay.let_go()
            self._overlay = None
        self._forget_layer()
        if active:
            self.state_changed.emit("", False)

    def forget_worker(self) -> None:
        """End the worker, because another Python is to be used from now on."""
        was_busy = self.busy
        self._drop()
        if self._sessions is not None:
            self._sessions.close()
        if was_busy:
            self.state_changed.emit("", False)

    def shut_down(self) -> None:
        """Leave nothing behind: no item, no thread, no worker, no file."""
        self.clear()
        self._background.shut_down()
        if self._sessions is not None:
            self._sessions.close()
            self._sessions = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt API
        """Escape on the map takes the preview away; the map tool gets to see the key all the same."""
        if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self.clear()
        return False

    def _start(self) -> None:
        self._drop()
        try:
            run = self._prepare()
        except SuperResolutionError as error:
            self._tell_failure(error)
            return
        self._coming = run
        self._started = time.monotonic()
        self._watch(run.source)
        sessions = self._warm_sessions()
        self._background.start(
            _LANE,
            lambda: run.compute(sessions),
            lambda result: self._arrived(run, result),
            self._tell_failure,
        )
        text = tr("Computing a preview of {} x {} pixels…").format(run.window.width, run.window.height)
        self.state_changed.emit(text, True)

    def _prepare(self) -> PreviewRun:
        source = QgsProject.instance().mapLayer(self._parameters["INPUT"])
        if not isinstance(source, QgsRasterLayer):
            raise SourceNotFound(tr("A preview needs a raster layer of the project."), tr("Choose a layer."))
        window = self._window(source)
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="superres-preview-")
        output = os.path.join(self._folder, f"preview_{next(self._numbers)}.tif")
        return PreviewRun(self._parameters, source, window, output)

    def _window(self, source: QgsRasterLayer) -> PreviewWindow:
        resolution = self._parameters.get("RESOLUTION")
        most = settings.PREVIEW_BOUND.value()
        return preview_window(self._canvas.mapSettings(), source, most, float(resolution) if resolution else None)

    def _warm_sessions(self) -> Any:
        if self._sessions is None:
            # Imported here: the pipeline is no part of loading the plugin.
            from sr_plugin.pipeline.superresolve import worker_factory
            from sr_plugin.pipeline.warm_session import WarmSessions

            # Asked anew for every worker: the user may choose another Python meanwhile.
            self._sessions = WarmSessions(lambda card: worker_factory(settings.worker_python())(card))
        return self._sessions

    def _watch(self, source: QgsRasterLayer) -> None:
        self._source_signals.clear()
        self._source_signals.add(source.willBeDeleted, self.clear)
        self._canvas_signals.clear()
        for signal in (
            self._canvas.extentsChanged,
            self._canvas.rotationChanged,
            self._canvas.destinationCrsChanged,
            self._canvas.magnificationChanged,
        ):
            self._canvas_signals.add(signal, self._map_moved)
        self._canvas.removeEventFilter(self)
        self._canvas.installEventFilter(self)

    def _drop(self) -> None:
        """Want no longer what is on its way."""
        if self._coming is not None:
            self._coming.feedback.drop()
            self._coming = None
        self._background.cancel(_LANE)

    def _arrived(self, run: PreviewRun, result: SuperResolveResult) -> None:
        self._coming = None
        self.seconds = time.monotonic() - self._started
        old = self._layer
        self._layer = run.layer(result)
        if self._overlay is None:
            self._overlay = PreviewOverlay(self._canvas)
        self._overlay.show_layer(self._layer)
        self._shown = run.window
        if old is not None:
            _delete(old)
        self.state_changed.emit(self._description(run, result), False)

    def _description(self, run: PreviewRun, result: SuperResolveResult) -> str:
        window = run.window
        size = tr("{} x {} pixels").format(window.width, window.height)
        seconds = tr("{:.1f} s").format(self.seconds)
        if window.bounded:
            text = tr("Preview of {size} around the centre of the map ({seconds}). Zoom in to see all of it.")
        else:
            text = tr("Preview of {size} ({seconds}).")
        parts = [text.format(size=size, seconds=seconds), *run.feedback.warnings]
        return " ".join(parts)

    def _tell_failure(self, error: SuperResolutionError) -> None:
        self._coming = None
        self.state_changed.emit(str(error), False)
        if self._by_hand:
            self.failed.emit(str(error))

    def _map_moved(self, *_: object) -> None:
        if self._overlay is not None:
            self._overlay.update()
            self._render_timer.start()
        if self._follow:
            self._follow_timer.start()

    def _render(self) -> None:
        if self._overlay is not None:
            self._overlay.render()

    def _catch_up(self) -> None:
        """Make a preview of what the map shows now, unless it is there already."""
        source = QgsProject.instance().mapLayer(self._parameters.get("INPUT", ""))
        if not isinstance(source, QgsRasterLayer):
            return
        try:
            wanted = self._window(source)
        except SuperResolutionError:
            # The map left the layer; the preview waits where it is until the map comes back.
            return
        current = self._coming.window if self._coming is not None else self._shown
        if current is not None and (current.covers(wanted) or current.extent == wanted.extent):
            return
        self._by_hand = False
        self._start()

    def _forget_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None:
            _delete(layer)


def _delete(layer: QgsRasterLayer) -> None:
    """Delete a preview's file. Where it is still open, as Windows sees it, it goes with the folder."""
    path = layer.source()
    try:
        for name in (path, path + ".aux.xml"):
            if os.path.exists(name):
                os.remove(name)
    except OSError:
        return
