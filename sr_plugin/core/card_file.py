"""Model cards on disk: STAC items with the Machine Learning Model (MLM) extension.

What MLM has no field for stands in the item's properties under the prefix ``sr:``. The weights are the item's
assets; their paths are relative to the card and may not leave its folder.
"""

from __future__ import annotations

import json
import os
import re
import stat
from typing import Any, Dict, List, Mapping, Optional

from sr_plugin.core.card import BandSpec, ModelCard, PointSpread, TileConstraints, WeightFile
from sr_plugin.core.card_check import checked_card
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.range_json import range_from_json, range_to_json
from sr_plugin.core.strict_json import parse_json

STAC_VERSION = "1.1.0"
MLM_SCHEMA = "https://stac-extensions.github.io/mlm/v1.5.1/schema.json"
EO_SCHEMA = "https://stac-extensions.github.io/eo/v1.1.0/schema.json"
FILE_SCHEMA = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
MAX_CARD_BYTES = 4 << 20
_MEDIA = {
    "onnx": "application/octet-stream; framework=onnxruntime; profile=onnx",
    "safetensors": "application/octet-stream; framework=pytorch; profile=safetensors",
    "checkpoint": "application/octet-stream; framework=pytorch; profile=pickle",
}


_ARTIFACTS = {"onnx": "onnx", "safetensors": "safetensors.torch.save_file", "checkpoint": "torch.save"}
#: Common names of the Electro-Optical extension 1.1.
_EO_NAMES = frozenset(
    "coastal blue green red rededge yellow pan nir nir08 nir09 cirrus swir16 swir22 lwir lwir11 lwir12".split()
)
_MLM_NAME = re.compile(r"^[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]$")
_LICENCE = re.compile(r"^[\w\-.+]+$")


def _bands(bands: Any) -> List[Dict[str, Any]]:
    return [{"name": b.name, "common_name": b.common_name, "wavelength_um": b.wavelength_um} for b in bands]


def _eo_bands(card: ModelCard) -> List[Dict[str, Any]]:
    """Every band of input and output once, as the Electro-Optical extension describes bands."""
    found: Dict[str, Dict[str, Any]] = {}
    for band in card.input_bands + card.output_bands:
        entry: Dict[str, Any] = {"name": band.name}
        common = "rededge" if band.common_name.startswith("rededge") else band.common_name
        if common in _EO_NAMES:
            entry["common_name"] = common
        if band.wavelength_um is not None:
            entry["center_wavelength"] = band.wavelength_um
        found.setdefault(band.name, entry)
    return list(found.values())


def _mlm_name(name: str) -> str:
    """The name in the letters that MLM allows."""
    if _MLM_NAME.match(name):
        return name
    plain = "model-" + re.sub(r"[^a-zA-Z0-9_.\-\s]", "-", name)
    return plain if _MLM_NAME.match(plain) else plain + "0"


def _mlm_io(card: ModelCard, output: bool) -> Dict[str, Any]:
    bands = card.output_bands or card.input_bands if output else card.input_bands
    # MLM wants the dimension "bands" exactly where bands are named.
    order = ["batch", "bands" if bands else "channel", "height", "width"]
    array = {"shape": [-1, len(bands) or -1, -1, -1], "dim_order": order, "data_type": "float32"}
    names = [b.name for b in bands]
    if output:
        return {"name": "super-resolved image", "tasks": ["super-resolution"], "bands": names, "result": array}
    return {"name": "image", "bands": names, "input": array}


def _assets(card: ModelCard, folder: str) -> Dict[str, Any]:
    assets = {}
    for index, weight in enumerate(card.weights):
        assets["model" if index == 0 else f"model_{weight.container}"] = {
            "href": os.path.relpath(weight.path, folder).replace(os.sep, "/"),
            "type": _MEDIA[weight.container],
            "roles": ["mlm:model", "mlm:weights"],
            "mlm:artifact_type": _ARTIFACTS[weight.container],
            "sr:container": weight.container,
            **({"file:checksum": "1220" + weight.sha256} if weight.sha256 else {}),
        }
    return assets


def card_to_item(card: ModelCard, folder: str) -> Dict[str, Any]:
    """The STAC item of a card whose weights lie in ``folder`` or below."""
    bands = _eo_bands(card)
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [MLM_SCHEMA, FILE_SCHEMA] + ([EO_SCHEMA] if bands else []),
        "id": card.name,
        "geometry": {"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]},
        "bbox": [-180, -90, 180, 90],
        "properties": {**_properties(card), **({"eo:bands": bands} if bands else {})},
        "links": [],
        "assets": _assets(card, folder),
    }


def _properties(card: ModelCard) -> Dict[str, Any]:
    mlm: Dict[str, Any] = {
        "mlm:name": _mlm_name(card.name),
        "mlm:architecture": card.family,
        "mlm:tasks": ["super-resolution"],
        "mlm:input": [_mlm_io(card, False)],
        "mlm:output": [_mlm_io(card, True)],
    }
    if card.hyperparameters:
        mlm["mlm:hyperparameters"] = dict(card.hyperparameters)
    return {
        "datetime": None,
        "start_datetime": "2015-06-23T00:00:00Z",
        "end_datetime": "2100-01-01T00:00:00Z",
        "title": card.title,
        "license": card.licence if _LICENCE.match(card.licence) else "other",
        **mlm,
        "sr:licence": card.licence,
        "sr:scale": card.scale,
        "sr:kind": card.kind,
        "sr:input_bands": _bands(card.input_bands),
        "sr:output_bands": _bands(card.output_bands),
        "sr:gsd_m": list(card.gsd_m) if card.gsd_m else None,
        "sr:value_range": range_to_json(card.value_range),
        "sr:reach": card.reach,
        "sr:effective_reach": card.effective_reach,
        "sr:training_tile": card.training_tile,
        "sr:psf": {"kind": card.psf.kind, "mtf_nyquist": card.psf.mtf_nyquist},
        "sr:tiles": {
            "multiple_of": card.tiles.multiple_of,
            "minimum": card.tiles.minimum,
            "fixed": list(card.tiles.fixed) if card.tiles.fixed else None,
            "border": card.tiles.border,
        },
        "sr:source": card.source,
        "sr:citation": card.citation,
        "sr:training_data": card.training_data,
        "sr:quality": dict(card.quality),
        "sr:generative": card.generative,
        "sr:verified": card.verified,
        "sr:notes": card.notes,
    }


