"""What a run makes of how far the answers of models to turned copies of a tile differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping, Sequence, Tuple

from sr_plugin.core.card import ModelCard, TileConstraints, card_from_wire
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.radiometry import Radiometry

#: Arrays of a tile beside its image: the standard deviation, and where bicubic took the place of the result.
DEVIATION, REPLACED = "uncertainty", "replaced"
#: Pixel type of each of them, and the value that marks its gaps.
BESIDE = {DEVIATION: ("float32", math.nan), REPLACED: ("uint8", 255.0)}
#: Flips and quarter turns of a tile, and those of them that keep width and height.
ALL_VIEWS, SAME_SHAPE_VIEWS = 8, 4


@dataclass(frozen=True)
class FurtherModel:
    """A model whose answers enter the standard deviation, but not the result.

    Attributes:
        card: the model.
        radiometry: maps between the data and this network, so that all answers are in units of the data.
    """

    card: ModelCard
    radiometry: Radiometry


@dataclass(frozen=True)
class UncertaintySettings:
    """The standard deviation over views, and over models where there are several.

    Attributes:
        outputs: which of :data:`DEVIATION` and :data:`REPLACED` a tile gives beside its image, in this order.
        limit: where the deviation is larger, in data units, bicubic takes the place of the result; 0 for never.
        models: further models.
    """

    outputs: Tuple[str, ...] = ()
    limit: float = 0.0
    models: Tuple[FurtherModel, ...] = ()

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> UncertaintySettings:
        """Inverse of :func:`dataclasses.asdict`."""
        models = tuple(
            FurtherModel(card_from_wire(item["card"]), Radiometry.from_wire(item["radiometry"]))
            for item in values["models"]
        )
        return cls(tuple(values["outputs"]), float(values["limit"]), models)

    @property
    def cards(self) -> Tuple[ModelCard, ...]:
        """Cards of the further models."""
        return tuple(model.card for model in self.models)


def sides_may_swap(constraints: TileConstraints) -> bool:
    """Whether a tile may be turned by a quarter."""
    return constraints.fixed is None or constraints.fixed[0] == constraints.fixed[1]


def views_of(constraints: TileConstraints) -> int:
    """Number of views of a tile of this shape."""
    return ALL_VIEWS if sides_may_swap(constraints) else SAME_SHAPE_VIEWS


def joint_constraints(cards: Sequence[ModelCard]) -> TileConstraints:
    """What a tile must be for all of several models.

    Raises:
        ParameterError: when no tile suits all of them.
    """
    if len(cards) == 1:
        return cards[0].tiles
    tiles = [card.tiles for card in cards]
    multiple = math.lcm(*(each.multiple_of for each in tiles))
    least = max(each.minimum for each in tiles)
    sizes = {each.fixed for each in tiles if each.fixed is not None}
    fixed = sizes.pop() if len(sizes) == 1 else None
    if sizes or (fixed is not None and (min(fixed) < least or any(side % multiple for side in fixed))):
        names = ", ".join(f"'{card.name}'" for card in cards)
        raise ParameterError(
            f"No tile has a size that all of the models {names} accept.", "Leave out those that take one size only."
        )
    return TileConstraints(multiple, least, fixed, max(each.border for each in tiles))
