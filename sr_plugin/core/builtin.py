"""Built-in models: plain interpolation for any band count, as a baseline and for checks."""

from __future__ import annotations

import re
from typing import Optional

from sr_plugin.core.card import ModelCard, PointSpread
from sr_plugin.core.errors import ModelNotFound
from sr_plugin.core.value_range import VALUE_RANGES

MAX_SCALE = 16
_TITLES = {"nearest": "Nearest neighbour", "bicubic": "Bicubic interpolation"}
_REACH = {"nearest": 0, "bicubic": 2}
_CITATION = {
    "nearest": "",
    "bicubic": "R. Keys, Cubic convolution interpolation for digital image processing, doi:10.1109/TASSP.1981.1163711",
}


def builtin_card(reference: str) -> Optional[ModelCard]:
    """The card of ``bicubic:K`` or ``nearest:K``; None where the text names no built-in model.

    Raises:
        ModelNotFound: when K is missing or out of range.
    """
    match = re.match(r"^(nearest|bicubic)(?::(.*))?$", reference.strip().lower())
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
        hyperparameters={"method": method},
        value_range=VALUE_RANGES["dn"],
        reach=_REACH[method],
        psf=PointSpread("box"),
        licence="GPL-2.0-or-later",
        citation=_CITATION[method],
    )
