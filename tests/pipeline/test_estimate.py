"""What a run is said to cost."""

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.grid import Window  # noqa: E402
from sr_plugin.pipeline.estimate import estimate_run, read_pixels, remember_speed  # noqa: E402
from sr_plugin.pipeline.memory import choose_tile, total_memory  # noqa: E402
from sr_plugin.pipeline.prepare import prepare_run  # noqa: E402
from sr_plugin.pipeline.request import SilentFeedback, SuperResolveRequest  # noqa: E402

pytestmark = pytest.mark.gdal


@pytest.fixture
def prepared(make_raster, scene, tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))

    def prepare(**options):
        request = SuperResolveRequest(make_raster(scene), str(tmp_path / "o.tif"), "bicubic:4", **options)
        return prepare_run(request, SilentFeedback())

    return prepare


def test_pixels_and_bytes(prepared):
    run = prepared()
    assert run.estimate.pixels == 4 * 150 * 170 * 16
    assert run.estimate.disk_bytes == pytest.approx(run.estimate.pixels * 2 * 4 / 3, rel=0.01)
    assert run.estimate.temporary_bytes == 0 and run.estimate.seconds is None
    assert prepared(cog=True).estimate.temporary_bytes == run.estimate.disk_bytes


def test_time_comes_from_earlier_runs_of_the_same_model(prepared):
    first = prepared()
    remember_speed(first.plan, 7.0)
    assert estimate_run(first.plan, first.output).seconds == pytest.approx(7.0)
    part = prepared(extent=(500000, 4099250, 500850, 4100000))
    assert part.estimate.seconds == pytest.approx(7.0 / 4, rel=0.1)


def test_the_time_to_start_does_not_grow_with_the_raster(prepared):
    first = prepared()
    remember_speed(first.plan, 7.0, start_seconds=3.0)
    part = prepared(extent=(500000, 4099250, 500850, 4100000))
    assert part.estimate.seconds == pytest.approx(3.0 + 4.0 / 4, rel=0.1)


def test_a_small_run_does_not_spoil_the_speed_of_a_large_one(prepared):
    large, small = prepared(), prepared(extent=(500000, 4099900, 500100, 4100000))
    remember_speed(small.plan, 5.0)
    remember_speed(large.plan, 7.0)
    remember_speed(small.plan, 5.0)
    assert estimate_run(large.plan, large.output).seconds == pytest.approx(7.0)


def test_a_small_run_does_not_tell_the_time_of_a_large_one(prepared):
    large, small = prepared(), prepared(extent=(500000, 4099900, 500100, 4100000))
    remember_speed(small.plan, 5.0)
    assert estimate_run(small.plan, small.output).seconds == pytest.approx(5.0)
    assert estimate_run(large.plan, large.output).seconds is None


def test_margins_count(prepared):
    lean, rich = prepared(tile=32, margin=2), prepared(tile=32, margin=30)
    counted = sum(t.read.width * t.read.height for t in rich.plan.tiles)
    assert read_pixels(rich.plan) > read_pixels(lean.plan)
    assert read_pixels(rich.plan) == counted


def test_a_broken_memory_of_earlier_runs_is_no_harm(prepared, tmp_path):
    run = prepared()
    remember_speed(run.plan, 7.0)
    for broken in ("[1, 2", "[]", '{"a": 3}', '{"a": [1]}'):
        (tmp_path / "cache" / "speeds.json").write_text(broken)
        assert estimate_run(run.plan, run.output).seconds is None
    remember_speed(run.plan, 3.0)
    assert estimate_run(run.plan, run.output).seconds == pytest.approx(3.0)


def test_tiles_are_a_multiple_of_64_and_fit_the_memory(prepared, monkeypatch):
    assert (total_memory() or 1 << 30) > 1 << 20
    card = prepared().plan.card
    for free in (1 << 20, 1 << 28, 1 << 36):
        monkeypatch.setattr("sr_plugin.pipeline.memory.total_memory", lambda free=free: free)
        side = choose_tile(card, 2, 4)
        assert side % 64 == 0 and 64 <= side <= 512
    assert np.isclose(side, 512)


