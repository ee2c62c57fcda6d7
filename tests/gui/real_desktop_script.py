"""Runs inside a real QGIS (``qgis --code``): uses the plugin, reloads it three times, writes down what was left."""

from __future__ import annotations

import json
import os
import sys
import traceback

FOLDER, PROJECT = os.environ["SR_TEST_FOLDER"], os.environ["SR_TEST_PROJECT"]
sys.path.insert(0, PROJECT)


def use(plugin, layer, number):
    """Preview, run, compare: every part is made once."""
    from tests.gui.desktop_tools import wait_until, work_off

    desktop = plugin.desktop
    desktop.show_dock()
    wait_until(lambda: not desktop.dock.missing())
    parameters = {**desktop.dock.parameters(), "MODEL": "bicubic:2"}
    desktop.dock.preview_requested.emit(parameters)
    output = os.path.join(FOLDER, f"result_{number}.tif")
    desktop.dock.run_requested.emit({**parameters, "OUTPUT": output})
    run = desktop.queue.runs[-1]
    wait_until(lambda: run.ended and not desktop.preview.busy)
    work_off(0.5)
    desktop.open_compare()
    desktop.open_environment()
    work_off(0.5)
    return {"state": run.state.value, "above": layer_names(), "preview": desktop.preview.overlay is not None}


def layer_names():
    from qgis.core import QgsProject

    return [node.name() for node in QgsProject.instance().layerTreeRoot().findLayers()]


def drop_results(layer):
    from qgis.core import QgsProject

    for other in list(QgsProject.instance().mapLayers()):
        if other != layer.id():
            QgsProject.instance().removeMapLayer(other)


def main():
    from qgis import utils

    from tests.gui.desktop_tools import work_off
    from tests.gui.traces import differences, traces

    answer = {"used": [], "left": []}
    layer = utils.iface.addRasterLayer(os.environ["SR_TEST_RASTER"], "Scene")
    utils.iface.setActiveLayer(layer)
    utils.iface.zoomToActiveLayer()
    before = None
    for number in range(4):
        answer["used"].append(use(utils.plugins["sr_plugin"], layer, number))
        utils.unloadPlugin("sr_plugin")
        drop_results(layer)
        work_off(1.0)
        found = traces(utils.iface)
        if before is not None:
            answer["left"].append(differences(before, found))
        before = before or found
        answer["workers"] = found["workers"]
        utils.loadPlugin("sr_plugin")
        utils.startPlugin("sr_plugin")
    return answer


def work():
    from qgis.core import QgsProject
    from qgis.utils import iface

    try:
        answer = main()
    except BaseException:
        answer = {"error": traceback.format_exc()}
    with open(os.path.join(FOLDER, "answer.json"), "w", encoding="utf-8") as file:
        json.dump(answer, file)
    QgsProject.instance().clear()
    iface.actionExit().trigger()


if "qgis.utils" in sys.modules:
    from qgis.PyQt.QtCore import QTimer

    QTimer.singleShot(3000, work)
