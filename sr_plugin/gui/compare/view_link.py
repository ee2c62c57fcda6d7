"""Keeps several map canvases on the same place: centre, scale, rotation and CRS."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from qgis.core import QgsCoordinateReferenceSystem, QgsPointXY, QgsRectangle
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QObject, QSize, pyqtSignal

#: Room left around an extent that is fitted into the views.
_FIT_MARGIN = 1.03


class _Place(NamedTuple):
    """What a canvas looks at: centre in map units, map units per pixel, rotation in degrees."""

    x: float
    y: float
    units_per_pixel: float
    rotation: float


class _Member:
    """A linked canvas and what the link knows about it."""

    def __init__(self, canvas: QgsMapCanvas, leads: bool) -> None:
        self.canvas = canvas
        #: A leading canvas belongs to somebody else: its size and CRS are taken as they are.
        self.leads = leads
        self.size = QSize()
        self.connections: List[Tuple[Any, Callable[..., None]]] = []


class ViewLink(QObject):
    """Moves all canvases when one of them is moved, without feedback between them.

    The place is kept as centre and map units per pixel, not as an extent: canvases of unequal shape would widen an
    extent to theirs, again and again. A canvas that is resized keeps its place and moves no other.

    Signals:
        moved: the views show another place, or more or less of it.
    """

    moved = pyqtSignal()

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._members: List[_Member] = []
        self._place: Optional[_Place] = None
        self._fit: Optional[QgsRectangle] = None
        self._crs = QgsCoordinateReferenceSystem()
        self._busy = False

    def add(self, canvas: QgsMapCanvas, leads: bool = False) -> None:
        """Link one more canvas; the views go where a leading one is."""
        if self._member(canvas) is not None:
            return
        member = _Member(canvas, leads)
        self._connect(member, canvas.extentsChanged, partial(self._canvas_moved, member))
        self._connect(member, canvas.rotationChanged, partial(self._canvas_moved, member))
        if leads:
            self._connect(member, canvas.destinationCrsChanged, partial(self._lead_changed_crs, member))
        member.size = canvas.mapSettings().outputSize()
        self._members.append(member)
        if leads:
            self._lead_changed_crs(member)
        else:
            canvas.setDestinationCrs(self._crs)
            self._apply([member])

    def remove(self, canvas: QgsMapCanvas) -> None:
        """Let go of a canvas; it stays where it is."""
        member = self._member(canvas)
        if member is not None:
            for signal, slot in member.connections:
                signal.disconnect(slot)
            member.connections.clear()
            self._members.remove(member)

    def clear(self) -> None:
        """Let go of all canvases."""
        for member in list(self._members):
            self.remove(member.canvas)

    def canvases(self) -> List[QgsMapCanvas]:
        """The linked canvases that follow."""
        return [member.canvas for member in self._members if not member.leads]

    @property
    def crs(self) -> QgsCoordinateReferenceSystem:
        """CRS of the views."""
        return self._crs

    def set_crs(self, crs: QgsCoordinateReferenceSystem) -> None:
        """Draw all views in this CRS. The place is not converted: fit an extent afterwards."""
        self._crs = crs
        for canvas in self.canvases():
            if canvas.mapSettings().destinationCrs() != crs:
                self._quietly(partial(canvas.setDestinationCrs, crs))

    def fit(self, extent: QgsRectangle) -> None:
        """Show an extent, in the views' CRS, whole; it stays fitted while views are resized, until one is moved."""
        if not extent.isEmpty() and extent.isFinite():
            self._fit = QgsRectangle(extent)
            self._refit()

    def refit(self) -> None:
        """Fit the extent again that was fitted last, if no view was moved since; for when views come or go."""
        if self._fit is not None:
            self._refit()

    def drag_along(self, source: QgsMapCanvas) -> None:
        """Shift the pictures of the other views as far as that of a canvas that is being dragged."""
        for canvas in self.canvases():
            if canvas is not source:
                canvas.setSceneRect(source.sceneRect())

    def place(self) -> Optional[Tuple[QgsPointXY, float, float]]:
        """Centre, map units per pixel and rotation; None before anything was shown."""
        if self._place is None:
            return None
        return QgsPointXY(self._place.x, self._place.y), self._place.units_per_pixel, self._place.rotation

    def _member(self, canvas: QgsMapCanvas) -> Optional[_Member]:
        return next((member for member in self._members if member.canvas is canvas), None)

    def _connect(self, member: _Member, signal: Any, slot: Callable[..., None]) -> None:
        signal.connect(slot)
        member.connections.append((signal, slot))

    def _quietly(self, change: Callable[[], Any]) -> None:
        """Make a change whose signals are not to come back."""
        before, self._busy = self._busy, True
        try:
            change()
        finally:
            self._busy = before

    def _lead_changed_crs(self, member: _Member) -> None:
        self.set_crs(member.canvas.mapSettings().destinationCrs())
        self._canvas_moved(member)

    def _canvas_moved(self, member: _Member, *_: object) -> None:
        if self._busy:
            return
        size = member.canvas.mapSettings().outputSize()
        if size != member.size and not member.leads:
            member.size = size
            if self._fit is not None:
                self._refit()
            else:
                self._apply([member])
                self.moved.emit()
            return
        self._fit = None
        self._place = _place_of(member.canvas)
        self._apply([other for other in self._members if other is not member])
        self.moved.emit()

    def _refit(self) -> None:
        sizes = [c.mapSettings().outputSize() for c in self.canvases() if c.isVisible()]
        sizes = sizes or [c.mapSettings().outputSize() for c in self.canvases()]
        if not sizes or self._fit is None:
            return
        width, height = min(size.width() for size in sizes), min(size.height() for size in sizes)
        units = max(self._fit.width() / max(1, width), self._fit.height() / max(1, height)) * _FIT_MARGIN
        centre = self._fit.center()
        rotation = self._place.rotation if self._place else 0.0
        self._place = _Place(centre.x(), centre.y(), units, rotation)
        self._apply(self._members)
        self.moved.emit()

    def _apply(self, members: List[_Member]) -> None:
        if self._place is not None:
            for member in members:
                self._quietly(partial(_move, member.canvas, self._place))


def _place_of(canvas: QgsMapCanvas) -> _Place:
    centre = canvas.center()
    return _Place(centre.x(), centre.y(), canvas.mapUnitsPerPixel(), canvas.rotation())


def _move(canvas: QgsMapCanvas, place: _Place) -> None:
    size = canvas.mapSettings().outputSize()
    half_width = size.width() * place.units_per_pixel / 2
    half_height = size.height() * place.units_per_pixel / 2
    if canvas.rotation() != place.rotation:
        canvas.setRotation(place.rotation)
    canvas.setExtent(
        QgsRectangle(place.x - half_width, place.y - half_height, place.x + half_width, place.y + half_height)
    )
    # The picture may still be shifted by a drag in another view.
    canvas.setSceneRect(0, 0, canvas.viewport().width(), canvas.viewport().height())
    canvas.refresh()
