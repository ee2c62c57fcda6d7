"""Runs of the engine on small rasters."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.card import ModelCard  # noqa: E402
from sr_plugin.core.session import ModelSession  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest, SuperResolveResult  # noqa: E402
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402


class Recorder:
    """Feedback that remembers everything, and cancels when told to."""

    def __init__(self, cancel_after: Optional[int] = None) -> None:
        self.messages: List[str] = []
        self.warnings: List[str] = []
        self.steps: List[Tuple[int, int]] = []
        self.cancel_after = cancel_after

    def message(self, text: str) -> None:
        self.messages.append(text)

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, done: int, total: int, seconds_left: Optional[float]) -> None:
        self.steps.append((done, total))

    def cancelled(self) -> bool:
        return self.cancel_after is not None and bool(self.steps) and self.steps[-1][0] >= self.cancel_after


def local(_card: ModelCard) -> ModelSession:
    """A session in this process."""
    return LocalSession()


@pytest.fixture
def recorder() -> Recorder:
    """Feedback to look at afterwards."""
    return Recorder()


@pytest.fixture
def run(tmp_path: Any) -> Callable[..., SuperResolveResult]:
    """Run the engine in this process; ``output`` defaults to ``out.tif`` in the test's folder."""

    def go(source: str, model: str, **options: Any) -> SuperResolveResult:
        feedback = options.pop("feedback", None)
        factory = options.pop("open_session", local)
        output = options.pop("output", str(tmp_path / "out.tif"))
        return superresolve(SuperResolveRequest(source, output, model, **options), feedback, factory)

    return go


@pytest.fixture
def scene() -> np.ndarray:
    """Smooth terrain with texture and edges, ``(4, 150, 170)`` uint16 like Sentinel-2 reflectance times 10000."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[0:150, 0:170]
    base = 1500 + 900 * np.sin(rows / 17.0) * np.cos(columns / 23.0)
    blocks = rng.integers(0, 1500, (10, 12)).repeat(15, 0).repeat(15, 1)[:150, :170]
    bands = [base * gain + blocks * (1.2 - gain / 2) + rng.normal(0, 25, base.shape) for gain in (0.6, 0.8, 1.0, 1.7)]
    return np.clip(bands, 1, 65535).astype(np.uint16)
