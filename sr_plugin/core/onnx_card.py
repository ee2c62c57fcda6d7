"""A model card for an ONNX file that has none beside it: from its shapes and metadata."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any, Dict, Optional, Tuple

from sr_plugin.core.card import BandSpec, ModelCard, TileConstraints, WeightFile
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.onnx_file import OnnxHeader, OnnxTensor, read_onnx_header
from sr_plugin.core.value_range import VALUE_RANGES

#: Margin where neither card nor metadata tell the reach; above that of the common small networks.
_ASSUMED_REACH = 40
_RGB = (BandSpec("red", "red", 0.665), BandSpec("green", "green", 0.560), BandSpec("blue", "blue", 0.490))


def _metadata(header: OnnxHeader) -> Dict[str, Any]:
    """Metadata values are JSON text in most tools, plain text in others."""
    values = {}
    for key, text in header.metadata.items():
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values


def _bands(count: int) -> Tuple[BandSpec, ...]:
    return _RGB if count == 3 else tuple(BandSpec(f"band {i + 1}") for i in range(count))


def _image(tensor: OnnxTensor, path: str) -> Tuple[int, Optional[int], Optional[int]]:
    """Channels, height and width of an image tensor."""
    if len(tensor.shape) != 4 or tensor.element_type not in ("float32", "float16") or tensor.shape[1] is None:
        raise ModelUnreadable(
            f"'{path}' takes or gives something else than one image (batch, bands, height, width): {tensor.shape}.",
            "Export the model with one image in and one image out, in float32.",
        )
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]


def _scale(header: OnnxHeader, known: Dict[str, Any], path: str) -> int:
    declared = known.get("sr:scale")
    if isinstance(declared, int) and declared >= 1:
        return declared
    _, height, _ = _image(header.inputs[0], path)
    _, out_height, _ = _image(header.outputs[0], path)
    if height and out_height and out_height % height == 0:
        return out_height // height
    raise ModelUnreadable(
        f"'{path}' does not tell its scale factor.",
        "Put a model card (JSON) of the same name beside it, or add the metadata key sr:scale.",
    )


def card_from_onnx(path: str) -> ModelCard:
    """The card of an ONNX file.

    Raises:
        ModelUnreadable: when the file is no model with one image in and one out, or its scale cannot be known.
    """
    header = read_onnx_header(path)
    if len(header.inputs) != 1 or len(header.outputs) != 1:
        raise ModelUnreadable(
            f"'{path}' has {len(header.inputs)} inputs and {len(header.outputs)} outputs.",
            "Only models with one image in and one image out can be run.",
        )
    known = _metadata(header)
    channels, height, width = _image(header.inputs[0], path)
    out_channels = _image(header.outputs[0], path)[0]
    reach = known.get("sr:receptive_field")
    value_range = VALUE_RANGES.get(str(known.get("sr:range")), VALUE_RANGES["unit"])
    name = os.path.splitext(os.path.basename(path))[0]
    card = ModelCard(
        name=name,
        title=name,
        family="onnx",
        scale=_scale(header, known, path),
        input_bands=_bands(channels),
        output_bands=() if out_channels == channels else _bands(out_channels),
        value_range=value_range,
        reach=reach if isinstance(reach, int) else _ASSUMED_REACH,
        tiles=TileConstraints(fixed=(height, width) if height and width else None),
        weights=(WeightFile(path, "onnx", sha256_of(path)),),
        verified=False,
    )
    return (
        card if isinstance(reach, int) else replace(card, notes=f"The reach is not known; {_ASSUMED_REACH} is assumed.")
    )
