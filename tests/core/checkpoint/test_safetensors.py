"""Safetensors: round trips, and headers that lie."""

from __future__ import annotations

import json
import pathlib
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.checkpoint.safetensors import read_safetensors, write_safetensors
from sr_plugin.core.errors import ModelUnreadable, OutputError

TYPES = "float64 float32 float16 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool".split()
small = hnp.array_shapes(min_dims=0, max_dims=4, max_side=4)
arrays = st.sampled_from(TYPES).flatmap(lambda kind: hnp.arrays(kind, small))


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda n: n != "__metadata__"), arrays, max_size=4))
def test_round_trip(tensors: dict) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "a.safetensors")
        write_safetensors(path, tensors, {"licence": "GPL"})
        records, metadata = read_safetensors(path)
        assert metadata == {"licence": "GPL"}
        assert set(records) == set(tensors)
        for name, array in tensors.items():
            assert records[name].dtype == array.dtype.name
            np.testing.assert_array_equal(records[name].array(), array)
        assert [entry.name for entry in pathlib.Path(folder).iterdir()] == ["a.safetensors"]


def test_tensors_are_aligned_to_their_element_size(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {"a": np.zeros(3, np.uint8), "b": np.zeros(3, np.float64), "c": np.zeros(1, np.float16)}
    write_safetensors(str(path), tensors)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    assert [header[name]["data_offsets"] for name in "bca"] == [[0, 24], [24, 26], [26, 29]]


def test_bfloat16(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.safetensors"
    values = np.array([1.0, -2.5, 0.15625], np.float32)
    half = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    write_raw(path, {"a": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}, half)
    np.testing.assert_array_equal(read_checkpoint(str(path)).tensors["a"], values)


def write_raw(path: pathlib.Path, header: object, data: bytes = b"") -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def entry(begin: object, end: object, shape: object = (2,), kind: str = "F32") -> dict:
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


LIES = {
    "beyond the end": {"a": entry(0, 16, [4])},
    "wrong length": {"a": entry(0, 8, [3])},
    "overlap": {"a": entry(0, 8), "b": entry(4, 12)},
    "gap": {"a": entry(4, 12)},
    "unused bytes": {"a": entry(0, 8)},
    "backwards": {"a": entry(8, 0)},
    "negative": {"a": entry(-8, 0)},
    "fraction": {"a": entry(0, 8.0)},
    "negative sizes": {"a": entry(0, 8, [-1, -2])},
    "huge sizes": {"a": entry(0, 8, [1 << 62, 1 << 62])},
    "endless shape": {"a": entry(0, 12, [1] * 17 + [3])},
    "sizes beyond counting": {"a": entry(0, 12, [10**4000, 0])},
    "truth for a size": {"a": entry(0, 12, [True, 3])},
    "no shape": {"a": {"dtype": "F32", "data_offsets": [0, 12]}},
    "no object": {"a": 3},
    "unknown type": {"a": entry(0, 12, [12], "F8_E4M3")},
    "a list": [1, 2],
    "metadata no object": {"__metadata__": 3, "a": entry(0, 12, [3])},
    "not json": b'{"a": ',
    "name twice": b'{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},'
    b'"a":{"dtype":"F32","shape":[0],"data_offsets":[12,12]}}',
    "nested": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no tensors": {},
}


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie_are_refused(lie: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.safetensors"
    write_raw(path, LIES[lie], bytes(12))
    with pytest.raises(ModelUnreadable):
        read_checkpoint(str(path))


def test_writing_refuses_what_has_no_place(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="complex"):
        write_safetensors(path, {"a": np.zeros(2, np.complex64)})
    with pytest.raises(ValueError, match="texts"):
        write_safetensors(path, {}, {"a": 3})
    with pytest.raises(OutputError):
        write_safetensors(str(tmp_path / "none" / "a.safetensors"), {"a": np.zeros(2)})
    assert list(tmp_path.iterdir()) == []
