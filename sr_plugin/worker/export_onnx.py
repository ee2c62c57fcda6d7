"""Writes a torch network as ONNX: opset 17, free batch and size, with the card as metadata."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import ModelFailed, OutputError, RuntimeMissing
from sr_plugin.core.onnx_metadata import encoded_metadata, metadata_of_card
from sr_plugin.worker.architectures.spandrel_bridge import load_module
from sr_plugin.worker.backends.onnx_backend import load_onnxruntime
from sr_plugin.worker.impulse import textured_tile

OPSET = 17
#: Largest difference, as a share of the result's spread, at which two runtimes agree.
_TOLERATED = 1e-4


def _traced(network: nn.Module, example: torch.Tensor, path: str, free: bool) -> None:
    axes = {0: "batch", 2: "height", 3: "width"}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # Traces warn of every size that becomes a constant; whether it matters is checked below by running it.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                (example,),
                path,
                opset_version=OPSET,
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": axes, "output": axes} if free else None,
                dynamo=False,
            )
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise ModelFailed(
            f"The network cannot be written as ONNX ({reason}).", "Export it to safetensors instead."
        ) from error
    except OSError as error:
        raise OutputError(f"The file '{path}' cannot be written ({error}).") from error


def _agrees(network: nn.Module, path: str, bands: int, height: int, width: int) -> bool:
    """True where the file gives what the network gives on a tile of this size."""
    onnxruntime = load_onnxruntime()
    tile = textured_tile(bands, height, width, seed=1)[None]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    try:
        (result,) = session.run(None, {session.get_inputs()[0].name: tile})
    except Exception:  # the runtime's own types; a size that was traced as a constant fails here
        return False
    with torch.inference_mode():
        expected = network(torch.from_numpy(tile)).numpy()
    if result.shape != expected.shape:
        return False
    return bool(np.abs(result - expected).max() <= _TOLERATED * max(float(np.ptp(expected)), 1e-6))


def _side(card: ModelCard, wanted: int) -> int:
    multiple = card.tiles.multiple_of
    return -(-max(wanted, card.tiles.minimum) // multiple) * multiple


def _add_metadata(path: str, card: ModelCard) -> None:
    with open(path, "ab") as file:
        file.write(encoded_metadata(metadata_of_card(card)))


def export_onnx(card: ModelCard, path: str) -> dict[str, Any]:
    """Write the model of a card as ONNX and check the file against it.

    Networks whose graph depends on the size of a tile are written for one size.

    Returns:
        ``fixed`` (height and width of the only tile, or None), ``checked`` (whether ONNX Runtime was there to compare),
        ``notes``.

    Raises:
        RuntimeMissing: when the package onnx is missing.
        ModelFailed: when the network cannot be written as ONNX, or the file gives something else.
        OutputError: when the file cannot be written.
    """
    if find_spec("onnx") is None:
        raise RuntimeMissing("Writing ONNX needs the package onnx, which the worker's Python does not have.")
    network = load_module(card)
    bands = max(1, len(card.input_bands))
    temporary = path + ".part"
    fixed = card.tiles.fixed
    side, other = _side(card, 32), _side(card, 32) + 2 * card.tiles.multiple_of
    checked = find_spec("onnxruntime") is not None
    try:
        if fixed is None:
            _traced(network, torch.from_numpy(textured_tile(bands, side, other)[None]), temporary, True)
            sizes = ((side, other), (_side(card, 48), side))
            if checked and not all(_agrees(network, temporary, bands, *size) for size in sizes):
                fixed = (_side(card, card.training_tile),) * 2
        if fixed is not None:
            _traced(network, torch.from_numpy(textured_tile(bands, *fixed)[None]), temporary, False)
            if checked and not _agrees(network, temporary, bands, *fixed):
                raise ModelFailed("The ONNX file gives another result.", "Export the model to safetensors instead.")
        _add_metadata(temporary, replace(card, tiles=replace(card.tiles, fixed=fixed)))
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"The file '{path}' cannot be written ({error}).") from error
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
    told = f"The network's graph depends on the tile size, so the file takes only {fixed} pixels." if fixed else ""
    return {"fixed": list(fixed) if fixed else None, "checked": checked, "notes": [told] if told else []}
