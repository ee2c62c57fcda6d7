"""The deviation over flips, quarter turns and models as a raster, and bicubic where it is large."""

import os
import pathlib

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.card import TRANSLATION, BandSpec, ModelCard, TileConstraints, WeightFile  # noqa: E402
from sr_plugin.core.card_file import write_card  # noqa: E402
from sr_plugin.core.errors import Cancelled, OutputBusy, OutputError, ParameterError  # noqa: E402
from sr_plugin.core.output_lock import OutputLock  # noqa: E402
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest  # noqa: E402
from sr_plugin.core.session import LoadedModel  # noqa: E402
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange  # noqa: E402
from sr_plugin.pipeline.interrupted import Standing, discard, interrupted_jobs  # noqa: E402
from sr_plugin.raster import final_name  # noqa: E402
from sr_plugin.worker import engine, uncertainty  # noqa: E402
from sr_plugin.worker.backends.base import Backend  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402

pytestmark = pytest.mark.gdal
MODEL = "s2-rgbn-x2"
#: What the second network sees and gives is another thing than what the first one does.
SHIFTED = ValueRange("shifted", "dn", (0.01,), (-1.0,), 50.0, 30.0)


class Mixing(Backend):
    """Mixes every pixel with some at a distance, differently in each direction, and repeats it."""

    def __init__(self, reach, gain):
        self.reach, self.gain = reach, gain

    def mixed(self, image):
        """``(bands, h, w)`` to ``(bands, 2h, 2w)``."""
        r, (height, width) = self.reach, image.shape[1:]
        padded = np.pad(image, [(0, 0), (r, r), (r, r)])
        parts = ((r, r, 0.9), (0, r, 0.3), (2 * r, 0, -0.25), (r, 2 * r, 0.05))
        total = sum(w * padded[:, y : y + height, x : x + width] for y, x, w in parts)
        return enlarge_nearest(self.gain * total, 2)

    def forward(self, batch):
        return self.mixed(batch[0].astype(np.float64)).astype(np.float32)[None]

    def describe(self):
        return LoadedModel("test 1", "cpu", "CPU", "float32")


FIRST, SECOND = Mixing(3, 1.0), Mixing(5, 1.6)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Write the card of a model: its name and what differs from the first one; gives its path."""
    monkeypatch.setattr(engine, "open_measured", lambda *_: (FIRST, ()))
    monkeypatch.setattr(uncertainty, "open_backend", lambda *_: SECOND)

    def write(name, **changes):
        (tmp_path / f"{name}.onnx").write_bytes(f"stand-in {name}".encode())
        values = dict(
            title=name, family="test", scale=2, input_bands=(BandSpec("a"), BandSpec("b")), reach=3,
            value_range=VALUE_RANGES["dn"], weights=(WeightFile(str(tmp_path / f"{name}.onnx"), "onnx"),),
        )  # fmt: skip
        write_card(ModelCard(name, **{**values, **changes}), str(tmp_path / f"{name}.json"))
        return str(tmp_path / f"{name}.json")

    return write


@pytest.fixture
def pair(models):
    """Two models that differ in reach, value range and in the tiles they take."""
    return models("first"), models("second", reach=5, value_range=SHIFTED, tiles=TileConstraints(multiple_of=4))


@pytest.fixture
def pixels():
    """Two smooth bands with edges, ``(2, 44, 52)``."""
    rng = np.random.default_rng(3)
    return (rng.integers(2, 9, (2, 11, 13)).repeat(4, 1).repeat(4, 2) * 100 + rng.integers(0, 9, (2, 44, 52))).astype(
        np.uint16
    )


def views(image, model):
    """A model's answers to eight turned copies, turned back."""
    found = []
    for turns in range(4):
        turned = np.rot90(image, turns, (1, 2))
        found.append(np.rot90(model(turned), -turns, (1, 2)))
        found.append(np.rot90(model(turned[:, :, ::-1])[:, :, ::-1], -turns, (1, 2)))
    return found


