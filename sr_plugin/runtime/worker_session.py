"""The client side of the worker process."""

from __future__ import annotations

import collections
import os
import queue
import signal
import subprocess  # nosec B404: the worker is a process of its own by design
import sys
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Deque, Dict, Mapping, Optional, Sequence, Tuple

from sr_plugin.core.card import ModelCard, card_to_wire
from sr_plugin.core.edges import EdgeSettings
from sr_plugin.core.errors import Cancelled, ProtocolError, SuperResolutionError, WorkerDied, error_from_code
from sr_plugin.core.grid import Window
from sr_plugin.core.locations import package_parent
from sr_plugin.core.protocol import VERSION, Frame, NamedArray, read_frame, write_frame
from sr_plugin.core.series import SeriesSettings
from sr_plugin.core.session import LoadedModel, ModelSession, RunSettings, TileResult, TileTask
from sr_plugin.runtime.clean_environment import popen_flags, worker_environment
from sr_plugin.runtime.silence import SilenceWatch, seconds_between_signs

#: The current folder is kept off the path, so that no numpy.py that lies there runs; before Python 3.11 by hand.
_START = (
    "import sys; sys.path = [sys.argv[1]] + [p for p in sys.path if p]; "
    "from sr_plugin.worker.server import main; main()"
)
_LONGEST_LINE = 1 << 16
_HELLO_SECONDS = 60.0
_QUIT_SECONDS = 5.0
#: Seconds without a sign of life, while a tile is owed, after which a worker counts as hung.
_PATIENCE = 60.0
#: Loading a library may stop all threads of a Python for long, so other requests get so many times that patience.
_LOADING = 5.0
_TILES = ("infer", "edges", "evaluate", "patch_shifts")


