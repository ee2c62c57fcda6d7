"""Metadata of Landsat products from strangers, in their three forms, and archives: read, or a plain error."""

from __future__ import annotations

import json
import math
import pathlib
import shutil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import SuperResolutionError  # noqa: E402
from sr_plugin.raster.file_tree import tree_of_tar  # noqa: E402
from sr_plugin.raster.landsat_metadata import is_thermal, read_metadata  # noqa: E402
from sr_plugin.raster.landsat_product import is_landsat_product, open_landsat  # noqa: E402
from tests.fuzz.effort import effort  # noqa: E402
from tests.fuzz.guard import guarded  # noqa: E402
from tests.fuzz.inputs import ODD_TEXTS, changed_bytes, changed_json, changed_lines  # noqa: E402
from tests.landsat_products import make_landsat, metadata_groups, metadata_text, numbers_of, packed  # noqa: E402

pytestmark = pytest.mark.gdal


def groups(spacecraft: int = 8, collection: int = 2, level: int = 2) -> dict:
    files = {number: f"scene_B{number}.TIF" for number in numbers_of(spacecraft, level)}
    return metadata_groups(spacecraft, collection, level, "2010-05-01", files, "scene_QA.TIF")


def use(data: bytes, name: str) -> None:
    """Read metadata and ask for all that a product needs of them."""
    with guarded():
        try:
            found = read_metadata(data, name)
            for band, file in found.files.items():
                assert "/" not in file and "\\" not in file
                assert 1 <= found.resolution(band) <= 1000 and isinstance(is_thermal(band, found.sensor), bool)
                scale, offset, _unit = found.scaling(band)
                assert scale and math.isfinite(scale) and math.isfinite(offset)
        except SuperResolutionError as error:
            assert error.message.endswith(".")


TEXT = metadata_text(groups(), "txt")


@given(
    text=st.one_of(
        changed_lines(TEXT.replace(" = ", ": ")).map(lambda text: text.replace(": ", " = ")),
        changed_bytes(TEXT.encode()).map(lambda data: data.decode("latin-1")),
    )
)
@example(text="GROUP = A\n" * 100_000 + "END")
@example(text="END_GROUP = A\nEND")
@example(text=metadata_text(groups(8, 1, 1), "txt").replace("SUN_ELEVATION = ", "SUN_ELEVATION = 1e-320 #"))
@example(text=metadata_text(groups(8, 2, 1), "txt").replace("SUN_ELEVATION = 30.88235160", "SUN_ELEVATION = 1e-320"))
@effort(2)
def test_text(text: str) -> None:
    use(text.encode("utf-8", "surrogatepass"), "scene_MTL.txt")


@given(data=changed_bytes(metadata_text(groups(7, 2, 1), "xml").encode()))
@example(data=b"<!DOCTYPE a [<!ENTITY b 'b'>]><LANDSAT_METADATA_FILE>&b;</LANDSAT_METADATA_FILE>")
@example(data=b"<a>" * 1000 + b"</a>" * 1000)
@effort(2)
def test_xml(data: bytes) -> None:
    use(data, "scene_MTL.xml")


@given(text=changed_json({"LANDSAT_METADATA_FILE": groups(9, 2, 1)}))
@example(
    text=json.dumps({"LANDSAT_METADATA_FILE": {**groups(8, 2, 1), "PRODUCT_CONTENTS": {"FILE_NAME_BAND_4": 1e-320}}})
)
@example(text='{"a": {"PRODUCT_CONTENTS": {"FILE_NAME_BAND_4": "../../etc/passwd"}}}')
@effort(2)
def test_json(text: str) -> None:
    use(text.encode("utf-8", "surrogatepass"), "scene_MTL.json")


@given(value=st.sampled_from(ODD_TEXTS), form=st.sampled_from(("txt", "xml", "json")), data=st.data())
@effort()
def test_odd_values(value: str, form: str, data: st.DataObject) -> None:
    changed = groups()
    group = data.draw(st.sampled_from(sorted(changed)))
    changed[group][data.draw(st.sampled_from(sorted(changed[group])))] = value
    use(metadata_text(changed, form).encode("utf-8", "surrogatepass"), f"scene_MTL.{form}")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("archive")
    root, _ = make_landsat(folder, 5, 2, 2, bands=("3", "4"))
    path = packed(root)
    data = path.read_bytes()
    shutil.rmtree(folder)
    return data


@given(data=st.data(), compressed=st.booleans())
@effort()
def test_archives(
    archive: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, compressed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / ("odd.tar.gz" if compressed else "odd.tar")
    pathlib.Path(path).write_bytes(data.draw(changed_bytes(archive)))
    with guarded():
        try:
            is_landsat_product(str(path))
            tree = tree_of_tar(str(path))
            assert all(".." not in name.split("/") and not name.startswith("/") for name in tree.entries)
            product = open_landsat(str(path))
            assert all(band.path.startswith(f"/vsitar/{path}/") for band in product.bands)
        except SuperResolutionError as error:
            assert error.message