def shifted(image):
    """The second model in units of the data."""
    return SECOND.mixed(image * 0.01 - 1.0) * 50.0 + 30.0


def deviation_of(image, *given):
    """The standard deviation over all views of all models, spelled out."""
    return np.std([view for model in given for view in views(image.astype(np.float64), model)], axis=0)


@pytest.mark.parametrize("tile", [64, 16, 9])
def test_it_is_the_deviation_over_eight_views_however_it_is_tiled(run, make_raster, models, pixels, tmp_path, tile):
    path, model = str(tmp_path / "u.tif"), models("first")
    result = run(make_raster(pixels), model, tile=tile, bands=(1, 2), uncertainty=path)
    found = read_raster(path)
    assert found.dtype == np.float32 and result.uncertainty == path
    np.testing.assert_allclose(found, deviation_of(pixels, FIRST.mixed), atol=0.01)
    plain = run(make_raster(pixels), model, bands=(1, 2), output=str(tmp_path / "plain.tif"))
    np.testing.assert_array_equal(read_raster(result.output), read_raster(plain.output))
    assert result.consistency_rmse == pytest.approx(plain.consistency_rmse)


@pytest.mark.parametrize("tile", [64, 16, 9])
def test_over_several_models_it_is_that_of_all_their_answers(run, make_raster, pair, pixels, tmp_path, tile):
    path, (first, second), recorder = str(tmp_path / "u.tif"), pair, Recorder()
    options = dict(tile=tile, bands=(1, 2), uncertainty=path, uncertainty_models=(second,), feedback=recorder)
    result = run(make_raster(pixels), first, **options)
    # 44 rows and 52 columns are multiples of 4, so no padding enters.
    np.testing.assert_allclose(read_raster(path), deviation_of(pixels, FIRST.mixed, shifted), rtol=1e-4, atol=0.05)
    plain = run(make_raster(pixels), first, bands=(1, 2), output=str(tmp_path / "plain.tif"))
    np.testing.assert_array_equal(read_raster(result.output), read_raster(plain.output))
    told = " ".join(recorder.messages)
    assert "8 flipped and turned copies of each tile through 2 models (first, second), 16 times the work" in told
    assert '"uncertainty_models": {"second": ' in gdal.Open(path).GetMetadataItem("SR_SETTINGS")


def test_the_mask_tells_where_bicubic_took_the_place(run, make_raster, pair, pixels, tmp_path):
    path, mask, (first, second) = str(tmp_path / "u.tif"), str(tmp_path / "m.tif"), pair
    source = make_raster(pixels, descriptions=("red", "nir"))
    limit = float(np.quantile(deviation_of(pixels, FIRST.mixed, shifted), 0.6))
    options = dict(bands=(1, 2), uncertainty_models=(second,), uncertainty_limit=limit, tile=16)
    result = run(source, first, uncertainty=path, uncertainty_mask=mask, **options)
    deviation, replaced, guarded = read_raster(path), read_raster(mask), read_raster(result.output)
    assert replaced.dtype == np.uint8 and result.uncertainty_mask == mask
    np.testing.assert_array_equal(replaced, (deviation > np.float32(limit)).astype(np.uint8))
    assert 0.3 < replaced.mean() < 0.5
    plain = read_raster(run(source, first, bands=(1, 2), output=str(tmp_path / "plain.tif")).output)
    np.testing.assert_array_equal(guarded[replaced == 0], plain[replaced == 0])
    safe = enlarge_cubic(pixels.astype(np.float64), 2)
    np.testing.assert_allclose(guarded[replaced == 1], safe[replaced == 1], atol=0.51)
    dataset = gdal.Open(mask)
    assert dataset.GetRasterBand(2).GetDescription() == "nir bicubic"
    assert "bicubic" in dataset.GetMetadataItem("SR_NOTE")
    assert dataset.GetRasterBand(1).GetNoDataValue() is None
    # The same mask comes without the deviation, and the same result without either.
    run(source, first, uncertainty_mask=str(tmp_path / "m2.tif"), **options)
    np.testing.assert_array_equal(read_raster(str(tmp_path / "m2.tif")), replaced)
    alone = run(source, first, **options).output
    np.testing.assert_array_equal(read_raster(alone), guarded)


