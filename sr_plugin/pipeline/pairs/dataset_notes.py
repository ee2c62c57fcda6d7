"""The card of a dataset that is being prepared."""

from __future__ import annotations

import datetime
import os
from dataclasses import asdict, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from osgeo import osr

from sr_plugin.core.dataset_card import ArraySpec, DatasetCard, SourceNote
from sr_plugin.core.locations import plugin_version
from sr_plugin.pipeline.pairs.facts import Facts
from sr_plugin.pipeline.pairs.request import PairRequest
from sr_plugin.pipeline.pairs.scene import PairScene
from sr_plugin.pipeline.pairs.selection import Selection


def source_notes(scene: PairScene, facts: Facts, request: PairRequest) -> List[SourceNote]:
    """What the card says of the rasters or pictures of a scene."""
    low, high = scene.spec.titles
    dates = [date.isoformat() if date else "" for date in scene.dates]
    crs = _crs_name(scene.grid.wkt)
    fine = SourceNote(high, dates[1], request.licence, _rounded(facts.pixel_m, request.scale), crs)
    if low == high:
        return [fine]
    return [SourceNote(low, dates[0], request.licence, _rounded(facts.pixel_m), crs), fine]


def dataset_card(request: PairRequest, facts: Facts, selection: Selection, notes: Sequence[SourceNote]) -> DatasetCard:
    """The card, but for what only the written patches tell."""
    gain, offset = facts.scaling
    side = request.patch
    fine = side * request.scale
    low = ArraySpec("low", facts.low_bands, side, side, facts.low_type, _rounded(facts.pixel_m), gain, offset)
    # The target of a translation is a picture of another kind.
    own = facts.high_scaling if request.scale > 1 else _plain_gain(facts.high_type)
    finer = _rounded(facts.pixel_m, request.scale)
    high = ArraySpec("high", facts.high_bands, fine, fine, facts.high_type, finer, *own)
    inputs = (low,)
    if facts.guide_bands:
        # Bands keep the names of their own pixel sizes; what is stored is as much coarser as the scale says.
        guide = ArraySpec(
            _input_name(finer and finer / request.scale, "fine"), facts.guide_bands, fine, fine, facts.guide_type, finer
        )
        scaled = replace(guide, gain=facts.guide_scaling[0], offset=facts.guide_scaling[1])
        inputs = (scaled, replace(low, name=_input_name(finer, "coarse")))
    return DatasetCard(
        name=os.path.basename(os.path.abspath(request.output)),
        kind=request.kind,
        scale=request.scale,
        inputs=inputs,
        target=high,
        views=request.views if request.views > 1 else 0,
        quantity=facts.quantity,
        point_spread=_point_spread(request),
        noise=request.noise,
        sources=tuple(dict.fromkeys(notes)),
        seed=request.seed,
        split={
            "rule": selection.rule,
            "shares": request.shares,
            "place_size_m": round(selection.place_size_m, 3),
            "places": dict(selection.places),
        },
        settings=_settings(request),
        credit=request.credit,
        software=f"super-resolution plugin {plugin_version()}",
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )


def _input_name(gsd: Optional[float], otherwise: str) -> str:
    """``low_10m`` and the like."""
    return f"low_{gsd:.0f}m" if gsd and abs(gsd - round(gsd)) < 0.05 else f"low_{otherwise}"


def _point_spread(request: PairRequest) -> Dict[str, Any]:
    if not request.degrades:
        return {}
    if request.point_spread == "box":
        return {"kind": "box"}
    return {"kind": "gaussian", "mtf_nyquist": list(request.mtf)}


def _rounded(size: Optional[float], divisor: int = 1) -> Optional[float]:
    return None if size is None else round(size / divisor, 4)


def _settings(request: PairRequest) -> Dict[str, Any]:
    """What the run was told, without paths of this machine."""
    left_out = ("output", "worker_python", "licence", "credit", "seed", "noise", "scale")
    names = ("high", "low", "high_masks", "low_masks")
    values = {key: value for key, value in asdict(request).items() if key not in left_out}
    for name in names:
        values[name] = [os.path.basename(path.rstrip("/")) for path in values[name]]
    for name in ("folder", "low_folder", "classes"):
        values[name] = os.path.basename(values[name].rstrip("/"))
    return values


def _crs_name(wkt: str) -> str:
    """Authority code of a CRS, else its WKT."""
    if not wkt:
        return ""
    reference = osr.SpatialReference()
    reference.SetFromUserInput(wkt)
    authority, code = reference.GetAuthorityName(None), reference.GetAuthorityCode(None)
    return f"{authority}:{code}" if authority and code else wkt


def _plain_gain(pixel_type: str) -> Tuple[float, float]:
    """Gain and offset of a picture that is no measurement."""
    return (1 / 255, 0.0) if pixel_type == "uint8" else (1.0, 0.0)
