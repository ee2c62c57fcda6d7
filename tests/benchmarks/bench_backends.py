"""Every runtime and precision side by side: the machine's matrix rate, bare forwards, whole runs.

``make bench``, or ``python -m tests.benchmarks.bench_backends --size 1024 --models srresnet s2-rgbn-x4``. Everything is
taken in turn within one process tree; ratios and shares are what to read. Where other programs load the machine, ratios
of CPU seconds are worth more than those of time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Tuple

import numpy as np
import torch

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.catalogue import find_model
from sr_plugin.core.session import RunSettings
from sr_plugin.pipeline.prepare import prepare_run
from sr_plugin.pipeline.request import SilentFeedback, SuperResolveRequest
from sr_plugin.pipeline.superresolve import superresolve
from sr_plugin.runtime.worker_session import WorkerSession
from sr_plugin.worker.architectures.build import build_network
from sr_plugin.worker.architectures.spandrel_bridge import load_module
from sr_plugin.worker.backends.base import thread_count
from sr_plugin.worker.backends.choose import able_runtimes
from sr_plugin.worker.describe import cpu_settings
from sr_plugin.worker.export_onnx import export_onnx
from sr_plugin.worker.impulse import textured_tile
from tests.benchmarks.bench_engine import make_scene, writing_rate

#: Networks besides the shipped ones, with seeded weights: family and hyper-parameters.
NETWORKS: Dict[str, Tuple[str, Dict[str, Any]]] = {
    "srresnet": ("msrresnet", {"bands": 4, "width": 64, "blocks": 16, "factors": [2, 2]}),
    "rrdb": ("rrdbnet", {"in_bands": 4, "out_bands": 4, "blocks": 23}),
}


def matrix_rate(kind: torch.dtype, device: str, side: int = 2048) -> float:
    """GFLOP/s of a plain matrix product, the best of some."""
    one = torch.rand(side, side, device=device).to(kind)
    best = 0.0
    for _ in range(6):
        started = time.perf_counter()
        product = one @ one
        # Reading a value waits for the device.
        float(product[0, 0])
        best = max(best, 2 * side**3 / (time.perf_counter() - started) / 1e9)
    return best


def network_card(name: str, folder: str) -> ModelCard:
    """A card with an ONNX file and tensors, so that every runtime can take part."""
    if name not in NETWORKS:
        return find_model(name)
    torch.manual_seed(0)
    path = os.path.join(folder, f"{name}.pth")
    torch.save(build_network(*NETWORKS[name]).state_dict(), path)
    card = find_model(path)
    onnx = os.path.join(folder, f"{name}.onnx")
    export_onnx(card, onnx)
    return replace(card, weights=(WeightFile(onnx, "onnx"), *card.weights))


def gflop(card: ModelCard, size: Tuple[int, int]) -> float:
    """Multiplications and additions of one tile, in 10^9."""
    from torch.utils.flop_counter import FlopCounterMode

    tensors = next(w for w in card.weights if w.container != "onnx")
    network = load_module(replace(card, weights=(tensors,)))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 4, *size))
    return counter.get_total_flops() / 1e9


def settings_for(runtime: str, precision: str, device: str) -> RunSettings:
    """One way to compute."""
    return replace(cpu_settings(precision), device=device, backend=runtime)


def ways(card: ModelCard, device: str) -> List[Tuple[str, str]]:
    """Runtimes and precisions that the machine has for a model."""
    _, able = able_runtimes(card, replace(cpu_settings(), device=device))
    found = [(runtime.name, "float32") for runtime in able]
    return found + [(runtime.name, "reduced") for runtime in able if runtime.reduced_type(device)]


@dataclass
class Cost:
    """What something took: seconds, CPU seconds of all its processes, and bytes of the worker's memory at most."""

    seconds: float
    cpu: float
    memory: int = 0


def cpu_seconds() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def bare_forward(
    card: ModelCard, way: Tuple[str, str], device: str, size: Tuple[int, int], repeats: int
) -> Tuple[Cost, str]:
    """The bare forward of one tile of some height and width, the best of some, and the type it was computed in."""
    settings = settings_for(*way, device)
    _, able = able_runtimes(card, settings)
    backend = able[0].open(card, device, settings)
    tile = textured_tile(4, *size)[None] * np.float32(0.3)
    backend.forward(tile)
    costs = []
    for _ in range(repeats):
        started, spent = time.perf_counter(), time.process_time()
        backend.forward(tile)
        costs.append(Cost(time.perf_counter() - started, time.process_time() - spent))
    best = Cost(min(cost.seconds for cost in costs), min(cost.cpu for cost in costs))
    return best, backend.describe().precision


def whole_run(card_path: str, source: str, way: Tuple[str, str], device: str, tile: int, worker: str) -> Cost:
    """A whole run from opening the input to the named result, the worker's start included."""
    request = SuperResolveRequest(
        source, source + ".out.tif", card_path, bands=(1, 2, 3, 4), tile=tile, normalisation="divide:10000",
        device=device, precision=way[1],
    )  # fmt: skip
    sessions: List[Forced] = []

    def open_session(_: ModelCard) -> WorkerSession:
        sessions.append(Forced(worker, way[0]))
        return sessions[-1]

    started, spent = time.perf_counter(), cpu_seconds()
    superresolve(request, SilentFeedback(), open_session)
    cost = Cost(time.perf_counter() - started, cpu_seconds() - spent, sessions[0].most_memory)
    os.remove(request.output)
    return cost


