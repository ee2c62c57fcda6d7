"""A model card reaches nothing outside its own folder: not when it is read, installed or removed."""

from __future__ import annotations

import json
import ntpath
import os
import pathlib
import sys
from typing import Any

import pytest

from sr_plugin.core import card_file, mlm_card
from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.card_file import card_from_item, read_card, write_card
from sr_plugin.core.catalogue import installed_models
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelNotFound, ModelUnreadable, ParameterError
from sr_plugin.core.model_folder import install_model, remove_model

OUTSIDE = (
    "../secret",
    "..",
    "/etc/passwd",
    "sub/../../secret",
    "link",
    "folder/secret",
    "./link",
    "\x00",
    "a\x00/../../x",
)
WINDOWS = (
    *("C:\\secret", "D:secret", "D:\\model.onnx", "\\\\host\\share\\secret", "//host/share/secret", "\\secret"),
    *("..\\secret", "sub\\..\\..\\secret", "\\\\?\\C:\\secret", "\\\\.\\pipe\\x"),
)


@pytest.fixture
def own(tmp_path: pathlib.Path) -> dict[str, Any]:
    """A card in ``tmp_path/model``, and beside that folder a secret that links in it lead to."""
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(b"weights")
    if sys.platform != "win32":
        (folder / "link").symlink_to(tmp_path / "secret")
        (folder / "folder").symlink_to(tmp_path)
    card = ModelCard("m", "M", "onnx", 2, weights=(WeightFile(str(folder / "m.onnx"), "onnx", ""),))
    write_card(card, str(folder / "m.json"))
    return json.loads((folder / "m.json").read_text())


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("href", OUTSIDE)
def test_own_cards(tmp_path: pathlib.Path, own: dict[str, Any], href: str) -> None:
    own["assets"]["model"]["href"] = href
    (tmp_path / "model" / "m.json").write_text(json.dumps(own))
    with pytest.raises(ModelUnreadable):
        read_card(str(tmp_path / "model" / "m.json"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("href", [*OUTSIDE, "https://example.org/a/link", "s3://bucket/.."])
def test_cards_of_other_tools(tmp_path: pathlib.Path, own: dict[str, Any], href: str) -> None:
    # An address counts by its last part alone, which may be the name of a link.
    for name in ("secret", "link"):
        (tmp_path / name).with_suffix(".onnx").write_text("secret")
    (tmp_path / "model" / "link.onnx").symlink_to(tmp_path / "secret.onnx")
    for ending in ("", ".onnx"):
        try:
            found = mlm_card._local(href + ending, str(tmp_path / "model"), "m.json")
        except (ModelUnreadable, ValueError):
            continue
        assert found is None


@pytest.mark.parametrize("href", WINDOWS)
def test_paths_of_windows(monkeypatch: pytest.MonkeyPatch, own: dict[str, Any], href: str) -> None:
    """As Windows would take them, with its own rules for drives, shares and separators."""
    own["assets"]["model"]["href"] = href

    class Paths:
        """Stands in for ``os``, with the paths of Windows."""

        path = ntpath

    monkeypatch.setattr(card_file, "os", Paths)
    monkeypatch.setattr(ntpath, "realpath", lambda path, **_: ntpath.normpath(path))
    with pytest.raises(ModelUnreadable):
        card_from_item(own, "C:\\Users\\me\\models\\m")


@pytest.mark.parametrize("name", ["../m", "..", ".", "a/b", "a\\b", "C:x", "m\n", "-m", "m" * 101, "m\x00", "/m"])
def test_names_that_would_lead_elsewhere(
    tmp_path: pathlib.Path, own: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    card = read_card(str(tmp_path / "model" / "m.json"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ParameterError):
        install_model(card, name)
    assert sorted(tmp_path.rglob("*")) == before


def test_removing_stays_in_the_model_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    weight = folder / "m.onnx"
    weight.write_bytes(b"weights")
    card = ModelCard("m", "M", "onnx", 2, weights=(WeightFile(str(weight), "onnx", sha256_of(str(weight))),))
    write_card(card, str(folder / "m.json"))
    item = json.loads((folder / "m.json").read_text())
    outside = tmp_path / "thesis.txt"
    outside.write_text("years of work")
    for number, href in enumerate(("../../thesis.txt", str(outside), "link.txt")):
        wicked = {**item, "id": f"wicked{number}", "assets": {"model": {**item["assets"]["model"], "href": href}}}
        (folder / f"wicked{number}.json").write_text(json.dumps(wicked))
    if sys.platform != "win32":
        (folder / "link.txt").symlink_to(outside)
    assert [known.name for known in installed_models()] == ["m"]
    for name in ("wicked0", "wicked1", "wicked2", "../../thesis", "../models/m", str(outside)):
        with pytest.raises(ModelNotFound):
            remove_model(name)
    remove_model("m")
    assert outside.read_text() == "years of work" and not weight.exists()


def test_a_card_named_like_a_path_removes_only_its_own_files(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    (folder / "w.onnx").write_bytes(b"weights")
    card = ModelCard("../../thesis", "M", "onnx", 2, weights=(WeightFile(str(folder / "w.onnx"), "onnx", ""),))
    write_card(card, str(folder / "w.json"))
    (tmp_path / "thesis.json").write_text("years of work")
    remove_model("../../thesis")
    assert (tmp_path / "thesis.json").read_text() == "years of work"
    assert not (folder / "w.onnx").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_named_like_a_card_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "m.json")
    with pytest.raises(ModelUnreadable, match="no ordinary file"):
        read_card(str(tmp_path / "m.json"))
