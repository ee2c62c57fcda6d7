"""What can have an uncertainty."""

from __future__ import annotations

import math

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import ParameterError
from sr_plugin.pipeline.request import SuperResolveRequest


def check_spread(request: SuperResolveRequest, card: ModelCard, fed: int) -> None:
    """Refuse what has no spread.

    Raises:
        ParameterError: for interpolations, and for a limit that cannot be used.
    """
    if not request.spread and request.spread_limit is None:
        return
    if not card.weights:
        raise ParameterError(
            f"'{card.name}' interpolates, so nothing of it is uncertain.", "Choose a model, or leave uncertainty out."
        )
    if request.spread_limit is not None:
        if not (math.isfinite(request.spread_limit) and request.spread_limit > 0):
            raise ParameterError("The limit of the uncertainty must be above 0.", "Leave it empty for none.")
        if card.output_count(fed) != fed:
            raise ParameterError(
                f"The bands of the model '{card.name}' are not those of the input, so bicubic cannot replace them.",
                "Leave the limit of the uncertainty empty.",
            )
