"""The report tells what a ticket needs, and nothing that should not leave the computer."""

from __future__ import annotations

import os
import sys

import pytest

from tests.gui.desktop_tools import wait_until

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture(autouse=True)
def settings(qgis_app):
    from sr_plugin.processing import settings

    settings.reset_all()
    yield settings
    settings.reset_all()


def test_versions_computer_runtimes_settings_and_log_are_there(settings):
    import numpy
    from osgeo import gdal
    from qgis.core import Qgis

    from sr_plugin.core.locations import plugin_version
    from sr_plugin.gui.diagnostics import diagnostics_report

    settings.DEVICE.set("cuda:1")
    report = diagnostics_report("It broke.", "Tile 1 of 2\nTile 2 of 2", ask=True)
    for text in (
        "It broke.",
        f"Plugin: {plugin_version()}",
        f"QGIS: {Qgis.QGIS_VERSION}",
        f"GDAL: {gdal.VersionInfo('RELEASE_NAME')}",
        f"NumPy of QGIS: {numpy.__version__}",
        f"Cores: {os.cpu_count()}",
        "GB",
        "onnxruntime",
        "cpu: ",
        "device: 'cuda:1' (changed)",
        "precision: 'auto'\n",
        "Tile 2 of 2",
    ):
        assert text in report, text
    assert sys.executable.replace(os.path.expanduser("~"), "~") in report


def test_no_password_and_no_home_folder(settings, monkeypatch):
    from qgis.core import QgsSettings

    from sr_plugin.gui.diagnostics import diagnostics_report

    monkeypatch.setenv("HOME", "/home/jane.doe")
    QgsSettings().setValue("proxy/proxyPassword", "swordfish")
    settings.WHEELS_FOLDER.set("/home/jane.doe/wheels")
    log = (
        "reading /home/jane.doe/scene.tif and /home/jane.doe2/other.tif\n"
        "GET https://jane:swordfish@server/x?api_key=swordfish&z=1\n"
        "PG:dbname='gis' user='jane' password='sword fish' authcfg=abc1234\n"
    )
    report = diagnostics_report("in /home/jane.doe", log)
    QgsSettings().remove("proxy")
    assert "swordfish" not in report and "sword fish" not in report and "abc1234" not in report
    assert "/home/jane.doe/" not in report and "~/scene.tif" in report and "wheels_folder: '~/wheels'" in report
    assert "/home/jane.doe2/other.tif" in report, "a longer name is another folder"
    assert "https://***@server/x?api_key=***&z=1" in report


def test_it_starts_no_python_unless_asked(monkeypatch, tmp_path):
    from sr_plugin.gui.diagnostics import diagnostics_report
    from sr_plugin.runtime import probe

    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path))
    asked = []
    monkeypatch.setattr(probe, "_ask", lambda path, timeout: (asked.append(path), (None, "no"))[1])
    report = diagnostics_report()
    assert asked == []
    assert "has not been looked at yet" in report
    diagnostics_report(ask=True)
    assert asked


def test_a_fence_in_the_log_does_not_end_it():
    from sr_plugin.gui.diagnostics import diagnostics_report

    report = diagnostics_report(log="a\n```\nb")
    assert "````\na\n```\nb\n````" in report


def test_a_long_log_keeps_its_end():
    from sr_plugin.gui.diagnostics import diagnostics_report

    report = diagnostics_report(log="first line\n" + "x" * 50_000 + "\nlast line")
    assert "last line" in report and "first line" not in report and len(report) < 30_000


@pytest.fixture
def dialog():
    from sr_plugin.gui.diagnostics import DiagnosticsDialog

    dialog = DiagnosticsDialog(None, "# Report\ntext")
    yield dialog
    dialog.deleteLater()


def test_the_report_is_copied(dialog):
    from qgis.core import QgsApplication

    dialog.copy_button.click()
    assert QgsApplication.clipboard().text() == "# Report\ntext"
    assert "Copied" in dialog.note.text()


def test_the_report_is_saved(dialog, monkeypatch, tmp_path):
    from qgis.PyQt.QtWidgets import QFileDialog

    path = tmp_path / "report.md"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(path), ""))
    dialog.save_button.click()
    assert path.read_text(encoding="utf-8") == "# Report\ntext"


def test_a_file_that_cannot_be_written_is_told(dialog, monkeypatch, tmp_path):
    from qgis.PyQt.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(tmp_path), ""))
    dialog.save_button.click()
    assert "cannot be written" in dialog.note.text()


def test_collecting_fills_in_what_was_not_known(dialog, monkeypatch):
    dialog.collect("A problem.", "A log.")
    wait_until(lambda: "checkpoint: " in dialog.text.toPlainText())
    assert "A problem." in dialog.text.toPlainText()
