"""Tiles are prepared and finished beside each other's forward, and answered in order."""

import io
import threading

import numpy as np
import pytest

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import card_to_wire
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import Frame, NamedArray, read_frame, write_frame
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.session import LoadedModel, RunSettings, TileTask
from sr_plugin.worker.backends.base import Backend
from sr_plugin.worker.backends.in_turn import InTurn
from sr_plugin.worker.server import Server
from sr_plugin.worker.tile_pipe import TilePipe
from tests.waiting import LONG


def test_answers_keep_their_order_whatever_takes_longer():
    second_done, answers = threading.Event(), []

    def compute(number):
        if number == 0:
            assert second_done.wait(LONG)
        if number == 1:
            second_done.set()
        return number

    pipe = TilePipe(compute, answers.append)
    for number in range(6):
        pipe.put(number)
    pipe.drain()
    assert answers == list(range(6))
    pipe.close()


def test_no_more_than_two_are_under_way():
    under_way, most, lock, go = [0], [0], threading.Lock(), threading.Event()

    def compute(number):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        if number < 2:
            assert go.wait(LONG)
        with lock:
            under_way[0] -= 1

    pipe = TilePipe(compute, lambda _: None)
    pipe.put(0)
    pipe.put(1)
    third = threading.Thread(target=lambda: pipe.put(2))
    third.start()
    third.join(0.2)
    assert third.is_alive(), "a third tile was taken while two were under way"
    go.set()
    third.join(LONG)
    pipe.close()
    assert most[0] == 2


def test_what_goes_wrong_against_the_agreement_is_told():
    def compute(number):
        raise ValueError(number)

    pipe = TilePipe(compute, lambda _: None)
    pipe.put(1)
    with pytest.raises(ValueError, match="1"):
        pipe.drain()


def test_forwards_never_overlap():
    inside, overlapped = threading.Lock(), []

    class Exclusive(Backend):
        def forward(self, *inputs):
            if not inside.acquire(blocking=False):
                overlapped.append(True)
                return inputs[0]
            try:
                threading.Event().wait(0.02)
                return inputs[0]
            finally:
                inside.release()

        def describe(self):
            return LoadedModel("test", "cpu", "CPU", "float32")

    backend = InTurn(Exclusive())
    threads = [threading.Thread(target=backend.forward, args=(np.zeros(1),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not overlapped and backend.describe().backend == "test"


def _asked(*frames):
    stream = io.BytesIO()
    for frame in frames:
        write_frame(stream, frame)
    stream.seek(0)
    return stream


def test_the_server_answers_in_order_and_keeps_errors_apart():
    card = builtin_card("nearest:2")
    settings = RunSettings(compose([BandScaling()], card.value_range, 1), "uint16")
    load = Frame({"type": "load", "id": 0, "card": card_to_wire(card), "settings": settings.to_wire()})
    task = TileTask((0, 0, 0, 0), Window(0, 0, 4, 4)).to_wire()
    frames = [load]
    for number in range(1, 8):
        shape = (4, 4) if number == 3 else (1, 4, 4)
        tile = np.full(shape, number, np.uint16)
        frames.append(Frame({"type": "infer", "id": number, "task": task}, (NamedArray("image", tile),)))
    again = RunSettings(settings.radiometry, "float32")
    frames.append(Frame({**load.header, "id": 8, "settings": again.to_wire()}))
    frames.append(Frame({"type": "quit"}))
    given = io.BytesIO()
    Server(_asked(*frames), given).serve()
    given.seek(0)
    answers = list(iter(lambda: read_frame(given), None))
    assert [answer.header["id"] for answer in answers] == list(range(9))
    kinds = " ".join(answer.header["type"] for answer in answers)
    assert kinds == "loaded result result error result result result result loaded"
    for answer in answers[1:3] + answers[4:8]:
        # All of them still with the type that was loaded before the second "load".
        image = answer.array("image")
        assert image.dtype == np.uint16 and image.shape == (1, 8, 8) and (image == answer.header["id"]).all()
