"""From whatever a training saved to normally named tensors."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import numpy as np
import pytest

from sr_plugin.core.checkpoint.state_dict import load_arrays, state_of_object
from sr_plugin.core.checkpoint.tensors import ELEMENT_TYPES, Storage, StorageView, TensorRecord, contiguous_strides
from sr_plugin.core.checkpoint.unpickle import Inert
from sr_plugin.core.errors import ModelUnreadable


def record(value: float = 0.0, shape: Tuple[int, ...] = (1,)) -> TensorRecord:
    count = int(np.prod(shape))
    storage = Storage("test", ELEMENT_TYPES["float32"], count)
    data = np.full(count, value, "<f4").tobytes()
    storage.attach(lambda start, stop: data[start:stop], len(data))
    return TensorRecord(StorageView(storage, 0, count), 0, shape, contiguous_strides(shape))


def values(saved: Any, **options: Any) -> Dict[str, float]:
    tensors, _ = state_of_object(saved, "test", **options)
    return {name: float(array.ravel()[0]) for name, array in load_arrays(tensors, "test").items()}


WRAPPED = {
    "bare": {"a": record(1)},
    "state_dict": {"epoch": 3, "state_dict": {"a": record(1)}, "optimizer": {"state": {"a": record(2)}}},
    "averaged first": {"params": {"a": record(2)}, "params_ema": {"a": record(1)}},
    "empty average": {"ema_state_dict": {}, "state_dict": {"a": record(1)}},
    "no average": {"ema_state_dict": None, "state_dict": {"a": record(1)}},
    "average with wrapper": {
        "ema_state_dict": {"module.a": record(1), "n_averaged": record(5)},
        "state_dict": {"a": record(2)},
    },
    "OpenSR average": {"ema_state": {"decay": 0.9, "shadow_params": {"a": record(1)}}, "state_dict": {"b": record(2)}},
    "nested": {"model": {"state_dict": {"a": record(1)}}},
    "one unknown entry": {"whatever": {"a": record(1)}, "epoch": 4},
    "text where a model might be": {"model": "srresnet", "net": {"a": record(1)}},
    "prefixes": {"module._orig_mod.net_g.a": record(1)},
    "lightning": {
        "state_dict": {
            "generator.a": record(1),
            "discriminator.b": record(2),
            "truncated_vgg19.c": record(2),
            "content_loss.d": record(2),
        }
    },
}


@pytest.mark.parametrize("case", WRAPPED)
def test_the_generator_is_found(case: str) -> None:
    assert values(WRAPPED[case]) == {"a": 1}


def test_another_entry_can_be_chosen() -> None:
    saved = WRAPPED["averaged first"]
    assert values(saved, entry="params") == {"a": 2}
    with pytest.raises(ModelUnreadable, match="'other'"):
        values(saved, entry="other")


def test_averaged_buffers_join_the_parameters() -> None:
    saved = {"ema_state": {"shadow_params": {"a": record(1)}, "shadow_buffers": {"b": record(2)}}}
    assert values(saved) == {"a": 1, "b": 2}


def test_a_lone_discriminator_stays() -> None:
    assert values({"discriminator.a": record(1)}) == {"discriminator.a": 1}


def test_model_prefix_stays_for_the_registry() -> None:
    assert values({"model.0.weight": record(1)}) == {"model.0.weight": 1}


def test_counters_go_and_old_names_are_modern() -> None:
    saved = {
        "bn.gamma": record(1),
        "bn.beta": record(2),
        "bn.num_batches_tracked": record(3),
        "step": record(4),
        "map.gamma": record(5, (2, 2)),
    }
    assert values(saved) == {"bn.weight": 1, "bn.bias": 2, "map.gamma": 5}


def test_old_parameters_hold_their_tensor_as_argument() -> None:
    assert values({"a": Inert(record(1), True)}) == {"a": 1}


def test_side_information() -> None:
    _, side = state_of_object({"epoch": 3, "arch": "x", "state_dict": {"a": record(), "scale": 2}}, "test")
    assert side == {"epoch": 3, "arch": "x", "scale": 2, "entry": "state_dict"}


TWO_MODELS = {"a": {"x": record()}, "b": {"x": record()}}


@pytest.mark.parametrize("saved", [{}, {"a": 1}, [record()], "text", None, TWO_MODELS])
def test_no_model(saved: Any) -> None:
    with pytest.raises(ModelUnreadable, match="no tensors"):
        values(saved)


def test_names_without_end_are_refused() -> None:
    with pytest.raises(ModelUnreadable, match="longer"):
        values({"body." + "1" * 5000: record()})


def test_references_in_circles_end() -> None:
    loop: Dict[str, Any] = {}
    for name in ("state_dict", "model", "net", "params", "weights"):
        loop[name] = loop
    with pytest.raises(ModelUnreadable):
        values(loop)
