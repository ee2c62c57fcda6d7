"""Pictures of edges: colours, and thin lines on a coarse screen."""

from __future__ import annotations

import numpy as np
import pytest

from tests.qgis_session import qgis_app  # noqa: F401 - fixture

pytestmark = [pytest.mark.qgis, pytest.mark.gui]

SHAPE = (10, 14)


@pytest.fixture
def view(qgis_app):
    """Makes a view of a reference and one compared layer with given edges and classes."""
    from sr_plugin.core.edges import EdgeSettings
    from sr_plugin.core.grid import Grid
    from sr_plugin.pipeline.edge_view import EdgeView, LayerEdges

    def make(edges, classes=None, method="canny", gradient=None):
        gradient = np.zeros(SHAPE, np.float32) if gradient is None else gradient
        grid = Grid(SHAPE[1], SHAPE[0], (100.0, 2.0, 0.0, 50.0, 0.0, -2.0))
        settings = EdgeSettings(method, 1.0, 10.0, 20.0, False)
        reference = LayerEdges("a", edges, gradient)
        return EdgeView(grid, settings, reference, (LayerEdges("b", edges, gradient, classes),))

    return make


def alphas(image):
    return np.array([[image.pixelColor(x, y).alpha() for x in range(image.width())] for y in range(image.height())])


def test_edges_are_opaque_and_the_rest_is_clear(view):
    from sr_plugin.gui.compare.edge_images import EDGE_COLOUR, edge_pictures

    edges = np.zeros(SHAPE, bool)
    edges[3, 4:9] = True
    pictures = edge_pictures(view(edges, np.zeros(SHAPE, np.uint8)), 1.0)
    image = pictures.layers[0].edges
    assert (alphas(image) > 0).tolist() == edges.tolist()
    assert image.pixelColor(4, 3).getRgb() == EDGE_COLOUR
    assert pictures.grid.geotransform == (100.0, 2.0, 0.0, 50.0, 0.0, -2.0)


@pytest.mark.parametrize("ratio, block", [(0.3, 1), (1.05, 1), (1.5, 2), (2.9, 3), (40.0, 40)])
def test_thin_lines_stay_whole_on_a_coarse_screen(view, ratio, block):
    from sr_plugin.gui.compare.edge_images import edge_pictures

    edges = np.zeros(SHAPE, bool)
    edges[:, 7] = True
    pictures = edge_pictures(view(edges, np.zeros(SHAPE, np.uint8)), ratio)
    shown = alphas(pictures.layers[0].edges) > 0
    assert shown.shape == (-(-SHAPE[0] // block), -(-SHAPE[1] // block))
    assert shown[:, 7 // block].all() and shown.sum() == shown.shape[0]
    assert pictures.grid.geotransform[1] == 2.0 * block
    assert (pictures.grid.width, pictures.grid.height) == (shown.shape[1], shown.shape[0])
    assert pictures.pixels == (SHAPE[1], SHAPE[0])


def test_new_edges_are_never_hidden_by_others(view):
    from sr_plugin.core.edges import KEPT, LOST, NEW
    from sr_plugin.gui.compare.edge_images import edge_pictures

    classes = np.zeros(SHAPE, np.uint8)
    classes[0, :2] = LOST.code, NEW.code
    classes[1, :2] = KEPT.code, KEPT.code
    classes[4, 4] = LOST.code
    pictures = edge_pictures(view(classes > 0, classes), 2.0).layers[1]
    assert pictures.classes.pixelColor(0, 0).getRgb() == NEW.colour
    assert pictures.classes.pixelColor(2, 2).getRgb() == LOST.colour
    assert pictures.classes.pixelColor(5, 4).alpha() == 0
    assert pictures.counts == {"kept": 2, "new": 1, "lost": 2}


def test_a_steeper_gradient_is_more_opaque(view):
    from sr_plugin.gui.compare.edge_images import edge_pictures

    gradient = np.zeros(SHAPE, np.float32)
    gradient[0, :5] = 0, 5, 20, 40, 400
    image = edge_pictures(view(gradient > 10, np.zeros(SHAPE, np.uint8), "sobel", gradient), 1.0).layers[0].edges
    shown = alphas(image)[0, :5]
    assert shown[0] == shown[1] == 0 and shown[3] == shown[4] == 255
    assert 80 < shown[2] < 150


def test_a_raster_without_any_edge_gives_clear_pictures(view):
    from dataclasses import replace

    from sr_plugin.gui.compare.edge_images import edge_pictures

    flat = view(np.zeros(SHAPE, bool), np.zeros(SHAPE, np.uint8), "sobel")
    flat = replace(flat, settings=replace(flat.settings, low=float("inf"), high=float("inf")))
    assert not alphas(edge_pictures(flat, 1.0).layers[0].edges).any()
