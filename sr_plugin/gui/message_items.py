"""Items of QGIS' message bar with buttons, all of which can be taken away again."""

from __future__ import annotations

import html
from typing import Callable, Dict, Sequence, Tuple

from qgis.core import Qgis
from qgis.gui import QgsMessageBar, QgsMessageBarItem
from qgis.PyQt.QtWidgets import QPushButton

from sr_plugin.processing.translation import tr

#: Text and action of a button.
Button = Tuple[str, Callable[[], None]]


class MessageItems:
    """Shows messages of the plugin.

    Args:
        bar: the message bar of QGIS.
    """

    def __init__(self, bar: QgsMessageBar) -> None:
        self._bar = bar
        self._items: Dict[int, QgsMessageBarItem] = {}

    def show(
        self, text: str, level: Qgis.MessageLevel, buttons: Sequence[Button] = (), seconds: int = 0, title: str = ""
    ) -> QgsMessageBarItem:
        """Show a message until it is closed.

        Args:
            text: one or two sentences.
            level: how serious it is.
            buttons: what can be done now.
            seconds: after which it goes by itself, 0 for never.
            title: what stands before the text; the plugin's name unless given.
        """
        # The bar takes rich text, and names of layers and files come from others.
        item = QgsMessageBar.createMessage(html.escape(title or tr("Super-Resolution")), html.escape(text, quote=False))
        for label, action in buttons:
            button = QPushButton(label)
            button.clicked.connect(lambda _checked, action=action: action())
            item.layout().addWidget(button)
        key = id(item)
        self._items[key] = item
        item.destroyed.connect(lambda _object=None: self._items.pop(key, None))
        self._bar.pushWidget(item, level, seconds)
        return item

    def clear(self) -> None:
        """Take all of them away."""
        for item in list(self._items.values()):
            self._bar.popWidget(item)
        self._items.clear()
