"""Measure the shipped one-band models, as ONNX files, on images of many sensors that no weight was fitted to.

Run from the repository root: ``python -m models.recipes.evaluate_any --data FOLDER``. Writes the figures as JSON and
prints them as Markdown.
"""

from __future__ import annotations

import os
from typing import Any, Dict, Iterator, List

import numpy as np
from skimage.metrics import structural_similarity

from models.recipes.any_scenes import CREDIT, TRAINING_SOURCES, Plane, test_planes
from models.recipes.degradation import Blur, protocols, reduce_image
from models.recipes.quality_file import open_onnx, parse_arguments, summary_of, training_facts, write_quality
from sr_plugin.core.resampling import enlarge_cubic

_BORDER = 8
_LARGEST = 480
#: Edge of the whole pieces that are cut from images with holes.
_PIECE = 128
_MOST_PIECES = 12
_REFLECTANCE = 10000
METHOD = {
    "peak": "99.9th percentile of the band",
    "bands": "each on its own; bands of an image and images of a place equally weighted",
    "border": f"{_BORDER} low-resolution pixels left out",
    "input": "rounded to whole numbers of the file (Sentinel-2: reflectance x 10000)",
    "bicubic": "cubic convolution, a = -0.5, half-pixel centres",
    "mtf-0.25 to mtf-0.55": "Gaussian of this transfer at the low-resolution Nyquist frequency, block centres",
    "dsen2": "Gaussian of 1 / scale high-resolution pixels, then scale x scale mean",
    "ssim": "scikit-image, 7 x 7 window, data range = peak",
    "mean": "places equally weighted",
}


def pieces(plane: Plane) -> Iterator[np.ndarray]:
    """The middle of an image in whole numbers, or several pieces of one that has holes."""
    image = plane.image.astype(np.float64) * (_REFLECTANCE if plane.kind == "sentinel-2" else 1)
    if plane.valid.all():
        top, left = (max(0, (length - _LARGEST) // 2) for length in image.shape)
        yield image[top : top + _LARGEST, left : left + _LARGEST]
        return
    corners = [
        (slice(top, top + _PIECE), slice(left, left + _PIECE))
        for top in range(0, image.shape[0] - _PIECE + 1, _PIECE)
        for left in range(0, image.shape[1] - _PIECE + 1, _PIECE)
        if plane.valid[top : top + _PIECE, left : left + _PIECE].all()
    ]
    for corner in corners[:: max(1, len(corners) // _MOST_PIECES)][:_MOST_PIECES]:
        yield image[corner]


class Enlarger:
    """One ONNX model."""

    def __init__(self, path: str, scale: int, threads: int) -> None:
        self.scale = scale
        self._session = open_onnx(path, threads)

    def __call__(self, low: np.ndarray) -> np.ndarray:
        """``(h, w)`` in any unit to ``(h * scale, w * scale)`` float64 in the same."""
        (result,) = self._session.run(None, {"input": low[None, None].astype(np.float32)})
        return result[0, 0].astype(np.float64)


def measure(enlarger: Enlarger, image: np.ndarray, blur: Blur) -> Dict[str, float]:
    """All figures of one image ``(h, w)`` and one point spread function."""
    scale, border = enlarger.scale, _BORDER * enlarger.scale
    rows, columns = (length // scale * scale for length in image.shape)
    target = image[:rows, :columns]
    low = np.round(reduce_image(target, scale, blur))
    peak = float(np.percentile(target, 99.9))
    inner = (slice(border, -border), slice(border, -border))
    figures = {}
    for name, result in (("bicubic", enlarge_cubic(low[None], scale)[0]), ("model", enlarger(low))):
        error = np.square(result - target)[inner].mean()
        figures[f"psnr_{name}"] = float(10 * np.log10(peak**2 / error))
        figures[f"ssim_{name}"] = float(structural_similarity(target[inner], result[inner], data_range=peak))
    figures["gain"] = figures["psnr_model"] - figures["psnr_bicubic"]
    return figures


def _mean(records: List[Dict[str, float]]) -> Dict[str, float]:
    return {key: round(float(np.mean([record[key] for record in records])), 4) for key in records[0]}


def evaluate(enlarger: Enlarger, places: Dict[str, List[Plane]]) -> Dict[str, Any]:
    """Figures by place and protocol, their means, and the least gain of any single band."""
    by_place: Dict[str, Dict[str, Dict[str, float]]] = {}
    least, spreads = np.inf, protocols(enlarger.scale)
    for name, planes in places.items():
        images = [image for plane in planes for image in pieces(plane) if image.std() > 0]
        by_place[name] = {}
        for protocol, blur in spreads.items():
            records = [measure(enlarger, image, blur) for image in images]
            least = min(least, *(record["gain"] for record in records))
            by_place[name][protocol] = _mean(records)
    means = {protocol: _mean([figures[protocol] for figures in by_place.values()]) for protocol in spreads}
    return {
        "places": by_place,
        "mean_by_protocol": means,
        "mean": _mean(list(means.values())),
        "least_gain_of_one_band": round(float(least), 3),
    }


def markdown(figures: Dict[str, Any]) -> str:
    """Gain in dB of every place and protocol, with the PSNR of both in the mean."""
    names = list(figures["mean_by_protocol"])
    lines = ["| Place | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for place, rows in [*figures["places"].items(), ("mean", figures["mean_by_protocol"])]:
        lines.append(f"| {place} | " + " | ".join(f"{rows[name]['gain']:+.2f}" for name in names) + " |")
    mean = figures["mean"]
    lines.append("")
    lines.append(
        f"PSNR {mean['psnr_bicubic']:.2f} -> {mean['psnr_model']:.2f}, SSIM {mean['ssim_bicubic']:.4f} -> "
        f"{mean['ssim_model']:.4f}, least gain of one band {figures['least_gain_of_one_band']:+.2f} dB"
    )
    return "\n".join(lines)


def training_summary() -> str:
    """The training data in one line, for a model card."""
    return summary_of("Single bands of", TRAINING_SOURCES, CREDIT)


def main() -> None:
    arguments = parse_arguments(__doc__, "scales", (2, 3, 4), "any-quality.json")
    places, models = test_planes(arguments.data), {}
    for scale in arguments.scales:
        name = f"any-x{scale}"
        enlarger = Enlarger(os.path.join(arguments.models, name + ".onnx"), scale, arguments.threads)
        figures = evaluate(enlarger, places)
        models[name] = {**figures, **training_facts(arguments.runs, name)}
        print(name, markdown(figures), sep="\n\n", end="\n\n", flush=True)
    write_quality(arguments.json, METHOD, training_summary(), CREDIT, models)


if __name__ == "__main__":
    main()