def test_gaps_stay_gaps_and_certain_pixels_do_not_become_gaps(run, make_raster, models, tmp_path):
    """Where all is alike, the deviation and the mask are 0, which is the nodata value of the source."""
    flat = np.full((3, 40, 30), 500, np.uint16)
    flat[:, 20:24, 10:16] = 0
    flat[1, 5, 5] = 0
    source = make_raster(flat, nodata=0, descriptions=("x", "y", "z"))
    path, mask = str(tmp_path / "u.tif"), str(tmp_path / "m.tif")
    options = dict(uncertainty=path, uncertainty_mask=mask, uncertainty_limit=10, other_bands="enlarge", bands=(1, 2))
    result = run(source, models("first"), **options)
    assert read_raster(result.output).shape == (3, 80, 60)
    gaps = enlarge_nearest(flat[:2] == 0, 2)
    np.testing.assert_array_equal(np.isnan(read_raster(path)), gaps)
    np.testing.assert_array_equal(read_raster(mask) == 255, gaps)
    assert np.isnan(gdal.Open(path).GetRasterBand(1).GetNoDataValue())
    assert gdal.Open(mask).GetRasterBand(1).GetNoDataValue() == 255
    assert gdal.Open(path).GetRasterBand(1).GetDescription() == "x uncertainty"
    inner = (slice(None), slice(12, 30), slice(12, 30))
    assert np.nanmax(read_raster(path)[inner]) < 0.01 and set(np.unique(read_raster(mask)[inner])) == {0}
    # A mask band marks gaps of all bands at once, and so do the files beside it.
    run(source, models("first"), gaps_as_mask=True, **options)
    shared = np.broadcast_to(gaps.any(axis=0), gaps.shape)
    np.testing.assert_array_equal(np.isnan(read_raster(path)), shared)
    np.testing.assert_array_equal(read_raster(mask) == 255, shared)
    dataset = gdal.Open(result.output)
    np.testing.assert_array_equal(dataset.GetRasterBand(1).GetMaskBand().ReadAsArray() == 0, shared[0])


def test_polygons_leave_gaps_in_all_files(run, make_raster, models, pixels, tmp_path):
    from osgeo import ogr

    wkt = "POLYGON((500000 4099900,500200 4099900,500200 4100000,500000 4100000,500000 4099900))"
    polygon = bytes(ogr.CreateGeometryFromWkt(wkt).ExportToWkb())
    path, mask = str(tmp_path / "u.tif"), str(tmp_path / "m.tif")
    options = dict(uncertainty=path, uncertainty_mask=mask, uncertainty_limit=10, mask=(polygon,), bands=(1, 2))
    run(make_raster(pixels), models("first"), gaps_as_mask=True, **options)
    found, replaced = read_raster(path), read_raster(mask)
    assert found.shape == (2, 20, 40) == replaced.shape and not np.isnan(found).any()
    triangle = "POLYGON((500000 4099900,500200 4099900,500000 4100000,500000 4099900))"
    options["mask"] = (bytes(ogr.CreateGeometryFromWkt(triangle).ExportToWkb()),)
    run(make_raster(pixels), models("first"), tile=4, **options)
    outside = np.isnan(read_raster(path))
    np.testing.assert_array_equal(outside, read_raster(mask) == 255)
    assert 0.3 < outside.mean() < 0.6


def interrupted(run, source, model, tmp_path, **options):
    with pytest.raises(Cancelled):
        run(source, model, feedback=Recorder(cancel_after=3), keep_partial=True, **options)
    assert sorted(name for name in os.listdir(tmp_path) if name.endswith((".tif", ".lock"))) != []


