"""The layers of the comparison window: private copies with one stretch, safe against removal."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gui.compare_rig import (  # noqa: F401 - fixtures
    COARSE,
    add_layer,
    colour_at,
    plain,
    project,
    pump,
    settings,
    texture,
    wait_for_picture,
    window,
)

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


def drawn(view):
    """The layer that a view draws."""
    return view.canvas.layers()[0]


def limits(layer):
    """Minimum and maximum of the red band's stretch."""
    enhancement = layer.renderer().redContrastEnhancement()
    return enhancement.minimumValue(), enhancement.maximumValue()


def style(layer):
    from sr_plugin.processing.result_style import look_of

    return look_of(layer)


def test_all_are_drawn_with_the_stretch_of_the_reference(window, texture):
    first, second = texture("first", seed=1), texture("second", factor=4, seed=2)
    assert limits(first) != limits(second)
    before = style(first), style(second)
    window.show_layers([first, second])
    assert limits(drawn(window.views()[1])) == limits(first)
    window.tools.stretch.setChecked(False)
    assert limits(drawn(window.views()[1])) == limits(second)
    window.tools.stretch.setChecked(True)
    assert limits(drawn(window.views()[1])) == limits(first)
    assert (style(first), style(second)) == before


def test_copies_are_in_no_project(window, texture, project):
    layers = [texture("first"), texture("second")]
    window.show_layers(layers)
    assert set(project.mapLayers()) == {layer.id() for layer in layers}
    assert all(drawn(view).project() is None and drawn(view) not in layers for view in window.views())


def test_bands_are_found_by_their_names(window, add_layer):
    pixels = np.arange(3 * 16 * 16, dtype=np.uint16).reshape(3, 16, 16)
    reference = add_layer("reference", pixels, descriptions=("B02", "B03", "B04"))
    result = add_layer("result", pixels[::-1], descriptions=("B04", "B03", "B02"))
    window.show_layers([reference, result])
    shown = reference.renderer().usesBands()
    assert drawn(window.views()[1]).renderer().usesBands() == [4 - band for band in shown]
    assert window.layer_views.notes() == ["", ""]


@pytest.mark.parametrize(
    "pixels, reason",
    [(np.ones((1, 16, 16), np.uint16), "bands"), (np.full((3, 16, 16), 7, np.uint8), "values")],
)
def test_what_cannot_have_the_stretch_says_so(window, texture, add_layer, pixels, reason):
    reference, other = texture("reference"), add_layer("other", pixels)
    window.show_layers([reference, other])
    wait_for_picture(window)
    assert window.layer_views.notes()[0] == ""
    assert reason in window.layer_views.notes()[1]
    assert "own stretch" in window.views()[1].caption.text()
    assert "other" in window.statusBar().currentMessage()
    assert style(drawn(window.views()[1])) == style(other)


def test_a_new_look_of_the_reference_reaches_all_views(window, plain):
    from qgis.core import QgsMultiBandColorRenderer

    red, blue = plain("red", (255, 0, 0)), plain("blue", (0, 0, 255))
    window.show_layers([red, blue])
    wait_for_picture(window)
    red.setRenderer(QgsMultiBandColorRenderer(red.dataProvider(), 3, 2, 1))
    assert pump(lambda: drawn(window.views()[1]).renderer().usesBands() == [3, 2, 1])
    wait_for_picture(window)
    assert colour_at(window, 0.25, 0.5) == (0, 0, 255)
    assert colour_at(window, 0.75, 0.5) == (255, 0, 0)


def test_a_new_name_reaches_the_caption(window, texture):
    first, second = texture("first"), texture("second")
    window.show_layers([first, second])
    second.setName("renamed")
    assert window.views()[1].caption.text() == "renamed"


@pytest.mark.parametrize("mode", ["side", "swipe", "blink"])
def test_a_layer_may_be_removed_meanwhile(window, plain, project, mode):
    red, blue, green = plain("red", (255, 0, 0)), plain("blue", (0, 0, 255)), plain("green", (0, 255, 0))
    window.set_mode(mode)
    window.show_layers([red, blue, green])
    window.set_edges(True)
    pump(seconds=0.1)
    project.removeMapLayer(blue.id())
    wait_for_picture(window)
    assert [view.caption.text() for view in window.views()] == ["red", "green"]
    project.removeMapLayer(green.id())
    assert pump(lambda: window.views() == [])
    assert window.pages.currentWidget() is window.empty
    project.removeMapLayer(red.id())
    assert pump(lambda: "Add at least two raster layers" in window.empty.text())


