"""Write the picture of an evaluation in the user guide: a real scene made four times coarser, enlarged, and judged.

The scene is one that no weight of the shipped models was fitted to. It is not part of the repository: give its folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

from PIL import Image

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, PROJECT)

from sr_plugin.core.card import PointSpread  # noqa: E402
from sr_plugin.pipeline.evaluate import evaluate  # noqa: E402
from sr_plugin.pipeline.evaluation_request import EvaluateRequest, EvaluateResult  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402
from tools.edge_figure import MODEL, MTF, SCALE, TITLE, compare_scene  # noqa: E402

DEFAULT_PICTURE = os.path.join(PROJECT, "docs", "images", "evaluation.png")
#: A model of half the factor, to be ranked, too.
OTHER_MODEL = "s2-rgbn-x2"
_WIDTH = 1200


def evaluate_scene(data: str, folder: str) -> EvaluateResult:
    """Degrade, super-resolve with two models, and judge; the files are left in ``folder``.

    Args:
        data: folder of the imagery.
        folder: where rasters, report and figure are written.
    """
    compare_scene(data, folder)
    paths = {name: os.path.join(folder, f"{name}.tif") for name in ("input", "result", "truth", "other")}
    superresolve(SuperResolveRequest(paths["input"], paths["other"], OTHER_MODEL, worker_python=sys.executable))
    return evaluate(
        EvaluateRequest(
            paths["input"],
            (paths["result"], paths["other"]),
            paths["truth"],
            psf=PointSpread("gaussian", MTF),
            report=os.path.join(folder, "evaluation.html"),
            figure=os.path.join(folder, "evaluation.png"),
            titles=(f"{TITLE}; made {SCALE} times coarser", MODEL, OTHER_MODEL, "the scene itself"),
            worker_python=sys.executable,
        )
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder of real imagery")
    parser.add_argument("picture", nargs="?", default=DEFAULT_PICTURE, help="default: docs/images/evaluation.png")
    parser.add_argument("--report", metavar="FILE", help="keep the report, too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = evaluate_scene(args.data, folder)
        with Image.open(os.path.join(folder, "evaluation.png")) as sheet:
            small = sheet.convert("RGB").resize((_WIDTH, round(sheet.height * _WIDTH / sheet.width)), Image.LANCZOS)
        if args.report:
            os.replace(os.path.join(folder, "evaluation.html"), args.report)
    small.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=5).save(args.picture, optimize=True)
    for name, _ in result.ranking:
        overall = result.figures[name].overall
        print(f"{result.titles[name]}: PSNR {overall['psnr']:.2f} dB, SSIM {overall['ssim']:.4f}")
    print(args.picture)


if __name__ == "__main__":
    main()
