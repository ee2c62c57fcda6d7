"""What computed a run is part of it: measured on samples, written into the journal, kept by a resume."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import Cancelled, DeviceUnavailable  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402

pytestmark = pytest.mark.gdal
MODEL = "s2-rgbn-x2"


class Watched(LocalSession):
    """Remembers what it was asked to load, and answers as if some runtime had computed."""

    asked = []

    def __init__(self, runtime="", precision=""):
        super().__init__()
        self.runtime, self.precision = runtime, precision

    def load(self, card, settings, samples=()):
        Watched.asked.append((settings, samples))
        loaded = super().load(card, replace(settings, backend="auto", precision="float32"))
        if settings.backend != "auto":
            precision = "float32" if settings.precision == "float32" else "bfloat16"
            return replace(loaded, backend=f"{settings.backend} 1", precision=precision)
        return replace(loaded, backend=f"{self.runtime} 1", precision=self.precision)


@pytest.fixture
def source(make_raster, scene):
    Watched.asked.clear()
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return make_raster(np.tile(scene, (1, 2, 2)), descriptions=["B04", "B03", "B02", "B08"])


def interrupt(run, source, runtime="openvino", precision="bfloat16", **options):
    with pytest.raises(Cancelled):
        run(source, MODEL, tile=64, keep_partial=True, feedback=Recorder(cancel_after=10),
            open_session=lambda _: Watched(runtime, precision), **options)  # fmt: skip


def test_pieces_of_the_raster_come_with_the_model(run, source):
    run(source, MODEL, tile=64, open_session=lambda _: Watched("torch", "float32"))
    settings, samples = Watched.asked[0]
    assert settings.pixels >= 300 * 340
    assert [item.data.shape for item in samples] == [(4, 128, 128)] * 3
    pixels = read_raster(source)
    flat = {item.data.tobytes() for item in samples}
    assert len(flat) > 1 and all(item.data.dtype == pixels.dtype for item in samples)


def test_pieces_with_gaps_are_not_measured_on(run, make_raster, scene):
    Watched.asked.clear()
    pixels = np.tile(scene, (1, 2, 2))
    pixels[:, ::50, ::50] = 0
    path = make_raster(pixels, nodata=0, descriptions=["B04", "B03", "B02", "B08"])
    run(path, MODEL, tile=64, open_session=lambda _: Watched("torch", "float32"))
    assert Watched.asked[0][1] == []


def test_a_resume_computes_with_what_computed_before(run, source):
    interrupt(run, source)
    feedback = Recorder()
    run(source, MODEL, tile=64, feedback=feedback, open_session=lambda _: Watched("torch", "float32"))
    settings, samples = Watched.asked[-1]
    assert (settings.backend, settings.precision) == ("openvino", "reduced") and not samples
    assert feedback.steps[0][0] >= 10


def test_tiles_of_another_runtime_are_not_continued(run, source):
    interrupt(run, source)
    feedback = Recorder()

    class Other(Watched):
        def load(self, card, settings, samples=()):
            return replace(super().load(card, settings, samples), backend="torch 1", precision="float32")

    run(source, MODEL, tile=64, feedback=feedback, open_session=lambda _: Other())
    assert feedback.steps[0][0] < 10 and not any("Going on" in text for text in feedback.messages)


def test_a_runtime_that_is_gone_means_to_start_anew(run, source):
    interrupt(run, source)
    feedback = Recorder()

    class Without(Watched):
        def load(self, card, settings, samples=()):
            if settings.backend == "openvino":
                raise DeviceUnavailable("The runtime 'openvino' is not available.")
            return super().load(card, settings, samples)

    run(source, MODEL, tile=64, feedback=feedback, open_session=lambda _: Without("torch", "float32"))
    assert feedback.steps[0][0] < 10 and any("openvino 1" in text and "anew" in text for text in feedback.warnings)
    assert len(Watched.asked[-1][1]) == 3


def test_another_version_or_type_is_not_continued(run, source):
    interrupt(run, source)
    feedback = Recorder()

    class Newer(Watched):
        def load(self, card, settings, samples=()):
            return replace(super().load(card, settings, samples), backend="openvino 2")

    run(source, MODEL, tile=64, feedback=feedback, open_session=lambda _: Newer())
    assert feedback.steps[0][0] < 10


@pytest.mark.parametrize("shape", [(40, 1200), (1200, 40)])
def test_narrow_rasters_are_not_measured_on(run, make_raster, shape):
    Watched.asked.clear()
    pixels = np.random.default_rng(0).integers(500, 3000, (4, *shape)).astype(np.uint16)
    path = make_raster(pixels, descriptions=["B04", "B03", "B02", "B08"])
    run(path, MODEL, tile=256, open_session=lambda _: Watched("torch", "float32"))
    assert Watched.asked[0][1] == []
