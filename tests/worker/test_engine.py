"""The steps from a tile to final pixels."""

import numpy as np
import pytest

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import TRANSLATION, BandSpec, ModelCard, PointSpread, WeightFile
from sr_plugin.core.errors import ModelFailed, ModelUnreadable, OutOfMemory, ProtocolError
from sr_plugin.core.grid import Window
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.core.session import LoadedModel, RunSettings, TileTask
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange
from sr_plugin.worker import engine as engine_module
from sr_plugin.worker.backends.base import Backend, is_out_of_memory
from sr_plugin.worker.engine import Engine
from sr_plugin.worker.padding import pad_by_reflection


class Doubling(Backend):
    """A network that repeats pixels, and remembers what it was fed."""

    def __init__(self, gain=1.0, scale=2):
        self.fed, self.gain, self.scale = [], gain, scale

    def forward(self, batch):
        self.fed.append(batch)
        return enlarge_nearest(batch * np.float32(self.gain), self.scale)

    def describe(self):
        return LoadedModel("test", "cpu", "CPU", "float32")


def network_card(bands=3, **changes):
    names = tuple(BandSpec(f"b{i}") for i in range(bands))
    values = dict(name="n", title="n", family="test", scale=2, input_bands=names, value_range=VALUE_RANGES["s2-10k"])
    return ModelCard(**{**values, **changes})


def load(monkeypatch, card, backend, bands=3, output_type="uint16", **settings):
    monkeypatch.setattr(engine_module, "open_measured", lambda *_: (backend, ()))
    radiometry = compose([BandScaling(1e-4)] * bands, card.value_range, card.output_count(bands))
    engine = Engine()
    engine.load(card, RunSettings(radiometry, output_type, **settings))
    return engine


def infer(engine, pixels, pad=(0, 0, 0, 0), crop=None):
    height, width = pixels.shape[1:]
    result = engine.run([NamedArray("image", pixels)], TileTask(pad, crop or Window(0, 0, width, height)))
    return result.arrays[0].data, result.statistics


def test_the_network_sees_its_own_range_and_integers_come_back(monkeypatch):
    backend = Doubling()
    pixels = np.random.default_rng(0).integers(0, 12000, (3, 8, 9)).astype(np.uint16)
    out, statistics = infer(load(monkeypatch, network_card(), backend), pixels)
    np.testing.assert_allclose(backend.fed[0][0], pixels / 10000, rtol=1e-6)
    np.testing.assert_array_equal(out, enlarge_nearest(pixels, 2))
    assert statistics["consistency_sum"] == pytest.approx(0, abs=1e-3) and statistics["consistency_count"] == 3 * 72


def test_network_output_is_rounded_and_saturates(monkeypatch):
    pixels = np.array([[[20000, 60000, 3]]], np.uint16).repeat(3, 0)
    out, _ = infer(load(monkeypatch, network_card(), Doubling(1.5)), pixels)
    assert out[0, 0, ::2].tolist() == [30000, 65535, 4]
    negative, _ = infer(load(monkeypatch, network_card(), Doubling(-1.0)), pixels)
    assert negative.max() == 0


def test_what_lies_outside_the_range_is_carried(monkeypatch):
    backend = Doubling()
    card = network_card(value_range=VALUE_RANGES["s2-3000"])
    pixels = np.full((3, 20, 20), 9000, np.uint16)
    out, _ = infer(load(monkeypatch, card, backend), pixels)
    assert backend.fed[0].max() <= 1.0 and set(np.unique(out)) == {9000}


def test_nothing_of_the_input_is_carried_into_a_translation(monkeypatch):
    own = ValueRange("own", "reflectance", (2.0,), (-1.0,), 127.5, 127.5, (0.0, 0.3), "uint8")
    card = network_card(scale=1, kind=TRANSLATION, value_range=own)
    pixels = np.full((3, 20, 20), 9000, np.uint16)
    engine = load(monkeypatch, card, Doubling(0.0, scale=1), output_type="uint8", consistency=True)
    out, statistics = infer(engine, pixels)
    assert set(np.unique(out)) == {128} and np.isnan(statistics["consistency_sum"])


def test_one_band_networks_take_every_band_on_its_own(monkeypatch):
    backend = Doubling()
    pixels = np.random.default_rng(0).integers(0, 9000, (5, 4, 4)).astype(np.uint16)
    out, _ = infer(load(monkeypatch, network_card(1), backend, bands=5), pixels)
    assert backend.fed[0].shape == (5, 1, 4, 4)
    np.testing.assert_array_equal(out, enlarge_nearest(pixels, 2))


def test_luminance_only(monkeypatch):
    rng = np.random.default_rng(0)
    pixels = rng.integers(500, 9000, (3, 20, 20)).astype(np.uint16)
    backend = Doubling()
    card = network_card(1)
    out, _ = infer(load(monkeypatch, card, backend, luminance=True, output_type="float32"), pixels)
    assert backend.fed[0].shape == (1, 1, 20, 20)
    luma = np.tensordot([0.299, 0.587, 0.114], pixels.astype(float), axes=1)[None]
    smooth = enlarge_cubic(pixels.astype(float), 2)
    np.testing.assert_allclose(out, smooth + enlarge_nearest(luma, 2) - enlarge_cubic(luma, 2), atol=0.02)


