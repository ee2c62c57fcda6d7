"""Every container and element type gives the same tensors."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.checkpoint.safetensors import write_safetensors

torch = pytest.importorskip("torch")


class Inner(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)
        self.register_buffer("passing", torch.zeros(2), persistent=False)


class Whole(torch.nn.Module):
    """Not importable by its pickled name once the test is over, like the classes of other projects."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 4
        self.first = torch.nn.Sequential(Inner(), torch.nn.PReLU())
        self.second = torch.nn.ModuleList([Inner()])


def make_module() -> Whole:
    torch.manual_seed(3)
    module = Whole()
    for name, buffer in module.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    return module


def expected(module: torch.nn.Module, kind: torch.dtype = torch.float32) -> dict:
    state = {k: v.to(kind).float().numpy() for k, v in module.state_dict().items()}
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}


def check_equal(found: dict, wanted: dict) -> None:
    assert sorted(found) == sorted(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "float64"])
def test_state_dict(kind: str, zipped: bool, tmp_path: pathlib.Path) -> None:
    module = make_module()
    element = getattr(torch, kind)
    state = {k: v.to(element) if v.is_floating_point() else v for k, v in module.state_dict().items()}
    path = tmp_path / "model.ckpt"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    check_equal(read_checkpoint(str(path)).tensors, expected(module, element))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_whole_module(wrapped: bool, zipped: bool, tmp_path: pathlib.Path) -> None:
    module = make_module()
    path = tmp_path / "model.pth"
    saved = {"epoch": 7, "model": module, "optimizer": {"state": {}}} if wrapped else module
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)
    contents = read_checkpoint(str(path))
    check_equal(contents.tensors, expected(module))
    assert contents.side_info["scale"] == 4
    assert contents.side_info.get("epoch") == (7 if wrapped else None)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_safetensors(kind: str, tmp_path: pathlib.Path) -> None:
    module = make_module()
    path = tmp_path / "model.safetensor"
    arrays = {k: v.astype(kind) for k, v in expected(module).items()}
    write_safetensors(str(path), arrays, {"scale": "4"})
    contents = read_checkpoint(str(path))
    check_equal(contents.tensors, expected(module, getattr(torch, kind)))
    assert contents.side_info == {"scale": "4"}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_shared_and_strided_storages(zipped: bool, tmp_path: pathlib.Path) -> None:
    base = torch.arange(24.0)
    state = {
        "slice": base[4:10],
        "transposed": base.view(4, 6).t(),
        "step": base[::5].clone()[::2],
        "expanded": base[2:3].expand(3, 5),
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(2.5),
        "whole": base.to(torch.int32),
    }
    state["strided"] = state.pop("step")
    path = tmp_path / "model.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    tensors = read_checkpoint(str(path)).tensors
    assert sorted(tensors) == sorted(state)
    for name, value in state.items():
        np.testing.assert_array_equal(tensors[name], value.numpy(), err_msg=name)
        assert tensors[name].flags.c_contiguous or tensors[name].size == 0
    assert tensors["whole"].dtype == np.int32


def test_zip_repacked_with_compression(tmp_path: pathlib.Path) -> None:
    import zipfile

    module = make_module()
    plain, packed = tmp_path / "a.pth", tmp_path / "b.pth"
    torch.save(module.state_dict(), plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    check_equal(read_checkpoint(str(packed)).tensors, expected(module))


@pytest.mark.parametrize("keep", [0.3, 0.8, 0.99])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_cut_short(zipped: bool, keep: float, tmp_path: pathlib.Path) -> None:
    from sr_plugin.core.errors import ModelUnreadable

    path = tmp_path / "model.pth"
    torch.save({"weight": torch.rand(1000)}, path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ModelUnreadable):
        read_checkpoint(str(path))


def test_training_leftovers_do_not_disturb(tmp_path: pathlib.Path) -> None:
    import argparse
    from collections import defaultdict

    module = make_module()
    path = tmp_path / "model.pth"
    extras = {
        "best": np.float64(31.2),
        "config": argparse.Namespace(lr=1e-4),
        "history": defaultdict(list, {"loss": [1.0]}),
        "device": torch.device("cpu"),
        "kind": torch.float32,
        "size": torch.Size([1, 2]),
    }
    torch.save({"state_dict": module.state_dict(), **extras}, path)
    contents = read_checkpoint(str(path))
    check_equal(contents.tensors, expected(module))
    assert contents.side_info["device"] == "cpu"


def test_unsupported_element_type_is_named(tmp_path: pathlib.Path) -> None:
    from sr_plugin.core.errors import ModelUnreadable

    path = tmp_path / "model.pth"
    torch.save({"a": torch.zeros(3), "b": torch.zeros(3, dtype=torch.complex64)}, path)
    with pytest.raises(ModelUnreadable, match="[Cc]omplex"):
        read_checkpoint(str(path))
