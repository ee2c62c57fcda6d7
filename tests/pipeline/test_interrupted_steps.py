"""Interrupted runs of several steps: products that are laid apart or aligned, series with their changes."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import Cancelled, DiskFull, OutputError  # noqa: E402
from sr_plugin.pipeline.interrupted import Standing, discard, interrupted_jobs  # noqa: E402
from sr_plugin.pipeline.product_request import ProductRequest  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.run_listing import RunListing, index_folder  # noqa: E402
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402
from sr_plugin.pipeline.whole_step import read_record  # noqa: E402
from tests.conftest import read_raster, write_raster  # noqa: E402
from tests.pipeline.conftest import Recorder, local  # noqa: E402

pytestmark = pytest.mark.gdal
SHIFTS = [(0.0, 0.0), (0.5, 0.45), (-0.4, 0.3)]


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory, monkeypatch):
    """An index of this test's own."""
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """Names of three rasters of one band, 60 x 70 pixels."""
    pytest.importorskip("scipy")
    pytest.importorskip("skimage")
    from tests.series_scenes import fine_scene, seen

    folder = tmp_path_factory.mktemp("views")
    fine, paths = fine_scene(120, 140, 1), []
    for number, shift in enumerate(SHIFTS):
        transform = (500000.0 + shift[1] * 10, 10.0, 0.0, 4100000.0 - shift[0] * 10, 0.0, -10.0)
        pixels = np.clip(np.round(seen(fine, shift, 0.001, number) * 10000), 1, 65535).astype(np.uint16)
        paths.append(write_raster(folder / f"view{number}.tif", pixels, transform, nodata=0))
    return paths


@pytest.fixture
def series(views, tmp_path):
    """A request for image and changes."""
    from sr_plugin.pipeline.series_request import SeriesRequest, SeriesView

    run = SuperResolveRequest("", str(tmp_path / "out.tif"), "shift-and-add:2", bands=(1,), tile=16, keep_partial=True)
    return SeriesRequest(run, tuple(map(SeriesView, views)), changes=str(tmp_path / "changes.tif"))


class InTheStep(Recorder):
    """Cancels after some tiles of a step."""

    def __init__(self, step, after):
        super().__init__()
        self.step, self.after = step, after

    def cancelled(self):
        begun = [n for n, (done, _) in enumerate(self.steps) if n == 0 or done < self.steps[n - 1][0]]
        return len(begun) == self.step and self.steps[-1][0] >= self.after


class BetweenTheSteps(Recorder):
    """Cancels as soon as the first step was found whole."""

    def cancelled(self):
        return any("whole already" in text for text in self.messages)


def fuse(request, feedback=None):
    from sr_plugin.pipeline.series import superresolve_series

    return superresolve_series(request, feedback, local)


def whole_of(series, tmp_path):
    """Image and changes of a run that nothing interrupts."""
    run = replace(series.run, output=str(tmp_path / "whole.tif"), listed=False)
    fuse(replace(series, run=run, changes=str(tmp_path / "whole_changes.tif")))
    return read_raster(run.output), read_raster(str(tmp_path / "whole_changes.tif"))


@pytest.mark.parametrize("step", [1, 2])
def test_a_series_goes_on_in_the_step_that_it_stopped_in(series, tmp_path, step):
    image, changes = whole_of(series, tmp_path)
    with pytest.raises(Cancelled):
        fuse(series, InTheStep(step, 5))
    (job,) = interrupted_jobs()
    assert job.request.views == series.views and job.run.output == series.run.output
    tiles = len(job.steps) and job.steps[0].tiles
    assert len(job.steps) == step and job.tiles == 2 * tiles
    assert 5 + (step - 1) * tiles <= job.done < step * tiles
    assert job.standing is Standing.CONTINUABLE
    written = os.stat(series.run.output).st_mtime_ns if step == 2 else None
    feedback = Recorder()
    result = fuse(job.request, feedback)
    assert any("Going on" in text for text in feedback.messages)
    if written:
        assert os.stat(series.run.output).st_mtime_ns == written, "an image that was whole was made anew"
    np.testing.assert_array_equal(read_raster(result.run.output), image)
    np.testing.assert_array_equal(read_raster(result.changes), changes)
    assert interrupted_jobs() == [] and os.listdir(index_folder()) == []
    assert not [name for name in os.listdir(tmp_path) if ".part" in name or name.endswith(".lock")]


