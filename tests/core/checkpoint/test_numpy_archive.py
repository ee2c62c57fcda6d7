"""NumPy archives: values as they were saved; pickles, bombs and damage refused in words."""

from __future__ import annotations

import io
import pathlib
import random
import zipfile
from typing import Any

import numpy as np
import pytest

from sr_plugin.core.checkpoint import numpy_archive
from sr_plugin.core.checkpoint.container import NUMPY_ARCHIVE
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.errors import ModelUnreadable


def npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def zipped(path: pathlib.Path, **members: bytes) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return str(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_by_name(save: Any, tmp_path: pathlib.Path) -> None:
    numbers = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    arrays = {"a.weight": numbers, "b": numbers.astype(np.float16).T, "c": np.arange(3), "d": np.float32(2.5)}
    save(tmp_path / "m.npz", **arrays)
    found = read_checkpoint(str(tmp_path / "m.npz"))
    assert found.container == NUMPY_ARCHIVE and found.tensors.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.tensors[name], array)
        assert found.tensors[name].dtype == (np.int64 if name == "c" else np.float32)


def test_wrappers_are_taken_off(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "m.npz", **{"module.a.weight": np.ones(2), "module.a.num_batches_tracked": np.ones(1)})
    assert read_checkpoint(str(tmp_path / "m.npz")).tensors.keys() == {"a.weight"}


def test_big_endian_and_newer_headers(tmp_path: pathlib.Path) -> None:
    numbers = np.arange(6, dtype=">f8").reshape(2, 3)
    path = zipped(tmp_path / "m.npz", a=npy(numbers, version=(3, 0)), b=npy(numbers.astype(">i2"), version=(2, 0)))
    found = read_checkpoint(path).tensors
    assert found["a"].dtype.isnative and found["b"].dtype.isnative
    np.testing.assert_array_equal(found["a"], numbers)
    np.testing.assert_array_equal(found["b"], numbers)


class Evil:
    def __reduce__(self) -> Any:
        return (open, ("/nonexistent/evil", "w"))


def test_objects_are_never_unpickled(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "m.npz", params=np.array([Evil(), np.ones(3)], dtype=object))
    monkeypatch.setattr("pickle.load", lambda *_, **__: pytest.fail("unpickled"))
    monkeypatch.setattr("pickle.loads", lambda *_, **__: pytest.fail("unpickled"))
    with pytest.raises(ModelUnreadable, match="Python objects") as told:
        read_checkpoint(str(tmp_path / "m.npz"))
    assert "save_npz_dict" in told.value.hint


GOOD = npy(np.ones(4, np.float32))


def headed(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY\x01\x00\xff",
        GOOD[:-1],
        GOOD[: len(GOOD) // 2],
        b"x" + GOOD,
        npy(np.array(["text"])),
        npy(np.zeros(2, [("a", "f4")])),
        headed("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"),
        headed("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9)}"),
        headed("{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}"),
        headed("{'descr': '<f4', 'fortran_order': False}"),
        headed("__import__('os').system('x')"),
        headed("(" * 3000),
        b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + bytes(100),
    ],
)
def test_damaged_and_hostile_members(data: bytes, tmp_path: pathlib.Path) -> None:
    path = zipped(tmp_path / "m.npz", a=data)
    with pytest.raises(ModelUnreadable, match="damaged|refused"):
        read_checkpoint(path)


def test_limits(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "m.npz", a=GOOD, b=GOOD)
    monkeypatch.setattr(numpy_archive, "MAX_TENSORS", 1)
    with pytest.raises(ModelUnreadable, match="too many"):
        read_checkpoint(path)
    monkeypatch.setattr(numpy_archive, "MAX_TENSORS", 2)
    monkeypatch.setattr(numpy_archive, "MAX_TOTAL_BYTES", 40)
    with pytest.raises(ModelUnreadable, match="GiB"):
        read_checkpoint(path)


def test_two_of_one_name(tmp_path: pathlib.Path) -> None:
    path = zipped(tmp_path / "m.npz", **{"s/a/beta:0": GOOD, "s.a.bias": GOOD})
    with pytest.raises(ModelUnreadable, match="two tensors"):
        read_checkpoint(path)


def test_mutated_archives_are_read_or_refused(tmp_path: pathlib.Path) -> None:
    path = zipped(tmp_path / "m.npz", a=npy(np.ones((3, 4), np.float32)), b=GOOD)
    whole = (tmp_path / "m.npz").read_bytes()
    chance = random.Random(0)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "m.npz").write_bytes(data)
        try:
            read_checkpoint(path)
        except ModelUnreadable:
            refused += 1
    assert refused > 100
