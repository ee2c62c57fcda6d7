"""Measure ``s2-rgb-x4-gan`` on places that no weight was fitted to, and draw its picture.

    python -m models.recipes.evaluate_s2_gan --data DATA --work WORK

Beside bicubic stand the red, green and blue of ``s2-rgbn-x4`` and the content network that the model began with.
Writes the figures as JSON and prints them as Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any, Dict, List, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.recipes.evaluate_s2_rgbn import training_summary
from models.recipes.generative_figures import (
    BORDER,
    RGB,
    SCALE,
    Figures,
    Method,
    Reduction,
    mean_of,
    measure,
    onnx_method,
    reduced,
    reductions,
    rounded,
)
from models.recipes.mix_s2_gan import NAME
from models.recipes.plan_s2_gan import CONTENT, GAN
from models.recipes.rgb_start import FOUR_BANDS
from models.recipes.rgb_start import NAME as START
from models.recipes.scenes import CREDIT, LAND_NIR, TRAINING_SOURCES, Scene, test_places
from sr_plugin.core.card_file import read_card
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest

_METHOD = {
    "as": "superres:evaluate: sr_plugin.worker.evaluate and sr_plugin.worker.edges on images in memory",
    "bands": "B04, B03, B02",
    "psnr, ssim": "range reflectance 1.0; all three bands together",
    "improvement, omission, hallucination": "opensr-test's shares where bicubic misses most, a quarter",
    "edge_f1": "Canny in the mean of the bands, thresholds of the enlarged input, tolerance 2 pixels",
    "new_edges_right": "share of the edges beyond those of the input that the truth has",
    "sharpness": "root mean square of the gradient, over that of the truth",
    "back": "mean absolute error in digital numbers (reflectance x 10000) after bringing the result back to the input",
    "border": f"{BORDER} low-resolution pixels left out",
    "land": f"near-infrared reflectance above {LAND_NIR}",
    "mean": "places equally weighted; images of a place equally weighted; point spreads equally weighted",
}
_COLUMNS = {
    "psnr": ("PSNR", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "sharpness": ("Sharpness, truth 1", "{:.2f}"),
    "edge_f1": ("Edge F1", "{:.2f}"),
    "improvement": ("Improvement", "{:.2f}"),
    "hallucination": ("Hallucination", "{:.2f}"),
    "omission": ("Omission", "{:.2f}"),
    "back": ("Back to input (DN)", "{:.1f}"),
}
#: What the picture shows: place, image and upper-left corner in input pixels of each row; input pixels a side.
_SHOWN = (("dsen2", 0, 20, 60), ("majortom", 0, 120, 120))
_SIDE = 40
_ZOOM = 2
_GAP, _TITLE = 6, 20
_PICTURED = "mtf-0.35"


def by_place(places: Mapping[str, List[Scene]], methods: Mapping[str, Method]) -> Dict[str, Any]:
    """Figures of every place and point spread, and their means."""
    found: Dict[str, Dict[str, Dict[str, Figures]]] = {name: {} for name in places}
    for reduction in reductions():
        for name, scenes in places.items():
            found[name][reduction.name] = mean_of([measure(scene, reduction, methods) for scene in scenes])
            print(name, reduction.name, flush=True)
    protocols = [reduction.name for reduction in reductions()]
    by_protocol = {p: mean_of([found[name][p] for name in places]) for p in protocols}
    return {
        "places": {name: rounded(mean_of(list(rows.values()))) for name, rows in found.items()},
        "mean_by_protocol": {p: rounded(rows) for p, rows in by_protocol.items()},
        "mean": rounded(mean_of(list(by_protocol.values()))),
    }


def markdown(figures: Mapping[str, Figures]) -> str:
    """The figures of all methods as a table."""
    lines = ["| | " + " | ".join(title for title, _ in _COLUMNS.values()) + " |"]
    lines.append("| --- |" + " ---: |" * len(_COLUMNS))
    for method, row in figures.items():
        cells = " | ".join(form.format(row[key]) for key, (_, form) in _COLUMNS.items())
        lines.append(f"| {method} | {cells} |")
    return "\n".join(lines)


def _steps(work: str, stage: str) -> Dict[str, Any]:
    """What one needs to judge or repeat a training."""
    with open(os.path.join(work, stage, "plan.json"), encoding="utf-8") as file:
        plan = json.load(file)
    taken = ("steps", "batch", "patch", "seed", "precision", "threads", "ema", "content", "adversarial", "optimiser")
    return {name: plan[name] for name in taken}


def _shown(image: np.ndarray, low: float, high: float) -> Image.Image:
    """``(3, h, w)`` reflectance as a picture, ``low`` black and ``high`` white."""
    scaled = np.clip((image - low) / (high - low), 0, 1) ** (1 / 1.3)
    return Image.fromarray((scaled * 255).round().astype(np.uint8).transpose(1, 2, 0))


def picture(places: Mapping[str, List[Scene]], methods: Mapping[str, Method], reduction: Reduction) -> Image.Image:
    """Input, bicubic, the methods and the truth side by side, one row for each piece of ground."""
    titles = ["Input", "Bicubic", *methods, "Truth"]
    edge = _SIDE * SCALE * _ZOOM
    size = (len(titles) * (edge + _GAP) + _GAP, _TITLE + len(_SHOWN) * (edge + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.truetype("DejaVuSans.ttf", 13)
    for column, title in enumerate(titles):
        draw.text((_GAP + column * (edge + _GAP), 3), title, "black", font)
    for number, (place, image, row, col) in enumerate(_SHOWN):
        low, truth = reduced(places[place][image], reduction)
        low_box = (slice(None), slice(row, row + _SIDE), slice(col, col + _SIDE))
        box = (RGB, *(slice(s.start * SCALE, s.stop * SCALE) for s in low_box[1:]))
        shown = [enlarge_nearest(low[low_box][RGB], SCALE), enlarge_cubic(low[RGB], SCALE)[box]]
        shown += [method(low)[box] for method in methods.values()] + [truth[box]]
        ends = np.percentile(truth[box], (0.5, 99.5))
        for column, pixels in enumerate(shown):
            panel = _shown(pixels, *ends).resize((edge, edge), Image.Resampling.NEAREST)
            sheet.paste(panel, (_GAP + column * (edge + _GAP), _TITLE + number * (edge + _GAP)))
    return sheet


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder that holds the image sources")
    parser.add_argument("--work", required=True, help="folder of the two trainings and of mix.json")
    parser.add_argument("--models", default="models", help="folder of the ONNX files")
    parser.add_argument("--share", type=float, required=True, help="share of the generative network in the model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--picture", default=os.path.join("docs", "images", "generative_x4.jpg"))
    parser.add_argument("--json", default=os.path.join("models", "recipes", "s2-rgb-gan-quality.json"))
    arguments = parser.parse_args()
    files = {
        FOUR_BANDS: (os.path.join(arguments.models, f"{FOUR_BANDS}.onnx"), 4),
        "content": (os.path.join(arguments.work, CONTENT, "model", f"s2-rgb-x4-{CONTENT}.onnx"), 3),
        NAME: (os.path.join(arguments.models, f"{NAME}.onnx"), 3),
    }
    methods = {name: onnx_method(*file, arguments.threads) for name, file in files.items()}
    places = test_places(arguments.data)
    chosen = next(reduction for reduction in reductions() if reduction.name == _PICTURED)
    drawn = {name: method for name, method in methods.items() if name != FOUR_BANDS}
    picture(places, drawn, chosen).save(arguments.picture, quality=90)
    figures = by_place(places, methods)
    print(markdown(figures["mean"]))
    with open(os.path.join(arguments.work, "mix.json"), encoding="utf-8") as file:
        mix = json.load(file)
    quality = {
        "method": _METHOD,
        "training_data": [
            {"source": source, "licence": licence, "content": content}
            for source, (licence, content) in TRAINING_SOURCES.items()
        ],
        "training_data_summary": training_summary(),
        "credit": CREDIT,
        "model": NAME,
        "begun": read_card(os.path.join(arguments.work, f"{START}.json")).notes,
        "share": arguments.share,
        "validation_by_share": mix,
        **figures,
        "training": {stage: _steps(arguments.work, stage) for stage in (CONTENT, GAN)},
    }
    with open(arguments.json, "w", encoding="utf-8") as file:
        json.dump(quality, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
