"""Bad input of every kind: one clear sentence and a hint, no result, no traceback, source untouched."""

import os
import pickle
import shutil
from collections import namedtuple

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.command_line.main import main  # noqa: E402
from sr_plugin.core.card_file import card_to_item  # noqa: E402
from sr_plugin.core.output_lock import OutputLock  # noqa: E402
from tests.conftest import read_raster, write_raster  # noqa: E402

pytestmark = pytest.mark.gdal


def write(path, content):
    path.write_bytes(content)
    return str(path)


class Hostile:
    """A pickle that would write a file when it is loaded."""

    def __init__(self, victim):
        self.victim = str(victim)

    def __reduce__(self):
        return os.system, (f"touch {self.victim}",)


def truncated(folder):
    path = write_raster(
        folder / "cut.tif",
        np.random.default_rng(0).integers(0, 9999, (1, 300, 300)).astype(np.uint16),
        options=["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"],
    )
    os.truncate(path, os.path.getsize(path) // 2)
    return path


def paletted(folder):
    path = write_raster(folder / "classes.tif", np.ones((1, 9, 9), np.uint8))
    dataset = gdal.Open(path, gdal.GA_Update)
    table = gdal.ColorTable()
    table.SetColorEntry(1, (255, 0, 0, 255))
    dataset.GetRasterBand(1).SetColorTable(table)
    return path


def container(folder):
    path = str(folder / "two.gpkg")
    for name in ("a", "b"):
        source = gdal.Open(write_raster(folder / f"{name}.tif", np.ones((1, 9, 9), np.uint8)))
        options = ["APPEND_SUBDATASET=YES", f"RASTER_TABLE={name}"]
        gdal.GetDriverByName("GPKG").CreateCopy(path, source, 0, options)
    return path


def card_outside(folder):
    import json

    from sr_plugin.core.card import ModelCard, WeightFile

    item = card_to_item(ModelCard("x", "x", "f", 2, weights=(WeightFile(str(folder / "w"), "onnx"),)), str(folder))
    item["assets"]["model"]["href"] = "../../secret"
    return write(folder / "card.json", json.dumps(item).encode())


MODEL, SOURCE, OUTPUT = "nearest:2", "{source}", "{folder}/o.tif"

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
LONG_FOLDER = "a" * 100 + "/" + "b" * 100 + "/" + "c" * 95

#: Words that the message must hold, then input, output and further arguments; callables get the test's folder.
ROWS = {
    "no such file": ("does not exist", "/no/such/file.tif", OUTPUT),
    "empty name": ("No input", "", OUTPUT),
    "a folder": ("cannot be opened as a raster", "{folder}", OUTPUT),
    "text": ("cannot be opened", lambda f: write(f / "t.tif", b"hello"), OUTPUT),
    "empty file": ("cannot be opened", lambda f: write(f / "e.tif", b""), OUTPUT),
    "truncated": ("cannot be read", truncated, OUTPUT),
    "lost in a zip": ("cannot be opened", lambda f: "/vsizip/" + write(f / "z.zip", b"PK\x03\x04") + "/r.tif", OUTPUT),
    "subdatasets": ("no raster bands", container, OUTPUT),
    "complex": ("CFloat32", lambda f: write_raster(f / "c.tif", np.zeros((1, 5, 5), np.complex64)), OUTPUT),
    "paletted": ("colour table", paletted, OUTPUT, "--model", "bicubic:2"),
    "band 0": ("no band 0", SOURCE, OUTPUT, "--bands", "0"),
    "band 99": ("no band 99", SOURCE, OUTPUT, "--bands", "99"),
    "too few bands": ("needs 4 band", SOURCE, OUTPUT, "--model", "s2-rgbn-x2"),
    "too few chosen": ("takes 4 band", SOURCE, OUTPUT, "--model", "s2-rgbn-x2", "--bands", "1,2"),
    "extent elsewhere": ("does not overlap", SOURCE, OUTPUT, "--extent", "0,0,9,9"),
    "extent of nan": ("not finite", SOURCE, OUTPUT, "--extent", "nan,0,nan,1"),
    "unknown model": ("no model 'mystery'", SOURCE, OUTPUT, "--model", "mystery"),
    "model is a folder": ("is a folder", SOURCE, OUTPUT, "--model", "{folder}"),
    "factor of 99": ("whole scale factor", SOURCE, OUTPUT, "--model", "nearest:99"),
    "text as checkpoint": ("", SOURCE, OUTPUT, "--model", lambda f: write(f / "m.pth", b"hello")),
    "empty checkpoint": ("", SOURCE, OUTPUT, "--model", lambda f: write(f / "m.pth", b"")),
    "hostile pickle": ("", SOURCE, OUTPUT, "--model", lambda f: write(f / "m.pth", pickle.dumps(Hostile(f / "owned")))),
    "lfs pointer": (
        "pointer",
        SOURCE,
        OUTPUT,
        "--model",
        lambda f: write(f / "m.pth", LFS_POINTER),
    ),
    "text as onnx": ("no ONNX model", SOURCE, OUTPUT, "--model", lambda f: write(f / "m.onnx", b"hello")),
    "broken card": ("cannot be read", SOURCE, OUTPUT, "--model", lambda f: write(f / "card.json", b"{")),
    "card that points outside": ("outside its own folder", SOURCE, OUTPUT, "--model", card_outside),
    "no output": ("No output", SOURCE, ""),
    "no such folder": ("does not exist", SOURCE, "{folder}/missing/o.tif"),
    "output is a folder": ("is a folder", SOURCE, lambda f: str((f / "d.tif").mkdir() or f / "d.tif")),
    "output is the input": ("input itself", SOURCE, SOURCE),
    "output is no tiff": ("no GeoTIFF", SOURCE, "{folder}/o.png"),
    "name too long": ("too long", SOURCE, "{folder}/" + "x" * 250 + ".tif"),
    "folder that takes no files": ("", SOURCE, "/proc/self/o.tif"),
    "no such gpu": ("cuda:7", SOURCE, OUTPUT, "--device", "cuda:7", "--model", "{shipped}"),
    "no such device": ("tpu", SOURCE, OUTPUT, "--device", "tpu", "--model", "{shipped}"),
    "nodata beyond the type": ("cannot be stored", SOURCE, OUTPUT, "--nodata", "-1"),
    "normalisation": ("cannot be understood", SOURCE, OUTPUT, "--normalisation", "sideways"),
    "negative tile": ("negative", SOURCE, OUTPUT, "--tile", "-5"),
    "negative margin": ("negative", SOURCE, OUTPUT, "--margin", "-5"),
    "creation option": ("no creation option", SOURCE, OUTPUT, "--create-option", "FAST"),
    "no such worker": ("/no/python", SOURCE, OUTPUT, "--worker", "/no/python"),
}


def run(capsys, *arguments):
    """Exit code and what was told."""
    code = main(["superresolve", *arguments])
    told = capsys.readouterr()
    assert "Traceback" not in told.err and told.out == ""
    return code, told.err


def fill(value, folder, source, project_dir):
    if callable(value):
        return value(folder)
    return value.format(folder=folder, source=source, shipped=project_dir / "models" / "s2-rgbn-x2.onnx")


@pytest.mark.parametrize("name", sorted(ROWS))
def test_bad_input(name, tmp_path, make_raster, capsys, project_dir, monkeypatch):
    words, given, output, *options = ROWS[name]
    bands = 4 if "shipped" in str(options) else 2
    source = make_raster(np.random.default_rng(0).integers(1, 4000, (bands, 40, 50)).astype(np.uint16))
    before = open(source, "rb").read()
    arguments = [fill(value, tmp_path, source, project_dir) for value in (given, output, *options)]
    options = arguments[2:] if "--model" in arguments else [*arguments[2:], "--model", MODEL]
    there = sorted(os.listdir(tmp_path))
    code, told = run(capsys, *arguments[:2], *options, *([] if "--worker" in options else ["--in-process"]), "--quiet")
    lines = [line for line in told.strip().splitlines() if not line.startswith("Warning")]
    assert code == 1 and len(lines) == 2, told
    assert words in lines[0] and lines[0].endswith(".") and len(lines[1]) > 10
    assert sorted(os.listdir(tmp_path)) == there
    assert open(source, "rb").read() == before


def test_a_disk_that_is_too_small_is_told_with_the_figure(make_raster, tmp_path, capsys, monkeypatch):
    source = make_raster(np.ones((1, 2000, 2000), np.uint16))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, 3_000_000))
    code, told = run(capsys, source, str(tmp_path / "o.tif"), "--model", "nearest:2", "--in-process", "--quiet")
    assert code == 1 and "43 MB" in told and "3 MB are free" in told
    assert os.listdir(tmp_path) == ["input.tif"]


