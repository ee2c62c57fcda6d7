"""Many runs of tiny tiles in one process, with previews in between; prints what they leave behind as JSON.

Arguments: folder, seconds, Python of the worker. Run by ``test_load.py`` in a process of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import glob
import json
import os
import signal
import sys
import threading
import time

import numpy as np

from sr_plugin.core.errors import WorkerDied
from sr_plugin.pipeline.request import SilentFeedback, SuperResolveRequest
from sr_plugin.pipeline.superresolve import superresolve, worker_factory
from sr_plugin.pipeline.warm_session import WarmSessions
from tests.conftest import write_raster

PREVIEW_MODEL, RUN_MODEL = "s2-rgbn-x2", "bicubic:2"


def resident(pid="self"):
    """Resident bytes of a process, without pages of files, which come and go with what others map."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return 1024 * (int(fields["RssAnon"].split()[0]) + int(fields["RssShmem"].split()[0]))


def own_memory():
    """Resident bytes of this process, once it gave back what is free: a heap in pieces is no leak."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident()


def open_files():
    """What this process holds open, without what the listing itself opens."""
    return sorted(os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if _is_open(n))


def _is_open(number):
    return os.path.islink(f"/proc/self/fd/{number}")


def traces(folder):
    """Counts that must not grow."""
    children = [open(path, encoding="ascii").read().split() for path in glob.glob("/proc/self/task/*/children")]
    return {
        "files": len(open_files()),
        "threads": sorted(thread.name.split("-")[0] for thread in threading.enumerate()),
        "children": sum(map(len, children)),
        "shared memory": sorted(os.listdir("/dev/shm")),
        "folder": sorted(os.listdir(folder)),
        "temporary": sorted(os.listdir(os.environ["TMPDIR"])),
    }


class Kills(SilentFeedback):
    """Kills the worker of a run when some tiles are done."""

    def __init__(self, factory):
        self.factory = factory
        self.session = None

    def start(self, card):
        self.session = self.factory(card)
        return self.session

    def progress(self, done, total, seconds_left):
        if 3 <= done < total:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.session.pid, signal.SIGKILL)


class Loop:
    """Eight runs a round, each with a preview beside it."""

    def __init__(self, folder, python):
        self.folder = folder
        noise = np.random.default_rng(0).integers(500, 4000, (4, 160, 160)).astype(np.uint16)
        path = os.path.join(folder, "input.tif")
        self.source = write_raster(path, noise, descriptions=["B04", "B03", "B02", "B08"])
        self.factory = worker_factory(python)
        self.previews, self.runs = WarmSessions(self.factory), WarmSessions(self.factory)
        self.tiles = 0

    def request(self, name, model, **more):
        return SuperResolveRequest(self.source, os.path.join(self.folder, name), model, tile=16, **more)

    def preview(self, number):
        extent = (500000.0 + 100 * number, 4098700.0, 500600.0 + 100 * number, 4099300.0)
        request = self.request("preview.tif", PREVIEW_MODEL, extent=extent, listed=False)
        self.tiles += superresolve(request, None, self.previews).tiles
        os.remove(request.output)

    def round(self):
        for number in range(8):
            request = self.request(f"run_{number}.tif", RUN_MODEL)
            self.preview(number)
            self.tiles += superresolve(request, None, self.runs).tiles
            os.remove(request.output)

    def cold(self):
        """One run in a worker of its own, whose first worker is killed."""
        request, feedback = self.request("cold.tif", RUN_MODEL), Kills(self.factory)
        try:
            superresolve(request, feedback, feedback.start)
            raise RuntimeError("the worker was to be killed")
        except WorkerDied:
            superresolve(request, None, self.factory)
        os.remove(request.output)


def main():
    folder, seconds, python = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    loop, until = Loop(folder, python), time.monotonic() + seconds
    for _ in range(3):
        # A warm-up with all that comes later.
        loop.round()
        loop.cold()
    rounds = []
    while time.monotonic() < until or len(rounds) < 6:
        loop.round()
        if len(rounds) % 3 == 1:
            loop.cold()
        workers = {"previews": loop.previews.worker.pid, "runs": loop.runs.worker.pid}
        sizes = {"plugin": own_memory(), **{name: resident(pid) for name, pid in workers.items()}}
        rounds.append({**sizes, **traces(folder)})
    for sessions in (loop.previews, loop.runs):
        sessions.close()
    print(json.dumps({"rounds": rounds, "tiles": loop.tiles, "end": traces(folder)}))


if __name__ == "__main__":
    main()
