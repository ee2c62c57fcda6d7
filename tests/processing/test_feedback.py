"""What Processing gets to hear of a run."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.qgis


@pytest.mark.parametrize(
    "seconds, text",
    [(45, "45 s"), (59.7, "1 min 00 s"), (80, "1 min 20 s"), (3599.6, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_durations_as_people_say_them(qgis_app, seconds, text):
    from sr_plugin.processing.feedback import spoken_duration

    assert spoken_duration(seconds) == text


def test_texts_are_rationed_but_the_bar_keeps_moving(feedback, monkeypatch):
    from sr_plugin.processing import feedback as module

    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    bridge = module.ProcessingFeedback(feedback)
    moves = []
    feedback.progressChanged.connect(moves.append)
    for done in range(1, 10001):
        clock[0] += 1.0
        bridge.progress(done, 10000, 10000.0 - done)
    # QGIS itself passes on steps of a tenth of a per cent.
    assert len(moves) >= 1000
    assert len(feedback.texts) <= 202
    assert feedback.texts[0] == "Tile 50 of 10000, 2 h 45 min left"
    assert feedback.texts[-1] == "Tile 10000 of 10000"


def test_first_and_last_tile_of_a_short_run_are_told(feedback, qgis_app):
    from sr_plugin.processing.feedback import ProcessingFeedback

    bridge = ProcessingFeedback(feedback)
    for done in range(1, 13):
        bridge.progress(done, 12, 80.0 if done < 12 else None)
    assert feedback.texts == ["Tile 1 of 12, 1 min 20 s left", "Tile 12 of 12"]


def test_messages_warnings_and_cancel_pass_through(feedback, qgis_app):
    from sr_plugin.processing.feedback import ProcessingFeedback

    bridge = ProcessingFeedback(feedback)
    bridge.message("a")
    bridge.warning("b")
    assert (feedback.infos, feedback.warnings, bridge.cancelled()) == (["a"], ["b"], False)
    feedback.cancel()
    assert bridge.cancelled()


def test_who_wants_to_hear_of_tiles_does(qgis_app, monkeypatch):
    import math

    from sr_plugin.processing import feedback as module

    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    heard = []
    listener = module.TileFeedback(False)
    listener.tiles_done.connect(lambda *values: heard.append(values))
    bridge = module.ProcessingFeedback(listener)
    bridge.progress(1, 3, None)
    bridge.progress(2, 3, 5.0)
    bridge.progress(3, 3, 0.0)
    assert [values[:2] for values in heard] == [(1, 3), (3, 3)], "the second one came at the same moment"
    assert math.isnan(heard[0][2]) and heard[1][2] == 0.0
    clock[0] += 1.0
    bridge.progress(2, 3, 5.0)
    assert heard[-1] == (2, 3, 5.0)
