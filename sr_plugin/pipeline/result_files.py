"""The files of a run, written, read back and finished together: the result, and what stands beside it."""

from __future__ import annotations

import contextlib
from typing import Callable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.grid import Window
from sr_plugin.raster.final_name import give_names
from sr_plugin.raster.whole_file import is_whole
from sr_plugin.raster.writer import OutputSpec, RasterWriter

#: Final pixels of one place, ``(bands, h, w)`` for each file, the result first.
Layers = Sequence[np.ndarray]


class ResultFiles:
    """Writes the files of a run. One object serves one thread at a time.

    Args:
        specs: what is written, the result first.
        partials: temporary paths.
        reopen: go on with the partial files of an interrupted run instead of creating new ones.

    Raises:
        OutputError, DiskFull: when a file cannot be created or opened again.
    """

    def __init__(self, specs: Sequence[OutputSpec], partials: Sequence[str], reopen: bool = False) -> None:
        self._writers: List[RasterWriter] = []
        try:
            for spec, partial in zip(specs, partials):
                self._writers.append(RasterWriter(spec, partial, reopen))
        except BaseException:
            if reopen:
                self.close()
            else:
                self.remove()
            raise

    @property
    def partial(self) -> str:
        """Path of the result's partial file."""
        return self._writers[0].partial

    def write(self, layers: Layers, window: Window, mask: Optional[np.ndarray] = None) -> None:
        """Write one place of all files; the mask ``(h, w)`` is the result's.

        Raises:
            DiskFull, OutputError: when the file system refuses.
        """
        for number, (writer, pixels) in enumerate(zip(self._writers, layers)):
            writer.write(pixels, window, None if number else mask)

    def read(self, window: Window) -> Optional[Tuple[List[np.ndarray], Optional[np.ndarray]]]:
        """Pixels written earlier, and the result's mask where it has one; None where any of it cannot be read back."""
        layers = []
        for writer in self._writers:
            pixels = writer.read(window)
            if pixels is None:
                return None
            layers.append(pixels)
        result = self._writers[0]
        if not result.spec.mask_band:
            return layers, None
        mask = result.read_mask(window)
        return None if mask is None else (layers, mask)

    def flush(self) -> None:
        """Hand cached blocks to the file system.

        Raises:
            DiskFull, OutputError: when the file system refuses.
        """
        for writer in self._writers:
            writer.flush()

    def finish(
        self, statistics: Sequence[Sequence[Mapping[str, str]]], cancelled: Callable[[], bool], record: str
    ) -> None:
        """Complete all files, then give them their names, the result last.

        Args:
            statistics: of each file the metadata items per band.
            cancelled: asked from time to time.
            record: path of a file that tells of a naming that is going on, see :func:`give_names`.

        Raises:
            DiskFull, OutputError, Cancelled: see :meth:`RasterWriter.finish`. Where a file cannot be completed or
                given its name, none of them stands under its name, and all partial files are there.
        """
        with contextlib.ExitStack() as copies:
            for writer in self._writers:
                copies.callback(writer.drop_copy)
            for writer, items in zip(self._writers, statistics):
                writer.complete(items, cancelled)
            give_names([(writer.whole, writer.spec.path) for writer in self._writers], record)
        for writer in self._writers:
            # The results are whole; what cannot be deleted now goes with other leftovers.
            with contextlib.suppress(OSError):
                writer.drop_partial()

    def close(self) -> None:
        """Close the partial files and leave them where they are."""
        for writer in self._writers:
            writer.close()

    def remove(self) -> None:
        """Close the partial files and delete them."""
        for writer in self._writers:
            writer.remove()


def are_whole(specs: Sequence[OutputSpec], partials: Sequence[str]) -> bool:
    """Whether the directories of partial files are sound."""
    return all(is_whole(partial, spec.size) for spec, partial in zip(specs, partials))
