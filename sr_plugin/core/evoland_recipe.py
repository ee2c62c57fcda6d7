"""The YAML beside an ONNX model of the Evoland project: bands, factor, and margin in target pixels.

Only the plain forms of YAML that these files use are read: ``key: value``, and lists of words in brackets or one a
line.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Tuple, Union

from sr_plugin.core.bands import SENTINEL2, sentinel2_band
from sr_plugin.core.card import BandSpec, ModelCard
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.value_range import VALUE_RANGES

_MAX_BYTES = 1 << 16
_ENTRY = re.compile(r"^([A-Za-z_]\w*)\s*:\s*(.*)$")
_Value = Union[str, List[str]]


@dataclass(frozen=True)
class EvolandRecipe:
    """What such a file tells.

    Attributes:
        path: the file.
        bands: names of the bands, Sentinel-2's where they are.
        factor: scale factor.
        margin: pixels of the result that are unreliable at a tile's border.
    """

    path: str
    bands: Tuple[BandSpec, ...]
    factor: int
    margin: int


def _unquoted(text: str) -> str:
    text = text.split(" #")[0].strip()
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"" else text


def _plain_yaml(text: str) -> Dict[str, _Value]:
    values: Dict[str, _Value] = {}
    key = ""
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "---")):
            continue
        entry = _ENTRY.match(stripped)
        if stripped.startswith("- ") and key:
            listed = values[key]
            values[key] = [*(listed if isinstance(listed, list) else []), _unquoted(stripped[2:])]
        elif entry and not line[0].isspace():
            key, rest = entry.group(1), entry.group(2).strip()
            if rest.startswith("[") and rest.endswith("]"):
                values[key] = [_unquoted(part) for part in rest[1:-1].split(",") if part.strip()]
            else:
                values[key] = _unquoted(rest)
    return values


def _band(name: str) -> BandSpec:
    # No pattern for the leading zeros: tried at each of them, it would take the square of their number.
    number = re.fullmatch(r"[Bb](?:and)?(\d+[Aa]?)", name.strip())
    full = f"B{number.group(1).lstrip('0').upper():0>2}" if number else ""
    return sentinel2_band(full) if full in SENTINEL2 else BandSpec(name)


def recipe_beside(model_path: str) -> Optional[EvolandRecipe]:
    """The recipe of the same name beside a model, if there is one that tells bands, factor and margin.

    Raises:
        ModelUnreadable: when it is there but its numbers are none.
    """
    for suffix in (".yaml", ".yml"):
        path = os.path.splitext(model_path)[0] + suffix
        if not os.path.isfile(path) or os.path.getsize(path) > _MAX_BYTES:
            continue
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                values = _plain_yaml(file.read())
        except OSError as error:
            raise ModelUnreadable(f"'{path}' beside the model cannot be read ({error}).") from error
        bands = values.get("bands")
        if not isinstance(bands, list) or "factor" not in values or "margin" not in values:
            continue
        try:
            factor, margin = float(str(values["factor"])), float(str(values["margin"]))
            if not factor.is_integer() or not 1 <= factor <= 64 or not 0 <= margin <= 1e5:
                raise ValueError(f"factor {factor:g}, margin {margin:g}")
        except ValueError as error:
            raise ModelUnreadable(f"'{path}' tells a factor or margin that cannot be ({error}).") from error
        return EvolandRecipe(path, tuple(_band(name) for name in bands), int(factor), math.ceil(margin))
    return None


def with_recipe(card: ModelCard, recipe: EvolandRecipe) -> ModelCard:
    """The card with what the recipe tells; such models take and give digital numbers as they are."""
    return replace(
        card,
        scale=recipe.factor,
        input_bands=recipe.bands,
        reach=math.ceil(recipe.margin / recipe.factor),
        value_range=VALUE_RANGES["dn"],
        source="Evoland",
    )
