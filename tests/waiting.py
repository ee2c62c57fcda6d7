"""How long a test waits for what should happen soon."""

from __future__ import annotations

import time
from typing import Callable

#: Seconds after which a test gives up. Only a test that fails waits so long: there is room for a machine that is ten
#: times slower, or that others keep busy.
LONG = 180.0
#: Most seconds that something may take which ends at once, beside an operation of ten minutes.
SOON = 10.0


def wait_until(done: Callable[[], object], seconds: float = LONG) -> None:
    """Wait until something is so, outside Qt; fails the test when it never is."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)
