"""Black boxes are measured: scale, bands, tile rules, reach, value range."""

import json

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

from sr_plugin.core.card import ModelCard, WeightFile  # noqa: E402
from sr_plugin.core.description import complete_card, needs_description  # noqa: E402
from sr_plugin.core.errors import ModelFailed, ModelUnreadable, WorkerDied  # noqa: E402
from sr_plugin.core.onnx_card import card_from_onnx  # noqa: E402
from sr_plugin.core.session import ModelSession  # noqa: E402
from sr_plugin.pipeline import describe as pipeline_describe  # noqa: E402
from sr_plugin.runtime.worker_session import WorkerSession  # noqa: E402
from sr_plugin.worker.backends.choose import open_backend  # noqa: E402
from sr_plugin.worker.describe import cpu_settings, describe_model  # noqa: E402
from sr_plugin.worker.impulse import textured_tile  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from sr_plugin.worker.sanity_probe import probe_backend  # noqa: E402
from tests.worker.small_networks import Enlarging, Small, write_onnx  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def measured(path):
    card = card_from_onnx(path)
    assert needs_description(card)
    return complete_card(card, describe_model(card))


@pytest.mark.parametrize(
    "bands, options, reach, multiple",
    [
        (3, {}, 4, 1),
        (1, {"scale": 3, "layers": 30}, 32, 1),
        (4, {"scale": 4}, 4, 1),
        (10, {"scale": 1}, 4, 1),
        (6, {"stride": 2}, 8, 2),
        (3, {"stride": 4, "layers": 1}, 12, 4),
        (3, {"whole": True}, None, 1),
        (4, {"given": 6}, 4, 1),
    ],
)
def test_a_model_of_free_size(tmp_path, bands, options, reach, multiple):
    card = measured(write_onnx(Small(bands, **options), tmp_path / "m.onnx", bands))
    assert (card.reach, card.scale, len(card.input_bands)) == (reach, options.get("scale", 2), bands)
    assert card.tiles.multiple_of == multiple and card.tiles.fixed is None
    assert len(card.output_bands or card.input_bands) == options.get("given", bands)
    assert not needs_description(card)


def test_the_reach_makes_tiles_exact(tmp_path):
    card = measured(write_onnx(Small(3, stride=2), tmp_path / "m.onnx", 3))
    backend = open_backend(card, cpu_settings())
    tile = textured_tile(3, 64, 96)
    whole = backend.forward(tile[None])[0]
    start = 40 - card.reach
    part = backend.forward(tile[None, :, :, start:])[0]
    s = card.scale
    np.testing.assert_allclose(part[:, :, card.reach * s :], whole[:, :, 40 * s :], atol=1e-6)
    assert np.abs(part[:, :, :s] - whole[:, :, start * s : start * s + s]).max() > 1e-4


def test_a_model_of_one_size(tmp_path):
    card = measured(write_onnx(Small(3), tmp_path / "m.onnx", 3, size=(48, 64)))
    assert card.tiles.fixed == (48, 64) and card.reach == 4 and card.scale == 2
    whole = measured(write_onnx(Small(3, whole=True), tmp_path / "w.onnx", 3, size=(32, 32)))
    assert whole.reach is None and whole.tiles.fixed == (32, 32)


def test_bands_last_as_keras_has_them(tmp_path):
    network = Small(3, last=True)
    path = write_onnx(network, tmp_path / "m.onnx", 3, last=True)
    card = measured(path)
    assert len(card.input_bands) == 3 and card.scale == 2 and card.reach == 4
    tile = textured_tile(3, 20, 24)
    with torch.inference_mode():
        expected = network(torch.from_numpy(tile).permute(1, 2, 0)[None])[0].permute(2, 0, 1).numpy()
    np.testing.assert_allclose(open_backend(card, cpu_settings()).forward(tile[None])[0], expected, atol=1e-5)


def test_half_precision_in_and_out(tmp_path):
    card = card_from_onnx(write_onnx(Small(3), tmp_path / "m.onnx", 3, half=True))
    description = describe_model(card)
    assert description["element_type"] == "float16" and description["scale"] == 2 and description["reach"] == 4
    result = open_backend(card, cpu_settings()).forward(textured_tile(3, 16, 16)[None])
    assert result.dtype == np.float32 and result.shape == (1, 3, 32, 32) and np.isfinite(result).all()


