"""Keras' layouts of HDF5, over a reader that serves dictionaries, so that no HDF5 library is needed."""

from __future__ import annotations

import pathlib
import zipfile
from typing import Any, Dict, Iterator, Optional, Tuple

import numpy as np
import pytest

from sr_plugin.core.checkpoint import keras
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.errors import ModelUnreadable

MAGIC = b"\x89HDF\r\n\x1a\n" + bytes(100)


class Group(Dict[str, Any]):
    """A group: arrays and groups by name, and attributes."""

    def __init__(self, attributes: Optional[Dict[str, Any]] = None, **entries: Any) -> None:
        super().__init__(entries)
        self.attributes = attributes or {}


class DictReader(keras.Hdf5Reader):
    def __init__(self, root: Group) -> None:
        self.root = root

    def at(self, path: str) -> Any:
        place: Any = self.root
        for name in filter(None, path.split("/")):
            place = place.get(name) if isinstance(place, Group) else None
        return place

    def groups(self, path: str) -> Tuple[str, ...]:
        place = self.at(path)
        return tuple(n for n in sorted(place) if isinstance(place[n], Group)) if isinstance(place, Group) else ()

    def texts(self, path: str, attribute: str) -> Optional[Tuple[str, ...]]:
        place = self.at(path)
        return place.attributes.get(attribute) if isinstance(place, Group) else None

    def shape(self, path: str) -> Optional[Tuple[int, ...]]:
        place = self.at(path)
        return None if place is None or isinstance(place, Group) else place.shape

    def array(self, path: str) -> np.ndarray:
        return np.asarray(self.at(path))

    def close(self) -> None:
        self.root = Group()


