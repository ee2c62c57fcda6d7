"""Files made to harm load inert or raise a plain error; none runs anything, and none leaves a trace."""

from __future__ import annotations

import builtins
import collections
import io
import os
import pathlib
import pickle
import random
import struct
import subprocess
import zipfile
from typing import Any, Callable, List, Optional, Tuple

import pytest

from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.checkpoint.tensors import ELEMENT_TYPES, Storage, StorageView, TensorRecord
from sr_plugin.core.errors import ModelUnreadable

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


class Global:
    """Pickled as a name only."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Call:
    """Pickled as a call of a name."""

    def __init__(self, module: str, name: str, *args: Any, state: Any = None) -> None:
        self.function, self.args, self.state = Global(module, name), args, state


class StorageId:
    def __init__(self, key: str, count: int, kind: str = "FloatStorage") -> None:
        self.pid = ("storage", Global("torch", kind), key, "cpu", count)


class Writer(pickle._Pickler):  # The Python one, whose saving of single objects can be replaced.
    def persistent_id(self, obj: Any) -> Any:
        return obj.pid if isinstance(obj, StorageId) else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(tuple(obj.args))
            self.write(pickle.REDUCE)
            if obj.state is not None:
                self.save(obj.state)
                self.write(pickle.BUILD)
        else:
            super().save(obj, save_persistent_id)


def dump(value: Any) -> bytes:
    buffer = io.BytesIO()
    Writer(buffer, protocol=2).dump(value)
    return buffer.getvalue()


def write_zip(path: pathlib.Path, description: bytes, storages: Tuple[Tuple[str, bytes], ...] = ()) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", description)
        for key, data in storages:
            archive.writestr(f"archive/data/{key}", data)
    return str(path)


def write_legacy(path: pathlib.Path, description: bytes, storages: Tuple[Tuple[str, bytes], ...] = ()) -> str:
    keys = dump([key for key, _ in storages])
    raw = b"".join(struct.pack("<q", len(data) // 4) + data for _, data in storages)
    path.write_bytes(dump(MAGIC) + dump(PROTOCOL) + dump(SYSTEM) + description + keys + raw)
    return str(path)


WRITERS = {"zip": write_zip, "legacy": write_legacy}


def tensor(
    key: str = "0", count: int = 4, offset: Any = 0, shape: Any = (4,), stride: Any = (1,), **extra: Any
) -> Call:
    arguments = (StorageId(key, count), offset, shape, stride, False, collections.OrderedDict())
    return Call("torch._utils", "_rebuild_tensor_v2", *arguments, **extra)


GOOD = (("0", struct.pack("<4f", 1, 2, 3, 4)),)


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Any:
    """Any attempt to run something fails the test, even if the reader swallowed the error."""
    ran: List[str] = []

    def trap(name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: ran.append(name)

    for module, name in ((os, "system"), (os, "popen"), (subprocess, "Popen"), (builtins, "eval"), (builtins, "exec")):
        monkeypatch.setattr(module, name, trap(name))
    before = set(os.listdir(tmp_path))
    yield
    assert ran == []
    assert set(os.listdir(tmp_path)) - before <= {"model.pth"}


PAYLOADS = {
    "os.system": Call("os", "system", "touch pwned"),
    "posix.system": Call("posix", "system", "touch pwned"),
    "eval": Call("builtins", "eval", "open('pwned', 'w')"),
    "Popen": Call("subprocess", "Popen", ["touch", "pwned"]),
    "torch attribute": Call("torch", "load", "other.pth"),
    "numpy": Call("numpy", "fromfile", "/etc/passwd"),
    "getattr": Call("builtins", "getattr", Global("os", "path"), "os"),
    "dotted": Call("torch", "serialization.os.system", "touch pwned"),
}


@pytest.mark.parametrize("container", WRITERS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_calls_are_inert_and_tensors_still_load(payload: str, container: str, tmp_path: pathlib.Path) -> None:
    saved = {"weight": tensor(), "evil": PAYLOADS[payload], PAYLOADS[payload].function.name: 1}
    path = WRITERS[container](tmp_path / "model.pth", dump(saved), GOOD)
    assert read_checkpoint(path).tensors["weight"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_raw_pickle(protocol: int, tmp_path: pathlib.Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.getcwd, ()

    path = tmp_path / "model.pth"
    path.write_bytes(pickle.dumps({"a": Evil()}, protocol=protocol))
    with pytest.raises(ModelUnreadable):
        read_checkpoint(str(path))


BAD_TENSORS = {
    "stride too large": tensor(stride=(2,)),
    "offset too large": tensor(offset=1),
    "shape too large": tensor(shape=(5,)),
    "negative stride": tensor(stride=(-1,)),
    "negative offset": tensor(offset=-1),
    "negative size": tensor(shape=(-4,)),
    "huge": tensor(shape=(1 << 62, 1 << 62), stride=(1, 1)),
    "expanded beyond memory": tensor(shape=(1 << 40,), stride=(0,)),
    "too many dimensions": tensor(shape=(1,) * 40, stride=(1,) * 40),
    "strides missing": tensor(stride=()),
    "no numbers": tensor(shape=("4",)),
    "storage larger than declared": tensor(count=3, shape=(3,)),
    "storage smaller than declared": tensor(count=8),
    "negative count": tensor(count=-4),
    "missing storage": tensor(key="1"),
    "key out of the archive": tensor(key="../../../etc/passwd"),
    "bounds moved after the check": tensor(state={"shape": (1 << 20,), "offset": 1 << 30}),
    "bounds moved by slots": tensor(state=(None, {"shape": (1 << 20,)})),
    "element type changed": Call(
        "torch._utils", "_rebuild_parameter", tensor(), Call("torch._utils", "_rebuild_parameter", "x", state={"a": 1})
    ),
}


@pytest.mark.parametrize("container", WRITERS)
@pytest.mark.parametrize("case", BAD_TENSORS)
def test_impossible_tensors_are_refused(case: str, container: str, tmp_path: pathlib.Path) -> None:
    path = WRITERS[container](tmp_path / "model.pth", dump({"weight": BAD_TENSORS[case]}), GOOD)
    with pytest.raises(ModelUnreadable):
        read_checkpoint(path)


def set_state_of_global(module: str, name: str) -> bytes:
    state = dump({"stored": "<f8", "__defaults__": ()})[2:-1]
    return b"\x80\x02" + pickle.GLOBAL + f"{module}\n{name}\n".encode() + state + pickle.BUILD + pickle.STOP


@pytest.mark.parametrize("name", [("torch", "FloatStorage"), ("torch._utils", "_rebuild_tensor_v2"), ("torch", "Size")])
def test_the_readers_own_objects_cannot_be_changed(name: Tuple[str, str], tmp_path: pathlib.Path) -> None:
    path = write_zip(tmp_path / "model.pth", set_state_of_global(*name))
    with pytest.raises(ModelUnreadable):
        read_checkpoint(path)
    assert ELEMENT_TYPES["float32"].stored == "<f4"


def nested(opening: bytes, closing: bytes, depth: int, tail: bytes = b"") -> bytes:
    return b"\x80\x02" + opening * depth + closing * depth + tail + b"."


DESCRIPTIONS = {
    "nested lists": nested(b"](", b"e", 100_000)[:-1] + b".",
    "nested tuples": b"\x80\x02)" + b"\x85" * 200_000 + b".",
    "nested tuples as a key": b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s.",
    "nested by memo": b"\x80\x02)" + b"q\x00h\x00\x86" * 2000 + b".",
    "tuples that double as a key": b"\x80\x02})\x85" + b"q\x00h\x00\x86" * 40 + b"K\x01s.",
    "tuples that double in a set": b"\x80\x04\x8f()\x85" + b"q\x00h\x00\x86" * 40 + b"\x90.",
    "endless number": b"\x80\x02}\x8b" + struct.pack("<i", 1 << 16) + b"\x7f" * (1 << 16) + b"K\x01s.",
    "copies of a list": b"\x80\x02ccollections\nOrderedDict\nq\x010("
    + b"K\x01N\x86" * 20_000
    + b"lq\x020("
    + b"h\x01h\x02\x85R" * 20_000
    + b"l.",
    "sizes that double": b"\x80\x02}ctorch\nSize\nq\x010)\x85"
    + b"q\x00h\x01h\x00h\x00\x86\x85R0h\x00h\x00\x86" * 40
    + b"K\x01s.",
    "nested arguments": b"\x80\x02" + b"cos\nsystem\n" * 2000 + b")" + b"R" * 2000 + b".",
    "huge memo index": b"\x80\x02]r\xff\xff\xff\x7f.",
    "huge string": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60) + b".",
    "huge byte array": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",
    "extension registry": b"\x80\x02\x82\x01.",
    "many names": b"\x80\x02(" + b"".join(b"ca\nb%d\n" % i for i in range(10_050)) + b"l.",
    "no end": b"\x80\x02}",
    "empty stack": b"\x80\x02.",
    "stray mark": b"\x80\x02(.",
    "pop of nothing": b"\x80\x02000.",
    "unknown memo": b"\x80\x02h\x07.",
    "text number": b"\x80\x02I123\n.",
    "no pickle": b"hello",
    "nothing": b"",
    "unknown reference": b"\x80\x02K\x01Q.",
    "module reference": dump({"a": 1})[:-1] + b"0K\x01K\x02\x86Q.",
    "no dictionary": dump([1, 2, 3]),
    "a text": dump("state_dict"),
}


@pytest.mark.parametrize("container", WRITERS)
@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_broken_descriptions_are_refused(case: str, container: str, tmp_path: pathlib.Path) -> None:
    path = WRITERS[container](tmp_path / "model.pth", DESCRIPTIONS[case])
    with pytest.raises(ModelUnreadable):
        read_checkpoint(path)


def test_keys_that_name_no_tensor_are_passed_over(tmp_path: pathlib.Path) -> None:
    saved = {None: tensor(), (1, 2): tensor(), 1.5: tensor(), "weight": tensor(), 3: tensor()}
    found = read_checkpoint(write_zip(tmp_path / "model.pth", dump(saved), GOOD)).tensors
    assert list(found) == ["weight", "3"]


def test_ordered_dictionaries_of_python_2(tmp_path: pathlib.Path) -> None:
    saved = Call("collections", "OrderedDict", [["b", tensor()], ["a", tensor()]])
    found = read_checkpoint(write_zip(tmp_path / "model.pth", dump(saved), GOOD)).tensors
    assert list(found) == ["b", "a"]


def test_each_storage_is_unpacked_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: List[str] = []
    read = zipfile.ZipFile.read
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda self, name: unpacked.append(name) or read(self, name))
    storages = tuple((key, struct.pack("<4f", 1, 2, 3, 4)) for key in "01")
    whole, other = StorageId("0", 4), StorageId("1", 4)
    saved = {
        f"{n}": Call("torch._utils", "_rebuild_tensor_v2", (whole, other)[n % 2], n % 4, (1,), (1,), False, {})
        for n in range(40)
    }
    found = read_checkpoint(write_zip(tmp_path / "model.pth", dump(saved), storages)).tensors
    assert [float(found[f"{n}"][0]) for n in range(40)] == [n % 4 + 1 for n in range(40)]
    assert sorted(unpacked)[-2:] == ["archive/data/0", "archive/data/1"] and len(unpacked) == 3


def module_state(parameters: dict, modules: dict) -> dict:
    return {"_parameters": parameters, "_buffers": {}, "_modules": modules}


def test_modules_that_share_children_do_not_explode(tmp_path: pathlib.Path) -> None:
    module = Call("some", "Module", state=module_state({"weight": tensor()}, {}))
    for _ in range(40):
        module = Call("some", "Module", state=module_state({}, {"a": module, "b": Shared(module)}))
    buffer = io.BytesIO()
    SharingWriter(buffer, protocol=2).dump(module)
    path = write_zip(tmp_path / "model.pth", buffer.getvalue(), GOOD)
    with pytest.raises(ModelUnreadable, match="too many"):
        read_checkpoint(path)


class Shared:
    """Pickled as a reference to a call that was already written."""

    def __init__(self, call: Call) -> None:
        self.call = call


class SharingWriter(Writer):
    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self.places: dict = {}

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Shared):
            self.write(self.get(self.places[id(obj.call)]))
            return
        super().save(obj, save_persistent_id)
        if isinstance(obj, Call):
            self.places[id(obj)] = len(self.memo)
            self.memoize(obj)


def test_expanding_zip_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", dump({"weight": tensor(count=1 << 25, shape=(1 << 25,))}))
        archive.writestr("archive/data/0", bytes(4 << 25))
    with pytest.raises(ModelUnreadable, match="times its size"):
        read_checkpoint(str(path))


def test_damaged_numbers_are_noticed(tmp_path: pathlib.Path) -> None:
    path = write_zip(tmp_path / "model.pth", dump({"weight": tensor()}), GOOD)
    data = pathlib.Path(path).read_bytes()
    pathlib.Path(path).write_bytes(data.replace(GOOD[0][1], struct.pack("<4f", 1, 2, 3, 5)))
    with pytest.raises(ModelUnreadable, match="CRC"):
        read_checkpoint(path)


def test_torchscript_under_another_name(tmp_path: pathlib.Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("m/data.pkl", "m/constants.pkl", "m/code/__torch__/m.py"):
            archive.writestr(name, b"\x80\x02}.")
    assert torch.__version__
    with pytest.raises(ModelUnreadable, match="TorchScript"):
        read_checkpoint(str(path))


def test_record_checks_do_not_depend_on_the_container() -> None:
    storage = Storage("x", ELEMENT_TYPES["float32"], 4)
    with pytest.raises(ModelUnreadable):
        StorageView(storage, 2, 3)
    with pytest.raises(ModelUnreadable):
        TensorRecord(StorageView(storage, 1, 2), 0, (3,), (1,))
    unread: Optional[TensorRecord] = TensorRecord(StorageView(storage, 1, 2), 0, (2,), (1,))
    with pytest.raises(ModelUnreadable, match="missing"):
        unread.array()


@pytest.mark.parametrize("container", WRITERS)
def test_any_changed_byte_gives_tensors_or_a_plain_error(container: str, tmp_path: pathlib.Path) -> None:
    saved = {"state_dict": {"weight": tensor(), "bias": tensor()}, "net": PAYLOADS["os.system"], "epoch": 3}
    description = dump(saved)
    chance = random.Random(4)
    outcomes = set()
    for _ in range(200):
        changed = bytearray(description)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path = WRITERS[container](tmp_path / "model.pth", bytes(changed), GOOD)
        try:
            outcomes.add(all(array.nbytes < 1000 for array in read_checkpoint(path).tensors.values()))
        except ModelUnreadable as error:
            outcomes.add(error.code)
    assert outcomes == {True, "ModelUnreadable"}
