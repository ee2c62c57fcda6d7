"""What networks have in common that fuse any number of views of one place, two at a time."""

from __future__ import annotations

from sr_plugin.core.errors import ModelMismatch

#: More views of one place than any archive gives in a season; a limit on what a card may ask for.
MOST_VIEWS = 256


def fusion_rounds(views: int, filled: bool) -> int:
    """How often views are paired and fused until one is left.

    Args:
        views: their number.
        filled: whether empty views fill up the pairs (the logarithm to base two is rounded up), or a view without a
            partner is set aside (it is rounded down).

    Raises:
        ModelMismatch: when there is no view, or more than :data:`MOST_VIEWS`.
    """
    if not isinstance(views, int) or not 1 <= views <= MOST_VIEWS:
        raise ModelMismatch(f"{views!r} views cannot be fused; give 1 to {MOST_VIEWS}.")
    return (views - 1).bit_length() if filled else views.bit_length() - 1
