"""The worker's Python: the user's choice, else the plugin's own, else what a search finds."""

from __future__ import annotations

import json
import os

import pytest

from sr_plugin.core.errors import ParameterError, RuntimeMissing
from sr_plugin.runtime import find_python
from sr_plugin.runtime.environment_folder import COMPLETE, environment_folder, own_environments, python_of
from sr_plugin.runtime.find_python import candidate_pythons, chosen_python, every_python, find_worker_python
from sr_plugin.runtime.probe import PythonProbe


@pytest.fixture(autouse=True)
def user_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SR_PLUGIN_WORKER_PYTHON", raising=False)


@pytest.fixture
def pythons(tmp_path, monkeypatch):
    """Stand-ins for Pythons: ``pythons(name, packages...)`` makes one; the search finds those named ``search*``."""
    known, searched = {}, []

    def make(name, *packages, version="3.11.0", path=None):
        path = path or str(tmp_path / name / "python3")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").close()
        known[path] = PythonProbe(path, version, {package: "1" for package in packages})
        if name.startswith("search"):
            searched.append(path)
        return path

    missing = PythonProbe("", problem="does not exist")
    monkeypatch.setattr(find_python, "probe_python", lambda path, cache=None: known.get(path, missing))
    monkeypatch.setattr(find_python, "_searched_pythons", lambda: iter(searched))
    return make


def own(pythons, size, *packages, version=(3, 11)):
    """An environment of the plugin's own."""
    folder = environment_folder(version)
    path = pythons("own", *packages, path=python_of(folder))
    with open(os.path.join(folder, COMPLETE), "w") as file:
        json.dump({"size": size, "python": ".".join(map(str, version))}, file)
    return path


def test_the_choice_comes_first(pythons):
    own(pythons, "full", "numpy", "onnxruntime", "torch")
    chosen = pythons("chosen", "numpy")
    assert find_worker_python("builtin", chosen).path == chosen


def test_the_variable_is_a_choice(pythons, monkeypatch):
    chosen = pythons("chosen", "numpy")
    pythons("search", "numpy")
    monkeypatch.setenv("SR_PLUGIN_WORKER_PYTHON", chosen)
    assert find_worker_python().path == chosen
    assert find_worker_python(preferred=pythons("other", "numpy")).path.endswith("other/python3")


def test_own_environment_before_the_search(pythons):
    pythons("search", "numpy", "onnxruntime")
    path = own(pythons, "light", "numpy", "onnxruntime")
    assert find_worker_python("onnx").path == path


def test_the_search_serves_what_the_own_environment_lacks(pythons):
    own(pythons, "light", "numpy", "onnxruntime")
    found = pythons("search", "numpy", "torch")
    assert find_worker_python("checkpoint").path == found


def test_the_first_usable_one_of_the_search_is_taken(pythons):
    pythons("search1", "numpy", version="3.9.5")
    pythons("search2")
    third = pythons("search3", "numpy")
    assert find_worker_python().path == third


def test_an_environment_that_is_not_whole_does_not_count(pythons):
    path = own(pythons, "light", "numpy")
    os.remove(os.path.join(os.path.dirname(os.path.dirname(path)), COMPLETE))
    assert own_environments() == []
    with pytest.raises(RuntimeMissing):
        find_worker_python()


def test_the_larger_environment_comes_first(pythons):
    own(pythons, "light", "numpy", version=(3, 12))
    full = own(pythons, "full", "numpy", version=(3, 10))
    assert candidate_pythons()[0] == (full, "own")


def test_a_wrong_choice_is_told_and_not_replaced(pythons, tmp_path):
    pythons("search", "numpy", "torch")
    gone = str(tmp_path / "gone" / "python3")
    with pytest.raises(RuntimeMissing, match="chosen for the worker"):
        find_worker_python("builtin", gone)
    with pytest.raises(RuntimeMissing, match="has no torch") as raised:
        find_worker_python("checkpoint", pythons("chosen", "numpy"))
    assert "--create full" in raised.value.hint


def test_what_was_looked_at_is_told(pythons):
    first = pythons("search1", "numpy", version="3.9.5")
    second = pythons("search2", "numpy")
    with pytest.raises(RuntimeMissing) as raised:
        find_worker_python("onnx")
    assert first in raised.value.message and "3.9.5" in raised.value.message
    assert second in raised.value.message and "has no onnxruntime" in raised.value.message
    assert "--create light" in raised.value.hint
    assert "\n" not in raised.value.message


