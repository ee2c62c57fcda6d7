"""Which rasters or pictures belong together."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Dict, FrozenSet, Iterator, List, Optional, Sequence, Tuple

from sr_plugin.core.dataset_card import TEST, TRAIN, VALIDATION
from sr_plugin.core.errors import ParameterError, SourceNotFound
from sr_plugin.pipeline.pairs.request import DEGRADED, FOLDERS, FUSION, SENSORS, PairRequest

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".jp2", ".webp")
_MOST_PICTURES = 1_000_000
#: Words in names of folders and files, as sets such as DIV2K, Set5 or pix2pix use them.
_HIGH_WORDS = frozenset("hr high hires highres gt target truth ground_truth groundtruth".split())
_LOW_WORDS = frozenset("lr low lores lowres lq input".split())
_SPLIT_WORDS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
#: Words that may stand beside the split in a folder's name, with those of the role: ``DIV2K_train_LR_bicubic``.
_BESIDE_SPLIT = frozenset("images image img imgs pictures pairs set data dataset patches tiles chips samples".split())
#: How sets of benchmarks made their low resolution.
_MADE_BY = frozenset("bicubic bilinear nearest area mild difficult wild unknown".split())
_SCALE_WORD = re.compile(r"x(\d{1,2})|(\d{1,2})x|srf(\d{1,2})")
_WORDS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class SceneSpec:
    """Two rasters that patches are cut from, or one that is degraded.

    Attributes:
        high: GDAL dataset name.
        low: the same; empty where ``low`` is made of ``high``, or lies beside it in one picture.
        split: split that the set itself gives it, or empty.
        split_folder: the folder whose name says so.
        high_mask, low_mask: class rasters that tell clouds, or empty.
        beside: True where ``low`` is the left and ``high`` the right half of one picture.
        optional: True for one of many pictures, which is left out when it cannot be used.
    """

    high: str
    low: str = ""
    split: str = ""
    high_mask: str = ""
    low_mask: str = ""
    beside: bool = False
    optional: bool = False
    split_folder: str = ""

    @property
    def titles(self) -> Tuple[str, str]:
        """Names of what ``low`` and ``high`` come from, without their folders."""
        high = os.path.basename(self.high.rstrip("/")) or self.high
        return (os.path.basename(self.low.rstrip("/")) or self.low) if self.low else high, high


def find_scenes(request: PairRequest) -> List[SceneSpec]:
    """All rasters or pictures that a request names, put together.

    Raises:
        SourceNotFound: when a folder does not exist or holds no picture.
        ParameterError: when no two pictures belong together.
    """
    if request.layout == FUSION:
        return _products(request)
    if request.layout == SENSORS:
        return [
            SceneSpec(high, low, high_mask=_nth(request.high_masks, i), low_mask=_nth(request.low_masks, k))
            for k, low in enumerate(request.low)
            for i, high in enumerate(request.high)
        ]
    if request.layout == DEGRADED:
        named = [SceneSpec(name, high_mask=_nth(request.high_masks, i)) for i, name in enumerate(request.high)]
        found = _pictures(request.folder) if request.folder else []
        return named + [_with_split(SceneSpec(path, optional=True), path, request.folder) for path in found]
    if request.layout == FOLDERS:
        return _matched_folders(request)
    return [
        _with_split(SceneSpec(path, beside=True, optional=True), path, request.folder)
        for path in _pictures(request.folder)
    ]


def _products(request: PairRequest) -> List[SceneSpec]:
    """Bands of one product belong together, so both lists are read side by side: no product guides another."""
    if len(request.low) != len(request.high):
        raise ParameterError(
            f"Bands to sharpen were given of {len(request.low)} products, bands that guide of {len(request.high)}.",
            "Give both of every product, in the same order.",
        )
    return [
        SceneSpec(high, low, high_mask=_nth(request.high_masks, i), low_mask=_nth(request.low_masks, i))
        for i, (high, low) in enumerate(zip(request.high, request.low))
    ]


def shared_titles(specs: Sequence[SceneSpec]) -> List[str]:
    """A title for each scene; scenes that are linked by files they share have the title of the first of them.

    Without georeference nothing else tells that they show the same pixels.
    """
    parents = list(range(len(specs)))

    def first_of(number: int) -> int:
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number

    owners: Dict[str, int] = {}
    for number, spec in enumerate(specs):
        for name in filter(None, (spec.high, spec.low)):
            other = first_of(owners.setdefault(os.path.realpath(name), number))
            mine = first_of(number)
            parents[max(mine, other)] = min(mine, other)
    firsts = [first_of(number) for number in range(len(specs))]
    return [f"{first:05d}-{specs[first].titles[1]}" for first in firsts]


def _nth(names: Sequence[str], index: int) -> str:
    if not names:
        return ""
    return names[index] if len(names) > 1 else names[0]


def _pictures(folder: str) -> List[str]:
    """Paths of all pictures below a folder, ordered by name."""
    if not os.path.isdir(folder):
        raise SourceNotFound(f"The folder '{folder}' does not exist.", "Choose a folder of pictures.")
    found = sorted(_walk(folder))
    if not found:
        raise SourceNotFound(f"The folder '{folder}' holds no pictures.", f"Known are {', '.join(_PICTURES)}.")
    return found


def _walk(folder: str) -> Iterator[str]:
    count = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.lower().endswith(_PICTURES) and not name.startswith("."):
                count += 1
                if count > _MOST_PICTURES:
                    raise ParameterError(f"The folder '{folder}' holds more than {_MOST_PICTURES} pictures.")
                yield os.path.join(root, name)


def _words(path: str, folder: str) -> List[List[str]]:
    """Words of each folder below the root (and of the root itself, first) and of the file's name, last."""
    relative = os.path.splitext(os.path.relpath(path, folder))[0]
    parts = [os.path.basename(os.path.abspath(folder)), *relative.split(os.sep)]
    # SRF_4 is one word of sets that call the scale the super-resolution factor.
    return [[w for w in _WORDS.split(re.sub(r"srf[_-](?=\d)", "srf", part.lower())) if w] for part in parts]