class Forced(WorkerSession):
    """A worker that computes with one runtime."""

    def __init__(self, python: str, runtime: str) -> None:
        super().__init__(python)
        self._runtime = runtime
        #: Bytes of memory that it used at most; known once it is closed, and 0 where the system does not tell.
        self.most_memory = 0

    def close(self) -> None:
        with suppress(OSError), open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            self.most_memory = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))
        super().close()

    def load(self, card: ModelCard, settings: RunSettings, samples: Any = ()) -> Any:
        return super().load(card, replace(settings, backend=self._runtime), samples)


Row = Dict[str, Any]


def measure(name: str, args: argparse.Namespace, folder: str, source: str, rates: Dict[str, float]) -> List[Row]:
    """The rows of one network."""
    card = network_card(name, folder)
    plan = prepare_run(
        SuperResolveRequest(source, source + ".out.tif", name if name not in NETWORKS else card.weights[1].path,
                            bands=(1, 2, 3, 4), tile=args.tile, normalisation="divide:10000"),
        SilentFeedback(),
    ).plan  # fmt: skip
    largest = max((t.read for t in plan.tiles), key=lambda window: window.width * window.height)
    size = (largest.height, largest.width)
    work = gflop(card, size)
    pixels = sum(t.read.width * t.read.height for t in plan.tiles)
    tiles = pixels / (size[0] * size[1])
    rows = []
    for way in ways(card, args.device):
        forward, kind = bare_forward(card, way, args.device, size, args.repeats)
        rate = work / forward.seconds
        row = {"model": name, "runtime": way[0], "type": kind, "tile": plan.tile, "size": size,
               "forward": forward.seconds, "gflops": rate, "share": rate / rates[kind],
               "margins": pixels / (plan.area.width * plan.area.height)}  # fmt: skip
        if way[0] in args.whole:
            path = card.weights[0].path if way[0] == "onnxruntime" else card.weights[-1].path
            reference = name if name not in NETWORKS else path
            whole = whole_run(reference, source, way, args.device, args.tile, args.worker)
            row.update(whole=whole.seconds, cpu=whole.cpu, memory=whole.memory,
                       ratio=whole.seconds / (forward.seconds * tiles),
                       cpu_ratio=whole.cpu / (forward.cpu * tiles))  # fmt: skip
        rows.append(row)
    base = next((r["forward"] for r in rows if r["runtime"] == "onnxruntime"), rows[0]["forward"])
    for row in rows:
        print(
            f"{row['model']:<12} {row['runtime']:<12} {row['type']:<9} {row['tile']:>5} {row['forward']:>8.2f} "
            f"{row['gflops']:>8.0f} {row['share']:>6.0%} {base / row['forward']:>7.2f} {row['margins']:>8.2f}"
            + (
                f" {row['whole']:>8.1f} {row['ratio']:>6.2f} {row['cpu']:>8.1f} {row['cpu_ratio']:>6.2f} "
                f"{row['memory'] / 1e6:>7.0f}"
                if "whole" in row
                else ""
            ),
            flush=True,
        )
    return rows


def main() -> None:
    """Print the table, and the figures as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="side of the scene in pixels")
    parser.add_argument("--tile", type=int, default=0, help="0: chosen by memory, as in a run")
    parser.add_argument("--models", nargs="+", default=["srresnet", "s2-rgbn-x4"], help="also: rrdb")
    parser.add_argument("--whole", nargs="*", default=["openvino", "torch"], help="runtimes to make whole runs with")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--worker", default=".venv/bin/python", help="Python of the worker")
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    torch.set_num_threads(thread_count(0))
    types = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if args.device == "cpu":
        types.pop("float16")
    rates = {name: matrix_rate(kind, args.device) for name, kind in types.items()}
    print(f"{platform.processor() or platform.machine()}, {thread_count(0)} cores, device {args.device}")
    print("matrix product: " + ", ".join(f"{name} {rate:.0f} GFLOP/s" for name, rate in rates.items()))
    print(f"{'model':<12} {'runtime':<12} {'type':<9} {'tile':>5} {'forward':>8} {'GFLOP/s':>8} {'share':>6} "
          f"{'x onnx':>7} {'margins':>8} {'whole':>8} {'ratio':>6} {'CPU s':>8} {'ratio':>6} {'MB':>7}")  # fmt: skip
    rows: List[Dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "scene.tif")
        make_scene(source, args.size)
        for name in args.models:
            rows += measure(name, args, folder, source, rates)
        rate = writing_rate(folder)
    print(f"writing {rate:.0f} MB/s of uncompressed pixels")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"rates": rates, "rows": rows, "writing_mb_per_s": rate}, file, indent=2)


if __name__ == "__main__":
    main()
