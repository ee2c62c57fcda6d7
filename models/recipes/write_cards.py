"""Write the cards of the shipped models beside their weights.

Run from the repository root: ``python -m models.recipes.write_cards`` for all, or with names of models.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from typing import Any, Callable, Dict, Tuple

from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.bands import sentinel2_band
from sr_plugin.core.card import BandSpec, ModelCard, PointSpread, WeightFile
from sr_plugin.core.card_file import write_card
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.value_range import ANY_SCALE, VALUE_RANGES

_RECIPES = pathlib.Path(__file__).resolve().parent
_RGBN = ("B04", "B03", "B02", "B08")


def _figures(row: Dict[str, float]) -> Dict[str, float]:
    """The figures of one protocol that a card shows, rounded to what they are worth."""
    shown = {key: value for key, value in row.items() if key.startswith(("psnr", "ssim", "consistency", "gain", "sam"))}
    return {key: round(value, 4 if key.startswith(("ssim", "consistency")) else 2) for key, value in shown.items()}


def _quality(name: str) -> Dict[str, Any]:
    return json.loads((_RECIPES / name).read_text(encoding="utf-8"))


def _card(models: pathlib.Path, name: str, facts: Dict[str, Any]) -> ModelCard:
    """A card of what the weights themselves tell and of ``facts``."""
    files = [(models / f"{name}.onnx", "onnx"), (models / f"{name}.safetensors", "safetensors")]
    seen = recognise(read_checkpoint(str(files[1][0])).tensors)
    weights = tuple(WeightFile(str(path), container, sha256_of(str(path))) for path, container in files)
    told = {
        "family": seen.family,
        "kind": seen.kind,
        "scale": seen.scale,
        "hyperparameters": seen.hyperparameters,
        "input_bands": seen.input_bands,
        "output_bands": seen.output_bands,
        "value_range": seen.value_range,
        "reach": seen.reach,
        "tiles": seen.tiles,
        "citation": seen.citation,
    }
    return ModelCard(name=name, weights=weights, licence="GPL-2.0-or-later", **{**told, **facts})


def rgbn_card(models: pathlib.Path, scale: int) -> ModelCard:
    """The card of ``s2-rgbn-x2`` or ``s2-rgbn-x4``; its figures are means over the test places."""
    quality = _quality("s2-rgbn-quality.json")
    measured = quality["scales"][str(scale)]
    bands = tuple(sentinel2_band(band) for band in _RGBN)
    facts = {
        "title": f"Sentinel-2 red, green, blue, near infrared x{scale}",
        "input_bands": bands,
        "output_bands": bands,
        "gsd_m": (10.0, 10.0),
        "psf": PointSpread("gaussian", 0.35),
        "source": "models/recipes/s2_plan.py",
        "training_data": quality["training_data_summary"],
        "quality": {
            "protocols": {protocol: _figures(row) for protocol, row in measured["mean_by_protocol"].items()},
            "mean_gain_db": round(measured["mean"]["gain"], 2),
        },
        "notes": "Trained over a range of sensor blurs. It estimates detail that the sensor did not record.",
    }
    return _card(models, f"s2-rgbn-x{scale}", facts)


def generative_card(models: pathlib.Path, scale: int) -> ModelCard:
    """The card of ``s2-rgb-x4-gan``, which tells how much of its detail is made up; means over the test places."""
    quality = _quality("s2-rgb-gan-quality.json")
    name, mean = quality["model"], quality["mean"]
    bands = tuple(sentinel2_band(band) for band in _RGBN[:3])
    own, other, plain = mean[name], mean["content"], mean["bicubic"]
    protocols = {}
    for protocol, rows in quality["mean_by_protocol"].items():
        pairs = (("bicubic", rows["bicubic"]), ("model", rows[name]))
        row = {f"{key}_{method}": found[key] for key in ("psnr", "ssim") for method, found in pairs}
        protocols[protocol] = _figures({**row, "gain": row["psnr_model"] - row["psnr_bicubic"]})
    judged = ("improvement", "hallucination", "omission", "sharpness", "edge_f1")
    facts = {
        "title": f"Edge-rich (generative) Sentinel-2 red, green, blue x{scale}",
        "input_bands": bands,
        "output_bands": bands,
        "gsd_m": (10.0, 10.0),
        "psf": PointSpread("gaussian", 0.35),
        "source": "models/recipes/plan_s2_gan.py",
        "training_data": quality["training_data_summary"],
        "generative": True,
        "quality": {
            "protocols": protocols,
            "mean_gain_db": round(own["psnr"] - plain["psnr"], 2),
            **{key: round(own[key], 2) for key in judged},
            **{f"{key}_content": round(other[key], 2) for key in judged},
            **{f"{key}_bicubic": round(plain[key], 2) for key in judged},
            "back_to_input_dn": round(own["back"], 1),
            "back_to_input_dn_bicubic": round(plain["back"], 1),
        },
        "notes": (
            "Trained against a discriminator to look sharp: it invents detail. Where bicubic is furthest from the "
            f"truth, improvement was {own['improvement']:.0%} and hallucination {own['hallucination']:.0%} (before the "
            f"adversary {other['improvement']:.0%} and {other['hallucination']:.0%}). For the eye, not for measuring."
        ),
    }
    return _card(models, name, facts)


def fusion_card(models: pathlib.Path, target: int) -> ModelCard:
    """The card of ``s2-fuse-20m`` or ``s2-fuse-60m``; its figures are means over the test places, RMSE also by band."""
    name, quality = f"s2-fuse-{target}m", _quality("s2-fuse-quality.json")
    measured = quality["models"][name]
    means = {protocol: figures["mean"] for protocol, figures in measured["protocols"].items()}
    wald = means["dsen2"]
    by_band = {
        band: {"rmse_bicubic": round(bicubic, 1), "rmse_model": round(model, 1), "ratio": round(ratio, 2)}
        for band, bicubic, model, ratio in zip(
            measured["bands"], wald["rmse_bicubic"], wald["rmse_model"], wald["ratio_of_bands"]
        )
    }
    facts = {
        "title": f"Sentinel-2 {target} m bands sharpened to 10 m",
        "gsd_m": (10.0, 10.0),
        "psf": PointSpread("box"),
        "source": "models/recipes/train_fusion.py",
        "training_data": quality["training_data_summary"],
        "quality": {
            "protocols": {protocol: _figures(figures) for protocol, figures in means.items()},
            "mean_gain_db": round(sum(figures["gain"] for figures in means.values()) / len(means), 2),
            "bands": by_band,
            "rmse_ratio": round(wald["ratio"], 2),
            "sam_ratio": round(wald["sam_ratio"], 2),
        },
        "notes": (
            f"Trained on true {target} m bands made coarser by {2 if target == 20 else 6} (Wald's protocol), of "
            "Level-1C and Level-2A. It estimates detail that the sensor did not record in these bands."
        ),
    }
    return _card(models, name, facts)


def any_card(models: pathlib.Path, scale: int) -> ModelCard:
    """The card of ``any-x2``, ``any-x3`` or ``any-x4``; its figures are means over the test places."""
    name, quality = f"any-x{scale}", _quality("any-quality.json")
    measured = quality["models"][name]
    bands = (BandSpec("any band"),)
    facts = {
        "title": f"Any band of any sensor x{scale}",
        "input_bands": bands,
        "output_bands": bands,
        "value_range": VALUE_RANGES[ANY_SCALE],
        "psf": PointSpread("gaussian", 0.35),
        "source": "models/recipes/train_any.py",
        "training_data": quality["training_data_summary"],
        "quality": {
            "protocols": {protocol: _figures(row) for protocol, row in measured["mean_by_protocol"].items()},
            "mean_gain_db": round(measured["mean"]["gain"], 2),
            "mean_gain_db_by_place": {
                place: round(sum(row["gain"] for row in rows.values()) / len(rows), 2)
                for place, rows in measured["places"].items()
            },
        },
        "notes": (
            "Takes every band on its own, of any sensor and any range of values: it gives twice the result for twice "
            "the input. Trained over a range of sensor blurs. It estimates detail that the sensor did not record."
        ),
    }
    return _card(models, name, facts)


_CARDS: Dict[str, Tuple[Callable[[pathlib.Path, int], ModelCard], int]] = {
    "s2-rgbn-x2": (rgbn_card, 2),
    "s2-rgbn-x4": (rgbn_card, 4),
    "s2-rgb-x4-gan": (generative_card, 4),
    "s2-fuse-20m": (fusion_card, 20),
    "s2-fuse-60m": (fusion_card, 60),
    "any-x2": (any_card, 2),
    "any-x3": (any_card, 3),
    "any-x4": (any_card, 4),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(_CARDS), help="models; all by default")
    parser.add_argument("--models", type=pathlib.Path, default=_RECIPES.parent)
    args = parser.parse_args()
    for name in args.names:
        card, size = _CARDS[name]
        write_card(card(args.models.resolve(), size), str(args.models / f"{name}.json"))


if __name__ == "__main__":
    main()
