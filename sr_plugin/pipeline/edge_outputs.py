"""The rasters that a comparison of edges writes, and the part of the scene that its report shows."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np
from osgeo import gdal

from sr_plugin.core.edges import EDGE_CLASSES, NODATA_CODE, NONE, EdgeSettings
from sr_plugin.core.errors import OutputError
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.locations import plugin_version
from sr_plugin.core.output_lock import OutputLock
from sr_plugin.raster.output_path import check_output_path
from sr_plugin.raster.writer import OutputBand, OutputSpec, RasterWriter

#: A GeoTIFF keeps no transparency of a palette, so what is no edge is white there.
_CLEAR, _BLACK = (255, 255, 255, 0), (0, 0, 0, 255)
#: Step of the search for the part with the most edges, in pixels of the fine grid.
_BLOCK = 64


def _palette(colours: Mapping[int, Tuple[int, int, int, int]]) -> Tuple[Tuple[int, int, int, int], ...]:
    return tuple(colours.get(code, _CLEAR) for code in range(256))


def _edge_band(title: str) -> OutputBand:
    palette = _palette({1: _BLACK})
    names = ("no edge", "edge")
    facts = tuple((f"CLASS_{code}", name) for code, name in enumerate(names))
    return OutputBand(title, gdal.GCI_PaletteIndex, metadata=facts, palette=palette, categories=names)


def _class_band() -> OutputBand:
    classes = (NONE, *EDGE_CLASSES)
    palette = _palette({item.code: item.colour for item in classes})
    names = tuple(item.title for item in classes)
    # A GeoTIFF holds a palette, but names of categories only as metadata; GDAL's own go into a file beside it.
    facts = tuple((f"CLASS_{item.code}", item.title) for item in classes)
    return OutputBand("Edge classes", gdal.GCI_PaletteIndex, metadata=facts, palette=palette, categories=names)


class EdgeRasters:
    """The rasters of one comparison, written together and finished together.

    Args:
        paths: final paths by the name of the array (``edges_input``, ``edges_result``, ``classes_result``).
        grid: where they lie.
        georeferenced: False where the place is not known.
        settings: with absolute thresholds, kept as metadata.
        tile: side of the pieces that will be written.

    Raises:
        OutputError, OutputBusy, DiskFull: when nothing can be written there.
    """

    def __init__(
        self, paths: Mapping[str, str], grid: Grid, georeferenced: bool, settings: EdgeSettings, tile: int
    ) -> None:
        titles = {"edges_input": "Edges of the enlarged input", "edges_result": "Edges of the result"}
        facts = {f"SR_EDGES_{key.upper()}": str(value) for key, value in settings.to_wire().items()}
        facts["TIFFTAG_SOFTWARE"] = f"Super-Resolution for QGIS {plugin_version()}"
        self._locks = ExitStack()
        self._writers: Dict[str, RasterWriter] = {}
        try:
            for name, path in paths.items():
                self._locks.enter_context(OutputLock(path))
                band = _edge_band(titles[name]) if name in titles else _class_band()
                spec = OutputSpec(
                    path, grid, [band], "uint8", NODATA_CODE, metadata=facts, tile=tile, georeferenced=georeferenced,
                    smooth=False,
                )  # fmt: skip
                self._writers[name] = RasterWriter(spec, f"{path}.part.tif")
        except BaseException:
            self.discard()
            raise

    @property
    def names(self) -> Tuple[str, ...]:
        """Names of the arrays that are written."""
        return tuple(self._writers)

    def write(self, arrays: Mapping[str, np.ndarray], window: Window) -> None:
        """Write the wanted ones of some ``(h, w)`` arrays.

        Raises:
            DiskFull, OutputError: when the file system refuses.
        """
        for name, writer in self._writers.items():
            writer.write(arrays[name][None], window)

    def finish(self, cancelled: Callable[[], bool]) -> None:
        """Give all files their names.

        Raises:
            DiskFull, OutputError, Cancelled: see :meth:`RasterWriter.finish`.
        """
        for writer in self._writers.values():
            writer.finish([], cancelled)
        self._locks.close()

    def discard(self) -> None:
        """Delete what is not finished."""
        for writer in self._writers.values():
            writer.remove()
        self._locks.close()


def check_outputs(rasters: Mapping[str, str], files: Mapping[str, str], source_files: List[str]) -> None:
    """Refuse outputs that cannot be written, or that would overwrite a source or each other.

    Args:
        rasters, files: paths of GeoTIFFs and of other files.
        source_files: files that the sources are made of.

    Raises:
        OutputError: naming the cause.
    """
    for path in rasters.values():
        check_output_path(path, source_files)
    sources = {_same(name) for name in source_files}
    for path in files.values():
        if _same(path) in sources:
            raise OutputError(f"'{path}' is a source of the comparison.", "Choose another name for the output.")
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):
            raise OutputError(f"The folder '{folder}' does not exist.", "Create it, or choose another folder.")
        if os.path.isdir(path):
            raise OutputError(f"'{path}' is a folder.", "Give the name of a file in it.")
    every = [_same(path) for path in (*rasters.values(), *files.values())]
    if len(set(every)) < len(every):
        raise OutputError("Two outputs have the same name.", "Give each output a name of its own.")


def _same(path: str) -> str:
    """Equal for two names of one file."""
    return os.path.normcase(os.path.realpath(path))


def write_file(path: str, data: bytes) -> None:
    """Write a small file under a temporary name and give it its own when it is whole.

    Raises:
        OutputError: when it cannot be written.
    """
    write_files({path: data})


def write_files(contents: Mapping[str, bytes]) -> None:
    """Write small files by path under temporary names, and give them their own when all are whole.

    Raises:
        OutputError: when one cannot be written; none is left under a temporary name.
    """
    path = ""
    try:
        for path, data in contents.items():
            with open(path + ".part", "wb") as file:
                file.write(data)
        for path in contents:
            os.replace(path + ".part", path)
    except OSError as error:
        for name in contents:
            with suppress(OSError):
                os.remove(name + ".part")
        raise OutputError(f"The file '{path}' cannot be written ({error}).") from error


class BusiestPart:
    """Finds the square of a raster with the most edges while it is computed tile by tile.

    Args:
        side: of the square, in pixels; a multiple of ``unit``.
        unit: its corner lies at a multiple of this.
    """

    def __init__(self, side: int, unit: int) -> None:
        self._side, self._unit = side, unit
        self._most = -1
        self._best: Optional[Window] = None

    def add(self, classes: np.ndarray, tile: Window) -> None:
        """Look at the classes ``(h, w)`` of a tile."""
        step = max(self._unit, _BLOCK // self._unit * self._unit)
        rows, columns = classes.shape
        edges = np.pad(((classes > 0) & (classes != NODATA_CODE)).cumsum(0, np.int64).cumsum(1), ((1, 0), (1, 0)))
        height, width = min(self._side, rows), min(self._side, columns)
        for row in range(0, rows - height + 1, step):
            for column in range(0, columns - width + 1, step):
                bottom, right = row + height, column + width
                count = edges[bottom, right] - edges[row, right] - edges[bottom, column] + edges[row, column]
                # A larger part is shown rather than a small one at the rim with a few edges more.
                if count * width * height > self._most:
                    self._most = int(count) * width * height
                    self._best = Window(tile.col + column, tile.row + row, width, height)

    @property
    def window(self) -> Optional[Window]:
        """The square, or what of it fits into the raster; None where no tile was seen."""
        return self._best
