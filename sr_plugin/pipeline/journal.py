"""The journal of a run: which tiles are on the disk, with checksums that a resume verifies.

The file holds one JSON object a line: first the job's plan, then one entry per finished tile. An entry is written
after the tile's bytes and the raster's index were handed to the system, but neither a kill nor a power loss is
trusted: a tile counts only when its pixels, read back, have the checksum of the entry.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.job import JobPlan
from sr_plugin.core.session import LoadedModel

VERSION = 3


def tile_checksum(layers: Sequence[np.ndarray], mask: Optional[np.ndarray] = None) -> str:
    """Checksum of the final pixels of each file, of any shape and type, and of the result's mask.

    CRC-32 and Adler-32, which fail independently.
    """
    crc, adler = 0, 1
    for part in layers if mask is None else (*layers, mask):
        data = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
        crc, adler = zlib.crc32(data, crc), zlib.adler32(data, adler)
    return f"{crc:08x}{adler:08x}"


@dataclass(frozen=True)
class TileEntry:
    """One finished tile.

    Attributes:
        checksum: of its final pixels, empty where it holds none (nothing valid, or outside the mask).
        statistics: sums that the run's figures are made of.
    """

    checksum: str
    statistics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Computation:
    """What computed the pixels of a run: another runtime or precision would give slightly different ones.

    Attributes:
        runtime: ``openvino``, ``onnxruntime``, ``torch`` or ``numpy``.
        backend: the same with its version.
        device: kind of device: ``cpu``, ``cuda`` ...
        number_type: ``float32``, ``bfloat16`` or ``float16``.
        others: backend and precision of each further model of an uncertainty.
    """

    runtime: str
    backend: str
    device: str
    number_type: str
    others: Tuple[str, ...] = ()

    @classmethod
    def of(cls, loaded: LoadedModel) -> Computation:
        """What a loaded model is computed by."""
        return cls(loaded.runtime, loaded.backend, loaded.device.split(":")[0], loaded.precision, loaded.others)

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> Computation:
        """Inverse of :func:`dataclasses.asdict`."""
        return cls(**{**values, "others": tuple(values["others"])})

    @property
    def precision(self) -> str:
        """The setting that leads to it: ``float32`` or ``reduced``."""
        return "float32" if self.number_type == "float32" else "reduced"


class Journal:
    """Appends entries to a journal file, or reads them back.

    Args:
        path: the journal file.
        plan: the job it belongs to.
        durable: wait until the disk has what is written. A job that nobody would continue need not.
    """

    def __init__(self, path: str, plan: JobPlan, durable: bool = True) -> None:
        self.path = path
        self._plan = plan
        self._durable = durable
        self._file: Optional[IO[str]] = None

    def computation(self) -> Optional[Computation]:
        """What computed the tiles of this very job so far, or None where no journal tells."""
        try:
            with open(self.path, encoding="utf-8") as file:
                head = json.loads(file.readline())
                if head.get("version") == VERSION and head.get("digest") == self._plan.digest and file.readline():
                    return Computation.from_wire(head["computation"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # Such a journal is not continued either.
            return None
        return None

    def read(self) -> Dict[int, TileEntry]:
        """Entries by tile index; none where there is no journal of this very job.

        A line cut short by a crash ends the reading.
        """
        entries: Dict[int, TileEntry] = {}
        try:
            with open(self.path, encoding="utf-8") as file:
                head = json.loads(file.readline())
                if head.get("version") != VERSION or head.get("digest") != self._plan.digest:
                    return {}
                for line in file:
                    if not line.endswith("\n"):
                        break
                    values = json.loads(line)
                    entries[int(values["tile"])] = _entry(values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            # A journal that cannot be understood only means that its tiles are computed again.
            return entries
        return entries

    def start(self, entries: Mapping[int, TileEntry], computation: Computation) -> None:
        """Write a new journal that holds the entries that were verified.

        Raises:
            OSError: when the file cannot be written.
        """
        temporary = self.path + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            head = {"version": VERSION, "digest": self._plan.digest, "plan": self._plan.to_wire()}
            head["computation"] = asdict(computation)
            file.write(json.dumps(head) + "\n")
            for index, entry in entries.items():
                file.write(_line(index, entry))
            self._sync(file)
        os.replace(temporary, self.path)
        self._file = open(self.path, "a", encoding="utf-8")

    def add(self, entries: Mapping[int, TileEntry]) -> None:
        """Append finished tiles and hand them to the disk.

        Raises:
            OSError: when the disk refuses.
        """
        if self._file is None:
            raise ValueError("the journal was not started")
        self._file.write("".join(_line(index, entry) for index, entry in entries.items()))
        self._sync(self._file)

    def _sync(self, file: IO[str]) -> None:
        file.flush()
        if self._durable:
            os.fsync(file.fileno())

    def close(self) -> None:
        """Close the file and leave it where it is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Close the file and delete it."""
        self.close()
        if os.path.exists(self.path):
            os.remove(self.path)


def _entry(values: Mapping[str, Any]) -> TileEntry:
    return TileEntry(str(values["checksum"]), {str(k): float(v) for k, v in values["statistics"].items()})


def _line(index: int, entry: TileEntry) -> str:
    values: Dict[str, Any] = {"tile": index, "checksum": entry.checksum, "statistics": dict(entry.statistics)}
    return json.dumps(values) + "\n"
