"""Training datasets on disk: a card, an index, and one NumPy file per patch and array (docs/dataset-format.md)."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from dataclasses import asdict, dataclass, fields, replace
from tokenize import TokenError
from typing import Collection, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.dataset_card import SPLITS, ArraySpec, DatasetCard, card_from_json
from sr_plugin.core.errors import DatasetUnreadable
from sr_plugin.core.strict_json import parse_json

CARD_FILE, INDEX_FILE, EXCLUDE_FILE = "dataset.json", "index.csv", "exclude.csv"
#: Suffix of the folder that says which pixels of an array are measured: uint8, 0 for a gap.
VALID_SUFFIX = "_valid"
#: What the column ``excluded`` says of a patch that a person struck out.
BY_HAND = "by hand"

_ID = re.compile(r"[0-9]{5,9}")
_DIGITS = 5
_LISTED = re.compile(r"[0-9]{1,9}")
_MAX_TEXT_BYTES = 1 << 30
#: What NumPy raises for a file that is no array, or a damaged one.
_DAMAGED = (OSError, ValueError, TypeError, EOFError, OverflowError, MemoryError, SyntaxError, TokenError)


@dataclass(frozen=True)
class PatchRecord:
    """One line of the index.

    Attributes:
        id: number of the patch, which names its files.
        split: ``train``, ``validation`` or ``test``.
        place: name of the piece of ground; all patches of one place are in one split.
        source: what ``low`` was cut from (what ``high`` was cut from, where ``low`` was made of it).
        reference: what ``high`` was cut from.
        col, row: upper-left pixel in the grid of the low resolution.
        date, reference_date: acquisition of ``low`` and ``high``, ISO 8601, empty if unknown.
        stratum: class that covers most of the patch, empty without a class raster.
        shift_x, shift_y: displacement of ``low`` against ``high`` that was left, in pixels of the low resolution.
        score: correlation of ``low`` with ``high`` brought to its resolution (-1 to 1), NaN where not measured.
        mtf: modulation transfer at the low Nyquist frequency that ``low`` was made with, NaN where it was not.
        gaps: share of pixels of ``high`` without data (0 to 1).
        sha256: digest of the values of all arrays; see :func:`digest_of`.
        excluded: why the patch is not to be used; empty where it is.
    """

    id: str
    split: str
    place: str
    source: str
    reference: str = ""
    col: int = 0
    row: int = 0
    date: str = ""
    reference_date: str = ""
    stratum: str = ""
    shift_x: float = float("nan")
    shift_y: float = float("nan")
    score: float = float("nan")
    mtf: float = float("nan")
    gaps: float = 0.0
    sha256: str = ""
    excluded: str = ""


_KINDS: Mapping[str, type] = {
    name: {"int": int, "float": float}.get(str(field.type), str)
    for name, field in PatchRecord.__dataclass_fields__.items()
}


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the arrays of a patch in the order of their names: name, type, shape, then little-endian bytes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        data = np.ascontiguousarray(arrays[name])
        data = data.astype(data.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {data.dtype.str} {list(data.shape)}\n".encode("ascii"))
        digest.update(data.tobytes())
    return digest.hexdigest()


def checksum_of(records: Iterable[PatchRecord]) -> str:
    """Checksum of a dataset: SHA-256 over the lines ``<id> <sha256>``, ordered by id."""
    lines = sorted(f"{record.id} {record.sha256}\n" for record in records)
    return hashlib.sha256("".join(lines).encode("ascii", "replace")).hexdigest()


def array_path(folder: str, name: str, patch: str) -> str:
    """File of one array of one patch."""
    return os.path.join(folder, name, f"{patch}.npy")


def index_text(records: Sequence[PatchRecord]) -> str:
    """The index as CSV: a header, then one line per patch."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(PatchRecord)], lineterminator="\n")
    writer.writeheader()
    for record in records:
        values = asdict(record)
        writer.writerow({k: "" if isinstance(v, float) and v != v else v for k, v in values.items()})
    return buffer.getvalue()


