"""Figures that a generative model is judged by: how much of what it adds is there, and how much is made up.

They are those of ``superres:evaluate``, computed by the same code (``sr_plugin.worker``) on images in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Mapping, Tuple

import numpy as np
import onnxruntime

from models.recipes.degradation import Blur, protocols, reduce_image
from models.recipes.scenes import LAND_NIR, Scene
from sr_plugin.core.card import PointSpread
from sr_plugin.core.edges import EdgeCounts, EdgeFigures, EdgeSettings, edge_figures
from sr_plugin.core.evaluation import BICUBIC, EvaluationSettings, figures_of
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.worker.correctness import pixel_distance
from sr_plugin.worker.edges import compare_edges
from sr_plugin.worker.evaluate import Evaluator

SCALE = 4
#: Red, green and blue of the four bands of a scene.
RGB = slice(0, 3)
#: Input pixels at the border that do not count.
BORDER = 8
#: As in ``superres:evaluate``: the quarter of the pixels that bicubic misses most.
_FLOOR_SHARE = 0.75
_DN = 10000.0
_TAKEN = ("psnr", "ssim", "sam", "improvement", "omission", "hallucination", "reflectance")

#: Takes ``(4, h, w)`` reflectance of B04, B03, B02, B08 and gives ``(3, h * 4, w * 4)`` of the first three.
Method = Callable[[np.ndarray], np.ndarray]
Figures = Dict[str, float]


@dataclass(frozen=True)
class Reduction:
    """One way to make an image coarser.

    Attributes:
        name: of the protocol.
        blur: what the input is made with.
        psf: what results are brought back to the input with.
    """

    name: str
    blur: Blur
    psf: PointSpread


def reductions() -> List[Reduction]:
    """The protocols of the shipped models; the narrow Gaussian of DSen2's is left out on the way back."""
    found = []
    for name, blur in protocols(SCALE).items():
        psf = PointSpread("box") if blur.box else PointSpread("gaussian", float(name.rsplit("-", 1)[1]))
        found.append(Reduction(name, blur, psf))
    return found


def onnx_method(path: str, bands: int, threads: int = 1) -> Method:
    """An ONNX model that takes the first ``bands`` bands."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def enlarged(low: np.ndarray) -> np.ndarray:
        (result,) = session.run(None, {"input": low[None, :bands].astype(np.float32)})
        return result[0, RGB].astype(np.float64)

    return enlarged


def reduced(scene: Scene, reduction: Reduction) -> Tuple[np.ndarray, np.ndarray]:
    """Input ``(4, h, w)`` in whole digital numbers, as a product stores them, and truth ``(4, h * 4, w * 4)``."""
    # Windows of the figures begin and end at multiples of 16 pixels.
    rows, columns = (length // 16 * 16 for length in scene.valid.shape)
    truth = scene.image[:, :rows, :columns].astype(np.float64)
    return np.round(reduce_image(truth, SCALE, reduction.blur) * _DN) / _DN, truth


def counted(truth: np.ndarray) -> np.ndarray:
    """``(h, w)`` bool: land that is not at the border."""
    inner = np.zeros(truth.shape[1:], bool)
    border = BORDER * SCALE
    inner[border:-border, border:-border] = True
    return inner & (truth[3] > LAND_NIR)


def measure(scene: Scene, reduction: Reduction, methods: Mapping[str, Method]) -> Dict[str, Figures]:
    """Figures of bicubic and of each method on one image.

    PSNR and SSIM have a range of 1, SAM is in degrees, ``back`` is the mean absolute error in digital numbers after the
    result is brought back to the input, ``sharpness`` the RMS gradient over that of the truth.
    """
    low, truth = reduced(scene, reduction)
    valid = counted(truth)
    names = {f"result{number or ''}": name for number, name in enumerate(methods)}
    arrays = [NamedArray("input", low[RGB], SCALE), NamedArray("truth", truth[RGB]), NamedArray("valid_truth", valid)]
    arrays += [NamedArray(key, methods[name](low)) for key, name in names.items()]
    whole = Window(0, 0, truth.shape[2], truth.shape[1])
    cubic = enlarge_cubic(low[RGB], SCALE)
    floor = float(np.quantile(pixel_distance(cubic, truth[RGB])[valid], _FLOOR_SHARE))
    settings = EvaluationSettings(3, SCALE, True, cell=max(truth.shape[1:]), psf=reduction.psf, floor=floor).checked()
    sums = Evaluator().answer("measure", arrays, settings.to_wire(), whole).arrays[0].data
    edges = _edges(arrays, whole)
    found = {}
    for place, key in enumerate((BICUBIC, *names)):
        overall = figures_of(sums[..., place, :].sum((0, 1)), settings).overall
        figures = {name: overall[name] for name in _TAKEN if name != "reflectance"}
        figures["back"] = overall["reflectance"] * _DN
        of = edges["result" if key == BICUBIC else key]
        sharpness, f1 = (of.sharpness_input, of.f1_input) if key == BICUBIC else (of.sharpness_result, of.f1)
        figures.update(sharpness=sharpness / of.sharpness_truth, edge_f1=f1)
        if key != BICUBIC:
            figures["new_edges_right"] = of.new_right
        found[names.get(key, BICUBIC)] = figures
    return found


def _edges(arrays: Iterable[NamedArray], whole: Window) -> Dict[str, EdgeFigures]:
    """Figures of the edges of each result in the mean of the bands; thresholds follow from the enlarged input."""
    planes = [
        NamedArray(item.name, item.data.mean(axis=0, dtype=np.float32), item.ratio) if item.data.ndim == 3 else item
        for item in arrays
    ]
    outputs = ("gradient_input", "valid_truth", "enlarged_input")
    first = compare_edges(planes, EdgeSettings(), whole, outputs)
    seen = {item.name: item.data for item in first.arrays}
    settings = EdgeSettings().resolved(
        seen["gradient_input"][seen["valid_truth"].astype(bool)], float(np.abs(seen["enlarged_input"]).max())
    )
    told = compare_edges(planes, settings, whole, ()).statistics
    found = {}
    for item in planes:
        if item.name.startswith("result"):
            own = {key[len(item.name) + 1 :]: v for key, v in told.items() if key.startswith(item.name + ".")}
            found[item.name] = edge_figures(EdgeCounts.from_wire(own), with_truth=True)
    return found


def mean_of(records: List[Dict[str, Figures]]) -> Dict[str, Figures]:
    """Means of equally weighted records, method by method and figure by figure."""
    return {
        method: {key: float(np.mean([record[method][key] for record in records])) for key in figures}
        for method, figures in records[0].items()
    }


def rounded(figures: Mapping[str, Figures]) -> Dict[str, Figures]:
    """The figures with the digits that they carry."""
    return {method: {key: round(value, 4) for key, value in row.items()} for method, row in figures.items()}