def test_padding_and_crop(monkeypatch):
    backend = Doubling()
    pixels = np.arange(3 * 5 * 6).reshape(3, 5, 6).astype(np.uint16)
    out, _ = infer(load(monkeypatch, network_card(), backend), pixels, (0, 0, 2, 3), Window(1, 2, 4, 3))
    assert backend.fed[0].shape[2:] == (8, 8)
    np.testing.assert_array_equal(out, enlarge_nearest(pixels[:, 2:5, 1:5], 2))


def test_reflection_of_sides_shorter_than_the_padding():
    image = np.arange(3.0).reshape(1, 1, 3)
    padded = pad_by_reflection(image, (0, 2, 5, 0))
    assert padded.shape == (1, 3, 8) and padded[0, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]


def test_consistency(monkeypatch):
    rows, columns = np.mgrid[0:30, 0:30]
    pixels = (2000 + 500 * np.sin(rows / 3) * np.cos(columns / 4))[None].repeat(3, 0).astype(np.uint16)
    card = network_card(psf=PointSpread("gaussian", 0.3))
    _, free = infer(load(monkeypatch, card, Doubling()), pixels)
    _, bound = infer(load(monkeypatch, card, Doubling(), consistency=True), pixels)
    assert bound["consistency_sum"] < free["consistency_sum"] / 1000
    assert np.sqrt(bound["consistency_sum"] / bound["consistency_count"]) < 0.5


@pytest.mark.parametrize("psf", [PointSpread(), PointSpread("gaussian", 0.3)])
@pytest.mark.parametrize("place", [Window(5, 4, 20, 17), Window(0, 0, 9, 30), Window(12, 20, 18, 10)])
def test_the_consistency_figure_is_that_of_the_whole_tile_within_the_crop(monkeypatch, psf, place):
    pixels = np.random.default_rng(3).integers(500, 9000, (3, 30, 30)).astype(np.uint16)
    card = network_card(psf=psf)
    whole, _ = infer(load(monkeypatch, card, Doubling(1.01)), pixels)
    out, statistics = infer(load(monkeypatch, card, Doubling(1.01)), pixels, crop=place)
    inside = (slice(None), slice(place.row, place.bottom), slice(place.col, place.right))
    fine = place.scaled(2)
    np.testing.assert_array_equal(out, whole[:, fine.row : fine.bottom, fine.col : fine.right])
    back = reduce_image(whole.astype(np.float64), 2, psf)
    assert statistics["consistency_sum"] == pytest.approx(((back - pixels)[inside] ** 2).sum(), rel=1e-5)
    assert statistics["consistency_count"] == 3 * place.width * place.height


def test_a_network_that_breaks_its_promise_is_told(monkeypatch):
    with pytest.raises(ModelFailed, match="card promises"):
        infer(load(monkeypatch, network_card(), Doubling(scale=3)), np.zeros((3, 4, 4), np.uint16))


def test_a_range_with_an_offset_in_the_output(monkeypatch):
    card = network_card(value_range=ValueRange("r", in_gain=(2.0,), in_offset=(-1.0,), out_gain=0.5, out_offset=0.5))
    pixels = np.random.default_rng(0).integers(0, 9000, (3, 6, 6)).astype(np.uint16)
    out, _ = infer(load(monkeypatch, card, Doubling()), pixels)
    np.testing.assert_array_equal(out, enlarge_nearest(pixels, 2))


def test_requests_of_the_wrong_form():
    engine = Engine()
    image = NamedArray("image", np.zeros((1, 2, 2)))
    with pytest.raises(ProtocolError, match="before a model"):
        engine.run([image], TileTask((0, 0, 0, 0), Window(0, 0, 2, 2)))
    card = builtin_card("nearest:2")
    engine.load(card, RunSettings(compose([BandScaling()], card.value_range, 1), "uint8"))
    with pytest.raises(ProtocolError, match="one array"):
        engine.run([image, image], TileTask((0, 0, 0, 0), Window(0, 0, 2, 2)))


def test_a_file_that_is_no_onnx_model(tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "m.onnx"
    path.write_bytes(b"nonsense")
    card = network_card(weights=(WeightFile(str(path), "onnx"),))
    with pytest.raises(ModelUnreadable, match="cannot load"):
        Engine().load(card, RunSettings(compose([BandScaling()] * 3, card.value_range, 3), "uint8"))


@pytest.mark.parametrize(
    "error, expected",
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("Failed to allocate memory for requested buffer of size 1"), True),
        (OutOfMemory("x"), True),
        (RuntimeError("shapes do not match"), False),
    ],
)
def test_the_many_words_for_out_of_memory(error, expected):
    assert is_out_of_memory(error) is expected
