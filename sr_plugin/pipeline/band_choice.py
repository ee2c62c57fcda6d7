"""Which bands of a raster go into a model, and which are carried along."""

from __future__ import annotations

from typing import Sequence, Tuple

from sr_plugin.core.bands import match_bands
from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import BandError, ParameterError
from sr_plugin.pipeline.request import RunFeedback
from sr_plugin.raster.source import RasterSource

OTHER_BANDS = ("drop", "enlarge")


def choose_bands(
    source: RasterSource, card: ModelCard, wanted: Sequence[int], feedback: RunFeedback
) -> Tuple[int, ...]:
    """Band numbers to feed in: those asked for, else those whose names fit, else the first ones.

    Raises:
        BandError: when there are too few, or their number does not fit the model.
    """
    needed = len(card.input_bands)
    names = ", ".join(b.name for b in card.input_bands)
    flexible = card.any_bands or card.per_band
    if wanted:
        if not flexible and len(wanted) != needed:
            raise BandError(
                f"The model '{card.name}' takes {needed} band(s) ({names}), but {len(wanted)} were chosen.",
                "Choose that many bands, in this order.",
            )
        return tuple(wanted)
    layer = source.layer_bands()
    if flexible:
        return tuple(b.number for b in layer)
    if len(layer) < needed:
        raise BandError(
            f"The model '{card.name}' needs {needed} band(s) ({names}), but the raster has {len(layer)}.",
            "Choose another model, or stack the bands into one raster first.",
        )
    matched = match_bands(card.input_bands, layer)
    if matched is not None:
        return matched
    chosen = tuple(b.number for b in layer[:needed])
    pairs = ", ".join(f"{b.name} = band {n}" for b, n in zip(card.input_bands, chosen))
    feedback.warning(
        f"The raster's band names do not tell which band is which, so they are taken in order: {pairs}. "
        "Choose the bands by hand if that is wrong."
    )
    return chosen


def carried_bands(source: RasterSource, chosen: Sequence[int], other_bands: str) -> Tuple[int, ...]:
    """Bands that the model does not take but the result is to hold.

    Raises:
        ParameterError: when ``other_bands`` is neither ``drop`` nor ``enlarge``.
    """
    if other_bands not in OTHER_BANDS:
        raise ParameterError(f"'{other_bands}' is no choice for the other bands.", "Use drop or enlarge.")
    if other_bands == "drop":
        return ()
    return tuple(b.number for b in source.layer_bands() if b.number not in chosen)
