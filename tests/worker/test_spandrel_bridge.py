"""Architectures that only spandrel knows, with random weights through the plugin's own path."""

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from sr_plugin.core.errors import ModelNotRecognised, RuntimeMissing  # noqa: E402
from sr_plugin.pipeline.describe import find_whole_model, unrecognised_card  # noqa: E402
from sr_plugin.worker.architectures import spandrel_bridge  # noqa: E402
from sr_plugin.worker.architectures.spandrel_bridge import load_module  # noqa: E402
from sr_plugin.worker.impulse import textured_tile  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def library():
    """The library; skips where it is not installed."""
    found = spandrel_bridge.import_spandrel()
    if found is None:
        pytest.skip("spandrel is not installed")
    return found


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))


def span(bands=3, norm=True):
    from spandrel.architectures.SPAN import SPAN

    return SPAN(num_in_ch=bands, num_out_ch=bands, feature_channels=16, upscale=4, norm=norm)


def swinir():
    from spandrel.architectures.SwinIR import SwinIR

    return SwinIR(
        depths=[2, 2],
        num_heads=[2, 2],
        embed_dim=16,
        window_size=8,
        upscale=2,
        upsampler="pixelshuffledirect",
        mlp_ratio=2,
    )


def plksr():
    from spandrel.architectures.PLKSR import PLKSR

    return PLKSR(dim=16, n_blocks=3, upscaling_factor=2)


def hat():
    from spandrel.architectures.HAT import HAT

    sizes = dict(depths=[2], num_heads=[2], window_size=16, compress_ratio=3, squeeze_factor=6)
    return HAT(embed_dim=24, upscale=2, upsampler="pixelshuffle", **sizes)


def saved(network, path):
    torch.manual_seed(0)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, 0, 0.05)
    network.eval()
    torch.save({"params_ema": network.state_dict()}, str(path))
    return str(path)


@pytest.mark.parametrize(
    "make, scale, bands, reach, multiple",
    [
        (span, 4, 3, 21, 1),
        (lambda: span(4, norm=False), 4, 4, 21, 1),
        (swinir, 2, 3, 23, 8),
        (plksr, 2, 3, 32, 1),
        (hat, 2, 3, None, None),
    ],
    ids=["span", "span of four bands", "swinir", "plksr", "hat"],
)
def test_a_checkpoint_becomes_a_card_and_runs(library, tmp_path, make, scale, bands, reach, multiple):
    network = make()
    path = saved(network, tmp_path / "m.pth")
    card = find_whole_model(path, lambda card: LocalSession())
    assert (card.family, card.scale, len(card.input_bands), card.reach) == ("spandrel", scale, bands, reach)
    assert card.value_range.name == "unit" and not card.verified and "spandrel" in card.notes
    assert multiple is None or card.tiles.multiple_of == multiple
    tile = torch.from_numpy(textured_tile(bands, 48, 48)[None])
    with torch.inference_mode():
        np.testing.assert_array_equal(load_module(card)(tile).numpy(), network(tile).numpy())


def test_compact_is_recognised_without_spandrel_first(library, tmp_path):
    from spandrel.architectures.Compact import Compact

    path = saved(Compact(num_in_ch=4, num_out_ch=4, num_feat=16, num_conv=4, upscale=4), tmp_path / "c.pth")
    own = find_whole_model(path, lambda card: LocalSession())
    assert own.family == "srvgg" and own.reach == 6
    bridged = LocalSession().describe(unrecognised_card(path))
    assert (bridged["scale"], bridged["reach"], bridged["input_bands"]) == (4, 6, 4)


def test_torchvision_is_not_left_behind(library):
    assert "torchvision" not in sys.modules or hasattr(sys.modules["torchvision"], "__file__")


def test_files_that_nobody_knows(tmp_path):
    path = str(tmp_path / "m.pth")
    torch.save({"strange.weight": torch.zeros(2, 2), "other.bias": torch.zeros(2)}, path)
    with pytest.raises(ModelNotRecognised, match="strange.weight") as caught:
        find_whole_model(path, lambda card: LocalSession())
    assert caught.value.hint


def test_without_torch_the_first_answer_stands(tmp_path):
    path = str(tmp_path / "m.pth")
    torch.save({"strange.weight": torch.zeros(2, 2)}, path)

    def no_worker(card):
        raise RuntimeMissing("no torch")

    with pytest.raises(ModelNotRecognised, match="strange.weight"):
        find_whole_model(path, no_worker)


def test_without_spandrel_the_hint_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(spandrel_bridge, "import_spandrel", lambda: None)
    path = str(tmp_path / "m.pth")
    torch.save({"strange.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(ModelNotRecognised) as caught:
        find_whole_model(path, lambda card: LocalSession())
    assert "spandrel" in caught.value.hint
