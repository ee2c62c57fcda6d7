"""What a plugin could leave behind in QGIS, counted."""

from __future__ import annotations

import collections
import glob
import threading

#: Signals of QGIS' own objects that parts of the interface listen to.
_PROJECT_SIGNALS = (
    "readProject", "writeProject", "cleared", "crsChanged", "layersAdded", "layerWasAdded", "legendLayersAdded",
    "homePathChanged", "transformContextChanged",
)  # fmt: skip
_CANVAS_SIGNALS = (
    "extentsChanged", "rotationChanged", "destinationCrsChanged", "magnificationChanged", "mapCanvasRefreshed",
    "layersChanged", "scaleChanged", "renderStarting", "xyCoordinates",
)  # fmt: skip


def worker_processes():
    """Child processes that run the worker."""
    found = []
    for path in glob.glob("/proc/self/task/*/children"):
        with open(path, encoding="ascii") as file:
            children = file.read().split()
        for child in children:
            try:
                with open(f"/proc/{child}/cmdline", "rb") as file:
                    command = file.read()
            except OSError:
                continue
            if b"sr_plugin" in command:
                found.append(int(child))
    return sorted(found)


def traces(iface):
    """Counts that must be the same before and after the plugin was there."""
    from qgis.core import QgsApplication, QgsProject
    from qgis.gui import QgsGui
    from qgis.PyQt.QtCore import QObject
    from qgis.PyQt.QtWidgets import QApplication

    window, canvas, project = iface.mainWindow(), iface.mapCanvas(), QgsProject.instance()
    # QGIS itself keeps an indicator for every temporary layer that was removed.
    kinds = collections.Counter(child.metaObject().className() for child in window.findChildren(QObject))
    return {
        "objects of the window": {kind: count for kind, count in kinds.items() if kind != "QgsLayerTreeViewIndicator"},
        "top-level widgets": dict(
            collections.Counter(w.metaObject().className() for w in QApplication.topLevelWidgets())
        ),
        "canvas items": len(canvas.scene().items()),
        "map tool": type(canvas.mapTool()).__name__,
        "tasks": QgsApplication.taskManager().count(),
        "workers": worker_processes(),
        "threads": sorted(t.name for t in threading.enumerate() if t.name.startswith("sr-")),
        "legend notes": sorted(QgsGui.layerTreeEmbeddedWidgetRegistry().providers()),
        "project signals": {name: project.receivers(getattr(project, name)) for name in _PROJECT_SIGNALS},
        "canvas signals": {name: canvas.receivers(getattr(canvas, name)) for name in _CANVAS_SIGNALS},
        "active layer signal": iface.receivers(iface.currentLayerChanged) if isinstance(iface, QObject) else 0,
    }


def differences(before, after):
    """What changed, in words."""
    found = []
    for name, old in before.items():
        new = after[name]
        if isinstance(old, dict):
            keys = sorted(set(old) | set(new))
            changed = [key for key in keys if old.get(key) != new.get(key)]
            found += [f"{name}: {key} {old.get(key, 0)} -> {new.get(key, 0)}" for key in changed]
        elif old != new:
            found.append(f"{name}: {old} -> {new}")
    return found
