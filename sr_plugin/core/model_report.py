"""What a user should know about a model, as a JSON-like record and as text."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, SINGLE_IMAGE, TRANSLATION, BandSpec, ModelCard
from sr_plugin.core.range_json import range_from_json, range_to_json

_UNITS = {
    "reflectance": "reflectance, where 1 is 100 %",
    "unit": "brightness from 0 to 1",
    "dn": "numbers as in the file",
}
_KINDS = {
    SINGLE_IMAGE: "one image in, one image out",
    MULTI_IMAGE: "several images of one scene in, one image out",
    BAND_FUSION: "coarse bands sharpened with finer ones of the same scene",
    TRANSLATION: "an image in, an image of another kind out",
}
_FORMS = {"onnx": "ONNX", "safetensors": "safetensors", "checkpoint": "checkpoint"}
_UNKNOWN_FAMILIES = {"onnx": "unknown, since it comes as ONNX", "builtin": "none, it is an interpolation"}
#: What should be known of a model; where it is not, one line says so.
_ORIGIN = (
    ("Licence", "licence"),
    ("Source", "source"),
    ("Citation", "citation"),
    ("Trained on", "training_data"),
)
Rows = List[Tuple[str, str]]


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
        return "any number, all treated alike"

    def one(band: Mapping[str, Any]) -> str:
        extra = [band["common_name"]] if band["common_name"] and band["common_name"] != band["name"] else []
        extra += [f"{1000 * band['wavelength_um']:.0f} nm"] if band["wavelength_um"] else []
        return band["name"] + (f" ({', '.join(extra)})" if extra else "")

    return f"{len(bands)}: " + ", ".join(one(band) for band in bands)


def _reach_text(record: Mapping[str, Any]) -> str:
    if record["reach"] is None:
        return "the whole tile, so tiles are blended"
    text = f"{record['reach']} input pixels to each side"
    if record["effective_reach"] is not None and record["effective_reach"] < record["reach"]:
        text += f", but hardly beyond {record['effective_reach']}"
    return text


def _tile_text(record: Mapping[str, Any]) -> str:
    if record["fixed_tile"]:
        return "only {} x {} pixels".format(*record["fixed_tile"])
    text = "any size" if record["multiple_of"] == 1 else f"multiples of {record['multiple_of']} pixels"
    return text + (f" from {record['minimum_tile']} pixels on" if record["minimum_tile"] > 1 else "")


def _range_text(record: Mapping[str, Any]) -> str:
    known = range_from_json(record["value_range"])
    text = _UNITS.get(known.quantity, known.quantity)
    low, high = known.valid or (0.0, 1.0)
    if known.quantity != "unit" and known.valid:
        text += f", from {low:g} to {high:g}"
    fed = {(round(g * low + o, 3), round(g * high + o, 3)) for g, o in zip(known.in_gain, known.in_offset)}
    if known.quantity != "dn" and fed != {(low, high)}:
        text += ", fed as {:g} to {:g}".format(*fed.pop()) if len(fed) == 1 else ", standardised for each band"
    return f"{text} ({known.name})"


def _gsd_text(gsd: Optional[Sequence[float]]) -> str:
    if not gsd:
        return ""
    return f"{gsd[0]:g} m" if gsd[0] == gsd[1] else f"{gsd[0]:g} to {gsd[1]:g} m"


def _family_text(record: Mapping[str, Any]) -> str:
    # Imported here: the registry loads every family, which a list of models does not need.
    from sr_plugin.core.architectures.registry import FAMILIES

    family = record["family"]
    titles = {known.id: known.title for known in FAMILIES}
    return _UNKNOWN_FAMILIES.get(family) or (f"{titles[family]} ({family})" if family in titles else family)


def _does(record: Mapping[str, Any]) -> Rows:
    scale, given = record["scale"], record["output_bands"]
    enlarges = f"x{scale}, a pixel becomes {scale} x {scale}" if scale > 1 else "x1, the pixel size stays"
    return [
        ("Name", record["name"]),
        ("Scale", enlarges),
        ("Takes and gives", _KINDS.get(record["kind"], record["kind"])),
        ("Bands in", _bands_text(record["input_bands"])),
        ("Bands out", "the same" if given == record["input_bands"] else _bands_text(given)),
        ("Values", _range_text(record)),
        ("Pixel size", _gsd_text(record["gsd_m"])),
    ]


def _runs(record: Mapping[str, Any]) -> Rows:
    sizes = ", ".join(f"{key} {value}" for key, value in record["hyperparameters"].items())
    return [
        ("Architecture", _family_text(record)),
        ("Hyperparameters", sizes),
        ("Looks at", _reach_text(record)),
        ("Tiles", _tile_text(record)),
    ]


def _comes_from(record: Mapping[str, Any]) -> Rows:
    rows = [(label, record[key]) for label, key in _ORIGIN]
    missing = ", ".join(key.replace("_", " ") for _, key in _ORIGIN if not record[key])
    return [*rows, ("Not told", missing), ("Notes", record["notes"])]


def report_sections(record: Mapping[str, Any]) -> List[Tuple[str, Rows]]:
    """The record as headings, each with pairs of a label and a text, in the order in which people read it."""
    sections = [("What it does", _does(record)), ("How it runs", _runs(record))]
    if record["family"] != "builtin":
        sections.append(("Where it comes from", _comes_from(record)))
    return [(heading, [row for row in rows if row[1]]) for heading, rows in sections]


def report_files(record: Mapping[str, Any]) -> List[Tuple[str, str]]:
    """Name with form, and SHA-256, of each file."""
    return [
        (f"{os.path.basename(file['path'])} ({_FORMS.get(file['container'], file['container'])})", file["sha256"])
        for file in record["files"]
    ]


def warnings_of(record: Mapping[str, Any]) -> List[str]:
    """Sentences that a user should read before using the model."""
    found = []
    if record["generative"]:
        found.append("Such models are trained to look plausible, so it may invent detail that is not in the scene.")
    if not record["verified"] and record["family"] != "onnx":
        found.append("Its architecture was not verified on published weights.")
    if record["probe"] and record["probe"].get("warning"):
        found.append(str(record["probe"]["warning"]))
    return found + list(record["match"] or ())


def verdicts_of(record: Mapping[str, Any]) -> List[str]:
    """Sentences that say what was tried and went well."""
    found = []
    probe = record["probe"]
    if probe and probe.get("error") is not None and not probe.get("warning"):
        found.append(
            "It was tried on a test image: brought back to the input's pixels, the result differs by "
            f"{100 * probe['error']:.1f} % of the image's spread."
        )
    if record["match"] is not None and not record["match"]:
        found.append("The raster fits the model.")
    return found


def untried(record: Mapping[str, Any]) -> List[str]:
    """Sentences that say what could not be tried, and why."""
    reason = (record["probe"] or {}).get("skipped")
    return [f"It was not tried on a test image. {reason}"] if reason else []


def report_text(record: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    rows = [row for _, section in report_sections(record) for row in section]
    rows += [("File", f"{name}, SHA-256 {digest}") for name, digest in report_files(record)]
    width = max(len(label) for label, _ in rows)
    lines = [record["title"], *(f"{label:<{width}}  {text}" for label, text in rows)]
    lines += verdicts_of(record) + untried(record)
    return "\n".join(lines + [f"Warning: {sentence}" for sentence in warnings_of(record)])
