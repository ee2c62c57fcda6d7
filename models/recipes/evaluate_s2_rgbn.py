"""Measure the shipped Sentinel-2 models, as ONNX files, on places that no weight was fitted to.

Run from the repository root: ``python -m models.recipes.evaluate_s2_rgbn --data FOLDER``. Writes the figures as JSON
and prints them as Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Dict, List, Tuple

import numpy as np
import onnxruntime
from skimage.metrics import structural_similarity

from models.recipes.degradation import protocols, reduce_image
from models.recipes.scenes import CREDIT, LAND_NIR, TRAINING_SOURCES, Scene, test_places
from sr_plugin.core.resampling import enlarge_cubic

_BORDER = 8
_PEAK = 1.0
#: Reflectance below which a relative error would say more about the dark pixel than about the model.
_DARKEST = 0.01
_NDVI_CROP = 384
_NIR, _RED = 3, 0
_METHOD = {
    "peak": "reflectance 1.0 (digital number 10000)",
    "bands": "B04, B03, B02, B08 together: one mean squared error over all four",
    "border": f"{_BORDER} low-resolution pixels left out",
    "land": f"near-infrared reflectance above {LAND_NIR}",
    "bicubic": "cubic convolution, a = -0.5, half-pixel centres",
    "mtf-0.25 to mtf-0.55": "Gaussian of this transfer at the low-resolution Nyquist frequency, block centres",
    "dsen2": "Gaussian of 1 / scale high-resolution pixels, then scale x scale mean",
    "mean": "places equally weighted; images of a place equally weighted",
    "ssim": "scikit-image, 7 x 7 window, data range 1.0, mean of the map over land and bands",
    "consistency": "mean absolute relative error on land: result reduced by the same point spread against input",
    "ndvi": "median absolute difference on land: real 10 m image against its result averaged over blocks",
}


class Enlarger:
    """The two things compared: one ONNX model and cubic convolution."""

    def __init__(self, path: str, scale: int, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.scale = scale
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def model(self, low: np.ndarray) -> np.ndarray:
        """``(4, h, w)`` reflectance to ``(4, h * scale, w * scale)`` float64."""
        (result,) = self._session.run(None, {"input": low[None].astype(np.float32)})
        return result[0].astype(np.float64)

    def bicubic(self, low: np.ndarray) -> np.ndarray:
        """The same by interpolation."""
        return enlarge_cubic(low.astype(np.float64), self.scale)

    def seconds(self, edge: int = 256) -> float:
        """Best of five runs on ``edge`` x ``edge`` pixels."""
        low = np.random.default_rng(0).uniform(0.0, 0.5, (4, edge, edge))
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            self.model(low)
            times.append(time.perf_counter() - begun)
        return min(times)


def _inner(array: np.ndarray, border: int) -> np.ndarray:
    return array[..., border:-border, border:-border]


def _psnr(result: np.ndarray, target: np.ndarray, land: np.ndarray) -> float:
    return float(10 * np.log10(_PEAK**2 / np.square(result - target)[:, land].mean()))


def _ssim(result: np.ndarray, target: np.ndarray, land: np.ndarray) -> float:
    maps = structural_similarity(target, result, data_range=_PEAK, channel_axis=0, full=True)[1]
    return float(maps[:, land].mean())


def _consistency(result: np.ndarray, low: np.ndarray, scale: int, blur: object) -> float:
    again = _inner(reduce_image(result, scale, blur), _BORDER)
    low = _inner(low, _BORDER)
    error = np.abs(again - low) / np.maximum(low, _DARKEST)
    return float(error[:, low[_NIR] > LAND_NIR].mean())


def measure(enlarger: Enlarger, scene: Scene, blur: object) -> Dict[str, float]:
    """All figures of one image and one point spread function."""
    scale = enlarger.scale
    rows, columns = (length // scale * scale for length in scene.valid.shape)
    target = scene.image[:, :rows, :columns].astype(np.float64)
    # What a product stores are whole digital numbers; the network sees the same rounding.
    low = np.round(reduce_image(target, scale, blur) * 10000) / 10000
    inner = _inner(target, _BORDER * scale)
    land = inner[_NIR] > LAND_NIR
    figures = {}
    for name, result in (("bicubic", enlarger.bicubic(low)), ("model", enlarger.model(low))):
        cropped = _inner(result, _BORDER * scale)
        figures[f"psnr_{name}"] = _psnr(cropped, inner, land)
        figures[f"ssim_{name}"] = _ssim(cropped, inner, land)
        figures[f"consistency_{name}"] = _consistency(result, low, scale, blur)
    figures["gain"] = figures["psnr_model"] - figures["psnr_bicubic"]
    return figures


def mean_of(records: List[Dict[str, float]]) -> Dict[str, float]:
    """Key by key, rounded to what the figures can carry."""
    return {key: round(float(np.mean([record[key] for record in records])), 5) for key in records[0]}


def _ndvi(image: np.ndarray) -> np.ndarray:
    total = image[_NIR] + image[_RED]
    return (image[_NIR] - image[_RED]) / np.where(np.abs(total) < 1e-6, 1e-6, total)


def ndvi_change(enlarger: Enlarger, scene: Scene) -> float:
    """How far the NDVI moves when the real 10 m image is enlarged and averaged back."""
    low = scene.image[:, :_NDVI_CROP, :_NDVI_CROP]
    result = enlarger.model(low)
    scale = enlarger.scale
    blocks = result.reshape(4, low.shape[1], scale, low.shape[2], scale).mean(axis=(2, 4))
    land = _inner(low[_NIR] > LAND_NIR, _BORDER)
    return float(np.median(_inner(np.abs(_ndvi(blocks) - _ndvi(low)), _BORDER)[land]))


def evaluate(enlarger: Enlarger, places: Dict[str, List[Scene]]) -> Dict[str, object]:
    """Figures by place and protocol, and their means."""
    by_place: Dict[str, Dict[str, Dict[str, float]]] = {name: {} for name in places}
    means = {}
    for protocol, blur in protocols(enlarger.scale).items():
        for name, scenes in places.items():
            by_place[name][protocol] = mean_of([measure(enlarger, scene, blur) for scene in scenes])
        means[protocol] = mean_of([by_place[name][protocol] for name in places])
    ndvi = {name: float(np.mean([ndvi_change(enlarger, s) for s in scenes])) for name, scenes in places.items()}
    return {
        "places": by_place,
        "mean_by_protocol": means,
        "mean": mean_of(list(means.values())),
        "ndvi_median_absolute_difference": {name: round(value, 5) for name, value in ndvi.items()},
        "seconds_for_256x256": round(enlarger.seconds(), 3),
    }


def markdown(figures: Dict[str, object]) -> str:
    """The means over the places as a table."""
    lines = [
        "| Point spread | PSNR bicubic | model | Gain | SSIM bicubic | model | Back to input, bicubic | model |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    rows: List[Tuple[str, Dict[str, float]]] = [*figures["mean_by_protocol"].items(), ("mean", figures["mean"])]
    for name, f in rows:
        lines.append(
            f"| {name} | {f['psnr_bicubic']:.2f} | {f['psnr_model']:.2f} | {f['gain']:+.2f} | {f['ssim_bicubic']:.4f} "
            f"| {f['ssim_model']:.4f} | {f['consistency_bicubic']:.2%} | {f['consistency_model']:.2%} |"
        )
    return "\n".join(lines)


def gains_by_place(figures: Dict[str, object]) -> str:
    """Gain in dB of every place and protocol as a table."""
    names = list(figures["mean_by_protocol"])
    lines = ["| Place | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for place, by_protocol in figures["places"].items():
        lines.append(f"| {place} | " + " | ".join(f"{by_protocol[name]['gain']:+.2f}" for name in names) + " |")
    return "\n".join(lines)


def _training_list() -> List[Dict[str, str]]:
    return [
        {"source": source, "licence": licence, "content": content}
        for source, (licence, content) in TRAINING_SOURCES.items()
    ]


def training_summary() -> str:
    """The training data in one line, for a model card."""
    listed = ", ".join(f"{source} ({licence})" for source, (licence, _) in TRAINING_SOURCES.items())
    return f"Sentinel-2 10 m bands from {listed}; {CREDIT}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder that holds the image sources")
    parser.add_argument("--models", default="models", help="folder of the ONNX files")
    parser.add_argument("--runs", help="folder of the training runs, for their facts")
    parser.add_argument("--scales", type=int, nargs="+", default=(2, 4))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", default=os.path.join("models", "recipes", "s2-rgbn-quality.json"))
    arguments = parser.parse_args()
    places, scales = test_places(arguments.data), {}
    for scale in arguments.scales:
        name = f"s2-rgbn-x{scale}"
        enlarger = Enlarger(os.path.join(arguments.models, name + ".onnx"), scale, arguments.threads)
        figures = scales[str(scale)] = {"model": name, **evaluate(enlarger, places)}
        if arguments.runs:
            with open(os.path.join(arguments.runs, name + ".run.json"), encoding="utf-8") as file:
                figures["training"] = json.load(file)
        print(name, markdown(figures), gains_by_place(figures), sep="\n\n", end="\n\n", flush=True)
    quality = {
        "method": _METHOD,
        "training_data": _training_list(),
        "training_data_summary": training_summary(),
        "credit": CREDIT,
        "scales": scales,
    }
    with open(arguments.json, "w", encoding="utf-8") as file:
        json.dump(quality, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
