"""The recipe of the generative model: its start, its mixture of two networks, and the figures that it is judged by."""

import numpy as np
import pytest

pytest.importorskip("osgeo.gdal")
torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("skimage", reason="scikit-image is not installed")

from models.recipes.generative_figures import BORDER, SCALE, counted, mean_of, measure, reduced, reductions  # noqa: E402
from models.recipes.mix_s2_gan import generative_weights, mixed, network_of, torch_method  # noqa: E402
from models.recipes.plan_s2_gan import PAIRS, plan_of  # noqa: E402
from models.recipes.rgb_start import without_bands, write_start  # noqa: E402
from models.recipes.scenes import Scene  # noqa: E402
from sr_plugin.core.checkpoint.safetensors import write_safetensors  # noqa: E402
from sr_plugin.core.resampling import enlarge_cubic  # noqa: E402
from sr_plugin.worker.architectures.build import build_network  # noqa: E402
from tests.training_datasets import scene, write_dataset  # noqa: E402

pytestmark = pytest.mark.gdal


def small_network(bands, seed=0):
    torch.manual_seed(seed)
    return build_network(
        "edsr_bicubic", {"in_bands": bands, "out_bands": bands, "width": 8, "blocks": 1, "scale": SCALE}
    )


def arrays_of(network):
    return {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def ground():
    """A made-up scene of land with four bands, 160 x 160."""
    image = scene(4, 160, 3)
    image[3] += 0.1
    return Scene("made-up", image)


def test_without_near_infrared_the_rest_is_as_if_it_were_black():
    four = small_network(4)
    three = network_of(without_bands(arrays_of(four), (0, 1, 2), SCALE))
    x = torch.rand(1, 4, 9, 7)
    x[:, 3] = 0
    with torch.no_grad():
        torch.testing.assert_close(three(x[:, :3]), four(x)[:, :3])


def test_the_start_is_a_model_that_can_be_trained(tmp_path):
    card = write_start(str(tmp_path))
    write_dataset(tmp_path / PAIRS, scale=SCALE)
    plan = plan_of(str(tmp_path), "content")
    assert [band.name for band in card.input_bands] == ["B04", "B03", "B02"]
    assert plan.start["name"] == card.name and not plan.adversarial.active
    assert plan.validation.every == 200 and plan.optimiser.schedule == "cosine"


def test_a_mixture_lies_between_its_networks():
    one, other = arrays_of(small_network(3, 1)), arrays_of(small_network(3, 2))
    for share, weights in ((0.0, one), (1.0, other)):
        assert all(np.array_equal(mixed(one, other, share)[name], weights[name]) for name in weights)
    middle = mixed(one, other, 0.25)
    np.testing.assert_allclose(middle["trunk.bias"], 0.75 * one["trunk.bias"] + 0.25 * other["trunk.bias"], rtol=1e-6)
    low = np.random.default_rng(0).uniform(0, 0.5, (4, 6, 5))
    assert torch_method(network_of(middle))(low).shape == (3, 24, 20)


def test_the_generative_weights_are_the_running_mean_at_the_end(tmp_path):
    (tmp_path / "gan" / "checkpoints").mkdir(parents=True)
    mean = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensors = {"network.mean.module.trunk.weight": mean, "network.generator.trunk.weight": -mean}
    write_safetensors(str(tmp_path / "gan" / "checkpoints" / "last.safetensors"), tensors, {})
    found = generative_weights(str(tmp_path))
    assert list(found) == ["trunk.weight"] and np.array_equal(found["trunk.weight"], mean)


@pytest.mark.parametrize("reduction", reductions()[:2], ids=lambda reduction: reduction.name)
def test_the_truth_only_improves_and_bicubic_only_omits(ground, reduction):
    low, truth = reduced(ground, reduction)
    methods = {"truth": lambda _: truth[:3], "cubic": lambda given: enlarge_cubic(given[:3], SCALE)}
    figures = measure(ground, reduction, methods)
    right, cubic = figures["truth"], figures["cubic"]
    assert right["improvement"] > 0.9 and right["sharpness"] == pytest.approx(1) and right["edge_f1"] == 1
    # Whole digital numbers in the input, and the narrow Gaussian of DSen2's protocol, are all that is lost.
    assert right["ssim"] == pytest.approx(1) and right["back"] < (10 if reduction.blur.box else 0.4)
    assert {name: cubic[name] for name in figures["bicubic"]} == pytest.approx(figures["bicubic"])
    assert cubic["omission"] > 0.9 and cubic["sharpness"] < 1


def test_what_is_made_up_is_told_from_what_is_there(ground):
    reduction = reductions()[2]
    low, truth = reduced(ground, reduction)
    noise = np.random.default_rng(0).normal(0, 0.05, truth[:3].shape)
    figures = measure(ground, reduction, {"noisy": lambda given: enlarge_cubic(given[:3], SCALE) + noise})["noisy"]
    assert figures["hallucination"] > 0.6 > figures["improvement"]


def test_water_and_borders_do_not_count():
    truth = np.full((4, 160, 160), 0.2)
    truth[3, :, 80:] = 0.01
    inside = counted(truth)
    border = BORDER * SCALE
    assert inside.sum() == (160 - 2 * border) * (80 - border) and not inside[:, 80:].any()


def test_means_weigh_records_equally():
    records = [{"bicubic": {"psnr": 30.0}}, {"bicubic": {"psnr": 40.0}}]
    assert mean_of(records) == {"bicubic": {"psnr": 35.0}}
