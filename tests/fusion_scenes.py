"""Small scenes of several resolutions on grids that need not nest, and small band-fusion models with random numbers."""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np

from sr_plugin.core.architectures.registry import FAMILIES
from tests.conftest import write_raster

FINE = ("B02", "B03", "B04", "B08")
MIDDLE = ("B05", "B06", "B07", "B8A", "B11", "B12")
COARSE = ("B01", "B09")
LEFT, TOP = 500000.0, 4100000.0
#: Groups of the networks for bands of 20 m and of 60 m.
GROUPS = {"20m": [[4, 1], [6, 2]], "60m": [[4, 1], [6, 2], [2, 6]]}


def scene_bands(count: int, rows: int, columns: int, seed: int = 7) -> np.ndarray:
    """Terrain with texture and edges, ``(count, rows, columns)`` like reflectance times 10000."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns]
    fields = rng.integers(0, 1500, (rows // 8 + 1, columns // 8 + 1)).repeat(8, 0).repeat(8, 1)[:rows, :columns]
    bands = []
    for band in range(count):
        gain = 0.5 + band / count
        wave = 1800 + 700 * np.sin(y / (9.0 + band)) * np.cos(x / (13.0 - band / 2))
        bands.append(wave * gain + fields * (1.3 - gain / 2) + rng.normal(0, 20, (rows, columns)))
    return np.clip(bands, 1, 65535)


def block_means(bands: np.ndarray, ratio: int, phase: Tuple[int, int]) -> np.ndarray:
    """Means over blocks that begin ``phase`` pixels (columns, rows) left of and above the first one."""
    left, top = phase
    right = -(bands.shape[2] + left) % ratio
    bottom = -(bands.shape[1] + top) % ratio
    padded = np.pad(bands, ((0, 0), (top, bottom), (left, right)), mode="reflect")
    rows, columns = padded.shape[1] // ratio, padded.shape[2] // ratio
    return padded.reshape(-1, rows, ratio, columns, ratio).mean(axis=(2, 4))


def write_scene(
    folder: pathlib.Path,
    size: Tuple[int, int] = (70, 83),
    phases: Sequence[Tuple[float, float]] = ((1, 0), (1, 2)),
    nodata: Any = None,
    change: Callable[[str, np.ndarray], np.ndarray] = lambda name, pixels: pixels,
    pixel_type: str = "uint16",
    seed: int = 7,
) -> List[str]:
    """Rasters of 10 m, 20 m and 60 m of one scene.

    Args:
        folder: where to.
        size: rows and columns of the finest one.
        phases: fine pixels by which the grids of 20 m and 60 m begin left of and above the finest one.
        nodata: declared by all.
        change: called with ``10m`` and so on and the pixels, before they are written.
        pixel_type: of all of them.
        seed: of the scene.

    Returns:
        Their paths.
    """
    bands = scene_bands(12, *size, seed=seed)
    layers: Dict[str, Tuple[np.ndarray, Sequence[str], float, Tuple[float, float]]] = {
        "10m": (bands[:4], FINE, 10.0, (0, 0))
    }
    for name, part, names, ratio, phase in (
        ("20m", bands[4:10], MIDDLE, 2, phases[0]),
        ("60m", bands[10:], COARSE, 6, phases[1]),
    ):
        nearest = (int(np.ceil(phase[0])), int(np.ceil(phase[1])))
        layers[name] = (block_means(part, ratio, nearest), names, 10.0 * ratio, phase)
    paths = []
    for name, (pixels, names, step, (left, top)) in layers.items():
        rounded = change(name, np.rint(pixels).astype(pixel_type))
        corner = (LEFT - 10.0 * left, step, 0.0, TOP + 10.0 * top, 0.0, -step)
        path = folder / f"scene_{name}.tif"
        paths.append(write_raster(path, rounded, corner, nodata=nodata, descriptions=names))
    return paths


def write_fusion_model(
    path: pathlib.Path, groups: str = "20m", width: int = 8, blocks: int = 1, seed: int = 0, strength: float = 0.3
) -> str:
    """A small DSen2 with random numbers, whose residual grows with ``strength``, as torch writes it; its path."""
    import torch

    family = next(family for family in FAMILIES if family.id == "dsen2")
    sizes = {"groups": GROUPS[groups], "width": width, "blocks": blocks, "residual_scale": 0.1}
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in family.expected_shapes(sizes).items():
        fan = int(np.prod(shape[1:])) if len(shape) > 1 else 100
        arrays[name] = (rng.normal(0, 1, shape) / np.sqrt(fan)).astype(np.float32)
    arrays[f"convs.{2 * blocks + 1}.weight"] *= strength
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, str(path))
    return str(path)
