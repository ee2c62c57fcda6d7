"""Measure the shipped band fusion models, as ONNX files, on places that no weight was fitted to.

Run from the repository root: ``python -m models.recipes.evaluate_fusion --data FOLDER``. Writes the figures as JSON and
prints them as Markdown.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import torch

from models.recipes.degradation import Blur, protocols, reduce_image
from models.recipes.fusion_model import INPUTS, MODELS
from models.recipes.fusion_patches import UNIT, wald
from models.recipes.fusion_scenes import COARSE, MIDDLE, RATIOS, TRAINING_SOURCES, FusionScene, test_places
from models.recipes.quality_file import open_onnx, parse_arguments, summary_of, training_facts, write_quality
from models.recipes.scenes import CREDIT, LAND_NIR
from sr_plugin.core.resampling import enlarge_cubic

#: Coarse pixels left out at each side, by the number of groups: the 60 m scenes are small.
_BORDER = {2: 8, 3: 1}
_DN = 10000
_DARKEST = 0.01
_DERIVED = ("ratio", "ratio_of_bands", "worst_ratio", "sam_ratio", "gain")
METHOD = {
    "protocol": "Wald: all bands made coarser by 2 (20 m bands) or 6 (60 m bands); the measured bands are the truth",
    "psnr": "over all sharpened bands together, peak reflectance 1.0",
    "rmse": "root mean square error in digital numbers (reflectance x 10000), per band, over land",
    "ratio": "mean over bands of the model's RMSE / mean over bands of bicubic's",
    "sam": "spectral angle in degrees over the sharpened bands, mean over land",
    "back": "mean absolute relative error on land: result made coarse by the same point spread against the input",
    "bicubic": "cubic convolution, a = -0.5, half-pixel centres",
    "land": f"near-infrared reflectance above {LAND_NIR}",
    "border": "coarse pixels left out at each side: 8 (20 m bands), 1 (60 m bands)",
    "dsen2": "Gaussian of 1 / ratio pixels, then ratio x ratio mean (Lanaras et al., 2018)",
    "mtf-0.25 to mtf-0.55": "Gaussian of this transfer at the Nyquist frequency of the coarse pixels, block centres",
    "input": "rounded to whole digital numbers",
    "mean": "places equally weighted; images of a place equally weighted",
}


class Fusion:
    """One ONNX model.

    Args:
        path: of the file.
        count: groups of bands it takes.
        threads: of ONNX Runtime.
    """

    def __init__(self, path: str, count: int, threads: int) -> None:
        self.count = count
        self._session = open_onnx(path, threads)

    def __call__(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        """Reflectance of every group on its own grid to that of the last group on the finest grid, float64."""
        size, feed = groups[0].shape[-2:], {}
        for (name, _), group in zip(INPUTS, groups):
            given = torch.from_numpy(np.ascontiguousarray(group, dtype=np.float32)[None] * np.float32(UNIT))
            fine = torch.nn.functional.interpolate(given, size=size, mode="bilinear", align_corners=False)
            feed[name] = fine.numpy()
        (result,) = self._session.run(None, feed)
        return result[0].astype(np.float64) / UNIT


def spectral_angle(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Angle in degrees between the spectra of ``(bands, ...)`` arrays, ``(...)``."""
    product = (one * other).sum(axis=0)
    cosine = product / (np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0) + 1e-12)
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _whole(scene: FusionScene) -> List[np.ndarray]:
    """The groups cut so that they can be made coarser without a rest."""
    ratio = RATIOS[len(scene.groups) - 1]
    rows, columns = (length // ratio * ratio for length in scene.groups[-1].shape[1:])
    return [
        group[:, : rows * ratio // own, : columns * ratio // own].astype(np.float64)
        for group, own in zip(scene.groups, RATIOS)
    ]


def measure(fusion: Fusion, scene: FusionScene, blur: Blur) -> Dict[str, Any]:
    """All figures of one scene and one point spread function."""
    ratio, border = RATIOS[fusion.count - 1], _BORDER[fusion.count]
    inputs, target = wald(_whole(scene), (blur, blur), 0)
    inputs = [np.round(group * _DN) / _DN for group in inputs]
    inner = (..., slice(border * ratio, -border * ratio), slice(border * ratio, -border * ratio))
    land = inputs[0][3][inner] > LAND_NIR
    coarse_inner = (..., slice(border, -border), slice(border, -border))
    low = inputs[-1][coarse_inner]
    figures: Dict[str, Any] = {}
    for name, result in (("bicubic", enlarge_cubic(inputs[-1], ratio)), ("model", fusion(inputs))):
        error = (result - target)[inner][:, land]
        figures[f"psnr_{name}"] = float(-10 * np.log10(np.square(error).mean()))
        figures[f"rmse_{name}"] = np.sqrt(np.square(error).mean(axis=1)) * _DN
        figures[f"sam_{name}"] = float(spectral_angle(result[inner], target[inner])[land].mean())
        back = reduce_image(result, ratio, blur)[coarse_inner]
        figures[f"back_{name}"] = float((np.abs(back - low) / np.maximum(low, _DARKEST)).mean())
    return figures


def _mean(records: Sequence[Dict[str, Any]]) -> Dict[str, Any]:
    """Key by key, with the ratios of the model's errors to those of bicubic; the worst one is of one band and scene."""
    mean = {key: np.mean([record[key] for record in records], axis=0) for key in records[0] if key not in _DERIVED}
    bands = np.asarray(mean["rmse_model"]) / np.asarray(mean["rmse_bicubic"])
    ratio = float(np.mean(mean["rmse_model"]) / np.mean(mean["rmse_bicubic"]))
    worst = max(record.get("worst_ratio", (record["rmse_model"] / record["rmse_bicubic"]).max()) for record in records)
    gain = float(mean["psnr_model"] - mean["psnr_bicubic"])
    mean = {**mean, "gain": gain, "sam_ratio": float(mean["sam_model"] / mean["sam_bicubic"])}
    return {**mean, "ratio": ratio, "ratio_of_bands": bands, "worst_ratio": float(worst)}


def _plain(value: Any) -> Any:
    """Rounded to what the figures can carry, and ready for JSON."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.ndim:
        return [round(float(item), 4 if item < 10 else 1) for item in value]
    return round(float(value), 5)


def evaluate(fusion: Fusion, places: Dict[str, List[FusionScene]]) -> Dict[str, Any]:
    """Figures by protocol and place, and their means over the places."""
    by_protocol = {}
    for protocol, blur in protocols(RATIOS[fusion.count - 1]).items():
        by_place = {name: _mean([measure(fusion, scene, blur) for scene in scenes]) for name, scenes in places.items()}
        by_protocol[protocol] = {"places": by_place, "mean": _mean(list(by_place.values()))}
    return _plain(by_protocol)


def markdown(figures: Dict[str, Any], bands: Sequence[str]) -> str:
    """RMSE of every place and band with the DSen2 protocol, and the mean ratios with every protocol."""
    lines = ["| Place | " + " | ".join(bands) + " | Mean ratio | SAM |", "| --- |" + " ---: |" * (len(bands) + 2)]
    rows: List[Tuple[str, Dict[str, Any]]] = [*figures["dsen2"]["places"].items(), ("mean", figures["dsen2"]["mean"])]
    for name, f in rows:
        cells = [f"{a:.0f} / {b:.0f}" for a, b in zip(f["rmse_model"], f["rmse_bicubic"])]
        angle = f"{f['sam_model']:.2f} / {f['sam_bicubic']:.2f}"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {f['ratio']:.2f} | {angle} |")
    lines += ["", "| Point spread | Mean ratio | Worst band of a scene | SAM ratio | Back to input |"]
    lines.append("| --- |" + " ---: |" * 4)
    for protocol, by_place in figures.items():
        f = by_place["mean"]
        lines.append(
            f"| {protocol} | {f['ratio']:.2f} | {f['worst_ratio']:.2f} | {f['sam_ratio']:.2f} | {f['back_model']:.2%} |"
        )
    return "\n".join(lines)


def training_summary() -> str:
    """The training data in one line, for a model card."""
    return summary_of("Sentinel-2 bands on their true grids from", TRAINING_SOURCES, CREDIT)


def main() -> None:
    arguments = parse_arguments(__doc__, "targets", (20, 60), "s2-fuse-quality.json")
    models: Dict[str, Any] = {}
    for target in arguments.targets:
        name, count = f"s2-fuse-{target}m", MODELS[target].plan.count
        fusion = Fusion(os.path.join(arguments.models, name + ".onnx"), count, arguments.threads)
        figures = evaluate(fusion, test_places(arguments.data, count))
        bands = (MIDDLE, COARSE)[count - 2]
        models[name] = {"bands": list(bands), "protocols": figures, **training_facts(arguments.runs, name)}
        print(name, markdown(figures, bands), sep="\n\n", end="\n\n", flush=True)
    write_quality(arguments.json, METHOD, training_summary(), CREDIT, models)


if __name__ == "__main__":
    main()
