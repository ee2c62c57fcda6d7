"""The models that come with the plugin: cards, files, and that they do better than interpolation."""

import os
import pathlib

import numpy as np
import pytest

from sr_plugin.core.card import BAND_FUSION
from sr_plugin.core.catalogue import find_model, shipped_models
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.core.resampling import enlarge_cubic

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"
NAMES = sorted(path.stem for path in MODELS.glob("*.json"))
SINGLE = [name for name in NAMES if name.startswith(("s2-rgb", "any-"))]
GENERATIVE = [name for name in NAMES if name.endswith("-gan")]
PER_BAND = [name for name in NAMES if name.startswith("any-")]
FUSION = [name for name in NAMES if name.startswith("s2-fuse")]
#: Megabytes that a file may have.
LIMITS = {"any": 3, "s2-rgb": 3, "s2-fuse": 10}
#: Red, green, blue and near infrared in stand-ins for B05, B06, B07, B8A, B11, B12, B01 and B09.
MIXTURES = (
    *((0.6, 0.2, 0.0, 0.2), (0.2, 0.1, 0.0, 0.7), (0.1, 0.0, 0.0, 0.9), (0.0, 0.0, 0.0, 1.0)),
    *((0.7, 0.0, 0.0, 0.3), (0.9, 0.0, 0.0, 0.1), (0.0, 0.2, 0.8, 0.0), (0.0, 0.0, 0.0, 0.8)),
)
#: What the network gets for reflectance 1.
GAINS = {"s2-2000": 5.0, "s2-10k": 1.0, "any-scale": 1.0}


def run_onnx(name, *inputs):
    """The ONNX file on ``(N, bands, H, W)`` arrays, one for each input in their order."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    session = onnxruntime.InferenceSession(str(MODELS / f"{name}.onnx"), providers=["CPUExecutionProvider"])
    feed = {item.name: x.astype(np.float32) for item, x in zip(session.get_inputs(), inputs)}
    return session.run(None, feed)[0]


def run_torch(name, *inputs):
    """The safetensors file in our own network, on the same arrays."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from sr_plugin.core.checkpoint.read import read_checkpoint
    from sr_plugin.worker.architectures.build import build_network

    card = find_model(name)
    network = build_network(card.family, card.hyperparameters)
    tensors = read_checkpoint(str(MODELS / f"{name}.safetensors")).tensors
    network.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in tensors.items()})
    with torch.no_grad():
        return network(*(torch.from_numpy(x.astype(np.float32)) for x in inputs)).numpy()


