"""Series through the engine: seams, resume, cancel, odd numbers of views, places."""

from __future__ import annotations

import dataclasses
import datetime
import os

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("scipy")
pytest.importorskip("skimage")

from osgeo import gdal  # noqa: E402

from sr_plugin.core.errors import Cancelled, OutputError, ParameterError, UnsupportedRaster  # noqa: E402
from sr_plugin.core.series import ViewPlace  # noqa: E402
from sr_plugin.core.series_choices import MATCHES  # noqa: E402
from sr_plugin.pipeline import series as series_module  # noqa: E402
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.series import SeriesRequest, SeriesView, superresolve_series  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.conftest import read_raster, write_raster  # noqa: E402
from tests.pipeline.conftest import Recorder, local  # noqa: E402
from tests.series_scenes import fine_scene, seen  # noqa: E402

SHIFTS = [(0.0, 0.0), (0.5, 0.45), (-0.4, 0.3)]


def _write(folder, view, name, told=(0.0, 0.0), **facts):
    transform = (500000.0 + told[1] * 10, 10.0, 0.0, 4100000.0 - told[0] * 10, 0.0, -10.0)
    pixels = np.clip(np.round(view * 10000), 1, 65535).astype(np.uint16)
    return write_raster(folder / name, pixels, transform, **facts)


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """Three views of one band, 130 x 150 pixels."""
    folder = tmp_path_factory.mktemp("views")
    fine = fine_scene(260, 300, 1)
    return tuple(
        SeriesView(_write(folder, seen(fine, shift, 0.001, n), f"view{n}.tif", shift, nodata=0))
        for n, shift in enumerate(SHIFTS)
    )


@pytest.fixture
def fuse(tmp_path):
    def go(views, model="shift-and-add:2", name="out.tif", feedback=None, open_session=local, **options):
        run = {
            key: options.pop(key)
            for key in ("tile", "keep_partial", "extent", "output_type", "nodata", "gaps_as_mask")
            if key in options
        }
        request = SuperResolveRequest("", str(tmp_path / name), model, bands=(1,), **run)
        return superresolve_series(SeriesRequest(request, tuple(views), **options), feedback, open_session)

    return go


@pytest.mark.parametrize("model", ["shift-and-add:2", pytest.param("series-x2", marks=pytest.mark.slow)])
def test_tiles_leave_no_seams(views, fuse, model):
    whole = read_raster(fuse(views, model, "whole.tif", tile=512).run.output).astype(int)
    tiled = read_raster(fuse(views, model, "tiled.tif", tile=64).run.output).astype(int)
    # One digital number of 10000 is what rounding may turn.
    assert np.abs(whole - tiled).max() <= 1
    assert (whole != tiled).mean() < 1e-3


def test_shifts_that_vary_over_the_scene_leave_no_seams(views, fuse, monkeypatch):
    found = LocalSession.place_views

    def varied(self, arrays, series, origins, register):
        answer = found(self, arrays, series, origins, register)
        settings = type(series).from_wire(answer["series"])
        field = ((0.0, 0.0), (0.1, 0.0), (0.0, 0.15), (0.1, 0.15))
        placed = (settings.views[0], *(dataclasses.replace(view, field=field) for view in settings.views[1:]))
        varying = dataclasses.replace(settings, views=placed, nodes=((20.0, 110.0), (20.0, 130.0)))
        return {**answer, "series": varying.to_wire()}

    monkeypatch.setattr(LocalSession, "place_views", varied)
    whole = read_raster(fuse(views, name="whole.tif", tile=512).run.output).astype(int)
    tiled = read_raster(fuse(views, name="tiled.tif", tile=64).run.output).astype(int)
    assert np.abs(whole - tiled).max() <= 1


def test_an_extent_gives_the_pixels_of_the_whole(views, fuse):
    whole = read_raster(fuse(views, name="whole.tif", tile=512, register=False, match="none").run.output)
    extent = (500300.0, 4100000.0 - 900.0, 500900.0, 4100000.0 - 200.0)
    part = read_raster(fuse(views, name="part.tif", extent=extent, register=False, match="none").run.output)
    assert part.shape == (1, 140, 120)
    assert np.abs(part.astype(int) - whole[:, 40:180, 60:180]).max() <= 1


def test_a_cancelled_run_goes_on_where_it_stopped(views, fuse):
    whole = read_raster(fuse(views, name="whole.tif", tile=64).run.output)
    with pytest.raises(Cancelled):
        fuse(views, tile=64, keep_partial=True, feedback=Recorder(cancel_after=2))
    asked = []

    class Counting(LocalSession):
        def submit(self, arrays, task):
            asked.append(task)
            return super().submit(arrays, task)

    result = fuse(views, tile=64, keep_partial=True, open_session=lambda _: Counting())
    assert np.array_equal(read_raster(result.run.output), whole)
    assert 0 < len(asked) < 9


