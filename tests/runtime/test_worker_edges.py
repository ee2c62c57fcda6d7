"""Edges and figures from a worker process."""

import os
import subprocess
import sys

import numpy as np
import pytest

from sr_plugin.core.edges import EdgeSettings
from sr_plugin.core.errors import ParameterError, ProtocolError
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.runtime.worker_session import WorkerSession
from sr_plugin.worker.local_session import LocalSession
from tests.waiting import LONG

ABSOLUTE = EdgeSettings(low=5.0, high=10.0, quantiles=False)


@pytest.fixture
def session(worker_python):
    with WorkerSession(worker_python) as opened:
        yield opened


def planes():
    coarse = np.random.default_rng(0).normal(500, 80, (20, 24)).astype(np.float32)
    return [NamedArray("input", coarse, 4.0), NamedArray("result", coarse.repeat(4, 0).repeat(4, 1))]


def test_a_process_answers_as_this_one_does(session):
    pytest.importorskip("skimage")
    arguments = (planes(), ABSOLUTE, Window(4, 8, 60, 40), ("edges_input", "classes_result"))
    far = session.edges(*arguments).result(LONG)
    with LocalSession() as local:
        near = local.edges(*arguments).result(LONG)
    assert [item.name for item in far.arrays] == [item.name for item in near.arrays] == list(arguments[3])
    for one, other in zip(far.arrays, near.arrays):
        np.testing.assert_array_equal(one.data, other.data)
    assert far.statistics == near.statistics and far.statistics["result.pixels"] == 2400


def test_errors_come_back_as_themselves(session):
    pytest.importorskip("skimage")
    wrong = [*planes()[:1], NamedArray("result", np.zeros((5, 5), np.float32))]
    with pytest.raises(ParameterError, match="one grid"):
        session.edges(wrong, ABSOLUTE, Window(0, 0, 5, 5), ()).result(LONG)
    with pytest.raises(ProtocolError):
        session._tile({"type": "edges"}, planes()).result(LONG)


def test_a_figure_comes_as_png(session):
    pytest.importorskip("matplotlib")
    description = {"title": "", "panels": [[{"array": "a", "title": "A"}]], "legend": [], "table": [], "note": ""}
    png = session.figure([NamedArray("a", np.zeros((8, 8, 3), np.uint8))], description)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_worker_starts_without_what_only_edges_need(worker_python, project_dir):
    heavy = {"skimage", "scipy", "matplotlib"}
    script = f"import sys; import sr_plugin.worker.server; print(sorted({heavy!r} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(project_dir)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=LONG)
    assert done.stdout.strip() == "[]", done.stderr
