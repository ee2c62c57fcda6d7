"""Frames survive the wire, and garbage is refused."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sr_plugin.core.errors import ProtocolError
from sr_plugin.core.protocol import Frame, NamedArray, read_frame, write_frame

arrays = hnp.arrays(
    dtype=st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8", ">u2", ">f4", "?"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@given(st.lists(arrays, max_size=4), st.dictionaries(st.text(max_size=8), st.integers() | st.text(), max_size=4))
@settings(max_examples=200)
def test_frames_survive_the_wire(values, extra):
    extra.pop("arrays", None)
    frame = Frame({**extra, "type": "infer"}, [NamedArray(f"a{i}", v, 2.0) for i, v in enumerate(values)])
    stream = io.BytesIO()
    write_frame(stream, frame)
    write_frame(stream, frame)
    stream.seek(0)
    for _ in range(2):
        back = read_frame(stream)
        assert back is not None and dict(back.header) == dict(frame.header)
        for ours, theirs in zip(values, back.arrays):
            np.testing.assert_array_equal(ours, theirs.data)
            assert theirs.data.dtype == ours.dtype.newbyteorder("<") and theirs.ratio == 2.0
    assert read_frame(stream) is None


def test_views_that_are_not_contiguous_are_sent_right():
    data = np.arange(24).reshape(2, 3, 4)[:, ::2, ::-1].astype(np.int32)
    stream = io.BytesIO()
    write_frame(stream, Frame({"type": "x"}, [NamedArray("a", data.transpose(2, 0, 1))]))
    stream.seek(0)
    np.testing.assert_array_equal(read_frame(stream).array("a"), data.transpose(2, 0, 1))


@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=300)
def test_garbage_is_refused_in_words(garbage):
    try:
        frame = read_frame(io.BytesIO(garbage))
    except ProtocolError:
        return
    assert frame is not None and isinstance(frame.header["type"], str)


@pytest.mark.parametrize(
    "entries",
    [
        [{"name": "a", "dtype": "O", "shape": [1]}],
        [{"name": "a", "dtype": "<f4", "shape": [-1]}],
        [{"name": "a", "dtype": "<f4", "shape": [2**39, 2**39]}],
        [{"name": "a", "dtype": "<f4", "shape": [2**33]}],
        [{"name": "a", "dtype": "<f4", "shape": [True]}],
        [{"name": "a", "dtype": "<f4", "shape": [2], "ratio": "x"}],
        [{"name": "a", "dtype": "<f4", "shape": [2]}],
        ["a"],
        {"a": 1},
        [{"name": "a", "dtype": "|u1", "shape": [0]}] * 500,
    ],
)
def test_announcements_that_are_not_allowed(entries):
    line = json.dumps({"type": "infer", "arrays": entries}).encode() + b"\n\0\0"
    with pytest.raises(ProtocolError):
        read_frame(io.BytesIO(line))


def test_a_missing_array_is_named():
    with pytest.raises(ProtocolError, match="lacks the array 'image'"):
        Frame({"type": "infer"}).array("image")
