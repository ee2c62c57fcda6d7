"""Band fusion on a real scene whose grids do not nest, in the face of a kill, and with weights as Keras stores them."""

import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
torch = pytest.importorskip("torch")

from osgeo import gdal  # noqa: E402

from sr_plugin.core.catalogue import shipped_models  # noqa: E402
from sr_plugin.pipeline.fusion_input import product_to_fuse  # noqa: E402
from sr_plugin.pipeline.request import (  # noqa: E402
    DEFAULT_FUSION,
    FusionRequest,
    SuperResolveRequest,
    named_models,
)
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402
from tests.conftest import read_raster  # noqa: E402
from tests.fusion_scenes import write_fusion_model, write_scene  # noqa: E402
from tests.pipeline.conftest import Recorder, local  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

pytestmark = pytest.mark.gdal
FINE = ("B02", "B03", "B04", "B08")


def shift_against(fine, band):
    """Rows and columns by which a band is shifted against the combination of the fine bands that is most like it."""
    registration = pytest.importorskip("skimage.registration")
    columns = np.stack([*(plane.ravel() for plane in fine), np.ones(band.size)], axis=1)
    alike = (columns @ np.linalg.lstsq(columns, band.ravel(), rcond=None)[0]).reshape(band.shape)
    return registration.phase_cross_correlation(alike, band, upsample_factor=50, normalization=None)[0]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["interpolation", "shipped"])
def test_fused_bands_lie_on_the_finest_ones(shared_dir, tmp_path, which):
    """The grid of 20 m begins one pixel left of that of 10 m, that of 60 m one left and two above."""
    scene = shared_dir / "data" / "s2-l1c-18SVG-20160112"
    if not scene.is_dir():
        pytest.skip("the scene is not at hand")
    models = list(named_models(DEFAULT_FUSION))
    if which == "interpolation":
        models = [write_fusion_model(tmp_path / f"{g}.pth", g, strength=0.0) for g in ("20m", "60m")]
    elif not set(models) <= {card.name for card in shipped_models()}:
        pytest.skip("the fusion models are not shipped")
    corner = (435730 + 3000, 4179460 - 12000)
    request = SuperResolveRequest(
        str(scene),
        str(tmp_path / "out.tif"),
        "bicubic:2",
        extent=(*corner, corner[0] + 6000, corner[1] + 6000),
        fusion=FusionRequest((), tuple(models)),
    )
    with product_to_fuse(request) as readable:
        result = superresolve(readable, None, local)
    dataset = gdal.Open(result.output)
    names = [dataset.GetRasterBand(n).GetDescription() for n in range(1, 13)]
    bands = dict(zip(names, read_raster(result.output).astype(float)))
    fine = [bands[name] for name in FINE]
    shifts = {name: shift_against(fine, bands[name]) for name in names if name not in FINE}
    assert len(shifts) == 8
    assert max(np.abs(shift).max() for shift in shifts.values()) < 0.1, shifts
    # The yardstick sees a shift by one pixel.
    assert shift_against(fine, np.roll(bands["B05"], 1, axis=1))[1] == pytest.approx(-1, abs=0.15)
    for name, ratio, phase in (("B05", 2, (1, 0)), ("B12", 2, (1, 0)), ("B01", 6, (1, 2)), ("B09", 6, (1, 2))):
        assert_means(bands[name], scene / f"s2_{name}.jp2", ratio, phase, dataset.GetGeoTransform())


def assert_means(band, path, ratio, phase, transform):
    """Cells that lie whole in the part of the scene, by their place in the whole one, have their own value as mean.

    Within half a number, which is what rounding may do to dark water, and within 0.5 % of what is not that dark.
    """
    column, row = round((transform[0] - 435730) / 10) + phase[0], round((4179460 - transform[3]) / 10) + phase[1]
    left, top = -column % ratio, -row % ratio
    counts = (band.shape[0] - top) // ratio, (band.shape[1] - left) // ratio
    part = band[top : top + counts[0] * ratio, left : left + counts[1] * ratio]
    means = part.reshape(counts[0], ratio, counts[1], ratio).mean(axis=(1, 3))
    first = (row + top) // ratio, (column + left) // ratio
    cells = read_raster(str(path))[0, first[0] : first[0] + counts[0], first[1] : first[1] + counts[1]]
    assert (np.abs(means - cells) <= np.maximum(0.5, 0.005 * cells) + 1e-6).all()


_RUN = """
import sys
from sr_plugin.pipeline.request import FusionRequest, SuperResolveRequest
from sr_plugin.pipeline.superresolve import superresolve
from sr_plugin.worker.local_session import LocalSession
fine, middle, coarse, one, two, output = sys.argv[1:]
fusion = FusionRequest((middle, coarse), (one, two))
request = SuperResolveRequest(fine, output, "bicubic:2", tile=16, fusion=fusion, listed=False)
superresolve(request, None, lambda card: LocalSession())
"""


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path, project_dir):
    folder = tmp_path / "scene"
    folder.mkdir()
    paths = write_scene(folder, size=(240, 250))
    models = [write_fusion_model(folder / f"{g}.pth", g) for g in ("20m", "60m")]
    fusion = FusionRequest(tuple(paths[1:]), tuple(models))

    def run(name, feedback=None):
        request = SuperResolveRequest(paths[0], str(tmp_path / name), "bicubic:2", tile=16, fusion=fusion, listed=False)
        return read_raster(superresolve(request, feedback, local).output)

    expected = run("expected.tif")
    line = [sys.executable, "-c", _RUN, *paths, *models, str(tmp_path / "out.tif")]
    process = subprocess.Popen(line, cwd=project_dir)
    journal = lambda: next(iter(tmp_path.glob("out.tif.*.part.jsonl")), None)  # noqa: E731
    wait_until(lambda: process.poll() is not None or entries_of(journal()) >= 30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert entries_of(journal()) >= 30 and not os.path.exists(tmp_path / "out.tif")
    feedback = Recorder()
    np.testing.assert_array_equal(run("out.tif", feedback), expected)
    assert any("Going on with an interrupted run" in text for text in feedback.messages)


def entries_of(journal):
    return 0 if journal is None else len(pathlib.Path(journal).read_text().splitlines()) - 1


def test_weights_as_keras_stores_them(tmp_path, monkeypatch):
    """The layout of the published DSen2 files gives the pixels of the same weights as torch writes them."""
    h5py = pytest.importorskip("h5py")
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    paths = write_scene(tmp_path, size=(40, 44))
    stored = write_fusion_model(tmp_path / "plain.pth", blocks=2)
    tensors = torch.load(stored, weights_only=True)
    with h5py.File(tmp_path / "s2_032.hdf5", "w") as file:
        layers = [f"conv2d_{n + 1}" for n in range(6)]
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for number, layer in enumerate(layers):
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{part}:0".encode() for part in ("kernel", "bias")]
            kernel = tensors[f"convs.{number}.weight"].numpy().transpose(2, 3, 1, 0)
            group.create_dataset(f"{layer}/kernel:0", data=kernel)
            group.create_dataset(f"{layer}/bias:0", data=tensors[f"convs.{number}.bias"].numpy())
    found = []
    for model in (stored, str(tmp_path / "s2_032.hdf5")):
        request = SuperResolveRequest(
            paths[0], str(tmp_path / "out.tif"), "bicubic:2", fusion=FusionRequest((paths[1],), (model,)), listed=False
        )
        found.append(read_raster(superresolve(request, None, local).output))
    np.testing.assert_array_equal(*found)