def _weights(assets: Mapping[str, Any], folder: str, card_path: str) -> List[WeightFile]:
    found = []
    root = os.path.realpath(folder)
    for asset in assets.values():
        if "mlm:model" not in asset.get("roles", []):
            continue
        path = os.path.realpath(os.path.join(root, asset["href"]))
        if os.path.commonpath([root, path]) != root:
            raise ModelUnreadable(
                f"The model card '{card_path}' points to a file outside its own folder.",
                "Use only cards that you trust.",
            )
        checksum = str(asset.get("file:checksum", ""))
        container = str(asset.get("sr:container") or ("onnx" if path.endswith(".onnx") else "safetensors"))
        found.append(WeightFile(path, container, checksum[4:] if checksum.startswith("1220") else ""))
    return found


def _card_of_fields(item: Mapping[str, Any], folder: str, card_path: str) -> ModelCard:
    p = item["properties"]

    def bands(key: str) -> Any:
        return tuple(
            BandSpec(str(b["name"]), str(b.get("common_name") or ""), wavelength(b.get("wavelength_um")))
            for b in p.get(key) or []
        )

    def wavelength(value: Any) -> Optional[float]:
        return None if value is None else float(value)

    gsd, tiles, psf = p.get("sr:gsd_m"), p.get("sr:tiles") or {}, p.get("sr:psf") or {}
    fixed = tiles.get("fixed")
    scale = int(p["sr:scale"])
    if not 1 <= scale <= 64:
        raise ValueError("scale out of range")
    return ModelCard(
        name=str(item["id"]),
        title=str(p.get("title") or item["id"]),
        family=str(p["mlm:architecture"]),
        scale=scale,
        kind=str(p.get("sr:kind", "single-image")),
        hyperparameters=dict(p.get("mlm:hyperparameters") or {}),
        input_bands=bands("sr:input_bands"),
        output_bands=bands("sr:output_bands"),
        gsd_m=(float(gsd[0]), float(gsd[1])) if gsd else None,
        value_range=range_from_json(p["sr:value_range"]),
        reach=None if p["sr:reach"] is None else int(p["sr:reach"]),
        effective_reach=None if p.get("sr:effective_reach") is None else int(p["sr:effective_reach"]),
        training_tile=int(p.get("sr:training_tile", 128)),
        psf=PointSpread(str(psf.get("kind", "box")), float(psf.get("mtf_nyquist", 0.35))),
        tiles=TileConstraints(
            int(tiles.get("multiple_of", 1)),
            int(tiles.get("minimum", 1)),
            (int(fixed[0]), int(fixed[1])) if fixed else None,
            int(tiles.get("border", 0)),
        ),
        weights=tuple(_weights(item.get("assets") or {}, folder, card_path)),
        licence=str(p.get("sr:licence", p.get("license", ""))),
        source=str(p.get("sr:source", "")),
        citation=str(p.get("sr:citation", "")),
        training_data=str(p.get("sr:training_data", "")),
        quality=dict(p.get("sr:quality") or {}),
        generative=bool(p.get("sr:generative", False)),
        verified=bool(p.get("sr:verified", True)),
        notes=str(p.get("sr:notes", "")),
    )


def card_from_item(item: Mapping[str, Any], folder: str, card_path: str = "") -> ModelCard:
    """The card of a STAC item whose assets are relative to ``folder``; of other tools, what MLM's own fields tell.

    Raises:
        ModelUnreadable: when a field is missing or of the wrong form, or a path leaves the folder.
    """
    if isinstance(item.get("properties"), dict) and "sr:scale" not in item["properties"]:
        from sr_plugin.core.mlm_card import card_from_mlm

        return card_from_mlm(item, folder, card_path)
    try:
        return checked_card(_card_of_fields(item, folder, card_path))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise ModelUnreadable(
            f"The model card '{card_path or item.get('id', '')}' lacks a field or has one of the wrong form ({error}).",
            "Write the card anew, or remove it so that the model file is recognised by itself.",
        ) from error


def read_card(path: str) -> ModelCard:
    """Read a model card.

    Raises:
        ModelUnreadable: when the file is no card.
    """
    try:
        facts = os.stat(path)
        # A pipe of this name would be waited for without end.
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_CARD_BYTES:
            raise ModelUnreadable(f"The model card '{path}' is no ordinary file, or too large to be one.")
        with open(path, encoding="utf-8") as file:
            item = parse_json(file.read())
    except (OSError, ValueError) as error:
        raise ModelUnreadable(f"The model card '{path}' cannot be read ({error}).") from error
    if not isinstance(item, dict):
        raise ModelUnreadable(f"The model card '{path}' is no STAC item.")
    return card_from_item(item, os.path.dirname(os.path.abspath(path)), path)


def write_card(card: ModelCard, path: str) -> None:
    """Write a card beside its weights."""
    item = card_to_item(card, os.path.dirname(os.path.abspath(path)))
    temporary = path + ".part"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(item, file, indent=2, ensure_ascii=False)
        file.write("\n")
    os.replace(temporary, path)
