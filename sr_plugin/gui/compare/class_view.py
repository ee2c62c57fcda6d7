"""The view that shows which edges are kept, new and lost, with its legend."""

from __future__ import annotations

from typing import Dict, Optional

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QResizeEvent
from qgis.PyQt.QtWidgets import QLabel, QWidget

from sr_plugin.gui.compare.class_legend import class_legend
from sr_plugin.gui.compare.map_view import MapView
from sr_plugin.gui.compare.view_link import ViewLink

_BACKGROUND = QColor(24, 24, 24)
_STYLE = "background: rgba(20, 20, 20, 215); color: white; border-radius: 3px; padding: 4px 6px;"
_GAP = 6
_MOST_WIDTH = 520
#: Share of the view that the legend may cover; the panel shows it too.
_MOST_COVER = 0.35


class ClassView(MapView):
    """A dark view without layers: only classes of edges, and a legend that says what they mean."""

    def __init__(self, link: ViewLink, parent: Optional[QWidget] = None) -> None:
        super().__init__(link, parent)
        self.canvas.setCanvasColor(_BACKGROUND)
        self.legend = QLabel(self)
        self.legend.setStyleSheet(_STYLE)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.show_counts(None)

    def show_counts(self, counts: Optional[Dict[str, int]]) -> None:
        """Show the legend with pixels by class name; None for a legend without them."""
        self.legend.setText(class_legend(counts))
        self._place_legend()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt API
        """Keep the legend within the view."""
        super().resizeEvent(event)
        self._place_legend()

    def _place_legend(self) -> None:
        width = min(_MOST_WIDTH, self.width() - 2 * _GAP)
        height = self.legend.heightForWidth(width)
        self.legend.setGeometry(_GAP, self.height() - height - _GAP, width, height)
        self.legend.setVisible(height <= _MOST_COVER * self.height())
        self.legend.raise_()
