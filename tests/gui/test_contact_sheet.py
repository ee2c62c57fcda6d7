"""The contact sheet of training pairs in its window."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qgis", reason="QGIS' Python bindings are not installed")

from qgis.PyQt.QtCore import QEvent, QItemSelectionModel, Qt  # noqa: E402
from qgis.PyQt.QtGui import QColor, QImage, QKeyEvent  # noqa: E402
from qgis.PyQt.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLabel, QMessageBox  # noqa: E402

from sr_plugin.core.card import BandSpec  # noqa: E402
from sr_plugin.core.dataset import Dataset, PatchRecord  # noqa: E402
from sr_plugin.core.dataset_card import ArraySpec, DatasetCard  # noqa: E402
from sr_plugin.core.dataset_writer import DatasetWriter  # noqa: E402
from sr_plugin.gui.pairs import contact_sheet_dialog  # noqa: E402
from sr_plugin.gui.pairs.contact_sheet_dialog import ContactSheetDialog  # noqa: E402

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture
def dataset(tmp_path, qgis_app):
    """Six pairs: four to train on, one each to validate and test; green previews but for the last."""
    bands = (BandSpec("red"),)
    card = DatasetCard(
        "fields",
        "single-image",
        2,
        (ArraySpec("low", bands, 4, 4, "uint8"),),
        ArraySpec("high", bands, 8, 8, "uint8"),
    )
    with DatasetWriter(str(tmp_path / "fields"), card) as writer:
        for number in range(6):
            split = ("train", "train", "train", "train", "validation", "test")[number]
            arrays = {"low": np.zeros((1, 4, 4), np.uint8), "high": np.full((1, 8, 8), number, np.uint8)}
            record = writer.add(PatchRecord("", split, f"place {number}", "scene.tif", score=0.9), arrays)
            if number < 5:
                image = QImage(324, 160, QImage.Format.Format_RGB32)
                image.fill(QColor(0, 160, 0))
                path = str(tmp_path / "preview.png")
                image.save(path)
                with open(path, "rb") as file:
                    writer.add_file(f"previews/{record.id}.png", file.read())
        return writer.finish()


@pytest.fixture
def dialog(dataset):
    window = ContactSheetDialog(dataset)
    window.show()
    QApplication.processEvents()
    yield window
    window.hide()
    window.deleteLater()


def excluded(dataset):
    return [record.id for record in Dataset.open(dataset.folder).records if record.excluded]


def test_a_click_strikes_out_and_a_second_one_takes_back(dialog, dataset):
    save = dialog.buttons.button(QDialogButtonBox.StandardButton.Save)
    assert not save.isEnabled() and dialog.count.text() == "0 of 6 struck out"
    dialog.view.clicked.emit(dialog.model.index(1))
    assert dialog.model.struck == {"00001"} and save.isEnabled() and dialog.count.text() == "1 of 6 struck out"
    dialog.view.clicked.emit(dialog.model.index(1))
    assert dialog.model.struck == set() and not save.isEnabled() and excluded(dataset) == []


def test_space_strikes_all_that_are_selected(dialog):
    for row in (0, 3):
        dialog.view.selectionModel().select(dialog.model.index(row), QItemSelectionModel.SelectionFlag.Select)
    key = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(dialog.view, key)
    assert dialog.model.struck == {"00000", "00003"}


def test_what_is_saved_is_in_the_index(dialog, dataset):
    dialog.model.toggle([dialog.model.index(row) for row in (2, 4)])
    dialog.save()
    assert excluded(dataset) == ["00002", "00004"] and not dialog.changed
    again = ContactSheetDialog(Dataset.open(dataset.folder))
    assert again.model.struck == {"00002", "00004"}
    again.model.toggle([again.model.index(2)])
    again.save()
    assert excluded(dataset) == ["00004"]
    again.deleteLater()


def test_only_one_split_or_what_is_struck_out(dialog):
    dialog.split.setCurrentIndex(dialog.split.findData("validation"))
    assert dialog.model.rowCount() == 1
    dialog.view.clicked.emit(dialog.model.index(0))
    dialog.split.setCurrentIndex(0)
    dialog.struck_only.setChecked(True)
    assert dialog.model.rowCount() == 1 and dialog.model.struck == {"00004"}


def test_closing_asks_where_something_is_not_saved(dialog, dataset, monkeypatch):
    asked = []

    def answer(button):
        def question(*_args):
            asked.append(button)
            return button

        monkeypatch.setattr(QMessageBox, "question", question)

    buttons = QMessageBox.StandardButton
    dialog.model.toggle([dialog.model.index(0)])
    answer(buttons.Cancel)
    dialog.reject()
    assert dialog.isVisible() and excluded(dataset) == []
    answer(buttons.Save)
    dialog.reject()
    assert not dialog.isVisible() and excluded(dataset) == ["00000"] and len(asked) == 2
    dialog.reject()
    assert len(asked) == 2


def test_it_is_drawn(dialog):
    def colours(row):
        picture = dialog.view.viewport().grab(dialog.view.visualRect(dialog.model.index(row))).toImage()
        return [QColor(picture.pixel(x, 66)) for x in range(8, 248)]

    plain = colours(0)
    assert sum(colour.green() > 140 and colour.red() < 40 for colour in plain) > 200
    dialog.model.toggle([dialog.model.index(0)])
    QApplication.processEvents()
    struck = colours(0)
    assert any(colour.red() > 180 and colour.green() < 60 for colour in struck)
    assert not any(colour.green() > 140 and colour.red() < 40 for colour in struck)
    # The last one has no preview.
    assert colours(5)


def test_a_folder_is_asked_for(dataset, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(QMessageBox, "warning", lambda *args: told.append(args[2]))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    assert contact_sheet_dialog.open_contact_sheet() is None and "no training dataset" in told[0]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: dataset.folder)
    shown = contact_sheet_dialog.open_contact_sheet()
    assert shown.isVisible() and shown.model.rowCount() == 6
    shown.close()


def test_an_index_that_cannot_be_written_is_said(dialog, dataset, monkeypatch):
    told = []
    monkeypatch.setattr(QMessageBox, "warning", lambda *args: told.append(args[2]))
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("read-only")))
    dialog.model.toggle([dialog.model.index(0)])
    dialog.save()
    assert "read-only" in told[0] and dialog.changed


def test_a_list_for_another_dataset_is_told(dataset, tmp_path):
    (tmp_path / "fields" / "exclude.csv").write_text("id\n1\n99\n", encoding="utf-8")
    window = ContactSheetDialog(Dataset.open(dataset.folder))
    assert window.model.struck == {"00001"}
    assert any("does not have (00099)" in label.text() for label in window.findChildren(QLabel))
    window.deleteLater()
