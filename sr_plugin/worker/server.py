"""The model server: reads requests from stdin, answers on stdout, ends when stdin closes.

Reading, computing and writing run in threads of their own, so that the next tile is at hand when one is done. A tile
is prepared and finished beside the forward of its neighbours.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from sr_plugin.core.card import ModelCard, card_from_wire
from sr_plugin.core.edges import EdgeSettings
from sr_plugin.core.errors import ModelFailed, OutOfMemory, ProtocolError, SuperResolutionError
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import VERSION, Frame, NamedArray, read_frame, write_frame
from sr_plugin.core.series import SeriesSettings
from sr_plugin.core.session import RunSettings, TileResult, TileTask
from sr_plugin.worker import inspection
from sr_plugin.worker.backends.base import is_out_of_memory
from sr_plugin.worker.edges import compare_edges
from sr_plugin.worker.engine import Engine
from sr_plugin.worker.evaluate import Evaluator
from sr_plugin.worker.figure import draw_figure
from sr_plugin.worker.heartbeat import Heartbeat
from sr_plugin.worker.patch_registration import patch_shifts
from sr_plugin.worker.series_packages import series_packages
from sr_plugin.worker.tile_pipe import TilePipe

#: Requests read ahead and answers not yet sent; bounds the memory that waiting tiles take.
_AHEAD = 2


class Server:
    """Answers one client.

    Args:
        requests, answers: binary streams.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests = requests
        self._answers = answers
        self._engine = Engine()
        self._evaluator = Evaluator()
        self._inbox: queue.Queue[Frame | BaseException | None] = queue.Queue(_AHEAD)
        self._outbox: queue.Queue[Frame | None] = queue.Queue(_AHEAD)
        self._heartbeat: Heartbeat | None = None
        self._device = "cpu"
        self._tiles: TilePipe[Frame, Frame] = TilePipe(self._answer, self._outbox.put)

    def serve(self) -> None:
        """Answer until the client says ``quit`` or its end of the pipe closes."""
        writer = threading.Thread(target=self._write, name="sr-answers", daemon=True)
        writer.start()
        threading.Thread(target=self._read, name="sr-requests", daemon=True).start()
        while True:
            frame = self._inbox.get()
            if frame is None:
                break
            if isinstance(frame, BaseException):
                self._outbox.put(_error_frame(None, frame))
                break
            if frame.header["type"] == "quit":
                break
            if frame.header["type"] == "infer":
                self._tiles.put(frame)
            else:
                # Anything else may change what tiles are computed with.
                self._tiles.drain()
                self._outbox.put(self._answer(frame))
        self._tiles.close()
        self._outbox.put(None)
        writer.join()

    def _read(self) -> None:
        try:
            while True:
                frame = read_frame(self._requests)
                self._inbox.put(frame)
                if frame is None:
                    return
        except (SuperResolutionError, OSError, MemoryError) as error:
            self._inbox.put(error)

    def _write(self) -> None:
        while True:
            frame = self._outbox.get()
            if frame is None:
                return
            try:
                write_frame(self._answers, frame)
            except OSError:
                # The client is gone, so nobody is left to answer to.
                os._exit(0)

    def _send_sign(self) -> None:
        """Say that this process is alive; where answers wait to be sent, they say it."""
        with contextlib.suppress(queue.Full):
            self._outbox.put_nowait(Frame({"type": "alive"}))

    def _hello(self, header: Mapping[str, Any]) -> dict[str, Any]:
        seconds = header.get("alive")
        if seconds is not None and self._heartbeat is None:
            self._heartbeat = Heartbeat(self._send_sign, max(0.01, float(seconds)))
        return {"protocol": VERSION, "pid": os.getpid()}

    def _needs_cpu(self, kind: str) -> bool:
        """True where CPU time has to pass while a request is answered; loading may wait for a slow drive."""
        return kind in ("edges", "evaluate", "patch_shifts") or (kind == "infer" and self._device == "cpu")

    def _computing(self, kind: str) -> contextlib.AbstractContextManager[None]:
        if self._heartbeat is not None and self._needs_cpu(kind):
            return self._heartbeat.computing()
        return contextlib.nullcontext()

    def _answer(self, frame: Frame) -> Frame:
        number = frame.header.get("id")
        try:
            if not isinstance(number, int):
                number = None
                raise ProtocolError("A request came without a number.")
            with self._computing(frame.header["type"]):
                return self._dispatch(frame, number)
        except Exception as error:  # whatever a model raises must reach the user as a message
            if not isinstance(error, SuperResolutionError):
                traceback.print_exc(file=sys.stderr)
            return _error_frame(number, error)

    def _dispatch(self, frame: Frame, number: Any) -> Frame:
        kind = frame.header["type"]
        try:
            work = self._understood(kind, frame, number)
        except (KeyError, TypeError) as error:
            raise ProtocolError(
                f"The request '{kind}' lacks a field or has one of the wrong form ({error})."
            ) from error
        if work is None:
            raise ProtocolError(f"The worker knows no request '{kind[:100]}'.")
        # Outside: the same errors from within a model are no fault of the request.
        return work()

    def _understood(self, kind: str, frame: Frame, number: Any) -> Callable[[], Frame] | None:
        """What a request asks for, with all of its fields taken out; None for an unknown one."""
        header, arrays = frame.header, frame.arrays
        if kind == "hello":
            greeting = Frame({"type": "hello", "id": number, **self._hello(header)})
            return lambda: greeting
        if kind == "load":
            model, run = card_from_wire(header["card"]), RunSettings.from_wire(header["settings"])
            return lambda: self._load(model, run, arrays, number)
        if kind == "infer":
            task = TileTask.from_wire(header["task"])
            return lambda: _tile(number, self._engine.run(arrays, task))
        if kind == "edges":
            settings, crop = EdgeSettings.from_wire(header["settings"]), Window(*header["crop"])
            outputs = header["outputs"]
            return lambda: _tile(number, compare_edges(arrays, settings, crop, outputs))
        if kind == "evaluate":
            part, measures, place = str(header["part"]), header["settings"], Window(*header["crop"])
            return lambda: _tile(number, self._evaluator.answer(part, arrays, measures, place))
        if kind == "place":
            series, register = SeriesSettings.from_wire(header["series"]), bool(header.get("register", True))
            origins = [(int(column), int(row)) for column, row in header["origins"]]
            return lambda: Frame({"type": "place", "id": number, "answer": _placed(arrays, series, origins, register)})
        if kind == "patch_shifts":
            return lambda: Frame({"type": "result", "id": number}, patch_shifts(arrays).arrays)
        if kind == "figure":
            description = header["description"]
            return lambda: _picture(number, draw_figure(arrays, description))
        if kind in ("describe", "probe", "export"):
            card, path = card_from_wire(header["card"]), header.get("path")
            return lambda: Frame({"type": kind, "id": number, "answer": _inspect(kind, card, path)})
        return None

    def _load(self, card: ModelCard, settings: RunSettings, arrays: Sequence[NamedArray], number: Any) -> Frame:
        loaded = self._engine.load(card, settings, arrays)
        self._device = loaded.device
        return Frame({"type": "loaded", "id": number, **vars(loaded)})


