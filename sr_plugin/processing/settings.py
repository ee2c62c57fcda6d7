"""All settings of the user, in one place: keys in QgsSettings, types and defaults."""

from __future__ import annotations

from typing import Any, Dict, Generic, List, Optional, Tuple, TypeVar

from qgis.core import QgsSettings

_PREFIX = "superres/"
_TRUE = ("true", "1", "yes")

T = TypeVar("T", str, int, bool)


class Setting(Generic[T]):
    """One setting.

    Args:
        name: stable name; the key is ``superres/<name>``.
        default: value while the user has chosen none; its type is that of the setting.
        choices: the only values that are allowed; empty for any.
        limits: smallest and largest number that is allowed.

    A stored value that is not allowed, such as one of a newer version, counts as not chosen.
    """

    def __init__(
        self, name: str, default: T, choices: Tuple[T, ...] = (), limits: Optional[Tuple[int, int]] = None
    ) -> None:
        self.name = name
        self.key = _PREFIX + name
        self.default = default
        self.choices = choices
        self.limits = limits

    def value(self) -> T:
        """The user's choice, else the default."""
        stored = QgsSettings().value(self.key, None)
        value = None if stored is None else self._converted(stored)
        return self.default if value is None else value

    def set(self, value: T) -> None:
        """Remember a choice; the default itself is not stored, so that a later, better default takes effect."""
        settings = QgsSettings()
        if value == self.default:
            settings.remove(self.key)
        else:
            settings.setValue(self.key, value)

    def _converted(self, stored: Any) -> Optional[T]:
        """The stored value in the setting's type; None where it is not allowed."""
        value: Any = str(stored).strip()
        # Files of settings hold text, whatever was put in.
        if isinstance(self.default, bool):
            value = value.lower() in _TRUE
        elif isinstance(self.default, int):
            try:
                value = int(value)
            except ValueError:
                return None
        if self.choices and value not in self.choices:
            return None
        if self.limits and not self.limits[0] <= value <= self.limits[1]:
            return None
        return value


#: Model that forms and dialogs start with: a name or the path of a file.
MODEL = Setting("model", "s2-rgbn-x2")
#: Device that forms and dialogs start with: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
DEVICE = Setting("device", "auto")
PRECISION = Setting("precision", "auto", ("auto", "float32", "reduced"))
#: Whether results are made consistent with their input unless said otherwise.
CONSISTENCY = Setting("consistency", False)
#: Whether a cancelled run keeps what is done unless said otherwise.
KEEP_PARTIAL = Setting("keep_partial", False)
#: Python or environment that runs the models; empty to let the plugin choose.
WORKER_PYTHON = Setting("worker_python", "")
#: Whether the preview follows pan and zoom of the canvas.
PREVIEW_FOLLOW = Setting("preview_follow", False)
#: Longest side of what a preview super-resolves, in pixels of the input.
PREVIEW_BOUND = Setting("preview_bound", 256, limits=(64, 2048))
#: Size of the environment that was made last: ``light``, ``full`` or ``cuda``.
ENVIRONMENT_SIZE = Setting("environment_size", "light", ("light", "full", "cuda"))
#: Whether the proxy of QGIS' options serves for installing packages.
USE_PROXY = Setting("use_proxy", True)
#: Folder with the wheels of all packages, for computers without a network; empty to take them from the network.
WHEELS_FOLDER = Setting("wheels_folder", "")

ALL: Tuple[Setting, ...] = (
    MODEL,
    DEVICE,
    PRECISION,
    CONSISTENCY,
    KEEP_PARTIAL,
    WORKER_PYTHON,
    PREVIEW_FOLLOW,
    PREVIEW_BOUND,
    ENVIRONMENT_SIZE,
    USE_PROXY,
    WHEELS_FOLDER,
)


def worker_python() -> str:
    """The Python that the user chose to run models on; empty for none. It comes before every other one."""
    return WORKER_PYTHON.value().strip()


def all_values() -> Dict[str, Any]:
    """Name and value of every setting, for reports. None of them is a password."""
    return {setting.name: setting.value() for setting in ALL}


def changed_names() -> List[str]:
    """Names of the settings that the user has changed."""
    return [setting.name for setting in ALL if setting.value() != setting.default]


def reset_all() -> None:
    """Forget every choice."""
    for setting in ALL:
        QgsSettings().remove(setting.key)
