"""Containers are told by their bytes, and what is not read is refused with advice."""

from __future__ import annotations

import pathlib
import pickle
import zipfile
from typing import Callable, Dict

import pytest

from sr_plugin.core.checkpoint import container
from sr_plugin.core.checkpoint.container import sniff_container
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.errors import ModelNotFound, ModelUnreadable


def zip_of(*names: str) -> Callable[[pathlib.Path], None]:
    def write(path: pathlib.Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"x")

    return write


def bytes_of(data: bytes) -> Callable[[pathlib.Path], None]:
    return lambda path: path.write_bytes(data) and None


CASES: Dict[str, Callable[[pathlib.Path], None]] = {
    container.TORCH_ZIP: zip_of("archive/data.pkl", "archive/version"),
    container.TORCHSCRIPT: zip_of("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"),
    container.TORCH_EXPORT: zip_of("m/data/weights/weight_0", "m/models/model.json"),
    container.KERAS_ARCHIVE: zip_of("config.json", "metadata.json", "model.weights.h5"),
    container.NUMPY_ARCHIVE: zip_of("a.npy", "b.npy"),
    container.ARCHIVE: zip_of("model.pth"),
    container.TORCH_LEGACY: bytes_of(pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + b"rest"),
    container.SAFETENSORS: bytes_of((2).to_bytes(8, "little") + b"{}"),
    container.KERAS_HDF5: bytes_of(b"\x89HDF\r\n\x1a\n" + bytes(100)),
    container.LFS_POINTER: bytes_of(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"),
    container.PICKLE: bytes_of(pickle.dumps({"a": 1}, protocol=2)),
    container.WEB_PAGE: bytes_of(b"<!DOCTYPE html><html></html>"),
    container.TENSORFLOW_GRAPH: bytes_of(b"\x0a\x12\x0a\x05input\x12\x0bPlaceholder"),
    container.EMPTY: bytes_of(b""),
    container.UNKNOWN: bytes_of(b"just some text"),
}


@pytest.mark.parametrize("kind", CASES)
def test_told_by_bytes_whatever_the_extension(kind: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.pth"
    CASES[kind](path)
    assert sniff_container(str(path)) == kind


@pytest.mark.parametrize("kind", sorted(container.REFUSALS.keys() & CASES.keys()))
def test_refused_with_the_reason_and_advice(kind: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.pth"
    CASES[kind](path)
    with pytest.raises(ModelUnreadable) as caught:
        read_checkpoint(str(path))
    assert container.REFUSALS[kind][0] in caught.value.message
    assert caught.value.hint == container.REFUSALS[kind][1]


def test_saved_model_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    with pytest.raises(ModelUnreadable, match="SavedModel"):
        read_checkpoint(str(tmp_path))


def test_hdf5_behind_a_user_block(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(bytes(512) + b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert sniff_container(str(path)) == container.KERAS_HDF5


def test_zip_cut_short(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.pth"
    zip_of("archive/data.pkl")(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelUnreadable, match="broken zip"):
        read_checkpoint(str(path))


def test_missing_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelNotFound):
        read_checkpoint(str(tmp_path / "none.pth"))
