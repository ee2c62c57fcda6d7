"""Writing a model in another form: ONNX with metadata, or safetensors with a card."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Callable, Optional, Tuple

from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, ModelCard, WeightFile
from sr_plugin.core.card_file import write_card
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import OutputError, ParameterError
from sr_plugin.core.onnx_file import read_onnx_header
from sr_plugin.core.onnx_metadata import copy_with_metadata, metadata_of_card
from sr_plugin.pipeline.describe import SessionFactory, find_whole_model

FORMATS = ("onnx", "safetensors")
#: What a model of these kinds takes. An ONNX model that the plugin runs has one image in and one out.
_SEVERAL_INPUTS = {MULTI_IMAGE: "several images of one scene", BAND_FUSION: "bands of several pixel sizes"}


@dataclass(frozen=True)
class ExportedModel:
    """What an export gave.

    Attributes:
        card: the card of the new file.
        files: the files that were written.
        notes: sentences that a user should read.
    """

    card: ModelCard
    files: Tuple[str, ...]
    notes: Tuple[str, ...] = ()


def _check_output(card: ModelCard, output: str, kind: str) -> str:
    output = os.path.abspath(output)
    if not output.lower().endswith(f".{kind}"):
        raise OutputError(f"The file must end in .{kind}.", "Choose a name with this ending.")
    if not os.path.isdir(os.path.dirname(output)):
        raise OutputError(f"The folder '{os.path.dirname(output)}' does not exist.")
    if any(os.path.realpath(w.path) == os.path.realpath(output) for w in card.weights):
        raise OutputError("The output is the model file itself.", "Choose another file name.")
    return output


def _tensor_file(card: ModelCard) -> Optional[WeightFile]:
    return next((w for w in card.weights if w.container in ("safetensors", "checkpoint")), None)


def _check_inputs(card: ModelCard) -> None:
    if card.kind in _SEVERAL_INPUTS:
        raise ParameterError(
            f"The model '{card.name}' takes {_SEVERAL_INPUTS[card.kind]}, but only models with one image in and one "
            "out can be written as ONNX.",
            "Export it to safetensors.",
        )


def _to_onnx(card: ModelCard, output: str, open_session: SessionFactory) -> ExportedModel:
    _check_inputs(card)
    tensors = _tensor_file(card)
    notes: Tuple[str, ...] = ()
    if tensors is not None:
        # With its tensors alone, so that the session is opened where torch is.
        alone = replace(card, weights=(tensors,))
        with open_session(alone) as session:
            answer = session.export(alone, output)
        notes = tuple(str(note) for note in answer.get("notes", ()))
        if answer.get("fixed"):
            height, width = answer["fixed"]
            card = replace(card, tiles=replace(card.tiles, fixed=(int(height), int(width))))
    else:
        source = card.weights[0].path
        header = read_onnx_header(source)
        if header.external:
            raise ParameterError(f"'{source}' keeps its weights in further files.", "Store it as one file first.")
        try:
            copy_with_metadata(source, output, metadata_of_card(card), header.metadata)
        except OSError as error:
            raise OutputError(f"The file '{output}' cannot be written ({error}).") from error
    weight = WeightFile(output, "onnx", sha256_of(output))
    return ExportedModel(replace(card, weights=(weight,)), (output,), notes)


def _to_safetensors(card: ModelCard, output: str) -> ExportedModel:
    tensors = _tensor_file(card)
    if tensors is None:
        raise ParameterError(
            f"The model '{card.name}' is an ONNX file, whose tensors belong to no known architecture.",
            "Export it to ONNX, or give its checkpoint.",
        )
    name = os.path.splitext(os.path.basename(output))[0]
    write_safetensors(output, read_checkpoint(tensors.path).tensors, {"format": "pt"})
    card = replace(card, name=name, weights=(WeightFile(output, "safetensors", sha256_of(output)),))
    beside = os.path.splitext(output)[0] + ".json"
    try:
        write_card(card, beside)
    except OSError as error:
        raise OutputError(f"The card '{beside}' cannot be written ({error}).") from error
    return ExportedModel(card, (output, beside))


def export_model(
    reference: str,
    kind: str,
    output: str,
    open_session: SessionFactory,
    message: Optional[Callable[[str], None]] = None,
) -> ExportedModel:
    """Write a model as ONNX (dynamic size where its graph allows, ``sr:`` metadata) or as safetensors with a card.

    Models of several images or of bands of several pixel sizes are written as safetensors only.

    Args:
        reference: a model's name, a model file or a card.
        kind: one of :data:`FORMATS`.
        output: the file to write.
        open_session: where torch runs.
        message: told that a measurement is made.

    Raises:
        SuperResolutionError: when the model cannot be loaded, converted or written.
    """
    if kind not in FORMATS:
        raise ParameterError(f"'{kind}' is no format for models.", f"Use one of {', '.join(FORMATS)}.")
    card = find_whole_model(reference, open_session, message)
    if not card.weights:
        raise ParameterError(f"The built-in model '{card.name}' has no network to export.")
    output = _check_output(card, output, kind)
    return _to_onnx(card, output, open_session) if kind == "onnx" else _to_safetensors(card, output)
