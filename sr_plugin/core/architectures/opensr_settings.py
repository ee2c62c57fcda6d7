"""The YAML beside an OpenSR SRGAN checkpoint: how its training normalised values, and what shapes do not show.

Only the plain forms of YAML that these files use are read: two levels of ``key: value``, and one more for a mapping.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from sr_plugin.core.value_range import VALUE_RANGES, ValueRange

#: Every normalisation of the program. Sources: ``utils/radiometrics.py`` and ``data/utils/normalizer.py`` of
#: opensr-srgan 0.4.3, where reflectance is DN / 10000.
NORMALISATIONS: Dict[str, ValueRange] = {
    "normalise_10k": VALUE_RANGES["s2-10k-clamped"],
    "normalise_10k_signed": ValueRange(
        "s2-10k-signed", "reflectance", (2.0,), (-1.0,), out_gain=0.5, out_offset=0.5, valid=(0.0, 1.0)
    ),
    "normalise_s2": VALUE_RANGES["s2-3000"],
    "sen2_stretch": ValueRange("s2-stretch", "reflectance", (10 / 3,), out_gain=0.3, valid=(0.0, 0.3)),
    "zero_one": VALUE_RANGES["unit"],
    "zero_one_signed": VALUE_RANGES["signed"],
    "identity": VALUE_RANGES["dn"],
}
_ALIASES = {
    "reflectance": "normalise_10k",
    "reflectance_0_1": "normalise_10k",
    "sentinel2": "normalise_10k",
    "s2": "normalise_10k",
    "reflectance_signed": "normalise_10k_signed",
    "sentinel2_signed": "normalise_10k_signed",
    "s2_signed": "normalise_10k_signed",
    "zero_to_one": "zero_one",
    "zero_one_range": "zero_one",
    "signed_zero_one": "zero_one_signed",
    "minusone_one": "zero_one_signed",
    "none": "identity",
}
#: What the program does where its YAML says nothing.
_DEFAULT = "sen2_stretch"
_MAX_BYTES = 1 << 18
_MAX_FILES = 64
_ENTRY = re.compile(r"^(\s*)([A-Za-z_]\w*)\s*:(?:\s+(.*))?$")
_Section = Dict[str, str]


@dataclass(frozen=True)
class OpenSrSettings:
    """What such a file tells.

    Attributes:
        path: the file.
        normalisation: its name there, in the program's own spelling.
        value_range: the range that it stands for; None where the file brings its own Python functions for it.
        bands, blocks, width, scale: sizes of the generator, None where they are not told.
        residual_scale: part of each block's result that is added, None where it is not told.
    """

    path: str
    normalisation: str
    value_range: Optional[ValueRange]
    bands: Optional[int] = None
    blocks: Optional[int] = None
    width: Optional[int] = None
    scale: Optional[int] = None
    residual_scale: Optional[float] = None


def _plain(text: str) -> str:
    """A value without quotes and comment."""
    text = text.strip()
    if text[:1] in ("'", '"') and text.find(text[0], 1) > 0:
        return text[1 : text.find(text[0], 1)]
    return re.split(r"\s#|^#", text, maxsplit=1)[0].strip()


def yaml_sections(text: str) -> Dict[str, _Section]:
    """Entries of every section, ``{"Data": {"normalization": "normalise_10k"}}``; those of an inner mapping as
    ``normalization.name``. Lists and everything else that is not plain is passed over."""
    sections: Dict[str, _Section] = {}
    stack: List[Tuple[int, str]] = []
    for line in text.expandtabs().splitlines():
        entry = _ENTRY.match(line)
        if not entry:
            continue
        indent, key, value = len(entry.group(1)), entry.group(2), _plain(entry.group(3) or "")
        while stack and stack[-1][0] >= indent:
            stack.pop()
        stack.append((indent, key))
        names = [name for _, name in stack]
        if len(names) > 1 and value:
            sections.setdefault(names[0], {})[".".join(names[1:])] = value
        else:
            sections.setdefault(names[0], {})
    return sections


def _normalisation(data: Mapping[str, str]) -> str:
    inline = re.search(r"\b(?:name|method)\s*:\s*['\"]?(\w+)", data.get("normalization", ""))
    told = inline.group(1) if inline else data.get("normalization")
    told = told or data.get("normalization.name") or data.get("normalization.method")
    told = "custom" if told is None and any(key.startswith("normalization.") for key in data) else told or _DEFAULT
    name = told.strip().lower().replace("normalize", "normalise")
    return _ALIASES.get(name, name)


def _number(section: Mapping[str, str], key: str) -> Optional[float]:
    try:
        number = float(section[key])
    except (KeyError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _whole(section: Mapping[str, str], key: str) -> Optional[int]:
    number = _number(section, key)
    return int(number) if number is not None and abs(number) < 1e6 and number == int(number) else None


def read_settings(path: str) -> Optional[OpenSrSettings]:
    """The settings in a file, or None where it is none of OpenSR SRGAN's."""
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            return None
        with open(path, encoding="utf-8", errors="replace") as file:
            sections = yaml_sections(file.read())
    except OSError:
        return None
    if "Generator" not in sections or "Model" not in sections:
        return None
    generator, normalisation = sections["Generator"], _normalisation(sections.get("Data", {}))
    return OpenSrSettings(
        path=path,
        normalisation=normalisation,
        value_range=NORMALISATIONS.get(normalisation),
        bands=_whole(sections["Model"], "in_bands"),
        blocks=_whole(generator, "n_blocks"),
        width=_whole(generator, "n_channels"),
        scale=_whole(generator, "scaling_factor"),
        residual_scale=_number(generator, "res_scale"),
    )


def _fits(settings: OpenSrSettings, scale: int, hyperparameters: Mapping[str, Any]) -> bool:
    h = hyperparameters
    pairs = (
        (settings.bands, h.get("in_bands")),
        (settings.blocks, h.get("blocks")),
        (settings.width, h.get("width")),
        (settings.scale, scale),
    )
    return all(told is None or told == found for told, found in pairs)


def settings_beside(path: str, scale: int, hyperparameters: Mapping[str, Any]) -> Optional[OpenSrSettings]:
    """The settings of the training that made a checkpoint: the YAML of the same name, else the one in its folder.

    Args:
        path: the checkpoint.
        scale, hyperparameters: what its tensors told; settings of another size are not its own.

    Returns:
        None where there are none, or several that contradict each other.
    """
    folder, stem = os.path.dirname(os.path.abspath(path)), os.path.splitext(os.path.basename(path))[0]
    try:
        names = sorted(name for name in os.listdir(folder) if name.lower().endswith((".yaml", ".yml")))[:_MAX_FILES]
    except OSError:
        return None
    own = [name for name in (f"{stem}.yaml", f"{stem}.yml") if os.path.isfile(os.path.join(folder, name))]
    for group in (own, names):
        read = [read_settings(os.path.join(folder, name)) for name in group]
        fitting = [settings for settings in read if settings and _fits(settings, scale, hyperparameters)]
        if len({(settings.normalisation, settings.residual_scale) for settings in fitting}) == 1:
            return fitting[0]
    return None
