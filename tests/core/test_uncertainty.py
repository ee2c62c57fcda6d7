"""Settings of an uncertainty, and the tiles that suit several models."""

from dataclasses import replace

import pytest

from sr_plugin.core.card import BandSpec, ModelCard, TileConstraints, WeightFile
from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.radiometry import Radiometry
from sr_plugin.core.session import RunSettings
from sr_plugin.core.uncertainty import (
    DEVIATION,
    REPLACED,
    FurtherModel,
    UncertaintySettings,
    joint_constraints,
    sides_may_swap,
    views_of,
)

PLAIN = Radiometry((1.0, 2.0), (0.0, -1.0), (1.0, 0.5), (0.0, 3.0), ((0.0, 9.0), (1.0, 8.0)))


def card(name="m", **tiles):
    bands = (BandSpec("B04", "red", 0.665), BandSpec("B08"))
    weights = (WeightFile(f"/{name}.onnx", "onnx", name * 8),)
    return ModelCard(name, name, "test", 2, input_bands=bands, tiles=TileConstraints(**tiles), weights=weights)


def settings(**changes):
    models = (FurtherModel(card("other", fixed=(8, 12)), PLAIN),)
    return replace(UncertaintySettings((DEVIATION, REPLACED), 2.5, models), **changes)


def test_settings_survive_the_way_to_another_process():
    import json

    given = RunSettings(PLAIN, "uint16", uncertainty=settings())
    assert RunSettings.from_wire(json.loads(json.dumps(given.to_wire()))) == given
    assert RunSettings.from_wire(RunSettings(PLAIN, "uint16").to_wire()).uncertainty is None


@pytest.mark.parametrize(
    "changes",
    [
        {"limit": 2.6},
        {"outputs": (DEVIATION,)},
        {"models": ()},
        {"models": (FurtherModel(card("third", fixed=(8, 12)), PLAIN),)},
        {"models": (FurtherModel(card("other", fixed=(8, 12)), replace(PLAIN, out_gain=(1.0, 0.6))),)},
    ],
)
def test_all_of_it_names_the_job(changes):
    one, other = (RunSettings(PLAIN, "uint16", uncertainty=each) for each in (settings(), settings(**changes)))
    assert sha256_of_json(one.to_wire()) != sha256_of_json(other.to_wire())


def test_tiles_for_several_models_suit_each_of_them():
    assert joint_constraints([card(multiple_of=3)]) == TileConstraints(multiple_of=3)
    both = joint_constraints([card(multiple_of=4, minimum=16), card(multiple_of=6, minimum=8)])
    assert both == TileConstraints(multiple_of=12, minimum=16)
    assert joint_constraints([card(multiple_of=4), card(fixed=(32, 64))]).fixed == (32, 64)
    assert joint_constraints([card(fixed=(32, 64)), card(fixed=(32, 64))]).fixed == (32, 64)


@pytest.mark.parametrize("one, other", [({"fixed": (32, 32)}, {"fixed": (64, 64)})] + [
    ({"fixed": (30, 30)}, {"multiple_of": 4}),
    ({"minimum": 64}, {"fixed": (32, 32)}),
])  # fmt: skip
def test_where_no_tile_suits_all_it_is_said(one, other):
    with pytest.raises(ParameterError, match="'a', 'b'"):
        joint_constraints([card("a", **one), card("b", **other)])


def test_tiles_that_are_no_squares_are_not_turned_by_a_quarter():
    assert sides_may_swap(TileConstraints()) and views_of(TileConstraints(fixed=(8, 8))) == 8
    assert not sides_may_swap(TileConstraints(fixed=(8, 9))) and views_of(TileConstraints(fixed=(8, 9))) == 4
