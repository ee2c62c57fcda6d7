"""The worker starts in an environment that QGIS has not touched."""

from __future__ import annotations

import sys

import pytest

from sr_plugin.runtime import clean_environment
from sr_plugin.runtime.clean_environment import popen_flags, worker_environment


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "VIRTUAL_ENV",
        "QGIS_PREFIX_PATH",
        "GDAL_DATA",
        "PROJ_LIB",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "DYLD_LIBRARY_PATH",
        "__PYVENV_LAUNCHER__",
        "PythonHome",
    ],
)
def test_what_leads_a_foreign_python_astray_is_dropped(name):
    assert name not in worker_environment({name: "x"})


def test_the_rest_is_kept():
    kept = worker_environment(
        {"PATH": "/bin", "HOME": "/home/a", "HTTPS_PROXY": "http://p", "PIP_INDEX_URL": "http://i"}
    )
    assert {"PATH", "HOME", "HTTPS_PROXY", "PIP_INDEX_URL"} <= set(kept)


def test_text_is_utf8_and_the_current_folder_is_not_imported_from():
    made = worker_environment({"PYTHONIOENCODING": "latin-1"})
    assert made["PYTHONIOENCODING"] == "utf-8"
    assert made["PYTHONSAFEPATH"] == "1"


def test_this_process_is_the_default_and_stays_as_it_is(monkeypatch):
    monkeypatch.setenv("GDAL_DATA", "/somewhere")
    monkeypatch.setenv("SR_TEST_KEPT", "1")
    made = worker_environment()
    assert "GDAL_DATA" not in made and made["SR_TEST_KEPT"] == "1"


def test_no_console_window_on_windows(monkeypatch):
    monkeypatch.setattr(clean_environment.sys, "platform", "win32")
    assert popen_flags() == {"creationflags": 0x08000000}


@pytest.mark.skipif(sys.platform == "win32", reason="flags are for Windows only")
def test_a_session_of_its_own_elsewhere():
    assert popen_flags() == {"start_new_session": True}
