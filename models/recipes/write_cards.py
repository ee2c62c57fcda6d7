"""Write the model cards of ``s2-rgbn-x2`` and ``s2-rgbn-x4`` beside their weights."""

from __future__ import annotations

import argparse
import json
import pathlib

from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.bands import sentinel2_band
from sr_plugin.core.card import ModelCard, PointSpread, WeightFile
from sr_plugin.core.card_file import write_card
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.digest import sha256_of

BANDS = ("B04", "B03", "B02", "B08")
QUALITY_FILE = "s2-rgbn-quality.json"


def measured(quality: dict, scale: int) -> dict:
    """The figures that belong on the card: means over the test places, per protocol, rounded to what they are worth."""
    figures = quality["scales"][str(scale)]
    protocols = {
        protocol: {key: round(value, 4 if key.startswith(("ssim", "consistency")) else 2) for key, value in row.items()}
        for protocol, row in figures["mean_by_protocol"].items()
    }
    return {"protocols": protocols, "mean_gain_db": round(figures["mean"]["gain"], 2)}


def card_of(models: pathlib.Path, scale: int, quality: dict) -> ModelCard:
    """The card of one shipped model."""
    name = f"s2-rgbn-x{scale}"
    files = [(models / f"{name}.onnx", "onnx"), (models / f"{name}.safetensors", "safetensors")]
    seen = recognise(read_checkpoint(str(files[1][0])).tensors)
    bands = tuple(sentinel2_band(band) for band in BANDS)
    return ModelCard(
        name=name,
        title=f"Sentinel-2 red, green, blue, near infrared x{scale}",
        family=seen.family,
        scale=scale,
        hyperparameters=seen.hyperparameters,
        input_bands=bands,
        output_bands=bands,
        gsd_m=(10.0, 10.0),
        value_range=seen.value_range,
        reach=seen.reach,
        psf=PointSpread("gaussian", 0.35),
        tiles=seen.tiles,
        weights=tuple(WeightFile(str(path), container, sha256_of(str(path))) for path, container in files),
        licence="GPL-2.0-or-later",
        source="models/recipes/train_s2_rgbn.py",
        citation=seen.citation,
        training_data=quality["training_data_summary"],
        quality=measured(quality, scale),
        notes="Trained over a range of sensor blurs. It estimates detail that the sensor did not record.",
    )


def main() -> None:
    """Write both cards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[1])
    args = parser.parse_args()
    quality = json.loads((args.models / "recipes" / QUALITY_FILE).read_text(encoding="utf-8"))
    for scale in (2, 4):
        write_card(card_of(args.models.resolve(), scale, quality), str(args.models / f"s2-rgbn-x{scale}.json"))


if __name__ == "__main__":
    main()
