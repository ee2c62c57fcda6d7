"""How hard to try: a bounded, repeatable effort for every change, a longer and random one by ``make fuzz``.

Kept in a decorator and not in a global profile, so that it does not change other tests.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

_COMMON: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.generate, Phase.shrink),
}
settings.register_profile("ci", max_examples=60, derandomize=True, **_COMMON)
settings.register_profile("long", max_examples=400, derandomize=False, **_COMMON)
PROFILE = os.environ.get("SR_FUZZ_PROFILE", "ci")


def effort(share: float = 1.0) -> settings:
    """The effort of one test.

    Args:
        share: of the usual number of examples; less where one example is slow.
    """
    chosen = settings.get_profile(PROFILE)
    return settings(chosen, max_examples=max(5, int(chosen.max_examples * share)))
