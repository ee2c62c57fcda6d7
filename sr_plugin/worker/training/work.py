"""Works a job folder from its plan to its model, and says how it stands."""

from __future__ import annotations

import contextlib
import errno
import signal
import time
from dataclasses import replace
from typing import Any

from sr_plugin.core.errors import DiskFull, OutOfMemory, OutputError, SuperResolutionError, TrainingFailed
from sr_plugin.core.job_folder import DONE, FAILED, RUNNING, STOPPED, JobFolder, JobStatus
from sr_plugin.core.training_plan import TrainingPlan, read_plan
from sr_plugin.worker.backends.base import first_line, is_out_of_memory

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
#: Seconds between two writings of the state.
_SECONDS_BETWEEN_STATES = 0.5


class Worker:
    """One run of the process on a job folder.

    Args:
        folder: the job folder.
    """

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._status = JobStatus(state=RUNNING)
        self._told = 0.0
        self._signalled = False
        self._first, self._begun = 0, time.monotonic()

    def work(self) -> int:
        """Train to the end, or until somebody asks to stop; the exit code of the process."""
        with self._folder.lock():
            earlier = signal.signal(signal.SIGTERM, self._on_signal)
            try:
                self._tell(True, message="Reading the dataset and the model")
                self._train(read_plan(self._folder.plan))
            except SuperResolutionError as error:
                self._fail(_disk_full() if _no_space(error) else error)
                return 1
            except Exception as error:
                self._fail(_wrapped(error))
                # The whole of it belongs into the log.
                raise
            finally:
                signal.signal(signal.SIGTERM, earlier)
                self._folder.forget_stop()
        return 0

    def _on_signal(self, _number: int, _frame: Any) -> None:
        self._signalled = True

    def _fail(self, error: SuperResolutionError) -> None:
        # The state first: the log may lie on a disk that is full.
        self._tell(True, state=FAILED, message=error.message, hint=error.hint, code=error.code, seconds_left=None)
        self._say(str(error))

    def _say(self, text: str) -> None:
        """Add a line to the log, which no training ends for."""
        with contextlib.suppress(OSError):
            print(text, flush=True)

    def _tell(self, now: bool, **changes: Any) -> None:
        self._status = replace(self._status, **changes)
        if now or time.monotonic() - self._told >= _SECONDS_BETWEEN_STATES:
            self._told = time.monotonic()
            # A running training writes its state again soon; how it ended must get through.
            with contextlib.suppress(OSError) if self._status.state == RUNNING else contextlib.nullcontext():
                self._folder.write_status(self._status)

    def _asked_to_stop(self) -> bool:
        return self._signalled or self._folder.stop_asked()

    def _train(self, plan: TrainingPlan) -> None:
        # Imported here: a plan that is no good is told before torch takes its seconds to load.
        from sr_plugin.worker.training.trainer import Trainer

        trainer = Trainer(plan, self._folder)
        for note in trainer.notes:
            self._say(note)
        progress = trainer.progress
        self._first, self._begun = progress.step, time.monotonic()
        self._tell(
            True,
            step=progress.step,
            steps=plan.steps,
            best=progress.best,
            best_step=progress.best_step,
            device=str(trainer.device),
            message="Measuring what there is without training",
        )
        trainer.measure_before()
        self._begun = time.monotonic()
        for batch in trainer.batches():
            if self._asked_to_stop() or trainer.tired:
                break
            trainer.step(batch)
            self._after_step(trainer, plan)
        if self._asked_to_stop():
            trainer.log_losses()
            trainer.save()
            self._tell(True, state=STOPPED, message="Stopped; it can be continued", seconds_left=None)
            return
        self._finish(trainer, plan)

    def _after_step(self, trainer: Any, plan: TrainingPlan) -> None:
        step, last = trainer.progress.step, trainer.progress.step == plan.steps
        keep = last or step % plan.checkpoint_every == 0
        if keep or step % plan.log_every == 0:
            trainer.log_losses()
        if last or step % plan.validation.every == 0:
            self._tell(True, step=step, message="Validating")
            trainer.validate()
            trainer.draw_panel()
        if keep:
            trainer.save()
        self._tell(
            last,
            step=step,
            seconds_left=self._seconds_left(step, plan.steps),
            best=trainer.progress.best,
            best_step=trainer.progress.best_step,
            message="Training",
        )

    def _seconds_left(self, step: int, steps: int) -> float | None:
        done = step - self._first
        return (time.monotonic() - self._begun) / done * (steps - step) if done > 0 else None

    def _finish(self, trainer: Any, plan: TrainingPlan) -> None:
        from sr_plugin.worker.training.result import write_result

        self._tell(True, message="Writing the model", seconds_left=None)
        progress = trainer.progress
        if progress.best is None:
            raise TrainingFailed(
                "No validation gave a figure, so there are no best weights.",
                "Start again with a lower learning rate.",
            )
        trainer.load_weights(self._folder.best)
        after = trainer.measure_kept()
        table = {**progress.before, "after": after.named()}
        validation = trainer.validation
        outcome = write_result(
            self._folder, plan, trainer.start.card, table, validation.peak, len(validation), progress.best_step
        )
        for note in outcome.notes:
            self._say(note)
        self._tell(
            True,
            state=DONE,
            message="Done",
            hint=outcome.warning,
            model=outcome.card,
            seconds_left=None,
            installed=plan.install,
        )


def _no_space(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__
    return error is not None and error.errno in _NO_SPACE


def _disk_full() -> DiskFull:
    return DiskFull("There is no space left for the training.", "Free some space, then continue it.")


def _wrapped(error: Exception) -> SuperResolutionError:
    if is_out_of_memory(error):
        return OutOfMemory("The training ran out of memory.", "Choose a smaller batch or patch.")
    if _no_space(error):
        return _disk_full()
    if isinstance(error, OSError):
        return OutputError(f"A file of the training cannot be used ({error}).", "Mend that, then continue it.")
    reason = f"{type(error).__name__}: {first_line(error)}"
    return TrainingFailed(f"The training failed in a way that was not foreseen ({reason}).", "See its log.")
