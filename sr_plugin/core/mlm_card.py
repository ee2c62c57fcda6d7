"""Cards of other tools: STAC items with the fields of the Machine Learning Model extension alone.

The weights tell most; what they leave open (bands, resolution, values) comes from the item.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import urlparse

from sr_plugin.core.bands import SENTINEL2, sentinel2_band
from sr_plugin.core.card import BandSpec, ModelCard
from sr_plugin.core.card_check import MAX_SCALE, checked_card
from sr_plugin.core.description import unmeasured, with_unmeasured
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.value_range import ValueRange

_SCALE_KEYS = ("scale", "scale_factor", "upscale", "upscale_factor", "upscaling_factor", "factor")
_CHECKPOINTS = (".safetensors", ".safetensor", ".pth", ".pt", ".ckpt", ".tar", ".bin")


def _refused(card_path: str, reason: str, hint: str = "") -> ModelUnreadable:
    return ModelUnreadable(f"The model card '{card_path}' cannot be used: {reason}.", hint)


def _local(href: str, folder: str, card_path: str) -> Optional[str]:
    """The file of an asset: below the card's folder, or downloaded beside the card; None where it is not there."""
    root = os.path.realpath(folder)
    if urlparse(href).scheme in ("http", "https", "s3", "gs"):
        href = os.path.basename(urlparse(href).path)
    path = os.path.realpath(os.path.join(root, href))
    if os.path.commonpath([root, path]) != root:
        raise ModelUnreadable(
            f"The model card '{card_path}' points to a file outside its own folder.",
            "Use only cards that you trust.",
        )
    return path if os.path.isfile(path) else None


def _model_file(item: Mapping[str, Any], folder: str, card_path: str) -> str:
    hrefs = [
        str(asset["href"])
        for asset in (item.get("assets") or {}).values()
        if {"mlm:model", "mlm:weights"} & set(asset.get("roles") or ())
    ]
    usable = [href for href in hrefs if urlparse(href).path.lower().endswith((".onnx", *_CHECKPOINTS))]
    for href in usable:
        path = _local(href, folder, card_path)
        if path is not None:
            return path
    if usable:
        raise _refused(card_path, f"its model file is not here ({usable[0]})", "Download it into the card's folder.")
    raise _refused(
        card_path,
        "it names no model file of a form that can be run",
        "Ask its author for an ONNX or safetensors file.",
    )


def _band_facts(item: Mapping[str, Any]) -> Dict[str, Mapping[str, Any]]:
    """What the item tells about bands by name, in whichever extension."""
    places: List[Mapping[str, Any]] = [item["properties"], *(item.get("assets") or {}).values()]
    facts: Dict[str, Mapping[str, Any]] = {}
    for place in places:
        for key in ("eo:bands", "bands", "raster:bands"):
            for band in place.get(key) or ():
                if isinstance(band, Mapping) and band.get("name"):
                    facts.setdefault(str(band["name"]), band)
    return facts


def _bands(entry: Mapping[str, Any], facts: Mapping[str, Mapping[str, Any]]) -> Tuple[BandSpec, ...]:
    found = []
    for band in entry.get("bands") or ():
        name = str(band["name"] if isinstance(band, Mapping) else band)
        fact = facts.get(name, {})
        known = sentinel2_band(name) if name in SENTINEL2 else BandSpec(name)
        common = fact.get("common_name") or fact.get("eo:common_name") or known.common_name
        wavelength = fact.get("center_wavelength") or fact.get("eo:center_wavelength") or known.wavelength_um
        found.append(BandSpec(name, str(common), None if wavelength is None else float(wavelength)))
    return tuple(found)


def _affine(step: Mapping[str, Any]) -> Optional[Tuple[float, float]]:
    """Gain and offset of one scaling step; None where it is no affine map."""
    kind = step["type"]
    if kind == "min-max":
        low, high = float(step["minimum"]), float(step["maximum"])
        return 1 / (high - low), -low / (high - low)
    if kind == "z-score":
        return 1 / float(step["stddev"]), -float(step["mean"]) / float(step["stddev"])
    if kind == "scale":
        return 1 / float(step["value"]), 0.0
    if kind == "offset":
        return 1.0, -float(step["value"])
    return None


