"""Sub-pixel shifts between the views of a series, robust to clouds, gaps and changes.

On windows spread over the scene, each view is laid against the reference in two steps. First, blocks are compared by
cross-correlation in the Fourier domain (M. Guizar-Sicairos et al., Efficient subpixel image registration algorithms,
2008, doi:10.1364/OL.33.000156, as in scikit-image), and what most blocks agree on is taken. Then a Gauss-Newton
refinement over all bands and valid pixels finds shift, gain and offset together, with weights that fall to nothing
where a pixel does not fit (Tukey's biweight). Where windows agree within noise, a view has one shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.ndimage import shift as moved_by

#: Smoothing before comparing, in pixels: below it there is aliasing, which differs from view to view.
_FINE, _COARSE = 0.8, 8.0
_BLOCK, _LEAST_SIDE = 64, 16
#: Blocks and windows with a smaller share of common valid pixels are not compared.
_LEAST_VALID = 0.35
#: Blocks agree that lie within this distance, in pixels.
_AGREEING = 0.5
#: Largest shift that is believed, in pixels beyond what the georeference says.
_LARGEST = 8.0
_ROUNDS = 12
#: Correlation of detail below which a window tells nothing.
_LEAST_CORRELATION = 0.3
#: A refined shift this near to the best one by whole pixels is believed, in pixels.
_CONVINCING = 1.2
#: Whole pixels around the expected shift that are tried.
_SEARCHED = 3
#: Spread of windows' shifts that counts as a real variation over the scene, in pixels.
_REAL_SPREAD = 0.04
_TUKEY = 4.685
#: Pixels by which a shift may still be wrong, round by round.
_TOLERANCES = (0.5, 0.3, 0.15, 0.08, 0.05)
#: Pixels that medians are taken of.
_SAMPLED = 3000


@dataclass(frozen=True)
class Registration:
    """One image against another.

    Attributes:
        shift: rows and columns from a pixel of the moving image to its place in the reference.
        error: standard error of each, in pixels; infinite where nothing was found.
        correlation: of what detail both share, -1 to 1.
    """

    shift: tuple[float, float]
    error: float
    correlation: float

    @property
    def found(self) -> bool:
        """True where the images tell a shift."""
        return np.isfinite(self.error) and self.correlation >= _LEAST_CORRELATION


def register(
    reference: np.ndarray,
    moving: np.ndarray,
    valid_reference: np.ndarray,
    valid_moving: np.ndarray,
    expected: tuple[float, float] = (0.0, 0.0),
) -> Registration:
    """Shift between two images of one place.

    Args:
        reference, moving: ``(bands, h, w)``, finite where valid.
        valid_reference, valid_moving: ``(h, w)`` bool.
        expected: what the georeference says.

    Returns:
        The shift; the expected one with an infinite error where the images tell none.
    """
    nothing = Registration(expected, float("inf"), 0.0)
    common = valid_reference & valid_moving
    if min(common.shape) < _LEAST_SIDE or common.mean() < _LEAST_VALID / 2:
        return nothing
    fixed, other = (_detail(image, valid) for image, valid in ((reference, valid_reference), (moving, valid_moving)))
    blocks = _agreed(_block_shifts(fixed.sum(axis=0), other.sum(axis=0), common), expected)
    whole = _by_whole_pixels(fixed, other, common, expected)
    starts = (blocks, whole, expected) if _apart(blocks, whole) <= 1.0 else (whole, blocks, expected)
    best, least = nothing, float("inf")
    for start in dict.fromkeys(starts):
        found = _refined(reference, moving, valid_reference, valid_moving, start)
        if not found.found or _apart(found.shift, expected) > _LARGEST:
            continue
        misfit = _misfit(fixed, other, common, found.shift)
        if misfit < least:
            best, least = found, misfit
        if _apart(blocks, whole) <= 1.0 and _apart(found.shift, whole) <= _CONVINCING:
            break
    return best


def _misfit(fixed: np.ndarray, other: np.ndarray, common: np.ndarray, shift: tuple[float, float]) -> float:
    """Mean difference of detail at a shift; each pixel counts up to a limit, so clouds cost the same wherever."""
    moved = np.stack([moved_by(band, shift, order=1, mode="nearest") for band in other])
    return float(np.mean(np.minimum(np.abs(fixed - moved), 2.0)[:, common]))


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))


def _filled(image: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """``(bands, h, w)`` float64 with gaps that pass smoothly into the mean of each band."""
    out = np.empty(image.shape, np.float64)
    for index, band in enumerate(image):
        mean = float(band[valid].mean()) if valid.any() else 0.0
        apart = np.where(valid, band - mean, 0.0)
        weight = gaussian_filter(valid.astype(np.float64), 3.0)
        smooth = gaussian_filter(apart, 3.0) / np.maximum(weight, 0.05)
        out[index] = mean + np.where(valid, apart, smooth)
    return out


def _detail(image: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """What is finer than the surroundings and coarser than a pixel, each band with a spread of one."""
    filled = _filled(image, valid)
    planes = []
    for band in filled:
        fine = gaussian_filter(band, _FINE) - gaussian_filter(band, _COARSE)
        spread = 1.4826 * np.median(np.abs(fine[valid])) if valid.any() else 0.0
        # A cloud that no mask knows must not outshine the ground.
        planes.append(np.clip(fine / spread, -4.0, 4.0) if spread > 0 else np.zeros_like(fine))
    return np.stack(planes)


def _block_shifts(fixed: np.ndarray, other: np.ndarray, common: np.ndarray) -> np.ndarray:
    """``(n, 2)`` shifts of the blocks that have enough valid pixels."""
    from skimage.registration import phase_cross_correlation

    side = min(_BLOCK, *common.shape)
    taper = np.outer(np.hanning(side + 2)[1:-1], np.hanning(side + 2)[1:-1])
    found = []
    for top in _starts(common.shape[0], side):
        for left in _starts(common.shape[1], side):
            place = (slice(top, top + side), slice(left, left + side))
            if common[place].mean() < _LEAST_VALID:
                continue
            weight = taper * common[place]
            one, two = fixed[place] * weight, other[place] * weight
            if one.any() and two.any():
                found.append(phase_cross_correlation(one, two, upsample_factor=20, normalization=None)[0])
    return np.array(found, np.float64).reshape(-1, 2)


def _starts(length: int, side: int) -> list[int]:
    count = max(1, -(-2 * (length - side) // side) + 1)
    return sorted({round(i * (length - side) / max(1, count - 1)) for i in range(count)})


def _agreed(shifts: np.ndarray, expected: tuple[float, float]) -> tuple[float, float]:
    """The mean of the largest group of shifts that agree; what was expected where there are none."""
    near = shifts[np.hypot(*(shifts - expected).T) <= _LARGEST] if shifts.size else shifts
    if not near.size:
        return expected
    apart = np.hypot(*(near[:, None] - near[None]).transpose(2, 0, 1))
    group = apart[(apart <= _AGREEING).sum(axis=1).argmax()] <= _AGREEING
    row, column = near[group].mean(axis=0)
    return float(row), float(column)


def _by_whole_pixels(
    fixed: np.ndarray, other: np.ndarray, common: np.ndarray, expected: tuple[float, float]
) -> tuple[float, float]:
    """The shift by whole pixels around the expected one at which detail differs least.

    Differences count up to a limit, so a cloud costs the same wherever it lies; blocks that clouds cross may be misled.
    """
    middle = [int(round(side)) for side in expected]
    rim = _SEARCHED + max(abs(side) for side in middle)
    if min(common.shape) < 4 * rim:
        return expected
    inner = (slice(None), slice(rim, -rim), slice(rim, -rim))
    still, told = fixed[inner], common[inner[1:]]
    best = (float("inf"), expected)
    for down in range(middle[0] - _SEARCHED, middle[0] + _SEARCHED + 1):
        for right in range(middle[1] - _SEARCHED, middle[1] + _SEARCHED + 1):
            moved = np.roll(other, (down, right), axis=(1, 2))[inner]
            score = float(np.mean(np.minimum(np.abs(still - moved), 2.0)[:, told])) if told.any() else float("inf")
            best = min(best, (score, (float(down), float(right))))
    return best[1]


def _refined(
    reference: np.ndarray,
    moving: np.ndarray,
    valid_reference: np.ndarray,
    valid_moving: np.ndarray,
    start: tuple[float, float],
) -> Registration:
    """Gauss-Newton with iteratively reweighted pixels; shift, and gain and offset of each band, at once."""
    fixed = np.stack([gaussian_filter(band, _FINE) for band in _filled(reference, valid_reference)])
    other = np.stack([gaussian_filter(band, _FINE) for band in _filled(moving, valid_moving)])
    # What the smoothing took from beyond a gap is no measurement.
    sound_fixed, sound_other = (_sound(valid) for valid in (valid_reference, valid_moving))
    shift = np.array(start, np.float64)
    error, correlation = float("inf"), 0.0
    for number in range(_ROUNDS):
        if np.abs(shift - start).max() > 2.0:
            return Registration((float(start[0]), float(start[1])), float("inf"), 0.0)
        sound = sound_fixed & (moved_by(sound_other.astype(np.float32), shift, order=1, cval=0.0) > 0.99)
        if sound.sum() < _LEAST_SIDE**2:
            return Registration((float(start[0]), float(start[1])), float("inf"), 0.0)
        step, error, correlation = _step(fixed, other, sound, shift, _TOLERANCES[min(number, len(_TOLERANCES) - 1)])
        shift = shift + step
        if number >= len(_TOLERANCES) - 1 and np.abs(step).max() < 5e-4:
            break
    return Registration((float(shift[0]), float(shift[1])), error, correlation)


def _sound(valid: np.ndarray) -> np.ndarray:
    inner = binary_erosion(valid, np.ones((5, 5), bool), border_value=1)
    inner[[0, 1, -1, -2], :] = False
    inner[:, [0, 1, -1, -2]] = False
    return inner


def _step(
    fixed: np.ndarray, other: np.ndarray, sound: np.ndarray, shift: np.ndarray, tolerance: float
) -> tuple[np.ndarray, float, float]:
    """One step of the shift, its standard error, and the weighted correlation at the place before the step.

    What a pixel may be wrong by is the noise, and what a shift wrong by ``tolerance`` pixels makes of its slope: else,
    in a scene that is mostly smooth water, all of the land would be taken for clouds.
    """
    moved = np.stack([moved_by(band, shift, order=3, mode="nearest") for band in other])
    left = np.zeros((2, 2))
    right = np.zeros(2)
    shared = total = 0.0
    for one, two in zip(fixed, moved, strict=False):
        down, across = np.gradient(two)
        y, x = one[sound], two[sound]
        gain, offset, noise = _robust_fit(x, y)
        if noise <= 0:
            continue
        slopes = -gain * np.stack([down[sound], across[sound]])
        rest = y - gain * x - offset
        variance = noise**2 + tolerance**2 * np.sum(slopes**2, axis=0)
        weight = np.clip(1.0 - rest**2 / (_TUKEY**2 * variance), 0.0, None) ** 2
        left += (slopes * (weight / variance)) @ slopes.T
        right += (slopes * (weight / variance)) @ rest
        explained = float(np.sum(weight * (gain * (x - np.average(x, weights=weight))) ** 2))
        shared += explained
        total += explained + float(np.sum(weight * rest**2))
    if total <= 0 or np.linalg.cond(left) > 1e8:
        return np.zeros(2), float("inf"), 0.0
    covariance = np.linalg.inv(left)
    step = np.clip(covariance @ right, -0.5, 0.5)
    # Neighbouring pixels are smoothed together, so fewer of them count.
    error = float(np.sqrt(np.trace(covariance) / 2.0 * (4.0 * np.pi * _FINE**2)))
    return step, error, float(np.sqrt(shared / total))


def _robust_fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Gain and offset from x to y, and the standard deviation of what fits."""
    # Medians of some thousand pixels are as good as those of all, and much faster.
    some = slice(None, None, max(1, x.size // _SAMPLED))
    gain, offset = _first_line(x[some], y[some])
    rest = y - gain * x - offset
    noise = float(1.4826 * np.median(np.abs(rest[some]))) + 1e-12 * (1.0 + abs(offset))
    weight = np.clip(1.0 - (rest / (_TUKEY * noise)) ** 2, 0.0, None) ** 2
    for _ in range(6):
        total = weight.sum()
        if total < 9:
            return gain, offset, 0.0
        mean_x, mean_y = (weight @ x) / total, (weight @ y) / total
        spread = (weight @ (x - mean_x) ** 2) / total
        if spread <= 0:
            return gain, offset, 0.0
        gain = float((weight @ ((x - mean_x) * (y - mean_y))) / total / spread)
        offset = float(mean_y - gain * mean_x)
        rest = y - gain * x - offset
        noise = float(1.4826 * np.median(np.abs(rest[some] - np.median(rest[some])))) + 1e-12 * (1.0 + abs(offset))
        weight = np.clip(1.0 - (rest / (_TUKEY * noise)) ** 2, 0.0, None) ** 2
    return gain, offset, noise


def _first_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Of some lines, the one that most pixels lie near: clouds bend a fit by least squares, but not all of these."""
    lines = [1.0]
    for low, high in ((5, 50), (25, 75), (10, 60), (2, 30)):
        (x_low, x_high), (y_low, y_high) = np.percentile(x, (low, high)), np.percentile(y, (low, high))
        if x_high > x_low:
            lines.append((y_high - y_low) / (x_high - x_low))
    found = []
    for gain in lines:
        rest = y - gain * x
        offset = float(np.median(rest))
        found.append((float(np.median(np.abs(rest - offset))), float(gain), offset))
    _, gain, offset = min(found)
    return gain, offset


@dataclass(frozen=True)
class ShiftField:
    """Shifts of one view over the scene.

    Attributes:
        shift: the one that most windows agree on.
        field: ``(nodes, 2)`` what it differs by at each node; empty where it does not vary.
        windows: how many windows agree; 0 where no window told anything.
        spread: by how much these differ, in pixels.
    """

    shift: tuple[float, float]
    field: np.ndarray
    windows: int
    spread: float


def combine(
    found: Sequence[Registration], places: np.ndarray, nodes: np.ndarray, spacing: float, expected: tuple[float, float]
) -> ShiftField:
    """One shift, and where it really varies over the scene a smooth field of differences from it.

    Args:
        found: of each window.
        places: ``(windows, 2)`` middles of the windows.
        nodes: ``(nodes, 2)`` where the field is wanted.
        spacing: distance of neighbouring nodes.
        expected: the shift where no window tells one.
    """
    nowhere = np.zeros((0, 2))
    good = [i for i, one in enumerate(found) if one.found]
    if not good:
        return ShiftField(expected, nowhere, 0, 0.0)
    shifts = np.array([found[i].shift for i in good])
    errors = np.array([max(found[i].error, 0.005) for i in good])
    middle = np.median(shifts, axis=0)
    apart = np.hypot(*(shifts - middle).T)
    inner = apart <= max(0.3, 3 * 1.4826 * float(np.median(apart)))
    shifts, errors, spots = shifts[inner], errors[inner], places[np.array(good)[inner]]
    weight = 1.0 / errors**2
    shift = (weight @ shifts) / weight.sum()
    rest = shifts - shift
    spread = float(1.4826 * np.median(np.abs(rest)))
    if len(rest) < 4 or spread < max(_REAL_SPREAD, 2.0 * float(np.median(errors))):
        return ShiftField((float(shift[0]), float(shift[1])), nowhere, len(rest), spread)
    distance = np.hypot(*(nodes[:, None] - spots[None]).transpose(2, 0, 1)) / spacing
    kernel = np.exp(-0.5 * distance**2) * (weight / weight.max())
    # One window of full weight at the spot itself is believed by two thirds.
    field = kernel @ rest / (kernel.sum(axis=1, keepdims=True) + 0.5)
    return ShiftField((float(shift[0]), float(shift[1])), np.round(field, 4), len(rest), spread)
