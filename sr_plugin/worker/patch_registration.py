"""Displacements of many small pairs of images, to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sr_plugin.core.errors import ParameterError, RuntimeMissing
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.session import TileResult

#: Displacements are found to a fraction of a pixel of this.
_PRECISION = 50


def patch_shifts(arrays: Sequence[NamedArray]) -> TileResult:
    """By how much each patch is moved against its reference: :meth:`sr_plugin.core.session.ModelSession.patch_shifts`.

    Cross-correlation by the Fourier transform, refined by an upsampled transform around its peak (Guizar-Sicairos et
    al. 2008, doi:10.1364/OL.33.000156). A Hann window takes the rims out, which the transform would join.

    Raises:
        RuntimeMissing: when scikit-image is not installed.
        ParameterError: when the patches are not of one shape.
    """
    try:
        from skimage.filters import window
        from skimage.registration import phase_cross_correlation
    except ImportError as error:
        raise RuntimeMissing(
            f"Co-registration needs the package scikit-image, which the worker's Python does not have ({error}).",
            "Create it with: python -m sr_plugin environment --create light",
        ) from error
    by_name = {item.name: np.asarray(item.data, np.float32) for item in arrays}
    reference, moved = by_name.get("reference"), by_name.get("moved")
    if reference is None or moved is None or reference.shape != moved.shape or reference.ndim != 3:
        raise ParameterError("The patches to register do not come in two equal stacks.")
    weight = window("hann", reference.shape[1:]).astype(np.float32)
    shifts = np.zeros((len(reference), 2), np.float32)
    for index, (still, other) in enumerate(zip(reference, moved, strict=True)):
        planes = [(plane - plane.mean()) * weight for plane in (still, other)]
        if all(np.any(plane) for plane in planes):
            found, _, _ = phase_cross_correlation(*planes, upsample_factor=_PRECISION, normalization=None)
            # The function tells how to move the second one back.
            shifts[index] = -found[1], -found[0]
    return TileResult((NamedArray("shifts", shifts),))
