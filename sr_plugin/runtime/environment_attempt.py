"""Changes to an environment that come to their end or leave everything as it was."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any, Callable, Dict, Optional

from sr_plugin.core.errors import EnvironmentFailed
from sr_plugin.runtime.environment_folder import BEFORE, COMPLETE, UNFINISHED, is_ours, read_record, size_of


def note(folder: str, name: str, record: Dict[str, Any]) -> None:
    """Write a record into an environment, whole or not at all."""
    partial = os.path.join(folder, f"{name}.partial")
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1, sort_keys=True)
    os.replace(partial, os.path.join(folder, name))


def remove_environment(folder: str) -> None:
    """Delete an environment that this plugin made, whole or not.

    Raises:
        EnvironmentFailed: when the folder is not the plugin's own, or is in use.
    """
    if not os.path.lexists(folder) or (os.path.isdir(folder) and not os.listdir(folder)):
        return
    if not is_ours(folder):
        raise EnvironmentFailed(
            f"'{folder}' is there already and was not made by this plugin.", "Choose an empty or new folder."
        )
    # First of all, so that what is left of it after a failure does not pass for a whole one.
    _drop(os.path.join(folder, COMPLETE), UNFINISHED)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise EnvironmentFailed(
            f"The environment in '{folder}' cannot be removed ({error.strerror or error}).",
            "End the runs that use it and start again.",
        ) from error


class Attempt:
    """A change of an environment: a context that puts back what was there unless :meth:`succeed` is called.

    Args:
        folder: folder of the environment.
        enlarge: add to the environment that is there; else a new one is made in its place.
        still_works: says whether the environment in the folder can do what its record promises.

    Raises:
        EnvironmentFailed: when the folder is not the plugin's own, or is in use.
    """

    def __init__(self, folder: str, enlarge: bool, still_works: Callable[[], bool]) -> None:
        self._folder, self._aside = folder, folder + BEFORE
        self._still_works = still_works
        self._record: Optional[Dict[str, Any]] = None
        self._done = False
        self._recover()
        if enlarge:
            self._record = read_record(folder)
            # From here to the end the environment is not whole, and a crash must leave it marked so.
            _drop(os.path.join(folder, COMPLETE), UNFINISHED)
        elif read_record(folder) is not None:
            self._move(folder, self._aside)
        else:
            remove_environment(folder)

    def succeed(self, record: Dict[str, Any]) -> None:
        """The environment is whole.

        Args:
            record: what is noted about it.
        """
        note(self._folder, COMPLETE, record)
        unfinished = os.path.join(self._folder, UNFINISHED)
        if os.path.exists(unfinished):
            os.remove(unfinished)
        self._done = True

    def __enter__(self) -> Attempt:
        return self

    def __exit__(self, *_error: object) -> None:
        # The name beside may be taken by a folder of the user's own, which was left alone.
        aside = is_ours(self._aside)
        if self._done and aside:
            # What cannot be deleted, because it is in use, is deleted by the next attempt.
            shutil.rmtree(self._aside, ignore_errors=True)
        elif self._done:
            return
        elif self._record is not None and self._still_works():
            self.succeed(self._record)
        else:
            shutil.rmtree(self._folder, ignore_errors=True)
            if aside:
                self._move(self._aside, self._folder)

    def _recover(self) -> None:
        """Finish what a crash interrupted."""
        if not is_ours(self._aside):
            return
        if read_record(self._folder) is None:
            remove_environment(self._folder)
            self._move(self._aside, self._folder)
        else:
            shutil.rmtree(self._aside, ignore_errors=True)

    def _move(self, source: str, target: str) -> None:
        try:
            os.replace(source, target)
        except OSError as error:
            raise EnvironmentFailed(
                f"The environment in '{source}' cannot be moved ({error.strerror or error}).",
                "End the runs that use it and start again.",
            ) from error


def _drop(complete: str, unfinished: str) -> None:
    """Mark an environment as not whole."""
    folder = os.path.dirname(complete)
    if os.path.isdir(folder):
        note(folder, unfinished, {"size": size_of(read_record(folder) or {})})
    if os.path.exists(complete):
        os.remove(complete)