def enlarged_bilinear(image, ratio):
    """``(N, bands, h, w)`` enlarged about pixel centres with repeated edges, as DSen2 wants its coarse bands."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    given = torch.from_numpy(image.astype(np.float32))
    return torch.nn.functional.interpolate(given, scale_factor=ratio, mode="bilinear", align_corners=False).numpy()


def psnr_gain(result, other, truth, border):
    errors = [np.square(x - truth)[..., border:-border, border:-border].mean() for x in (result, other)]
    return 10 * np.log10(errors[1] / errors[0])


@pytest.fixture(scope="module")
def reflectance(project_dir):
    """The sample, ``(4, 256, 256)``: red, green, blue, near infrared."""
    gdal = pytest.importorskip("osgeo.gdal")
    dataset = gdal.Open(str(project_dir / "resources" / "sample" / "sentinel2_virginia_10m.tif"))
    return dataset.ReadAsArray().astype(np.float64) / 10000


def test_the_models_that_are_promised_are_there():
    promised = {"s2-rgbn-x2", "s2-rgbn-x4", "s2-rgb-x4-gan", "s2-fuse-20m", "s2-fuse-60m", "any-x2", "any-x3", "any-x4"}
    assert promised <= set(NAMES)
    assert [card.name for card in shipped_models()] == NAMES


@pytest.mark.parametrize("name", SINGLE + FUSION)
def test_cards_tell_licence_data_and_quality(name):
    card = find_model(name)
    assert [weight.container for weight in card.weights] == ["onnx", "safetensors"]
    assert card.licence and card.citation and "contains modified Copernicus" in card.training_data
    assert os.path.isfile(MODELS.parent / card.source)
    assert card.verified and card.generative == (name in GENERATIVE)
    assert ("invents detail" if card.generative else "estimates detail") in card.notes
    if not card.generative:
        assert card.quality["mean_gain_db"] > 0.5
        assert all(figures["gain"] > 0 for figures in card.quality["protocols"].values())
    largest = next(limit for start, limit in LIMITS.items() if name.startswith(start)) * 1_000_000
    assert all(os.path.getsize(weight.path) < largest for weight in card.weights)
    assert GAINS[card.value_range.name] == card.value_range.in_gain[0]


@pytest.mark.parametrize("name", SINGLE)
def test_onnx_and_torch_agree(name):
    bands = len(find_model(name).input_bands)
    x = np.random.default_rng(0).uniform(0, 0.5, (2, bands, 19, 26))
    np.testing.assert_allclose(run_onnx(name, x), run_torch(name, x), atol=1e-5)


@pytest.mark.parametrize("name", FUSION)
def test_onnx_and_torch_agree_on_groups_of_bands(name):
    groups = find_model(name).hyperparameters["groups"]
    random = np.random.default_rng(0)
    given = [random.uniform(0, 2, (2, bands, 24 // ratio, 36 // ratio)) for bands, ratio in groups]
    fine = [enlarged_bilinear(x, ratio) if ratio > 1 else x for x, (_, ratio) in zip(given, groups)]
    np.testing.assert_allclose(run_onnx(name, *fine), run_torch(name, *given), atol=1e-4)


@pytest.mark.parametrize("name", FUSION)
def test_fusion_cards_keep_to_dsen2(name):
    card = find_model(name)
    names = [band.name for band in card.input_bands]
    assert (card.kind, card.scale, card.gsd_m) == (BAND_FUSION, 1, (10.0, 10.0))
    assert names[:10] == ["B04", "B03", "B02", "B08", "B05", "B06", "B07", "B8A", "B11", "B12"]
    assert names[10:] == (["B01", "B09"] if name.endswith("60m") else [])
    sharpened = [band.name for band in card.output_bands]
    assert sharpened == names[-len(sharpened) :] == list(card.quality["bands"])
    assert card.quality["rmse_ratio"] <= 0.5 and card.quality["sam_ratio"] <= 0.7
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    session = onnxruntime.InferenceSession(str(MODELS / f"{name}.onnx"), providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    assert [item.name for item in inputs] == ["bands_10m", "bands_20m", "bands_60m"][: len(inputs)]
    assert all(not isinstance(size, int) for item in inputs for size in (item.shape[0], *item.shape[2:]))


@pytest.mark.parametrize("name", SINGLE)
def test_better_than_bicubic_on_the_sample(name, reflectance):
    card = find_model(name)
    edge = 240
    truth = reflectance[: 4 if card.per_band else len(card.input_bands), :edge, :edge]
    low = np.round(reduce_image(truth, card.scale, card.psf) * 10000) / 10000
    fed = low[:, None] if card.per_band else low[None]
    result = run_onnx(name, fed).reshape(truth.shape)
    least = 0.0 if card.generative else 1.0
    assert psnr_gain(result, enlarge_cubic(low, card.scale), truth, 8 * card.scale) > least


@pytest.mark.parametrize("name", GENERATIVE)
def test_a_generative_model_is_sharper_and_keeps_the_measured_values(name, reflectance):
    card = find_model(name)
    truth = reflectance[:3, :240, :240]
    low = np.round(reduce_image(truth, 4, card.psf) * 10000) / 10000
    results = {"gan": run_onnx(name, low[None])[0], "bicubic": enlarge_cubic(low, 4), "truth": truth}
    sharpness = {key: np.square(np.diff(image[:, 32:-32, 32:-32])).mean() for key, image in results.items()}
    assert 1.5 * sharpness["bicubic"] < sharpness["gan"] < sharpness["truth"]
    back = {key: np.abs(reduce_image(image.astype(float), 4, card.psf) - low) for key, image in results.items()}
    assert back["gan"][:, 8:-8, 8:-8].mean() < back["bicubic"][:, 8:-8, 8:-8].mean()


@pytest.mark.parametrize("name", GENERATIVE)
def test_a_generative_model_tells_what_its_edges_cost(name):
    """Beside the network that it began with: sharper, at the cost of what is made up."""
    quality = find_model(name).quality
    assert quality["sharpness_bicubic"] < quality["sharpness_content"] < quality["sharpness"] < 1
    assert quality["improvement"] > quality["improvement_bicubic"]
    assert 0 < quality["hallucination_content"] < quality["hallucination"] < quality["improvement"]
    assert quality["back_to_input_dn"] < quality["back_to_input_dn_bicubic"]


@pytest.mark.parametrize("name", PER_BAND)
@pytest.mark.parametrize("values", [(0, 255), (0, 65535), (-2.0, 3.0)])
def test_any_range_of_values_is_served(name, values, reflectance):
    """Twice the input gives twice the result, so that 8-bit, 16-bit and float bands are enlarged alike."""
    near_infrared = reflectance[3:, :96, :96]
    low, high = values
    span = near_infrared.max() - near_infrared.min()
    image = low + (high - low) * (near_infrared - near_infrared.min()) / span
    scale = find_model(name).scale
    coarse = reduce_image(image, scale, find_model(name).psf)
    result = run_onnx(name, coarse[None])[0]
    assert psnr_gain(result, enlarge_cubic(coarse, scale), image, 4 * scale) > 0.5
    np.testing.assert_allclose(run_onnx(name, 3 * coarse[None])[0], 3 * result, rtol=0, atol=3e-5 * abs(high))


@pytest.mark.parametrize("name", FUSION)
def test_fusion_beats_bicubic_where_bands_resemble_each_other(name, reflectance):
    """Coarse bands that are mixtures of the fine ones: their detail is all there in the 10 m bands."""
    mixtures = np.array(MIXTURES)
    ratio = 6 if name.endswith("60m") else 2
    truth = np.tensordot(mixtures, reflectance[:, :252, :252], axes=1)
    whole = [(reflectance[:, :252, :252], 1), (truth[:6], 2), (truth[6:], 6)][: 3 if ratio == 6 else 2]
    target = whole[-1][0]
    fine = []
    for bands, own in whole:
        coarse = reduce_image(bands, own, find_model(name).psf) if own > 1 else bands
        fine.append(5 * (enlarged_bilinear(coarse[None], own) if own > 1 else coarse[None]))
    result = run_onnx(name, *fine)[0] / 5
    cubic = enlarge_cubic(reduce_image(target, ratio, find_model(name).psf), ratio)
    assert psnr_gain(result, cubic, target, 4 * ratio) > 4.0


@pytest.mark.parametrize("name, ratio", [("s2-fuse-20m", 0.4), ("s2-fuse-60m", 0.55)])
def test_fusion_of_a_scene_that_no_weight_was_fitted_to(name, ratio, shared_dir):
    """T33UUB, a Level-1C scene from the demonstration of DSen2, made coarser by Wald's protocol."""
    pytest.importorskip("osgeo.gdal")
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from models.recipes.degradation import dsen2_blur
    from models.recipes.evaluate_fusion import Fusion, measure
    from models.recipes.fusion_scenes import RATIOS, test_places

    count = 3 if name.endswith("60m") else 2
    (scene,) = test_places(str(shared_dir / "data"), count)["dsen2"]
    figures = measure(Fusion(str(MODELS / f"{name}.onnx"), count, 1), scene, dsen2_blur(RATIOS[count - 1]))
    errors, cubic = figures["rmse_model"], figures["rmse_bicubic"]
    assert errors.mean() <= ratio * cubic.mean()
    assert (errors <= 0.7 * cubic).all()
    assert figures["sam_model"] <= 0.7 * figures["sam_bicubic"]
