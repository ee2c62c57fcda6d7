"""Which pictures belong together."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("osgeo")

from sr_plugin.core.errors import ParameterError, SourceNotFound  # noqa: E402
from sr_plugin.pipeline.pairs.layouts import find_scenes  # noqa: E402
from sr_plugin.pipeline.pairs.request import FOLDERS, SENSORS, SIDE_BY_SIDE, PairRequest  # noqa: E402


@pytest.fixture
def tree(tmp_path):
    """Makes empty files below ``set`` and gives its path."""

    def make(*names):
        for name in names:
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return str(tmp_path / "set")

    return make


def pairs(request):
    root = request.folder
    return [
        (os.path.relpath(spec.low, root), os.path.relpath(spec.high, root), spec.split) for spec in find_scenes(request)
    ]


def test_div2k(tree):
    folder = tree(
        "DIV2K_train_HR/0001.png",
        "DIV2K_train_LR_bicubic/X2/0001x2.png",
        "DIV2K_train_LR_bicubic/X4/0001x4.png",
        "DIV2K_valid_HR/0801.png",
        "DIV2K_valid_LR_bicubic/X4/0801x4.png",
        "readme.txt",
    )
    assert pairs(PairRequest("", FOLDERS, 4, folder=folder)) == [
        ("DIV2K_train_LR_bicubic/X4/0001x4.png", "DIV2K_train_HR/0001.png", "train"),
        ("DIV2K_valid_LR_bicubic/X4/0801x4.png", "DIV2K_valid_HR/0801.png", "validation"),
    ]
    assert len(pairs(PairRequest("", FOLDERS, 2, folder=folder))) == 1


def test_one_folder_with_endings(tree):
    folder = tree("img_001_SRF_4_HR.png", "img_001_SRF_4_LR.png", "img_002_SRF_4_HR.png")
    assert pairs(PairRequest("", FOLDERS, 4, folder=folder)) == [("img_001_SRF_4_LR.png", "img_001_SRF_4_HR.png", "")]


def test_two_folders_of_any_name(tree, tmp_path):
    tree("sharp/a.tif", "sharp/b.tif", "blurred/a.tif")
    request = PairRequest("", FOLDERS, 3, folder=str(tmp_path / "set/sharp"), low_folder=str(tmp_path / "set/blurred"))
    (spec,) = find_scenes(request)
    assert spec.low.endswith("blurred/a.tif") and spec.high.endswith("sharp/a.tif") and spec.optional


def test_pictures_that_do_not_belong_together(tree):
    with pytest.raises(ParameterError, match="belong together at scale 4"):
        find_scenes(PairRequest("", FOLDERS, 4, folder=tree("HR/a.png", "LR/b.png")))
    with pytest.raises(ParameterError, match="same half"):
        find_scenes(PairRequest("", FOLDERS, 4, folder=tree("HR/a.png", "HR/a.tif", "LR/a.png")))


def test_side_by_side_keeps_the_split_of_the_set(tree):
    specs = find_scenes(PairRequest("", SIDE_BY_SIDE, 1, folder=tree("train/1.jpg", "val/1.jpg")))
    assert [(spec.split, spec.beside) for spec in specs] == [("train", True), ("validation", True)]


def test_each_low_raster_meets_each_high_one():
    specs = find_scenes(
        PairRequest("", SENSORS, 3, high=("h1", "h2"), low=("l1",), high_masks=("m1", "m2"), low_masks=("m3",))
    )
    assert [(s.low, s.high, s.low_mask, s.high_mask) for s in specs] == [
        ("l1", "h1", "m3", "m1"),
        ("l1", "h2", "m3", "m2"),
    ]


def test_folders_that_hold_nothing(tmp_path):
    with pytest.raises(SourceNotFound, match="does not exist"):
        find_scenes(PairRequest("", folder=str(tmp_path / "gone")))
    with pytest.raises(SourceNotFound, match="no pictures"):
        find_scenes(PairRequest("", folder=str(tmp_path)))
