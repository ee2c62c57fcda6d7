"""The client side of the worker process."""

from __future__ import annotations

import collections
import os
import queue
import subprocess  # nosec B404: the worker is a process of its own by design
import sys
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Deque, Dict, Mapping, Optional, Sequence

from sr_plugin.core.card import ModelCard, card_to_wire
from sr_plugin.core.edges import EdgeSettings
from sr_plugin.core.errors import Cancelled, ProtocolError, SuperResolutionError, WorkerDied, error_from_code
from sr_plugin.core.grid import Window
from sr_plugin.core.locations import package_parent
from sr_plugin.core.protocol import VERSION, Frame, NamedArray, read_frame, write_frame
from sr_plugin.core.session import LoadedModel, ModelSession, RunSettings, TileResult, TileTask
from sr_plugin.runtime.clean_environment import popen_flags, worker_environment

#: PYTHONSAFEPATH keeps the current folder off the path, so the package's own folder is put on it by hand.
_START = "import sys; sys.path.insert(0, sys.argv[1]); from sr_plugin.worker.server import main; main()"
_HELLO_SECONDS = 60.0
_QUIT_SECONDS = 5.0


class WorkerSession(ModelSession):
    """Starts a worker and talks to it.

    Args:
        python: the interpreter to run it with.

    Raises:
        WorkerDied: when it cannot be started or does not answer.
    """

    def __init__(self, python: str) -> None:
        self._lock = threading.Lock()
        self._pending: Dict[int, Future[Frame]] = {}
        self._next = 0
        self._broken: Optional[SuperResolutionError] = None
        self._killed = False
        self._last_words: Deque[str] = collections.deque(maxlen=40)
        try:
            self._process = subprocess.Popen(  # nosec B603: a fixed command without a shell
                [python, "-c", _START, package_parent()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=worker_environment(),
                **popen_flags(),
            )
        except OSError as error:
            raise WorkerDied(f"The worker's Python '{python}' cannot be started ({error}).") from error
        self._listener = threading.Thread(target=self._listen, name="sr-worker-answers", daemon=True)
        self._listener.start()
        self._stderr = threading.Thread(target=self._collect_stderr, name="sr-worker-log", daemon=True)
        self._stderr.start()
        self._outbox: queue.Queue[Optional[Frame]] = queue.Queue()
        threading.Thread(target=self._write, name="sr-worker-requests", daemon=True).start()
        answer = self._ask({"type": "hello"}, timeout=_HELLO_SECONDS)
        if answer.header.get("protocol") != VERSION:
            self.kill()
            raise ProtocolError("The worker speaks another version of the protocol.", "Install the plugin again.")

    @property
    def pid(self) -> int:
        """Process identifier of the worker."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """See :class:`ModelSession`."""
        return not self._killed and self._broken is None and self._process.poll() is None

    @property
    def log(self) -> str:
        """The last lines that the worker wrote to stderr."""
        return "\n".join(self._last_words)

    def _collect_stderr(self) -> None:
        stream = self._process.stderr
        for line in stream or ():
            self._last_words.append(line.decode("utf-8", "replace").rstrip())

    def _listen(self) -> None:
        failure: Optional[SuperResolutionError] = None
        try:
            while True:
                frame = read_frame(self._process.stdout)  # type: ignore[arg-type]
                if frame is None:
                    break
                self._deliver(frame)
        except SuperResolutionError as error:
            failure = error
        except (OSError, ValueError):
            failure = None
        self._fail_all(failure)

    def _deliver(self, frame: Frame) -> None:
        number = frame.header.get("id")
        with self._lock:
            future = self._pending.pop(number, None) if isinstance(number, int) else None
        is_error = frame.header["type"] == "error"
        error = None
        if is_error:
            header = frame.header
            error = error_from_code(str(header.get("code")), str(header.get("message")), str(header.get("hint", "")))
        if future is None:
            raise error or ProtocolError("The worker answered a request that was never made.")
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(frame)

    def _fail_all(self, failure: Optional[SuperResolutionError]) -> None:
        gone = self._process_gone()
        if failure is None or (gone and self._process.returncode != 0):
            # A message cut short by the death of its sender is told as the death.
            failure = self._death()
        with self._lock:
            self._broken = failure
            pending, self._pending = list(self._pending.values()), {}
        for future in pending:
            future.set_exception(failure)

    def _process_gone(self) -> bool:
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _death(self) -> SuperResolutionError:
        if self._killed:
            return Cancelled("The run was cancelled.")
        code = self._process.poll()
        self._stderr.join(timeout=1)
        how = "ended without a word"
        if code is not None and code < 0:
            how = f"was ended by signal {-code}"
            if code == -9:
                how += " (the system does this when memory runs out)"
        elif code:
            how = f"ended with exit code {code}"
        last = next((line for line in reversed(self._last_words) if line.strip()), "")
        return WorkerDied(f"The worker process {how}" + (f"; its last words were: {last[:300]}" if last else "") + ".")

    def _send(self, header: Mapping[str, Any], arrays: Sequence[NamedArray] = ()) -> Future[Frame]:
        future: Future[Frame] = Future()
        with self._lock:
            if self._broken is not None:
                raise self._broken
            number = self._next
            self._next += 1
            self._pending[number] = future
        self._outbox.put(Frame({**header, "id": number}, arrays))
        return future

    def _write(self) -> None:
        """Send requests from a thread of its own: a worker that does not read must not hold up a cancel."""
        while True:
            frame = self._outbox.get()
            if frame is None:
                return
            try:
                write_frame(self._process.stdin, frame)  # type: ignore[arg-type]
            except (OSError, ValueError):
                # The listener sees the end of the pipe too and fails the futures with the reason.
                self._listener.join(timeout=5)
                self._fail_all(None)
                return

    def _ask(
        self, header: Mapping[str, Any], arrays: Sequence[NamedArray] = (), timeout: Optional[float] = None
    ) -> Frame:
        try:
            return self._send(header, arrays).result(timeout=timeout)
        except FutureTimeout:
            self.kill()
            raise WorkerDied(
                f"The worker did not answer '{header['type']}' within {timeout:.0f} s.",
                "Try again; if it comes back, create the environment anew.",
            ) from None

    def load(self, card: ModelCard, settings: RunSettings, samples: Sequence[NamedArray] = ()) -> LoadedModel:
        """See :class:`ModelSession`."""
        header = {"type": "load", "card": card_to_wire(card), "settings": settings.to_wire()}
        answer = self._ask(header, samples).header
        fields = ("backend", "device", "device_name", "precision")
        told = (tuple(answer.get(name, ())) for name in ("notes", "remarks"))
        return LoadedModel(*(str(answer[name]) for name in fields), *told)

    def submit(self, arrays: Sequence[NamedArray], task: TileTask) -> Future[TileResult]:
        """See :class:`ModelSession`."""
        return self._tile({"type": "infer", "task": task.to_wire()}, arrays)

    def edges(
        self, arrays: Sequence[NamedArray], settings: EdgeSettings, crop: Window, outputs: Sequence[str]
    ) -> Future[TileResult]:
        """See :class:`ModelSession`."""
        part = [crop.col, crop.row, crop.width, crop.height]
        header = {"type": "edges", "settings": settings.to_wire(), "crop": part, "outputs": list(outputs)}
        return self._tile(header, arrays)

    def figure(self, arrays: Sequence[NamedArray], description: Mapping[str, Any]) -> bytes:
        """See :class:`ModelSession`."""
        return self._send({"type": "figure", "description": dict(description)}, arrays).result().array("png").tobytes()

    def _tile(self, header: Mapping[str, Any], arrays: Sequence[NamedArray]) -> Future[TileResult]:
        """Send a request that is answered by arrays and statistics."""
        outer: Future[TileResult] = Future()
        inner = self._send(header, arrays)

        def pass_on(done: Future[Frame]) -> None:
            error = done.exception()
            if error is not None:
                outer.set_exception(error)
                return
            frame = done.result()
            outer.set_result(TileResult(frame.arrays, frame.header.get("statistics", {})))

        inner.add_done_callback(pass_on)
        return outer

    def _inspect(self, kind: str, card: ModelCard, **more: str) -> Dict[str, Any]:
        answer = self._ask({"type": kind, "card": card_to_wire(card), **more}).header.get("answer")
        if not isinstance(answer, dict):
            raise ProtocolError(f"The worker answered '{kind}' in a form that is not understood.")
        return answer

    def describe(self, card: ModelCard) -> Dict[str, Any]:
        """See :class:`ModelSession`."""
        return self._inspect("describe", card)

    def probe(self, card: ModelCard) -> Dict[str, Any]:
        """See :class:`ModelSession`."""
        return self._inspect("probe", card)

    def export(self, card: ModelCard, path: str) -> Dict[str, Any]:
        """See :class:`ModelSession`."""
        return self._inspect("export", card, path=path)

    def close(self) -> None:
        """End the worker in good order, or at once where it does not react."""
        if self._process.poll() is None:
            try:
                self._outbox.put(Frame({"type": "quit"}))
                self._process.wait(timeout=_QUIT_SECONDS)
            except (OSError, ValueError, subprocess.TimeoutExpired):
                self.kill()
        self._clean_up()

    def kill(self) -> None:
        """End the worker at once; pending tiles fail with :class:`Cancelled`."""
        self._killed = True
        if self._process.poll() is None:
            self._process.kill()
        self._clean_up()

    def _clean_up(self) -> None:
        self._outbox.put(None)
        try:
            self._process.wait(timeout=_QUIT_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"super-resolution worker {self.pid} does not end", file=sys.stderr)
            return
        if threading.current_thread() is not self._listener:
            self._listener.join(timeout=_QUIT_SECONDS)
        self._stderr.join(timeout=_QUIT_SECONDS)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            try:
                if stream is not None:
                    stream.close()
            except OSError as error:
                print(f"super-resolution worker {self.pid}: {os.strerror(error.errno or 0)}", file=sys.stderr)
