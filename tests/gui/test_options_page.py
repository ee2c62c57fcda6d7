"""The page in QGIS' options shows the settings, stores them when accepted, and only then."""

from __future__ import annotations

import pytest

from tests.gui.desktop_tools import wait_until

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture
def settings(qgis_app):
    from sr_plugin.processing import settings

    settings.reset_all()
    yield settings
    settings.reset_all()


@pytest.fixture
def page(settings):
    from sr_plugin.gui.options_factory import OptionsFactory

    page = OptionsFactory().createWidget(None)
    yield page
    page.deleteLater()


def change(page):
    page.model.set_value("bicubic:4")
    page.device.set_value("cuda:1")
    page.precision.setCurrentIndex(page.precision.findData("float32"))
    page.consistency.setChecked(True)
    page.keep_partial.setChecked(True)
    page.preview_follow.setChecked(True)
    page.preview_bound.setValue(512)


CHANGED = {
    "model": "bicubic:4",
    "device": "cuda:1",
    "precision": "float32",
    "consistency": True,
    "keep_partial": True,
    "preview_follow": True,
    "preview_bound": 512,
}


def test_accepting_stores_everything(page, settings):
    change(page)
    assert settings.changed_names() == [], "the page stores before it is accepted"
    page.apply()
    assert {name: settings.all_values()[name] for name in settings.changed_names()} == CHANGED


def test_a_new_page_shows_what_is_stored(page, settings):
    from sr_plugin.gui.options_page import OptionsPage

    change(page)
    page.apply()
    again = OptionsPage()
    assert again.model.value() == "bicubic:4" and again.device.value() == "cuda:1"
    assert again.precision.currentData() == "float32" and again.preview_bound.value() == 512
    assert all(box.isChecked() for box in (again.consistency, again.keep_partial, again.preview_follow))
    again.deleteLater()


def test_cancelling_changes_nothing(page, settings):
    change(page)
    page.cancel()
    page.apply()
    assert settings.changed_names() == []


def test_an_unchanged_page_stores_nothing(page, settings):
    page.apply()
    assert settings.changed_names() == []


def test_title_and_icon_are_there(settings):
    from sr_plugin.gui.options_factory import OptionsFactory

    factory = OptionsFactory()
    assert factory.title() == "Super-Resolution" and not factory.icon().isNull()


def test_the_environment_is_told_and_its_dialog_opens(page, monkeypatch):
    wait_until(lambda: "Looking for" not in page.environment.text())
    assert "Python 3." in page.environment.text()
    told = []
    page._environment.environment_changed.connect(lambda: told.append(1))
    page.environment_button.click()
    dialog = page._environment.dialog
    assert dialog.isVisible()
    dialog.environment_changed.emit()
    assert told == [1]
    dialog.shut_down()
    dialog.close()


def test_the_dialog_of_the_environment_is_shared_and_outlives_the_options(settings):
    from qgis.PyQt import sip
    from qgis.PyQt.QtWidgets import QDialog, QVBoxLayout, QWidget

    from sr_plugin.gui.environment.one_dialog import OneDialog
    from sr_plugin.gui.options_factory import OptionsFactory

    home, options = QWidget(), QDialog()
    one = OneDialog(home)
    page = OptionsFactory(lambda: one).createWidget(options)
    QVBoxLayout(options).addWidget(page)
    one.open()
    dialog = one.dialog
    page.open_environment()
    assert one.dialog is dialog and dialog.parentWidget() is options and dialog.isModal() and dialog.isVisible()
    dialog.reject()
    assert dialog.parentWidget() is home and not dialog.isVisible()
    sip.delete(options)
    one.open()
    assert dialog.isVisible() and not dialog.isModal()
    one.shut_down()
    home.deleteLater()


def test_following_the_map_is_told_where_it_was_changed(settings):
    from sr_plugin.gui.options_factory import OptionsFactory

    told = []
    page = OptionsFactory(follow_changed=told.append).createWidget(None)
    page.apply()
    assert told == []
    page.preview_follow.setChecked(True)
    page.apply()
    page.apply()
    assert told == [True]
    page.deleteLater()
