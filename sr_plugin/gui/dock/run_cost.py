"""What a run would cost: its size at once, its time by the pipeline's own preparation in the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence

import numpy as np

from sr_plugin.core.card import ModelCard
from sr_plugin.core.grid import Extent, Window
from sr_plugin.core.pixel_type import common_type
from sr_plugin.core.uncertainty import BESIDE, DEVIATION, REPLACED
from sr_plugin.gui.dock.layer_facts import LayerFacts
from sr_plugin.pipeline.prepare import prepare_run
from sr_plugin.pipeline.request import SilentFeedback, SuperResolveRequest
from sr_plugin.pipeline.superresolve import worker_factory
from sr_plugin.processing.superresolve_parameters import SAME_TYPE

#: Overviews take a third again.
_OVERVIEWS = 4 / 3


@dataclass(frozen=True)
class ResultSize:
    """Size of a result.

    Attributes:
        width, height, bands: in pixels.
        disk_bytes: the most that it, and what is written beside it, takes on disk, overviews included.
    """

    width: int
    height: int
    bands: int
    disk_bytes: int


def result_size(
    facts: LayerFacts, card: ModelCard, numbers: Sequence[int], area: Window, choices: Mapping[str, Any]
) -> ResultSize:
    """Size of the result without opening anything.

    Args:
        facts: the raster.
        card: the model.
        numbers: the bands that are fed in, at least one.
        area: the pixels to be super-resolved.
        choices: parameters of the algorithm; OTHER_BANDS, OUTPUT_TYPE and what is written beside the result count.
    """
    carried = [b.number for b in facts.infos if b.number not in numbers] if choices["OTHER_BANDS"] == "enlarge" else []
    bands = card.output_count(len(numbers)) + len(carried)
    width, height = area.width * card.scale, area.height * card.scale
    kind = choices["OUTPUT_TYPE"]
    if kind == SAME_TYPE:
        kind = common_type([info.pixel_type for info in facts.bands([*numbers, *carried])]).name
    raw = width * height * bands * np.dtype(kind).itemsize
    beside = {"UNCERTAINTY": DEVIATION, "UNCERTAINTY_MASK": REPLACED}
    types = [BESIDE[name][0] for parameter, name in beside.items() if choices.get(parameter)]
    raw += width * height * (bands - len(carried)) * sum(np.dtype(each).itemsize for each in types)
    return ResultSize(width, height, bands, int(raw * _OVERVIEWS))


def run_request(
    facts: LayerFacts, parameters: Mapping[str, Any], extent: Optional[Extent], output: str
) -> SuperResolveRequest:
    """The pipeline's request for parameters of the algorithm.

    Args:
        extent: the area in the raster's own coordinates, None for the whole raster.
        output: path of the result; what is written beside it counts, under any name.
    """
    kind = parameters["OUTPUT_TYPE"]
    return SuperResolveRequest(
        input=facts.dataset,
        output=output,
        model=parameters["MODEL"],
        bands=tuple(parameters["BANDS"]),
        extent=extent,
        device=parameters["DEVICE"],
        precision=parameters["PRECISION"],
        output_type="" if kind == SAME_TYPE else kind,
        consistency=parameters["CONSISTENCY"],
        tile=parameters["TILE_SIZE"],
        normalisation=parameters["NORMALISATION"],
        other_bands=parameters["OTHER_BANDS"],
        luminance=parameters["LUMINANCE"],
        exact=parameters["EXACT"],
        cog=parameters["COG"],
        uncertainty=output + ".uncertainty.tif" if parameters.get("UNCERTAINTY") else "",
        uncertainty_limit=parameters.get("UNCERTAINTY_LIMIT"),
        uncertainty_mask=output + ".bicubic.tif" if parameters.get("UNCERTAINTY_MASK") else "",
    )


def expected_seconds(request: SuperResolveRequest, python: str) -> Optional[float]:
    """Prepare a run as the pipeline does, and throw it away; opens raster and model, so not for the GUI thread.

    Returns:
        Seconds by the speed of earlier runs; None where there were none.

    Raises:
        SuperResolutionError: what the run itself would be refused for, such as a full disk.
    """
    return prepare_run(request, SilentFeedback(), worker_factory(python)).estimate.seconds
