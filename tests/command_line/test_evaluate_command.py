"""The command that evaluates results."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("skimage")

from sr_plugin.command_line.main import main  # noqa: E402

pytestmark = pytest.mark.gdal


@pytest.fixture
def rasters(make_raster):
    truth = np.random.default_rng(0).integers(0, 4000, (2, 12, 16)).repeat(6, 1).repeat(6, 2)
    coarse = truth.reshape(2, 36, 2, 48, 2).mean((2, 4))
    fine = (500000.0, 5.0, 0.0, 4100000.0, 0.0, -5.0)
    return (
        make_raster(coarse.astype(np.float32), "in.tif"),
        make_raster(truth.astype(np.float32), "out.tif", geotransform=fine),
        make_raster((truth + 10).astype(np.float32), "truth.tif", geotransform=fine),
    )


def test_the_record(rasters, capsys, tmp_path):
    summary = tmp_path / "s.json"
    source, result, truth = rasters
    line = ["evaluate", source, result, "--truth", truth, "--range", "4000", "--mtf", "0.3", "--summary", str(summary)]
    assert main([*line, "--in-process", "--json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["figures"]["result"]["overall"]["bias"] == pytest.approx(-10)
    assert record["figures"]["result"]["overall"]["psnr"] == pytest.approx(20 * np.log10(400))
    assert record["ranking"][0]["candidate"] == "result"
    assert json.loads(summary.read_text(encoding="utf-8"))["figures"] == record["figures"]


def test_the_table(rasters, capsys):
    assert main(["evaluate", *rasters[:2], "--in-process", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["out.tif", "Bicubic"] and lines[1].startswith("PSNR ↑")
    assert len({len(line) for line in lines}) == 1


def test_the_uncertainty(rasters, make_raster, capsys):
    source, result, truth = rasters
    error = np.random.default_rng(1).uniform(0, 9, (2, 72, 96)).astype(np.float32)
    fine = (500000.0, 5.0, 0.0, 4100000.0, 0.0, -5.0)
    spread = make_raster(error, "spread.tif", geotransform=fine)
    line = ["evaluate", source, result, "--uncertainty", spread, "--in-process", "--quiet"]
    # The result is wrong by 10 everywhere.
    assert main([*line, "--truth", truth]) == 0
    assert "nothing can be ranked" in capsys.readouterr().out
    assert main(line) == 1
    assert "Without a truth" in capsys.readouterr().err


def test_mistakes_are_told(rasters, capsys):
    assert main(["evaluate", rasters[0], "no-such.tif", "--in-process"]) == 1
    assert "no-such.tif" in capsys.readouterr().err
    assert main(["evaluate", *rasters[:2], "--mtf", "1.5", "--in-process"]) == 1
    assert "between 0 and 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["evaluate", *rasters[:2], "--bands", "red"])
