"""Everything that can be said about a model, and about a raster that it is to be used on."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import ModelFailed, RuntimeMissing, SuperResolutionError
from sr_plugin.core.model_report import model_record
from sr_plugin.pipeline.band_choice import choose_bands
from sr_plugin.pipeline.describe import SessionFactory, find_whole_model
from sr_plugin.pipeline.match_check import check_match
from sr_plugin.pipeline.request import SilentFeedback
from sr_plugin.raster.source import RasterSource


class _Collected(SilentFeedback):
    """Keeps warnings instead of showing them."""

    def __init__(self) -> None:
        self.warnings: List[str] = []

    def warning(self, text: str) -> None:
        """Keep the sentence."""
        self.warnings.append(text)


def raster_match(card: ModelCard, raster: str) -> List[str]:
    """Sentences that say how a raster does not fit a model; empty where it fits.

    Raises:
        SourceNotFound, SourceUnreadable: when the raster cannot be opened.
    """
    source = RasterSource(raster)
    collected = _Collected()
    try:
        chosen = choose_bands(source, card, (), collected)
        return collected.warnings + check_match(card, source.grid, source.bands(chosen))
    except SuperResolutionError as error:
        return collected.warnings + [str(error)]


def _probe(card: ModelCard, open_session: SessionFactory) -> Optional[Dict[str, Any]]:
    if not card.weights:
        return None
    try:
        with open_session(card) as session:
            return session.probe(card)
    except (RuntimeMissing, ModelFailed) as error:
        # The card is still worth showing where the model itself cannot be run here.
        return {"errors": {}, "best": "", "error": None, "warning": "", "skipped": str(error)}


def model_info(
    reference: str,
    open_session: SessionFactory,
    raster: str = "",
    message: Optional[Callable[[str], None]] = None,
) -> Dict[str, Any]:
    """The record of a model (:func:`~sr_plugin.core.model_report.model_record`).

    Args:
        reference: a model's name, a model file or a card.
        open_session: where it runs for the sanity probe.
        raster: GDAL dataset name of a raster to check the match with, or empty.
        message: told that a measurement is made.

    Raises:
        SuperResolutionError: when the model or the raster cannot be used.
    """
    card = find_whole_model(reference, open_session, message)
    match = raster_match(card, raster) if raster else None
    return model_record(card, _probe(card, open_session), match)
