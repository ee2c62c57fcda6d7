"""How far an image is shifted against another one, to a hundredth of a pixel."""

from __future__ import annotations

import numpy as np

_UPSAMPLING = 100
#: Smaller windows tell no shift.
LEAST_SIDE = 24


def shift_between(reference: np.ndarray, image: np.ndarray) -> tuple[float, float]:
    """Rows and columns by which the content of ``image`` has to move to lie on that of ``reference``.

    By phase correlation with an upsampled Fourier transform (Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156),
    without the normalisation that would give noise the weight of structure.

    Args:
        reference, image: ``(h, w)`` without gaps, at least :data:`LEAST_SIDE` pixels along both axes.

    Returns:
        Exact to a few hundredths of a pixel, and to about a hundredth of large shifts. NaN where one of them shows
        nothing.
    """
    from skimage.filters import window
    from skimage.registration import phase_cross_correlation

    if min(reference.shape) < LEAST_SIDE:
        return np.nan, np.nan
    first, second = (item - item.mean() for item in (reference, image))
    if not first.any() or not second.any():
        return np.nan, np.nan
    # Opposite rims meet in a Fourier transform; without a taper their seams would pin the shift to 0.
    taper = window("hann", reference.shape)
    found, _, _ = phase_cross_correlation(
        first * taper, second * taper, upsample_factor=_UPSAMPLING, normalization=None
    )
    return float(found[0]), float(found[1])
