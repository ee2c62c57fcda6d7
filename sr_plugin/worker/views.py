"""One tile through models in eight views: how far their answers differ says how much of them is guessed.

Flips and quarter turns of an image are images too, and what is really in the scene does not depend on how it is turned.
The same views serve as "geometric self-ensemble" in B. Lim et al., Enhanced deep residual networks for single image
super-resolution, 2017 (arXiv:1707.02921).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

#: A model: ``(bands, h, w)`` to ``(bands', h * scale, w * scale)``.
Enlarge = Callable[[np.ndarray], np.ndarray]


def _turned(image: np.ndarray, turns: int, flipped: bool) -> np.ndarray:
    view = np.rot90(image, turns, (1, 2))
    return np.ascontiguousarray(view[:, :, ::-1] if flipped else view)


def _turned_back(image: np.ndarray, turns: int, flipped: bool) -> np.ndarray:
    return np.rot90(image[:, :, ::-1] if flipped else image, -turns, (1, 2))


def _views(swap: bool) -> Iterator[tuple[int, bool]]:
    for turns in range(0, 4, 1 if swap else 2):
        yield turns, False
        yield turns, True


def spread(
    image: np.ndarray, enlarge: Enlarge, swap: bool = True, others: Sequence[Enlarge] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """What a model makes of an image, and the standard deviation of that over the views, and over further models.

    Args:
        image: ``(bands, h, w)``.
        enlarge: the model.
        swap: whether the models take tiles with sides swapped; without, the four views that keep them are used.
        others: further models, whose results have the shape and the units of the first one's. The deviation is that of
            all views of all models taken together, so it also holds how far the models differ from each other.

    Returns:
        The first model's result of the image as it is, and the standard deviation, both ``(bands', h * scale,
        w * scale)`` in the units of the result.
    """
    first = enlarge(image)
    count, total, squares = 0, np.zeros_like(first), np.zeros_like(first)
    for number, model in enumerate((enlarge, *others)):
        for turns, flipped in _views(swap):
            count += 1
            if number == 0 and not turns and not flipped:
                # Differences from the first result are summed, which loses no digits of large values.
                continue
            difference = _turned_back(model(_turned(image, turns, flipped)), turns, flipped) - first
            total += difference
            squares += difference * difference
    variance = squares / count - (total / count) ** 2
    return first, np.sqrt(np.maximum(variance, 0))