def test_other_layers_of_the_project_disturb_nothing(window, texture, project):
    first, second = texture("m"), texture("n")
    window.show_layers([first, second], truth=second)
    wait_for_picture(window)
    told = []
    window.bar.changed.connect(lambda: told.append("layers"))
    window.panel.settings_changed.connect(lambda: told.append("settings"))
    before = [drawn(view) for view in window.views()]
    added = [texture("a"), texture("z")]
    added[0].setName("zz")
    project.removeMapLayer(added[1].id())
    pump(seconds=0.3)
    assert [drawn(view) for view in window.views()] == before
    assert window.bar.layers() == [first, second] and window.panel.truth_layer() is second
    assert told == []


def test_a_new_project_empties_the_window(window, texture, project):
    window.show_layers([texture("first"), texture("second")])
    wait_for_picture(window)
    project.clear()
    assert pump(lambda: window.pages.currentWidget() is window.empty)


def test_layers_outside_the_project_can_be_compared(window, texture, project, tmp_path):
    from qgis.core import QgsRasterLayer

    inside = texture("inside")
    outside = QgsRasterLayer(inside.source(), "outside")
    window.show_layers([inside, outside])
    wait_for_picture(window)
    assert [view.caption.text() for view in window.views()] == ["inside", "outside"]
    assert project.mapLayersByName("outside") == []


def test_a_layer_outside_the_project_may_be_deleted_meanwhile(window, texture):
    from qgis.core import QgsRasterLayer
    from qgis.PyQt import sip

    first, second = texture("first"), texture("second")
    outside = QgsRasterLayer(first.source(), "outside")
    window.show_layers([first, outside, second])
    wait_for_picture(window)
    sip.delete(outside)
    wait_for_picture(window)
    assert [view.caption.text() for view in window.views()] == ["first", "second"]


def test_the_same_layer_may_be_compared_with_itself(window, texture):
    layer = texture("only")
    window.show_layers([layer, layer])
    assert len(window.views()) == 2


def test_up_to_four_layers_can_be_chosen(window, texture):
    layers = [texture(f"layer {number}", seed=number) for number in range(4)]
    for layer, combo in zip(layers[:2], window.bar.combos):
        combo.setLayer(layer)
    assert len(window.views()) == 2
    for layer, combo in zip(layers[2:], window.bar.combos[2:]):
        assert window.bar.more.isEnabled()
        window.bar.more.click()
        combo.setLayer(layer)
    assert len(window.views()) == 4
    assert not window.bar.more.isEnabled()
    window.bar.fewer.click()
    assert len(window.views()) == 3


def test_views_may_go_while_they_are_drawn(window, texture):
    from qgis.PyQt.QtCore import QEvent
    from qgis.PyQt.QtWidgets import QApplication

    layers = [texture(f"layer {number}", factor=8, seed=number) for number in range(4)]
    for turn in range(40):
        window.show_layers(layers[: 2 + 2 * (turn % 2)])
        window.views()[0].canvas.zoomByFactor(0.9)
        pump(seconds=0.004 * (turn % 7))
        window.views()[0].canvas.zoomByFactor(0.9)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    wait_for_picture(window)
    assert len(window.views()) == 4


def test_closing_frees_the_copies(window, texture):
    from qgis.PyQt import sip

    window.show_layers([texture("first"), texture("second")])
    wait_for_picture(window)
    copies = [drawn(view) for view in window.views()]
    window.close()
    pump(seconds=0.2)
    assert window.views() == []
    assert window.layer_views.notes() == []
    # The test's own references are the last ones.
    assert all(not sip.isdeleted(copy) and copy.project() is None for copy in copies)
    window.show_layers([texture("third"), texture("fourth")], extent=None)
    assert len(window.views()) == 2


def test_an_extent_can_be_preset(window, texture):
    from qgis.core import QgsRectangle

    x, _, _, y, _, _ = COARSE
    wanted = QgsRectangle(x + 100, y - 300, x + 200, y - 200)
    window.show_layers([texture("first"), texture("second")], extent=wanted)
    wait_for_picture(window)
    shown = window.views()[0].canvas.extent()
    assert shown.contains(wanted)
    assert min(shown.width(), shown.height()) < 115
