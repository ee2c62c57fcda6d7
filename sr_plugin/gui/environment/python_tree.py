"""List of the Pythons that were found, what each can run, and why one does not serve."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional, Sequence

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from sr_plugin.processing.translation import tr
from sr_plugin.runtime.probe import PythonProbe

_FOLDER_ROLE = Qt.ItemDataRole.UserRole


class PythonTree(QTreeWidget):
    """One row a Python; below it packages, devices and problems.

    Args:
        parent: Qt parent.
    """

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setHeaderLabels([tr("Python"), tr("Version"), tr("Runs")])
        self.setAlternatingRowColors(True)
        self.setUniformRowHeights(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.header().setStretchLastSection(True)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.setColumnWidth(0, 330)
        self.setColumnWidth(1, 70)

    def show_report(self, report: Mapping[str, Any]) -> None:
        """Show what was found.

        Args:
            report: see :func:`sr_plugin.runtime.environment_report.environment_report`.
        """
        self.clear()
        used = {found["python"] for found in report["used_for"].values() if "python" in found}
        # Beside a chosen Python the others are not asked for anything.
        chosen = any(python["origin"] == "chosen" for python in report["pythons"])
        for python in report["pythons"]:
            item = self._row(python, python["path"] in used, chosen)
            self.addTopLevelItem(item)
            for index in range(item.childCount()):
                # Only rows that are in the list take this.
                item.child(index).setFirstColumnSpanned(True)
        for folder in report["unfinished"]:
            item = QTreeWidgetItem([folder, "", tr("Not whole: create it again or remove it.")])
            item.setIcon(0, QgsApplication.getThemeIcon("/mIconWarning.svg"))
            item.setData(0, _FOLDER_ROLE, folder)
            self.addTopLevelItem(item)
        if self.topLevelItemCount() == 0:
            self.addTopLevelItem(QTreeWidgetItem([tr("No Python was found."), "", ""]))

    def own_folder(self) -> str:
        """Folder of the plugin's own environment in the selected row; empty where none is selected."""
        item = self.currentItem()
        while item is not None and item.parent() is not None:
            item = item.parent()
        return str(item.data(0, _FOLDER_ROLE) or "") if item is not None else ""

    def _row(self, python: Mapping[str, Any], used: bool, chosen: bool) -> QTreeWidgetItem:
        item = QTreeWidgetItem([python["path"], python["version"], what_it_runs(python)])
        item.setToolTip(0, f"{python['path']}\n{origin_text(python['origin'])}")
        item.setToolTip(2, item.text(2))
        if python["origin"] == "own":
            item.setData(0, _FOLDER_ROLE, os.path.dirname(os.path.dirname(python["path"])))
        if used:
            font = item.font(0)
            font.setBold(True)
            item.setFont(0, font)
            item.setIcon(0, QgsApplication.getThemeIcon("/mIconSuccess.svg"))
        elif chosen and python["origin"] == "chosen":
            item.setIcon(0, QgsApplication.getThemeIcon("/mIconWarning.svg"))
        lines = [origin_text(python["origin"])] + _details(python)
        if chosen and python["origin"] != "chosen":
            lines.append(tr("Not used, because another one was chosen."))
        for line in lines:
            child = QTreeWidgetItem([line])
            child.setToolTip(0, line)
            item.addChild(child)
        return item


def origin_text(origin: str) -> str:
    """Where a Python comes from: ``chosen``, ``own`` or ``search``."""
    return {
        "chosen": tr("Your choice"),
        "own": tr("The plugin's own environment"),
        "search": tr("Found on this computer"),
    }[origin]


def what_it_runs(python: Mapping[str, Any]) -> str:
    """What a Python can run, or why it can run nothing, as one sentence.

    Args:
        python: record of a :class:`~sr_plugin.runtime.probe.PythonProbe`.
    """
    probe = probe_of(python)
    kinds = [title for kind, title in kinds_of_models().items() if probe.usable_for(kind)]
    if not kinds:
        reason = probe.reason_against("builtin")
        return tr("Nothing: it {}.").format(reason)
    text = ", ".join(kinds)
    return text[0].upper() + text[1:]


def kinds_of_models() -> Dict[str, str]:
    """Kinds of models and how they are called."""
    return {
        "onnx": tr("ONNX models"),
        "checkpoint": tr("checkpoints"),
        "edges": tr("comparison of edges"),
        "builtin": tr("interpolation"),
    }


def probe_of(python: Mapping[str, Any]) -> PythonProbe:
    """The probe that a record was made of."""
    fields = ("path", "version", "packages", "problem", "makes_environments")
    return PythonProbe(devices=tuple(python["devices"]), **{name: python[name] for name in fields})


def device_names(devices: Sequence[Mapping[str, Any]]) -> str:
    """Devices by name, with their memory."""
    texts = []
    for device in devices:
        memory = tr(" ({:.0f} GB)").format(device["memory_mb"] / 1024) if device.get("memory_mb") else ""
        texts.append(f"{device['id']}: {device['name']}{memory}")
    return ", ".join(texts)


def _details(python: Mapping[str, Any]) -> List[str]:
    packages = ", ".join(f"{name} {version}" for name, version in python["packages"].items())
    lines = [tr("Packages: {}").format(packages or tr("none that serve"))]
    if python["devices"]:
        lines.append(tr("Devices: {}").format(device_names(python["devices"])))
    if python["problem"]:
        lines.append(tr("Problem: {}").format(python["problem"]))
    return lines
