"""What the comparison window remembers from one time to the next."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsSettings

from sr_plugin.core.edges import METHODS, EdgeSettings
from sr_plugin.gui.compare.view_stage import MODES, SIDE

_PREFIX = "superres/compare/"
DEFAULT_INTERVAL_MS = 800
LEAST_INTERVAL_MS, MOST_INTERVAL_MS = 200, 5000


def remember(key: str, value: Any) -> None:
    """Keep a value under a key of the comparison window."""
    QgsSettings().setValue(_PREFIX + key, value)


def remembered(key: str, default: Any, kind: type) -> Any:
    """A remembered value; the default where there is none of this type."""
    try:
        value = QgsSettings().value(_PREFIX + key, default, type=kind)
    except TypeError:
        return default
    return default if value is None else value


def remembered_mode() -> str:
    """The mode that was used last."""
    mode = remembered("mode", SIDE, str)
    return mode if mode in MODES else SIDE


def remembered_interval() -> int:
    """Milliseconds between two blinks."""
    return min(MOST_INTERVAL_MS, max(LEAST_INTERVAL_MS, remembered("blink_interval", DEFAULT_INTERVAL_MS, int)))


def remember_edges(settings: EdgeSettings) -> None:
    """Keep how edges are found."""
    for name, value in settings.to_wire().items():
        remember(f"edges/{name}", value)


def remembered_edges() -> EdgeSettings:
    """How edges were found the last time; the defaults where that cannot be used."""
    usual = EdgeSettings()
    method = remembered("edges/method", usual.method, str)
    sigma = remembered("edges/sigma", usual.sigma, float)
    low, high = (remembered(f"edges/{name}", getattr(usual, name), float) for name in ("low", "high"))
    tolerance = remembered("edges/tolerance", usual.tolerance, int)
    sound = method in METHODS and 0 <= sigma <= 5 and 0 <= low <= high <= 1 and 0 <= tolerance <= 10
    return EdgeSettings(method, sigma, low, high, True, tolerance) if sound else usual
