"""Finding and comparing edges in a window."""

import builtins

import numpy as np
import pytest

from sr_plugin.core.edges import NODATA_CODE, EdgeCounts, EdgeSettings, edge_figures
from sr_plugin.core.errors import ParameterError, RuntimeMissing
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.worker.edges import compare_edges

pytest.importorskip("skimage")

METHODS = ["canny", "sobel"]


def settings(method="canny", **changes):
    return EdgeSettings(**{**dict(method=method, sigma=1.0, low=5.0, high=10.0, quantiles=False), **changes})


def textured(height=120, width=150, seed=1):
    """Terrain with edges of all strengths, around 1000."""
    rng = np.random.default_rng(seed)
    blocks = rng.normal(1000, 60, (height // 10, width // 10)).repeat(10, 0).repeat(10, 1)
    return (blocks + rng.normal(0, 4, blocks.shape)).astype(np.float32)


def compare(planes, chosen, crop=None, ratio=1, outputs=None, valid=None):
    arrays = [NamedArray(name, data, ratio if name == "input" else 1.0) for name, data in planes.items()]
    for name, mask in (valid or {}).items():
        arrays.append(NamedArray(f"valid_{name}", mask.astype(np.uint8), ratio if name == "input" else 1.0))
    height, width = (side * ratio for side in planes["input"].shape)
    names = outputs or [f"{kind}_{name}" for name in planes for kind in ("edges", "gradient", "valid", "classes")]
    done = compare_edges(arrays, chosen, crop or Window(0, 0, width, height), names)
    counts = {k.partition(".")[2]: v for k, v in done.statistics.items() if k.startswith("result.")}
    return {item.name: item.data for item in done.arrays}, EdgeCounts.from_wire(counts)


@pytest.mark.parametrize("method", METHODS)
def test_a_raster_compared_with_itself(method):
    image = textured()
    arrays, counts = compare({"input": image, "result": image.copy()}, settings(method))
    assert counts.edges_input > 500
    figures = edge_figures(counts)
    assert (figures.kept, figures.new, figures.lost) == (1.0, 0.0, 0.0)
    assert figures.density_input == figures.density_result and figures.sharpness_input == figures.sharpness_result
    assert set(np.unique(arrays["classes_result"])) == {0, 1}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sigma", [0.0, 1.5])
def test_gradients_are_in_data_units_per_pixel(method, sigma):
    ramp = np.tile(np.arange(40, dtype=np.float32) * 7, (30, 1))
    arrays, _ = compare({"input": ramp}, settings(method, sigma=sigma))
    np.testing.assert_allclose(arrays["gradient_input"][8:-8, 8:-8], 7.0, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor, found", [(0.9, True), (1.1, False)])
def test_thresholds_are_gradients(method, factor, found):
    step = np.zeros((40, 40), np.float32)
    step[:, 20:] = 100
    arrays, _ = compare({"input": step}, settings(method, sigma=1.0))
    peak = float(arrays["gradient_input"].max())
    arrays, _ = compare({"input": step}, settings(method, low=peak * 0.5, high=peak * factor))
    edges = arrays["edges_input"] == 1
    assert edges.any() == found
    if found:
        columns = np.flatnonzero(edges[10])
        assert set(columns) <= {18, 19, 20, 21} and set(columns) & {19, 20}


def test_new_and_lost_edges_and_the_tolerance():
    before, after = np.zeros((60, 90), np.float32), np.zeros((60, 90), np.float32)
    before[:, 20:] += 100
    after[:, 23:] += 100
    before[:, 50:] += 100
    after[:, 70:] += 100
    _, strict = compare({"input": before, "result": after}, settings(tolerance=1))
    _, loose = compare({"input": before, "result": after}, settings(tolerance=4))
    assert strict.kept == 0 and strict.new == strict.edges_result and strict.lost == strict.edges_input
    assert loose.kept == loose.new == loose.lost > 50


def test_precision_and_recall_against_the_truth():
    before, after, truth = (np.zeros((60, 90), np.float32) for _ in range(3))
    for image, columns in ((before, (20,)), (after, (20, 50, 80)), (truth, (20, 50))):
        for column in columns:
            image[:, column:] += 100
    _, counts = compare({"input": before, "result": after, "truth": truth}, settings(tolerance=1))
    figures = edge_figures(counts, True)
    assert figures.precision == pytest.approx(2 / 3, abs=0.01) and figures.recall == 1.0
    assert figures.precision_input == 1.0 and figures.recall_input == pytest.approx(0.5, abs=0.01)
    assert figures.new_right == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_the_input_is_enlarged_by_bicubic(method):
    coarse = textured(40, 50)
    fine = enlarge_cubic(coarse, 3)
    arrays, counts = compare({"input": coarse, "result": fine}, settings(method), ratio=3, outputs=["edges_input"])
    assert arrays["edges_input"].shape == fine.shape
    assert counts.edges_input == counts.edges_result == counts.kept > 50 and counts.new == counts.lost == 0


@pytest.mark.parametrize("method", METHODS)
def test_no_edge_at_gaps(method):
    image = np.full((60, 60), 1000, np.float32)
    valid = np.ones(image.shape, bool)
    valid[20:40, 15:30] = False
    image[~valid] = -9999
    image[0:5, 0:5] = np.nan
    result = np.full(image.shape, 1000, np.float32)
    result[27:33, 20:25] = 1500
    arrays, counts = compare({"input": image, "result": result}, settings(method), valid={"input": valid})
    assert not (arrays["edges_input"] == 1).any() and counts.squares_input == 0
    assert (arrays["edges_input"] == NODATA_CODE).sum() == (~valid).sum() + 25
    assert (arrays["classes_result"][20:40, 15:30] == NODATA_CODE).all()
    # The result has edges there, but what only one of the two can show is no difference.
    assert (arrays["edges_result"] == 1).any() and counts.edges_result == counts.new == 0


@pytest.mark.parametrize("method", METHODS)
def test_gaps_of_a_coarse_input_leave_no_rim(method):
    coarse = np.full((20, 20), 500, np.float32)
    valid = np.ones(coarse.shape, bool)
    valid[8:12, 8:12] = False
    coarse[~valid] = 30000
    fine = np.full((80, 80), 500, np.float32)
    _, counts = compare({"input": coarse, "result": fine}, settings(method), ratio=4, valid={"input": valid})
    assert counts.edges_input == counts.edges_result == 0 and counts.squares_input == 0
    assert counts.pixels == 80 * 80 - 18 * 18


def test_a_window_without_data():
    image = np.full((30, 30), np.nan, np.float32)
    arrays, counts = compare({"input": image, "result": image}, settings())
    assert counts == EdgeCounts() and (arrays["classes_result"] == NODATA_CODE).all()


def test_only_the_kept_part_is_counted_and_sent():
    image = textured()
    crop = Window(30, 20, 50, 40)
    whole, total = compare({"input": image, "result": image}, settings())
    part, counts = compare({"input": image, "result": image}, settings(), crop)
    assert part["edges_result"].shape == (40, 50) and counts.pixels == 2000 < total.pixels
    np.testing.assert_array_equal(part["edges_result"], whole["edges_result"][20:60, 30:80])
    assert counts.edges_result == (part["edges_result"] == 1).sum()


def test_with_quantiles_only_gradients_are_found():
    arrays, _ = compare({"input": textured()}, EdgeSettings())
    assert not (arrays["edges_input"] == 1).any() and arrays["gradient_input"].max() > 10


@pytest.mark.parametrize("method", METHODS)
def test_tiles_agree_with_the_whole(method):
    """Where the strong end of a line lies further off than the halo reaches, a tile may lose the line; nothing else."""
    rng = np.random.default_rng(5)
    blocks = rng.normal(1000, 40, (50, 50)).repeat(10, 0).repeat(10, 1)
    image = (blocks + rng.normal(0, 6, blocks.shape)).astype(np.float32)
    result = image + rng.normal(0, 6, blocks.shape).astype(np.float32)
    chosen = settings(method, sigma=1.5, low=6.0, high=14.0, tolerance=2)
    whole, total = compare({"input": image, "result": result}, chosen)
    halo, side = chosen.halo(1), 100
    joined = np.zeros_like(whole["classes_result"])
    sums = EdgeCounts()
    for row in range(0, 500, side):
        for col in range(0, 500, side):
            core = Window(col, row, side, side)
            window = core.expanded(halo).intersection(Window(0, 0, 500, 500))
            cut = (slice(window.row, window.bottom), slice(window.col, window.right))
            planes = {"input": image[cut], "result": result[cut]}
            part, counts = compare(planes, chosen, core.shifted(-window.col, -window.row))
            joined[row : row + side, col : col + side] = part["classes_result"]
            sums = sums + counts
    differ = np.count_nonzero(joined != whole["classes_result"]) / np.count_nonzero(whole["classes_result"])
    assert differ < 0.002
    assert sums.pixels == total.pixels
    assert sums.squares_result == pytest.approx(total.squares_result, rel=1e-9)
    assert abs(sums.edges_result - total.edges_result) < 0.002 * total.edges_result


def test_tiles_are_exact_without_hysteresis():
    image = textured(200, 200, 4)
    chosen = settings(low=8.0, high=8.0, sigma=2.0)
    whole, _ = compare({"input": image, "result": image}, chosen)
    core = Window(60, 70, 50, 40)
    window = core.expanded(chosen.halo(1)).intersection(Window(0, 0, 200, 200))
    cut = image[window.row : window.bottom, window.col : window.right]
    part, _ = compare({"input": cut, "result": cut}, chosen, core.shifted(-window.col, -window.row))
    np.testing.assert_array_equal(part["edges_input"], whole["edges_input"][70:110, 60:110])


def test_several_results_in_one_request():
    image = textured()
    blurred = (image + np.roll(image, 1, 1) + np.roll(image, -1, 1)) / 3
    arrays, first = compare({"input": image, "result": image, "result2": blurred}, settings())
    assert first.new == first.lost == 0
    assert (arrays["classes_result2"] != arrays["classes_result"]).any()


def test_planes_of_different_grids_are_refused():
    with pytest.raises(ParameterError, match="one grid"):
        compare({"input": textured(40, 40), "result": textured(50, 40)}, settings())


def test_without_scikit_image(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name.split(".")[0] == "skimage":
            raise ImportError("no skimage here")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(RuntimeMissing, match="scikit-image") as caught:
        compare({"input": textured()}, settings())
    assert "environment --create light" in caught.value.hint
