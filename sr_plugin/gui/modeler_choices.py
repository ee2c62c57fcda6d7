"""A list of usual values beside the place where the modeler takes a plain value."""

from __future__ import annotations

from typing import Callable, List, Optional, Tuple

from qgis.gui import QgsProcessingModelerParameterWidget
from qgis.PyQt.QtCore import QPoint, QRect, Qt
from qgis.PyQt.QtGui import QIcon, QPainter, QPixmap
from qgis.PyQt.QtWidgets import QLineEdit, QMenu, QStackedWidget, QStyle, QStyleOption

from sr_plugin.processing.translation import tr

_ICON_SIDE = 16
#: Pairs of value and title.
Choices = Callable[[], List[Tuple[str, str]]]
#: Further entries: a title and what choosing it does.
Entries = Callable[[QLineEdit], List[Tuple[str, Callable[[], None]]]]


def value_line(widget: QgsProcessingModelerParameterWidget) -> Optional[QLineEdit]:
    """Where a plain value is typed: the first page of the widget; None where this QGIS shows something else there."""
    pages = widget.findChild(QStackedWidget)
    page = pages.widget(0) if pages is not None else None
    return page if isinstance(page, QLineEdit) or page is None else page.findChild(QLineEdit)


def _arrow(line: QLineEdit) -> QIcon:
    """The arrow that combo boxes of this style have, in the line's colours."""
    ratio = line.devicePixelRatioF()
    pixmap = QPixmap(round(_ICON_SIDE * ratio), round(_ICON_SIDE * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    option = QStyleOption()
    option.initFrom(line)
    option.rect = QRect(_ICON_SIDE // 4, _ICON_SIDE // 4, _ICON_SIDE // 2, _ICON_SIDE // 2)
    painter = QPainter(pixmap)
    line.style().drawPrimitive(QStyle.PrimitiveElement.PE_IndicatorArrowDown, option, painter, line)
    painter.end()
    return QIcon(pixmap)


class ChoiceList:
    """An arrow in a line for plain values that opens a list of them.

    Whoever makes it must keep it as long as the line is shown: Qt alone keeps no Python object, and an arrow whose
    list is gone does nothing.

    Args:
        line: where a plain value is typed.
        choices: asked whenever the list opens, so that it is never out of date.
        more: further entries below the choices.
    """

    def __init__(self, line: QLineEdit, choices: Choices, more: Entries) -> None:
        self.line = line
        self._choices = choices
        self._more = more
        self.arrow = line.addAction(_arrow(line), QLineEdit.ActionPosition.TrailingPosition)
        self.arrow.setToolTip(tr("Choose from a list"))
        self.arrow.triggered.connect(self.open)

    def menu(self) -> QMenu:
        """The titles; choosing one puts its value into the line."""
        menu = QMenu(self.line)
        current = self.line.text().strip()
        for value, title in self._choices():
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked(value == current)
            action.triggered.connect(lambda _checked, chosen=value: self.line.setText(chosen))
        entries = self._more(self.line)
        if entries:
            menu.addSeparator()
        for title, act in entries:
            menu.addAction(title).triggered.connect(lambda _checked, chosen=act: chosen())
        return menu

    def open(self, _checked: bool = False) -> None:
        """Show the list below the line."""
        # Kept until the next one, as the slots of its entries are Python's.
        self._open_menu = self.menu()
        self._open_menu.aboutToHide.connect(self._open_menu.deleteLater)
        self._open_menu.popup(self.line.mapToGlobal(QPoint(0, self.line.height())))
