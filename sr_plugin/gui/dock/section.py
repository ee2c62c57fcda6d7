"""A part of the dock: a group box that folds, as those of QGIS' own docks do."""

from __future__ import annotations

from typing import Optional

from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtWidgets import QFormLayout, QToolButton, QVBoxLayout, QWidget

_SETTINGS = "superres/dock"


class Section(QgsCollapsibleGroupBox):
    """Group box that remembers whether it is folded.

    Args:
        name: object name, under which the state is remembered.
        title: what people read; ``&`` marks the key that moves the focus here.
        collapsed: how it is shown the first time.
    """

    def __init__(self, name: str, title: str, collapsed: bool = False, parent: Optional[QWidget] = None) -> None:
        super().__init__(title, parent)
        self.setObjectName(name)
        self.setSettingGroup(_SETTINGS)
        self.setCollapsed(collapsed)
        self.setScrollOnExpand(True)
        # One child holds all others: unfolding shows every child of the box, also those that are hidden for a reason.
        inside = QWidget()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(inside)
        self.body = QVBoxLayout(inside)
        self.body.setContentsMargins(8, 6, 8, 8)
        self.body.setSpacing(6)

    def add_form(self) -> QFormLayout:
        """A form with labels beside its fields, or above them where the dock is too narrow."""
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.body.addLayout(form)
        return form

    def fold_button(self) -> Optional[QWidget]:
        """The button in the title, the last thing before the fields that takes the focus; None where there is none."""
        return self.findChild(QToolButton, "collapseButton")
