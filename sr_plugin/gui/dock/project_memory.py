"""What was chosen last in a project, kept in the project's own file."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping

from qgis.core import QgsProject

_SCOPE, _KEY = "superres", "/dock"


def remember(choices: Mapping[str, Any]) -> None:
    """Note choices in the open project; they are in its file once it is saved.

    Args:
        choices: JSON-serialisable.
    """
    text = json.dumps(dict(choices), sort_keys=True)
    # Writing the same again would mark the project as changed.
    if recall() != json.loads(text):
        QgsProject.instance().writeEntry(_SCOPE, _KEY, text)


def recall() -> Dict[str, Any]:
    """The choices noted in the open project; empty where there are none, or none that can be read."""
    text, found = QgsProject.instance().readEntry(_SCOPE, _KEY, "")
    if not found or not text:
        return {}
    try:
        choices = json.loads(text)
    except (ValueError, RecursionError):
        # A project file that somebody edited by hand; its other content is none of our business.
        return {}
    return choices if isinstance(choices, dict) else {}
