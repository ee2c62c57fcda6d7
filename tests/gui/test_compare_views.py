"""The views of the comparison window: linked, side by side, with a swipe, blinking."""

from __future__ import annotations

import pytest

from tests.gui.compare_rig import (  # noqa: F401 - fixtures
    add_layer,
    colour_at,
    plain,
    project,
    pump,
    scale_of,
    settings,
    shut_down,
    texture,
    wait_for_picture,
    window,
)

pytestmark = [pytest.mark.qgis, pytest.mark.gui]

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def pair(window, plain):
    """A window with a red and a blue layer."""
    window.show_layers([plain("red", RED), plain("blue", BLUE)])
    wait_for_picture(window)
    return window


def press(widget, key, modifier=None):
    from qgis.PyQt.QtCore import Qt
    from qgis.PyQt.QtTest import QTest

    QTest.keyClick(widget, key, modifier or Qt.KeyboardModifier.NoModifier)


def test_the_reference_is_shown_whole_at_first(pair):
    from qgis.core import QgsProject

    whole = QgsProject.instance().mapLayersByName("red")[0].extent()
    for view in pair.views():
        assert view.canvas.extent().contains(whole)
        # Room is left at two sides only, and not much at the others.
        assert min(view.canvas.extent().width() / whole.width(), view.canvas.extent().height() / whole.height()) < 1.1


@pytest.mark.parametrize("moved, other", [(0, 1), (1, 0)])
def test_views_are_linked_both_ways(pair, moved, other):
    from qgis.core import QgsPointXY

    source, target = pair.views()[moved].canvas, pair.views()[other].canvas
    before = scale_of(target)
    source.setCenter(QgsPointXY(500100, 4099900))
    source.zoomByFactor(0.4)
    source.setRotation(30)
    assert scale_of(target) == pytest.approx(scale_of(source), rel=1e-9)
    assert target.rotation() == 30
    assert scale_of(target) != pytest.approx(before, rel=1e-9)
    assert source.mapUnitsPerPixel() == pytest.approx(0.4 * before[2], rel=1e-6)


def test_a_move_does_not_come_back(pair):
    told = []
    for view in pair.views():
        view.canvas.extentsChanged.connect(lambda: told.append(1))
    pair.views()[0].canvas.zoomByFactor(0.5)
    pump(seconds=0.5)
    assert 2 <= len(told) <= 4


def test_resizing_moves_nothing(pair):
    from qgis.core import QgsPointXY

    canvas = pair.views()[0].canvas
    canvas.setCenter(QgsPointXY(500300, 4099700))
    canvas.zoomByFactor(0.5)
    before = scale_of(canvas)
    pair.resize(1200, 500)
    wait_for_picture(pair)
    pair.set_mode("swipe")
    wait_for_picture(pair)
    for view in pair.views():
        assert scale_of(view.canvas) == pytest.approx(before, rel=1e-9)


def test_dragging_shifts_the_other_view_at_once(pair):
    from qgis.PyQt.QtCore import QPoint, Qt
    from qgis.PyQt.QtTest import QTest

    source, target = (view.canvas for view in pair.views())
    before = scale_of(target)
    button = Qt.MouseButton.LeftButton
    QTest.mousePress(source.viewport(), button, pos=QPoint(200, 200))
    # Qt gives test moves no buttons, so the event is sent by hand.
    from qgis.PyQt.QtCore import QEvent, QPointF
    from qgis.PyQt.QtGui import QMouseEvent
    from qgis.PyQt.QtWidgets import QApplication

    none = Qt.KeyboardModifier.NoModifier
    for place in (QPointF(180, 190), QPointF(150, 170)):
        QApplication.sendEvent(source.viewport(), QMouseEvent(QEvent.Type.MouseMove, place, button, button, none))
    assert target.sceneRect().topLeft() == source.sceneRect().topLeft()
    assert target.sceneRect().left() == 50
    QTest.mouseRelease(source.viewport(), button, pos=QPoint(150, 170))
    assert scale_of(target)[0] == pytest.approx(before[0] + 50 * before[2])
    assert target.sceneRect().left() == 0


def test_views_use_the_crs_of_the_reference(pair):
    assert {view.canvas.mapSettings().destinationCrs().authid() for view in pair.views()} == {"EPSG:32618"}


def test_side_by_side_shows_each_layer_in_its_view(pair):
    assert colour_at(pair, 0.25, 0.5) == RED
    assert colour_at(pair, 0.75, 0.5) == BLUE
    assert [view.caption.text() for view in pair.views()] == ["red", "blue"]


