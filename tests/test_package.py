"""The staged plugin is complete, and its zip obeys the rules of QGIS' plugin repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile

import pytest

from tools.package import package
from tools.package_rules import MAXIMUM_BYTES, REQUIRED_KEYS, problems_of, read_metadata
from tools.stage import stage


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    return stage(str(tmp_path_factory.mktemp("stage")))


@pytest.fixture
def zipped(staged, tmp_path):
    return package(staged, str(tmp_path))


def _files(folder):
    return {
        os.path.relpath(os.path.join(parent, name), folder).replace(os.sep, "/")
        for parent, _, names in os.walk(folder)
        for name in names
    }


def test_stage_has_what_qgis_and_the_plugin_need(staged):
    files = _files(staged)
    assert {
        "metadata.txt",
        "LICENSE",
        "__init__.py",
        "plugin.py",
        "core/errors.py",
        "runtime/requirements/light.txt",
        "runtime/requirements/full.txt",
        "runtime/requirements/cpu.txt",
        "runtime/probe_script.py",
        "resources/icons/icon.svg",
        "resources/sample/sentinel2_virginia_10m.tif",
    } <= files


def test_stage_has_every_module_of_the_package(staged, project_dir):
    sources = {name for name in _files(project_dir / "sr_plugin") if name.endswith(".py")}
    assert sources <= _files(staged)


def test_stage_has_the_models_but_not_their_recipes(staged, project_dir):
    files = _files(staged)
    shipped = {f"models/{name}" for name in os.listdir(project_dir / "models") if name.endswith((".onnx", ".json"))}
    assert shipped <= files
    assert not any(name.startswith("models/recipes/") for name in files)


def test_stage_leaves_out_what_does_not_belong(staged):
    for name in _files(staged):
        parts = name.split("/")
        assert not any(part.startswith(".") or part in {"__pycache__", "tests"} for part in parts), name
        assert not name.endswith((".pyc", ".aux.xml")), name


def test_stage_replaces_what_an_earlier_one_left(tmp_path):
    folder = stage(str(tmp_path))
    stray = os.path.join(folder, "core", "gone.py")
    open(stray, "w").close()
    stage(str(tmp_path))
    assert not os.path.exists(stray)


def test_staged_package_finds_its_own_folders(staged):
    script = (
        "from sr_plugin.core import locations as at\n"
        "print(at.plugin_version(), at.resources_folder(), at.shipped_models_folder(), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=os.path.dirname(staged), capture_output=True, text=True, check=True
    )
    version, resources, models = done.stdout.splitlines()
    assert version == read_metadata(open(os.path.join(staged, "metadata.txt"), encoding="utf-8").read())["version"]
    assert os.path.realpath(resources) == os.path.realpath(os.path.join(staged, "resources"))
    assert os.path.basename(models) == "models"


def test_zip_obeys_the_rules(zipped):
    size = os.path.getsize(zipped)
    assert size < MAXIMUM_BYTES
    assert problems_of(zipped, size) == []
    assert os.path.basename(zipped).startswith("sr_plugin-")


def test_same_stage_gives_the_same_bytes(staged, tmp_path):
    first = open(package(staged, str(tmp_path)), "rb").read()
    assert open(package(staged, str(tmp_path)), "rb").read() == first


def _break(zipped, tmp_path, **changes):
    """A copy of the zip with files added, replaced or (None) left out."""
    broken = str(tmp_path / "broken.zip")
    with zipfile.ZipFile(zipped) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            if name not in changes:
                target.writestr(name, source.read(name))
        for name, content in changes.items():
            if content is not None:
                target.writestr(name, content)
    return " | ".join(problems_of(broken, os.path.getsize(broken)))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("sr_plugin/LICENSE", None, "LICENSE is missing"),
        ("sr_plugin/metadata.txt", None, "metadata.txt is missing"),
        ("sr_plugin/resources/icons/icon.svg", None, "icon"),
        ("sr_plugin/core/x.pyc", b"x", "refused"),
        ("sr_plugin/core/__pycache__/x.py", b"x", "does not belong"),
        ("sr_plugin/.git/config", b"x", "does not belong"),
        ("sr_plugin/tests/test_x.py", b"x", "does not belong"),
        ("sr_plugin/run.sh", b"x", "refused"),
        ("sr_plugin/tool", b"\x7fELF\x02", "is a program"),
        ("other/x.py", b"x", "outside the top folder"),
    ],
)
def test_broken_rules_are_named(zipped, tmp_path, name, content, problem):
    assert problem in _break(zipped, tmp_path, **{name: content})


def test_too_large_a_zip_is_named(zipped):
    assert "more than" in problems_of(zipped, MAXIMUM_BYTES + 1)[0]


@pytest.mark.parametrize("key", REQUIRED_KEYS)
def test_missing_metadata_is_named(zipped, tmp_path, project_dir, key):
    lines = (project_dir / "metadata.txt").read_text(encoding="utf-8").splitlines()
    kept, skipping = [], False
    for line in lines:
        skipping = line.startswith(f"{key}=") or (skipping and line.startswith(" "))
        if not skipping:
            kept.append(line)
    assert f"no {key}" in _break(zipped, tmp_path, **{"sr_plugin/metadata.txt": "\n".join(kept)})


def test_metadata_says_that_qt6_works_and_a_provider_comes(project_dir):
    values = read_metadata((project_dir / "metadata.txt").read_text(encoding="utf-8"))
    assert values["name"] == "Super-Resolution"
    assert values["qgisMinimumVersion"] == "3.22"
    assert values["qgisMaximumVersion"] == "4.99"
    assert values["hasProcessingProvider"] == "yes"


def test_license_is_the_gpl_2(project_dir):
    text = (project_dir / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text and "Version 2, June 1991" in text


@pytest.mark.gdal
def test_sample_is_what_the_shipped_models_expect(project_dir):
    gdal = pytest.importorskip("osgeo.gdal")
    path = project_dir / "resources" / "sample" / "sentinel2_virginia_10m.tif"
    assert path.stat().st_size < 700_000
    dataset = gdal.Open(str(path))
    names = [dataset.GetRasterBand(band).GetDescription() for band in range(1, dataset.RasterCount + 1)]
    assert names == ["B04", "B03", "B02", "B08"]
    assert (dataset.RasterXSize, dataset.RasterYSize) == (256, 256)
    assert dataset.GetSpatialRef().GetAuthorityCode(None) == "32618"


def test_readme_names_only_targets_that_exist(project_dir):
    makefile = (project_dir / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    readme = (project_dir / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\bmake ([a-z-]+)\b", readme)) <= targets
