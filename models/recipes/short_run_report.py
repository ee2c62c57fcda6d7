"""A table and a picture of the short runs, for the documentation.

python -m models.recipes.short_run_report --work WORK --figure docs/images/short_runs.jpg
"""

from __future__ import annotations

import argparse
import io
import json
import os
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from models.recipes.short_run_figures import fresh_trainer, held_out, scratch_of
from models.recipes.short_run_plans import BY_NAME
from models.recipes.short_runs import RECORD
from sr_plugin.core.card import BandSpec
from sr_plugin.core.job_folder import JobFolder
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.resampling import enlarge_nearest
from sr_plugin.core.training_plan import read_plan
from sr_plugin.worker.figure import draw_figure
from sr_plugin.worker.training.panels import shown_bands

_WIDTH, _QUALITY = 1500, 82
_RUNS_IN_A_ROW = 2
_PERCENTILES = (1.0, 99.0)
#: Short-wave infrared, near infrared and red edge, where there is no blue.
_INFRARED = ("B12", "B8A", "B05")


def _figure_text(figures: Mapping[str, float]) -> str:
    return f"{figures['psnr']:.2f} / {figures['ssim']:.4f}" if figures else ""


def table(record: Mapping[str, Any]) -> str:
    """The record as Markdown: what was trained, on what, for how long, and the figures from before and after."""
    lines = [
        "| Run | Pairs to train on / validate with | Network | Steps | Minutes | Bicubic | Untrained | Trained |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, run in record.items():
        figures, counts, plan = run["validation"], run["pairs"]["counts"], run["plan"]
        network = f"`{plan['family']}`, {run['weights'] / 1e6:.2f} million weights"
        cells = [
            f"`{name}`: {run['title']}",
            f"{counts['train']} / {counts['validation']}",
            network + (" and a PatchGAN" if plan["adversarial"]["kind"] != "none" else ""),
            str(run["steps"]),
            f"{run['seconds']['processor'] / 60:.1f}",
            _figure_text(figures.get("bicubic", {})),
            _figure_text(figures["untrained"]),
            f"**{_figure_text(figures['trained'])}**",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def display_bands(bands: Sequence[BandSpec]) -> Tuple[int, int, int]:
    """Which bands of a target are shown as red, green and blue."""
    names = [band.name for band in bands]
    if "B04" not in names and all(name in names for name in _INFRARED):
        red, green, blue = (names.index(name) for name in _INFRARED)
        return red, green, blue
    return shown_bands(bands)


def stretched(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """``(3, h, w)`` as uint8 ``(h, w, 3)``, in the contrast of another image."""
    low, high = (np.percentile(like, p, axis=(1, 2))[:, None, None] for p in _PERCENTILES)
    return np.rint(np.moveaxis(np.clip((image - low) / np.maximum(high - low, 1e-9), 0, 1), 0, -1) * 255).astype(
        np.uint8
    )


def _panels(name: str, work: str) -> List[np.ndarray]:
    """Input, result and target of the held-out patch without gaps whose target varies most."""
    folder = JobFolder(os.path.join(work, "trainings", name))
    trainer = fresh_trainer(read_plan(folder.plan), scratch_of(work, name))
    trainer.load_weights(folder.best)
    patches = [held_out(trainer, number) for number in range(len(trainer.validation))]
    given, result, target, _ = max(patches, key=lambda patch: float(patch[3].all()) + float(patch[2].std()))
    bands = list(display_bands(trainer.dataset.target.bands))
    ends = target[bands]
    own = given[bands] if len(given) == len(target) else given[[0, 0, 0]]
    alike = trainer.dataset.scale > 1
    images = [stretched(own, ends if alike else own), stretched(result[bands], ends), stretched(ends, ends)]
    images[0] = np.moveaxis(enlarge_nearest(np.moveaxis(images[0], -1, 0), trainer.dataset.scale), 0, -1)
    return images


def draw(names: Sequence[str], work: str, path: str) -> None:
    """Write a picture of all runs, two in a row."""
    from PIL import Image

    arrays: List[NamedArray] = []
    cells: List[Dict[str, str]] = []
    for name in names:
        for title, image in zip((f"{name}: input", "result", "target"), _panels(name, work)):
            arrays.append(NamedArray(f"{name} {title}", image))
            cells.append({"array": f"{name} {title}", "title": title})
    wide = 3 * _RUNS_IN_A_ROW
    rows = [cells[first : first + wide] for first in range(0, len(cells), wide)]
    note = "Held-out patches. Contains Copernicus Sentinel data 2016; OpenAerialMap and OpenStreetMap contributors."
    png = draw_figure(arrays, {"panels": rows, "title": "", "table": [], "note": note, "legend": []})
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    size = _WIDTH, round(picture.height * _WIDTH / picture.width)
    picture.resize(size, Image.Resampling.LANCZOS).save(path, quality=_QUALITY, optimize=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, help="folder of the short runs")
    parser.add_argument("--figure", help="picture to write")
    given = parser.parse_args()
    with open(RECORD, encoding="utf-8") as file:
        record = json.load(file)
    print(table(record))
    if given.figure:
        draw([name for name in BY_NAME if name in record], given.work, given.figure)


if __name__ == "__main__":
    main()
