"""A model card for an ONNX file that has none beside it: from its shapes and metadata.

What neither tells is listed in the card as *unmeasured* and is found by running the model
(:mod:`sr_plugin.core.description`).
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Dict, List, Optional, Tuple

from sr_plugin.core.architectures.family import bands as named_bands
from sr_plugin.core.card import ModelCard, TileConstraints, WeightFile
from sr_plugin.core.card_check import MAX_SCALE, checked_card
from sr_plugin.core.description import with_unmeasured
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.evoland_recipe import recipe_beside, with_recipe
from sr_plugin.core.onnx_file import OnnxHeader, check_external_data, read_onnx_header
from sr_plugin.core.onnx_layout import OnnxImage, onnx_image
from sr_plugin.core.onnx_metadata import parse_metadata, range_is_told, with_metadata

_FLOATS = ("float32", "float16")


def _images(header: OnnxHeader, path: str) -> Tuple[OnnxImage, OnnxImage]:
    if len(header.inputs) != 1 or len(header.outputs) != 1:
        raise ModelUnreadable(
            f"'{path}' has {len(header.inputs)} inputs and {len(header.outputs)} outputs.",
            "Only models with one image in and one image out can be run.",
        )
    images = []
    for tensor in (header.inputs[0], header.outputs[0]):
        image = onnx_image(tensor.shape)
        if image is None or tensor.element_type not in _FLOATS:
            raise ModelUnreadable(
                f"'{path}' takes or gives something else than one image (batch, bands, height, width): "
                f"{tensor.element_type or 'an unknown type'} {tensor.shape}.",
                "Export the model with one image in and one image out, in float32.",
            )
        images.append(image)
    return images[0], images[1]


def _scale(known: Dict[str, Any], source: OnnxImage, result: OnnxImage) -> Optional[int]:
    """The scale factor that metadata or fixed shapes tell."""
    declared = known.get("sr:scale")
    if isinstance(declared, int) and 1 <= declared <= MAX_SCALE:
        return declared
    if source.height and result.height and result.height % source.height == 0:
        factor = result.height // source.height
        return factor if factor <= MAX_SCALE else None
    return None


def _unmeasured(known: Dict[str, Any], scale: Optional[int], source: OnnxImage, result: OnnxImage) -> List[str]:
    missing = [] if scale else ["scale"]
    if source.bands is None or (result.bands is None and not known.get("sr:out_bands")):
        missing.append("bands")
    if "sr:receptive_field" not in known and known.get("sr:global_ops") is not True:
        missing += ["reach", "tiles"]
    if not range_is_told(known):
        missing.append("range")
    return missing


def card_from_onnx(path: str) -> ModelCard:
    """The card of an ONNX file, as far as the file tells; see :func:`~sr_plugin.core.description.needs_description`.

    Raises:
        ModelUnreadable: when the file is no model with one image in and one out, its weights lie outside its folder,
            or its metadata are of the wrong form.
    """
    header = read_onnx_header(path)
    source, result = _images(header, path)
    check_external_data(path, header)
    known = parse_metadata(header.metadata)
    scale = _scale(known, source, result)
    reach = known.get("sr:receptive_field")
    in_bands, out_bands = source.bands or 0, result.bands or source.bands or 0
    name = os.path.splitext(os.path.basename(path))[0]
    fixed = (source.height, source.width) if source.height and source.width else None
    card = ModelCard(
        name=name,
        title=name,
        family="onnx",
        scale=scale or 1,
        input_bands=named_bands(in_bands),
        output_bands=() if out_bands == in_bands else named_bands(out_bands),
        reach=reach if isinstance(reach, int) and reach >= 0 else None,
        tiles=TileConstraints(fixed=fixed),
        training_tile=min(fixed) if fixed else 128,
        weights=(WeightFile(path, "onnx", sha256_of(path)),),
        verified=False,
    )
    card = with_metadata(card, known, path)
    missing = _unmeasured(known, scale, source, result)
    recipe = recipe_beside(path)
    if recipe is not None:
        card = with_recipe(card, recipe)
        missing = [name for name in missing if name not in ("scale", "reach", "range", "tiles")]
    if source.bands and len(card.input_bands) != source.bands:
        raise ModelUnreadable(
            f"'{path}' takes {source.bands} band(s), but {len(card.input_bands)} are named.",
            "Correct the names in the metadata or in the file beside it.",
        )
    if "reach" in missing:
        card = replace(card, reach=None)
    try:
        return with_unmeasured(checked_card(card), missing)
    except ValueError as error:
        raise ModelUnreadable(
            f"'{path}' says of itself what no model can be ({error}).",
            "Put a model card (JSON) of the same name beside it, which is read instead.",
        ) from error