def test_one_image_at_a_time_where_the_file_says_so(tmp_path):
    card = measured(write_onnx(Small(1), tmp_path / "m.onnx", 1, size=(16, 16)))
    assert open_backend(card, cpu_settings()).forward(np.zeros((3, 1, 16, 16), np.float32)).shape == (3, 1, 32, 32)


def test_a_network_for_bytes_is_told_from_one_for_fractions(tmp_path):
    class Bytes(Enlarging):
        def forward(self, x):
            # Dark values drown in its noise floor, as in a network that was trained on 0 to 255.
            return torch.nn.functional.interpolate(torch.relu(x - 10) + 10, scale_factor=2, mode="nearest")

    card = measured(write_onnx(Bytes(), tmp_path / "m.onnx", 3))
    assert card.value_range.name == "byte" and "byte" in card.notes
    told = measured(write_onnx(Bytes(), tmp_path / "t.onnx", 3, metadata={"sr:range": '"unit"'}))
    assert told.value_range.name == "unit"
    probe = probe_backend(open_backend(told, cpu_settings()), told)
    assert "'byte'" in probe["warning"]


def test_a_network_that_passes_values_through_keeps_the_usual_range(tmp_path):
    assert measured(write_onnx(Enlarging(), tmp_path / "m.onnx", 3)).value_range.name == "unit"


def test_reversed_bands_are_told(tmp_path):
    card = measured(write_onnx(Enlarging(turned=True), tmp_path / "m.onnx", 3))
    probe = probe_backend(open_backend(card, cpu_settings()), card)
    assert "reverse order" in probe["warning"]


def test_a_network_of_noise_is_told(tmp_path):
    card = measured(write_onnx(Small(3), tmp_path / "m.onnx", 3))
    probe = probe_backend(open_backend(card, cpu_settings()), card)
    assert probe["error"] > 0.05 and "value range" in probe["warning"]


@pytest.mark.parametrize("open_session", [LocalSession, None])
def test_the_pipeline_measures_once(tmp_path, monkeypatch, worker_python, open_session):
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    path = write_onnx(Small(4, scale=4), tmp_path / "m.onnx", 4)
    opened = []

    def factory(card):
        opened.append(card)
        return LocalSession() if open_session else WorkerSession(worker_python)

    first = pipeline_describe.find_whole_model(path, factory)
    second = pipeline_describe.find_whole_model(path, factory)
    assert first == second and first.scale == 4 and first.reach == 4 and len(opened) == 1
    (cached,) = (tmp_path / "cache" / "descriptions").iterdir()
    assert json.loads(cached.read_text())["sha256"] == first.sha256
    cached.write_text("{")
    assert pipeline_describe.find_whole_model(path, factory) == first and len(opened) == 2


def test_requests_through_a_worker_process(tmp_path, worker_python):
    path = write_onnx(Small(3), tmp_path / "m.onnx", 3)
    with WorkerSession(worker_python) as session:
        card = complete_card(card_from_onnx(path), session.describe(card_from_onnx(path)))
        assert card.reach == 4 and session.probe(card)["error"] > 0
        broken = ModelCard("b", "b", "onnx", 2, weights=(WeightFile(str(tmp_path / "no.onnx"), "onnx"),))
        with pytest.raises((ModelUnreadable, WorkerDied)):
            session.describe(broken)
        assert session.describe(card)["scale"] == 2


def test_models_that_run_on_no_tile(tmp_path):
    class Halving(torch.nn.Module):
        def forward(self, x):
            return x[:, :, ::2, ::2]

    with pytest.raises(ModelUnreadable, match="whole enlargement"):
        measured(write_onnx(Halving(), tmp_path / "m.onnx", 3))


def test_torchscript_is_refused(tmp_path):
    path = str(tmp_path / "script.pt")
    torch.jit.trace(Small(3).eval(), torch.zeros(1, 3, 16, 16)).save(path)
    with pytest.raises(ModelUnreadable, match="TorchScript"):
        pipeline_describe.find_whole_model(path, lambda card: LocalSession())


def test_sessions_that_cannot_measure_say_so():
    class Remote(ModelSession):
        def load(self, card, settings):
            raise NotImplementedError

        submit = close = load

    card = ModelCard("n", "n", "onnx", 2)
    for ask in (lambda s: s.describe(card), lambda s: s.probe(card), lambda s: s.export(card, "x")):
        with pytest.raises(ModelFailed) as caught:
            ask(Remote())
        assert caught.value.hint
