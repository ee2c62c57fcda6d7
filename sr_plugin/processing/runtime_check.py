"""Whether there is a Python to run models on, answered fast enough for the GUI thread."""

from __future__ import annotations

import os
import time
from typing import Optional, Tuple

from sr_plugin.core.errors import RuntimeMissing
from sr_plugin.processing import settings
from sr_plugin.processing.translation import tr

#: Seconds for which an answer is taken again: dialogs and models ask many times in a row.
_MEMORY = 5.0


class _LastAnswer:
    """The answer given last, and when."""

    at = float("-inf")
    answer: Tuple[bool, str] = (True, "")


def can_run_models() -> Tuple[bool, str]:
    """True unless it is known that no Python can run even the simplest model; else what to do about it.

    No Python is started here. One that was never looked at gets the benefit of the doubt: the run looks at it, in the
    background, and says the same in words.
    """
    now = time.monotonic()
    if now - _LastAnswer.at > _MEMORY:
        _LastAnswer.answer = _look()
        _LastAnswer.at = now
    return _LastAnswer.answer


def forget() -> None:
    """Look again at the next question, for example after an environment was made."""
    _LastAnswer.at = float("-inf")


def _look() -> Tuple[bool, str]:
    # Imported here: no part of loading the plugin.
    from sr_plugin.runtime.find_python import candidate_pythons

    candidates = candidate_pythons(settings.worker_python() or None)
    verdicts = [_usable(path) for path, _ in candidates]
    if any(verdict is not False for verdict in verdicts):
        return True, ""
    if candidates and candidates[0][1] == "chosen":
        reason = tr("The Python chosen for running models cannot be used: {}.").format(candidates[0][0])
    else:
        reason = tr("No Python 3.10 or newer with numpy was found to run models.")
    return False, f"{reason} {RuntimeMissing.default_hint}"


def _usable(path: str) -> Optional[bool]:
    """What is remembered of a Python; None where nothing is."""
    from sr_plugin.runtime.probe import probe_python
    from sr_plugin.runtime.probe_cache import recall

    if not os.path.isfile(path):
        return False
    path = os.path.abspath(path)
    # With a remembered answer the probe starts nothing.
    return None if recall(path) is None else probe_python(path).usable_for("builtin")