def _value_range(entry: Mapping[str, Any], count: int) -> Optional[ValueRange]:
    """The scaling of MLM, which starts from the numbers of the file; None where there is none or it is no affine map.

    With as many steps as bands each step belongs to one band, otherwise they follow one another.
    """
    steps = entry.get("value_scaling")
    if not isinstance(steps, list) or not steps:
        return None
    maps = [_affine(step) for step in steps if step["type"] not in ("clip", "clip-min", "clip-max")]
    if not maps or any(m is None for m in maps):
        return None
    affine = [m for m in maps if m is not None]
    if len(affine) == count and count > 1:
        gains, offsets = tuple(m[0] for m in affine), tuple(m[1] for m in affine)
    else:
        gain, offset = 1.0, 0.0
        for step_gain, step_offset in affine:
            gain, offset = gain * step_gain, offset * step_gain + step_offset
        gains, offsets = (gain,), (offset,)
    if not all(math.isfinite(v) for v in gains + offsets) or 0.0 in gains:
        raise ValueError("a scaling without an inverse")
    return ValueRange("mlm", "dn", gains, offsets, 1 / gains[0], -offsets[0] / gains[0])


def _scale(item: Mapping[str, Any]) -> Optional[int]:
    """The scale factor by hyperparameters or shapes; None where neither tells."""
    properties = item["properties"]
    given = properties.get("mlm:hyperparameters") or {}
    for key in _SCALE_KEYS:
        if isinstance(given.get(key), int) and 1 <= given[key] <= MAX_SCALE:
            return int(given[key])
    source = (properties["mlm:input"][0]["input"]["shape"])[-2:]
    result = (properties["mlm:output"][0]["result"]["shape"])[-2:]
    if min(*source, *result) <= 0 or result[0] % source[0] or result[0] * source[1] != result[1] * source[0]:
        return None
    factor = int(result[0] // source[0])
    return factor if 1 <= factor <= MAX_SCALE else None


def _changes(item: Mapping[str, Any], card: ModelCard) -> Dict[str, Any]:
    properties = item["properties"]
    taken, given = properties["mlm:input"][0], properties["mlm:output"][0]
    facts = _band_facts(item)
    changes: Dict[str, Any] = {
        "name": str(item["id"]),
        "title": str(properties.get("title") or properties.get("mlm:name") or item["id"]),
        "licence": str(properties.get("license") or ""),
        "citation": str(properties.get("sci:citation") or properties.get("sci:doi") or card.citation),
        "training_data": str(properties.get("mlm:pretrained_source") or ""),
    }
    bands = _bands(taken, facts)
    if bands and "bands" not in unmeasured(card) and len(bands) != len(card.input_bands):
        raise ValueError(f"{len(bands)} bands for a model that takes {len(card.input_bands)}")
    if bands:
        changes["input_bands"] = bands
    result = _bands(given, facts)
    if result and len(result) == len(card.output_bands or card.input_bands):
        changes["output_bands"] = () if result == bands else result
    if properties.get("gsd"):
        changes["gsd_m"] = (float(properties["gsd"]), float(properties["gsd"]))
    value_range = _value_range(taken, len(bands))
    if value_range is not None:
        changes["value_range"] = value_range
    return changes


def card_from_mlm(item: Mapping[str, Any], folder: str, card_path: str = "") -> ModelCard:
    """The card of an item that has no ``sr:`` fields.

    Raises:
        ModelUnreadable: when the item is not about a model with one image in and one out, or its file is not there.
        ModelNotRecognised, ModelMismatch: when the file's architecture is not known.
    """
    # Imported here: only cards of other tools need the readers of checkpoints.
    from sr_plugin.core.architectures.registry import card_from_checkpoint
    from sr_plugin.core.onnx_card import card_from_onnx

    where = card_path or str(item.get("id", ""))
    try:
        properties = item["properties"]
        if len(properties["mlm:input"]) != 1 or len(properties["mlm:output"]) != 1:
            raise _refused(where, "its model takes or gives more than one image")
        path = _model_file(item, folder, where)
        card = card_from_onnx(path) if path.lower().endswith(".onnx") else card_from_checkpoint(path)
        changes, scale = _changes(item, card), _scale(item)
        described = checked_card(replace(card, **changes))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        raise _refused(where, f"a field is missing or of the wrong form ({error})") from error
    known = [name for name, key in (("range", "value_range"), ("bands", "input_bands")) if key in changes]
    if "scale" in unmeasured(card) and scale is not None:
        described = replace(described, scale=scale)
        known.append("scale")
    return with_unmeasured(described, [name for name in unmeasured(card) if name not in known])