class WorkerSession(ModelSession):
    """Starts a worker and talks to it.

    A worker that owes an answer but gives no sign of life is killed, and its requests fail with :class:`WorkerDied`. A
    computation may last as long as it likes.

    Args:
        python: the interpreter to run it with.
        patience: seconds of silence after which it counts as hung.

    Raises:
        WorkerDied: when it cannot be started or does not answer.
    """

    def __init__(self, python: str, patience: float = _PATIENCE) -> None:
        self._lock = threading.Lock()
        #: Kind and future of the requests that are not answered yet.
        self._pending: Dict[int, Tuple[str, Future[Frame]]] = {}
        self._next = 0
        self._patience = patience
        self._broken: Optional[SuperResolutionError] = None
        self._hung: Optional[SuperResolutionError] = None
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
        self._silence = SilenceWatch(patience, self._borne, self._give_up)
        self._listener = threading.Thread(target=self._listen, name="sr-worker-answers", daemon=True)
        self._listener.start()
        self._stderr = threading.Thread(target=self._collect_stderr, name="sr-worker-log", daemon=True)
        self._stderr.start()
        self._watcher = threading.Thread(target=self._end_helpers, name="sr-worker-end", daemon=True)
        self._watcher.start()
        self._outbox: queue.Queue[Optional[Frame]] = queue.Queue()
        threading.Thread(target=self._write, name="sr-worker-requests", daemon=True).start()
        self._greet()

    def _greet(self) -> None:
        try:
            hello = {"type": "hello", "alive": seconds_between_signs(self._patience)}
            answer = self._ask(hello, timeout=_HELLO_SECONDS)
        except SuperResolutionError:
            self.kill()
            raise
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
        for line in iter(lambda: stream.readline(_LONGEST_LINE) if stream else b"", b""):
            self._last_words.append(line.decode("utf-8", "replace").rstrip())

    def _listen(self) -> None:
        failure: Optional[SuperResolutionError] = None
        try:
            while True:
                frame = read_frame(self._process.stdout)  # type: ignore[arg-type]
                if frame is None:
                    break
                self._silence.heard()
                if frame.header["type"] != "alive":
                    self._deliver(frame)
        except SuperResolutionError as error:
            failure = error
        except (OSError, ValueError):
            failure = None
        self._fail_all(failure)

    def _deliver(self, frame: Frame) -> None:
        number = frame.header.get("id")
        with self._lock:
            _, future = self._pending.pop(number, ("", None)) if isinstance(number, int) else ("", None)
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
        for _, future in pending:
            future.set_exception(failure)

    def _borne(self) -> float:
        """How many times the patience a silence is borne now; 0 while the worker owes nothing."""
        with self._lock:
            kinds = [kind for kind, _ in self._pending.values()]
        if not kinds:
            return 0.0
        return 1.0 if all(kind in _TILES for kind in kinds) else _LOADING

    def _give_up(self) -> None:
        """The worker hangs: end it, and tell everybody who waits."""
        self._hung = WorkerDied(
            f"The worker process gave no sign of life for {self._patience:.0f} s and was ended.",
            "Start the run again, which goes on from there; if it comes back, choose another device.",
        )
        self._process.kill()
        self._fail_all(self._hung)

    def _process_gone(self) -> bool:
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _death(self) -> SuperResolutionError:
        if self._hung is not None:
            return self._hung
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
            self._pending[number] = (str(header["type"]), future)
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
        lists = [answer.get(name, []) for name in ("notes", "remarks", "others")]
        if not all(name in answer for name in fields) or not all(isinstance(told, list) for told in lists):
            raise ProtocolError("The worker answered 'load' in a form that is not understood.")
        told = (tuple(str(sentence) for sentence in sentences) for sentences in lists)
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

    def evaluate(
        self, part: str, arrays: Sequence[NamedArray], settings: Mapping[str, Any], crop: Window
    ) -> Future[TileResult]:
        """See :class:`ModelSession`."""
        box = [crop.col, crop.row, crop.width, crop.height]
        return self._tile({"type": "evaluate", "part": part, "settings": dict(settings), "crop": box}, arrays)

    def place_views(
        self,
        arrays: Sequence[NamedArray],
        series: SeriesSettings,
        origins: Sequence[Tuple[int, int]],
        register: bool = True,
    ) -> Dict[str, Any]:
        """See :class:`ModelSession`."""
        places = [[column, row] for column, row in origins]
        header = {"type": "place", "series": series.to_wire(), "origins": places, "register": register}
        answer = self._ask(header, arrays).header.get("answer")
        if not isinstance(answer, dict):
            raise ProtocolError("The worker answered 'place' in a form that is not understood.")
        return answer

    def patch_shifts(self, arrays: Sequence[NamedArray]) -> Future[TileResult]:
        """See :class:`ModelSession`."""
        return self._tile({"type": "patch_shifts"}, arrays)

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
            statistics = frame.header.get("statistics", {})
            told = isinstance(statistics, dict) and all(isinstance(n, (int, float)) for n in statistics.values())
            if frame.header["type"] != "result" or not told:
                outer.set_exception(ProtocolError("The worker answered a tile in a form that is not understood."))
                return
            outer.set_result(TileResult(frame.arrays, statistics))

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

    def _end_helpers(self) -> None:
        """Once the worker is gone, end what packages started beside it, which holds its pipes open."""
        self._process.wait()
        if sys.platform == "win32":
            return
        try:
            # popen_flags made the worker the leader of a session, so of a process group.
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            # macOS refuses where only dead ones are left.
            return

    def _clean_up(self) -> None:
        self._silence.end()
        self._outbox.put(None)
        try:
            self._process.wait(timeout=_QUIT_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"super-resolution worker {self.pid} does not end", file=sys.stderr)
            return
        self._watcher.join(timeout=_QUIT_SECONDS)
        if threading.current_thread() is not self._listener:
            self._listener.join(timeout=_QUIT_SECONDS)
        self._stderr.join(timeout=_QUIT_SECONDS)
        readers = ((self._process.stdout, self._listener), (self._process.stderr, self._stderr))
        # Closing a stream that a thread still reads from would wait for that thread for ever.
        ended = [stream for stream, thread in readers if not thread.is_alive()]
        for stream in (self._process.stdin, *ended):
            try:
                if stream is not None:
                    stream.close()
            except OSError as error:
                print(f"super-resolution worker {self.pid}: {os.strerror(error.errno or 0)}", file=sys.stderr)
