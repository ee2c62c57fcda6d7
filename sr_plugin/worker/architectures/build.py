"""From a checkpoint to a torch module that is ready to run."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.architectures.sidecar import informed, with_companions
from sr_plugin.core.card import ModelCard
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.errors import ModelMismatch, ModelNotFound, ModelNotRecognised, ModelUnreadable
from sr_plugin.worker import hdf5_reader

_PACKAGE = "sr_plugin.worker.architectures"
_CONTAINERS = ("safetensors", "checkpoint")


@dataclass(frozen=True)
class _Place:
    """Where a family's class is, so that only the one that is built is imported."""

    module: str
    name: str


_CLASSES: dict[str, _Place] = {
    "edsr_bicubic": _Place("edsr_bicubic", "EdsrBicubic"),
    "rrdbnet": _Place("rrdbnet", "RrdbNet"),
    "srvgg": _Place("srvgg", "SrVgg"),
    "srresnet_t": _Place("srresnet", "SrResNet"),
    "srresnet_l": _Place("srresnet", "SrResNet"),
    "srresnet_f": _Place("srresnet", "SrResNet"),
    "msrresnet": _Place("msrresnet", "MsrResNet"),
    "srresnet_tensorlayer": _Place("srresnet_tensorlayer", "SrResNetTensorLayer"),
    "vdsr": _Place("vdsr", "Vdsr"),
    "vdsr_edsr": _Place("vdsr", "VdsrEdsr"),
    "rdn": _Place("rdn", "Rdn"),
    "rdn_edsr": _Place("rdn", "Rdn"),
    "rrdn": _Place("rrdn", "Rrdn"),
    "edsr": _Place("edsr", "Edsr"),
    "edsr_basicsr": _Place("edsr", "Edsr"),
    "edsr_keras": _Place("edsr_keras", "EdsrKeras"),
    "srresnet_keras": _Place("srresnet_keras", "SrResNetKeras"),
    "wdsr": _Place("wdsr", "Wdsr"),
    "rcan": _Place("rcan", "Rcan"),
    "carn": _Place("carn", "Carn"),
    "rfdn": _Place("rfdn", "Rfdn"),
    "fsrcnn": _Place("fsrcnn", "Fsrcnn"),
    "espcn": _Place("espcn", "Espcn"),
    "highresnet": _Place("highresnet", "HighResNet"),
    "rs_srgan_fusion": _Place("rs_srgan", "RsSrganFusion"),
    "opensr": _Place("opensr", "OpenSr"),
    "opensr_esrgan": _Place("opensr", "OpenSrEsrgan"),
    "sen2sr": _Place("sen2sr", "Sen2Sr"),
    "pix2pix": _Place("pix2pix", "Pix2Pix"),
    "resnet_translator": _Place("resnet_translator", "ResNetTranslator"),
    "dsen2": _Place("dsen2", "DSen2"),
}


def network_class(family: str) -> type[nn.Module]:
    """The class of a family's network.

    Raises:
        ModelNotRecognised: when the family is not known.
    """
    place = _CLASSES.get(family)
    if place is None:
        raise ModelNotRecognised(f"There is no architecture '{family}'.", f"Known are {', '.join(_CLASSES)}.")
    return getattr(importlib.import_module(f"{_PACKAGE}.{place.module}"), place.name)


def build_network(family: str, hyperparameters: Mapping[str, Any]) -> nn.Module:
    """The network of a family with fresh (random) weights.

    It maps ``(N, in_bands, H, W)`` in the model's own value range to ``(N, out_bands, H * scale, W * scale)``.

    Raises:
        ModelNotRecognised: when the family is not known.
        ModelMismatch: when it cannot be built with these hyperparameters.
    """
    network = network_class(family)
    try:
        return network(**hyperparameters)
    except (TypeError, ValueError) as error:
        raise ModelMismatch(f"A network '{family}' cannot be built with {dict(hyperparameters)} ({error}).") from error


def _path_of(card: ModelCard) -> str:
    for weight in card.weights:
        if weight.container in _CONTAINERS:
            return weight.path
    raise ModelNotFound(f"The model '{card.name}' has no checkpoint.", "Choose a model with a safetensors file.")


def _check_finite(path: str, tensors: Mapping[str, np.ndarray]) -> None:
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise ModelUnreadable(
                f"'{path}' is damaged: its tensor '{name}' holds values that are not finite.", "Download it again."
            )


def load_network(source: ModelCard | str) -> nn.Module:
    """Read a checkpoint and give its network, in float32 and in evaluation mode.

    Args:
        source: a checkpoint's path, or a card; a card's hyperparameters win over those read off the tensors.

    Raises:
        ModelNotFound: when there is no such file, or the card names no checkpoint.
        ModelUnreadable: when the file is damaged, hostile or of an unsupported container.
        ModelNotRecognised, ModelMismatch: when the tensors fill no known architecture exactly, or not the card's.
    """
    card = source if isinstance(source, ModelCard) else None
    path = _path_of(card) if card else str(source)
    hdf5_reader.register()
    overrides = card.hyperparameters if card else None
    contents = read_checkpoint(path)
    known = recognise(with_companions(contents.tensors, path), overrides, file_name=os.path.basename(path))
    known = known if card else informed(known, path, contents.side_info)
    if card and card.family != known.family:
        raise ModelMismatch(f"The card of '{card.name}' says '{card.family}', but its file holds '{known.family}'.")
    _check_finite(path, known.tensors)
    network = build_network(known.family, known.hyperparameters).float()
    state = {name: torch.from_numpy(array) for name, array in known.tensors.items()}
    # Counts training batches; readers drop it, and inference never looks at it.
    state.update({n: t for n, t in network.state_dict().items() if n.endswith(".num_batches_tracked")})
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ModelMismatch(f"'{path}' does not fill the network '{known.family}' ({error}).") from error
    return network.eval()
