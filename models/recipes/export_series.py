"""Write the trained ``series-x2`` as ONNX with its card.

Run from the repository root: ``python -m models.recipes.export_series WORK/series-x2.pt``, and once more when
``evaluate_series`` has written its figures, which go into the card.
"""

from __future__ import annotations

import argparse
import json
import pathlib

import numpy as np
import onnxruntime
import torch

from sr_plugin.core.card import MULTI_IMAGE, BandSpec, ModelCard, PointSpread, WeightFile
from sr_plugin.core.card_file import write_card
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.value_range import VALUE_RANGES
from sr_plugin.worker.architectures.seriesnet import SeriesNet

QUALITY_FILE = "series-quality.json"
_OPSET, _TOLERANCE = 17, 1e-4
#: Pixels: those of the classical fusion, of the surroundings taken off, and of the network's own convolutions.
_REACH = 24 + 6 + 14


def write_onnx(path: str, model: SeriesNet) -> None:
    """ONNX with any number of views, height and width."""
    taken = 2 * model.scale**2 + 4
    free = {0: "views", 2: "height", 3: "width"}
    torch.onnx.export(
        model,
        (torch.rand(3, taken, 24, 32),),
        path,
        opset_version=_OPSET,
        dynamo=False,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": free, "output": {2: "high_height", 3: "high_width"}},
    )


@torch.no_grad()
def check_onnx(path: str, model: SeriesNet) -> float:
    """Largest difference between ONNX Runtime and torch, for other numbers of views and sizes than the traced ones."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for views, height, width in ((1, 57, 40), (7, 16, 91)):
        x = torch.randn(views, 2 * model.scale**2 + 4, height, width, generator=generator)
        (y,) = session.run(["output"], {"input": x.numpy()})
        worst = max(worst, float(np.abs(y - model(x).numpy()).max()))
    return worst


def card_of(path: pathlib.Path, model: SeriesNet, quality: dict) -> ModelCard:
    """The card of the shipped model."""
    return ModelCard(
        name=path.stem,
        title=f"Time series of any bands x{model.scale}",
        family="seriesnet",
        scale=model.scale,
        kind=MULTI_IMAGE,
        hyperparameters={"scale": model.scale, "width": 32, "encoder": 2, "decoder": 3},
        input_bands=(BandSpec("band"),),
        output_bands=(BandSpec("band"),),
        value_range=VALUE_RANGES["s2-10k"],
        reach=_REACH,
        psf=PointSpread("gaussian", 0.35),
        weights=(WeightFile(str(path), "onnx", sha256_of(str(path))),),
        licence="GPL-2.0-or-later",
        source="models/recipes/train_series.py",
        citation="After M. Deudon et al., HighRes-net: recursive fusion for multi-frame SR, 2020, arXiv:2002.06460",
        training_data=(
            "Simulated series of Sentinel-2 scenes (18SVG, SSL4EO-S12, BigEarthNet, test images of open-source "
            "projects; contains modified Copernicus Sentinel data) and NAIP chips; see models/recipes."
        ),
        quality=quality,
        notes=(
            "Fuses several views of one place, band by band, with shift-and-add and back projection, and sharpens the "
            "result. It estimates detail that the sensor did not record; the fewer the views, the more of it."
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="file written by the training")
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[1])
    parser.add_argument("--scale", type=int, default=2)
    arguments = parser.parse_args()
    model = SeriesNet(arguments.scale)
    model.load_state_dict(torch.load(arguments.checkpoint, map_location="cpu", weights_only=True)["ema"])
    model.eval()
    path = arguments.models.resolve() / f"series-x{arguments.scale}.onnx"
    write_onnx(str(path), model)
    difference = check_onnx(str(path), model)
    if difference > _TOLERANCE:
        raise RuntimeError(f"ONNX Runtime differs from torch by {difference:.2g}")
    figures = arguments.models / "recipes" / QUALITY_FILE
    quality = json.loads(figures.read_text(encoding="utf-8"))["card"] if figures.exists() else {}
    write_card(card_of(path, model, quality), str(path.with_suffix(".json")))


if __name__ == "__main__":
    main()