@pytest.mark.parametrize(
    "size, fitting, expected",
    [
        # Two tiles a side read 547 pixels each: 512 with a margin on one side alone.
        ((1024, 1024), 547**2, 512),
        # One pixel less, and three a side have to do; 384, 384 and 256 need less memory than 448, 448 and 128.
        ((1024, 1024), 547**2 - 1, 384),
        # A raster that is narrower than a tile has no margins there, so a longer one does not widen them.
        ((300, 5000), 300 * 582, 512),
        ((300, 5000), 300 * 581, 448),
        # Nothing is gained by a tile beyond the raster.
        ((100, 90), 10**9, 128),
        ((4000, 4000), 1, 64),
    ],
)
def test_the_tile_with_the_least_margins_within_the_memory(prepared, monkeypatch, size, fitting, expected):
    card, raster = prepared().plan.card, Window(0, 0, *size)
    monkeypatch.setattr("sr_plugin.pipeline.memory.total_memory", lambda: 6 * fitting)
    monkeypatch.setattr("sr_plugin.pipeline.memory.bytes_per_pixel", lambda card: 1)
    assert choose_tile(card, 35, 4, raster, raster) == expected


def test_margins_outside_the_area_take_memory(prepared, monkeypatch):
    card = prepared().plan.card
    monkeypatch.setattr("sr_plugin.pipeline.memory.total_memory", lambda: 6 * 547**2)
    monkeypatch.setattr("sr_plugin.pipeline.memory.bytes_per_pixel", lambda card: 1)
    assert choose_tile(card, 35, 4, Window(500, 500, 1024, 1024), Window(0, 0, 9000, 9000)) == 384


def test_a_container_may_use_less_than_the_machine_has(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr("sr_plugin.pipeline.memory._CONTAINER_LIMITS", (str(limit), str(tmp_path / "missing")))
    machine = total_memory()
    limit.write_text("max\n")
    assert total_memory() == machine
    limit.write_text("123456789\n")
    assert total_memory() == 123456789


@pytest.fixture
def uncertain(make_raster, scene, tmp_path, monkeypatch):
    """Prepare runs of a shipped model, each with files of its own."""
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    source = make_raster(scene, descriptions=("B04", "B03", "B02", "B08"))

    def prepare(model="s2-rgbn-x2", **options):
        request = SuperResolveRequest(source, str(tmp_path / "o.tif"), model, tile=64, **options)
        return prepare_run(request, SilentFeedback())

    return prepare


def test_an_uncertainty_is_estimated_from_plain_runs_until_one_was_measured(uncertain, tmp_path):
    plain, path = uncertain(), str(tmp_path / "u.tif")
    assert uncertain(uncertainty=path).estimate.seconds is None
    remember_speed(plain.plan, 7.0, start_seconds=1.0)
    assert plain.estimate.seconds is None and uncertain().estimate.seconds == pytest.approx(7.0)
    single = uncertain(uncertainty=path)
    assert single.estimate.seconds == pytest.approx(1.0 + 8 * 6.0, rel=0.01)
    both = dict(uncertainty=path, uncertainty_models=("any-x2",))
    assert uncertain(**both).estimate.seconds is None
    remember_speed(uncertain("any-x2").plan, 4.0, start_seconds=1.0)
    # Both read the margin of the one that reaches further.
    assert uncertain(**both).estimate.seconds == pytest.approx(2.0 + 8 * (6.0 + 3.0), rel=0.4)
    remember_speed(single.plan, 33.0)
    assert uncertain(uncertainty=path).estimate.seconds == pytest.approx(33.0)


def test_files_beside_the_result_need_room_too(uncertain, tmp_path, monkeypatch):
    import shutil
    from collections import namedtuple

    from sr_plugin.core.errors import DiskFull

    plain = uncertain().estimate
    options = dict(uncertainty=str(tmp_path / "u.tif"), uncertainty_mask=str(tmp_path / "m.tif"), uncertainty_limit=9)
    estimate = uncertain(**options).estimate
    pixels = 4 * 300 * 340
    assert estimate.pixels == plain.pixels == pixels
    assert estimate.disk_bytes - plain.disk_bytes == pytest.approx(pixels * (4 + 1) * 4 / 3, rel=0.01)
    assert uncertain(cog=True, **options).estimate.temporary_bytes == estimate.disk_bytes
    usage = namedtuple("usage", "total used free")
    enough = int(plain.disk_bytes * 0.8)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 40, 0, enough))
    uncertain()
    with pytest.raises(DiskFull, match=f"{estimate.disk_bytes / 1e6:.0f} MB"):
        uncertain(**options)


def test_comparing_views_takes_memory_of_its_own(monkeypatch):
    from sr_plugin.core.catalogue import find_model
    from sr_plugin.pipeline import memory

    first, other = find_model("s2-rgbn-x4"), find_model("any-x4")
    tight = None
    for gibibytes in range(1, 64):
        monkeypatch.setattr(memory, "total_memory", lambda size=gibibytes: size << 30)
        sides = [choose_tile(first, 35, 4, compared=cards) for cards in ((), (first,), (first, other))]
        assert sides == sorted(sides, reverse=True)
        tight = tight or (gibibytes if sides[0] > sides[1] else None)
    assert tight is not None
