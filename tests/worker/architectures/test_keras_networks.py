"""Files that Keras wrote, run by our modules, give what Keras computes; all containers hold the same weights.

Needs Keras 3 with its torch backend and h5py.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any, Callable, Dict, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.checkpoint.read import read_checkpoint

torch = pytest.importorskip("torch")
pytest.importorskip("h5py", reason="h5py is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="Keras is not installed")
if keras.backend.backend() != "torch":
    pytest.skip("Keras runs on another backend than torch", allow_module_level=True)
layers = keras.layers


def conv(filters: int, kernel: int = 3, name: Any = None, **options: Any) -> Any:
    return layers.Conv2D(filters, kernel, padding="same", name=name, bias_initializer="random_normal", **options)


def shuffle(x: Any, r: int) -> Any:
    """TensorFlow's depth_to_space: channels run (row, column, band); Keras itself has none."""
    _, height, width, channels = x.shape
    given = channels // (r * r)
    split = layers.Reshape((height, width, r, r, given))(x)
    return layers.Reshape((height * r, width * r, given))(layers.Permute((1, 3, 2, 4, 5))(split))


def rdn(x: int, last: str) -> Any:
    image = layers.Input((9, 11, 3))
    first = conv(8, name="F_m1")(image)
    block, fused = conv(8, name="F_0")(first), []
    for d in (1, 2, 3):
        dense = [block]
        for k in (1, 2):
            gathered = layers.Concatenate()(dense) if len(dense) > 1 else dense[0]
            dense.append(layers.ReLU()(conv(4, name=f"F_{d}_{k}")(gathered)))
        block = layers.Add()([conv(8, 1, name=f"LFF_{d}")(layers.Concatenate()(dense)), block])
        fused.append(block)
    body = conv(8, name="GFF_2")(conv(8, 1, name="GFF_1")(layers.Concatenate()(fused)))
    body = layers.Add()([body, first])
    up = conv(16, 5, name="UPN1", activation="relu")(body)
    up = conv(3 * x * x, name="UPN3")(conv(8, name="UPN2", activation="relu")(up))
    enlarged = shuffle(up, x) if last == "shuffle" else layers.UpSampling2D(x)(up)
    return keras.Model(image, conv(3, name="SR")(enlarged))


def rrdn(x: int) -> Any:
    image = layers.Input((9, 11, 3))
    pre = outer = conv(8, name="Pre_blocks_conv")(image)
    for t in (1, 2):
        inner = outer
        for d in (1, 2):
            dense = [inner]
            for k in (1, 2):
                gathered = layers.Concatenate()(dense) if len(dense) > 1 else dense[0]
                dense.append(layers.ReLU()(conv(4, name=f"F_{t}_{d}_{k}")(gathered)))
            step = conv(8, name=f"LFF_{t}_{d}")(layers.Concatenate()(dense))
            inner = layers.Add()([inner, layers.Rescaling(0.2)(step)])
        outer = layers.Add()([outer, layers.Rescaling(0.2)(inner)])
    body = layers.Add()([conv(8, name="post_blocks_conv")(outer), pre])
    return keras.Model(image, conv(3, name="SR")(shuffle(conv(3 * x * x, name="PreShuffle")(body), x)))


def krasserm_edsr(scale: int) -> Any:
    """Twelve blocks, so that ``conv2d_10`` and its like show the order; values from 0 to 255."""
    mean = [255 * m for m in (0.4488, 0.4371, 0.4040)]
    image = layers.Input((9, 11, 3))
    scaled = layers.Rescaling(1 / 127.5, [-m / 127.5 for m in mean])(image)
    first = body = conv(6)(scaled)
    for _ in range(12):
        body = layers.Add()([body, conv(6)(conv(6, activation="relu")(body))])
    up = layers.Add()([first, conv(6)(body)])
    for number, factor in enumerate({2: [2], 3: [3], 4: [2, 2]}[scale], start=1):
        up = shuffle(conv(6 * factor**2, name=f"conv2d_{number}_scale_{factor}")(up), factor)
    return keras.Model(image, layers.Rescaling(127.5, mean)(conv(3)(up)))


def krasserm_srgan() -> Any:
    def norm(x: Any) -> Any:
        start = {"gamma_initializer": "random_normal", "moving_variance_initializer": "ones"}
        return layers.BatchNormalization(beta_initializer="random_normal", **start)(x)

    def slopes(x: Any) -> Any:
        return layers.PReLU(alpha_initializer="random_uniform", shared_axes=[1, 2])(x)

    image = layers.Input((9, 11, 3))
    first = body = slopes(conv(6, 9)(layers.Rescaling(1 / 255)(image)))
    for _ in range(2):
        inner = slopes(norm(conv(6)(body)))
        body = layers.Add()([body, norm(conv(6)(inner))])
    up = layers.Add()([first, norm(conv(6)(body))])
    for _ in range(2):
        up = slopes(shuffle(conv(24)(up), 2))
    return keras.Model(image, layers.Rescaling(127.5, 127.5)(conv(3, 9, activation="tanh")(up)))


