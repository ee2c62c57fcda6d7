"""Finding duplicates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_plugin.core.patch_fingerprint import SIDE, TOLERANCE, FingerprintIndex, fingerprint


def textured(seed, shape=(3, 40, 48)):
    rng = np.random.default_rng(seed)
    blocks = rng.random((shape[0], 10, 12)).repeat(4, 1).repeat(4, 2)
    return (blocks * 200 + rng.random(shape) * 20).astype(np.float32)


def test_copies_are_found_and_other_pictures_are_not():
    index = FingerprintIndex()
    for seed in range(50):
        index.add(fingerprint(textured(seed)))
    rng = np.random.default_rng(0)
    for seed in range(50):
        picture = textured(seed)
        # Rounded, brighter, with the noise of a compression.
        copy = np.round(picture * 1.2 + 7 + rng.normal(0, 0.7, picture.shape))
        assert index.find(fingerprint(copy)) == seed
        assert index.find(fingerprint(textured(1000 + seed))) is None


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
