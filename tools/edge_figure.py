"""Write the picture of edges in the README: a real scene made four times coarser, super-resolved, and compared.

The scene is one that no weight of the shipped models was fitted to. It is not part of the repository: give its folder.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile

import numpy as np
from osgeo import gdal
from PIL import Image

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, PROJECT)

from models.recipes.degradation import gaussian_blur, reduce_image  # noqa: E402
from sr_plugin.pipeline.compare_edges import CompareEdgesRequest, CompareEdgesResult, compare_edges  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402

DEFAULT_PICTURE = os.path.join(PROJECT, "docs", "images", "edges_x4.png")
#: Sentinel-2 L1C of tile T33UUB, bands B4, B3, B2, B8; CC BY 4.0; contains modified Copernicus Sentinel data 2017.
SCENE = os.path.join("dsen2", "S2A_MSIL1C_20170527_T33UUB.mat")
TITLE = "Sentinel-2, tile T33UUB (data of DSen2, CC BY 4.0); contains modified Copernicus Sentinel data 2017"
MODEL, SCALE = "s2-rgbn-x4", 4
#: Modulation transfer at the Nyquist frequency of the coarse image, as measured for Sentinel-2 on the whole.
MTF = 0.35
_WIDTH = 1200


def _write(path: str, pixels: np.ndarray) -> str:
    dataset = gdal.GetDriverByName("GTiff").Create(path, *pixels.shape[:0:-1], len(pixels), gdal.GDT_UInt16)
    for number, (band, name) in enumerate(zip(pixels, ("B04", "B03", "B02", "B08")), start=1):
        dataset.GetRasterBand(number).WriteArray(np.clip(np.rint(band), 1, 65535).astype(np.uint16))
        dataset.GetRasterBand(number).SetDescription(name)
    dataset.FlushCache()
    return path


def compare_scene(data: str, folder: str, model: str = MODEL) -> CompareEdgesResult:
    """Degrade, super-resolve and compare; the files are left in ``folder``.

    Args:
        data: folder of the imagery.
        folder: where rasters, report and figure are written.
        model: the model to judge.
    """
    gdal.UseExceptions()
    truth = gdal.Open(f'HDF5:"{os.path.join(data, SCENE)}"://im10').ReadAsArray().transpose(0, 2, 1)
    paths = {name: os.path.join(folder, f"{name}.tif") for name in ("input", "result", "truth")}
    _write(paths["truth"], truth)
    _write(paths["input"], reduce_image(truth, SCALE, gaussian_blur(SCALE, MTF)))
    superresolve(SuperResolveRequest(paths["input"], paths["result"], model, worker_python=sys.executable))
    return compare_edges(
        CompareEdgesRequest(
            **paths,
            classes=os.path.join(folder, "classes.tif"),
            report=os.path.join(folder, "report.html"),
            figure=os.path.join(folder, "figure.png"),
            titles=(f"{TITLE}; made {SCALE} times coarser", model, "the scene itself"),
            worker_python=sys.executable,
        )
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder of real imagery")
    parser.add_argument("picture", nargs="?", default=DEFAULT_PICTURE, help="default: docs/images/edges_x4.png")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = compare_scene(args.data, folder).figures
        with open(os.path.join(folder, "figure.png"), "rb") as file:
            sheet = Image.open(io.BytesIO(file.read())).convert("RGB")
    height = round(sheet.height * _WIDTH / sheet.width)
    small = sheet.resize((_WIDTH, height), Image.LANCZOS)
    # A palette makes the file a third as large; k-means keeps rare colours, such as that of lost edges, in it.
    small.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=5).save(args.picture, optimize=True)
    print(f"F1 against the truth: bicubic {figures.f1_input:.3f}, {MODEL} {figures.f1:.3f}")
    print(args.picture)


if __name__ == "__main__":
    main()