CASES: Dict[str, Tuple[Callable[[], Any], str, int]] = {
    "RDN nearest": (lambda: rdn(2, "ups"), "rdn", 2),
    "RDN shuffle": (lambda: rdn(3, "shuffle"), "rdn", 3),
    "RRDN": (lambda: rrdn(2), "rrdn", 2),
    "krasserm EDSR x3": (lambda: krasserm_edsr(3), "edsr_keras", 3),
    "krasserm EDSR x4": (lambda: krasserm_edsr(4), "edsr_keras", 4),
    "krasserm SRGAN": (krasserm_srgan, "srresnet_keras", 4),
}
#: Keras 2's layout (within a whole model), Keras 3's weights, Keras 3's archive.
KINDS = ("h5", "weights.h5", "keras")


def save(model: Any, path: str, kind: str) -> None:
    model.save_weights(path) if kind == "weights.h5" else model.save(path)


@pytest.mark.parametrize(("name", "kind"), [(n, "h5") for n in CASES] + [("RDN shuffle", k) for k in KINDS[1:]])
def test_same_output_as_keras(name: str, kind: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sr_plugin.worker.architectures.build import load_network

    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    make, family, scale = CASES[name]
    keras.utils.set_random_seed(1)
    keras.backend.clear_session()
    model = make()
    path = str(tmp_path / f"model.{kind}")
    save(model, path, kind)
    image = np.random.default_rng(2).random((1, 9, 11, 3), np.float32)
    unit = 255 if "krasserm" in name else 1
    wanted = model(unit * image, training=False).detach().numpy() / unit
    network = load_network(path)
    card = card_from_checkpoint(path)
    assert (card.family, card.scale) == (family, scale)
    assert card.weights[0].container == "safetensors"
    facts = card.value_range
    with torch.inference_mode():
        given = torch.from_numpy(image).permute(0, 3, 1, 2) * facts.in_gain[0]
        found, again = (n(given) * facts.out_gain + facts.out_offset for n in (network, load_network(card)))
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), wanted, rtol=1e-4, atol=1e-5)
    assert torch.equal(found, again)


def wdsr(kind: str, scale: int) -> Any:
    mean = [255 * m for m in (0.4488, 0.4371, 0.4040)]
    image = layers.Input((9, 11, 3))
    scaled = layers.Rescaling(1 / 127.5, [-m / 127.5 for m in mean])(image)
    body = conv(5)(scaled)
    for _ in range(2):
        inner = conv(10, 3 if kind == "a" else 1, activation="relu")(body)
        inner = conv(5)(conv(4, 1)(inner) if kind == "b" else inner)
        body = layers.Add()([body, inner])
    main = conv(3 * scale**2, name=f"conv2d_main_scale_{scale}")(body)
    skip = conv(3 * scale**2, 5, name=f"conv2d_skip_scale_{scale}")(scaled)
    both = layers.Add()([shuffle(main, scale), shuffle(skip, scale)])
    return keras.Model(image, layers.Rescaling(127.5, mean)(both))


@pytest.mark.parametrize(("kind", "scale"), [("a", 2), ("b", 3)])
def test_wdsr_through_weight_normalisation(kind: str, scale: int, tmp_path: pathlib.Path) -> None:
    """Keras 3 has no such wrapper, so a file is laid out as TensorFlow Addons did: kernels of any length, and gains."""
    import h5py

    from sr_plugin.worker.architectures.build import load_network

    keras.utils.set_random_seed(1)
    keras.backend.clear_session()
    model = wdsr(kind, scale)
    convs = [layer for layer in model.layers if layer.weights]
    path = str(tmp_path / "wdsr.h5")
    with h5py.File(path, "w") as file:
        names = ["weight_normalization" + (f"_{n}" if n else "") for n in range(len(convs))]
        file.attrs["layer_names"] = np.array(names, "S")
        for number, (name, layer) in enumerate(zip(names, convs, strict=False)):
            kernel, bias = layer.get_weights()
            parts = {
                f"{name}/g:0": np.sqrt((kernel**2).sum((0, 1, 2))),
                f"{name}/{layer.name}/kernel:0": kernel * (number + 0.5),
                f"{name}/{layer.name}/bias:0": bias,
                f"{name}/initialized:0": np.array(True),
            }
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array(list(parts), "S")
            for part, values in parts.items():
                group[part] = values
    image = 255 * np.random.default_rng(2).random((1, 9, 11, 3), np.float32)
    with torch.inference_mode():
        found = load_network(path)(torch.from_numpy(image).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found / 255, model(image).detach().numpy() / 255, rtol=1e-4, atol=1e-5)


def test_a_file_of_anonymous_layers_keeps_their_order(tmp_path: pathlib.Path) -> None:
    from sr_plugin.worker import hdf5_reader

    hdf5_reader.register()
    keras.backend.clear_session()
    save(krasserm_edsr(2), str(tmp_path / "m.h5"), "h5")
    names = [n for n in read_checkpoint(str(tmp_path / "m.h5")).tensors if n.endswith(".weight")]
    # Keras counts the outer of two nested calls first, so the second of a pair has the smaller number.
    assert names[:5] == [f"conv2d{n}.weight" for n in ("", "_2", "_1", "_4", "_3")]
    assert names.index("conv2d_10.weight") == 9