def _with_split(spec: SceneSpec, path: str, folder: str) -> SceneSpec:
    """The spec with the split that the name of a folder below the chosen one tells, if one does."""
    folders = _words(path, folder)[1:-1]
    split, place = _split_in(folders)
    if not split:
        return spec
    below = os.path.relpath(path, folder).split(os.sep)[: place + 1]
    return replace(spec, split=split, split_folder=os.path.join(*below))


def _split_in(folders: Sequence[Sequence[str]]) -> Tuple[str, int]:
    """The split that the first telling folder names, and which one that is; an empty text where none tells."""
    for place, words in enumerate(folders):
        splits = {_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS}
        if len(splits) == 1 and _names_a_split(words):
            return splits.pop(), place
    return "", 0


def _names_a_split(words: Sequence[str]) -> bool:
    """Whether a folder's name says no more than its split and role: ``val``, ``train_images``, ``DIV2K_valid_HR``.

    Words such as *test* and *val* are also parts of names of places.
    """
    others = [word for word in words if word not in _SPLIT_WORDS]
    if any(word in _HIGH_WORDS | _LOW_WORDS for word in others):
        return True
    return all(word in _BESIDE_SPLIT or word.isdigit() for word in others)


def _scale_in(word: str) -> Optional[int]:
    match = _SCALE_WORD.fullmatch(word)
    return int(next(group for group in match.groups() if group)) if match else None


@dataclass(frozen=True)
class _Picture:
    """One picture of a set: which role it has, and the key that it shares with its counterpart.

    The key holds its split and its name; where names come again in several folders, the folder tells them apart.
    """

    path: str
    role: str
    key: Tuple[str, ...]
    folder: str
    scales: FrozenSet[int]


def _picture(path: str, folder: str, role: str = "") -> _Picture:
    parts = _words(path, folder)
    scales = {scale for words in parts for scale in map(_scale_in, words) if scale}
    stem = list(parts[-1])
    if stem:
        # DIV2K writes 0001x4.png beside 0001.png.
        tail = re.fullmatch(r"(\w*?\d)x(\d{1,2})", stem[-1])
        if tail and not _scale_in(stem[-1]):
            stem[-1] = tail.group(1)
            scales.add(int(tail.group(2)))
    everywhere = {word for words in parts for word in words}
    found = role or ("high" if everywhere & _HIGH_WORDS else "low" if everywhere & _LOW_WORDS else "")
    kept = [word for word in stem if word not in _HIGH_WORDS | _LOW_WORDS and not _scale_in(word)]
    split, _ = _split_in(parts[1:-1])
    apart = _HIGH_WORDS | _LOW_WORDS | _MADE_BY
    below = ["_".join(w for w in words if w not in apart and not _scale_in(w)) for words in parts[1:-1]]
    return _Picture(path, found, (split, "_".join(kept)), "/".join(filter(None, below)), frozenset(scales))


def _matched_folders(request: PairRequest) -> List[SceneSpec]:
    if request.low_folder:
        pictures = [_picture(path, request.folder, "high") for path in _pictures(request.folder)]
        pictures += [_picture(path, request.low_folder, "low") for path in _pictures(request.low_folder)]
    else:
        pictures = [_picture(path, request.folder) for path in _pictures(request.folder)]
    # Sets of several scales name it; pictures of another one are not meant.
    pictures = [picture for picture in pictures if not picture.scales or request.scale in picture.scales]
    named = Counter((picture.role, picture.key) for picture in pictures if picture.role)
    if any(count > 1 for count in named.values()):
        pictures = [replace(picture, key=(*picture.key, picture.folder)) for picture in pictures]
    by_role: Dict[str, Dict[Tuple[str, ...], str]] = {"high": {}, "low": {}, "": {}}
    for picture in pictures:
        if picture.role and picture.key in by_role[picture.role]:
            other = by_role[picture.role][picture.key]
            raise ParameterError(
                f"Two pictures claim to be the same half of a pair: '{other}' and '{picture.path}'.",
                "Keep one of them, or give the folders of high and low resolution one by one, "
                "with the same subfolders in both.",
            )
        by_role[picture.role][picture.key] = picture.path
    specs = [
        _with_split(SceneSpec(path, by_role["low"][key], optional=True), path, request.folder)
        for key, path in sorted(by_role["high"].items())
        if key in by_role["low"]
    ]
    if not specs:
        raise ParameterError(
            f"No two pictures below '{request.folder}' belong together at scale {request.scale}.",
            "Counterparts have the same name but for endings such as x4, and lie in folders named HR and LR; "
            "else give both folders.",
        )
    return specs
