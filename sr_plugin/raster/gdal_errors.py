"""GDAL's errors as exceptions of ours, whether or not its own exceptions are switched on.

QGIS switches GDAL's Python exceptions on from version 3.38; before, a failing call returns None or an error code and
tells the reason through an error handler. Neither state is changed here, because it belongs to the whole process.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, List

from osgeo import gdal


class GdalMessages:
    """Messages that GDAL gave inside a :func:`gdal_messages` block."""

    def __init__(self) -> None:
        self.failures: List[str] = []
        self.warnings: List[str] = []

    def __call__(self, level: int, _number: int, text: str) -> None:
        if level >= gdal.CE_Failure:
            self.failures.append(text.strip())
        elif level == gdal.CE_Warning:
            self.warnings.append(text.strip())

    def note(self, error: BaseException) -> None:
        """Add the text of an exception raised by GDAL."""
        text = str(error).strip()
        if text and text not in self.failures:
            self.failures.append(text)

    @property
    def reason(self) -> str:
        """The first failure as half a sentence, or an empty text."""
        return self.failures[0].rstrip(".") if self.failures else ""


@contextmanager
def gdal_messages() -> Iterator[GdalMessages]:
    """Collect GDAL's messages instead of printing them (handlers are per thread)."""
    messages = GdalMessages()
    gdal.PushErrorHandler(messages)
    try:
        yield messages
    finally:
        gdal.PopErrorHandler()
