"""The recipe of the band fusion models: grids that do not nest by index, Wald's protocol, folded residual scale."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import torch  # noqa: E402

from models.recipes.degradation import dsen2_blur, gaussian_blur  # noqa: E402
from models.recipes.evaluate_fusion import spectral_angle  # noqa: E402
from models.recipes.fusion_model import with_residual_scale  # noqa: E402
from models.recipes.fusion_patches import FusionPlan, FusionSource, wald  # noqa: E402
from models.recipes.fusion_scenes import FusionScene, nominal_corners, scene_of, thinned  # noqa: E402
from sr_plugin.worker.architectures.dsen2 import DSen2  # noqa: E402


def blocks(image, ratio):
    bands, height, width = image.shape
    return image.reshape(bands, height // ratio, ratio, width // ratio, ratio).mean(axis=(2, 4))


@pytest.fixture
def groups():
    """4, 6 and 2 bands of one scene, 72 x 60 pixels of 10 m."""
    fine = np.random.default_rng(1).integers(500, 5000, (12, 72, 60)).astype(float)
    return [fine[:4], blocks(fine[4:10], 2), blocks(fine[10:], 6)]


@pytest.mark.parametrize("shifts", [((0, 0), (0, 0), (0, 0)), ((1, 3), (0, 1), (0, 0)), ((0, 0), (1, 0), (1, 1))])
def test_grids_are_aligned_by_their_corners(groups, shifts):
    cut = [group[:, top:, left:] for group, (top, left) in zip(groups, shifts)]
    corners = [
        (300000.0 + 10 * ratio * left, 4100040.0 - 10 * ratio * top) for ratio, (top, left) in zip((1, 2, 6), shifts)
    ]
    scene = scene_of("x", cut, corners)
    first = [(0, 0) if shifts[2] == (0, 0) and shifts[0] == (0, 0) else (1, 1)] * 3
    for group, whole, ratio, (row, column) in zip(scene.groups, groups, (1, 2, 6), first):
        factor = 6 // ratio
        np.testing.assert_allclose(group, whole[:, row * factor :, column * factor :] / 10000, rtol=1e-6)


def test_grids_between_the_pixels_are_refused(groups):
    with pytest.raises(ValueError, match="do not nest"):
        scene_of("x", groups, [(5.0, 0.0), (0.0, 0.0), (0.0, 0.0)])


def test_a_recorded_corner_is_that_of_the_nearest_pixel_of_each_grid(tmp_path):
    from osgeo import gdal

    path = str(tmp_path / "cell.tif")
    dataset = gdal.GetDriverByName("GTiff").Create(path, 4, 4, 1)
    dataset.SetGeoTransform((362612.2, 10, 0, 1987088.2, 0, -10))
    dataset = None
    assert nominal_corners(path, 3) == [(362610, 1987090), (362620, 1987080), (362640, 1987080)]


def test_repeated_pixels_are_thinned_to_the_true_grid():
    names = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
    coarse = np.random.default_rng(2).random((10, 8, 8))
    image = np.kron(coarse, np.ones((1, 2, 2)))[:, 1:, :]
    fine, middle = thinned(image, names, 2, [(1, 0), (1, 0)])
    np.testing.assert_array_equal(middle, coarse[[3, 4, 5, 7, 8, 9], 1:])
    assert fine.shape == (4, 14, 16)


@pytest.mark.parametrize("blur", [dsen2_blur(2), gaussian_blur(2, 0.3)])
def test_wald_reduces_all_groups_by_one_ratio(blur):
    flat = [np.full((4, 48, 40), 0.3), np.full((6, 24, 20), 0.2)]
    inputs, target = wald(flat, (blur, blur), 2)
    assert [x.shape for x in inputs] == [(4, 16, 12), (6, 8, 6)] and target.shape == (6, 16, 12)
    np.testing.assert_allclose(inputs[0], 0.3)
    np.testing.assert_allclose(inputs[1], 0.2)


def test_input_and_target_show_one_place():
    """A point in every group at one spot of the ground comes out at one spot."""
    groups = [np.zeros((4, 48, 48)), np.zeros((6, 24, 24))]
    groups[0][:, 20:24, 28:32] = groups[1][:, 10:12, 14:16] = 1
    inputs, target = wald(groups, (dsen2_blur(2),) * 2, 2)
    assert np.unravel_index(inputs[1][0].argmax(), inputs[1][0].shape) == (3, 5)
    assert inputs[0][0, 6:8, 10:12].min() > 0.8
    np.testing.assert_array_equal(np.argwhere(target[0]), [[6, 10], [6, 11], [7, 10], [7, 11]])


def test_batches_fit_the_network_and_repeat_with_the_seed():
    random = np.random.default_rng(3)
    scene = FusionScene("x", (random.random((4, 96, 96)) + 0.1, random.random((6, 48, 48)) + 0.1))
    plan = FusionPlan(count=2, patch=16, patches=3, margin=3)
    inputs, target = FusionSource([scene], plan, 5).batch()
    assert [tuple(x.shape) for x in inputs] == [(3, 4, 16, 16), (3, 6, 8, 8)] and target.shape == (3, 6, 16, 16)
    assert DSen2(((4, 1), (6, 2)), 8, 1)(*inputs).shape == target.shape
    again, _ = FusionSource([scene], plan, 5).batch()
    other, _ = FusionSource([scene], plan, 6).batch()
    assert torch.equal(again[0], inputs[0]) and not torch.equal(other[0], inputs[0])


def test_the_residual_scale_is_folded_into_the_weights():
    torch.manual_seed(0)
    trained = DSen2(((4, 1), (6, 1)), 8, 2, 1.0)
    shipped = DSen2(((4, 1), (6, 1)), 8, 2, 0.1)
    shipped.load_state_dict(with_residual_scale(trained.state_dict(), 0.1))
    given = torch.rand(1, 4, 9, 7), torch.rand(1, 6, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(shipped(*given), trained(*given))


def test_spectral_angle_in_degrees():
    one, other = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[0.0, 2.0], [1.0, 2.0]])
    np.testing.assert_allclose(spectral_angle(one, other), [90.0, 0.0], atol=1e-4)
