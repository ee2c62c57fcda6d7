"""Receptive-field radii from layer lists agree with the published formulas."""

from __future__ import annotations

import pytest

from sr_plugin.core.architectures.edsr_bicubic import EdsrBicubic
from sr_plugin.core.architectures.msrresnet import MsrResNet
from sr_plugin.core.architectures.reach import reach_of
from sr_plugin.core.architectures.rrdbnet import RrdbNet
from sr_plugin.core.architectures.srresnet_f import SrResNetF
from sr_plugin.core.architectures.srvgg import SrVgg


def test_steps() -> None:
    assert reach_of([]) == 0
    assert reach_of([("conv", 3)]) == 3
    assert reach_of([("up", 4), ("conv", 1)]) == 1
    assert reach_of([("up", 4), ("conv", 4)]) == 1
    assert reach_of([("up", 4), ("conv", 5)]) == 2
    assert reach_of([("conv", 1), ("up", 2), ("conv", 1), ("up", 2), ("conv", 2)]) == 2


@pytest.mark.parametrize("blocks", [1, 6, 23])
@pytest.mark.parametrize("upsamplings", [0, 1, 2, 3, 4])
def test_rrdbnet(blocks: int, upsamplings: int) -> None:
    sizes = {"in_bands": 3, "out_bands": 3, "blocks": blocks, "upsamplings": upsamplings, "unshuffle": 1}
    assert RrdbNet().traits(sizes).reach == 15 * blocks + 4


@pytest.mark.parametrize(("fold", "scale"), [(2, 2), (4, 1)])
def test_rrdbnet_folded(fold: int, scale: int) -> None:
    sizes = {"in_bands": 3, "out_bands": 3, "blocks": 6, "upsamplings": 2, "unshuffle": fold}
    traits = RrdbNet().traits(sizes)
    assert (traits.reach, traits.scale, traits.tiles.multiple_of) == (fold * 94, scale, fold)


@pytest.mark.parametrize("upsamplings", [1, 2, 3])
@pytest.mark.parametrize("blocks", [5, 16])
def test_srresnet(upsamplings: int, blocks: int) -> None:
    sizes = {"in_bands": 3, "out_bands": 3, "blocks": blocks, "upsamplings": upsamplings}
    assert SrResNetF().traits({**sizes, "outer_kernel": 9, "inner_kernel": 3}).reach == 2 * blocks + 8


@pytest.mark.parametrize("factors", [[2], [3], [2, 2]])
def test_msrresnet(factors: list) -> None:
    assert MsrResNet().traits({"bands": 3, "blocks": 16, "factors": factors}).reach == 35


def test_srvgg_and_edsr_bicubic() -> None:
    assert SrVgg().traits({"bands": 3, "convs": 16, "scale": 4, "activation": "prelu"}).reach == 18
    assert EdsrBicubic().traits({"in_bands": 4, "out_bands": 4, "blocks": 7, "scale": 2}).reach == 17
