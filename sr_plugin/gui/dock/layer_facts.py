"""What the dock must know about a raster: grid, bands and types, read once and off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

from sr_plugin.core.bands import LayerBand
from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import SuperResolutionError, UnsupportedRaster
from sr_plugin.core.grid import Grid
from sr_plugin.pipeline.band_choice import choose_bands
from sr_plugin.pipeline.match_check import check_match
from sr_plugin.pipeline.request import SilentFeedback
from sr_plugin.raster.source import BandInfo, RasterSource


@dataclass(frozen=True)
class LayerFacts:
    """What is known of a raster.

    Attributes:
        dataset: GDAL dataset name.
        grid: where it lies.
        georeferenced: False where its place is unknown, or known through control points only.
        names: all bands but alpha in the form that band matching takes.
        infos: those of these bands that can be super-resolved.
        is_file: False for layers whose pixels are read through a clone of their provider.
        bounded: False for map services, which have no size in pixels of their own.
    """

    dataset: str
    grid: Grid
    georeferenced: bool
    names: Tuple[LayerBand, ...]
    infos: Tuple[BandInfo, ...]
    is_file: bool = True
    bounded: bool = True

    def layer_bands(self) -> List[LayerBand]:
        """All bands but alpha, as a :class:`~sr_plugin.raster.source.RasterSource` gives them."""
        return list(self.names)

    def bands(self, numbers: Sequence[int]) -> List[BandInfo]:
        """Facts about the given bands; those that do not exist are left out."""
        known = {info.number: info for info in self.infos}
        return [known[number] for number in numbers if number in known]


def read_facts(dataset: str) -> LayerFacts:
    """Open a raster and read its facts; takes as long as its file system does.

    Args:
        dataset: GDAL dataset name.

    Raises:
        SourceNotFound, SourceUnreadable: when it cannot be opened.
        UnsupportedRaster: when none of its bands can be super-resolved.
    """
    source = RasterSource(dataset)
    names = tuple(source.layer_bands())
    infos, problem = [], None
    for band in names:
        try:
            infos += source.bands([band.number])
        except UnsupportedRaster as error:
            problem = error
    if not infos:
        raise problem or UnsupportedRaster("The raster holds no band but alpha.", "Choose another raster.")
    return LayerFacts(dataset, source.grid, source.georeferenced, names, tuple(infos))


class _Kept(SilentFeedback):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: List[str] = []

    def warning(self, text: str) -> None:
        """Keep the sentence."""
        self.warnings.append(text)


def preset_bands(facts: LayerFacts, card: ModelCard) -> Tuple[Tuple[int, ...], List[str]]:
    """Bands of the raster for a model, by name or wavelength, else in order; and what the user should know of it.

    Returns:
        Band numbers, empty where the raster has too few; sentences.
    """
    kept = _Kept()
    try:
        return tuple(choose_bands(facts, card, (), kept)), kept.warnings  # type: ignore[arg-type]
    except SuperResolutionError as error:
        return (), [str(error)]


def why_unfit(facts: LayerFacts, card: ModelCard, numbers: Sequence[int]) -> List[str]:
    """Sentences that say how the raster's bands do not fit a model; empty where they do."""
    return check_match(card, facts.grid, facts.bands(numbers))