def test_swipe_shows_each_layer_on_its_side(pair):
    from qgis.PyQt.QtCore import Qt

    pair.set_mode("swipe")
    wait_for_picture(pair)
    handle = pair.stage.handle
    assert colour_at(pair, 0.44, 0.3) == RED
    assert colour_at(pair, 0.56, 0.3) == BLUE
    for _ in range(2):
        press(handle, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    press(handle, Qt.Key.Key_Right)
    assert handle.position == pytest.approx(0.31)
    assert colour_at(pair, 0.28, 0.3) == RED
    assert colour_at(pair, 0.36, 0.3) == BLUE
    press(handle, Qt.Key.Key_End)
    assert colour_at(pair, 0.7, 0.3) == RED
    press(handle, Qt.Key.Key_Home)
    assert colour_at(pair, 0.3, 0.3) == BLUE


def test_the_divider_follows_the_mouse(pair):
    from qgis.PyQt.QtCore import QEvent, QPointF, Qt
    from qgis.PyQt.QtGui import QMouseEvent
    from qgis.PyQt.QtWidgets import QApplication

    pair.set_mode("swipe")
    wait_for_picture(pair)
    handle, width = pair.stage.handle, pair.stage.width()
    place = QPointF(handle.mapFrom(pair.stage, pair.stage.rect().center())) + QPointF(-0.1 * width, 0)
    button = Qt.MouseButton.LeftButton
    move = QMouseEvent(QEvent.Type.MouseMove, place, button, button, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(handle, move)
    assert handle.position == pytest.approx(0.4, abs=0.01)
    assert colour_at(pair, 0.36, 0.3) == RED
    assert colour_at(pair, 0.44, 0.3) == BLUE


def test_a_pair_can_be_chosen_among_three(window, plain):
    window.show_layers([plain("red", RED), plain("blue", BLUE), plain("green", (0, 255, 0))])
    window.set_mode("swipe")
    window.tools.second.setCurrentIndex(2)
    wait_for_picture(window)
    assert colour_at(window, 0.44, 0.3) == RED
    assert colour_at(window, 0.56, 0.3) == (0, 255, 0)


def test_blink_changes_over_by_itself(pair):
    pair.tools.interval.setValue(200)
    pair.set_mode("blink")
    wait_for_picture(pair)
    told = []
    pair.stage.blinked.connect(told.append)
    assert pump(lambda: len(told) >= 3)
    assert told[0] != told[1] != told[2]


def test_the_space_bar_changes_over_by_hand(pair):
    from qgis.PyQt.QtCore import Qt

    pair.set_mode("blink")
    pair.tools.play.setChecked(False)
    wait_for_picture(pair)
    assert not pair.blinker.running
    assert colour_at(pair, 0.5, 0.5) == RED
    press(pair.views()[0].canvas, Qt.Key.Key_Space)
    assert colour_at(pair, 0.5, 0.5) == BLUE
    press(pair.views()[1].canvas, Qt.Key.Key_Space)
    assert colour_at(pair, 0.5, 0.5) == RED


def test_blinking_stops_with_the_mode_and_the_window(pair):
    pair.set_mode("blink")
    assert pair.blinker.running
    pair.set_mode("side")
    assert not pair.blinker.running
    pair.set_mode("blink")
    pair.close()
    assert not pair.blinker.running


def test_the_main_map_is_followed_both_ways(settings, plain):
    from qgis.core import QgsCoordinateReferenceSystem, QgsPointXY
    from qgis.gui import QgsMapCanvas

    from sr_plugin.gui.compare.compare_window import CompareWindow

    main = QgsMapCanvas()
    main.resize(300, 200)
    red, blue = plain("red", RED), plain("blue", BLUE)
    main.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:32617"))
    main.setLayers([red])
    main.setExtent(main.mapSettings().layerExtentToOutputExtent(red, red.extent()))
    window = CompareWindow(None, main)
    window.show_layers([red, blue])
    wait_for_picture(window)
    window.tools.follow.setChecked(True)
    canvas = window.views()[1].canvas
    assert canvas.mapSettings().destinationCrs().authid() == "EPSG:32617"
    assert scale_of(canvas) == pytest.approx(scale_of(main), rel=1e-9)
    main.zoomByFactor(0.5)
    assert scale_of(canvas) == pytest.approx(scale_of(main), rel=1e-9)
    canvas.setCenter(QgsPointXY(canvas.center().x() + 50, canvas.center().y()))
    assert scale_of(main) == pytest.approx(scale_of(canvas), rel=1e-9)
    window.tools.follow.setChecked(False)
    assert canvas.mapSettings().destinationCrs().authid() == "EPSG:32618"
    place = scale_of(main)
    canvas.zoomByFactor(0.5)
    assert scale_of(main) == pytest.approx(place)
    shut_down(window)


def test_modes_and_interval_are_remembered(pair, settings):
    from sr_plugin.gui.compare.compare_window import CompareWindow

    pair.set_mode("swipe")
    pair.tools.interval.setValue(1300)
    pair.tools.stretch.setChecked(False)
    again = CompareWindow()
    assert again.stage.mode == "swipe"
    assert again.tools.modes["swipe"].isChecked()
    assert again.tools.interval.value() == 1300
    assert not again.tools.stretch.isChecked()
    shut_down(again)


def test_damaged_settings_do_no_harm(settings, qgis_app):
    from sr_plugin.core.edges import EdgeSettings
    from sr_plugin.gui.compare.compare_window import CompareWindow

    for key, value in (("mode", "upside down"), ("blink_interval", "soon"), ("edges/low", "7"), ("geometry", "x")):
        settings.setValue(f"superres/compare/{key}", value)
    window = CompareWindow()
    assert window.stage.mode == "side"
    assert window.panel.edge_settings() == EdgeSettings()
    shut_down(window)


def test_without_layers_the_window_says_what_to_do(window, plain):
    assert window.pages.currentWidget() is window.empty
    assert "Add at least two raster layers" in window.empty.text()
    assert not window.tools.modes["side"].isEnabled()
    plain("red", RED)
    plain("blue", BLUE)
    assert "Choose a reference" in window.empty.text()
    assert window.bar.combos[0].currentText() == "Choose a raster layer"


def test_shortcuts_work_from_the_views(pair):
    from qgis.PyQt.QtCore import Qt
    from qgis.PyQt.QtWidgets import QApplication

    alt = Qt.KeyboardModifier.AltModifier
    QApplication.setActiveWindow(pair)
    for key, mode in ((Qt.Key.Key_2, "swipe"), (Qt.Key.Key_3, "blink"), (Qt.Key.Key_1, "side")):
        pair.views()[0].canvas.setFocus()
        press(pair.views()[0].canvas, key, alt)
        assert pair.stage.mode == mode


def test_the_mouse_is_marked_in_the_other_views(pair):
    from qgis.core import QgsPointXY

    first, second = pair.views()
    first.canvas.xyCoordinates.emit(QgsPointXY(500100, 4099900))
    assert second._cross.isVisible() and not first._cross.isVisible()
    assert "500,100.0" in pair.place.text()
    first._tell_pointed(None)
    assert not second._cross.isVisible()
    assert "500,100.0" not in pair.place.text()


def test_the_window_opens_with_the_only_two_rasters(window, plain, texture):
    window.hide()
    fine, coarse = texture("fine", factor=2), texture("coarse")
    window.show()
    assert [view.caption.text() for view in window.views()] == ["coarse", "fine"]
    window.bar.set_layers([fine, coarse])
    plain("third", RED)
    window.close()
    assert window.views() == []
    window.show()
    assert [view.caption.text() for view in window.views()] == ["fine", "coarse"]


def test_size_and_place_of_the_window_are_remembered(pair):
    from sr_plugin.gui.compare.compare_window import CompareWindow

    pair.resize(777, 555)
    pair.close()
    again = CompareWindow()
    assert (again.width(), again.height()) == (777, 555)
    shut_down(again)


def test_the_keyboard_goes_through_all_parts_in_order(pair):
    from qgis.PyQt.QtCore import Qt
    from qgis.PyQt.QtWidgets import QApplication

    QApplication.setActiveWindow(pair)
    pair.set_edges(True)
    pair.bar.combos[0].setFocus()
    pair.class_view.canvas.setAccessibleName("classes")
    order = []
    for _ in range(20):
        order.append(QApplication.focusWidget())
        press(QApplication.focusWidget(), Qt.Key.Key_Tab)
    wanted = [*pair.bar.combos[:2], *(view.canvas for view in pair.views()), pair.class_view.canvas, pair.panel.method]
    places = [order.index(widget) for widget in wanted]
    assert places == sorted(places)


def test_captions_fit_narrow_views(window, plain):
    long = "a very long name of a raster layer that goes on and on until nobody reads it any more"
    window.show_layers([plain("red", RED), plain(long, BLUE)])
    wait_for_picture(window)
    view = window.views()[1]
    assert view.caption.geometry().right() < view.width()
    assert "…" in view.caption.text()


def test_the_picture_is_saved_as_it_is_shown(pair, monkeypatch, tmp_path):
    from qgis.PyQt.QtGui import QImage
    from qgis.PyQt.QtWidgets import QFileDialog

    path = tmp_path / "views"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args, **_kwargs: (str(path), ""))
    pair.save_picture()
    picture = QImage(str(path) + ".png")
    assert picture.size() == pair.stage.size()
    assert picture.pixelColor(picture.width() // 4, picture.height() // 2).red() == 255
    assert picture.pixelColor(3 * picture.width() // 4, picture.height() // 2).blue() == 255


def test_the_window_can_be_docked_and_taken_out(settings, plain):
    from qgis.PyQt.QtWidgets import QMainWindow

    from sr_plugin.gui.compare.compare_window import CompareWindow

    main = QMainWindow()
    main.resize(900, 700)
    main.show()
    window = CompareWindow(main)
    window.show_layers([plain("red", RED), plain("blue", BLUE)])
    window.tools.dock.setChecked(True)
    wait_for_picture(window)
    assert not window.isWindow() and window.isVisible()
    assert colour_at(window, 0.25, 0.5) == RED
    window.docking._dock.hide()
    assert not window.isVisible()
    window.show_layers(window._layers)
    assert window.isVisible()
    window.tools.dock.setChecked(False)
    wait_for_picture(window)
    assert window.isWindow() and window.isVisible()
    assert colour_at(window, 0.75, 0.5) == BLUE
    window.tools.dock.setChecked(True)
    shut_down(window)
    assert not [child for child in main.children() if child.objectName().startswith("superresCompare")]