def test_discarding_the_changes_leaves_an_image_that_is_whole(series, tmp_path):
    with pytest.raises(Cancelled):
        fuse(series, InTheStep(2, 5))
    (job,) = interrupted_jobs()
    assert job.whole == (series.run.output,)
    discard(job)
    assert os.listdir(tmp_path) == ["out.tif"] and interrupted_jobs() == [] and os.listdir(index_folder()) == []


@pytest.mark.parametrize("keep", [True, False])
def test_a_run_that_fails_before_its_second_step_still_knows_of_it(series, tmp_path, keep):
    with pytest.raises(Cancelled):
        fuse(series, InTheStep(2, 5))
    (before,) = interrupted_jobs()
    asked = replace(before.request, run=replace(before.run, keep_partial=keep))

    with pytest.raises(Cancelled):
        fuse(asked, BetweenTheSteps())
    (after,) = interrupted_jobs()
    assert after.steps == before.steps and after.done == before.done and after.standing is Standing.CONTINUABLE
    discard(after)
    assert os.listdir(tmp_path) == ["out.tif"] and os.listdir(index_folder()) == []


def test_steps_that_are_not_asked_for_any_more_are_not_listed(series, tmp_path):
    with pytest.raises(Cancelled):
        fuse(series, InTheStep(2, 5))
    other = replace(series, changes=str(tmp_path / "other.tif"))
    with pytest.raises(Cancelled):
        fuse(other, BetweenTheSteps())
    assert [step.output for step in interrupted_jobs()[0].steps] == [series.run.output]


def test_a_cancel_that_keeps_nothing_leaves_nothing_to_go_on_with(series, tmp_path):
    with pytest.raises(Cancelled):
        fuse(replace(series, run=replace(series.run, keep_partial=False)), InTheStep(2, 5))
    assert os.listdir(tmp_path) == ["out.tif"] and os.listdir(index_folder()) == []


def test_a_view_that_changes_or_goes_is_told(series, views):
    with pytest.raises(Cancelled):
        fuse(series, InTheStep(1, 5))
    moments = os.stat(views[2]).st_atime_ns, os.stat(views[2]).st_mtime_ns
    os.utime(views[2], (1, 1))
    assert [job.standing for job in interrupted_jobs()] == [Standing.SOURCE_CHANGED]
    os.utime(views[2], ns=moments)
    os.rename(views[2], views[2] + ".away")
    assert [job.standing for job in interrupted_jobs()] == [Standing.SOURCE_GONE]
    os.rename(views[2] + ".away", views[2])
    assert [job.standing for job in interrupted_jobs()] == [Standing.CONTINUABLE]


def test_relative_names_hold_in_another_folder(series, views, tmp_path, monkeypatch):
    monkeypatch.chdir(os.path.dirname(views[0]))
    relative = tuple(replace(view, input=os.path.basename(view.input)) for view in series.views)
    with pytest.raises(Cancelled):
        fuse(replace(series, views=relative), InTheStep(1, 5))
    monkeypatch.chdir(tmp_path)
    (job,) = interrupted_jobs()
    feedback = Recorder()
    fuse(replace(job.request, changes=""), feedback)
    assert any("Going on" in text for text in feedback.messages)


