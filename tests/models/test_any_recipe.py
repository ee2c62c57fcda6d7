"""The recipe of the one-band models: batches of one contrast and any brightness, a network without biases."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("skimage", reason="scikit-image is not installed")

from models.recipes.any_patches import AnyPlan, AnySource  # noqa: E402
from models.recipes.any_scenes import Plane  # noqa: E402
from models.recipes.degradation import dsen2_blur  # noqa: E402
from models.recipes.evaluate_any import Enlarger, measure, pieces  # noqa: E402
from models.recipes.export import export_model  # noqa: E402
from models.recipes.train_any import INPUTS, build_model  # noqa: E402

KINDS = ("sentinel-2", "landsat", "aerial", "drone")


def plane(kind, edge=140, high=255.0):
    image = (np.random.default_rng(len(kind)).random((edge, edge)) * high).astype(np.float32)
    return Plane(kind, "x", image, np.ones(image.shape, dtype=bool))


@pytest.mark.parametrize("scale, patch", [(2, 12), (3, 10), (4, 8)])
def test_batches_have_one_contrast(scale, patch):
    planes = [plane(kind, high=10.0 ** (number - 1)) for number, kind in enumerate(KINDS)]
    low, high = AnySource(planes, AnyPlan(scale, patch, 2, 3), 1).batch()
    assert low.shape == (6, 1, patch, patch) and high.shape == (6, 1, patch * scale, patch * scale)
    assert 0.08 < float(high.std(dim=(1, 2, 3)).mean()) < 0.12
    means = high.mean(dim=(1, 2, 3))
    assert 0.0 < float(means.min()) < float(means.max()) < 0.9


def test_holes_are_never_cropped():
    full = plane("drone", 300)
    holed = full.image.copy()
    holed[:, 150:] = 1e6
    valid = np.ones(holed.shape, dtype=bool)
    valid[:, 150:] = False
    planes = [plane(kind) for kind in KINDS[:3]] + [Plane("drone", "x", holed, valid)]
    source = AnySource(planes, AnyPlan(2, 12, 1, 1), 2)
    assert all(source._crop().max() < 1e5 for _ in range(40))
    assert all(piece.shape == (128, 128) and piece.max() < 1e5 for piece in pieces(planes[-1]))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_network_starts_as_cubic_convolution_and_stays_homogeneous(scale):
    torch.manual_seed(0)
    model = build_model(scale)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained and all(name.endswith("weight") for name in trained)
    x = torch.rand(1, 1, 13, 17)
    with torch.no_grad():
        assert float((model(x) - model.enlarge(x)).abs().max()) < 0.02
        torch.testing.assert_close(model(255 * x), 255 * model(x), rtol=1e-5, atol=1e-4)


def test_an_untrained_network_measures_like_bicubic(tmp_path):
    model = build_model(2)
    with torch.no_grad():
        model.expand.weight.zero_()
    export_model(model, str(tmp_path / "m"), INPUTS)
    image = plane("aerial", 96).image.astype(float)
    figures = measure(Enlarger(str(tmp_path / "m.onnx"), 2, 1), image, dsen2_blur(2))
    assert abs(figures["gain"]) < 1e-3 and figures["ssim_model"] == pytest.approx(figures["ssim_bicubic"], abs=1e-4)