def test_an_interrupted_run_goes_on_with_all_its_files(run, make_raster, pair, pixels, tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    path, mask, (first, second) = str(tmp_path / "u.tif"), str(tmp_path / "m.tif"), pair
    source = make_raster(pixels)
    options = dict(bands=(1, 2), uncertainty_models=(second,), uncertainty_limit=60.0, tile=8)
    files = dict(output=str(tmp_path / "r.tif"), uncertainty=path, uncertainty_mask=mask)
    interrupted(run, source, first, tmp_path, **options, **files)
    assert not any(os.path.exists(name) for name in files.values())
    (job,) = interrupted_jobs()
    assert job.standing is Standing.CONTINUABLE and 0 < job.done < job.tiles
    assert (job.request.uncertainty, job.request.uncertainty_mask, job.request.uncertainty_models) == (
        path, mask, (second,),
    )  # fmt: skip
    recorder = Recorder()
    from sr_plugin.pipeline.superresolve import superresolve
    from tests.pipeline.conftest import local

    superresolve(job.request, recorder, local)
    assert any("interrupted run" in text for text in recorder.messages)
    continued = [read_raster(name) for name in files.values()]
    assert interrupted_jobs() == [] and [n for n in os.listdir(tmp_path) if ".part." in n] == []
    fresh = dict(zip(files, (str(tmp_path / f"{n}.tif") for n in range(3))))
    run(source, first, **options, **fresh)
    for found, name in zip(continued, fresh.values()):
        np.testing.assert_array_equal(found, read_raster(name))


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_what_lies_beside_an_interrupted_result_is_checked_too(
    run, make_raster, pair, pixels, tmp_path, monkeypatch, damage
):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    path, first = str(tmp_path / "u.tif"), pair[0]
    source, options = make_raster(pixels), dict(bands=(1, 2), uncertainty=path, tile=8)
    interrupted(run, source, first, tmp_path, **options)
    (partial,) = (str(tmp_path / n) for n in os.listdir(tmp_path) if n.startswith("u.tif.") and n.endswith(".part.tif"))
    if damage == "gone":
        os.remove(partial)
        assert interrupted_jobs()[0].standing is Standing.PARTIAL_GONE
    else:
        dataset = gdal.Open(partial, gdal.GA_Update)
        dataset.GetRasterBand(1).WriteArray(np.full((4, 4), 9.0, np.float32), 2, 2)
        del dataset
    recorder = Recorder()
    run(source, first, feedback=recorder, **options)
    np.testing.assert_allclose(read_raster(path), deviation_of(pixels, FIRST.mixed), atol=0.01)
    resumed = [text for text in recorder.messages if "interrupted run" in text]
    assert len(resumed) == (0 if damage == "gone" else 1)


def test_other_models_do_not_go_on_with_a_run(run, make_raster, pair, models, pixels, tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    path, (first, second) = str(tmp_path / "u.tif"), pair
    source, options = make_raster(pixels), dict(bands=(1, 2), uncertainty=path, tile=8)
    interrupted(run, source, first, tmp_path, uncertainty_models=(second,), **options)
    recorder = Recorder()
    run(source, first, uncertainty_models=(models("third"),), feedback=recorder, **options)
    assert not any("interrupted run" in text for text in recorder.messages)
    assert [n for n in os.listdir(tmp_path) if ".part." in n] == []


def test_what_computes_a_further_model_is_part_of_the_computation(
    run, make_raster, pair, pixels, tmp_path, monkeypatch
):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    path, (first, second) = str(tmp_path / "u.tif"), pair
    source = make_raster(pixels)
    options = dict(bands=(1, 2), uncertainty=path, uncertainty_models=(second,), tile=8)
    interrupted(run, source, first, tmp_path, **options)
    monkeypatch.setattr(SECOND, "describe", lambda: LoadedModel("test 2", "cpu", "CPU", "float32"))
    recorder = Recorder()
    run(source, first, feedback=recorder, **options)
    assert not any("interrupted run" in text for text in recorder.messages)


def test_a_discarded_run_leaves_nothing(run, make_raster, models, pixels, tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    interrupted(
        run, make_raster(pixels), models("first"), tmp_path, bands=(1, 2), uncertainty=str(tmp_path / "u.tif"), tile=8
    )
    (job,) = interrupted_jobs()
    discard(job)
    assert [n for n in os.listdir(tmp_path) if ".part." in n] == [] and interrupted_jobs() == []


def test_a_cancel_leaves_nothing(run, make_raster, models, pixels, tmp_path):
    paths = dict(uncertainty=str(tmp_path / "u.tif"), uncertainty_mask=str(tmp_path / "m.tif"), uncertainty_limit=9.0)
    before = {*os.listdir(tmp_path), "first.json", "first.onnx", "input.tif"}
    with pytest.raises(Cancelled):
        run(make_raster(pixels), models("first"), bands=(1, 2), tile=8, feedback=Recorder(cancel_after=3), **paths)
    assert set(os.listdir(tmp_path)) == before


def test_no_file_takes_its_name_while_another_one_is_not_whole(run, make_raster, models, pixels, tmp_path, monkeypatch):
    from sr_plugin.raster.writer import RasterWriter

    complete = RasterWriter.complete

    def fails(self, statistics, cancelled):
        if self.spec.pixel_type == "float32":
            raise OutputError("The disk says no.")
        complete(self, statistics, cancelled)

    monkeypatch.setattr(RasterWriter, "complete", fails)
    with pytest.raises(OutputError, match="says no"):
        run(make_raster(pixels), models("first"), bands=(1, 2), uncertainty=str(tmp_path / "u.tif"))
    assert not (tmp_path / "u.tif").exists() and not (tmp_path / "out.tif").exists()


class Renaming:
    """Runs with an uncertainty and a mask over earlier files; the result's own renaming can be made to fail."""

    def __init__(self, run, source, model, folder, monkeypatch):
        self.run, self.source, self.model, self.folder, self.monkeypatch = run, source, model, folder, monkeypatch
        names = {"output": "out.tif", "uncertainty": "u.tif", "uncertainty_mask": "m.tif"}
        self.files = {name: str(folder / file) for name, file in names.items()}

    def go(self, recorder=None, **options):
        return self.run(
            self.source, self.model, bands=(1, 2), uncertainty_limit=60.0, tile=8, feedback=recorder, **self.files,
            **options,
        )  # fmt: skip

    def fails(self, killed=False, **options):
        """Everything is computed, but the result does not get its name; after a kill nobody cleans up."""
        replace = os.replace

        def refused(source, target):
            if target == self.files["output"] and not source.endswith(".old"):
                raise PermissionError("open in another program")
            replace(source, target)

        with self.monkeypatch.context() as patch:
            patch.setattr(os, "replace", refused)
            if killed:
                patch.setattr(final_name, "take_back", lambda *_: None)
            with pytest.raises(OutputError, match="could not be given its name '.*out.tif'"):
                self.go(**options)

    def goes_on(self, **options):
        """The run started again reuses all tiles, and leaves three whole files and nothing else."""
        recorder = Recorder()
        self.go(recorder, **options)
        (told,) = [text for text in recorder.messages if "interrupted run" in text]
        done, total = told.split(": ")[1].split(" tiles")[0].split(" of ")
        assert done == total and int(total) > 10
        assert [n for n in os.listdir(self.folder) if ".part." in n] == [] == interrupted_jobs()
        found = {name: read_raster(path) for name, path in self.files.items()}
        fresh = {name: str(self.folder / f"fresh_{name}.tif") for name in self.files}
        self.run(self.source, self.model, bands=(1, 2), uncertainty_limit=60.0, tile=8, **fresh)
        for name, path in fresh.items():
            np.testing.assert_array_equal(found[name], read_raster(path))


@pytest.fixture
def renaming(run, make_raster, models, pixels, tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    made = Renaming(run, make_raster(pixels), models("first"), tmp_path, monkeypatch)
    for name in ("output", "uncertainty"):
        pathlib.Path(made.files[name]).write_bytes(f"earlier {name}".encode())
    return made


@pytest.mark.parametrize("cog", [False, True])
def test_a_result_that_cannot_have_its_name_leaves_all_files_as_they_were(renaming, tmp_path, cog):
    renaming.fails(cog=cog)
    assert not (tmp_path / "m.tif").exists()
    assert (tmp_path / "out.tif").read_bytes() == b"earlier output"
    assert (tmp_path / "u.tif").read_bytes() == b"earlier uncertainty"
    (job,) = interrupted_jobs()
    assert job.standing is Standing.CONTINUABLE and job.share == 1.0
    renaming.goes_on(cog=cog)


@pytest.mark.parametrize("cog", [False, True])
def test_a_kill_between_two_names_loses_nothing(renaming, tmp_path, cog):
    renaming.fails(killed=True, cog=cog)
    assert (tmp_path / "m.tif").exists() and (tmp_path / "u.tif").read_bytes() != b"earlier uncertainty"
    (job,) = interrupted_jobs()
    assert job.standing is Standing.CONTINUABLE and job.share == 1.0
    renaming.goes_on(cog=cog)


def test_discarding_a_run_killed_between_two_names_brings_the_earlier_files_back(renaming, tmp_path):
    renaming.fails(killed=True)
    (job,) = interrupted_jobs()
    discard(job)
    assert (tmp_path / "out.tif").read_bytes() == b"earlier output"
    assert (tmp_path / "u.tif").read_bytes() == b"earlier uncertainty"
    assert not (tmp_path / "m.tif").exists() and [n for n in os.listdir(tmp_path) if ".part." in n] == []


def test_cloud_optimised_files(run, make_raster, models, pixels, tmp_path):
    path = str(tmp_path / "u.tif")
    result = run(make_raster(pixels), models("first"), bands=(1, 2), uncertainty=path, cog=True)
    for name in (path, result.output):
        assert gdal.Open(name).GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"
    assert [n for n in os.listdir(tmp_path) if ".part." in n] == []


def test_another_run_on_the_same_uncertainty_is_refused(run, make_raster, models, pixels, tmp_path):
    path = str(tmp_path / "u.tif")
    with OutputLock(path), pytest.raises(OutputBusy, match="u.tif"):
        run(make_raster(pixels), models("first"), bands=(1, 2), uncertainty=path)


def test_memory_that_runs_out_halves_the_tiles_of_all_files(run, make_raster, pair, pixels, tmp_path, monkeypatch):
    from sr_plugin.core.errors import OutOfMemory

    path, mask, (first, second) = str(tmp_path / "u.tif"), str(tmp_path / "m.tif"), pair
    forward = Mixing.forward

    def greedy(self, batch):
        if batch.shape[2] > 40 and self is SECOND:
            raise OutOfMemory("too large")
        return forward(self, batch)

    monkeypatch.setattr(Mixing, "forward", greedy)
    options = dict(bands=(1, 2), uncertainty_models=(second,), uncertainty_limit=60.0, tile=64)
    run(make_raster(pixels), first, uncertainty=path, uncertainty_mask=mask, **options)
    expected = deviation_of(pixels, FIRST.mixed, shifted)
    np.testing.assert_allclose(read_raster(path), expected, rtol=1e-4, atol=0.05)
    np.testing.assert_array_equal(read_raster(mask), read_raster(path) > np.float32(60.0))


def test_windows_that_are_blended_have_an_uncertainty(run, make_raster, models, tmp_path):
    """A model that sees its whole tile; bicubic counts where more than half of a pixel is its."""
    pixels = (np.random.default_rng(1).integers(2, 9, (2, 40, 50)) * 100).astype(np.uint16)
    path, mask = str(tmp_path / "u.tif"), str(tmp_path / "m.tif")
    model = models("whole", reach=None, training_tile=24)
    run(make_raster(pixels), model, bands=(1, 2), uncertainty=path, uncertainty_mask=mask, uncertainty_limit=100.0)
    found, replaced = read_raster(path), read_raster(mask)
    inner = deviation_of(pixels, FIRST.mixed)[:, :20, :20]
    np.testing.assert_allclose(found[:, 8:20, 8:20], inner[:, 8:20, 8:20], atol=0.05)
    assert set(np.unique(replaced)) == {0, 1}
    assert (replaced == (found > 100)).mean() > 0.9


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"scale": 4}, "enlarges 4 times, not 2 times"),
        ({"input_bands": (BandSpec("a"), BandSpec("b"), BandSpec("c"))}, "takes a, b, c and gives 3 band"),
        ({"input_bands": (BandSpec("a"),), "output_bands": (BandSpec("x"), BandSpec("y"))}, "takes a and gives 2"),
        ({"kind": TRANSLATION}, "of the kind translation, not single-image"),
        ({"kind": "multi-image"}, "of the kind multi-image, not single-image"),
        ({"reach": None}, "sees its whole tile"),
    ],
)
def test_models_that_do_not_fit_are_refused_before_anything_is_computed(
    run, make_raster, models, pixels, tmp_path, changes, reason
):
    path, first, other = str(tmp_path / "u.tif"), models("first"), models("other", **changes)
    with pytest.raises(ParameterError, match=reason) as failure:
        run(make_raster(pixels), first, bands=(1, 2), uncertainty=path, uncertainty_models=(other,))
    assert "'other' cannot enter the uncertainty of 'first'" in failure.value.message and failure.value.hint
    assert not os.path.exists(path) and not (tmp_path / "out.tif").exists()


