"""Fixtures of the tests that drive the desktop."""

from __future__ import annotations

import pytest

from tests.gui.desktop_tools import scene_pixels, work_off


@pytest.fixture
def project(qgis_app):
    """An empty project, emptied again afterwards."""
    from qgis.core import QgsProject

    instance = QgsProject.instance()
    instance.clear()
    yield instance
    instance.clear()
    work_off()


@pytest.fixture
def stand_in(project, provider):
    """A desktop with a map and a message bar."""
    from tests.gui.stand_in import StandIn

    iface = StandIn()
    yield iface
    project.clear()
    iface.close()
    work_off()


@pytest.fixture
def scene(make_raster, project, stand_in):
    """A layer of four bands and 60 x 80 pixels, shown in the map."""
    from qgis.core import QgsRasterLayer

    layer = project.addMapLayer(QgsRasterLayer(make_raster(scene_pixels()), "Scene"))
    stand_in.setActiveLayer(layer)
    stand_in.zoomToActiveLayer()
    work_off()
    return layer
