"""Every family: checkpoint -> ONNX and safetensors -> the same card and the same result; what cannot be says so."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

import numpy as np  # noqa: E402

from sr_plugin.core.architectures.registry import FAMILIES  # noqa: E402
from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE  # noqa: E402
from sr_plugin.core.catalogue import find_model  # noqa: E402
from sr_plugin.core.checkpoint.safetensors import write_safetensors  # noqa: E402
from sr_plugin.core.description import needs_description  # noqa: E402
from sr_plugin.core.errors import ParameterError  # noqa: E402
from sr_plugin.pipeline.describe import find_whole_model  # noqa: E402
from sr_plugin.pipeline.model_export import export_model  # noqa: E402
from sr_plugin.worker.architectures.build import load_network  # noqa: E402
from sr_plugin.worker.backends.choose import open_backend  # noqa: E402
from sr_plugin.worker.describe import cpu_settings  # noqa: E402
from sr_plugin.worker.impulse import textured_tile  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.small_checkpoints import CASES, checkpoint, family_of  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

#: Families that take several inputs, and the kind that their cards tell.
SEVERAL_INPUTS = {"highresnet": MULTI_IMAGE, "rs_srgan_fusion": MULTI_IMAGE, "dsen2": BAND_FUSION}
SINGLE = [case for case in CASES if family_of(case) not in SEVERAL_INPUTS]
#: What the card and the file of an exported model have in common with the original.
SAME = ("scale", "kind", "reach", "effective_reach", "training_tile", "value_range", "generative", "verified")


def session(card):
    return LocalSession()


def written(case, folder):
    path = str(folder / "m.safetensors")
    write_safetensors(path, checkpoint(case))
    return path


def result(card, tile):
    return open_backend(card, cpu_settings()).forward(tile[None])[0]


def tile_for(card):
    multiple, least = card.tiles.multiple_of, card.tiles.minimum
    if card.tiles.fixed:
        return textured_tile(len(card.input_bands), *card.tiles.fixed)
    # Neither square nor the size that was traced.
    side = -(-max(least, 24) // multiple) * multiple
    return textured_tile(len(card.input_bands), side, side + 2 * multiple)


def test_no_family_is_left_out():
    assert {family_of(case) for case in CASES} == {family.id for family in FAMILIES}


#: One for each kind of layer that an export may get wrong, beside those of test_model_export; the others take minutes.
_QUICK = ("rcan", "pix2pix original", "sen2sr constrained")


def _in_turn(cases):
    """The quick cases always, the others with the slow tests."""
    return [case if case in _QUICK else pytest.param(case, marks=pytest.mark.slow) for case in cases]


@pytest.mark.parametrize("case", _in_turn(SINGLE))
def test_both_forms_give_the_same_result(tmp_path, case):
    path = written(case, tmp_path)
    original = find_model(path)
    assert original.family == family_of(case)
    tile = tile_for(original)
    expected = result(original, tile)
    assert np.ptp(expected) > 1e-3
    onnx = export_model(path, "onnx", str(tmp_path / "e.onnx"), session)
    # Only a network that is bound to one size says so.
    assert bool(onnx.notes) == bool(original.tiles.fixed)
    again = export_model(path, "safetensors", str(tmp_path / "s.safetensors"), session)
    for file in (onnx.files[0], again.files[0]):
        exported = find_model(file)
        assert not needs_description(exported)
        for name in (*SAME, "tiles", "input_bands"):
            assert getattr(exported, name) == getattr(original, name), name
        np.testing.assert_allclose(result(exported, tile), expected, atol=1e-4 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("family", SEVERAL_INPUTS)
def test_several_inputs_go_to_safetensors_only(tmp_path, family):
    path = written(family, tmp_path)
    original = find_model(path)
    assert original.kind == SEVERAL_INPUTS[family]
    with pytest.raises(ParameterError, match="one image in and one out") as told:
        export_model(path, "onnx", str(tmp_path / "e.onnx"), session)
    assert "safetensors" in told.value.hint and not (tmp_path / "e.onnx").exists()
    exported = find_model(export_model(path, "safetensors", str(tmp_path / "s.safetensors"), session).files[0])
    for name in (*SAME, "family", "hyperparameters", "input_bands"):
        assert getattr(exported, name) == getattr(original, name), name
    first, second = load_network(original).state_dict(), load_network(exported).state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["span", "swinir", "plksr", "hat"])
def test_what_only_spandrel_knows_gives_the_same_result(name, tmp_path, monkeypatch):
    """Attention within windows, and over the whole tile."""
    from sr_plugin.worker.architectures import spandrel_bridge
    from tests.worker import test_spandrel_bridge as small

    if spandrel_bridge.import_spandrel() is None:
        pytest.skip("spandrel is not installed")
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    path = small.saved(getattr(small, name)(), tmp_path / "m.pth")
    original = find_whole_model(path, session)
    for kind in ("onnx", "safetensors"):
        file = export_model(path, kind, str(tmp_path / f"e.{kind}"), session).files[0]
        exported = find_whole_model(file, session)
        for field in ("scale", "reach", "value_range", "training_tile"):
            assert getattr(exported, field) == getattr(original, field), field
        tile = tile_for(exported)
        expected = result(original, tile)
        np.testing.assert_allclose(result(exported, tile), expected, atol=1e-4 * max(1.0, np.abs(expected).max()))
