"""Errors on the wire."""

import pytest

from sr_plugin.core import errors


@pytest.mark.parametrize("kind", [errors.OutOfMemory, errors.DiskFull, errors.ModelUnreadable, errors.Cancelled])
def test_an_error_survives_the_wire(kind):
    error = kind("Something happened.", "Do something.")
    back = errors.error_from_code(error.code, error.message, error.hint)
    assert type(back) is kind and str(back) == "Something happened. Do something."


def test_an_unknown_code_is_still_an_error_of_ours():
    back = errors.error_from_code("FromTheFuture", "A message.")
    assert type(back) is errors.SuperResolutionError and back.message == "A message."


def test_every_error_that_a_user_can_act_upon_has_a_hint_by_default_or_by_hand():
    assert errors.SourceNotFound("x").hint and errors.RuntimeMissing("x").hint
    assert errors.SourceNotFound("x", "own").hint == "own"