def _tile(number: Any, result: TileResult) -> Frame:
    return Frame({"type": "result", "id": number, "statistics": dict(result.statistics)}, result.arrays)


def _picture(number: Any, png: bytes) -> Frame:
    return Frame({"type": "figure", "id": number}, (NamedArray("png", np.frombuffer(png, np.uint8)),))


def _placed(
    arrays: Sequence[NamedArray], series: SeriesSettings, origins: Sequence[tuple[int, int]], register: bool
) -> dict[str, Any]:
    # Imported here: it needs SciPy, which single images do not.
    with series_packages():
        from sr_plugin.worker.series_placement import place_views

    return place_views(arrays, series, origins, register)


def _inspect(kind: str, card: ModelCard, path: Any) -> dict[str, Any]:
    if kind == "export":
        return inspection.export(card, str(path))
    return inspection.describe(card) if kind == "describe" else inspection.probe(card)


def _error_frame(number: Any, error: BaseException) -> Frame:
    if not isinstance(error, SuperResolutionError):
        if is_out_of_memory(error):
            error = OutOfMemory("The worker ran out of memory.")
        else:
            text = (str(error).strip().splitlines() or [""])[0][:300]
            error = ModelFailed(f"The worker failed with {type(error).__name__}: {text}")
    return Frame({"type": "error", "id": number, "code": error.code, "message": error.message, "hint": error.hint})


def main() -> None:
    """Serve on this process's standard streams.

    The real stdout is kept for the protocol and file descriptor 1 points at stderr, so that no print can break it.
    """
    answers = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    np.seterr(all="ignore")
    Server(sys.stdin.buffer, answers).serve()
    answers.flush()
    sys.stderr.flush()
    # Everything is answered. Runtimes take up to a second to give their memory back, for which a run would wait.
    os._exit(0)


if __name__ == "__main__":
    main()