@pytest.fixture
def file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Gives a function that makes a file with such a root group and names its path."""
    path = tmp_path / "model.h5"
    path.write_bytes(MAGIC)

    def serve(root: Group) -> str:
        monkeypatch.setattr(keras, "_OPENERS", [lambda _: DictReader(root)])
        return str(path)

    yield serve


def layer(name: str, owner: str = "", ending: str = ":0", **weights: np.ndarray) -> Group:
    owner = owner or name
    names = tuple(f"{owner}/{part}{ending}" for part in weights)
    return Group({"weight_names": names}, **{owner: Group(**{p + ending: a for p, a in weights.items()})})


def numbers(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("root", ["", "model_weights"])
@pytest.mark.parametrize("split", [False, True])
def test_keras_2(root: str, split: bool, file: Any) -> None:
    names = ("conv2d_10", "relu", "conv2d_9", "bn", "slopes", "up")
    attributes = {"layer_names0": names[:2], "layer_names1": names[2:]} if split else {"layer_names": names}
    kernel = numbers(3, 3, 2, 4)
    group = Group(
        attributes,
        conv2d_10=layer("conv2d_10", kernel=kernel, bias=numbers(4)),
        relu=Group({"weight_names": ()}),
        conv2d_9=layer("conv2d_9", owner="conv2d_9_1", ending="", kernel=numbers(1, 1, 4, 4)),
        bn=layer("bn", gamma=numbers(4), beta=numbers(4), moving_mean=numbers(4), moving_variance=numbers(4)),
        slopes=layer("slopes", alpha=numbers(1, 1, 4)),
        up=layer("up", kernel=numbers(4, 4, 5, 4)),
    )
    tensors = read_checkpoint(file(Group(**{root: group}) if root else group)).tensors
    assert list(tensors) == [
        *("conv2d_10.weight", "conv2d_10.bias", "conv2d_9.weight"),
        *("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "slopes.weight", "up.weight"),
    ]
    assert tensors["conv2d_10.weight"].shape == (4, 2, 3, 3)
    assert tensors["conv2d_10.weight"][3, 1, 0, 2] == kernel[0, 2, 1, 3]
    assert tensors["slopes.weight"].shape == (4,)
    assert tensors["up.weight"].shape == (4, 5, 4, 4)


def test_a_model_inside_a_layer(file: Any) -> None:
    inner = Group(
        {"weight_names": ("a/kernel:0", "generator/b/kernel:0")},
        a=Group(**{"kernel:0": numbers(1, 1, 2, 2)}),
        generator=Group(b=Group(**{"kernel:0": numbers(1, 1, 2, 2)})),
    )
    assert list(read_checkpoint(file(Group({"layer_names": ("generator",)}, generator=inner))).tensors) == [
        "a.weight",
        "b.weight",
    ]


def test_weight_normalisation_becomes_the_kernel_that_it_stands_for(file: Any) -> None:
    kernel, gain = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype(np.float32), numbers(4) + 1
    wrapped = Group(
        {"weight_names": ("wn/g:0", "wn/conv/kernel:0", "wn/conv/bias:0", "wn/initialized:0")},
        wn=Group(
            **{
                "g:0": gain,
                "initialized:0": np.array(True),
                "conv": Group(**{"kernel:0": kernel, "bias:0": numbers(4)}),
            }
        ),
    )
    tensors = read_checkpoint(file(Group({"layer_names": ("wn",)}, wn=wrapped))).tensors
    assert list(tensors) == ["wn.weight", "wn.bias"]
    wanted = gain * kernel / np.sqrt((kernel**2).sum((0, 1, 2)))
    np.testing.assert_allclose(tensors["wn.weight"], wanted.transpose(3, 2, 0, 1), rtol=1e-6)


@pytest.mark.parametrize("named", [False, True])
def test_keras_3(named: bool, file: Any) -> None:
    def numbered(name: str, *arrays: np.ndarray) -> Group:
        told = {"name": (name,)} if named else {}
        return Group(vars=Group(told, **{str(i): a for i, a in enumerate(arrays)}))

    layers = Group(
        conv2d=numbered("first", numbers(3, 3, 1, 2), numbers(2)),
        conv2d_10=numbered("tenth", numbers(1, 1, 2, 2)),
        conv2d_2=numbered("second", numbers(1, 1, 2, 2)),
        batch_normalization=numbered("bn", *(numbers(2) for _ in range(4))),
        functional=Group(layers=Group(dense=numbered("matrix", numbers(2, 5)))),
    )
    tensors = read_checkpoint(file(Group(layers=layers, vars=Group(), optimizer=Group()))).tensors
    bn, convs, inner = ("bn", ("first", "second", "tenth"), "matrix")
    if not named:
        bn, convs, inner = "batch_normalization", ("conv2d", "conv2d_2", "conv2d_10"), "dense"
    assert list(tensors) == [
        *(f"{bn}.{part}" for part in ("weight", "bias", "running_mean", "running_var")),
        *(f"{convs[0]}.weight", f"{convs[0]}.bias", f"{convs[1]}.weight", f"{convs[2]}.weight", f"{inner}.weight"),
    ]
    assert tensors[f"{inner}.weight"].shape == (5, 2)


class Giant:
    shape = (1 << 16, 1 << 16)


HOSTILE = {
    "no weights": (Group(something=Group()), "no weights of a Keras model"),
    "missing": (Group({"layer_names": ("a",)}, a=Group({"weight_names": ("a/kernel:0",)})), "missing"),
    "giant": (Group({"layer_names": ("a",)}, a=layer("a", kernel=Giant())), "too large"),
    "text": (Group({"layer_names": ("a",)}, a=layer("a", kernel=np.array(["x"]))), "no numbers"),
    "twice": (Group({"layer_names": ("a", "a")}, a=layer("a", bias=numbers(2))), "two weights"),
    "gains": (
        Group({"layer_names": ("a",)}, a=layer("a", g=numbers(3), kernel=numbers(1, 1, 2, 2))),
        "3 gains for 2 outputs",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str, file: Any) -> None:
    root, message = HOSTILE[case]
    with pytest.raises(ModelUnreadable, match=message):
        read_checkpoint(file(root))


def test_endless_nesting_is_refused(file: Any) -> None:
    layers = Group()
    layers["functional"] = Group(layers=layers)
    with pytest.raises(ModelUnreadable, match="nested"):
        read_checkpoint(file(Group(layers=layers)))


def test_links_that_multiply_are_refused(file: Any) -> None:
    layers = Group()
    for _ in range(7):
        layers = Group(**{f"functional_{n}": Group(layers=layers) for n in range(40)})
    with pytest.raises(ModelUnreadable, match="too many"):
        read_checkpoint(file(Group(layers=layers)))


def test_without_a_library_there_is_advice(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> Any:
        raise ImportError("no such module")

    path = tmp_path / "model.h5"
    path.write_bytes(MAGIC)
    monkeypatch.setattr(keras, "_OPENERS", [missing])
    with pytest.raises(ModelUnreadable, match="HDF5") as caught:
        read_checkpoint(str(path))
    assert "h5py" in caught.value.hint


def test_an_archive_is_unpacked(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for member in ("config.json", "metadata.json"):
            archive.writestr(member, "{}")
        archive.writestr("model.weights.h5", MAGIC)
    root = Group(layers=Group(conv2d=Group(vars=Group(**{"0": numbers(1, 1, 2, 2)}))))
    opened = []
    monkeypatch.setattr(keras, "_OPENERS", [lambda p: (opened.append(p), DictReader(root))[1]])
    assert list(read_checkpoint(str(path)).tensors) == ["conv2d.weight"]
    assert opened[0].endswith("model.weights.h5") and not pathlib.Path(opened[0]).exists()
