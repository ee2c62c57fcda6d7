"""Model files of every container, damaged or made to harm: tensors or a plain error, and nothing runs."""

from __future__ import annotations

import io
import json
import pathlib
import zipfile
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.checkpoint import keras
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.errors import SuperResolutionError
from tests.core.checkpoint.test_hostile_files import GOOD, PAYLOADS, dump, tensor, write_legacy, write_zip
from tests.core.checkpoint.test_keras import MAGIC, DictReader, Group
from tests.fuzz.effort import effort
from tests.fuzz.guard import guarded
from tests.fuzz.inputs import changed_bytes, changed_documents, changed_json, json_values
from tests.small_checkpoints import checkpoint

SAVED = {
    **{"state_dict": {"weight": tensor(), "bias": tensor(shape=(2, 2), stride=(2, 1))}, "epoch": 3},
    **{f"evil {name}": call for name, call in PAYLOADS.items()},
}
DESCRIPTION = dump(SAVED)


def written(writer: Any, *arguments: Any) -> bytes:
    """What a writer of files writes."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model"
        writer(path, *arguments)
        return path.read_bytes()


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def safetensors(header: str, data: bytes) -> bytes:
    text = header.encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + data


def npy(header: str) -> bytes:
    text = header.encode("latin-1", "replace")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)


FILES = {
    "zip": written(write_zip, DESCRIPTION, GOOD),
    "legacy": written(write_legacy, DESCRIPTION, GOOD),
    "safetensors": written(lambda path: write_safetensors(str(path), checkpoint("edsr_bicubic"))),
    "npz": npz(weight=np.ones((2, 3), np.float32), bias=np.ones(3)),
    "keras": MAGIC,
}
HEADER = {
    "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    "b": {"dtype": "F16", "shape": [4], "data_offsets": [16, 24]},
    "__metadata__": {"format": "pt"},
}
NPY_HEADERS = ("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4)}", "{'descr': '|O', 'shape': ()}", "()" * 9000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("files") / "model.bin"


def check(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(data)
    # GDAL's reader of HDF5, where another test has registered it, starts a program of its own on purpose.
    with mock.patch.object(keras, "_OPENERS", [o for o in keras._OPENERS if o.__module__ == __name__]), guarded():
        try:
            contents = read_checkpoint(str(path))
        except SuperResolutionError as error:
            assert error.message and len(str(error)) < 10_000
        else:
            assert all(isinstance(array, np.ndarray) for array in contents.tensors.values())
            assert sum(array.nbytes for array in contents.tensors.values()) < 1 << 24
        try:
            card_from_checkpoint(str(path))
        except SuperResolutionError:
            return


@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
@effort()
def test_changed_bytes(kind: str, path: pathlib.Path, data: st.DataObject) -> None:
    check(path, data.draw(changed_bytes(FILES[kind])))


@pytest.mark.parametrize("writer", [write_zip, write_legacy])
@given(data=st.data())
@effort()
def test_changed_object_descriptions(writer: Any, path: pathlib.Path, data: st.DataObject) -> None:
    writer(path, data.draw(changed_bytes(DESCRIPTION)), GOOD)
    check(path, path.read_bytes())


@given(text=changed_json(HEADER), data=st.sampled_from([bytes(24), b"", bytes(8)]))
@effort(2)
def test_headers_of_safetensors(path: pathlib.Path, text: str, data: bytes) -> None:
    check(path, safetensors(text, data))


@given(data=st.data())
@effort(2)
def test_headers_of_numpy_arrays(path: pathlib.Path, data: st.DataObject) -> None:
    header = data.draw(
        changed_bytes(data.draw(st.sampled_from(NPY_HEADERS)).encode()).map(lambda b: b.decode("latin-1"))
    )
    member = data.draw(st.one_of(st.just(npy(header)), changed_bytes(npy(header))))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weight.npy", member)
    check(path, buffer.getvalue())


names = st.sampled_from(
    ["conv2d", "conv2d_1", "batch_normalization", "vars", "layers", "0", "1", "..", "", "a/b", "\x00"]
)
attributes = st.dictionaries(
    st.sampled_from(["layer_names", "layer_names0", "weight_names", "name"]),
    st.lists(
        st.sampled_from(["conv2d", "conv2d/kernel:0", "conv2d/g:0", "layers", "..", "", "a" * 2000]), max_size=4
    ).map(tuple),
    max_size=3,
)
arrays = st.sampled_from(
    [
        *(np.zeros(shape, np.float32) for shape in ((3, 3, 2, 2), (2,), (0,), ())),
        *(np.array(["x"]), np.array([None]), np.zeros(2, np.complex64), np.zeros((2, 2), "u1")),
        np.broadcast_to(np.float32(0), (1 << 20, 1 << 20)),
    ]
)
groups = st.recursive(
    arrays,
    lambda inner: st.builds(lambda a, e: _group(a, e), attributes, st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)


def _group(known: dict[str, Any], entries: dict[str, Any]) -> Group:
    made = Group(known)
    made.update(entries)
    return made


@pytest.fixture
def served(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Group]]:
    """The root that the injected reader serves."""
    roots = [Group()]
    monkeypatch.setattr(keras, "_OPENERS", [lambda _: DictReader(roots[0])])
    yield roots


@given(entries=st.dictionaries(names, groups, max_size=4), known=attributes)
@effort(2)
def test_groups_of_keras(
    path: pathlib.Path, served: list[Group], entries: dict[str, Any], known: dict[str, Any]
) -> None:
    served[0] = _group(known, {"layers": _group({}, entries), **entries})
    check(path, MAGIC)


@given(value=json_values, changed=changed_documents({"model_config": {"class_name": "x"}}))
@effort(0.3)
def test_keras_archives(path: pathlib.Path, served: list[Group], value: Any, changed: Any) -> None:
    served[0] = Group()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", json.dumps(changed))
        archive.writestr("metadata.json", json.dumps(value))
        archive.writestr("model.weights.h5", MAGIC)
    check(path, buffer.getvalue())
