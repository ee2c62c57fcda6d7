"""What the short runs are: their rasters, pairs and plans, one for each kind of training that the plugin offers."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Tuple

from models.recipes import short_run_rasters as rasters

#: What Sentinel-2 demands to be said.
_SENTINEL = "contains Copernicus Sentinel data 2016"
#: Often enough to see the course, on enough patches to tell one from another.
_VALIDATION = {"every": 100, "most": 40}
_VIRGINIA = "Sentinel-2 L1C, tile 18SVG (Virginia), 2016-01-12"

#: Given the folder of the sources and one to write to, the rasters of a request.
Rasters = Callable[[str, str], Dict[str, Any]]


@dataclass(frozen=True)
class ShortRun:
    """One training on real data.

    Attributes:
        name: of the run, and of the model that comes out.
        title: what it shows, for a table.
        source: the images, in words.
        licence: of the images.
        credit: text that has to go with them.
        rasters: makes or finds them.
        pairs: settings of :class:`sr_plugin.pipeline.pairs.request.PairRequest` beside the rasters.
        preset: of :mod:`sr_plugin.core.training_presets`.
        family: architecture.
        steps: of the training.
        plan: settings that are otherwise than in the preset.
    """

    name: str
    title: str
    source: str
    licence: str
    credit: str
    rasters: Rasters
    pairs: Mapping[str, Any]
    preset: str
    family: str
    steps: int
    plan: Mapping[str, Any] = field(default_factory=dict)


def _halves(metres: int) -> Rasters:
    return lambda data, work: {"folder": rasters.write_halves(data, os.path.join(work, f"virginia-{metres}m"), metres)}


def _product(data: str, work: str) -> Dict[str, Any]:
    fine, coarse = rasters.write_product(data, os.path.join(work, "virginia-product"))
    return {"high": (fine,), "low": (coarse,)}


def _kampala(data: str, work: str) -> Dict[str, Any]:
    image, outlines = (os.path.join(data, "oam-kampala", name) for name in ("z19.tif", "buildings.geojson"))
    return {"low": (image,), "high": (rasters.render_map(image, outlines, os.path.join(work, "kampala-map.tif")),)}


def _series(data: str, work: str) -> Dict[str, Any]:
    return {"high": tuple(rasters.series(data))}


def _virginia(
    name: str, title: str, metres: int, scale: int, family: str, steps: int, pairs: Mapping[str, Any], plan: Mapping
) -> ShortRun:
    """A run on the north of 18SVG, validated on its south."""
    whole = {
        "scale": scale,
        "mtf": (0.3, 0.3),
        "max_gaps": 0.4,
        "scaling": "divide:10000",
        # Places no larger than a patch, so that little is lost where north and south meet.
        "place_size_m": float(pairs["patch"] * scale * metres),
        **pairs,
    }
    return ShortRun(
        name, title, _VIRGINIA, "CC0-1.0", _SENTINEL, _halves(metres), whole, "content", family, steps, plan
    )


def _plan(
    hyperparameters: Mapping[str, Any], patch: int, rate: float, batch: int = 8, **validation: int
) -> Dict[str, Any]:
    """Settings of a content training: many small examples at a high rate, which is what short trainings want."""
    return {
        "hyperparameters": dict(hyperparameters),
        "batch": batch,
        "patch": patch,
        "ema": 0.99,
        "checkpoint_every": 100,
        "validation": {**_VALIDATION, **validation},
        "optimiser": {"learning_rate": rate, "warm_up": 50},
    }


RUNS: Tuple[ShortRun, ...] = (
    _virginia(
        "landsat-x3",
        "Landsat to Sentinel-2, x3, 4 bands",
        10,
        3,
        "rdn",
        1000,
        pairs={"patch": 32, "step": 16},
        plan=_plan({"width": 32, "growth": 16, "blocks": 4, "convs": 4, "up_width": 32}, 12, 2e-3, every=200),
    ),
    _virginia(
        "bands-x2",
        "Ten bands, x2",
        20,
        2,
        "edsr_bicubic",
        400,
        pairs={"patch": 32, "step": 16},
        plan=_plan({"width": 48, "blocks": 4}, 16, 1e-3),
    ),
    _virginia(
        "bands-x4",
        "Ten bands, x4",
        20,
        4,
        "edsr_bicubic",
        400,
        pairs={"patch": 24, "step": 8},
        plan=_plan({"width": 48, "blocks": 4}, 12, 1e-3),
    ),
    _virginia(
        "bands-x8",
        "Ten bands, x8",
        20,
        8,
        "edsr_bicubic",
        400,
        pairs={"patch": 16, "step": 4},
        plan=_plan({"width": 48, "blocks": 4}, 8, 1e-3, border=2),
    ),
    ShortRun(
        "map-kampala",
        "Aerial image to map (pix2pix)",
        "OpenAerialMap, Kampala, 0.3 m, and 206 building outlines",
        "CC-BY-4.0 (imagery), ODbL (outlines)",
        "OpenAerialMap contributors; OpenStreetMap contributors",
        _kampala,
        {
            "layout": "sensors",
            "scale": 1,
            "patch": 128,
            "step": 32,
            # A patch and a half: with the usual size the only dense quarter would be held out as a whole.
            "place_size_m": 57.4,
            "max_days": None,
            "max_gaps": 0.5,
        },
        "translation",
        "pix2pix",
        500,
        {
            "hyperparameters": {"width": 24, "depth": 6},
            "batch": 4,
            "patch": 128,
            "ema": 0.98,
            "optimiser": {"learning_rate": 4e-4},
            "adversarial": {"width": 32, "warm_up": 150, "ramp": 100},
            "checkpoint_every": 100,
            "validation": {**_VALIDATION, "side": 128},
        },
    ),
    ShortRun(
        "series-x2",
        "Four views of one place, x2",
        "NAIP, North Dakota, six dates 2009-2020, 5 m",
        "public domain (USDA)",
        "",
        _series,
        {"scale": 2, "patch": 32, "views": 4, "noise": 2.0, "mtf": (0.3, 0.3)},
        "content",
        "highresnet",
        600,
        # Band by band, as the architecture is meant.
        _plan({"width": 32, "blocks": 2, "bands": 1}, 12, 3e-3, 4),
    ),
    ShortRun(
        "fusion-20m",
        "20 m bands with the detail of 10 m bands",
        _VIRGINIA,
        "CC0-1.0",
        _SENTINEL,
        _product,
        {
            "layout": "fusion",
            "scale": 2,
            "patch": 32,
            "step": 16,
            "mtf": (0.3, 0.3),
            "max_gaps": 0.4,
            "scaling": "divide:10000",
        },
        "content",
        "dsen2",
        500,
        _plan({"width": 48, "blocks": 4}, 24, 1e-3),
    ),
)
#: The same by name.
BY_NAME: Dict[str, ShortRun] = {run.name: run for run in RUNS}