def nearly_full(monkeypatch, free):
    """Let disks have this many bytes free, as far as runs look before they start."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - free, free))


@pytest.mark.parametrize("step", [1, 2])
def test_a_series_needs_no_room_for_what_it_has_written(series, tmp_path, monkeypatch, step):
    with pytest.raises(Cancelled):
        fuse(series, InTheStep(step, 5))
    with monkeypatch.context() as patched:
        nearly_full(patched, 100)
        with pytest.raises(DiskFull):
            fuse(replace(series, run=replace(series.run, output=str(tmp_path / "another.tif"))))
        if step == 1:
            # Half the raw size of the image with its overviews is asked for, less what was written.
            nearly_full(patched, 120 * 140 * 2 * 2 // 3 - 100)
            with pytest.raises(DiskFull):
                fuse(replace(series, run=replace(series.run, output=str(tmp_path / "another.tif"))))
        fuse(series)
    assert interrupted_jobs() == []


def test_what_follows_tiles_that_are_whole_needs_no_room_for_them(computed, monkeypatch):
    request = computed(file_per_band=True)
    begin(request, DiskFull("no room"))
    (job,) = interrupted_jobs()
    nearly_full(monkeypatch, 100)
    with RunListing(job.request, Recorder()) as listing:
        feedback = Recorder()
        superresolve(job.run, feedback, local, listing=listing)
    assert feedback.steps == []


def test_an_image_is_stored_anew_where_it_is_to_be_cloud_optimised(series):
    from osgeo import gdal

    with pytest.raises(Cancelled):
        fuse(series, InTheStep(2, 5))
    result = fuse(replace(series, run=replace(series.run, cog=True)))
    assert gdal.Open(result.run.output).GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"


@pytest.fixture
def computed(make_raster, scene, tmp_path):
    """What a run on a product computes before its bands are laid apart, as if the run were ours."""

    def go(**facts):
        run = SuperResolveRequest(
            make_raster(scene, nodata=0), str(tmp_path / "out.tif"), "nearest:2", tile=64, keep_partial=True
        )
        return ProductRequest(run, "sentinel2", **facts)

    return go


def begin(request, error, output=None, after=None):
    """Run the tiles; what follows them fails."""
    with pytest.raises(type(error)), RunListing(request, Recorder()) as listing:
        run = replace(request.run, output=output or request.run.output)
        result = superresolve(run, None, local, listing=listing)
        if after is not None:
            after(result)
        raise error


def test_tiles_that_were_whole_are_not_computed_again(computed, tmp_path):
    request = computed(file_per_band=True)
    begin(request, OutputError("no room"))
    (job,) = interrupted_jobs()
    assert job.request == replace(request, run=replace(request.run, tile=64)) and job.done == job.tiles
    assert job.whole == (), "the stack of bands is no result"
    assert job.standing is Standing.CONTINUABLE
    with RunListing(job.request, Recorder()) as listing:
        feedback = Recorder()
        result = superresolve(job.run, feedback, local, listing=listing)
        assert feedback.steps == [] and any("whole already" in text for text in feedback.messages)
        assert result.output == request.run.output and result.tiles == job.tiles
        assert interrupted_jobs() == [], "a run that goes on must not be listed"
    assert interrupted_jobs() == [] and sorted(os.listdir(tmp_path)) == ["input.tif", "out.tif"]


def test_a_step_that_was_whole_goes_by_the_name_that_is_asked_for_now(computed, tmp_path, monkeypatch):
    request = computed(file_per_band=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    begin(request, OutputError("no room"), output="out.tif")
    monkeypatch.chdir(tmp_path / "elsewhere")
    (job,) = interrupted_jobs()
    with RunListing(job.request, Recorder()) as listing:
        feedback = Recorder()
        result = superresolve(job.run, feedback, local, listing=listing)
    assert feedback.steps == [] and result.output == request.run.output


def test_a_result_that_was_touched_since_is_computed_again(computed):
    request = computed(file_per_band=True)
    begin(request, OutputError("no room"))
    (job,) = interrupted_jobs()
    os.utime(request.run.output, (1, 1))
    assert read_record(job.steps[0].output, job.steps[0].digest) is None
    assert [job.standing for job in interrupted_jobs()] == [Standing.PARTIAL_GONE]
    with RunListing(job.request, Recorder()) as listing:
        feedback = Recorder()
        superresolve(job.run, feedback, local, listing=listing)
    assert feedback.steps


def test_discard_takes_what_was_made_in_between_with_it(computed, tmp_path):
    """The stack of bands, and those that were being written; bands that are whole stay."""
    from sr_plugin.pipeline.partial_files import staging_stem

    request = computed(file_per_band=True)

    def lay_apart(result):
        (tmp_path / "out_B04.tif").touch()
        open(f"{staging_stem(result.output)}.2.tif", "wb").close()

    begin(request, OutputError("no room"), after=lay_apart)
    (job,) = interrupted_jobs()
    discard(job)
    assert sorted(os.listdir(tmp_path)) == ["input.tif", "out_B04.tif"] and os.listdir(index_folder()) == []


@pytest.mark.parametrize("keep", [True, False])
def test_a_raster_on_the_grid_in_between(computed, tmp_path, keep):
    from sr_plugin.core.grid import Grid

    target = Grid(10, 10, (500000.0, 5.0, 0.0, 4100000.0, 0.0, -5.0), "")
    request = computed(target=target, target_name="other")
    request = replace(request, run=replace(request.run, keep_partial=keep))
    between = f"{request.run.output}.{'ab' * 4}.unaligned.tif"
    begin(request, Cancelled("The run was cancelled."), between)
    if not keep:
        assert os.listdir(tmp_path) == ["input.tif"] and os.listdir(index_folder()) == []
        return
    (job,) = interrupted_jobs()
    assert job.run.output == request.run.output and job.steps[0].output == between
    assert os.path.exists(between)
    discard(job)
    assert os.listdir(tmp_path) == ["input.tif"] and os.listdir(index_folder()) == []
