"""The file of figures, the facts of a training, and the command line of a measurement."""

import json
import sys

import pytest

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from models.recipes.quality_file import (  # noqa: E402
    parse_arguments,
    summary_of,
    training_facts,
    write_quality,
)


def test_figures_are_written_with_how_they_were_made(tmp_path):
    path = tmp_path / "q.json"
    write_quality(str(path), {"peak": "1"}, "Bands of x", "Thanks", {"m-x2": {"psnr": 40.5}})
    assert path.read_text(encoding="utf-8").endswith("}\n")
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "method": {"peak": "1"},
        "training_data_summary": "Bands of x",
        "credit": "Thanks",
        "models": {"m-x2": {"psnr": 40.5}},
    }


def test_the_facts_of_a_training_where_its_runs_are_at_hand(tmp_path):
    (tmp_path / "m-x2.run.json").write_text(json.dumps({"steps": 7}))
    assert training_facts(str(tmp_path), "m-x2") == {"training": {"steps": 7}}
    assert training_facts(None, "m-x2") == {}
    with pytest.raises(FileNotFoundError):
        training_facts(str(tmp_path), "other")


def test_sources_come_with_their_licences():
    sources = {"one": ("CC0", "a place"), "two": ("public domain", "another")}
    assert summary_of("Bands of", sources, "Thanks") == "Bands of one (CC0), two (public domain); Thanks"


def test_the_command_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["measure", "--data", "d", "--scales", "3"])
    found = parse_arguments("", "scales", (2, 4), "q.json")
    assert (found.data, found.scales, found.runs, found.threads) == ("d", [3], None, 2)
    monkeypatch.setattr(sys, "argv", ["measure", "--data", "d"])
    assert parse_arguments("", "scales", (2, 4), "q.json").scales == (2, 4)
