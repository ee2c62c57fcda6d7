"""Built-in models: plain interpolation for any band count, as a baseline and for checks."""

from __future__ import annotations

import re
from typing import Optional

from sr_plugin.core.card import MULTI_IMAGE, SINGLE_IMAGE, ModelCard, PointSpread
from sr_plugin.core.errors import ModelNotFound
from sr_plugin.core.value_range import VALUE_RANGES

MAX_SCALE = 16
_TITLES = {
    "nearest": "Nearest neighbour",
    "bicubic": "Bicubic interpolation",
    "shift-and-add": "Shift-and-add with back projection",
    "average": "Average of the views",
}
#: What several views of one place are fused by.
_FUSIONS = ("shift-and-add", "average")
_REACH = {"nearest": 0, "bicubic": 2, "shift-and-add": 24, "average": 4}
_CITATION = {
    "nearest": "",
    "bicubic": "R. Keys, Cubic convolution interpolation for digital image processing, doi:10.1109/TASSP.1981.1163711",
    "shift-and-add": (
        "M. Irani and S. Peleg, Improving resolution by image registration, doi:10.1016/1049-9652(91)90045-L"
    ),
    "average": "",
}


def builtin_card(reference: str) -> Optional[ModelCard]:
    """The card of ``bicubic:K``, ``nearest:K``, or for series ``shift-and-add:K`` and ``average:K``; None for others.

    Raises:
        ModelNotFound: when K is missing or out of range.
    """
    match = re.match(r"^(nearest|bicubic|shift-and-add|average)(?::(.*))?$", reference.strip().lower())
    if not match:
        return None
    method, factor = match.groups()
    if not factor or not factor.isdigit() or not 1 <= int(factor) <= MAX_SCALE:
        raise ModelNotFound(
            f"The built-in model '{method}' needs a whole scale factor from 1 to {MAX_SCALE}.",
            f"Write for example {method}:4.",
        )
    return ModelCard(
        name=f"{method}:{int(factor)}",
        title=f"{_TITLES[method]} x{int(factor)}",
        family="builtin",
        scale=int(factor),
        kind=MULTI_IMAGE if method in _FUSIONS else SINGLE_IMAGE,
        hyperparameters={"method": method},
        value_range=VALUE_RANGES["dn"],
        reach=_REACH[method],
        psf=PointSpread("gaussian", 0.35) if method in _FUSIONS else PointSpread("box"),
        licence="GPL-2.0-or-later",
        citation=_CITATION[method],
    )
