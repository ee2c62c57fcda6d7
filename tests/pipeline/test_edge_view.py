"""Edges of the part in view."""

from dataclasses import asdict

import numpy as np
import pytest

from sr_plugin.core.edges import NODATA_CODE, EdgeSettings
from sr_plugin.core.errors import Cancelled, EmptyExtent, ParameterError
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.pipeline.compare_edges import CompareEdgesRequest, compare_edges
from sr_plugin.pipeline.edge_view import EdgeViewer, EdgeViewRequest, open_edge_session
from sr_plugin.worker.local_session import LocalSession

pytest.importorskip("skimage")
pytestmark = pytest.mark.gdal

LEFT, TOP = 500000.0, 4100000.0
SETTINGS = EdgeSettings(sigma=1.0, low=0.7, high=0.85)


def transform(pixel, left=LEFT, top=TOP):
    return (left, pixel, 0.0, top, 0.0, -pixel)


def box(left, top, width, height):
    """An extent by metres from the upper-left corner of the rasters."""
    return (LEFT + left, TOP - top - height, LEFT + left + width, TOP - top)


@pytest.fixture
def rasters(make_raster, scene):
    """The scene at 10 m, by bicubic at 5 m and 2.5 m, the last one with new edges."""
    scene = scene[:3].astype(np.float32)
    two, four = enlarge_cubic(scene, 2), enlarge_cubic(scene, 4)
    four[:, 200:210, 200:400] += 900
    return (
        make_raster(scene, "in.tif"),
        make_raster(two, "x2.tif", geotransform=transform(5)),
        make_raster(four, "x4.tif", geotransform=transform(2.5)),
    )


@pytest.fixture
def viewer():
    with LocalSession() as session:
        yield EdgeViewer(session)


def request(layers, extent, **options):
    options.setdefault("settings", SETTINGS)
    return EdgeViewRequest(tuple(layers), extent, **options)


def test_all_rasters_come_to_the_finest_grid(viewer, rasters):
    view = viewer.view(request(rasters, box(303, 401, 500, 400)))
    # Whole pixels of the reference that the extent touches.
    assert view.grid.geotransform == transform(2.5, LEFT + 300, TOP - 400)
    assert (view.grid.width, view.grid.height) == (51 * 4, 41 * 4)
    shape = (view.grid.height, view.grid.width)
    for layer in (view.reference, *view.compared):
        assert layer.edges.shape == layer.gradient.shape == shape
        assert layer.edges.dtype == bool and layer.edges.any()
    x2, x4 = view.compared
    assert x2.classes.shape == shape and x2.figures.new < 0.1 < x4.figures.new
    assert view.reference.classes is None and view.truth is None
    assert not view.settings.quantiles


def test_an_identical_layer_keeps_all_edges(viewer, rasters):
    figures = viewer.view(request([rasters[0], rasters[0]], box(0, 0, 1700, 1500))).compared[0].figures
    assert (figures.kept, figures.new, figures.lost) == (1.0, 0.0, 0.0)


def test_the_reference_may_be_the_finest(viewer, rasters):
    view = viewer.view(request([rasters[2], rasters[0]], box(300, 400, 800, 400)))
    assert view.grid.pixel_size == (2.5, 2.5)
    figures = view.compared[0].figures
    assert figures.kept > 0.7 and figures.lost > 0.05 > figures.new


def test_one_layer_alone_shows_its_edges(viewer, rasters):
    view = viewer.view(request(rasters[:1], box(100, 100, 300, 300)))
    assert view.compared == () and view.reference.edges.any()


def test_a_truth_gives_precision_and_recall(viewer, rasters):
    view = viewer.view(request(rasters[:2], box(300, 400, 800, 400), truth=rasters[2]))
    assert view.truth.edges.shape == view.reference.edges.shape
    assert view.compared[0].figures.precision > 0.9 > view.compared[0].figures.recall


