"""Writing a training dataset: into a folder of its own beside the target, which takes its name when all is there."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from dataclasses import replace
from types import TracebackType
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Type

import numpy as np

from sr_plugin.core.dataset import (
    CARD_FILE,
    INDEX_FILE,
    VALID_SUFFIX,
    Dataset,
    PatchRecord,
    array_path,
    checksum_of,
    digest_of,
    index_text,
)
from sr_plugin.core.dataset_card import SPLITS, TRAIN, DatasetCard, card_to_json
from sr_plugin.core.errors import DiskFull, OutputError, ParameterError

#: Values kept of every training patch and band, from which the percentiles of the card are taken.
_SAMPLE = 256
_PERCENTILES = (0.1, 99.9)
_NO_SPACE = 28


class DatasetWriter:
    """Context manager that collects patches; leaving it in peace puts the folder in place, an error removes it.

    Args:
        folder: where the dataset is to lie; it must not exist, or be empty.
        card: counts, percentiles and checksum are filled in at the end.

    Raises:
        OutputError: when the folder cannot be written, or holds something.
    """

    def __init__(self, folder: str, card: DatasetCard) -> None:
        self.folder = os.path.abspath(folder)
        self._card = card
        self._records: List[PatchRecord] = []
        self._samples: Dict[str, List[np.ndarray]] = {spec.name: [] for spec in card.arrays}
        if os.path.lexists(self.folder) and (not os.path.isdir(self.folder) or os.listdir(self.folder)):
            raise OutputError(
                f"The folder '{self.folder}' holds something already.", "Choose a new or an empty folder."
            )
        parent, name = os.path.split(self.folder)
        self.partial = os.path.join(parent, f".{name}.{uuid.uuid4().hex[:8]}.part")
        try:
            os.makedirs(parent, exist_ok=True)
            for spec in card.arrays:
                os.makedirs(os.path.join(self.partial, spec.name))
        except OSError as error:
            raise OutputError(f"The folder '{self.folder}' cannot be written ({error}).") from error

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if os.path.isdir(self.partial):
            shutil.rmtree(self.partial, ignore_errors=True)

    @property
    def records(self) -> Sequence[PatchRecord]:
        """What has been added so far."""
        return tuple(self._records)

    def add(self, record: PatchRecord, arrays: Mapping[str, np.ndarray]) -> PatchRecord:
        """Write one patch.

        Args:
            record: its ``id`` and ``sha256`` are given here.
            arrays: every array of the card by name, and ``<name>_valid`` (uint8) for those that have gaps.

        Returns:
            The record as it will stand in the index.

        Raises:
            ParameterError: when an array is missing or not what the card says.
            DiskFull, OutputError: when it cannot be written.
        """
        self._check(arrays)
        if record.split not in SPLITS:
            raise ParameterError(f"'{record.split}' is no split of a dataset.")
        record = replace(record, id=f"{len(self._records):05d}", sha256=digest_of(arrays))
        for name, data in arrays.items():
            self._save(array_path(self.partial, name, record.id), np.ascontiguousarray(data))
        if record.split == TRAIN:
            self._sample(arrays)
        self._records.append(record)
        return record

    def add_file(self, name: str, content: bytes) -> None:
        """Write a further file, such as a preview, under a path relative to the dataset.

        Raises:
            DiskFull, OutputError: when it cannot be written.
        """
        path = os.path.join(self.partial, *name.split("/"))
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        except OSError as error:
            raise _write_error(path, error) from error

    def finish(self, **changes: object) -> Dataset:
        """Write index and card, and give the folder its name.

        Args:
            changes: fields of the card that are known only now.

        Raises:
            OutputError, DiskFull: when that fails; nothing is left.
        """
        counts = {split: sum(r.split == split for r in self._records) for split in SPLITS}
        inputs = tuple(replace(s, percentiles=self._percentiles(s.name)) for s in self._card.inputs)
        target = replace(self._card.target, percentiles=self._percentiles(self._card.target.name))
        checksum = checksum_of(self._records)
        card = replace(
            self._card, **{"inputs": inputs, "target": target, "counts": counts, "checksum": checksum, **changes}
        )
        text = json.dumps(card_to_json(card), indent=2, ensure_ascii=False, allow_nan=False)
        self.add_file(INDEX_FILE, index_text(self._records).encode("utf-8"))
        self.add_file(CARD_FILE, (text + "\n").encode("utf-8"))
        try:
            if os.path.isdir(self.folder):
                os.rmdir(self.folder)
            os.rename(self.partial, self.folder)
        except OSError as error:
            raise OutputError(f"The folder '{self.folder}' cannot be put in place ({error}).") from error
        return Dataset(self.folder, card, self._records)

    def _check(self, arrays: Mapping[str, np.ndarray]) -> None:
        expected: Dict[str, Tuple[Tuple[int, ...], np.dtype]] = {}
        for spec in self._card.arrays:
            shape = self._card.shape(spec)
            expected[spec.name] = shape, np.dtype(spec.pixel_type)
            if spec.name + VALID_SUFFIX in arrays:
                expected[spec.name + VALID_SUFFIX] = shape[:-3] + shape[-2:], np.dtype(np.uint8)
        if set(expected) != set(arrays):
            raise ParameterError(f"A patch has the arrays {sorted(arrays)} instead of {sorted(expected)}.")
        for name, (shape, kind) in expected.items():
            if arrays[name].shape != shape or arrays[name].dtype != kind:
                raise ParameterError(
                    f"Array '{name}' of a patch is {arrays[name].dtype} {arrays[name].shape} instead of {kind} {shape}."
                )

    def _save(self, path: str, data: np.ndarray) -> None:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                np.save(file, data.astype(data.dtype.newbyteorder("<"), copy=False), allow_pickle=False)
        except OSError as error:
            raise _write_error(path, error) from error

    def _sample(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep evenly spread values of every band; of patches with gaps, those of measured pixels."""
        for spec in self._card.arrays:
            data = arrays[spec.name]
            planes = np.moveaxis(data, -3, 0).reshape(len(spec.bands), -1)
            valid = arrays.get(spec.name + VALID_SUFFIX)
            if valid is not None:
                planes = planes[:, valid.reshape(-1) != 0]
            if planes.shape[1]:
                places = np.linspace(0, planes.shape[1] - 1, _SAMPLE).astype(int)
                self._samples[spec.name].append(planes[:, places])

    def _percentiles(self, name: str) -> Tuple[Tuple[float, float], ...]:
        if not self._samples[name]:
            return ()
        values = np.concatenate(self._samples[name], axis=1).astype(np.float64)
        low, high = np.nanpercentile(values, _PERCENTILES, axis=1)
        return tuple((float(a), float(b)) for a, b in zip(low, high))


def _write_error(path: str, error: OSError) -> OutputError:
    if error.errno == _NO_SPACE:
        return DiskFull(f"There is no space left for '{path}'.")
    return OutputError(f"The file '{path}' cannot be written ({error}).")
