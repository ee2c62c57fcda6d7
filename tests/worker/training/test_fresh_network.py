"""Fresh networks of every architecture, of the scale and bands of a dataset, come back from their own tensors."""

from __future__ import annotations

import pytest
import torch

from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, TRANSLATION
from sr_plugin.core.errors import ModelMismatch, ModelNotRecognised
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.core.training_families import FRESH_FAMILIES
from sr_plugin.worker.architectures.build import build_network
from sr_plugin.worker.training.fresh_network import (
    begin_at_interpolation,
    family_named,
    fresh_hyperparameters,
    traits_of,
)
from sr_plugin.worker.training.start import tensors_of

#: Sizes that make them small.
SMALL = {"blocks": 1, "width": 16, "growth": 8, "convs": 2, "depth": 3, "mappings": 1}
#: Architectures that take the mean of photographs off their input.
COLOUR_ONLY = ("wdsr",)
ENLARGING = [(name, kind) for kind, names in FRESH_FAMILIES.items() for name in names if kind != BAND_FUSION]


@pytest.mark.parametrize(("family", "kind"), ENLARGING)
@pytest.mark.parametrize(("scale", "bands"), [(2, 3), (4, 4)])
def test_every_architecture_can_begin(family, kind, scale, bands):
    scale = 1 if kind == TRANSLATION else scale
    bands = 3 if family in COLOUR_ONLY else bands
    known = set(fresh_hyperparameters(family, scale, bands, bands))
    hyperparameters = fresh_hyperparameters(
        family, scale, bands, bands, {name: size for name, size in SMALL.items() if name in known}
    )
    traits = traits_of(family, hyperparameters)
    assert (traits.scale, traits.in_bands, traits.out_bands, traits.kind) == (scale, bands, bands, kind)
    network = build_network(family, hyperparameters).float()
    again = recognise(tensors_of(network), hyperparameters)
    assert (again.family, again.scale, len(again.input_bands)) == (family, scale, bands)


@pytest.mark.parametrize(
    ("family", "method"),
    [("edsr_bicubic", "bicubic"), ("vdsr", "bicubic"), ("srvgg", "nearest"), ("dsen2", "bilinear")],
)
def test_what_adds_detail_to_an_interpolation_begins_as_that(family, method):
    known = fresh_hyperparameters(family, 2, 3, 3, {"groups": [[2, 1], [3, 2]]} if family == "dsen2" else {})
    network = build_network(family, known).float().eval()
    begin_at_interpolation(family, network)
    image = torch.rand(1, 3, 8, 8)
    inputs = (torch.rand(1, 2, 16, 16), image) if family == "dsen2" else (image,)
    with torch.no_grad():
        found = network(*inputs)
    expected = torch.nn.functional.interpolate(image, scale_factor=2, mode=method)
    if method == "bicubic":
        expected = torch.from_numpy(enlarge_cubic(image.numpy(), 2))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_what_adds_nothing_keeps_its_random_weights():
    network = build_network("espcn", fresh_hyperparameters("espcn", 2, 3, 3)).float()
    before = [weights.clone() for weights in network.parameters()]
    begin_at_interpolation("espcn", network)
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))


def test_kinds_are_those_of_the_families():
    assert [family_named(name).id for name in FRESH_FAMILIES[MULTI_IMAGE]] == list(FRESH_FAMILIES[MULTI_IMAGE])


def test_what_there_is_not_is_told():
    with pytest.raises(ModelNotRecognised, match="nonsense"):
        fresh_hyperparameters("nonsense", 2, 3, 3)
    with pytest.raises(ModelMismatch, match="colour"):
        fresh_hyperparameters("edsr", 2, 3, 3, {"colour": "blue"})
    with pytest.raises(ModelMismatch):
        traits_of("edsr", {"means": "odd"})
    with pytest.raises(ModelMismatch, match="3 bands"):
        traits_of("wdsr", fresh_hyperparameters("wdsr", 2, 4, 4))
