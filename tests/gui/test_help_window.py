"""The user guide in its window."""

import pytest

pytest.importorskip("qgis", reason="QGIS' Python bindings are not installed")

from qgis.PyQt.QtCore import QUrl  # noqa: E402
from qgis.PyQt.QtGui import QTextDocument  # noqa: E402

from sr_plugin.core.locations import documents_folder  # noqa: E402
from sr_plugin.gui.help_window import HelpWindow  # noqa: E402

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture
def window(qgis_app):
    window = HelpWindow()
    yield window
    window.deleteLater()


def test_the_guide_is_shown_with_its_pictures(window):
    text = window.browser.toPlainText()
    assert "Before the first run" in text and "modelled, not observed" in text
    for name in ("images/dock.png", "images/compare_edges.png", "images/environment.png", "images/desktop.png"):
        image = window.browser.loadResource(int(QTextDocument.ResourceType.ImageResource), QUrl(name))
        assert not image.isNull() and image.width() <= 720, name


def test_nothing_outside_its_folder_is_loaded(window):
    kind = int(QTextDocument.ResourceType.ImageResource)
    assert window.browser.loadResource(kind, QUrl("../resources/icons/plugin.png")) is None
    assert window.browser.loadResource(kind, QUrl(f"file://{documents_folder()}/../metadata.txt")) is None
