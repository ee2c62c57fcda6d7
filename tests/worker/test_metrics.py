"""Metrics against implementations that share no code with them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sr_plugin.core.card import PointSpread
from sr_plugin.core.evaluation import MS_EXPONENTS, EvaluationSettings, figures_of, measure_names
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.resampling import enlarge_cubic

pytest.importorskip("skimage")
PEAK, RATIO = 10000.0, 4


def scene(rows=192, columns=224, bands=3, seed=0):
    """A truth with structure, a coarse input, and a result between the two; float32 as rasters are."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(bands, rows, columns))
    shared = gaussian_filter(rng.normal(size=(rows, columns)), 3) * 4000
    truth = 2500 + shared + gaussian_filter(noise, (0, 1.2, 1.2)) * 900
    coarse = truth.reshape(bands, rows // RATIO, RATIO, columns // RATIO, RATIO).mean((2, 4)).astype(np.float32)
    result = (0.6 * truth + 0.4 * enlarge_cubic(coarse, RATIO) + rng.normal(size=truth.shape) * 20).astype(np.float32)
    return coarse, result, truth.astype(np.float32)


def evaluated(coarse, result, truth=None, crop=None, cell=None, **more):
    """Sums of bicubic and result, ``(candidates, measures)``, and their settings."""
    from sr_plugin.worker.evaluate import Evaluator

    settings = EvaluationSettings(len(result), RATIO, truth is not None, peak=PEAK, **more)
    settings = settings.with_cell_near(cell or max(result.shape))
    arrays = [NamedArray("input", coarse, RATIO), NamedArray("result", result)]
    if truth is not None:
        arrays.append(NamedArray("truth", truth))
    crop = crop or Window(0, 0, result.shape[2], result.shape[1])
    answer = Evaluator().answer("measure", arrays, settings.to_wire(), crop)
    sums = next(item.data for item in answer.arrays if item.name == "sums")
    return sums, settings


@pytest.fixture(scope="module")
def images():
    return scene()


@pytest.fixture(scope="module")
def figures(images):
    sums, settings = evaluated(*images)
    return figures_of(sums[0, 0, 1], settings)


def doubles(*arrays):
    return [np.asarray(array, np.float64) for array in arrays]


def test_psnr_and_ssim_are_those_of_scikit_image(figures, images):
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    _, result, truth = doubles(*images)
    assert figures.overall["psnr"] == pytest.approx(peak_signal_noise_ratio(truth, result, data_range=PEAK), abs=1e-6)
    ssim = structural_similarity(
        truth,
        result,
        channel_axis=0,
        data_range=PEAK,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert figures.overall["ssim"] == pytest.approx(ssim, abs=1e-6)


def test_the_metrics_of_torchmetrics(figures, images):
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.image")
    _, result, truth = (torch.from_numpy(array)[None] for array in doubles(*images))
    told, found = figures.overall, {}
    found["psnr"] = functional.peak_signal_noise_ratio(result, truth, data_range=PEAK)
    found["sam"] = torch.rad2deg(functional.spectral_angle_mapper(result, truth))
    # Its argument is the inverse of h / l times 100 in its formula: 100 / ratio.
    found["ergas"] = functional.error_relative_global_dimensionless_synthesis(result, truth, ratio=RATIO)
    _, full = functional.structural_similarity_index_measure(result, truth, data_range=PEAK, return_full_image=True)
    found["ssim"] = full[..., 5:-5, 5:-5].mean()
    found["uqi"] = functional.universal_image_quality_index(result, truth)
    for key, value in found.items():
        assert told[key] == pytest.approx(float(value), abs=1e-6), key


def test_ms_ssim_is_the_product_of_the_scales_of_torchmetrics(figures, images):
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.image")
    _, result, truth = (torch.from_numpy(array)[None] for array in doubles(*images))
    told = []
    for band in range(3):
        one, other, product = result[:, band : band + 1], truth[:, band : band + 1], 1.0
        for scale, exponent in enumerate(MS_EXPONENTS):
            _, contrast = functional.structural_similarity_index_measure(
                one, other, data_range=PEAK, return_contrast_sensitivity=True
            )
            mean = contrast.mean()
            if scale == len(MS_EXPONENTS) - 1:
                _, full = functional.structural_similarity_index_measure(
                    one, other, data_range=PEAK, return_full_image=True
                )
                mean = full[..., 5:-5, 5:-5].mean()
            product *= float(mean) ** exponent
            one, other = (torch.nn.functional.avg_pool2d(item, 2) for item in (one, other))
        told.append(product)
    assert figures.per_band["ms_ssim"] == pytest.approx(told, abs=1e-6)


def test_the_metrics_of_sewar(figures, images):
    sewar = pytest.importorskip("sewar")
    from sewar.full_ref import _scc_single
    from sewar.utils import Filter

    _, result, truth = (np.moveaxis(array, 0, -1) for array in doubles(*images))
    told = figures.overall
    assert told["rmse"] == pytest.approx(sewar.rmse(truth, result), abs=1e-6)
    assert told["psnr"] == pytest.approx(sewar.psnr(truth, result, MAX=PEAK), abs=1e-6)
    assert told["ergas"] == pytest.approx(sewar.ergas(truth, result, r=1 / RATIO), abs=1e-6)
    assert told["sam"] == pytest.approx(math.degrees(sewar.sam(truth, result)), abs=1e-6)
    window = {"fltr": Filter.GAUSSIAN, "sigma": 1.5, "ws": 11}
    assert told["ssim"] == pytest.approx(sewar.ssim(truth, result, MAX=PEAK, fltr_specs=window)[0], abs=1e-6)
    # Its map has a rim that depends on padding; inside, both correlate the same windows.
    kernel = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
    maps = [_scc_single(truth[..., band], result[..., band], kernel, 8) for band in range(3)]
    from sr_plugin.worker.metrics import detail_correlation

    for band, map_ in enumerate(maps):
        ours = detail_correlation(truth[..., band], result[..., band])
        np.testing.assert_allclose(ours[8:-8, 8:-8], map_[8:-8, 8:-8], atol=1e-6)
        assert figures.per_band["scc"][band] == pytest.approx(ours[5:-4, 5:-4].mean(), abs=1e-6)


def test_tiles_add_up_to_the_whole(images):
    coarse, result, truth = images
    settings = EvaluationSettings(3, RATIO, True, peak=PEAK)
    whole, settings = evaluated(coarse, result, truth, floor=0.01)
    halo, side, rows, columns = settings.halo, 64, *result.shape[1:]
    total = np.zeros_like(whole[0, 0])
    for row in range(0, rows, side):
        for column in range(0, columns, side):
            top, left = max(0, row - halo), max(0, column - halo)
            bottom, right = min(rows, row + side + halo), min(columns, column + side + halo)
            core = Window(column - left, row - top, min(side, columns - column), min(side, rows - row))
            fine = (slice(None), slice(top, bottom), slice(left, right))
            near = (slice(None), slice(top // RATIO, bottom // RATIO), slice(left // RATIO, right // RATIO))
            sums, _ = evaluated(coarse[near], result[fine], truth[fine], core, side, floor=0.01)
            total += sums.sum((0, 1))
    one, other = (figures_of(sums[1], settings) for sums in (whole[0, 0], total))
    assert one.pixels == other.pixels == rows * columns
    for key, value in one.overall.items():
        assert other.overall[key] == pytest.approx(value, abs=1e-9, nan_ok=True), key
    assert not math.isnan(one.overall["ms_ssim"]) and not math.isnan(one.overall["improvement"])


def test_cells_add_up_to_the_window(images):
    whole, settings = evaluated(*images)
    cells, small = evaluated(*images, cell=48)
    assert cells.shape[:2] == (4, 5)
    np.testing.assert_allclose(cells.sum((0, 1)), whole[0, 0], rtol=1e-9, atol=1e-9)


def test_sizes_that_no_scale_divides(images):
    coarse, result, truth = images[0][:, :43, :47], images[1][:, :172, :188], images[2][:, :172, :188]
    whole, settings = evaluated(coarse, result, truth)
    cells, _ = evaluated(coarse, result, truth, cell=16)
    assert cells.shape[:2] == (11, 12)
    np.testing.assert_allclose(cells.sum((0, 1)), whole[0, 0], rtol=1e-9, atol=1e-9)
    names = measure_names(settings)
    # 172 x 188 pixels: 10 x 11 are left at the coarsest scale, which no window fits; 21 x 23 at the one before.
    assert whole[0, 0, 1, names.index("scales.4")] == 0
    assert whole[0, 0, 1, names.index("scales.3")] == (21 - 10) * (23 - 10)


def test_gaps_do_not_count(images):
    coarse, result, truth = (array.copy() for array in images)
    _, settings = evaluated(coarse, result, truth)
    gap = (slice(None), slice(None), slice(0, 32))
    truth[gap] = np.nan
    sums, _ = evaluated(coarse, result, truth)
    found = figures_of(sums[0, 0, 1], settings)
    keep = np.ones(truth.shape[1:], bool)
    keep[gap[1:]] = False
    error = (result.astype(float) - truth)[:, keep]
    assert found.pixels == keep.sum()
    assert found.overall["rmse"] == pytest.approx(math.sqrt((error**2).mean()), rel=1e-9)
    # Windows that touch the gap are left out, so the fill has no say.
    truth[gap] = 1e6
    arrays = [NamedArray("input", coarse, RATIO), NamedArray("result", result), NamedArray("truth", truth)]
    arrays.append(NamedArray("valid_truth", keep.astype(np.uint8)))
    from sr_plugin.worker.evaluate import Evaluator

    answer = Evaluator().answer("measure", arrays, settings.to_wire(), Window(0, 0, *truth.shape[:0:-1]))
    other = figures_of(answer.arrays[0].data[0, 0, 1], settings)
    for key in ("ssim", "ms_ssim", "uqi", "scc", "rmse"):
        assert other.overall[key] == pytest.approx(found.overall[key], rel=1e-9), key


def test_a_perfect_result(images):
    coarse, _, truth = images
    sums, settings = evaluated(coarse, truth, truth)
    best = figures_of(sums[0, 0, 1], settings).overall
    assert best["psnr"] == math.inf and best["rmse"] == best["ergas"] == 0
    assert best["sam"] == pytest.approx(0, abs=1e-5)
    for key in ("ssim", "ms_ssim", "uqi", "scc"):
        assert best[key] == pytest.approx(1, abs=1e-9), key
    assert best["improvement"] > 0.9 and best["hallucination"] < 0.05
    # The input is the mean of the truth's pixels, and so is the truth brought back.
    assert best["reflectance"] == pytest.approx(0, abs=1e-3)


def test_bicubic_omits_and_invention_is_told(images):
    coarse, _, truth = images
    invented = truth + np.random.default_rng(5).normal(0, 1500, truth.shape).astype(np.float32)
    sums, settings = evaluated(coarse, invented, truth, floor=0.02)
    bicubic, result = (figures_of(item, settings).overall for item in sums[0, 0])
    assert bicubic["omission"] > 0.9 and bicubic["synthesis"] == 0
    assert result["hallucination"] > 0.6 > bicubic["hallucination"]
    for found in (bicubic, result):
        assert found["omission"] + found["improvement"] + found["hallucination"] == pytest.approx(1)


@pytest.mark.parametrize("psf", [PointSpread(), PointSpread("gaussian", 0.3)])
def test_without_a_truth_the_input_judges(images, psf):
    from sr_plugin.core.point_spread import reduce_image

    coarse, result, _ = images
    sums, settings = evaluated(coarse, result, psf=psf)
    found = figures_of(sums[0, 0, 1], settings)
    back = reduce_image(result.astype(float), RATIO, psf)
    assert found.overall["rmse"] == pytest.approx(math.sqrt(((back - coarse) ** 2).mean()), rel=1e-9)
    assert found.overall["reflectance"] == pytest.approx(np.abs(back - coarse).mean(), rel=1e-9)
    assert found.overall["ssim"] > 0.9 and math.isnan(found.overall["improvement"])


def test_errors_of_indices(images):
    coarse, result, truth = images
    sums, settings = evaluated(coarse, result, truth, indices=(("ndvi", 2, 0), ("clay", 1, 0)))
    found = figures_of(sums[0, 0, 1], settings).indices
    one, other = result.astype(float), truth.astype(float)
    error = (one[2] - one[0]) / (one[2] + one[0]) - (other[2] - other[0]) / (other[2] + other[0])
    assert found["ndvi"]["mae"] == pytest.approx(np.abs(error).mean())
    assert found["ndvi"]["bias"] == pytest.approx(error.mean())
    ratio = one[1] / one[0] - other[1] / other[0]
    assert found["clay"]["rmse"] == pytest.approx(math.sqrt((ratio**2).mean()))


def test_flat_and_black_areas_have_figures():
    flat = np.zeros((1, 64, 64), np.float32)
    sums, settings = evaluated(flat[:, ::4, ::4], flat, flat)
    found = figures_of(sums[0, 0, 1], settings).overall
    assert found["ssim"] == found["uqi"] == 1 and found["scc"] == 0 and math.isnan(found["sam"])


def test_matching_moves_values_along_its_curve(images):
    from sr_plugin.worker.evaluate import Evaluator

    coarse, result, truth = images
    curve = np.stack([np.stack([[0.0, 10000.0], [500.0, 20500.0]])] * 3)
    settings = EvaluationSettings(3, RATIO, True, peak=PEAK).with_cell_near(224)
    arrays = [NamedArray("input", coarse, RATIO), NamedArray("result", result), NamedArray("truth", truth)]
    arrays.append(NamedArray("match_result", curve))
    answer = Evaluator().answer("measure", arrays, settings.to_wire(), Window(0, 0, 224, 192))
    found = figures_of(answer.arrays[0].data[0, 0, 1], settings).overall
    assert found["bias"] == pytest.approx((result.astype(float) * 2 + 500 - truth).mean(), rel=1e-6)
