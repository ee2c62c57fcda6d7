"""What runs write into Processing's log comes from files too: names of models, layers and bands."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="QGIS is not installed")

from qgis.core import QgsProcessingFeedback  # noqa: E402

from sr_plugin.processing.feedback import ProcessingFeedback  # noqa: E402

pytestmark = pytest.mark.qgis

WICKED = "<script>alert(1)</script><img src=x>&"


def test_markup_in_messages_is_shown_and_not_obeyed():
    feedback = QgsProcessingFeedback(False)
    carrier = ProcessingFeedback(feedback)
    carrier.message(WICKED)
    carrier.warning(WICKED)
    feedback.reportError(WICKED)
    page = feedback.htmlLog()
    assert page.count("&lt;script&gt;") == 3
    assert "<script" not in page and "<img" not in page
