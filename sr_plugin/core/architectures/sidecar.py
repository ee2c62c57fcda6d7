"""What lies beside a checkpoint and belongs to it: further tensors, and settings of its training.

Nothing beside a file is ever executed, whatever a model's folder offers (``load.py``).
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Dict, Mapping

import numpy as np

from sr_plugin.core.architectures.family import Recognition
from sr_plugin.core.architectures.opensr import NORMALISATION_NOTE, OPENSR, opensr_bands
from sr_plugin.core.architectures.opensr_settings import OpenSrSettings, settings_beside
from sr_plugin.core.architectures.rs_srgan import RS_SRGAN, SATURATION_NOTE, rs_srgan_bands
from sr_plugin.core.architectures.sen2sr import CONSTRAINT
from sr_plugin.core.architectures.srresnet_t import RANGE_NOTE
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

_OPENSR_FAMILIES = ("opensr", "opensr_esrgan", "srresnet_t")
_LIGHTNING = "pytorch-lightning_version"
_MODEL, _CONSTRAINT_FILE, _MASK = "model", "hard_constraint", "weights"
#: Beside which "model" is the last of three steps.
_FIRST_OF_CHAIN = "sr_model"
_SEN2SR_MARKS = ("conv_1.sk.weight", "conv_1.eval_conv.weight")


def with_companions(tensors: Mapping[str, np.ndarray], path: str) -> Dict[str, np.ndarray]:
    """The tensors of a checkpoint, with those that its project keeps in a file beside it.

    SEN2SR: the mask of ``hard_constraint.safetensor`` beside ``model.safetensor`` (also ``sr_hard_constraint`` beside
    ``sr_model``) joins as ``hard_constraint.weights``.

    Raises:
        ModelUnreadable: when such a file is there but damaged.
        ModelMismatch: when the file is the step of a chain that cannot run alone.
    """
    found = dict(tensors)
    stem, ending = os.path.splitext(os.path.basename(path))
    if not stem.endswith(_MODEL) or CONSTRAINT in found or not any(mark in found for mark in _SEN2SR_MARKS):
        return found
    if stem == _MODEL and os.path.isfile(os.path.join(os.path.dirname(path), _FIRST_OF_CHAIN + ending)):
        raise ModelMismatch(
            f"'{path}' is the last step of SEN2SR's chain for all ten bands, which takes what the other two made.",
            f"Use '{_FIRST_OF_CHAIN}{ending}' beside it for the four 10 m bands.",
        )
    beside = os.path.join(os.path.dirname(path), stem[: -len(_MODEL)] + _CONSTRAINT_FILE + ending)
    if os.path.isfile(beside):
        mask = read_checkpoint(beside).tensors.get(_MASK)
        if mask is not None:
            found[CONSTRAINT] = mask
    return found


def _with_settings(known: Recognition, settings: OpenSrSettings) -> Recognition:
    notes = known.notes.replace(NORMALISATION_NOTE, "")
    file_name = os.path.basename(settings.path)
    if settings.value_range is None:
        notes += f" The normalisation '{settings.normalisation}' in '{file_name}' is not known; check the value range."
    else:
        notes += f" Its values are normalised as '{file_name}' says: {settings.normalisation}."
    hyperparameters = dict(known.hyperparameters)
    # The flexible generators of the program always add a fifth; only two of its networks listen to the setting.
    if settings.residual_scale is not None and (
        known.family == "opensr_esrgan" or hyperparameters.get("block") == "cgan"
    ):
        hyperparameters["residual_scale"] = settings.residual_scale
    return replace(
        known,
        value_range=settings.value_range or known.value_range,
        hyperparameters=hyperparameters,
        notes=notes,
    )


def _as_rs_srgan(known: Recognition) -> Recognition:
    count = len(known.input_bands)
    notes = known.notes.replace(RANGE_NOTE.format(known.value_range.name), "") + SATURATION_NOTE
    return replace(
        known,
        title="RS-SRGAN",
        citation=RS_SRGAN,
        value_range=VALUE_RANGES["s2-3000"],
        input_bands=rs_srgan_bands(count) or known.input_bands,
        output_bands=rs_srgan_bands(count) or known.output_bands,
        generative=True,
        notes=notes,
    )


def _as_opensr_standard(known: Recognition) -> Recognition:
    """An SRResNet that turns out to be the generator "standard" of OpenSR SRGAN."""
    range_note = RANGE_NOTE.format(known.value_range.name)
    return replace(
        known,
        title="OpenSR SRGAN (standard)",
        citation=OPENSR,
        value_range=VALUE_RANGES["s2-10k-clamped"],
        input_bands=opensr_bands(len(known.input_bands)) or known.input_bands,
        output_bands=opensr_bands(len(known.output_bands)) or known.output_bands,
        notes=known.notes.replace(range_note, "") + NORMALISATION_NOTE,
    )


def informed(known: Recognition, path: str, side_info: Mapping[str, Any]) -> Recognition:
    """A recognised checkpoint, corrected by what is said beside its tensors.

    OpenSR SRGAN's YAML tells the normalisation and the residual scale. An SRResNet that Lightning saved is not the
    tutorial's: with three bands and without such a file it is RS-SRGAN's, otherwise the "standard" one of OpenSR SRGAN.

    Args:
        known: what the tensors told.
        path: the checkpoint.
        side_info: what :func:`~sr_plugin.core.checkpoint.read.read_checkpoint` found beside the tensors.
    """
    if known.family not in _OPENSR_FAMILIES:
        return known
    settings = settings_beside(path, known.scale, known.hyperparameters)
    if known.family == "srresnet_t":
        if settings is None and _LIGHTNING not in side_info:
            return known
        if settings is None and rs_srgan_bands(len(known.input_bands)):
            return _as_rs_srgan(known)
        known = _as_opensr_standard(known)
    return _with_settings(known, settings) if settings is not None else known
