"""Band fusion through the engine: grids of every phase, tiles that leave no trace, means that stay, gaps, chains."""

import itertools
import os
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("torch")

from osgeo import gdal  # noqa: E402

from sr_plugin.core.bands import LayerBand  # noqa: E402
from sr_plugin.core.card import TileConstraints  # noqa: E402
from sr_plugin.core.catalogue import find_model  # noqa: E402
from sr_plugin.core.errors import (  # noqa: E402
    BandError,
    Cancelled,
    ModelMismatch,
    OutOfMemory,
    ParameterError,
    UnsupportedRaster,
)
from sr_plugin.core.job import JobPlan  # noqa: E402
from sr_plugin.core.point_spread import reduce_image  # noqa: E402
from sr_plugin.pipeline.fusion_steps import sharpening_steps  # noqa: E402
from sr_plugin.pipeline.prepare_fusion import prepare_fusion  # noqa: E402
from sr_plugin.pipeline.request import FusionRequest, SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.conftest import read_raster, write_raster  # noqa: E402
from tests.fusion_scenes import COARSE, FINE, MIDDLE, scene_bands, write_fusion_model, write_scene  # noqa: E402
from tests.pipeline.conftest import Recorder, local  # noqa: E402

pytestmark = pytest.mark.gdal
ORDER = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return tuple(write_fusion_model(folder / f"fuse-{g}.pth", g, seed=n) for n, g in enumerate(("20m", "60m")))


@pytest.fixture
def fuse(tmp_path, models):
    """Fuse the rasters of a scene; gives the result."""

    def go(paths, name="out.tif", feedback=None, open_session=local, factor=1, band_model="", **more):
        chosen, model = more.pop("models", models), more.pop("model", "bicubic:2")
        fusion = FusionRequest(tuple(paths[1:]), tuple(chosen), factor, band_model)
        request = SuperResolveRequest(paths[0], str(tmp_path / name), model, fusion=fusion, listed=False, **more)
        return superresolve(request, feedback, open_session)

    return go


def names_of(path):
    dataset = gdal.Open(path)
    return [dataset.GetRasterBand(n).GetDescription() for n in range(1, dataset.RasterCount + 1)]


