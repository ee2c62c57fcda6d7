"""One QGIS for all tests that need it: without a screen, with a profile of its own, with the plugin loaded."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import sys
import tempfile
from typing import Callable, List

import pytest

_PROCESSING_FOLDERS = ("/usr/share/qgis/python/plugins", "/usr/lib/qgis/python/plugins")


_deeds: List[Callable[[], object]] = []


def _at_the_end(deed: Callable[..., object], *arguments: object) -> None:
    _deeds.append(functools.partial(deed, *arguments))


def take_down() -> None:
    """Unload the plugin and delete its profile, the last thing made first; once the tests are over."""
    while _deeds:
        _deeds.pop()()


def _private_environment() -> None:
    """Settings, caches and models of the user stay untouched and without influence."""
    folder = tempfile.mkdtemp(prefix="sr-qgis-")
    _at_the_end(shutil.rmtree, folder, True)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["QGIS_CUSTOM_CONFIG_PATH"] = os.path.join(folder, "profile")
    os.environ["SR_PLUGIN_DATA"] = os.path.join(folder, "data")
    os.environ.setdefault("SR_PLUGIN_CACHE", os.path.join(folder, "cache"))
    os.environ.setdefault("SR_PLUGIN_WORKER_PYTHON", sys.executable)
    runtime = os.path.join(folder, "runtime")
    os.makedirs(runtime, mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = runtime


@functools.cache
def start_qgis():
    """The running QgsApplication with Processing initialised; skips where there is no QGIS."""
    pytest.importorskip("qgis.core", reason="QGIS is not installed for this Python")
    _private_environment()
    from qgis.core import QgsApplication

    application = QgsApplication([], True)
    application.initQgis()
    for folder in _PROCESSING_FOLDERS:
        if os.path.isdir(folder) and folder not in sys.path:
            sys.path.append(folder)
    from processing.core.Processing import Processing

    Processing.initialize()
    # As after the collection of the tests: these modules stay.
    gc.freeze()
    return application


@functools.cache
def start_plugin():
    """The plugin, loaded as ``qgis_process`` loads it."""
    start_qgis()
    from sr_plugin import classFactory

    plugin = classFactory(None)
    plugin.initProcessing()
    _at_the_end(plugin.unload)
    return plugin


@pytest.fixture(scope="session")
def qgis_app():
    """The running QGIS."""
    return start_qgis()


@pytest.fixture(scope="session")
def provider(qgis_app):
    """The plugin's Processing provider."""
    return start_plugin().provider