def test_a_cancel_leaves_nothing_behind(views, fuse, tmp_path):
    with pytest.raises(Cancelled):
        fuse(views, tile=64, feedback=Recorder(cancel_after=1))
    assert os.listdir(tmp_path) == []


@pytest.fixture(params=[False, True], ids=["codes", "exceptions"])
def both_kinds_of_gdal_errors(request):
    before = gdal.GetUseExceptions()
    (gdal.UseExceptions if request.param else gdal.DontUseExceptions)()
    yield
    (gdal.UseExceptions if before else gdal.DontUseExceptions)()


@pytest.mark.usefixtures("both_kinds_of_gdal_errors")
def test_a_run_ends_well_whether_or_not_gdal_raises(views, fuse):
    result = fuse(views[:2], register=False)
    assert os.path.exists(result.run.output)
    assert not [name for name in gdal.ReadDirRecursive("/vsimem/superres/") or [] if name.endswith(".vrt")]


@pytest.fixture
def dated(views, tmp_path):
    """Three views of three days with a cloud mask each, in files of their own."""
    found = []
    for number, view in enumerate(views):
        raster, mask = tmp_path / f"day{number}.tif", tmp_path / f"clouds{number}.tif"
        raster.write_bytes(open(view.input, "rb").read())
        write_raster(mask, np.zeros((130, 150), np.uint8))
        found.append(SeriesView(str(raster), str(mask), datetime.date(2024, 6, 1 + 10 * number)))
    return found


@pytest.mark.parametrize("victim", ["day1.tif", "day2.tif", "clouds0.tif", "clouds2.tif"])
@pytest.mark.parametrize("output", ["result", "changes"])
def test_no_input_is_overwritten_not_even_one_that_is_left_out(dated, fuse, tmp_path, victim, output):
    before = (tmp_path / victim).read_bytes()
    names = {"name": victim} if output == "result" else {"changes": str(tmp_path / victim)}
    with pytest.raises(OutputError, match="input itself"):
        fuse(dated, span_days=12, **names)
    assert (tmp_path / victim).read_bytes() == before
    assert output == "result" or not (tmp_path / "out.tif").exists()


