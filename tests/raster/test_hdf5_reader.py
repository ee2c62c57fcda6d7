"""GDAL and h5py read the same from the same file; GDAL alone reads what Keras wrote."""

from __future__ import annotations

import pathlib
from typing import Any, List

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.architectures.registry import card_from_checkpoint  # noqa: E402
from sr_plugin.core.checkpoint import keras  # noqa: E402
from sr_plugin.core.checkpoint.read import read_checkpoint  # noqa: E402
from sr_plugin.core.errors import ModelUnreadable  # noqa: E402
from sr_plugin.raster import hdf5_reader  # noqa: E402

pytestmark = [pytest.mark.gdal]

#: An idealo RDN (D 2, C 1) for x2 with the "shuffle" tail, written by Keras 3.15 in both layouts, and what it computes.
FILES = ("rdn_x2.h5", "rdn_x2.weights.h5")
FOLDER = pathlib.Path(__file__).parent / "keras"


@pytest.fixture
def gdal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    if gdal.GetDriverByName("HDF5") is None:
        pytest.skip("this GDAL was built without HDF5")
    monkeypatch.setattr(keras, "_OPENERS", [])
    hdf5_reader.register()


@pytest.mark.parametrize("name", FILES)
def test_keras_files_are_read_and_run(
    name: str, gdal_only: None, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path))
    card = card_from_checkpoint(str(FOLDER / name))
    assert (card.family, card.scale, card.reach) == ("rdn", 2, 10)
    assert card.weights[0].path.startswith(str(tmp_path))
    torch = pytest.importorskip("torch")
    from sr_plugin.worker.architectures.build import load_network

    with np.load(FOLDER / "rdn_x2.npz") as example:
        image, wanted = (torch.from_numpy(example[key]).permute(0, 3, 1, 2) for key in ("image", "result"))
    with torch.inference_mode():
        torch.testing.assert_close(load_network(card)(image), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("exceptions", [False, True])
def test_gdal_and_h5py_agree(exceptions: bool, tmp_path: pathlib.Path, gdal_only: None) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    from sr_plugin.worker.hdf5_reader import H5pyReader

    path = str(tmp_path / "any.h5")
    with h5py.File(path, "w") as file:
        group = file.create_group("layer/inner")
        group["kernel:0"] = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
        group["half"] = np.arange(6, dtype=np.float64)
        file["layer"].attrs["weight_names"] = np.array([b"inner/kernel:0"])
        file["layer"].attrs["many"] = np.array([b"a", b"bc"])
        file["layer"].attrs["none"] = np.zeros(0, "S1")
        file["layer"].attrs["one"] = "text"
    before = gdal.GetUseExceptions()
    (gdal.UseExceptions if exceptions else gdal.DontUseExceptions)()
    try:
        seen: List[Any] = []
        for opener in (hdf5_reader.GdalHdf5Reader, H5pyReader):
            with opener(path) as reader:
                texts = [reader.texts("layer", a) for a in ("weight_names", "many", "none", "one", "absent")]
                groups = [reader.groups(g) for g in ("", "layer", "layer/inner", "absent/too", "layer/inner/half")]
                shapes = [reader.shape(p) for p in ("layer/inner/kernel:0", "layer/inner/half", "layer", "absent")]
                seen.append((texts, groups, shapes, reader.array("layer/inner/kernel:0").tolist()))
        assert seen[0] == seen[1]
        assert seen[0][0] == [("inner/kernel:0",), ("a", "bc"), (), ("text",), None]
        assert seen[0][2] == [(1, 2, 3, 4), (6,), None, None]
    finally:
        (gdal.UseExceptions if before else gdal.DontUseExceptions)()


def test_a_file_that_crashes_the_library_is_refused(
    tmp_path: pathlib.Path, gdal_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files with changed bytes do no harm, as another process reads them first; GDAL 3.6 crashed with some."""
    whole = (FOLDER / FILES[0]).read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / "mutated.h5"
    for _ in range(3):
        content = bytearray(whole)
        for place in random.integers(0, len(content), 30):
            content[place] = int(random.integers(0, 256))
        path.write_bytes(content)
        try:
            read_checkpoint(str(path))
        except ModelUnreadable:
            pass
    monkeypatch.setattr(hdf5_reader, "_REHEARSAL", "import os; os.abort()")
    path.write_bytes(whole)
    with pytest.raises(ModelUnreadable, match="crashes"):
        read_checkpoint(str(path))


def test_damaged_files_are_refused(tmp_path: pathlib.Path, gdal_only: None) -> None:
    path = tmp_path / "broken.h5"
    whole = (FOLDER / FILES[0]).read_bytes()
    for content in (b"\x89HDF\r\n\x1a\n" + bytes(1000), whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ModelUnreadable):
            read_checkpoint(str(path))
