"""Installing and removing models."""

import os

import pytest

from sr_plugin.core import catalogue
from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import BandSpec, ModelCard, WeightFile
from sr_plugin.core.description import with_unmeasured
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelNotFound, OutputError, ParameterError
from sr_plugin.core.model_folder import install_model, remove_model, usable_name


@pytest.fixture(autouse=True)
def user_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "models"


def card(tmp_path, name="mine", suffix=".pth", text=b"weights"):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(text)
    weight = WeightFile(str(path), "checkpoint", sha256_of(str(path)))
    return ModelCard(name, "Mine", "srvgg", 4, input_bands=(BandSpec("red"),), weights=(weight,), licence="MIT")


def test_install_find_and_remove(tmp_path, user_folder):
    installed = install_model(card(tmp_path))
    assert sorted(os.listdir(user_folder)) == ["mine.json", "mine.pth"]
    assert catalogue.find_model("mine") == installed and installed.licence == "MIT"
    assert remove_model("mine").name == "mine" and os.listdir(user_folder) == []
    with pytest.raises(ModelNotFound, match="No model 'mine'"):
        remove_model("mine")


def test_names(tmp_path, user_folder):
    install_model(card(tmp_path), "other")
    assert catalogue.find_model("other").name == "other"
    with pytest.raises(ParameterError, match="installed already"):
        install_model(card(tmp_path), "other")
    assert install_model(card(tmp_path, text=b"new"), "other", overwrite=True).sha256 != card(tmp_path).sha256
    for wrong in ("../x", "a/b", "", "s2-rgbn-x2", "bicubic:2", "bicubic", ".hidden"):
        with pytest.raises(ParameterError):
            install_model(card(tmp_path, name=wrong or "a b"), wrong or "a b")
    assert usable_name(" Real ESRGAN/x4 ") == "Real-ESRGAN-x4" and usable_name("///") == "model"
    assert sorted(os.listdir(user_folder)) == ["other.json", "other.pth"]


def test_the_shipped_models_stay(tmp_path):
    for name in ("s2-rgbn-x2", "bicubic:2"):
        with pytest.raises(ModelNotFound, match="comes with the plugin"):
            remove_model(name)


def test_nothing_half_done_is_left(tmp_path, user_folder):
    whole = card(tmp_path)
    os.remove(whole.weights[0].path)
    with pytest.raises(OutputError):
        install_model(whole)
    assert os.listdir(user_folder) == []
    for hopeless in (builtin_card("bicubic:2"), with_unmeasured(card(tmp_path), ("scale",))):
        with pytest.raises(ParameterError, match="nothing that can be installed"):
            install_model(hopeless)


def test_a_shared_file_is_kept(tmp_path, user_folder):
    from dataclasses import replace

    from sr_plugin.core.card_file import write_card

    first = install_model(card(tmp_path))
    write_card(replace(first, name="second"), str(user_folder / "second.json"))
    remove_model("second")
    assert catalogue.find_model("mine").name == "mine"
