"""How noisy an image is."""

from __future__ import annotations

import numpy as np

#: The mask [[1, -2, 1], [-2, 4, -2], [1, -2, 1]] passes the noise with this gain and takes away planes and edges'
#: first and second derivatives (Immerkaer, "Fast noise variance estimation", CVIU 64, 1996).
_GAIN = 6.0
#: Median of the absolute value of a normal variable of unit standard deviation.
_MEDIAN_OF_NORMAL = 0.6745


def noise_level(image: np.ndarray) -> float:
    """Standard deviation of the noise of an image, in its own units.

    Immerkaer's high-pass mask with a median in place of the mean, so that texture in less than half of the pixels does
    not count as noise.

    Args:
        image: ``(bands, h, w)``, finite.

    Returns:
        The mean over the bands; 0.0 for images of less than 3 x 3 pixels.
    """
    if min(image.shape[1:]) < 3:
        return 0.0
    data = image.astype(np.float64)
    across = data[:, :, :-2] - 2 * data[:, :, 1:-1] + data[:, :, 2:]
    high = across[:, :-2] - 2 * across[:, 1:-1] + across[:, 2:]
    levels = np.median(np.abs(high), axis=(1, 2)) / (_MEDIAN_OF_NORMAL * _GAIN)
    return float(levels.mean())