def test_one_result_has_the_figures_of_the_algorithm(viewer, rasters):
    """The truth is finer than the result, and changes nothing but what is measured against it."""
    extent = box(300, 400, 800, 400)
    view = viewer.view(request(rasters[:2], extent, truth=rasters[2]))
    assert view.grid.pixel_size == (5, 5) and view.compared[0].own_pixels
    low, high = view.settings.low, view.settings.high
    settings = EdgeSettings(sigma=1.0, low=low, high=high, quantiles=False)
    compared = compare_edges(
        CompareEdgesRequest(rasters[0], rasters[1], extent=extent, settings=settings, truth=rasters[2]),
        open_session=LocalSession,
    )
    told, shown = asdict(compared.figures), asdict(view.compared[0].figures)
    assert shown == pytest.approx(told, rel=0.02, abs=0.002, nan_ok=True)
    assert view.compared[0].figures.density_result > 0.01


def test_a_result_on_pixels_that_are_not_its_own_is_told(viewer, rasters):
    x2, x4 = viewer.view(request(rasters, box(300, 400, 400, 400))).compared
    assert not x2.own_pixels and x4.own_pixels
    coarse = viewer.view(request(rasters, box(0, 0, 1700, 1500), most_pixels=3_000))
    assert not any(layer.own_pixels for layer in coarse.compared)


@pytest.mark.parametrize("most", [40_000, 3_000])
def test_wide_views_are_read_coarser(viewer, rasters, most):
    view = viewer.view(request(rasters, box(0, 0, 1700, 1500), most_pixels=most))
    assert most / 6 < view.grid.width * view.grid.height <= most
    left, _, right, _ = view.grid.extent()
    assert left == LEFT and right == pytest.approx(LEFT + 1700, abs=view.grid.pixel_size[0])


def test_thresholds_do_not_change_with_the_view(viewer, rasters):
    sent = []
    original = viewer._session.edges
    viewer._session.edges = lambda *a: sent.append(a) or original(*a)
    one = viewer.view(request(rasters[:2], box(0, 0, 300, 300)))
    first = len(sent)
    other = viewer.view(request(rasters[:2], box(900, 700, 300, 300)))
    assert one.settings == other.settings
    # The sample is looked at once.
    assert first > 1 and len(sent) == first + 1


def test_grids_that_do_not_nest(viewer, make_raster, scene):
    reference = make_raster(scene, "in.tif")
    odd = make_raster(enlarge_cubic(scene.astype(np.float32), 3), "odd.tif", geotransform=transform(10 / 3, LEFT + 4))
    view = viewer.view(request([reference, odd], box(200, 200, 600, 600)))
    assert view.grid.pixel_size[0] == pytest.approx(10 / 3)
    assert view.compared[0].figures.kept > 0.5


def test_beyond_a_raster_there_is_no_data(viewer, make_raster, scene, rasters):
    part = make_raster(scene[:3, :75], "part.tif")
    view = viewer.view(request([rasters[0], part], box(0, 0, 1700, 1500)))
    classes = view.compared[0].classes
    assert (classes[75:] == NODATA_CODE).all() and not (classes[:75] == NODATA_CODE).any()
    assert view.compared[0].figures.kept > 0.98 and view.reference.edges[80:].any()


def test_outside_the_reference(viewer, rasters):
    with pytest.raises(EmptyExtent):
        viewer.view(request(rasters, box(5000, 5000, 100, 100)))


def test_without_layers(viewer):
    with pytest.raises(ParameterError, match="no raster"):
        viewer.view(request([], box(0, 0, 10, 10)))


def test_a_stale_view_is_dropped_and_the_session_lives_on(viewer, rasters):
    with pytest.raises(Cancelled):
        viewer.view(request(rasters, box(0, 0, 300, 300)), lambda: True)
    assert viewer.view(request(rasters, box(0, 0, 300, 300))).reference.edges.any()


def test_in_a_worker_process(rasters, worker_python):
    with open_edge_session(worker_python) as session:
        view = EdgeViewer(session).view(request(rasters, box(303, 401, 500, 400)))
    with LocalSession() as session:
        same = EdgeViewer(session).view(request(rasters, box(303, 401, 500, 400)))
    np.testing.assert_array_equal(view.compared[1].classes, same.compared[1].classes)
    assert view.settings == same.settings
