"""The card of a training dataset: what its arrays hold, where they come from and how they were split."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

from sr_plugin.core.card import BAND_FUSION, KINDS, MULTI_IMAGE, SINGLE_IMAGE, TRANSLATION, BandSpec
from sr_plugin.core.errors import DatasetUnreadable

__all__ = ["FORMAT", "SPLITS", "ArraySpec", "DatasetCard", "SourceNote", "card_from_json", "card_to_json"]

FORMAT = "superres-dataset"
VERSION = 1
TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TYPES = frozenset("uint8 int8 uint16 int16 uint32 int32 float32 float64".split())


@dataclass(frozen=True)
class ArraySpec:
    """One array that every patch has.

    Attributes:
        name: folder of the array: ``low`` or ``high``; band fusion has several inputs, for example ``low_10m``.
        bands: in the order of the array.
        height, width: size of a patch in pixels.
        pixel_type: numpy name of the values, which are the source's own.
        gsd_m: ground sampling distance in metres, None where unknown.
        gain, offset: physical quantity = value * gain + offset, for example 0.0001 and 0 for reflectance.
        percentiles: lowest and highest of the values (0.1 % and 99.9 %) over the training patches, one pair a band.
    """

    name: str
    bands: Tuple[BandSpec, ...]
    height: int
    width: int
    pixel_type: str
    gsd_m: Optional[float] = None
    gain: float = 1.0
    offset: float = 0.0
    percentiles: Tuple[Tuple[float, float], ...] = ()


@dataclass(frozen=True)
class SourceNote:
    """One raster or picture that patches were cut from.

    Attributes:
        name: file or layer name without its folder.
        date: acquisition date, ISO 8601, empty if unknown.
        licence: SPDX identifier or a short text, empty if unknown.
        gsd_m: ground sampling distance in metres, None where unknown.
        crs: authority code or WKT, empty if unknown.
    """

    name: str
    date: str = ""
    licence: str = ""
    gsd_m: Optional[float] = None
    crs: str = ""


@dataclass(frozen=True)
class DatasetCard:
    """All that is known about a dataset as a whole.

    Attributes:
        name: of the dataset.
        kind: one of :data:`sr_plugin.core.card.KINDS`.
        scale: pixels of ``high`` per pixel of the coarsest input along one axis; 1 for translation.
        inputs: arrays that go into a model; ``low`` but for band fusion.
        target: the array ``high`` that a model is to give.
        views: images of one place in ``low`` for multi-image datasets, else 0.
        quantity: what gain and offset lead to, for example ``reflectance``; empty if unknown.
        point_spread: how ``low`` was made of ``high``: ``kind``, and for ``gaussian`` ``mtf_nyquist`` as lowest and
            highest value; empty where ``low`` comes from a sensor of its own.
        noise: standard deviation added to ``low``, in data units.
        sources: what patches were cut from.
        seed: of all random choices.
        split: the rule of the split: ``rule`` (a sentence), ``shares``, ``place_size_m``.
        counts: patches of each split.
        rejected: candidates that were left out, by reason.
        settings: everything else that the maker was told.
        credit: text that has to go with the data.
        software: name and version of what wrote it.
        created: ISO 8601 date and time.
        checksum: see :func:`sr_plugin.core.dataset.checksum_of`.
    """

    name: str
    kind: str
    scale: int
    inputs: Tuple[ArraySpec, ...]
    target: ArraySpec
    views: int = 0
    quantity: str = ""
    point_spread: Mapping[str, Any] = field(default_factory=dict)
    noise: float = 0.0
    sources: Tuple[SourceNote, ...] = ()
    seed: int = 0
    split: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    credit: str = ""
    software: str = ""
    created: str = ""
    checksum: str = ""

    @property
    def low(self) -> ArraySpec:
        """The first input."""
        return self.inputs[0]

    @property
    def arrays(self) -> Tuple[ArraySpec, ...]:
        """All inputs, then the target."""
        return (*self.inputs, self.target)

    def shape(self, array: ArraySpec) -> Tuple[int, ...]:
        """Shape of one patch of an array: ``(bands, h, w)``, of multi-image inputs ``(views, bands, h, w)``."""
        shape = (len(array.bands), array.height, array.width)
        return (self.views, *shape) if self.kind == MULTI_IMAGE and array is not self.target else shape


def card_to_json(card: DatasetCard) -> Dict[str, Any]:
    """The card as JSON-serialisable values."""
    return {"format": FORMAT, "version": VERSION, **asdict(card)}


def _array(values: Mapping[str, Any]) -> ArraySpec:
    bands = tuple(BandSpec(**band) for band in values["bands"])
    percentiles = tuple((float(low), float(high)) for low, high in values.get("percentiles", ()))
    return ArraySpec(**{**values, "bands": bands, "percentiles": percentiles})


def _positive(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 20


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(type(count) is int and count >= 0 for count in value.values())


def _size(value: Any) -> bool:
    return value is None or (_number(value) and value > 0)


def _misfit(card: DatasetCard) -> str:
    """The first value that is not of its kind, or an empty text."""
    texts = ("name", "kind", "quantity", "credit", "software", "created", "checksum")
    found = {name: isinstance(getattr(card, name), str) for name in texts}
    found.update({name: type(getattr(card, name)) is int for name in ("scale", "views", "seed")})
    found.update({name: isinstance(getattr(card, name), dict) for name in ("point_spread", "split", "settings")})
    found.update(noise=_number(card.noise), counts=_counts(card.counts), rejected=_counts(card.rejected))
    for source in card.sources:
        told = (source.name, source.date, source.licence, source.crs)
        found["sources"] = found.get("sources", True) and all(isinstance(t, str) for t in told) and _size(source.gsd_m)
    for array in card.arrays:
        bands = all(
            isinstance(band.name, str) and isinstance(band.common_name, str) and _size(band.wavelength_um)
            for band in array.bands
        )
        scaled = _number(array.gain) and _number(array.offset) and array.gain != 0
        found[f"{array.name}"] = bands and scaled and _size(array.gsd_m) and isinstance(array.pixel_type, str)
    return next((name for name, fits in found.items() if not fits), "")


def _fault(card: DatasetCard) -> str:
    """What is wrong with a card, or an empty text."""
    misfit = _misfit(card)
    if misfit:
        return f"'{misfit}' has a value that it cannot have"
    if card.kind not in KINDS:
        return f"the kind '{card.kind}' is not known"
    names = [array.name for array in card.arrays]
    if not card.inputs or any(not isinstance(n, str) or not _NAME.fullmatch(n) for n in names):
        return "an array has no proper name"
    if len(set(names)) != len(names) or card.target.name != "high":
        return "its arrays are not told apart"
    for array in card.arrays:
        if not array.bands or not _positive(array.height) or not _positive(array.width):
            return f"the array '{array.name}' has no size"
        if array.pixel_type not in _TYPES:
            return f"values of type '{array.pixel_type}' are not known"
    if not _positive(card.scale) or (card.kind == MULTI_IMAGE and not _positive(card.views)):
        return "scale or number of views is no positive number"
    coarsest = min(array.height for array in card.inputs), min(array.width for array in card.inputs)
    if (card.target.height, card.target.width) != (coarsest[0] * card.scale, coarsest[1] * card.scale):
        return "the sizes of its arrays do not fit the scale"
    if card.kind in (SINGLE_IMAGE, MULTI_IMAGE, TRANSLATION) and len(card.inputs) != 1:
        return f"a dataset of kind '{card.kind}' has one input"
    return "band fusion takes several inputs" if card.kind == BAND_FUSION and len(card.inputs) < 2 else ""


def card_from_json(values: Any) -> DatasetCard:
    """Inverse of :func:`card_to_json`; unknown keys of the card itself are ignored.

    Raises:
        DatasetUnreadable: when it is no card of a dataset, or of a later version.
    """
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DatasetUnreadable("The file dataset.json does not describe a training dataset.")
    if values.get("version") != VERSION:
        raise DatasetUnreadable(
            f"The dataset has version {values.get('version')} of the format, and version {VERSION} is known.",
            "Update the plugin.",
        )
    known = {key: value for key, value in values.items() if key in DatasetCard.__dataclass_fields__}
    try:
        known["inputs"] = tuple(_array(array) for array in known["inputs"])
        known["target"] = _array(known["target"])
        known["sources"] = tuple(SourceNote(**source) for source in known.get("sources", ()))
        card = DatasetCard(**known)
        fault = _fault(card)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetUnreadable(f"The dataset's card cannot be understood ({error}).") from error
    if fault:
        raise DatasetUnreadable(f"The dataset's card cannot be used: {fault}.")
    return card
