"""Whole runs against the bare forward of the same network on the same tiles, side by side in one process tree.

``make bench``, or ``python -m tests.benchmarks.bench_engine --size 2048 --tiles 128 256``. Ratios are what to read:
seconds depend on the machine and on who else uses it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from typing import Dict, List

import numpy as np
from osgeo import gdal

from sr_plugin.core.catalogue import find_model
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.job import JobPlan
from sr_plugin.core.radiometry import to_model
from sr_plugin.pipeline.prepare import prepare_run
from sr_plugin.pipeline.request import SilentFeedback, SuperResolveRequest
from sr_plugin.pipeline.superresolve import superresolve
from sr_plugin.raster.source import RasterSource
from sr_plugin.raster.writer import OutputBand, OutputSpec, RasterWriter
from sr_plugin.runtime.worker_session import WorkerSession
from sr_plugin.worker.backends.choose import open_backend
from sr_plugin.worker.local_session import LocalSession
from sr_plugin.worker.padding import pad_by_reflection


def make_scene(path: str, size: int) -> None:
    """A four-band uint16 scene with texture at all scales, like terrain."""
    rng = np.random.default_rng(0)
    field = np.zeros((size, size), np.float32)
    for step in (4, 16, 64):
        coarse = rng.normal(0, 40 * step**0.5, (size // step + 2, size // step + 2)).astype(np.float32)
        field += coarse.repeat(step, 0).repeat(step, 1)[:size, :size]
    dataset = gdal.GetDriverByName("GTiff").Create(path, size, size, 4, gdal.GDT_UInt16, ["TILED=YES"])
    dataset.SetGeoTransform((500000, 10, 0, 4100000, 0, -10))
    for number, (gain, name) in enumerate(zip((0.6, 0.8, 1.0, 2.0), ("B04", "B03", "B02", "B08")), start=1):
        pixels = np.clip(1200 + gain * field + rng.normal(0, 8, field.shape), 1, 10000)
        dataset.GetRasterBand(number).WriteArray(pixels.astype(np.uint16))
        dataset.GetRasterBand(number).SetDescription(name)


def make_network(path: str) -> None:
    """A seeded SRResNet of 16 blocks of 64 channels, x4, four bands."""
    import torch

    from sr_plugin.worker.architectures.build import build_network

    torch.manual_seed(0)
    network = build_network("msrresnet", {"bands": 4, "width": 64, "blocks": 16, "factors": [2, 2]})
    torch.save(network.state_dict(), path)


def bare_forward(plan: JobPlan) -> float:
    """Seconds of nothing but the network's forward on every tile of a plan, margins included."""
    source = RasterSource(plan.source.dataset)
    backend = open_backend(plan.card, plan.settings)
    seconds = 0.0
    for tile in plan.tiles:
        data = pad_by_reflection(source.read(plan.source.bands, tile.read).data.astype(np.float32), tile.pad)
        batch = to_model(data, plan.settings.radiometry)[0][None]
        if tile.index == 0:
            backend.forward(batch)
        started = time.perf_counter()
        backend.forward(batch)
        seconds += time.perf_counter() - started
    return seconds


def whole_run(request: SuperResolveRequest, worker: str) -> float:
    """Seconds of a whole run, from opening the input to the named result with its overviews."""
    started = time.perf_counter()
    superresolve(request, SilentFeedback(), (lambda _: WorkerSession(worker)) if worker else (lambda _: LocalSession()))
    seconds = time.perf_counter() - started
    os.remove(request.output)
    return seconds


def writing_rate(folder: str, side: int = 8192) -> float:
    """Megabytes of four-band uint16 pixels that the writer takes per second, compression included."""
    rng = np.random.default_rng(1)
    piece = np.cumsum(rng.integers(-3, 4, (4, 1024, 1024)), axis=2).astype(np.uint16)
    spec = OutputSpec(os.path.join(folder, "w.tif"), Grid(side, side), [OutputBand()] * 4, "uint16", tile=1024)
    writer = RasterWriter(spec, spec.path + ".part.tif")
    started = time.perf_counter()
    for tile in range((side // 1024) ** 2):
        row, col = divmod(tile, side // 1024)
        writer.write(piece, Window(col * 1024, row * 1024, 1024, 1024))
        writer.flush()
    writer.close()
    seconds = time.perf_counter() - started
    os.remove(spec.path + ".part.tif")
    return spec.raw_bytes / 1e6 / seconds


def measure(source: str, model: str, tile: int, folder: str, worker: str, repeats: int) -> Dict[str, float]:
    """One row of the table."""
    output = os.path.join(folder, "out.tif")
    request = SuperResolveRequest(source, output, model, bands=(1, 2, 3, 4), tile=tile, normalisation="divide:10000")
    bare, whole = [], []
    plan = prepare_run(request, SilentFeedback()).plan
    for _ in range(repeats):
        bare.append(bare_forward(plan))
        whole.append(whole_run(request, worker))
    return {
        "tile": tile,
        "margin": plan.margin,
        "bare": min(bare),
        "whole": min(whole),
        "ratio": min(whole) / min(bare),
    }


def main() -> None:
    """Print the table, and the figures as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="side of the scene in pixels")
    parser.add_argument("--tiles", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--models", nargs="+", default=["s2-rgbn-x4", "srresnet"])
    parser.add_argument("--worker", default="", help="Python of the worker; empty: in this process")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each, taken in turn; the best one counts")
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    rows: List[Dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        source, network = os.path.join(folder, "scene.tif"), os.path.join(folder, "srresnet.pth")
        make_scene(source, args.size)
        make_network(network)
        print(f"{args.size} x {args.size} x 4 uint16, {os.cpu_count()} cores; seconds, best of {args.repeats}, in turn")
        print(f"{'model':<12} {'tile':>5} {'margin':>6} {'bare forward':>13} {'whole run':>10} {'ratio':>6}")
        for model in args.models:
            reference = network if model == "srresnet" else find_model(model).name
            for tile in args.tiles:
                row = measure(source, reference, tile, folder, args.worker, args.repeats)
                rows.append({"model": model, **row})
                figures = f"{row['bare']:>13.2f} {row['whole']:>10.2f} {row['ratio']:>6.3f}"
                print(f"{model:<12} {row['tile']:>5} {row['margin']:>6} {figures}", flush=True)
        rate = writing_rate(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"writing {rate:.0f} MB/s of uncompressed pixels; peak memory of this process {peak:.0f} MB")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"rows": rows, "writing_mb_per_s": rate, "peak_mb": peak}, file, indent=2)


if __name__ == "__main__":
    main()
