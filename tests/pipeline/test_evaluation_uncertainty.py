"""An uncertainty judged by the true error: sampling, checks, files."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from sr_plugin.core.card import PointSpread
from sr_plugin.core.errors import BandError, OutputError, ParameterError, UncertaintyMismatch
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.pipeline import evaluate as module
from sr_plugin.pipeline import evaluation_uncertainty
from sr_plugin.pipeline.evaluate import evaluate
from sr_plugin.pipeline.evaluation_request import EvaluateRequest
from sr_plugin.worker.local_session import LocalSession
from tests.pipeline.conftest import Recorder

pytest.importorskip("skimage")
pytestmark = pytest.mark.gdal

NAMES = ("B02", "B04")
FINE = (500000.0, 5.0, 0.0, 4100000.0, 0.0, -5.0)
SIZE = (128, 160)


@pytest.fixture(scope="module")
def arrays():
    """Input, result, truth; the error differs from pixel to pixel."""
    rng = np.random.default_rng(7)
    truth = rng.integers(1000, 4000, (2, SIZE[0] // 8, SIZE[1] // 8)).repeat(8, 1).repeat(8, 2).astype(np.float32)
    result = truth + rng.normal(0, 100, truth.shape).astype(np.float32)
    return truth[:, ::2, ::2], result, truth


@pytest.fixture
def paths(arrays, make_raster):
    coarse, result, truth = arrays
    return (
        make_raster(coarse, "in.tif", descriptions=NAMES),
        make_raster(result, "out.tif", geotransform=FINE, descriptions=NAMES),
        make_raster(truth, "truth.tif", geotransform=FINE, descriptions=NAMES),
    )


@pytest.fixture
def spread(arrays, make_raster):
    """Writes an uncertainty as super-resolving does."""

    def write(values=None, name="spread.tif", **facts):
        values = np.abs(arrays[1] - arrays[2]) if values is None else values
        facts = {"geotransform": FINE, "descriptions": [f"{band} uncertainty" for band in NAMES], **facts}
        return make_raster(values.astype(np.float32), name, **facts)

    return write


def judge(paths, uncertainty, feedback=None, **options):
    source, result, truth = paths
    options = {"results": (result,), "truth": truth, "cell": 64, **options}
    return evaluate(EvaluateRequest(source, uncertainty=uncertainty, **options), feedback, LocalSession)


def test_the_error_itself_ranks_perfectly(paths, spread, arrays):
    feedback = Recorder()
    found = judge(paths, spread(), feedback).uncertainty
    assert found.rank == pytest.approx(1) and found.band_ranks == pytest.approx((1, 1))
    # Small enough to be taken whole.
    assert found.pixels == SIZE[0] * SIZE[1]
    assert found.errors == pytest.approx(found.uncertainties, rel=1e-6)
    assert np.mean(found.errors) == pytest.approx(np.abs(arrays[1] - arrays[2]).mean(), rel=1e-4)
    assert [text for text in feedback.messages if "1.000 (Spearman" in text]


def test_shuffled_values_rank_nothing(paths, spread, arrays):
    error = np.abs(arrays[1] - arrays[2])
    values = np.random.default_rng(2).permutation(error.ravel()).reshape(error.shape)
    found = judge(paths, spread(values)).uncertainty
    assert abs(found.rank) < 0.03 and found.share == pytest.approx(0.1, abs=0.02)


def test_what_super_resolving_writes_fits(run, scene, make_raster, tmp_path):
    pytest.importorskip("onnxruntime")
    bands = ("B04", "B03", "B02", "B08")
    truth = scene[:, :64, :80]
    coarse = reduce_image(truth.astype(float), 2, PointSpread())
    source = make_raster(np.rint(coarse).astype(np.uint16), "in.tif", descriptions=bands)
    right = make_raster(truth, "truth.tif", geotransform=FINE, descriptions=bands)
    spread = str(tmp_path / "spread.tif")
    result = run(source, "s2-rgbn-x2", uncertainty=spread).output
    found = judge((source, result, right), spread).uncertainty
    assert len(found.band_ranks) == 4 and found.pixels == 64 * 80
    # Blocks have edges, where the model is less certain and more wrong.
    assert found.rank > 0.2 and found.share > 0.15
    one = judge((source, result, right), spread, bands=(4,)).uncertainty
    assert one.rank == pytest.approx(found.band_ranks[3])


def test_windows_and_tiles_change_little(paths, spread, arrays, monkeypatch):
    error = np.abs(arrays[1] - arrays[2])
    path = spread(error + np.random.default_rng(4).exponential(100, error.shape))
    whole = judge(paths, path, cell=256).uncertainty
    assert judge(paths, path, cell=48).uncertainty == whole
    monkeypatch.setattr(evaluation_uncertainty, "_SIDE", 64)
    monkeypatch.setattr(evaluation_uncertainty, "_PIXELS", 8000)
    monkeypatch.setattr(module, "_CELLS", 1)
    tiled = judge(paths, path, cell=48).uncertainty
    assert 0.2 < whole.rank < 0.9 and tiled.pixels == pytest.approx(8000, rel=0.05)
    assert tiled.rank == pytest.approx(whole.rank, abs=0.03)
    assert tiled.errors == pytest.approx(whole.errors, rel=0.1)
    assert tiled.share == pytest.approx(whole.share, abs=0.02)
    assert judge(paths, path, cell=48).uncertainty == tiled


def test_bands_are_found_by_their_names(paths, spread, arrays):
    error = np.abs(arrays[1] - arrays[2])
    swapped = spread(error[::-1], descriptions=[f"{band} uncertainty" for band in NAMES[::-1]])
    assert judge(paths, swapped).uncertainty.rank == pytest.approx(1)
    assert judge(paths, swapped, bands=(2,)).uncertainty.band_ranks == pytest.approx((1,))
    unnamed = spread(error, "unnamed.tif", descriptions=())
    assert judge(paths, unnamed, bands=(2,)).uncertainty.rank == pytest.approx(1)


def test_gaps_and_scales(paths, spread, arrays):
    error = np.abs(arrays[1] - arrays[2])
    error[:, :40] = -1
    found = judge(paths, spread(error, nodata=-1, scale_offset=(2.0, 0.0))).uncertainty
    assert found.rank == pytest.approx(1) and found.pixels == (SIZE[0] - 40) * SIZE[1]
    assert found.uncertainties == pytest.approx([2 * value for value in found.errors], rel=1e-6)


def test_the_figures_of_the_results_stay_the_same(paths, spread):
    with_it, without = judge(paths, spread()), judge(paths, "")
    for key, value in without.figures["result"].overall.items():
        assert with_it.figures["result"].overall[key] == pytest.approx(value, nan_ok=True), key
    assert without.uncertainty is None and without.to_record()["uncertainty"] is None


def test_files(paths, spread, tmp_path):
    files = {name: str(tmp_path / f"{name}.x") for name in ("table", "summary", "report")}
    told = judge(paths, spread(), titles=("In", "Out", "Truth", "Spread & co"), **files)
    with open(files["table"], encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(told.tiles) == 2 * 6
    for row in rows:
        ranked = row["candidate"] == "result"
        assert float(row["uncertainty_rank"]) == pytest.approx(1) if ranked else row["uncertainty_rank"] == ""
    with open(files["summary"], encoding="utf-8") as file:
        record = json.load(file)["uncertainty"]
    assert record["rank"] == pytest.approx(1) and len(record["mean_absolute_error_by_tenth"]) == 10
    with open(files["report"], encoding="utf-8") as file:
        page = file.read()
    assert "<h2>Uncertainty</h2>" in page and "Spread &amp; co" in page and "no proof" in page


@pytest.mark.parametrize(
    "facts, words",
    [
        ({"geotransform": (500005.0, *FINE[1:])}, "does not have the grid"),
        ({"geotransform": (500000.0, 10.0, 0.0, 4100000.0, 0.0, -10.0)}, "does not have the grid"),
        ({"geotransform": None, "wkt": ""}, "not georeferenced"),
        ({"wkt": 'LOCAL_CS["Elsewhere",UNIT["metre",1]]'}, "coordinate reference systems"),
        ({"descriptions": ("B08 uncertainty", "B02 uncertainty")}, "no band for band 2"),
    ],
)
def test_a_raster_of_something_else_is_told(paths, spread, facts, words):
    with pytest.raises(UncertaintyMismatch, match=words) as caught:
        judge(paths, spread(**facts))
    assert caught.value.hint


def test_values_of_something_else_are_told(paths, spread, arrays):
    with pytest.raises(UncertaintyMismatch, match="negative"):
        judge(paths, spread(arrays[1] - arrays[2]))
    with pytest.raises(UncertaintyMismatch, match="something else"):
        judge(paths, paths[1])
    with pytest.raises(UncertaintyMismatch, match="no band for band 1"):
        judge(paths, spread(arrays[1][:1], descriptions=()))
    with pytest.raises(UncertaintyMismatch, match="no pixel"):
        judge(paths, spread(np.full((2, *SIZE), np.nan)))
    with pytest.raises(BandError):
        judge(paths, spread(), bands=(3,))


def test_an_uncertainty_needs_a_truth(paths, spread):
    with pytest.raises(ParameterError, match="Without a truth"):
        judge(paths, spread(), truth="")


def test_the_uncertainty_is_never_overwritten(paths, spread):
    with pytest.raises(OutputError, match="source"):
        judge(paths, spread(), summary=spread())
