"""The figure that the worker draws."""

import builtins
import struct

import numpy as np
import pytest

from sr_plugin.core.errors import ParameterError, RuntimeMissing
from sr_plugin.core.protocol import NamedArray
from sr_plugin.worker.figure import draw_figure

DESCRIPTION = {
    "title": "",
    "panels": [[{"array": "a", "title": "First $x_1$"}, {"array": "", "title": ""}], [{"array": "b", "title": "B"}]],
    "legend": [{"colour": [200, 0, 0, 255], "title": "new: not in the input"}],
    "table": [["", "Input"], ["Density", "4 %"]],
    "note": "One line, or more of them where the text is long enough to need it.",
}


def images(height=40, width=60):
    return [NamedArray(name, np.full((height, width, 3), value, np.uint8)) for name, value in (("a", 10), ("b", 200))]


def size_of(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def test_a_figure_is_a_png_of_printing_quality():
    pytest.importorskip("matplotlib")
    width, height = size_of(draw_figure(images(), DESCRIPTION))
    # Two panels of 2.2 inches at 300 dots an inch; pixels are 3 : 2.
    assert 1320 < width < 1500 and 2 * 440 < height < 1700


def test_tall_panels_keep_their_shape():
    pytest.importorskip("matplotlib")
    wide, _ = size_of(draw_figure(images(40, 80), DESCRIPTION))
    narrow, _ = size_of(draw_figure(images(80, 40), DESCRIPTION))
    assert narrow < 0.6 * wide


def test_title_and_table_make_the_sheet_longer():
    pytest.importorskip("matplotlib")
    _, plain = size_of(draw_figure(images(), DESCRIPTION))
    _, titled = size_of(draw_figure(images(), {**DESCRIPTION, "title": "A title"}))
    _, longer = size_of(draw_figure(images(), {**DESCRIPTION, "table": DESCRIPTION["table"] * 3}))
    assert titled == plain + 90 and longer == plain + 4 * 60


def test_without_panels():
    pytest.importorskip("matplotlib")
    with pytest.raises(ParameterError, match="panel"):
        draw_figure([], {**DESCRIPTION, "panels": []})


def test_without_matplotlib(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name.split(".")[0] == "matplotlib":
            raise ImportError("no matplotlib here")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(RuntimeMissing, match="matplotlib") as caught:
        draw_figure(images(), DESCRIPTION)
    assert "environment --create light" in caught.value.hint
