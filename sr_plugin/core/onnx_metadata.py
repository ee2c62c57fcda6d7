"""Metadata of ONNX files: what the plugin writes (``sr:`` keys), and those of Deepness."""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from sr_plugin.core.bands import SENTINEL2, sentinel2_band
from sr_plugin.core.card import KINDS, BandSpec, ModelCard, PointSpread
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.range_json import range_from_json, range_to_json
from sr_plugin.core.strict_json import parse_json
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange

_VERSION = 1


def metadata_of_card(card: ModelCard) -> Dict[str, str]:
    """The ``sr:`` keys of a card, as JSON texts, so that the file alone says what the card says."""

    def bands(specs: Tuple[BandSpec, ...]) -> List[Dict[str, Any]]:
        return [{"name": b.name, "common_name": b.common_name, "wavelength_um": b.wavelength_um} for b in specs]

    values: Dict[str, Any] = {
        "version": _VERSION,
        "title": card.title,
        "kind": card.kind,
        "architecture": card.family,
        "scale": card.scale,
        "in_bands": bands(card.input_bands),
        "out_bands": bands(card.output_bands),
        "range": range_to_json(card.value_range),
        "receptive_field": card.reach,
        "effective_reach": card.effective_reach,
        "global_ops": card.reach is None,
        "multiple_of": card.tiles.multiple_of,
        "minimum": card.tiles.minimum,
        "border": card.tiles.border,
        "tile": card.training_tile,
        "psf": {"kind": card.psf.kind, "mtf_nyquist": card.psf.mtf_nyquist},
        "resolution_m": list(card.gsd_m) if card.gsd_m else None,
        "license": card.licence,
        "source": card.source,
        "citation": card.citation,
        "source_sha256": card.sha256,
        "generative": card.generative,
        "verified": card.verified,
        "notes": card.notes,
    }
    return {f"sr:{key}": json.dumps(value, ensure_ascii=False) for key, value in values.items()}


def parse_metadata(texts: Mapping[str, str]) -> Dict[str, Any]:
    """Metadata values are JSON text in most tools, plain text in others."""
    values: Dict[str, Any] = {}
    for key, text in texts.items():
        try:
            values[key] = parse_json(text)
        except ValueError:
            values[key] = text
    return values


def _band(value: Any) -> BandSpec:
    if isinstance(value, Mapping):
        wavelength = value.get("wavelength_um")
        return BandSpec(
            str(value["name"]), str(value.get("common_name") or ""), None if wavelength is None else float(wavelength)
        )
    name = str(value)
    return sentinel2_band(name) if name in SENTINEL2 else BandSpec(name)


def _range(known: Mapping[str, Any], fallback: ValueRange) -> ValueRange:
    chosen = range_from_json(known["sr:range"]) if known.get("sr:range") is not None else fallback
    mean, std = known.get("sr:mean"), known.get("sr:std")
    if mean is None and std is None:
        return chosen
    return standardised(chosen, "sr:mean", mean, std)


def standardised(base: ValueRange, name: str, mean: Any, std: Any) -> ValueRange:
    """A range whose input is standardised per band after it was brought to ``base``; the output stays that of ``base``.

    Raises:
        ValueError, TypeError: when mean or deviation are no numbers, or of different length.
    """
    means = [float(v) for v in mean] if mean is not None else []
    deviations = [float(v) for v in std] if std is not None else [1.0] * len(means)
    means = means or [0.0] * len(deviations)
    if len(means) != len(deviations) or not all(math.isfinite(v) and v != 0 for v in deviations):
        raise ValueError("mean and standard deviation do not go together")
    if all(m == 0 for m in means) and all(d == 1 for d in deviations):
        return base
    own = base.for_bands(len(means))
    return replace(
        own,
        name=f"{base.name}, {name}",
        in_gain=tuple(g / d for g, d in zip(own.in_gain, deviations)),
        in_offset=tuple((o - m) / d for o, m, d in zip(own.in_offset, means, deviations)),
    )