@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_a_disk_that_fills_up_while_writing_or_closing(make_raster, tmp_path, project_dir, share):
    """A limit on the size of files stands in for the full disk."""
    import resource
    import subprocess
    import sys

    pixels = np.random.default_rng(0).integers(0, 60000, (1, 600, 600)).astype(np.uint16)
    source = make_raster(pixels)
    command = [sys.executable, "-m", "sr_plugin", "superresolve", source, str(tmp_path / "o.tif"), "--in-process"]
    command += ["--model", "bicubic:2", "--quiet", "--tile", "128"]
    subprocess.run(command, cwd=project_dir, check=True)
    size = os.path.getsize(tmp_path / "o.tif")
    os.remove(tmp_path / "o.tif")
    limit = int(size * share)
    done = subprocess.run(
        command,
        cwd=project_dir,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "could not be" in done.stderr and "o.tif" in done.stderr
    assert not os.path.exists(tmp_path / "o.tif")


def test_an_output_that_is_being_written(make_raster, tmp_path, capsys):
    source = make_raster(np.ones((1, 9, 9), np.uint16))
    with OutputLock(str(tmp_path / "o.tif")):
        code, told = run(capsys, source, str(tmp_path / "o.tif"), "--model", MODEL, "--in-process", "--quiet")
    assert code == 1 and "Another run" in told


@pytest.mark.parametrize("folder", ["Ünïcødé 測試 папка", LONG_FOLDER, "with 'quotes\" & %s"])
def test_odd_and_long_paths_just_work(tmp_path, folder, capsys, worker_python):
    place = tmp_path / folder
    place.mkdir(parents=True)
    source = write_raster(place / "ein gäbe.tif", np.arange(30, dtype=np.uint16).reshape(1, 5, 6))
    code, told = run(capsys, source, str(place / "aüs.tif"), "--model", MODEL, "--quiet", "--worker", worker_python)
    assert code == 0, told
    assert read_raster(str(place / "aüs.tif")).shape == (1, 10, 12)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 5000), (2, 1000, 1), (1, 1000, 1000), (3, 97, 101), (200, 7, 9)])
