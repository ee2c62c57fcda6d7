"""Finding duplicates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_plugin.core.patch_fingerprint import SIDE, TOLERANCE, FingerprintIndex, fingerprint, levels


def textured(seed, shape=(3, 40, 48)):
    rng = np.random.default_rng(seed)
    blocks = rng.random((shape[0], 10, 12)).repeat(4, 1).repeat(4, 2)
    return (blocks * 200 + rng.random(shape) * 20).astype(np.float32)


def test_copies_are_found_and_other_pictures_are_not():
    index = FingerprintIndex()
    for seed in range(50):
        index.add(fingerprint(textured(seed)), levels(textured(seed)))
    rng = np.random.default_rng(0)
    for seed in range(50):
        picture = textured(seed)
        # Rounded, brighter, with the noise of a compression.
        copy = np.round(picture * 1.2 + 7 + rng.normal(0, 0.7, picture.shape))
        assert index.find(fingerprint(copy), levels(copy)) == seed
        assert index.find(fingerprint(textured(1000 + seed))) is None


def test_patches_of_a_slope_are_no_duplicates():
    slope = np.arange(64, dtype=np.float32)[None, None].repeat(32, 1) * 3
    patches = [slope[..., :32], slope[..., 32:] + 1000, slope[..., :32] * 3]
    index = FingerprintIndex()
    for patch in patches:
        assert index.find(fingerprint(patch), levels(patch)) is None
        index.add(fingerprint(patch), levels(patch))
    index.forget(1)
    assert len(index) == 1 and index.find(fingerprint(patches[1]), levels(patches[1])) is None
    assert index.find(fingerprint(patches[0]), levels(patches[0] + 1)) == 0


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.sets(st.integers(0, SIDE * SIDE - 1), max_size=2 * TOLERANCE))
def test_the_search_finds_all_within_the_tolerance(hashed, flipped):
    bits = np.unpackbits(np.frombuffer(hashed, np.uint8))
    bits[list(flipped)] ^= 1
    index = FingerprintIndex()
    index.add(hashed)
    assert (index.find(np.packbits(bits).tobytes()) == 0) == (len(flipped) <= TOLERANCE)


@pytest.mark.parametrize("shape", [(1, 8, 8), (4, 17, 33), (3, 64, 64)])
def test_any_size(shape):
    assert len(fingerprint(np.random.default_rng(0).random(shape))) == SIDE * SIDE // 8