def _own_changes(known: Mapping[str, Any], card: ModelCard) -> Dict[str, Any]:
    """Card fields that the plugin's own keys tell; shapes, scale and reach are the caller's."""
    changes: Dict[str, Any] = {"value_range": _range(known, card.value_range)}
    for field, key in (("title", "title"), ("licence", "license"), ("source", "source"), ("citation", "citation")):
        if known.get(f"sr:{key}"):
            changes[field] = str(known[f"sr:{key}"])
    if known.get("sr:kind") in KINDS:
        changes["kind"] = known["sr:kind"]
    for field in ("generative", "verified"):
        if isinstance(known.get(f"sr:{field}"), bool):
            changes[field] = known[f"sr:{field}"]
    if known.get("sr:notes"):
        changes["notes"] = str(known["sr:notes"])
    if known.get("sr:effective_reach") is not None:
        changes["effective_reach"] = int(known["sr:effective_reach"])
    if known.get("sr:tile"):
        changes["training_tile"] = int(known["sr:tile"])
    if known.get("sr:resolution_m"):
        metres = known["sr:resolution_m"]
        low, high = metres if isinstance(metres, list) else (metres, metres)
        changes["gsd_m"] = (float(low), float(high))
    if isinstance(known.get("sr:psf"), dict):
        psf = known["sr:psf"]
        changes["psf"] = PointSpread(str(psf["kind"]), float(psf["mtf_nyquist"]))
    changes["tiles"] = replace(
        card.tiles,
        multiple_of=int(known.get("sr:multiple_of") or 1),
        minimum=int(known.get("sr:minimum") or 1),
        border=int(known.get("sr:border") or 0),
    )
    for field, key in (("input_bands", "sr:in_bands"), ("output_bands", "sr:out_bands")):
        listed = known.get(key)
        if isinstance(listed, list) and listed:
            changes[field] = tuple(_band(value) for value in listed)
    return changes


def _deepness_changes(known: Mapping[str, Any], card: ModelCard) -> Dict[str, Any]:
    """Card fields that the keys of Deepness tell. It divides 8-bit values by 255, so its models take ``unit``."""
    changes: Dict[str, Any] = {}
    if known.get("resolution"):
        metres = float(known["resolution"]) / 100
        changes["gsd_m"] = (metres, metres)
    tile = known.get("tile_size") or known.get("tiles_size")
    if tile:
        changes["training_tile"] = int(tile)
    mean, std = known.get("standardization_mean"), known.get("standardization_std")
    if mean is not None or std is not None:
        changes["value_range"] = standardised(VALUE_RANGES["unit"], "standardised", mean, std)
    kind = known.get("model_type")
    if isinstance(kind, str) and kind.replace("-", "").lower() != "superresolution":
        changes["notes"] = f"Its metadata call it a model for {kind}, not for super-resolution."
    return changes


def with_metadata(card: ModelCard, known: Mapping[str, Any], path: str) -> ModelCard:
    """The card with what the file's metadata tell beyond its shapes.

    Raises:
        ModelUnreadable: when a value is of the wrong form.
    """
    try:
        card = replace(card, **_deepness_changes(known, card))
        return replace(card, **_own_changes(known, card))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelUnreadable(
            f"The metadata of '{path}' hold a value of the wrong form ({error}).",
            "Put a model card (JSON) of the same name beside it, which is read instead.",
        ) from error


def range_is_told(known: Mapping[str, Any]) -> bool:
    """True where the metadata say which numbers the network takes."""
    return any(key in known for key in ("sr:range", "sr:mean", "model_type", "standardization_mean"))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def encoded_metadata(texts: Mapping[str, str]) -> bytes:
    """Metadata in the form of ONNX's ``metadata_props``.

    A protobuf message may be continued by appending fields, so these bytes at the end of a file add the keys to it.
    """
    entries = (_field(1, key.encode("utf-8")) + _field(2, text.encode("utf-8")) for key, text in texts.items())
    return b"".join(_field(14, entry) for entry in entries)


def copy_with_metadata(
    source: str, target: str, texts: Mapping[str, str], present: Optional[Mapping[str, str]] = None
) -> None:
    """Copy an ONNX file and add the keys that it does not have yet.

    Raises:
        OSError: when it cannot be written.
    """
    new = {key: text for key, text in texts.items() if key not in (present or {})}
    temporary = target + ".part"
    shutil.copyfile(source, temporary)
    with open(temporary, "ab") as file:
        file.write(encoded_metadata(new))
    os.replace(temporary, target)
