"""Architectures that the optional library spandrel knows (SwinIR, HAT, DAT, SPAN, PLKSR ...).

Its file loaders are never used: tensors come from the plugin's own reader, and the network inside spandrel's descriptor
is called, because the descriptor clamps results and pads at tile borders.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import nn

from sr_plugin.core.card import ModelCard
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.errors import ModelFailed, ModelMismatch, ModelNotFound, ModelNotRecognised
from sr_plugin.worker.architectures.build import load_network

FAMILY = "spandrel"
#: Networks that average over the whole tile (channel attention, group normalisation, Fourier steps): no margin makes
#: their tiles agree.
_GLOBAL = frozenset(
    "AuraSR CRAFT DAT DCTLSA GRL HAT KBNet MoSR MoESR NAFNet OmniSR RCAN RGT RealPLKSR SCUNet SeemoRe".split()
)
_PLACEHOLDERS = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
_TRAINING_TILE = 64


def _raise_when_called(*_: Any, **__: Any) -> Any:
    raise ModelFailed("This architecture needs torchvision, which the worker's Python does not have.")


def _placeholders() -> dict[str, ModuleType]:
    modules = {name: ModuleType(name) for name in _PLACEHOLDERS}
    functional = modules[_PLACEHOLDERS[2]]
    functional.rotate = functional.normalize = _raise_when_called  # type: ignore[attr-defined]
    functional.InterpolationMode = type("InterpolationMode", (), {"NEAREST": 0, "BILINEAR": 1, "BICUBIC": 2})  # type: ignore[attr-defined]
    modules["torchvision"].transforms = modules[_PLACEHOLDERS[1]]  # type: ignore[attr-defined]
    modules[_PLACEHOLDERS[1]].functional = functional  # type: ignore[attr-defined]
    return modules


def _torchvision_works() -> bool:
    try:
        importlib.import_module(_PLACEHOLDERS[2])
    except Exception:  # a build for another torch raises whatever its extension raises
        return False
    return True


def import_spandrel() -> ModuleType | None:
    """The library, or None where it is not installed.

    Two of its architectures import torchvision at import time. Where that cannot be loaded, a placeholder stands in for
    it meanwhile and is taken out again.
    """
    if "spandrel" in sys.modules:
        return sys.modules["spandrel"]
    if importlib.util.find_spec("spandrel") is None:
        return None
    if _torchvision_works():
        return importlib.import_module("spandrel")
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "torchvision"}
    sys.modules.update(_placeholders())
    try:
        return importlib.import_module("spandrel")
    except ImportError as error:
        raise ModelNotRecognised(f"The library spandrel is installed but cannot be imported ({error}).") from error
    finally:
        for name in _PLACEHOLDERS:
            sys.modules.pop(name, None)
        sys.modules.update(before)


def _path_of(card: ModelCard) -> str:
    for weight in card.weights:
        if weight.container in ("safetensors", "checkpoint"):
            return weight.path
    raise ModelNotFound(f"The model '{card.name}' has no checkpoint.")


def _descriptor(card: ModelCard) -> Any:
    library = import_spandrel()
    if library is None:
        raise ModelNotRecognised(
            "The tensors belong to no architecture that the plugin knows itself.",
            "The optional library spandrel knows more: install it into the worker's Python, or export to ONNX.",
        )
    tensors = read_checkpoint(_path_of(card)).tensors
    state = {name: torch.from_numpy(array) for name, array in tensors.items()}
    try:
        descriptor = library.ModelLoader(device="cpu").load_from_state_dict(state)
    except library.UnsupportedModelError as error:
        raise ModelNotRecognised(
            f"Neither the plugin nor spandrel knows the architecture of '{_path_of(card)}'."
        ) from error
    except Exception as error:  # its detectors assert, divide and index as they like on tensors that do not fit
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise ModelMismatch(f"spandrel cannot build the network of '{_path_of(card)}' ({reason}).") from error
    if not isinstance(descriptor, library.ImageModelDescriptor):
        raise ModelNotRecognised(f"'{_path_of(card)}' holds a network that takes more than one image.")
    return descriptor


def describe_checkpoint(card: ModelCard) -> dict[str, Any]:
    """What spandrel tells about a checkpoint.

    Returns:
        ``title``, ``citation``, ``input_bands``, ``multiple_of``, ``minimum``, ``square``, ``local`` (False where every
        pixel is known to see the whole tile), ``training_tile``, ``notes``.

    Raises:
        ModelNotRecognised: when spandrel is missing or does not know it.
        ModelMismatch: when it recognises the architecture but cannot build it.
    """
    descriptor = _descriptor(card)
    rules, name = descriptor.size_requirements, str(descriptor.architecture.name)
    multiple = int(rules.multiple_of or 1)
    tile = -(-max(_TRAINING_TILE, int(rules.minimum or 1)) // multiple) * multiple
    notes = [f"Built by spandrel as {name}; not verified on published weights."]
    if str(getattr(descriptor.tiling, "name", "")) == "DISCOURAGED":
        notes.append("Its authors discourage tiling.")
    if descriptor.purpose not in ("SR", "FaceSR"):
        notes.append("It was made for restoration rather than for super-resolution.")
    return {
        "title": f"{card.name} ({name}, x{descriptor.scale})",
        "citation": f"architecture {name}, through spandrel (https://github.com/chaiNNer-org/spandrel)",
        "input_bands": int(descriptor.input_channels),
        "multiple_of": multiple,
        "minimum": int(rules.minimum or 1),
        "square": bool(rules.square),
        "local": str(descriptor.architecture.id) not in _GLOBAL and name not in _GLOBAL,
        "training_tile": tile,
        "notes": notes,
    }


def load_module(card: ModelCard, native: Callable[[ModelCard], nn.Module] = load_network) -> nn.Module:
    """The network of a card, in float32 and evaluation mode: spandrel's where the card says so, else the plugin's own.

    Raises:
        ModelNotRecognised, ModelMismatch, ModelUnreadable: when it cannot be built.
    """
    if card.family != FAMILY:
        return native(card)
    return _descriptor(card).model.float().eval()
