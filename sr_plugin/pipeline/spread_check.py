"""What can have an uncertainty, and where it can be written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import ParameterError
from sr_plugin.pipeline.request import RunFeedback, SuperResolveRequest
from sr_plugin.raster.output_path import check_output_path

if TYPE_CHECKING:
    from sr_plugin.pipeline.cancellable import Preparation
    from sr_plugin.pipeline.describe import SessionFactory
    from sr_plugin.pipeline.prepare import PreparedRun


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


def checked_with(uncertainty: SuperResolveRequest) -> Preparation:
    """A preparation of a result that refuses what would be refused of the uncertainty which is run after it.

    Args:
        uncertainty: the later run.
    """
    # Imported here: both check spreads themselves.
    from sr_plugin.pipeline.prepare import prepare_run
    from sr_plugin.pipeline.prepare_fusion import prepare_fusion

    def prepare(request: SuperResolveRequest, feedback: RunFeedback, open_session: SessionFactory) -> PreparedRun:
        run = (prepare_run if request.fusion is None else prepare_fusion)(request, feedback, open_session)
        check_output_path(uncertainty.output, run.source_files)
        check_spread(uncertainty, run.plan.card, len(run.plan.source.bands))
        return run

    return prepare