def test_bands_in_another_order_are_refused_but_other_names_of_the_same_are_not(
    run, make_raster, models, pixels, tmp_path
):
    red, nir = BandSpec("B04", "red", 0.665), BandSpec("B08", "nir", 0.84)
    first = models("first", input_bands=(red, nir))
    swapped, renamed = (
        models("swapped", input_bands=(nir, red)),
        models("renamed", input_bands=(BandSpec("4", "red", 0.65), BandSpec("5", "nir", 0.86))),
    )
    options = dict(bands=(1, 2), uncertainty=str(tmp_path / "u.tif"))
    with pytest.raises(ParameterError, match="takes B08, B04, not B04, B08"):
        run(make_raster(pixels), first, uncertainty_models=(swapped,), **options)
    run(make_raster(pixels), first, uncertainty_models=(renamed,), **options)


@pytest.mark.parametrize(
    "bands, others, reason",
    [
        (("", "", 0.665), ("", "", 0.84), "takes 840 nm, x, not 665 nm, x"),
        (("", "", 0.665), ("", "", 0.655), ""),
        (("", "red", None), ("", "nir", None), "takes nir, x, not red, x"),
        (("", "red", None), ("", "red", None), ""),
        (("B8", "", 0.59), ("B8", "", 0.84), "takes B8 840 nm, x 490 nm, not B8 590 nm, x 490 nm"),
        (("B05", "rededge", 0.705), ("B06", "rededge", 0.74), "takes B06, x, not B05, x"),
        (("B4", "", None), ("B8", "nir", 0.84), ""),
        (("", "red", None), ("", "", 0.665), ""),
    ],
)
def test_bands_without_names_are_told_apart(run, make_raster, models, pixels, tmp_path, bands, others, reason):
    last = BandSpec("x", "blue", 0.49)
    first = models("first", input_bands=(BandSpec(*bands), last))
    other = models("other", input_bands=(BandSpec(*others), last))
    options = dict(bands=(1, 2), uncertainty=str(tmp_path / "u.tif"), uncertainty_models=(other,))
    if not reason:
        assert run(make_raster(pixels), first, **options).uncertainty
        return
    with pytest.raises(ParameterError, match=reason):
        run(make_raster(pixels), first, **options)