@pytest.mark.parametrize("model", ["nearest:2", "bicubic:3"])
def test_odd_shapes_just_work(make_raster, tmp_path, capsys, shape, model):
    pixels = np.random.default_rng(0).integers(0, 9999, shape).astype(np.uint16)
    output = str(tmp_path / "o.tif")
    code, told = run(capsys, make_raster(pixels), output, "--model", model, "--in-process", "--quiet", "--tile", "333")
    assert code == 0, told
    scale = int(model[-1])
    assert read_raster(output).shape == (shape[0], shape[1] * scale, shape[2] * scale)


def test_a_read_only_source(make_raster, tmp_path, capsys):
    source = make_raster(np.ones((1, 9, 9), np.uint16))
    os.chmod(source, 0o444)
    code, _ = run(capsys, source, str(tmp_path / "o.tif"), "--model", MODEL, "--in-process", "--quiet")
    assert code == 0


@pytest.mark.parametrize("shape", [(4, 1, 1), (4, 2, 40), (4, 45, 3)])
def test_rasters_smaller_than_the_reach_of_a_network(make_raster, tmp_path, capsys, shape):
    pytest.importorskip("onnxruntime")
    source = make_raster(np.full(shape, 1200, np.uint16), descriptions=["B04", "B03", "B02", "B08"])
    output = str(tmp_path / "o.tif")
    code, told = run(capsys, source, output, "--model", "s2-rgbn-x2", "--in-process", "--quiet")
    assert code == 0, told
    assert abs(read_raster(output).astype(int) - 1200).max() < 300


def test_what_was_not_foreseen_is_told_without_a_traceback(make_raster, tmp_path, capsys, monkeypatch):
    from sr_plugin.command_line import superresolve_command

    def fails(*_, **__):
        raise KeyError("surprise")

    monkeypatch.setattr(superresolve_command, "superresolve", fails)
    code, told = run(capsys, make_raster(np.ones((1, 3, 3), np.uint8)), str(tmp_path / "o.tif"), "--in-process")
    assert code == 1 and "not foreseen (KeyError" in told and "report it" in told
    monkeypatch.setenv("SR_PLUGIN_DEBUG", "1")
    with pytest.raises(KeyError):
        run(capsys, make_raster(np.ones((1, 3, 3), np.uint8)), str(tmp_path / "o.tif"), "--in-process")
