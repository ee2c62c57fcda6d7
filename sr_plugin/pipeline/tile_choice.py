"""Margin and side of the tiles of a run: what its models reach, what they accept, and what memory allows."""

from __future__ import annotations

from typing import Sequence, Tuple

from sr_plugin.core.blending import OVERLAP_SHARE
from sr_plugin.core.card import ModelCard, TileConstraints
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.grid import Window
from sr_plugin.core.point_spread import consistency_reach
from sr_plugin.core.uncertainty import joint_constraints
from sr_plugin.pipeline.memory import choose_tile
from sr_plugin.pipeline.request import RunFeedback, SuperResolveRequest
from sr_plugin.raster.fill import FILL_DISTANCE


def _reach(request: SuperResolveRequest, card: ModelCard, feedback: RunFeedback) -> int:
    """Input pixels that a tile's margin must hold for the model alone."""
    if card.reach is None:
        feedback.message("The model sees its whole tile, so tiles of the size it was trained on are blended.")
        return min(int(min(_window(card)) * OVERLAP_SHARE) + card.tiles.border, min(_window(card)) // 2)
    if request.exact or card.effective_reach is None or card.effective_reach >= card.reach:
        return card.reach
    feedback.message(
        f"The model reaches {card.reach} pixels, but was measured to need {card.effective_reach} for less than one DN "
        "of 10000; the exact mode uses the full reach."
    )
    return card.effective_reach


def _window(card: ModelCard) -> Tuple[int, int]:
    """Height and width of the windows of a network that sees its whole tile."""
    return card.tiles.fixed or (card.training_tile, card.training_tile)


def chosen_margin(request: SuperResolveRequest, cards: Sequence[ModelCard], gaps: bool, feedback: RunFeedback) -> int:
    """Input pixels read around a tile.

    Args:
        request: what is asked for.
        cards: the models, that of the result first; of several, all have a finite reach.
        gaps: pixels of the raster may be gaps, which are filled.
        feedback: told of a margin that is too small, and of models that reach further than they need.

    Raises:
        ParameterError: for a margin that is negative, or leaves nothing of a tile.
    """
    first, tiles = cards[0], joint_constraints(cards)
    reach = max(_reach(request, card, feedback) for card in cards)
    if request.margin is not None:
        if request.margin < 0:
            raise ParameterError("The margin cannot be negative.", "Leave it empty to use the reach of the model.")
        if first.reach is None:
            return min(request.margin, min(_window(first)) // 2)
        if request.margin < reach:
            feedback.warning(
                f"The margin of {request.margin} is below what the model needs ({reach}): borders may show."
            )
        return _fitting_margin(request.margin, tiles)
    if first.reach is None:
        return reach
    if request.consistency:
        reach += consistency_reach(first.scale, first.psf)
    return _fitting_margin(reach + (FILL_DISTANCE if gaps and reach > 0 else 0), tiles)


def _fitting_margin(margin: int, tiles: TileConstraints) -> int:
    """The margin, unless it would leave nothing of the only tile size that the model accepts.

    Raises:
        ParameterError: when it would.
    """
    if tiles.fixed and 2 * margin >= min(tiles.fixed):
        height, width = tiles.fixed
        raise ParameterError(
            f"A margin of {margin} pixels leaves nothing of the {width} x {height} pixels that the model accepts.",
            "Give a smaller margin; borders of tiles may then show.",
        )
    return margin


def chosen_tile(
    request: SuperResolveRequest, cards: Sequence[ModelCard], margin: int, bands: int, area: Window, bounds: Window
) -> int:
    """Side of a tile's core in input pixels.

    Args:
        request: what is asked for.
        cards: the models, that of the result first.
        margin: input pixels read around a core.
        bands: number of bands that are read.
        area: pixels to be super-resolved.
        bounds: all pixels of the raster.
    """
    if cards[0].reach is None:
        return min(_window(cards[0]))
    compared = cards if request.compares_views else ()
    tile = request.tile or choose_tile(cards[0], margin, bands, area, bounds, compared)
    multiple = joint_constraints(cards).multiple_of
    return max(multiple, tile // multiple * multiple)
