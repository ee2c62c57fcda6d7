"""Spectral indices whose error tells what super-resolution does to what is measured afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

import numpy as np

from sr_plugin.core.bands import LayerBand, match_bands, sentinel2_band


@dataclass(frozen=True)
class SpectralIndex:
    """An index of two bands ``a`` and ``b``.

    Attributes:
        name: stable short name.
        title: what people call it.
        kind: ``difference`` for ``(a - b) / (a + b)``, ``ratio`` for ``a / b``.
        bands: the common names of ``a`` and ``b``.
        source: where it was proposed.
    """

    name: str
    title: str
    kind: str
    bands: Tuple[str, str]
    source: str

    @property
    def formula(self) -> str:
        """The definition in words."""
        first, second = self.bands
        return f"({first} - {second}) / ({first} + {second})" if self.kind == "difference" else f"{first} / {second}"


INDICES = (
    SpectralIndex("ndvi", "NDVI", "difference", ("nir", "red"), "Rouse et al. 1974"),
    SpectralIndex("nbr", "NBR", "difference", ("nir", "swir22"), "Key and Benson 2006"),
    SpectralIndex("iron_oxide", "Iron oxide ratio", "ratio", ("red", "blue"), "Segal 1982"),
    SpectralIndex("clay", "Clay ratio", "ratio", ("swir16", "swir22"), "Drury 1987"),
)
#: The band of each common name by which names without a sensor are read.
_BAND = {"blue": "B02", "red": "B04", "nir": "B08", "swir16": "B11", "swir22": "B12"}
_BY_NAME: Dict[str, SpectralIndex] = {index.name: index for index in INDICES}


def index_named(name: str) -> SpectralIndex:
    """The index of this name.

    Raises:
        KeyError: when there is none.
    """
    return _BY_NAME[name]


def possible_indices(bands: Sequence[LayerBand]) -> List[Tuple[str, int, int]]:
    """Indices that these bands allow, each with the positions of its two bands in the sequence."""
    positions = {band.number: place for place, band in enumerate(bands)}
    found = []
    for index in INDICES:
        matched = match_bands([sentinel2_band(_BAND[common]) for common in index.bands], bands)
        if matched is not None:
            first, second = (positions[number] for number in matched)
            found.append((index.name, first, second))
    return found


def index_values(index: SpectralIndex, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The index of two bands of any shape in physical units; NaN where it would divide by nothing or by less."""
    below = first + second if index.kind == "difference" else second
    above = first - second if index.kind == "difference" else first
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
