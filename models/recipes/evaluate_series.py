"""Figures of ``series-x2`` and of classical fusion, on places that nothing was trained on.

Run from the repository root: ``python -m models.recipes.evaluate_series --data DATA``. Every result comes from the same
pipeline that users run, registration included. PSNR in dB with reflectance 1.0 (8 bits: 255) as the peak, without a
border of 8 pixels of the views.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import tempfile
from typing import Dict, List, Sequence, Tuple

import numpy as np
from osgeo import gdal

from models.recipes.degradation import MTF_PROTOCOLS
from models.recipes.series_patches import blobs
from sr_plugin.core.card import PointSpread
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.pipeline.request import SuperResolveRequest
from sr_plugin.pipeline.series import superresolve_series
from sr_plugin.pipeline.series_request import SeriesRequest, SeriesView
from sr_plugin.worker.local_session import LocalSession
from sr_plugin.worker.view_fusion import observe

#: The pipeline asks GDAL itself whether something worked; other parts of the recipes have it raise.
gdal.DontUseExceptions()
_SCALE, _EDGE, _BORDER = 2, 256, 16
_METHODS = ("average:2", "shift-and-add:2", "series-x2")
_VIEWS = (2, 4, 8)
#: Where the pixels of a degraded date of a real series begin, in pixels of the original.
_PHASES = ((0, 0), (1, 1), (0, 1), (1, 0), (0, 0), (1, 1), (0, 1))


def write(path: pathlib.Path, pixels: np.ndarray, corner: Tuple[float, float], pixel: float, nodata: int = 0) -> str:
    """Write ``(bands, h, w)`` with its upper-left corner at ``(x, y)``."""
    kind = gdal.GDT_Byte if pixels.dtype == np.uint8 else gdal.GDT_UInt16
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), pixels.shape[2], pixels.shape[1], pixels.shape[0], kind)
    dataset.SetGeoTransform((corner[0], pixel, 0.0, corner[1], 0.0, -pixel))
    for number, band in enumerate(pixels, start=1):
        dataset.GetRasterBand(number).SetNoDataValue(nodata)
        dataset.GetRasterBand(number).WriteArray(band)
    del dataset
    return str(path)


def read(path: str) -> np.ndarray:
    """All pixels as ``(bands, h, w)`` float64."""
    return gdal.Open(path).ReadAsArray().astype(np.float64)


def psnr(result: np.ndarray, truth: np.ndarray, peak: float) -> float:
    """dB over all bands, without the border, where the truth has data."""
    inner = (slice(None), slice(_BORDER, -_BORDER), slice(_BORDER, -_BORDER))
    apart = (result - truth)[inner][truth[inner] > 0]
    return float(20 * np.log10(peak) - 10 * np.log10(np.mean(apart**2)))


def fused(paths: Sequence[str], model: str, folder: pathlib.Path) -> np.ndarray:
    """The result of the pipeline."""
    output = str(folder / "fused.tif")
    bands = tuple(range(1, gdal.Open(paths[0]).RasterCount + 1))
    run = SuperResolveRequest("", output, model, bands=bands)
    views = tuple(SeriesView(path) for path in paths)
    superresolve_series(SeriesRequest(run, views), open_session=lambda _: LocalSession())
    return read(output)


def simulated(truth: np.ndarray, mtf: float, folder: pathlib.Path, seed: int) -> List[str]:
    """Views of a scene in reflectance: random shifts, haze, noise of 10 DN, clouds over 30 % of every third."""
    rng = np.random.default_rng(seed)
    paths = []
    for number in range(max(_VIEWS)):
        shift = (0.0, 0.0) if number == 0 else tuple(rng.uniform(-1.0, 1.0, 2))
        view = observe(truth, _SCALE, shift, PointSpread("gaussian", mtf))
        view = view * (1 + rng.uniform(-0.1, 0.1) * (number > 0)) + rng.uniform(0, 0.02) * (number > 0)
        dn = np.clip(np.round(view * 10000 + rng.normal(0, 10, view.shape)), 1, 65535).astype(np.uint16)
        if number % 3 == 1:
            dn[:, blobs(dn.shape[1:], 0.3, rng)] = 0
        # The georeference knows half of the shift.
        told = tuple(np.round(0.5 * side, 3) for side in shift)
        paths.append(write(folder / f"view{number}.tif", dn, (told[1] * 20.0, -told[0] * 20.0), 20.0))
    return paths


def test_scenes(data: str) -> Dict[str, np.ndarray]:
    """Crops in reflectance, ``(4, n, n)``, of the places that are kept for tests."""
    cell = gdal.Open(os.path.join(data, "majortom-199U-1099R", "S2B_MSIL2A_20200223_T48QUE_10m.tif")).ReadAsArray()
    scenes = {"Major TOM 199U_1099R": cell[:, 300 : 300 + _EDGE, 300 : 300 + _EDGE] / 10000.0}
    crop = gdal.Open(f'HDF5:"{data}/dsen2/S2A_MSIL1C_20170527_T33UUB.mat"://im10').ReadAsArray().transpose(0, 2, 1)
    scenes["T33UUB"] = crop[:, 100 : 100 + _EDGE, 100 : 100 + _EDGE] / 10000.0
    return scenes


def evaluate_simulated(data: str) -> Dict[str, Dict[str, float]]:
    """Mean PSNR by number of views and method; ``bicubic`` of the reference, ``best`` of the best single view."""
    rows: Dict[str, Dict[str, List[float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for seed, truth in enumerate(test_scenes(data).values()):
            for mtf in MTF_PROTOCOLS[::2]:
                paths = simulated(truth, mtf, folder, seed)
                bicubic = psnr(enlarge_cubic(read(paths[0]), _SCALE), truth * 10000, 10000)
                for count in _VIEWS:
                    row = rows.setdefault(f"{count} views", {})
                    row.setdefault("bicubic", []).append(bicubic)
                    for model in _METHODS:
                        result = fused(paths[:count], model, folder)
                        row.setdefault(model, []).append(psnr(result, truth * 10000, 10000))
                row = rows.setdefault("1 view", {})
                row.setdefault("bicubic", []).append(bicubic)
                for model in _METHODS[1:]:
                    row.setdefault(model, []).append(psnr(fused(paths[:1], model, folder), truth * 10000, 10000))
                latest = {name: {m: v[-1] for m, v in row.items()} for name, row in rows.items()}
                print(json.dumps({"mtf": mtf, **latest}), flush=True)
    return {name: {m: round(float(np.mean(v)), 2) for m, v in row.items()} for name, row in rows.items()}


def naip(data: str) -> Tuple[List[np.ndarray], List[Tuple[float, float]], float, float]:
    """Dates of the NAIP series, their corners, pixel size and peak."""
    folder = pathlib.Path(data) / "naip-series"
    images, corners = [], []
    for path in sorted(folder.glob("*.tif")):
        dataset = gdal.Open(str(path))
        transform = dataset.GetGeoTransform()
        images.append(dataset.ReadAsArray(100, 100, 320, 320))
        corners.append((transform[0] + 100 * transform[1], transform[3] + 100 * transform[5]))
    return images, corners, 5.0, 255.0


def bouconne(data: str) -> Tuple[List[np.ndarray], List[Tuple[float, float]], float, float]:
    """Monthly syntheses of Bouconne in four bands, the last with remains of clouds; one grid for all."""
    stack = gdal.Open(os.path.join(data, "bouconne-s2-series", "2018_3A_Theia_Bouconne.tif")).ReadAsArray()
    dates = [np.clip(stack[10 * n : 10 * n + 4, :226, :246], 1, 65535).astype(np.uint16) for n in range(7)]
    return dates, [(0.0, 0.0)] * 7, 10.0, 10000.0


def evaluate_real(
    images: List[np.ndarray], corners: List[Tuple[float, float]], pixel: float, peak: float, references: Sequence[int]
) -> Dict[str, float]:
    """Some dates in turn are the reference: all dates at half their resolution, against the original of that date."""
    rows: Dict[str, List[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for reference in references:
            order = [reference, *(n for n in range(len(images)) if n != reference)]
            paths = []
            for place, number in enumerate(order):
                down, right = _PHASES[place % len(_PHASES)]
                image = images[number][:, down:, right:].astype(np.float64)
                image = image[:, : image.shape[1] // 2 * 2, : image.shape[2] // 2 * 2]
                low = observe(image, _SCALE, (0.0, 0.0), PointSpread("gaussian", 0.35))
                low = np.clip(np.round(low), 1, np.iinfo(images[number].dtype).max).astype(images[number].dtype)
                corner = (corners[number][0] + right * pixel, corners[number][1] - down * pixel)
                paths.append(write(folder / f"date{place}.tif", low, corner, pixel * _SCALE))
            truth = images[reference].astype(np.float64)
            truth = truth[:, : truth.shape[1] // 2 * 2, : truth.shape[2] // 2 * 2]
            figures = {"bicubic": psnr(enlarge_cubic(read(paths[0]), _SCALE), truth, peak)}
            for model in _METHODS:
                figures[model] = psnr(fused(paths, model, folder), truth, peak)
            for model in _METHODS[1:]:
                figures[f"{model}, reference alone"] = psnr(fused(paths[:1], model, folder), truth, peak)
            print(json.dumps(figures), flush=True)
            for key, value in figures.items():
                rows.setdefault(key, []).append(value)
    return {key: round(float(np.mean(values)), 2) for key, values in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the sources")
    parser.add_argument("--output", default=str(pathlib.Path(__file__).with_name("series-quality.json")))
    arguments = parser.parse_args()
    figures = {
        "naip": evaluate_real(*naip(arguments.data), (0, 2, 4)),
        "bouconne": evaluate_real(*bouconne(arguments.data), (0, 2, 4)),
        "simulated": evaluate_simulated(arguments.data),
    }
    card = {f"psnr_simulated_{name.replace(' ', '_')}": row for name, row in figures["simulated"].items()}
    with open(arguments.output, "w", encoding="utf-8") as file:
        json.dump({**figures, "card": card}, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
