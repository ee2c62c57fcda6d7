"""Displacements of patches from a worker process."""

import numpy as np
import pytest

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.protocol import NamedArray
from sr_plugin.runtime.worker_session import WorkerSession
from sr_plugin.worker.local_session import LocalSession
from tests.waiting import LONG


def test_a_process_answers_as_this_one_does(worker_python):
    pytest.importorskip("skimage")
    still = np.random.default_rng(0).random((3, 24, 24)).astype(np.float32)
    arrays = [NamedArray("reference", still), NamedArray("moved", np.roll(still, (1, -2), (1, 2)))]
    with WorkerSession(worker_python) as session, LocalSession() as local:
        far, near = (opened.patch_shifts(arrays).result(LONG).arrays[0].data for opened in (session, local))
        with pytest.raises(ParameterError, match="equal stacks"):
            session.patch_shifts(arrays[:1]).result(LONG)
    np.testing.assert_array_equal(far, near)
    assert np.round(far).tolist() == [[-2, 1]] * 3
