"""HDF5 files through h5py, where it is installed, for Keras weights in the worker."""

from __future__ import annotations

from typing import Any

import numpy as np

from sr_plugin.core.checkpoint.keras import Hdf5Reader, register_hdf5_opener


class H5pyReader(Hdf5Reader):
    """See :class:`Hdf5Reader`; neither links to other files nor data kept in them are followed.

    Raises:
        ImportError: from the constructor when h5py is not installed.
        OSError: from the constructor when the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        import h5py

        self._h5py = h5py
        self._file = h5py.File(path, "r")

    def _at(self, path: str) -> Any:
        place = self._file
        for name in filter(None, path.split("/")):
            if not isinstance(place, self._h5py.Group) or name not in place:
                return None
            if isinstance(place.get(name, getlink=True), self._h5py.ExternalLink):
                raise OSError(f"'{path}' lies in another file")
            place = place[name]
        return place

    def groups(self, path: str) -> tuple[str, ...]:
        """See :class:`Hdf5Reader`."""
        group = self._at(path)
        if not isinstance(group, self._h5py.Group):
            return ()
        return tuple(name for name in group if group.get(name, getclass=True) is self._h5py.Group)

    def texts(self, path: str, attribute: str) -> tuple[str, ...] | None:
        """See :class:`Hdf5Reader`."""
        group = self._at(path)
        if not isinstance(group, self._h5py.Group) or attribute not in group.attrs:
            return None
        values = np.asarray(group.attrs[attribute]).reshape(-1).tolist()
        return tuple(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values)

    def shape(self, path: str) -> tuple[int, ...] | None:
        """See :class:`Hdf5Reader`."""
        found = self._at(path)
        return tuple(found.shape) if isinstance(found, self._h5py.Dataset) else None

    def array(self, path: str) -> np.ndarray:
        """See :class:`Hdf5Reader`."""
        found = self._at(path)
        if found.external or found.is_virtual:
            raise OSError(f"the numbers of '{path}' lie in another file")
        return np.asarray(found)

    def close(self) -> None:
        """See :class:`Hdf5Reader`."""
        self._file.close()


def register() -> None:
    """Let checkpoints in HDF5 be read in this process; h5py is imported only when there is one."""
    register_hdf5_opener(H5pyReader)
