"""The standard deviation over views and models through the engine, and bicubic where it is above a limit."""

import threading

import numpy as np
import pytest

from sr_plugin.core.card import TileConstraints
from sr_plugin.core.errors import ProtocolError
from sr_plugin.core.grid import Window
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.core.session import RunSettings
from sr_plugin.core.uncertainty import DEVIATION, REPLACED, FurtherModel, UncertaintySettings
from sr_plugin.core.value_range import ValueRange
from sr_plugin.worker import uncertainty as uncertainty_module
from tests.worker.test_engine import Doubling, infer, load, network_card


class Leaning(Doubling):
    """A network whose answer depends on how the image is turned: it adds a ramp to the right."""

    def forward(self, batch):
        fine = super().forward(batch)
        return fine + np.linspace(0, 0.02, fine.shape[-1], dtype=np.float32)


def outputs(engine, pixels, crop=None):
    """All arrays of a tile by name, and its sums."""
    from sr_plugin.core.protocol import NamedArray
    from sr_plugin.core.session import TileTask

    height, width = pixels.shape[1:]
    result = engine.run([NamedArray("image", pixels)], TileTask((0, 0, 0, 0), crop or Window(0, 0, width, height)))
    return {item.name: item.data for item in result.arrays}, result.statistics


def further(card, bands=3):
    radiometry = compose([BandScaling(1e-4)] * bands, card.value_range, card.output_count(bands))
    return FurtherModel(card, radiometry)


def ramps(height, width, top=200.0):
    """What a leaning network adds in each of the eight views, turned back, in data units."""
    ramp, down = np.linspace(0, top, width), np.linspace(0, top, height)[:, None]
    views = [np.broadcast_to(view, (height, width)) for view in (ramp, ramp[::-1], down, down[::-1])]
    return [*views, *views]


def test_the_deviation_stands_beside_a_result_that_is_what_it_is_without(monkeypatch):
    pixels = np.full((3, 8, 12), 3000, np.uint16)
    settings = UncertaintySettings((DEVIATION,))
    crop = Window(2, 1, 9, 6)
    found, statistics = outputs(load(monkeypatch, network_card(), Leaning(), uncertainty=settings), pixels, crop)
    plain, expected = outputs(load(monkeypatch, network_card(), Leaning()), pixels, crop)
    np.testing.assert_array_equal(found["image"], plain["image"])
    assert statistics["consistency_sum"] == expected["consistency_sum"]
    deviation = found[DEVIATION]
    assert deviation.dtype == np.float32 and deviation.shape == (3, 12, 18)
    np.testing.assert_allclose(deviation[0], np.std(ramps(16, 24), axis=0)[2:14, 4:22], atol=0.05)


def test_several_models_are_taken_together_in_units_of_the_data(monkeypatch):
    """The second network sees values from -1 to 1 and gives twice as much, so its answers lie elsewhere."""
    pixels = np.full((3, 6, 6), 4000, np.uint16)
    card = network_card(name="other", value_range=ValueRange("signed", "reflectance", (2.0,), (-1.0,), 0.5, 0.5))
    opened = []

    def open_backend(card, settings):
        opened.append((card.name, settings.precision, settings.backend))
        return Doubling(2.0)

    monkeypatch.setattr(uncertainty_module, "open_backend", open_backend)
    settings = UncertaintySettings((DEVIATION,), models=(further(card),))
    engine = load(monkeypatch, network_card(), Leaning())
    radiometry = compose([BandScaling(1e-4)] * 3, network_card().value_range, 3)
    engine.load(
        network_card(),
        RunSettings(radiometry, "uint16", precision="reduced", backend="onnxruntime", uncertainty=settings),
    )
    found, _ = outputs(engine, pixels)
    # -0.2 is what the second network sees; -0.4 is what it says, which is 0.3 and so 3000.
    views = [*(4000 + ramp for ramp in ramps(12, 12)), *[np.full((12, 12), 3000.0)] * 8]
    np.testing.assert_allclose(found[DEVIATION][0], np.std(views, axis=0), atol=0.1)
    plain, _ = infer(load(monkeypatch, network_card(), Leaning()), pixels)
    np.testing.assert_array_equal(found["image"], plain)
    # Rounding must not pass for a difference, and what runs the first one need not run the other.
    assert opened == [("other", "float32", "auto")]


def test_the_computation_of_further_models_is_told(monkeypatch):
    monkeypatch.setattr(uncertainty_module, "open_backend", lambda *_: Doubling())
    settings = UncertaintySettings((DEVIATION,), models=(further(network_card(name="other")),))
    radiometry = compose([BandScaling(1e-4)] * 3, network_card().value_range, 3)
    engine = load(monkeypatch, network_card(), Doubling(), uncertainty=settings)
    loaded = engine.load(network_card(), RunSettings(radiometry, "uint16", uncertainty=settings))
    assert loaded.others == ("test float32",)
    assert engine.load(network_card(), RunSettings(radiometry, "uint16")).others == ()


