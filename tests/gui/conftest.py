"""Fixtures of the tests that need widgets."""

from __future__ import annotations

from tests.qgis_session import provider, qgis_app  # noqa: F401 - fixtures
