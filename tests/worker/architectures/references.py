"""Layers by name and a way to load a file, for tests that write a network a second time."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, Tuple

import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.card import ModelCard

torch = pytest.importorskip("torch")
functional = torch.nn.functional

Tensors = Dict[str, Any]


def conv(name: str, taken: int, given: int, kernel: int = 3) -> Tensors:
    spread = 1.0 / (taken * kernel * kernel) ** 0.5
    weight = spread * torch.randn(given, taken, kernel, kernel)
    return {f"{name}.weight": weight, f"{name}.bias": 0.1 * torch.randn(given)}


def norm(name: str, width: int) -> Tensors:
    values = {part: torch.rand(width) + 0.5 for part in ("weight", "bias", "running_mean", "running_var")}
    return {f"{name}.{part}": value for part, value in values.items()}


def slope(name: str) -> Tensors:
    return {f"{name}.weight": torch.rand(1)}


class Reference:
    """Layers by name, as functions of a dictionary of tensors."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors

    def conv(self, name: str, x: Any) -> Any:
        weight = self.tensors[f"{name}.weight"]
        return functional.conv2d(x, weight, self.tensors[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def norm(self, name: str, x: Any) -> Any:
        get = [self.tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, *get)

    def prelu(self, name: str, x: Any) -> Any:
        return functional.prelu(x, self.tensors[f"{name}.weight"])


def load(path: pathlib.Path) -> Tuple[ModelCard, Any]:
    from sr_plugin.worker.architectures.build import load_network

    card = card_from_checkpoint(str(path))
    return card, load_network(card)


def assert_close(found: Any, wanted: Any) -> None:
    assert found.shape == wanted.shape
    assert wanted.std() > 1e-3
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