def test_fixed_tiles_of_two_sizes_suit_no_tile(run, make_raster, models, pixels, tmp_path):
    first = models("first", tiles=TileConstraints(fixed=(24, 24)))
    options = dict(bands=(1, 2), uncertainty=str(tmp_path / "u.tif"))
    with pytest.raises(ParameterError, match="No tile has a size"):
        other = models("other", tiles=TileConstraints(fixed=(32, 32)))
        run(make_raster(pixels), first, uncertainty_models=(other,), **options)
    # One that takes any size takes this one too.
    run(make_raster(pixels), first, uncertainty_models=(models("any", reach=5),), **options)
    expected = deviation_of(pixels, FIRST.mixed, SECOND.mixed)
    np.testing.assert_allclose(read_raster(options["uncertainty"]), expected, rtol=1e-4, atol=0.05)


@pytest.mark.parametrize("name", ["first", "bicubic:2"])
def test_a_model_that_says_nothing_new_is_refused(run, make_raster, models, pixels, tmp_path, name):
    first = models("first")
    other = first if name == "first" else name
    with pytest.raises(ParameterError, match="named twice|interpolates"):
        run(make_raster(pixels), first, bands=(1, 2), uncertainty=str(tmp_path / "u.tif"), uncertainty_models=(other,))


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"uncertainty_mask": "m.tif"}, "needs a limit"),
        ({"uncertainty_models": ("any-x2",)}, "not asked for"),
        ({"uncertainty": "out.tif"}, "same name"),
        ({"uncertainty": "u.tif", "uncertainty_mask": "u.tif", "uncertainty_limit": 3.0}, "same name"),
        ({"uncertainty_limit": 0.0}, "above 0"),
        ({"uncertainty_limit": -1.0}, "above 0"),
        ({"uncertainty_limit": float("nan")}, "above 0"),
        ({"uncertainty_limit": float("inf")}, "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(run, make_raster, models, pixels, tmp_path, options, reason):
    paths = {name: str(tmp_path / value) for name, value in options.items() if str(value).endswith(".tif")}
    with pytest.raises(ParameterError, match=reason):
        run(make_raster(pixels), models("first"), bands=(1, 2), **{**options, **paths})


@pytest.mark.parametrize("options", [{"uncertainty": "u.tif"}, {"uncertainty_limit": 5.0}])
def test_an_interpolation_has_no_uncertainty(run, make_raster, pixels, tmp_path, options):
    if "uncertainty" in options:
        options = {"uncertainty": str(tmp_path / "u.tif")}
    with pytest.raises(ParameterError, match="interpolates"):
        run(make_raster(pixels), "bicubic:2", **options)


@pytest.mark.parametrize("name", ["uncertainty", "uncertainty_mask"])
def test_the_source_is_never_written_over(run, make_raster, models, pixels, name):
    source = make_raster(pixels)
    before = open(source, "rb").read()
    with pytest.raises(OutputError, match="input itself"):
        run(source, models("first"), bands=(1, 2), uncertainty_limit=9.0, **{name: source})
    assert open(source, "rb").read() == before


def test_a_shipped_model_leaves_no_trace_of_tiles(run, scene, make_raster, tmp_path):
    pytest.importorskip("onnxruntime")
    source = make_raster(scene[:, :48, :48], descriptions=("B04", "B03", "B02", "B08"))
    whole, tiled = str(tmp_path / "whole.tif"), str(tmp_path / "tiled.tif")
    run(source, MODEL, uncertainty=whole, tile=64)
    run(source, MODEL, uncertainty=tiled, tile=24)
    np.testing.assert_allclose(read_raster(tiled), read_raster(whole), atol=0.05)
    assert np.median(read_raster(whole)) > 1


def test_shipped_models_together(run, scene, make_raster, tmp_path):
    pytest.importorskip("onnxruntime")
    source = make_raster(scene[:, :24, :24], descriptions=("B04", "B03", "B02", "B08"))
    one, two = str(tmp_path / "one.tif"), str(tmp_path / "two.tif")
    alone = run(source, MODEL, uncertainty=one, output=str(tmp_path / "a.tif")).output
    together = run(source, MODEL, uncertainty=two, uncertainty_models=("any-x2",)).output
    np.testing.assert_array_equal(read_raster(together), read_raster(alone))
    assert 1 < np.median(read_raster(one)) < np.median(read_raster(two)) < 500
