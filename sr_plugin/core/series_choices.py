"""Choices of a run on a series; nothing is imported here, so that interfaces load fast."""

from __future__ import annotations

#: How the values of a view are brought to those of the reference.
MATCH_LOCAL, MATCH_GLOBAL, MATCH_NONE = "local", "global", "none"
MATCHES = (MATCH_LOCAL, MATCH_GLOBAL, MATCH_NONE)
