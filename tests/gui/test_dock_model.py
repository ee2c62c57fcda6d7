"""The model in the dock: lists, card, files."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from sr_plugin.gui.dock.model_card_view import quality_text
from tests.gui.dock_desktop import add_raster, iface, panel, project, ready, user_settings, wait_until  # noqa: F401

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture
def bare_file(project_dir, tmp_path):
    """A safetensors file without a card beside it."""
    return str(shutil.copy(project_dir / "models" / "s2-rgbn-x2.safetensors", tmp_path / "mine.safetensors"))


def texts(panel):
    combo = panel.model_section.combo
    return [combo.itemText(row) for row in range(combo.count())]


def choose_file(panel, path):
    panel.model_section.choose(str(path))
    wait_until(lambda: panel.model_section.card() or panel.model_section.problem.text())


def test_models_stand_in_groups(panel):
    from qgis.PyQt.QtCore import Qt

    listed = texts(panel)
    assert listed[0] == "With the plugin" and listed[-2:] == ["Model files", "From file…"]
    assert listed.index("x2  Sentinel-2 red, green, blue, near infrared") < listed.index(
        "Interpolation, adds no detail"
    )
    assert "x4  Bicubic interpolation" in listed
    model = panel.model_section.combo.model()
    assert model.item(0).flags() == Qt.ItemFlag.NoItemFlags, "a title cannot be chosen"
    assert panel.parameters()["MODEL"] == "s2-rgbn-x2"


def test_files_that_are_gone_are_not_offered(panel, bare_file):
    import os

    choose_file(panel, bare_file)
    os.remove(bare_file)
    panel.refresh_models()
    assert "mine.safetensors" not in texts(panel)


def test_the_card_says_what_distinguishes_a_model(panel):
    text = panel.model_section.card_view.facts.text()
    for part in ("B04, B03, B02, B08", "10 m", "dB PSNR over bicubic", "GPL-2.0-or-later", "B. Lim"):
        assert part in text, part
    assert "PSNR 42" in panel.model_section.card_view.facts.toolTip()
    assert not panel.model_section.card_view.generative.isVisibleTo(panel)
    panel.model_section.choose("bicubic:4")
    assert "yardstick" in panel.model_section.card_view.facts.text()


def test_badges_for_models_to_be_careful_with(panel):
    view = panel.model_section.card_view
    card = panel.model_section.card()
    view.set_card(replace(card, generative=True, verified=False, title="<b>x</b>", source="", citation="<i>"))
    assert view.generative.isVisibleTo(view) and view.unverified.isVisibleTo(view)
    assert "&lt;i&gt;" in view.facts.text(), "texts of a card are escaped"
    view.set_card(replace(card, verified=False, family="onnx"))
    assert not view.generative.isVisibleTo(view) and not view.unverified.isVisibleTo(view)


def test_a_generative_model_says_how_much_it_invents(panel):
    panel.model_section.choose("s2-rgb-x4-gan")
    view = panel.model_section.card_view
    card = panel.model_section.card()
    assert view.generative.isVisibleTo(view) and "invented" in view.facts.text()
    assert f"{card.quality['hallucination']:.0%} invented" in quality_text(card)
    assert "invented" not in quality_text(replace(card, generative=False))
    assert "invented" not in quality_text(replace(card, quality={"mean_gain_db": 1.0}))


def test_the_whole_report_opens_in_a_window(panel):
    from qgis.PyQt.QtWidgets import QDialog, QTextBrowser

    panel.model_section.card_view.show_all()
    dialog = panel.model_section.card_view.findChild(QDialog)
    assert dialog.isVisible() and "SHA-256" in dialog.findChild(QTextBrowser).toPlainText()
    dialog.close()


def test_a_file_is_described_in_the_background(panel, bare_file):
    from sr_plugin.gui.dock.model_list import recent_models

    panel.model_section.choose(bare_file)
    assert panel.model_section.card() is None and "being read" in panel.model_section.missing()
    wait_until(lambda: panel.model_section.card() is not None)
    assert panel.model_section.card().scale == 2 and panel.model_section.missing() == ""
    assert panel.parameters()["MODEL"] == bare_file
    assert panel.model_section.combo.currentText() == "mine.safetensors"
    assert recent_models() == [bare_file] and texts(panel)[-3:] == ["Model files", "mine.safetensors", "From file…"]
    panel.model_section.choose("s2-rgbn-x2")
    assert "mine.safetensors" in texts(panel)


def test_values_are_asked_for_a_file_and_remembered(panel, bare_file, iface):
    from sr_plugin.gui.dock.dock_panel import DockPanel

    values = panel.model_section.values
    assert not values.isVisibleTo(panel) and panel.parameters()["NORMALISATION"] == "auto"
    choose_file(panel, bare_file)
    assert values.isVisibleTo(panel) and panel.parameters()["NORMALISATION"] == "auto"
    values.set_value("divide:10000")
    assert panel.parameters()["NORMALISATION"] == "divide:10000"
    values.combo.setEditText("window:5")
    assert "cannot be understood" in panel.model_section.missing()
    values.combo.setEditText("window:0,2500")
    assert panel.model_section.missing() == "" and panel.parameters()["NORMALISATION"] == "window:0,2500"
    panel.model_section.choose("s2-rgbn-x2")
    assert panel.parameters()["NORMALISATION"] == "auto"
    second = DockPanel(iface)
    choose_file(second, bare_file)
    assert second.parameters()["NORMALISATION"] == "window:0,2500"
    second.shut_down()
    second.deleteLater()


def test_bands_chosen_for_a_file_are_remembered(ready, bare_file, add_raster):
    choose_file(ready, bare_file)
    ready.band_section.set_numbers([3, 2, 1, 4])
    ready.run_bar.run_button.click()
    ready.model_section.choose("bicubic:2")
    other = add_raster(name="without names", bands=())
    ready.choose_layer(other)
    wait_until(lambda: ready._facts is not None and ready._facts.dataset == other.source())
    choose_file(ready, bare_file)
    assert ready.parameters()["BANDS"] == [3, 2, 1, 4]


@pytest.mark.parametrize("content", [b"no model at all", b""])
def test_a_file_that_is_no_model_is_told_in_a_sentence(panel, tmp_path, content):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    choose_file(panel, path)
    assert str(path) in panel.model_section.problem.text() or "broken" in panel.model_section.problem.text()
    assert panel.missing() and not panel.run_bar.run_button.isEnabled()
    panel.model_section.choose("bicubic:2")
    assert panel.model_section.problem.text() == "" and panel.model_section.missing() == ""


def test_from_file_opens_the_dialog_and_keeps_the_choice_when_it_is_left(panel, monkeypatch, bare_file):
    from qgis.PyQt.QtWidgets import QFileDialog

    answers = [("", ""), (bare_file, "")]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: answers.pop(0))
    combo = panel.model_section.combo
    before = combo.currentText()
    combo.activated.emit(combo.count() - 1)
    assert combo.currentText() == before and panel.parameters()["MODEL"] == "s2-rgbn-x2"
    combo.activated.emit(combo.count() - 1)
    assert panel.parameters()["MODEL"] == bare_file
    wait_until(lambda: panel.model_section.card() is not None)


def test_a_model_of_several_rasters_cannot_be_run_here(ready):
    from dataclasses import replace

    ready.model_section._show_card(replace(ready.model_section.card(), kind="multi-image"))
    assert "several rasters" in ready.missing()


def test_the_newest_model_wins(panel, bare_file):
    panel.model_section.choose(bare_file)
    panel.model_section.choose("bicubic:3")
    wait_until(lambda: not panel._background.is_busy("model"))
    assert panel.model_section.card().name == "bicubic:3" and panel.parameters()["MODEL"] == "bicubic:3"


def test_installed_models_come_and_go(panel, bare_file, monkeypatch, tmp_path):
    from sr_plugin.core.catalogue import find_model
    from sr_plugin.core.model_folder import install_model, remove_model

    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    install_model(find_model(bare_file), "installed-one")
    panel.refresh_models()
    assert "Installed" in texts(panel)
    panel.model_section.choose("installed-one")
    assert panel.parameters()["MODEL"] == "installed-one" and panel.model_section.missing() == ""
    panel.refresh_models()
    assert panel.parameters()["MODEL"] == "installed-one"
    remove_model("installed-one")
    panel.refresh_models()
    assert panel.parameters()["MODEL"] == "" and panel.model_section.missing() == "Choose a model."
    assert not panel.model_section.card_view.isVisibleTo(panel)


def test_only_models_for_one_raster_are_offered(panel):
    from sr_plugin.core.catalogue import shipped_models
    from sr_plugin.gui.dock.model_list import model_groups

    offered = [entry.reference for entry in model_groups()[0][1]]
    assert "s2-rgbn-x2" in offered and "s2-fuse-20m" not in offered
    assert offered == [card.name for card in shipped_models() if card.kind == "single-image"]


def test_the_usual_model_of_the_user_is_preset(iface, user_settings):
    from sr_plugin.gui.dock.dock_panel import DockPanel
    from sr_plugin.processing import settings

    for stored, chosen in (("bicubic:3", "bicubic:3"), ("gone", "s2-rgbn-x2")):
        settings.MODEL.set(stored)
        dock = DockPanel(iface)
        assert dock.parameters()["MODEL"] == chosen
        dock.shut_down()
        dock.deleteLater()


@pytest.mark.slow
def test_an_onnx_file_that_tells_nothing_is_measured_in_a_worker(ready, project_dir, tmp_path):
    path = str(shutil.copy(project_dir / "models" / "s2-rgbn-x2.onnx", tmp_path / "mine.onnx"))
    ready.model_section.choose(path)
    wait_until(lambda: ready.model_section.card() or ready.model_section.problem.text())
    assert ready.model_section.problem.text() == ""
    assert ready.model_section.card().scale == 2 and len(ready.model_section.card().input_bands) == 4
    assert len(ready.band_section.combos) == 4
