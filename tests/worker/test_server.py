"""Whose fault an error is: the request's, the model's, or the Python's."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import Frame
from sr_plugin.core.session import TileTask
from sr_plugin.worker.server import Server
from tests.waiting import LONG

TILE = {"type": "infer", "id": 1, "task": TileTask((0, 0, 0, 0), Window(0, 0, 1, 1)).to_wire()}


def _answer(header, engine=None):
    server = Server(io.BytesIO(), io.BytesIO())
    if engine is not None:
        server._engine = engine
    return server._answer(Frame(header, ())).header


@pytest.mark.parametrize("error", [KeyError("scale"), TypeError("unsupported operand"), ValueError("shape")])
def test_an_error_inside_a_model_is_told_as_one(error, capsys):
    class Broken:
        def run(self, _arrays, _task):
            raise error

    told = _answer(TILE, Broken())
    assert told["code"] == "ModelFailed" and type(error).__name__ in told["message"]
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "header",
    [{"type": "infer", "id": 1}, {"type": "infer", "id": 1, "task": 3}, {"type": "place", "id": 1, "series": {}}],
)
def test_a_request_that_lacks_a_field_is_told_as_one(header):
    told = _answer(header)
    assert told["code"] == "ProtocolError" and "lacks a field" in told["message"]


def test_an_unknown_request_is_told_as_one():
    assert "knows no request 'dance'" in _answer({"type": "dance", "id": 1})["message"]


@pytest.mark.parametrize("package, called", [("scipy", "scipy"), ("skimage", "scikit-image")])
def test_a_python_without_the_packages_of_series_is_named(package, called):
    code = f"""
import sys
sys.modules[{package!r}] = None
import io
import numpy as np
from sr_plugin.core.protocol import Frame, NamedArray
from sr_plugin.core.series import SeriesSettings, ViewPlace
from sr_plugin.worker.server import Server
series = SeriesSettings(1, (ViewPlace((0.0, 0.0)),) * 2, noise=(0.0,), grain=(0.0,), typical=(0.0,))
header = {{"type": "place", "id": 1, "series": series.to_wire(), "origins": [[0, 0]]}}
told = Server(io.BytesIO(), io.BytesIO())._answer(Frame(header, (NamedArray("w", np.ones((4, 20, 20))),))).header
print(told["code"], told["message"], told["hint"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LONG, check=True)
    assert done.stdout.startswith("RuntimeMissing") and f"has no {called}," in done.stdout
    assert "environment --create" in done.stdout
