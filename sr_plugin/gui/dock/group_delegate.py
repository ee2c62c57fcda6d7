"""Titles of groups in the list of a combo box: readable, although they cannot be chosen."""

from __future__ import annotations

from qgis.PyQt.QtCore import QModelIndex, Qt
from qgis.PyQt.QtGui import QStandardItem
from qgis.PyQt.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

_INDENT = "    "


def title_item(title: str) -> QStandardItem:
    """An item that heads the items after it."""
    item = QStandardItem(title)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    font = item.font()
    font.setBold(True)
    item.setFont(font)
    return item


class GroupDelegate(QStyledItemDelegate):
    """Draws titles in the colours of other items, which dark themes grey out beyond reading, and indents the rest."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # noqa: N802 - Qt API
        """Fill in how an item is drawn."""
        super().initStyleOption(option, index)
        if index.flags() == Qt.ItemFlag.NoItemFlags:
            option.state |= QStyle.StateFlag.State_Enabled
            option.state &= ~(QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver)
        else:
            option.text = _INDENT + option.text
