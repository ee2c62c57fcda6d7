"""The tool bar of the comparison window."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Callable, Dict, List, Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QIcon, QKeySequence
from qgis.PyQt.QtWidgets import QAction, QActionGroup, QComboBox, QLabel, QSpinBox, QToolBar, QToolButton, QWidget

from sr_plugin.core.locations import resources_folder
from sr_plugin.gui.compare.compare_settings import (
    LEAST_INTERVAL_MS,
    MOST_INTERVAL_MS,
    remember,
    remembered,
    remembered_interval,
)
from sr_plugin.gui.compare.view_stage import BLINK, SIDE, SWIPE
from sr_plugin.processing.translation import tr


def own_icon(name: str) -> QIcon:
    """An icon that ships with the plugin."""
    return QIcon(os.path.join(resources_folder(), "icons", f"{name}.svg"))


class CompareToolBar(QToolBar):
    """Modes, what belongs to the mode, and what may be done with the views.

    Signals:
        mode_chosen: ``side``, ``swipe`` or ``blink``.
        pair_chosen: positions of the two layers that swipe and blink show.
    """

    mode_chosen = pyqtSignal(str)
    pair_chosen = pyqtSignal(int, int)

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(tr("Comparison"), parent)
        self.setObjectName("superresCompareToolBar")
        self.setMovable(False)
        self.setIconSize(QSize(20, 20))
        self.modes: Dict[str, QAction] = {}
        self._add_modes()
        self._add_pair()
        self._add_blink()
        self.addSeparator()
        self._add_switches()
        self.addSeparator()
        self._add_tools()
        self._names: List[str] = []
        self.show_mode(SIDE)

    def show_mode(self, mode: str) -> None:
        """Check a mode and show what belongs to it."""
        self.modes[mode].setChecked(True)
        self._mode = mode
        pair = mode != SIDE and len(getattr(self, "_names", ())) > 2
        for action in self._pair_actions:
            action.setVisible(pair)
        for action in self._blink_actions:
            action.setVisible(mode == BLINK)

    def set_names(self, names: List[str]) -> None:
        """Offer these layers, by name, for the pair."""
        self._names = list(names)
        for combo, usual in ((self.first, 0), (self.second, 1)):
            before = combo.currentIndex()
            combo.blockSignals(True)
            combo.clear()
            combo.addItems(names)
            combo.setCurrentIndex(before if 0 <= before < len(names) else min(usual, len(names) - 1))
            combo.blockSignals(False)
        self.show_mode(self._mode)
        self._tell_pair()

    def set_usable(self, usable: bool) -> None:
        """Without anything to compare there is nothing to do."""
        for action in (*self.modes.values(), self.edges, self.zoom, self.follow, self.save):
            action.setEnabled(usable)

    def with_shortcuts(self) -> List[QAction]:
        """The actions that the keyboard can trigger."""
        return [action for action in self.actions() if not action.shortcut().isEmpty()]

    def action(self, text: str, icon: QIcon, shortcut: str, tip: str, checkable: bool = False) -> QAction:
        """An action of this tool bar, with its shortcut in the tooltip."""
        action = QAction(icon, text, self)
        action.setCheckable(checkable)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
            # The window may be docked, where shortcuts of the main window must not meet these.
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip} ({shortcut})" if shortcut else tip)
        self.addAction(action)
        return action

    def _add_modes(self) -> None:
        group = QActionGroup(self)
        group.triggered.connect(self._mode_triggered)
        for mode, text, shortcut, tip in (
            (SIDE, tr("Side by side"), "Alt+1", tr("Views next to each other, all at the same place")),
            (SWIPE, tr("Swipe"), "Alt+2", tr("Two layers in one view, with a divider to drag")),
            (BLINK, tr("Blink"), "Alt+3", tr("Two layers in one view, one after the other")),
        ):
            action = self.action(text, own_icon(f"compare_{mode}"), shortcut, tip, True)
            group.addAction(action)
            action.setData(mode)
            self._with_text(action)
            self.modes[mode] = action

    def _mode_triggered(self, action: QAction) -> None:
        mode = str(action.data())
        self.show_mode(mode)
        self.mode_chosen.emit(mode)

    def _with_text(self, action: QAction) -> None:
        button = self.widgetForAction(action)
        if isinstance(button, QToolButton):
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)

    def _add_pair(self) -> None:
        self.first, self.second = QComboBox(), QComboBox()
        self.first.setAccessibleName(tr("First layer of the pair"))
        self.second.setAccessibleName(tr("Second layer of the pair"))
        self.first.setToolTip(tr("Layer on the left, or shown first"))
        self.second.setToolTip(tr("Layer on the right, or shown second"))
        self._pair_actions = [self.addSeparator()]
        for widget in (self.first, QLabel(" | "), self.second):
            if isinstance(widget, QComboBox):
                widget.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                widget.setMinimumContentsLength(14)
                widget.currentIndexChanged.connect(self._tell_pair)
            self._pair_actions.append(self.addWidget(widget))

    def _add_blink(self) -> None:
        self.interval = QSpinBox()
        self.interval.setRange(LEAST_INTERVAL_MS, MOST_INTERVAL_MS)
        self.interval.setSingleStep(100)
        self.interval.setSuffix(" ms")
        self.interval.setValue(remembered_interval())
        self.interval.setToolTip(tr("Time that each layer is shown"))
        self.interval.setAccessibleName(self.interval.toolTip())
        self.interval.valueChanged.connect(partial(remember, "blink_interval"))
        self._blink_actions = [self.addSeparator()]
        icon = QIcon()
        for name, state in (("/mActionPlay.svg", QIcon.State.Off), ("/mIconTimerPause.svg", QIcon.State.On)):
            icon.addPixmap(QgsApplication.getThemeIcon(name).pixmap(32, 32), QIcon.Mode.Normal, state)
        tip = tr("Change over by itself; the space bar changes over by hand")
        self.play = self.action(tr("Change over"), icon, "Alt+P", tip, True)
        self.play.setChecked(True)
        self._blink_actions += [self.play, self.addWidget(self.interval)]

    def _add_switches(self) -> None:
        tip = tr("Find the edges of all layers, and tell which ones the result keeps, adds and loses")
        self.edges = self.action(tr("Edges"), own_icon("compare_edges"), "Alt+4", tip, True)
        self._with_text(self.edges)
        tip = tr(
            "Draw all layers with bands, minimum and maximum of the reference; the layers themselves stay as they are"
        )
        icon = QgsApplication.getThemeIcon("/mActionFullHistogramStretch.svg")
        self.stretch = self.action(tr("Same stretch as reference"), icon, "Alt+5", tip, True)
        self.stretch.setChecked(remembered("same_stretch", True, bool))
        self.stretch.toggled.connect(partial(remember, "same_stretch"))

    def _add_tools(self) -> None:
        theme = QgsApplication.getThemeIcon
        self.zoom = self.action(
            tr("Zoom to reference"), theme("/mActionZoomToLayer.svg"), "Alt+0", tr("Show the whole reference layer")
        )
        self.follow = self.action(
            tr("Follow main map"),
            theme("/sync_views.svg"),
            "Alt+6",
            tr("Show the place of the main map; moving a view moves the main map too"),
            True,
        )
        self.save = self.action(
            tr("Save picture"), theme("/mActionSaveMapAsImage.svg"), "Alt+7", tr("Save the views as a picture")
        )
        self.dock = self.action(
            tr("Dock"), theme("/mDockify.svg"), "", tr("Dock this window in the main window, or undock it"), True
        )

    def _tell_pair(self, *_: object) -> None:
        first, second = self.first.currentIndex(), self.second.currentIndex()
        if first >= 0 and second >= 0:
            self.pair_chosen.emit(first, second)

    def connect_all(self, slots: Dict[str, Callable[..., Any]]) -> None:
        """Connect actions, by attribute name: ``toggled`` of those that can be checked, else ``triggered``."""
        for name, slot in slots.items():
            action = getattr(self, name)
            (action.toggled if action.isCheckable() else action.triggered).connect(slot)
