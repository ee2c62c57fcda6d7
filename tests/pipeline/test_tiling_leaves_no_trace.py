"""Tiled = untiled, for the shipped models, an SRResNet and a deep network with its effective reach."""

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from tests.conftest import read_raster  # noqa: E402

pytestmark = pytest.mark.gdal
NAMES = ["B04", "B03", "B02", "B08"]


@pytest.fixture
def sample(project_dir, make_raster):
    """A 160 x 150 piece of the shipped Sentinel-2 sample."""
    path = project_dir / "resources" / "sample" / "sentinel2_virginia_10m.tif"
    return make_raster(read_raster(str(path))[:, :150, :160], descriptions=NAMES)


def compare(run, path, model, tile, tmp_path, bands=(), **options):
    """Share of differing pixels and largest difference of a tiled run, in uint16 and in float32."""
    numbers = {}
    for kind in ("uint16", "float32"):
        outputs = []
        for side, name in ((1024, "whole"), (tile, "tiled")):
            result = run(
                path, model, tile=side, bands=bands, output_type=kind, output=str(tmp_path / f"{name}.tif"), **options
            )
            outputs.append(read_raster(result.output).astype(np.float64))
        difference = np.abs(outputs[0] - outputs[1])
        numbers[kind] = (float((difference > 0).mean()), float(difference.max()))
    return numbers


def assert_no_trace(numbers, span=10000.0):
    differing, largest = numbers["uint16"]
    assert differing <= 1e-4 and largest <= 1
    assert numbers["float32"][1] <= 1e-4 * span


_OTHERS = [("s2-rgbn-x4", 64), ("s2-rgbn-x2", 75), ("s2-rgbn-x2", 128), ("s2-rgbn-x4", 128)]


@pytest.mark.parametrize(
    "model, tile",
    [("s2-rgbn-x2", 64), ("s2-rgbn-x4", 75), *(pytest.param(*case, marks=pytest.mark.slow) for case in _OTHERS)],
)
def test_shipped_models(run, sample, tmp_path, model, tile):
    assert_no_trace(compare(run, sample, model, tile, tmp_path))


@pytest.mark.parametrize("model", ["s2-rgbn-x2", pytest.param("s2-rgbn-x4", marks=pytest.mark.slow)])
def test_with_consistency(run, sample, tmp_path, model):
    assert_no_trace(compare(run, sample, model, 64, tmp_path, consistency=True))


def test_a_margin_that_is_too_small_shows(run, sample, tmp_path):
    assert compare(run, sample, "s2-rgbn-x2", 64, tmp_path, margin=4)["uint16"][1] > 1


@pytest.fixture
def srresnet(tmp_path):
    """A seeded SRResNet of 16 blocks of 64, x4, whose residual has the size of real detail."""
    torch = pytest.importorskip("torch")
    from sr_plugin.worker.architectures.build import build_network

    torch.manual_seed(3)
    network = build_network("msrresnet", {"bands": 4, "width": 64, "blocks": 16, "factors": [2, 2]})
    path = tmp_path / "srresnet.pth"
    torch.save(network.state_dict(), path)
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("tile", [64, 100])
def test_an_srresnet(run, sample, srresnet, tmp_path, tile):
    numbers = compare(run, sample, srresnet, tile, tmp_path, bands=(1, 2, 3, 4), normalisation="divide:10000")
    assert_no_trace(numbers)
