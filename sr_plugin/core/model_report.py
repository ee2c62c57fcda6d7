"""What a user should know about a model, as a JSON-like record, as text and as HTML."""

from __future__ import annotations

import html
import os
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from sr_plugin.core.card import BandSpec, ModelCard
from sr_plugin.core.range_json import range_to_json

_QUANTITIES = {
    "reflectance": "reflectance (1 = 100 %)",
    "unit": "brightness from 0 to 1",
    "dn": "the numbers of the file",
}


def model_record(
    card: ModelCard, probe: Optional[Mapping[str, Any]] = None, match: Optional[Sequence[str]] = None
) -> Dict[str, Any]:
    """All facts about a model as JSON-serialisable values.

    Args:
        card: a whole card.
        probe: answer of the sanity probe, or None where the model was not run.
        match: sentences about a raster, or None where there is none to check.
    """

    def bands(specs: Sequence[BandSpec]) -> List[Dict[str, Any]]:
        return [{"name": b.name, "common_name": b.common_name, "wavelength_um": b.wavelength_um} for b in specs]

    return {
        "name": card.name,
        "title": card.title,
        "family": card.family,
        "kind": card.kind,
        "scale": card.scale,
        "input_bands": bands(card.input_bands),
        "output_bands": bands(card.output_bands or card.input_bands),
        "value_range": range_to_json(card.value_range),
        "quantity": card.value_range.quantity,
        "reach": card.reach,
        "effective_reach": card.effective_reach,
        "multiple_of": card.tiles.multiple_of,
        "minimum_tile": card.tiles.minimum,
        "fixed_tile": list(card.tiles.fixed) if card.tiles.fixed else None,
        "gsd_m": list(card.gsd_m) if card.gsd_m else None,
        "files": [{"path": w.path, "container": w.container, "sha256": w.sha256} for w in card.weights],
        "licence": card.licence,
        "source": card.source,
        "citation": card.citation,
        "training_data": card.training_data,
        "hyperparameters": dict(card.hyperparameters),
        "quality": dict(card.quality),
        "generative": card.generative,
        "verified": card.verified,
        "notes": card.notes,
        "probe": dict(probe) if probe is not None else None,
        "match": list(match) if match is not None else None,
    }


def _bands_text(bands: Sequence[Mapping[str, Any]]) -> str:
    if not bands:
        return "any number"

    def one(band: Mapping[str, Any]) -> str:
        extra = [band["common_name"]] if band["common_name"] and band["common_name"] != band["name"] else []
        extra += [f"{1000 * band['wavelength_um']:.0f} nm"] if band["wavelength_um"] else []
        return band["name"] + (f" ({', '.join(extra)})" if extra else "")

    return f"{len(bands)}: " + ", ".join(one(band) for band in bands)


def _reach_text(record: Mapping[str, Any]) -> str:
    if record["reach"] is None:
        return "the whole tile, so tiles are blended"
    text = f"{record['reach']} input pixels"
    if record["effective_reach"] is not None and record["effective_reach"] < record["reach"]:
        text += f" ({record['effective_reach']} were measured to do)"
    return text


def _tile_text(record: Mapping[str, Any]) -> str:
    if record["fixed_tile"]:
        return "only {} x {} pixels".format(*record["fixed_tile"])
    text = "any size" if record["multiple_of"] == 1 else f"multiples of {record['multiple_of']} pixels"
    return text + (f" from {record['minimum_tile']}" if record["minimum_tile"] > 1 else "")


def _range_text(record: Mapping[str, Any]) -> str:
    name = record["value_range"] if isinstance(record["value_range"], str) else record["value_range"]["name"]
    return f"{name}: {_QUANTITIES.get(record['quantity'], record['quantity'])}"


def _gsd_text(gsd: Optional[Sequence[float]]) -> str:
    if not gsd:
        return "not told"
    return f"{gsd[0]:g} m" if gsd[0] == gsd[1] else f"{gsd[0]:g} to {gsd[1]:g} m"


def report_rows(record: Mapping[str, Any]) -> List[Tuple[str, str]]:
    """The record as pairs of a label and a text, in the order in which people read it."""
    rows = [
        ("Model", record["title"]),
        ("Name", record["name"]),
        ("Architecture", record["family"]),
        ("Kind", record["kind"]),
        ("Scale", f"x{record['scale']}"),
        ("Bands in", _bands_text(record["input_bands"])),
        ("Bands out", _bands_text(record["output_bands"])),
        ("Values", _range_text(record)),
        ("Reach", _reach_text(record)),
        ("Tiles", _tile_text(record)),
        ("Made for pixels of", _gsd_text(record["gsd_m"])),
    ]
    for file in record["files"]:
        rows.append(("File", f"{os.path.basename(file['path'])} ({file['container']}), SHA-256 {file['sha256']}"))
    for label, key in (("Licence", "licence"), ("Source", "source"), ("Citation", "citation"), ("Notes", "notes")):
        rows.append((label, record[key] or "not told"))
    rows.append(("Trained on", record["training_data"] or "not told"))
    return [row for row in rows if row != ("Notes", "not told")]


def warnings_of(record: Mapping[str, Any]) -> List[str]:
    """Sentences that a user should read before using the model."""
    found = []
    if record["generative"]:
        found.append("It was trained to look plausible, so it may invent detail that is not in the scene.")
    if not record["verified"] and record["family"] != "onnx":
        found.append("Its architecture was not verified on published weights.")
    if record["probe"] and record["probe"].get("warning"):
        found.append(str(record["probe"]["warning"]))
    return found + list(record["match"] or ())


def _verdicts(record: Mapping[str, Any]) -> List[str]:
    found = []
    probe = record["probe"]
    if probe and probe.get("error") is not None and not probe.get("warning"):
        found.append(f"On a test image the result agrees with the input to {100 * probe['error']:.1f} % of its spread.")
    if probe and probe.get("skipped"):
        found.append(f"The test image was left out: {probe['skipped']}")
    if record["match"] is not None and not record["match"]:
        found.append("The raster fits the model.")
    return found


def report_text(record: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    rows = report_rows(record)
    width = max(len(label) for label, _ in rows)
    lines = [f"{label:<{width}}  {text}" for label, text in rows]
    lines += _verdicts(record)
    return "\n".join(lines + [f"Warning: {sentence}" for sentence in warnings_of(record)])


def report_html(record: Mapping[str, Any]) -> str:
    """The report as a page of its own; every text in it is escaped, since cards come from strangers."""
    rows = "".join(
        f"<tr><th>{html.escape(label)}</th><td>{html.escape(str(text))}</td></tr>"
        for label, text in report_rows(record)
    )
    good = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in _verdicts(record))
    bad = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in warnings_of(record))
    title = html.escape(str(record["title"]))
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font-family:sans-serif}th{text-align:left;vertical-align:top;padding-right:1em}"
        "li{color:#a00}</style></head>"
        f"<body><h1>{title}</h1><table>{rows}</table>{good}{f'<ul>{bad}</ul>' if bad else ''}</body></html>\n"
    )
