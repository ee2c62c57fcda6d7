"""Where things lie: the plugin's own folders in both layouts (checkout and installed), and the user's."""

from __future__ import annotations

import os
import sys

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _own_folder(name: str) -> str:
    """A folder that ships with the plugin: inside the installed package, or beside it in a checkout."""
    inside = os.path.join(_PACKAGE, name)
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(_PACKAGE), name)


def package_parent() -> str:
    """The folder to put on ``sys.path`` so that ``sr_plugin`` can be imported."""
    return os.path.dirname(_PACKAGE)


def shipped_models_folder() -> str:
    """Folder of the models that come with the plugin."""
    return _own_folder("models")


def resources_folder() -> str:
    """Folder of icons, styles and the sample raster."""
    return _own_folder("resources")


def documents_folder() -> str:
    """Folder of the user guide and its pictures."""
    return _own_folder("docs")


def user_data_folder() -> str:
    """Folder for what the user installs: models and environments. It need not exist yet."""
    override = os.environ.get("SR_PLUGIN_DATA")
    if override:
        return override
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(base, "sr_plugin")


def user_cache_folder() -> str:
    """The user's cache folder of the plugin, or the one that ``SR_PLUGIN_CACHE`` names. It need not exist yet."""
    override = os.environ.get("SR_PLUGIN_CACHE")
    if override:
        return override
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
        return os.path.join(base, "sr_plugin", "cache")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/sr_plugin")
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "sr_plugin")


def user_models_folder() -> str:
    """Folder of the models that the user installed."""
    return os.path.join(user_data_folder(), "models")


def plugin_fact(key: str) -> str:
    """What ``metadata.txt`` says under a key, in one line; empty where it says nothing."""
    for folder in (_PACKAGE, os.path.dirname(_PACKAGE)):
        path = os.path.join(folder, "metadata.txt")
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                for line in file:
                    if line.startswith(f"{key}="):
                        return line.split("=", 1)[1].strip()
    return ""


def plugin_version() -> str:
    """Version from ``metadata.txt``."""
    return plugin_fact("version") or "unknown"