def means_of(pixels, ratio, phase):
    """Means of the cells that lie whole within ``(bands, h, w)``, and the first of them as row and column."""
    first = [-(-p // ratio) for p in (phase[1], phase[0])]
    start = [f * ratio - p for f, p in zip(first, (phase[1], phase[0]))]
    counts = [(side - s) // ratio for side, s in zip(pixels.shape[1:], start)]
    cut = pixels[:, start[0] : start[0] + counts[0] * ratio, start[1] : start[1] + counts[1] * ratio]
    return cut.reshape(len(pixels), counts[0], ratio, counts[1], ratio).mean(axis=(2, 4)), first


def assert_means_stay(result, paths, phases, factor=1, tolerance=0.005):
    bands = read_raster(result.output).astype(float)
    for names, path, ratio, phase in ((MIDDLE, paths[1], 2, phases[0]), (COARSE, paths[2], 6, phases[1])):
        fused = bands[[ORDER.index(name) for name in names]]
        means, (row, column) = means_of(fused, ratio * factor, [p * factor for p in phase])
        original = read_raster(path)[:, row : row + means.shape[1], column : column + means.shape[2]]
        assert means.size and np.abs(means / original - 1).max() < tolerance


def test_all_bands_come_out_fine(fuse, tmp_path):
    phases = ((1, 0), (1, 2))
    paths = write_scene(tmp_path, phases=phases)
    feedback = Recorder()
    result = fuse(paths, feedback=feedback)
    assert (result.width, result.height, result.bands, result.scale) == (83, 70, 12, 1)
    assert names_of(result.output) == ORDER
    dataset = gdal.Open(result.output)
    assert dataset.GetGeoTransform() == gdal.Open(paths[0]).GetGeoTransform()
    assert dataset.GetRasterBand(1).DataType == gdal.GDT_UInt16
    pixels = read_raster(result.output)
    np.testing.assert_array_equal(pixels[[ORDER.index(name) for name in FINE]], read_raster(paths[0]))
    assert_means_stay(result, paths, phases)
    assert 1 < result.consistency_rmse < 20
    exact = fuse(paths, name="exact.tif", consistency=True)
    # Rounding to whole numbers is all that is between the means and the cells.
    assert 0 < exact.consistency_rmse < 0.3
    # Who may differ by half a percent is changed less.
    assert np.abs(read_raster(exact.output).astype(float) - pixels).max() > 2
    assert "torch" in result.backend or "openvino" in result.backend
    assert dataset.GetMetadataItem("SR_MODEL") == "fuse-20m + fuse-60m"


def test_the_network_has_a_say(fuse, tmp_path):
    """Another network gives other detail, with the same means."""
    paths = write_scene(tmp_path)
    other = write_fusion_model(tmp_path / "other.pth", seed=9)
    one = read_raster(fuse(paths).output).astype(float)
    two = fuse(paths, name="two.tif", models=[other])
    assert names_of(two.output) == [n for n in ORDER if n not in COARSE]
    change = np.abs(read_raster(two.output).astype(float)[3] - one[ORDER.index("B05")])
    assert change.max() > 20


@pytest.mark.parametrize("phases", list(itertools.product([(0, 0), (1, 0), (0, 1), (1, 1)], [(0, 0), (1, 2), (5, 3)])))
def test_tiles_leave_no_trace_whatever_the_phase(fuse, tmp_path, phases):
    paths = write_scene(tmp_path, phases=phases)
    whole = fuse(paths, tile=512)
    tiled = fuse(paths, name="tiled.tif", tile=32)
    assert tiled.tiles == 9 and whole.tiles == 1
    assert_same(whole, tiled)
    assert_means_stay(tiled, paths, phases)
    assert tiled.consistency_rmse == pytest.approx(whole.consistency_rmse, rel=1e-3)


def assert_same(one, other, share=1e-4):
    """At most a few values that lie between two numbers may be rounded to the other side."""
    difference = np.abs(read_raster(one.output).astype(float) - read_raster(other.output).astype(float))
    assert difference.max() <= 1 and (difference > 0).mean() <= share


@pytest.mark.parametrize("phases", [((0.5, 0.25), (2.3, 4.9)), ((1.4, 0), (0, 0.6))])
def test_grids_that_do_not_nest(fuse, tmp_path, phases):
    paths = write_scene(tmp_path, phases=phases)
    whole = fuse(paths, tile=512, consistency=True)
    assert_same(whole, fuse(paths, name="tiled.tif", tile=32, consistency=True))
    assert whole.consistency_rmse < 0.5


def test_position_decides_and_not_the_index(fuse, tmp_path):
    """Rasters that begin elsewhere and are larger give the same pixels where they show the same place."""
    paths = write_scene(tmp_path, size=(72, 84), phases=((0, 0), (0, 0)))
    expected = read_raster(fuse(paths).output)
    cut = read_raster(paths[0])[:, 6:66, 12:72]
    corner = (500000.0 + 120, 10.0, 0.0, 4100000.0 - 60, 0.0, -10.0)
    paths[0] = write_raster(tmp_path / "cut.tif", cut, corner, descriptions=FINE)
    found = read_raster(fuse(paths, name="part.tif").output)
    # Away from its border, where the network sees less of the fine bands.
    inner = expected[:, 6:66, 12:72][:, 12:-12, 12:-12].astype(float)
    assert np.abs(found[:, 12:-12, 12:-12] - inner).max() <= 1


def test_an_extent_and_polygons(fuse, tmp_path):
    paths = write_scene(tmp_path)
    expected = read_raster(fuse(paths).output)
    extent = (500000.0 + 200, 4100000.0 - 600, 500000.0 + 650, 4100000.0 - 170)
    result = fuse(paths, name="part.tif", extent=extent, tile=32)
    found = read_raster(result.output).astype(float)
    assert np.abs(found - expected[:, 17:60, 20:65]).max() <= 1
    assert gdal.Open(result.output).GetGeoTransform()[0] == 500200.0


def test_gaps_of_any_input_are_gaps_of_what_is_made_of_it(fuse, tmp_path):
    def punch(name, pixels):
        if name == "20m":
            pixels[0, 10, 12] = 0
        if name == "10m":
            pixels[2, 50, 60] = 0
        return pixels

    paths = write_scene(tmp_path, phases=((0, 0), (0, 0)), nodata=0, change=punch)
    result = fuse(paths)
    pixels = read_raster(result.output)
    gap = pixels == 0
    index = {name: n for n, name in enumerate(ORDER)}
    for name in ORDER:
        expected = np.zeros(pixels.shape[1:], bool)
        if name in MIDDLE + COARSE:
            expected[20:22, 24:26] = expected[50, 60] = True
        if name == "B04":
            expected[50, 60] = True
        np.testing.assert_array_equal(gap[index[name]], expected, name)
    assert_same(result, fuse(paths, name="tiled.tif", tile=32))


def test_gaps_as_a_mask_of_all_bands(fuse, tmp_path):
    def punch(name, pixels):
        if name == "20m":
            pixels[0, 10, 12] = 0
        return pixels

    paths = write_scene(tmp_path, phases=((0, 0), (0, 0)), nodata=0, change=punch)
    dataset = gdal.Open(fuse(paths, gaps_as_mask=True).output)
    band = dataset.GetRasterBand(1)
    expected = np.zeros((dataset.RasterYSize, dataset.RasterXSize), bool)
    expected[20:22, 24:26] = True
    assert band.GetNoDataValue() is None and band.GetMaskFlags() == gdal.GMF_PER_DATASET
    np.testing.assert_array_equal(band.GetMaskBand().ReadAsArray() == 0, expected)


def test_fine_pixels_without_cells_are_a_gap_of_the_mask(fuse, tmp_path):
    paths = write_scene(tmp_path, phases=((0, 0), (0, 0)))
    short = read_raster(paths[1])[:, :, :-3]
    corner = (500000.0, 20.0, 0.0, 4100000.0, 0.0, -20.0)
    paths[1] = write_raster(tmp_path / "short.tif", short, corner, descriptions=MIDDLE)
    dataset = gdal.Open(fuse(paths, gaps_as_mask=True).output)
    band = dataset.GetRasterBand(1)
    assert band.GetMaskFlags() == gdal.GMF_PER_DATASET
    mask = band.GetMaskBand().ReadAsArray()
    assert not mask[:, 2 * short.shape[2] :].any() and mask[:, : 2 * short.shape[2]].all()


def test_fine_pixels_without_cells_are_gaps(fuse, tmp_path):
    paths = write_scene(tmp_path, phases=((0, 0), (0, 0)))
    short = read_raster(paths[1])[:, :, :-3]
    paths[1] = write_raster(
        tmp_path / "short.tif", short, (500000.0, 20.0, 0.0, 4100000.0, 0.0, -20.0), descriptions=MIDDLE
    )
    pixels = read_raster(fuse(paths).output)
    edge = 2 * short.shape[2]
    assert (pixels[ORDER.index("B05")][:, edge:] == 0).all() and (pixels[ORDER.index("B05")][:, :edge] > 0).all()
    assert (pixels[ORDER.index("B02")] > 0).all()


@pytest.mark.parametrize("consistency", [False, True])
def test_all_bands_finer_than_the_finest(fuse, tmp_path, consistency):
    phases = ((1, 1), (3, 1))
    paths = write_scene(tmp_path, phases=phases)
    options = {"factor": 2, "model": "bicubic:2", "consistency": consistency}
    result = fuse(paths, **options)
    assert (result.width, result.height, result.bands, result.scale) == (166, 140, 12, 2)
    assert gdal.Open(result.output).GetGeoTransform()[1] == 5.0 and names_of(result.output) == ORDER
    assert_same(result, fuse(paths, name="tiled.tif", tile=32, **options))
    if consistency:
        assert_means_stay(result, paths, phases, 2)
        fine = read_raster(result.output).astype(float)[[ORDER.index(name) for name in FINE]]
        assert np.abs(means_of(fine, 2, (0, 0))[0] - read_raster(paths[0])).max() <= 0.5


def test_a_model_of_the_finest_bands_and_one_for_all_others(fuse, tmp_path):
    """The finest bands of a chain are those that the model alone would give."""
    paths = write_scene(tmp_path)
    feedback = Recorder()
    result = fuse(paths, factor=2, model="s2-rgbn-x2", band_model="bicubic:2", tile=32, feedback=feedback)
    alone = superresolve(SuperResolveRequest(paths[0], str(tmp_path / "alone.tif"), "s2-rgbn-x2"), open_session=local)
    found = read_raster(result.output).astype(float)[[ORDER.index(n) for n in ("B04", "B03", "B02", "B08")]]
    assert np.abs(found - read_raster(alone.output)).max() <= 1
    plain = fuse(paths, name="plain.tif", factor=2, model="bicubic:2")
    others = [ORDER.index(name) for name in MIDDLE + COARSE]
    assert np.abs(read_raster(plain.output).astype(float) - read_raster(result.output))[others].max() <= 1
    assert "s2-rgbn-x2" in gdal.Open(result.output).GetMetadataItem("SR_MODEL")


def test_consistency_is_measured_with_the_blur_that_the_model_was_made_for(fuse, tmp_path):
    """A result that was made to agree with its input, and that no type clips or rounds, is told to do so."""
    phases = ((1, 0), (3, 2))
    paths = write_scene(tmp_path, phases=phases)
    card = find_model("any-x2")
    assert card.psf.kind == "gaussian"
    result = fuse(paths, factor=2, model="any-x2", consistency=True, output_type="float32")
    assert 0 < result.consistency_rmse < 0.01
    seen = reduce_image(read_raster(result.output).astype(float), 2, card.psf)
    np.testing.assert_allclose(seen[[ORDER.index(name) for name in FINE]], read_raster(paths[0]), atol=0.01)
    plain = fuse(paths, name="plain.tif", factor=2, model="any-x2")
    assert plain.consistency_rmse > 1
    tiled = fuse(paths, name="tiled.tif", factor=2, model="any-x2", tile=32)
    assert tiled.consistency_rmse == pytest.approx(plain.consistency_rmse, rel=1e-3)


@pytest.mark.parametrize("change", [{"tiles": TileConstraints(fixed=(64, 64))}, {"reach": None}])
@pytest.mark.parametrize("name", ["any-x2", "s2-rgbn-x2"])
def test_no_model_of_fixed_tiles_follows_a_fusion(name, change):
    card = replace(find_model(name), **change)
    request = SuperResolveRequest("in.tif", "out.tif", name)
    layer = [LayerBand(number, band) for number, band in enumerate(FINE, start=1)]
    with pytest.raises(ParameterError, match=f"'{name}' takes tiles of one size only"):
        sharpening_steps(
            request, FusionRequest((), ("s2-fuse-20m",), 2), layer, range(4), 4, lambda _: card, Recorder()
        )


@pytest.mark.parametrize("generative", [True, False])
def test_a_generative_model_behind_a_fusion_is_told(generative):
    card, feedback = replace(find_model("any-x2"), generative=generative), Recorder()
    request = SuperResolveRequest("in.tif", "out.tif", card.name)
    layer = [LayerBand(number, band) for number, band in enumerate(FINE, start=1)]
    fusion = FusionRequest((), ("s2-fuse-20m",), 2)
    sharpening_steps(request, fusion, layer, range(4), 4, lambda _: card, feedback)
    assert any("may invent detail" in text for text in feedback.warnings) == generative


def test_a_model_of_another_factor_stands_aside(fuse, tmp_path):
    feedback = Recorder()
    result = fuse(write_scene(tmp_path), factor=4, model="s2-rgbn-x2", band_model="nearest:4", feedback=feedback)
    assert result.scale == 4
    assert any("s2-rgbn-x2' does not make pixels 4 times as fine" in text for text in feedback.messages)


def test_memory_that_runs_out_gives_the_same_pixels(fuse, tmp_path):
    class Small(LocalSession):
        def submit(self, arrays, task):
            if arrays[0].data.shape[1] > 60:
                from concurrent.futures import Future

                future = Future()
                future.set_exception(OutOfMemory("The model ran out of memory on this tile."))
                return future
            return super().submit(arrays, task)

    paths = write_scene(tmp_path)
    feedback = Recorder()
    small = fuse(paths, name="small.tif", open_session=lambda _card: Small(), feedback=feedback)
    assert any("tile size was halved" in text for text in feedback.warnings)
    assert_same(fuse(paths), small)


def test_an_interrupted_run_goes_on(fuse, tmp_path):
    paths = write_scene(tmp_path)
    expected = read_raster(fuse(paths, name="expected.tif", tile=16).output)
    with pytest.raises(Cancelled):
        fuse(paths, tile=16, keep_partial=True, feedback=Recorder(cancel_after=8))
    feedback = Recorder()
    result = fuse(paths, tile=16, feedback=feedback)
    assert any("Going on with an interrupted run" in text for text in feedback.messages)
    assert feedback.steps[0][0] >= 8
    np.testing.assert_array_equal(read_raster(result.output), expected)
    assert not [name for name in os.listdir(tmp_path) if ".part." in name]


def test_a_changed_coarse_raster_makes_a_new_job(fuse, tmp_path):
    paths = write_scene(tmp_path)
    with pytest.raises(Cancelled):
        fuse(paths, tile=16, keep_partial=True, feedback=Recorder(cancel_after=8))
    write_scene(tmp_path, seed=8)
    feedback = Recorder()
    fuse(paths, tile=16, feedback=feedback)
    assert not any("Going on" in text for text in feedback.messages)


def test_missing_bands_are_named(fuse, tmp_path):
    paths = write_scene(tmp_path)
    cut = read_raster(paths[1])[1:]
    paths[1] = write_raster(tmp_path / "cut.tif", cut, gdal.Open(paths[1]).GetGeoTransform(), descriptions=MIDDLE[1:])
    with pytest.raises(BandError, match="'fuse-20m' needs B04, B03, B02, B08, B05.*the input lacks B05 among B02"):
        fuse(paths)


def test_what_cannot_be_fused_is_refused(fuse, tmp_path, models):
    paths = write_scene(tmp_path)
    with pytest.raises(ModelMismatch, match="'bicubic:2' does not make coarse bands finer"):
        fuse(paths, models=["bicubic:2"])
    with pytest.raises(ParameterError, match="No band-fusion model"):
        fuse(paths, models=[])
    with pytest.raises(ParameterError, match="gives B05, which 'fuse-20m' gives, too"):
        fuse(paths, models=[models[0], models[0]])
    with pytest.raises(ParameterError, match="does not make any single band 2 times as fine"):
        fuse(paths, factor=2, model="bicubic:4", band_model="s2-rgbn-x2")
    with pytest.raises(UnsupportedRaster, match="from fine to coarse"):
        fuse([paths[1], paths[0], paths[2]])
    far = write_raster(
        tmp_path / "far.tif", read_raster(paths[1]), (0.0, 20.0, 0.0, 0.0, 0.0, -20.0), descriptions=MIDDLE
    )
    with pytest.raises(UnsupportedRaster, match="do not overlap"):
        fuse([paths[0], far, paths[2]])
    large = write_raster(
        tmp_path / "large.tif", read_raster(paths[1]), (500000.0, 30.0, 0.0, 4100000.0, 0.0, -30.0), descriptions=MIDDLE
    )
    with pytest.raises(BandError, match="pixels are 2 times as large as the finest ones, but one .* is 3 times"):
        fuse([paths[0], large, paths[2]])
    with pytest.raises(ParameterError, match="A fusion of bands has no uncertainty"):
        fuse(paths, uncertainty=str(tmp_path / "u.tif"))


def test_a_plan_survives_the_wire(tmp_path, models):
    import json

    paths = write_scene(tmp_path)
    fusion = FusionRequest(tuple(paths[1:]), models, 2, "bicubic:2")
    request = SuperResolveRequest(paths[0], str(tmp_path / "out.tif"), "s2-rgbn-x2", fusion=fusion)
    plan = prepare_fusion(request, Recorder(), local).plan
    again = JobPlan.from_wire(json.loads(json.dumps(plan.to_wire())))
    assert again == plan and again.digest == plan.digest


def test_an_error_of_half_a_grid_would_show(fuse, tmp_path):
    """Bands fused from a truth of 10 m lie where the truth lies."""
    phases = ((1, 1), (5, 4))
    paths = write_scene(tmp_path, size=(96, 96), phases=phases)
    truth = scene_bands(12, 96, 96)
    plain = write_fusion_model(tmp_path / "plain.pth", strength=0.0)
    found = read_raster(fuse(paths, models=[plain]).output).astype(float)
    for number, name in enumerate(MIDDLE):
        smooth = truth[4 + number][8:-8, 8:-8]
        fused = found[[n for n in ORDER if n not in COARSE].index(name)]
        scores = {
            shift: np.corrcoef(np.roll(fused, shift, axis=(0, 1))[8:-8, 8:-8].ravel(), smooth.ravel())[0, 1]
            for shift in itertools.product((-1, 0, 1), repeat=2)
        }
        assert max(scores, key=scores.get) == (0, 0)


def test_dark_places_keep_their_means(fuse, tmp_path):
    """What falls below zero beside bright places is taken from the other pixels of its cell."""

    def darken(name, pixels):
        middle = pixels.shape[2] // 2
        pixels[:, :, middle:] = 12
        return pixels

    phases = ((0, 0), (0, 0))
    paths = write_scene(tmp_path, phases=phases, change=darken)
    pixels = read_raster(fuse(paths, consistency=True).output).astype(float)
    assert pixels.min() == 0
    for names, path, ratio in ((MIDDLE, paths[1], 2), (COARSE, paths[2], 6)):
        means, _ = means_of(pixels[[ORDER.index(name) for name in names]], ratio, (0, 0))
        cells = read_raster(path)[:, : means.shape[1], : means.shape[2]]
        assert np.abs(means - cells).max() <= 1
