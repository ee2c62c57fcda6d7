"""A bare ONNX file through the whole pipeline: measured, tiled, and no trace of the tiles."""

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

from sr_plugin.pipeline.describe import find_whole_model  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.worker.small_networks import Small, write_onnx  # noqa: E402

pytestmark = [pytest.mark.gdal, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def measured_models(tmp_path, monkeypatch):
    """The run measures models, whichever way the pipeline finds them."""
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    from sr_plugin.pipeline import prepare

    if hasattr(prepare, "find_model"):
        monkeypatch.setattr(prepare, "find_model", lambda name: find_whole_model(name, lambda card: LocalSession()))


@pytest.mark.parametrize("options, size", [({}, None), ({"stride": 4, "layers": 1}, None), ({}, (32, 48))])
def test_tiles_leave_no_trace(tmp_path, make_raster, options, size):
    model = write_onnx(Small(3, **options), tmp_path / "m.onnx", 3, size=size)
    source = make_raster(np.random.default_rng(0).integers(0, 255, (3, 64, 96)).astype(np.uint8))
    results = []
    for tile in (256, 24):
        output = str(tmp_path / f"{tile}.tif")
        request = SuperResolveRequest(source, output, model, bands=(1, 2, 3), output_type="float32", tile=tile)
        superresolve(request, open_session=lambda card: LocalSession())
        results.append(read_raster(output))
    assert results[0].shape == (3, 128, 192)
    np.testing.assert_allclose(results[0], results[1], atol=0.01)