def test_bicubic_takes_over_where_the_deviation_is_above_the_limit(monkeypatch):
    pixels = np.random.default_rng(2).integers(2000, 4000, (3, 8, 8)).astype(np.uint16)
    deviation = outputs(
        load(monkeypatch, network_card(), Leaning(), uncertainty=UncertaintySettings((DEVIATION,))), pixels
    )[0][DEVIATION]
    plain, _ = infer(load(monkeypatch, network_card(), Leaning()), pixels)
    limit = float(np.median(deviation))
    settings = UncertaintySettings((DEVIATION, REPLACED), limit)
    guarded, _ = outputs(load(monkeypatch, network_card(), Leaning(), uncertainty=settings), pixels)
    safe = np.round(enlarge_cubic(pixels.astype(np.float64), 2))
    assert list(guarded) == ["image", DEVIATION, REPLACED]
    np.testing.assert_array_equal(guarded[DEVIATION], deviation)
    replaced = guarded[REPLACED]
    assert replaced.dtype == np.uint8 and 0.2 < replaced.mean() < 0.8
    np.testing.assert_array_equal(replaced, deviation > np.float32(limit))
    np.testing.assert_array_equal(guarded["image"][replaced == 0], plain[replaced == 0])
    np.testing.assert_allclose(guarded["image"][replaced == 1], safe[replaced == 1], atol=1)


def test_carried_bands_are_neither_uncertain_nor_replaced(monkeypatch):
    pixels = np.random.default_rng(3).integers(2000, 4000, (4, 8, 8)).astype(np.uint16)
    settings = UncertaintySettings((DEVIATION, REPLACED), 10.0)
    engine = load(monkeypatch, network_card(), Leaning(), bands=4, uncertainty=settings, fed_bands=3)
    found, _ = outputs(engine, pixels)
    assert found["image"].shape == (4, 16, 16) and found[DEVIATION].shape == found[REPLACED].shape == (3, 16, 16)
    np.testing.assert_allclose(found["image"][3], np.round(enlarge_cubic(pixels[3:].astype(float), 2))[0], atol=1)


def test_tiles_that_may_not_be_turned_by_a_quarter_have_four_views(monkeypatch):
    backend = Leaning()
    card = network_card(tiles=TileConstraints(fixed=(6, 10)))
    pixels = np.full((3, 6, 10), 3000, np.uint16)
    engine = load(monkeypatch, card, backend, uncertainty=UncertaintySettings((DEVIATION,)))
    found, _ = outputs(engine, pixels)
    assert len(backend.fed) == 4
    ramp = np.broadcast_to(np.linspace(0, 200, 20), (12, 20))
    np.testing.assert_allclose(found[DEVIATION][0], np.std([ramp, ramp[:, ::-1]], axis=0), atol=0.05)


def test_models_take_turns(monkeypatch):
    """Two tiles are under way at a time; what they need at once is the memory of one model."""
    running, most, lock = [], [], threading.Lock()

    class Watched(Doubling):
        def forward(self, batch):
            with lock:
                running.append(self)
                most.append(len(running))
            out = super().forward(batch)
            with lock:
                running.remove(self)
            return out

    monkeypatch.setattr(uncertainty_module, "open_backend", lambda *_: Watched())
    settings = UncertaintySettings((DEVIATION,), models=(further(network_card(name="other")),))
    engine = load(monkeypatch, network_card(), Watched(), uncertainty=settings)
    pixels = np.full((3, 40, 40), 3000, np.uint16)
    threads = [threading.Thread(target=outputs, args=(engine, pixels)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 32 and max(most) == 1


def test_settings_without_an_uncertainty_make_none(monkeypatch):
    from sr_plugin.worker.network import Network

    card = network_card()
    radiometry = compose([BandScaling(1e-4)] * 3, card.value_range, 3)
    with pytest.raises(ProtocolError):
        uncertainty_module.Uncertainty(Network(card, Doubling(), radiometry), RunSettings(radiometry, "uint16"))


def test_nearest_enlargement_of_the_first_model_is_what_the_result_is(monkeypatch):
    pixels = np.random.default_rng(4).integers(0, 9000, (3, 5, 7)).astype(np.uint16)
    found, _ = outputs(
        load(monkeypatch, network_card(), Doubling(), uncertainty=UncertaintySettings((DEVIATION,))), pixels
    )
    np.testing.assert_array_equal(found["image"], enlarge_nearest(pixels, 2))
    assert found[DEVIATION].max() < 0.01
