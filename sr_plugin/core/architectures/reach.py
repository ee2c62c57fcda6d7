"""The receptive-field radius of a network, from the list of its layers."""

from __future__ import annotations

from typing import Iterable, Tuple

#: ``("conv", radius)``: a convolution of that radius; ``("up", factor)``: enlargement by pixel shuffle or nearest
#: neighbour. In the order in which the network applies them.
Step = Tuple[str, int]


def reach_of(steps: Iterable[Step]) -> int:
    """Radius in input pixels: what belongs to input pixel p depends on nothing farther away than this.

    All output pixels of one input pixel are followed back to the input, so the result is exact for every phase.
    """
    chain = list(steps)
    scale = 1
    for kind, value in chain:
        scale *= value if kind == "up" else 1
    low, high = 0, scale - 1
    for kind, value in reversed(chain):
        if kind == "conv":
            low, high = low - value, high + value
        else:
            low, high = low // value, high // value
    return max(-low, high)