def test_nothing_at_all_is_told(pythons):
    with pytest.raises(RuntimeMissing, match="No Python was found"):
        find_worker_python()


def test_an_unknown_kind_of_model_is_told():
    with pytest.raises(ParameterError, match="no model container 'pickle'"):
        find_worker_python("pickle")


def test_an_environment_may_be_chosen_by_its_folder(tmp_path):
    assert chosen_python(str(tmp_path)) == python_of(str(tmp_path))


def test_one_python_under_two_names_is_tried_once(pythons, monkeypatch, tmp_path):
    path = pythons("search", "numpy")
    link = str(tmp_path / "python3.11")
    os.symlink(path, link)
    monkeypatch.setattr(find_python, "_searched_pythons", lambda: iter([path, link]))
    assert candidate_pythons() == [(path, "search")]


def test_a_virtual_environment_is_not_its_base(pythons, monkeypatch, tmp_path):
    base = pythons("search", "numpy")
    inside = tmp_path / "venv" / "bin" / "python"
    inside.parent.mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    os.symlink(base, inside)
    monkeypatch.setattr(find_python, "_searched_pythons", lambda: iter([str(inside), base]))
    assert [path for path, _ in candidate_pythons()] == [str(inside), base]


def test_qgis_is_no_candidate(monkeypatch, tmp_path):
    qgis = tmp_path / "qgis-bin.exe"
    qgis.write_text("")
    monkeypatch.setattr(find_python.sys, "executable", str(qgis))
    assert str(qgis) not in [path for path, _ in candidate_pythons()]


def test_windows_looks_beside_qgis(monkeypatch, tmp_path):
    root = tmp_path / "QGIS"
    python = root / "apps" / "Python312" / "python.exe"
    python.parent.mkdir(parents=True)
    python.write_text("")
    monkeypatch.setattr(find_python.sys, "platform", "win32")
    monkeypatch.setattr(find_python.sys, "executable", str(root / "bin" / "qgis-bin.exe"))
    monkeypatch.setattr(find_python.sys, "prefix", str(python.parent))
    assert candidate_pythons()[0] == (str(python), "search")


def test_every_python_is_listed_though_only_the_chosen_one_serves(pythons):
    chosen = pythons("chosen", "numpy")
    inside = own(pythons, "light", "numpy")
    searched = pythons("search", "numpy")
    assert every_python(chosen) == [(chosen, "chosen"), (inside, "own"), (searched, "search")]
    assert every_python(searched) == [(searched, "chosen"), (inside, "own")]
    assert candidate_pythons(chosen) == [(chosen, "chosen")]


def test_a_python_that_lacks_the_second_kind_is_passed_over(pythons):
    pythons("search1", "numpy", "onnxruntime")
    both = pythons("search2", "numpy", "onnxruntime", "scikit-image")
    assert find_worker_python("onnx", also="edges").path == both


def test_what_the_second_kind_lacks_is_named(pythons):
    chosen = pythons("chosen", "numpy", "torch")
    with pytest.raises(RuntimeMissing, match="has no scikit-image") as caught:
        find_worker_python("checkpoint", chosen, also="edges")
    assert "--create full" in caught.value.hint
    pythons("search", "numpy", "onnxruntime")
    with pytest.raises(RuntimeMissing, match="onnxruntime and scikit-image"):
        find_worker_python("onnx", also="edges")


@pytest.mark.gdal
def test_series_ask_for_what_views_are_registered_with(monkeypatch):
    from sr_plugin.core.builtin import builtin_card
    from sr_plugin.core.catalogue import find_model
    from sr_plugin.pipeline import series

    asked = []

    def found(needs, preferred=None, also=""):
        asked.append((needs, also))
        return PythonProbe("python")

    monkeypatch.setattr(series, "find_worker_python", found)
    monkeypatch.setattr(series, "WorkerSession", lambda path: path)
    for card in (find_model("series-x2"), builtin_card("shift-and-add:2")):
        series.series_worker_factory()(card)
    assert asked == [("onnx", "edges"), ("builtin", "edges")]
