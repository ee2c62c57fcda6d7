"""HDF5 files through GDAL's multidimensional API, so that Keras weights need no further library in QGIS.

Damaged files were seen to crash GDAL's HDF5 driver (3.6, in string attributes). So a file is first read in a Python of
its own, and only what that one survived is read in this process, which may be QGIS with an unsaved project.
"""

from __future__ import annotations

import os
import subprocess  # nosec B404: runs this Python with a fixed program
import sys
from typing import Any, Optional, Tuple

import numpy as np

from sr_plugin.core.checkpoint.keras import Hdf5Reader, read_keras_hdf5, register_hdf5_opener
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.locations import package_parent

#: The current folder is kept off the path, so that no numpy.py that lies there runs.
_REHEARSAL = (
    "import sys; sys.path = [sys.argv[1]] + [p for p in sys.path if p]; "
    "from sr_plugin.raster.hdf5_reader import rehearse; rehearse(sys.argv[2])"
)
_REHEARSAL_SECONDS = 300
#: Exit codes above this (and negative ones) mean that the process was killed by the system.
_LAST_ORDINARY_CODE = 125


class GdalHdf5Reader(Hdf5Reader):
    """See :class:`Hdf5Reader`.

    Raises:
        ImportError: from the constructor when GDAL has no driver for HDF5.
        OSError: from the constructor when the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        from osgeo import gdal

        from sr_plugin.raster.gdal_errors import gdal_messages

        if gdal.GetDriverByName("HDF5") is None:
            raise ImportError("this GDAL was built without HDF5")
        with gdal_messages() as messages:
            try:
                self._dataset = gdal.OpenEx(path, gdal.OF_MULTIDIM_RASTER, allowed_drivers=["HDF5"])
            except RuntimeError as error:
                messages.note(error)
                self._dataset = None
        self._root = None if self._dataset is None else self._dataset.GetRootGroup()
        if self._root is None:
            raise OSError(messages.reason or "GDAL cannot open it")

    def _group(self, path: str) -> Any:
        group = self._root
        for name in filter(None, path.split("/")):
            # Asked by name first: opening what is not there is an error or None, as GDAL is set.
            if group is None or name not in (group.GetGroupNames() or ()):
                return None
            group = group.OpenGroup(name)
        return group

    def groups(self, path: str) -> Tuple[str, ...]:
        """See :class:`Hdf5Reader`."""
        group = self._group(path)
        return () if group is None else tuple(group.GetGroupNames() or ())

    def texts(self, path: str, attribute: str) -> Optional[Tuple[str, ...]]:
        """See :class:`Hdf5Reader`."""
        group = self._group(path)
        if group is None:
            return None
        found = next((a for a in group.GetAttributes() or () if a.GetName() == attribute), None)
        if found is None:
            return None
        # Reading an attribute without elements is an error.
        if found.GetTotalElementsCount() == 0:
            return ()
        value = found.Read()
        return tuple(str(text) for text in value) if isinstance(value, (list, tuple)) else (str(value),)

    def _array(self, path: str) -> Any:
        parent, _, name = path.rpartition("/")
        group = self._group(parent)
        if group is None or name not in (group.GetMDArrayNames() or ()):
            return None
        return group.OpenMDArray(name)

    def shape(self, path: str) -> Optional[Tuple[int, ...]]:
        """See :class:`Hdf5Reader`."""
        array = self._array(path)
        return None if array is None else tuple(axis.GetSize() for axis in array.GetDimensions() or ())

    def array(self, path: str) -> np.ndarray:
        """See :class:`Hdf5Reader`."""
        values = self._array(path).ReadAsArray()
        if values is None:
            raise OSError(f"the numbers of '{path}' cannot be read")
        return np.asarray(values)

    def close(self) -> None:
        """See :class:`Hdf5Reader`."""
        self._root = self._dataset = None


def rehearse(path: str) -> None:
    """Read a file and forget it: run in a process that may crash. Refusals are left for the real reading."""
    register_hdf5_opener(GdalHdf5Reader)
    try:
        read_keras_hdf5(path)
    except ModelUnreadable:
        pass


def _python() -> Optional[str]:
    """The Python program of this process; QGIS on Windows and macOS is a program of its own, with one beside it."""
    if os.path.basename(sys.executable or "").lower().startswith("python"):
        return sys.executable
    places = [os.path.join(sys.exec_prefix, *parts) for parts in (("python.exe",), ("bin", "python3"))]
    return next((place for place in places if os.path.isfile(place)), None)


def open_rehearsed(path: str) -> Hdf5Reader:
    """The file, once another process has read it without a crash; unrehearsed where there is no Python to start.

    Raises:
        ImportError: when GDAL has no driver for HDF5.
        OSError: when the file cannot be opened, or crashed the other process.
    """
    python = _python()
    if python:
        command = [python, "-c", _REHEARSAL, package_parent(), path]
        quiet = subprocess.DEVNULL
        try:
            code = subprocess.run(  # nosec B603: no shell, and the file's name is an argument
                command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=_REHEARSAL_SECONDS, check=False
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise OSError("reading it takes without end") from error
        if code < 0 or code > _LAST_ORDINARY_CODE:
            raise OSError("reading it crashes the HDF5 library")
    return GdalHdf5Reader(path)


def register() -> None:
    """Let checkpoints in HDF5 be read in this process; GDAL is imported only when there is one."""
    register_hdf5_opener(open_rehearsed)
