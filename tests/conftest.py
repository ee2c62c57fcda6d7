"""Fixtures that several test folders share."""

from __future__ import annotations

import os
import pathlib

import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def project_dir() -> pathlib.Path:
    """Root of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_dir() -> pathlib.Path:
    """Folder with real imagery and real weights that are too large for the repository; skips where it is missing."""
    folder = pathlib.Path(os.environ.get("SR_SHARED_DIR", PROJECT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("real imagery and weights are not at hand (set SR_SHARED_DIR to their folder)")
    return folder
