"""Displacements of patches."""

from __future__ import annotations

import numpy as np
import pytest

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.protocol import NamedArray
from sr_plugin.worker.patch_registration import patch_shifts

pytest.importorskip("skimage")


def pair(dx, dy, side=48):
    """A smooth picture, and the same moved right by ``dx`` and down by ``dy``, with another gain."""
    from scipy.ndimage import gaussian_filter, shift

    big = gaussian_filter(np.random.default_rng(3).random((side + 40, side + 40)), 1.5)
    moved = shift(big, (dy, dx), order=5)
    return big[20:-20, 20:-20], moved[20:-20, 20:-20] * 3 + 5


def shifts(*pairs):
    still, moved = (np.stack(stack).astype(np.float32) for stack in zip(*pairs, strict=True))
    return patch_shifts([NamedArray("reference", still), NamedArray("moved", moved)]).arrays[0].data


def test_known_displacements_are_found():
    wanted = [(0, 0), (0.4, -0.7), (1.5, 2.0), (-3.0, 1.0)]
    found = shifts(*(pair(*shift) for shift in wanted))
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < 0.15 and np.abs(found - wanted)[:2].max() < 0.05


def test_flat_patches_have_none():
    flat = np.zeros((32, 32))
    assert shifts((flat, flat)).tolist() == [[0, 0]]


def test_stacks_must_fit():
    with pytest.raises(ParameterError):
        patch_shifts([NamedArray("reference", np.zeros((2, 8, 8))), NamedArray("moved", np.zeros((1, 8, 8)))])