def test_a_missing_folder_of_the_changes_is_noticed_before_anything_is_computed(views, fuse, tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        fuse(views, changes=str(tmp_path / "nowhere" / "changes.tif"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_views(views, fuse, count):
    result = fuse(views[:count], "series-x2")
    assert len(result.views) == count
    assert read_raster(result.run.output).shape == (1, 260, 300)


def test_a_view_that_does_not_overlap_is_named(views, fuse, tmp_path, recorder):
    far = SeriesView(_write(tmp_path, np.full((1, 20, 20), 0.2), "far.tif", (5000.0, 0.0)))
    result = fuse([*views[:2], far], feedback=recorder)
    assert len(result.views) == 2
    assert any("far.tif" in text and "overlap" in text for text in recorder.warnings)


def test_gaps_of_the_reference_are_filled_from_the_others(views, fuse, tmp_path):
    fine = fine_scene(260, 300, 1)
    torn = seen(fine, (0.0, 0.0))
    torn[:, 40:60, 50:80] = 0.0
    pixels = np.round(torn * 10000).astype(np.uint16)
    reference = SeriesView(write_raster(tmp_path / "torn.tif", pixels, (5e5, 10.0, 0, 4.1e6, 0, -10.0), nodata=0))
    result = read_raster(fuse([reference, *views[1:]]).run.output)
    assert (result[:, 80:120, 100:160] > 0).all()
    assert np.abs(result[:, 84:116, 104:156] / 10000 - fine[:, 84:116, 104:156]).mean() < 0.02


def test_where_no_view_has_data_the_result_is_nodata(fuse, tmp_path):
    pixels = np.full((1, 40, 40), 1000, np.uint16)
    pixels[:, 10:20, 10:20] = 0
    place = (5e5, 10.0, 0, 4.1e6, 0, -10.0)
    both = [SeriesView(write_raster(tmp_path / f"gap{n}.tif", pixels, place, nodata=0)) for n in range(2)]
    result = read_raster(fuse(both).run.output)
    assert (result[:, 20:40, 20:40] == 0).all()
    assert (result[:, :20] == 1000).all()


@pytest.mark.parametrize(
    "kind, told, nodata", [(np.uint16, {}, 0), (np.int16, {}, -32768), (np.uint16, {"nodata": 7}, 7)]
)
def test_gaps_by_clouds_are_marked_where_no_raster_declares_nodata(fuse, tmp_path, kind, told, nodata):
    place = (5e5, 10.0, 0, 4.1e6, 0, -10.0)
    clouds = np.zeros((40, 40), np.uint8)
    clouds[10:20, 10:20] = 1
    both = []
    for n in range(2):
        raster = write_raster(tmp_path / f"view{n}.tif", np.full((1, 40, 40), 1000, kind), place)
        both.append(SeriesView(raster, write_raster(tmp_path / f"clouds{n}.tif", clouds, place)))
    result = fuse(both, **told).run.output
    assert gdal.Open(result).GetRasterBand(1).GetNoDataValue() == nodata
    pixels = read_raster(result)
    assert (pixels[:, 20:40, 20:40] == nodata).all()
    assert (pixels[:, :20] == 1000).all()


def test_gaps_by_clouds_can_be_marked_by_a_mask_band(fuse, tmp_path):
    place = (5e5, 10.0, 0, 4.1e6, 0, -10.0)
    clouds = np.zeros((40, 40), np.uint8)
    clouds[10:20, 10:20] = 1
    raster = write_raster(tmp_path / "view.tif", np.full((1, 40, 40), 1000, np.uint16), place)
    view = SeriesView(raster, write_raster(tmp_path / "clouds.tif", clouds, place))
    dataset = gdal.Open(fuse([view], gaps_as_mask=True).run.output)
    band = dataset.GetRasterBand(1)
    assert band.GetNoDataValue() is None and band.GetMaskFlags() & gdal.GMF_PER_DATASET
    assert np.array_equal(band.GetMaskBand().ReadAsArray() == 0, clouds.repeat(2, 0).repeat(2, 1) == 1)


def test_gaps_lie_where_registration_puts_the_views(fuse, tmp_path):
    """Two views whose georeference is three rows off: what one of them alone can fill is moved with it."""
    fine = fine_scene(260, 300, 1)
    place = (5e5, 10.0, 0, 4.1e6, 0, -10.0)
    first, second = (np.round(seen(fine, shift) * 10000).astype(np.uint16) for shift in ((0.0, 0.0), (3.0, 0.0)))
    first[:, 60:80, 60:80] = 0
    # Shown three rows too high, so its gap of rows 57 to 76 lies over that of the first.
    second[:, 57:77, 60:80] = 0
    both = [SeriesView(write_raster(tmp_path / f"{n}.tif", x, place, nodata=0)) for n, x in enumerate((first, second))]
    result = fuse(both)
    assert abs(result.views[1].shift[0] - 3.0) < 0.1
    gaps = np.argwhere(read_raster(result.run.output)[0] == 0)
    assert gaps.min(axis=0).tolist() == [120, 120] and gaps.max(axis=0).tolist() == [159, 159]


def test_a_believed_georeference_is_told_as_such(views, fuse, recorder):
    result = fuse(views, register=False, feedback=recorder)
    assert [view.windows for view in result.views[1:]] == [0, 0]
    assert [view.shift for view in result.views[1:]] == SHIFTS[1:]
    assert not any("Registering" in text for text in recorder.messages)
    assert sum("by its georeference" in text for text in recorder.messages) == 2
    assert not any("could not be registered" in text for text in recorder.warnings)


def test_only_one_with_a_crs_is_refused(views, fuse, tmp_path):
    bare = write_raster(tmp_path / "bare.tif", np.full((1, 20, 20), 9, np.uint16), wkt="")
    with pytest.raises(UnsupportedRaster, match="bare.tif"):
        fuse([views[0], SeriesView(bare)])


def test_an_unknown_match_is_refused(views, fuse):
    with pytest.raises(ParameterError, match="magic"):
        fuse(views, match="magic")
    assert MATCHES == ("local", "global", "none")


def test_a_published_kind_of_network_takes_any_number_of_views(views, fuse, tmp_path):
    torch = pytest.importorskip("torch")
    from sr_plugin.worker.architectures.highresnet import HighResNet

    torch.manual_seed(0)
    path = str(tmp_path / "network.pt")
    torch.save(HighResNet(1, 8, 1, 2).state_dict(), path)
    result = fuse(views, path)
    assert result.run.backend.startswith("torch")
    assert read_raster(result.run.output).shape == (1, 260, 300)


def test_the_tile_follows_from_the_number_of_views(views):
    card = series_module.builtin_card("shift-and-add:2")
    place = ViewPlace((0.0, 0.0))
    few, many = (series_module.SeriesSettings(4, (place,) * count) for count in (2, 60))
    assert series_module._tile(card, 72, few) > series_module._tile(card, 72, many) >= 128
