"""Tails of convolutions that each feed a pixel shuffle: their factors, from shapes."""

from __future__ import annotations

from typing import Dict, List, Sequence

from sr_plugin.core.architectures.family import Shape, Shapes, conv, shape_of, square_root
from sr_plugin.core.architectures.reach import Step
from sr_plugin.core.errors import ModelMismatch

#: More in a row would enlarge beyond any use.
_MOST = 4


def factors_of(shapes: Shapes, prefix: str, last_inputs: int) -> List[int]:
    """Factor of each shuffle behind ``prefix.0``, ``prefix.2`` ...; the next convolution tells what a shuffle gives.

    Args:
        shapes: shapes under canonical names.
        prefix: name of the sequence.
        last_inputs: channels that the convolution behind the last shuffle takes.

    Raises:
        ModelMismatch: when there is no such convolution, too many, or channels that fit no factor.
    """
    names: List[str] = []
    while f"{prefix}.{2 * len(names)}.weight" in shapes:
        names.append(f"{prefix}.{2 * len(names)}.weight")
    if not 1 <= len(names) <= _MOST:
        raise ModelMismatch(f"'{prefix}' has {len(names)} convolutions, where 1 to {_MOST} are expected.")
    taken = [shape_of(shapes, name, 4)[1] for name in names[1:]] + [last_inputs]
    return [square_root(shape_of(shapes, name, 4)[0], after, name) for name, after in zip(names, taken)]


def shuffle_shapes(prefix: str, inputs: int, width: int, factors: Sequence[int]) -> Dict[str, Shape]:
    """Shapes of the 3 x 3 convolutions: the first takes ``inputs`` channels, every shuffle gives ``width``."""
    expected: Dict[str, Shape] = {}
    for number, factor in enumerate(factors):
        expected.update(conv(f"{prefix}.{2 * number}", width * factor * factor, width if number else inputs))
    return expected


def shuffle_steps(factors: Sequence[int]) -> List[Step]:
    """Layers of such a tail for :func:`~sr_plugin.core.architectures.reach.reach_of`."""
    steps: List[Step] = []
    for factor in factors:
        steps += [("conv", 1), ("up", factor)]
    return steps


def product(factors: Sequence[int]) -> int:
    """Enlargement of all shuffles together."""
    scale = 1
    for factor in factors:
        scale *= factor
    return scale