def _record(row: Mapping[str, str]) -> PatchRecord:
    values = {}
    for name, kind in _KINDS.items():
        text = row.get(name)
        if text is None or (text == "" and kind is not str):
            continue
        values[name] = kind(text)
    record = PatchRecord(**values)
    if not _ID.fullmatch(record.id):
        raise ValueError(f"'{record.id}' is no number of a patch")
    if record.split not in SPLITS:
        raise ValueError(f"patch {record.id} is in no split")
    return record


def _read_text(path: str) -> str:
    try:
        if os.path.getsize(path) > _MAX_TEXT_BYTES:
            raise DatasetUnreadable(f"The file '{path}' is too long for what it should be.")
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError as error:
        raise DatasetUnreadable(f"The folder holds no training dataset: '{path}' does not exist.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetUnreadable(f"The file '{path}' cannot be read ({error}).") from error


def _read_index(folder: str) -> Tuple[PatchRecord, ...]:
    path = os.path.join(folder, INDEX_FILE)
    try:
        records = tuple(_record(row) for row in csv.DictReader(io.StringIO(_read_text(path))))
    except (ValueError, TypeError, csv.Error) as error:
        raise DatasetUnreadable(f"The index '{path}' cannot be understood ({error}).") from error
    if len({record.id for record in records}) != len(records):
        raise DatasetUnreadable(f"The index '{path}' lists a patch twice.")
    return records


def _read_struck_out(folder: str) -> frozenset:
    """Numbers of patches in the list that the contact sheet saves; the first column counts.

    Leading zeros, which spreadsheets drop, are put back.
    """
    path = os.path.join(folder, EXCLUDE_FILE)
    if not os.path.exists(path):
        return frozenset()
    # Spreadsheets write it anew in their own manner.
    first = (re.split(r"[,;\t]", line)[0].strip(' "\ufeff') for line in _read_text(path).splitlines())
    return frozenset(text.zfill(_DIGITS) for text in first if _LISTED.fullmatch(text))


class Dataset:
    """A dataset opened for reading; arrays are memory-mapped, so nothing is held in memory.

    Args:
        folder: the dataset's folder.
        card: its card.
        records: its index.
        unknown: numbers in ``exclude.csv`` that no patch has: the list was meant for another dataset, or was damaged.
    """

    def __init__(
        self, folder: str, card: DatasetCard, records: Sequence[PatchRecord], unknown: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.card = card
        self.records: Tuple[PatchRecord, ...] = tuple(records)
        self.unknown: Tuple[str, ...] = tuple(unknown)

    @classmethod
    def open(cls, folder: str) -> Dataset:
        """Open the dataset in a folder; patches listed in ``exclude.csv`` count as excluded.

        Raises:
            DatasetUnreadable: when there is none, or it is damaged.
        """
        try:
            card = card_from_json(parse_json(_read_text(os.path.join(folder, CARD_FILE))))
        except ValueError as error:
            raise DatasetUnreadable(f"The dataset's card is no JSON ({error}).") from error
        records = _read_index(folder)
        struck = _read_struck_out(folder)
        kept = [replace(r, excluded=BY_HAND) if r.id in struck and not r.excluded else r for r in records]
        return cls(folder, card, kept, sorted(struck - {record.id for record in records}))

    @property
    def warning(self) -> str:
        """A sentence about ``exclude.csv`` where it cannot be followed as a whole, else an empty text."""
        if not self.unknown:
            return ""
        more = ", …" if len(self.unknown) > 3 else ""
        return (
            f"'{EXCLUDE_FILE}' names {len(self.unknown)} patches that the dataset does not have "
            f"({', '.join(self.unknown[:3])}{more}). Check that the list belongs to it."
        )

    def split(self, name: str, excluded: bool = False) -> List[PatchRecord]:
        """Records of one split, in the order of the index.

        Args:
            name: ``train``, ``validation`` or ``test``.
            excluded: with those that are not to be used.
        """
        return [r for r in self.records if r.split == name and (excluded or not r.excluded)]

    def pairs(self, split: str) -> Iterator[Tuple[np.ndarray, np.ndarray, PatchRecord]]:
        """``(low, high, record)`` of all patches of a split that are to be used.

        ``low`` is the first input: ``(bands, h, w)``, of multi-image datasets ``(views, bands, h, w)``.

        Raises:
            DatasetUnreadable: when an array is missing or not what the card says.
        """
        for record in self.split(split):
            yield self.array(record, self.card.low), self.array(record, self.card.target), record

    def array(self, record: PatchRecord, spec: ArraySpec) -> np.ndarray:
        """One array of a patch, read-only and memory-mapped, of the shape and type that the card says.

        Raises:
            DatasetUnreadable: see above.
        """
        data = self._load(array_path(self.folder, spec.name, record.id))
        if data.shape != self.card.shape(spec) or data.dtype != np.dtype(spec.pixel_type):
            raise DatasetUnreadable(f"Array '{spec.name}' of patch {record.id} is not what the card says.")
        return data

    def arrays(self, record: PatchRecord) -> Dict[str, np.ndarray]:
        """All arrays of a patch by name: inputs, ``high``, and masks ``<name>_valid`` where there are any."""
        found = {spec.name: self.array(record, spec) for spec in self.card.arrays}
        for spec in self.card.arrays:
            valid = self.valid(record, spec)
            if valid is not None:
                found[spec.name + VALID_SUFFIX] = valid
        return found

    def valid(self, record: PatchRecord, spec: ArraySpec) -> Optional[np.ndarray]:
        """Which pixels of an array are measured, None where all are.

        Returns:
            uint8, 0 for a gap: ``(h, w)``, of multi-image inputs ``(views, h, w)``.

        Raises:
            DatasetUnreadable: when the mask is not of this shape.
        """
        path = array_path(self.folder, spec.name + VALID_SUFFIX, record.id)
        if not os.path.exists(path):
            return None
        data = self._load(path)
        shape = self.card.shape(spec)
        if data.dtype != np.uint8 or data.shape != shape[:-3] + shape[-2:]:
            raise DatasetUnreadable(f"The mask of '{spec.name}' of patch {record.id} is not what the card says.")
        return data

    def preview_path(self, record: PatchRecord) -> str:
        """Picture of a patch, ``low`` beside ``high``; it may not exist."""
        return os.path.join(self.folder, "previews", f"{record.id}.png")

    def verify(self) -> List[str]:
        """Numbers of the patches whose arrays are missing or changed; empty where the dataset is whole."""
        damaged = []
        for record in self.records:
            try:
                whole = digest_of(self.arrays(record)) == record.sha256
            except DatasetUnreadable:
                whole = False
            if not whole:
                damaged.append(record.id)
        return damaged

    def exclude(self, ids: Collection[str]) -> Dataset:
        """Write to the index which patches a person struck out; all others that a person had struck out come back.

        Args:
            ids: numbers of the patches that are not to be used.

        Raises:
            DatasetUnreadable: when the index cannot be written.
        """
        records = []
        for record in self.records:
            if record.id in ids:
                records.append(replace(record, excluded=record.excluded or BY_HAND))
            else:
                records.append(replace(record, excluded="" if record.excluded == BY_HAND else record.excluded))
        path = os.path.join(self.folder, INDEX_FILE)
        try:
            with open(path + ".new", "w", encoding="utf-8", newline="") as file:
                file.write(index_text(records))
                file.flush()
                os.fsync(file.fileno())
            os.replace(path + ".new", path)
            # The index says it all now; a list of its own would strike out again what was taken back.
            listed = os.path.join(self.folder, EXCLUDE_FILE)
            if os.path.exists(listed):
                os.remove(listed)
        except OSError as error:
            raise DatasetUnreadable(f"The index '{path}' cannot be written ({error}).") from error
        return Dataset(self.folder, self.card, records)

    @staticmethod
    def _load(path: str) -> np.ndarray:
        try:
            # Arrays of objects, which would be unpickled, cannot be mapped.
            return np.lib.format.open_memmap(path, mode="r")
        except _DAMAGED as error:
            raise DatasetUnreadable(f"The array '{path}' cannot be read ({error}).") from error
