"""Headers of ONNX files, and what lies beside them."""

from __future__ import annotations

import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.core.onnx_card import card_from_onnx
from sr_plugin.core.onnx_file import check_external_data, read_onnx_header
from sr_plugin.core.onnx_metadata import encoded_metadata, metadata_of_card
from tests.fuzz.effort import effort
from tests.fuzz.guard import guarded
from tests.fuzz.inputs import ODD_TEXTS, changed_bytes, changed_json, changed_lines
from tests.fuzz.test_cards import use

RECIPE = """bands:
  - B2
  - B3
  - 'B4'
  - B8A
factor: 2
margin: 66
model: [a, "b"]
"""


def field(number: int, content: bytes | int) -> bytes:
    """One field of a protobuf message."""

    def varint(value: int) -> bytes:
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes(out) + bytes([value])

    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def image(name: str, sizes: tuple[int, ...]) -> bytes:
    shape = b"".join(field(1, field(1, size) if size else field(2, b"n")) for size in sizes)
    return field(1, name.encode()) + field(2, field(1, field(1, 1) + field(2, shape)))


def external(location: str) -> bytes:
    entry = field(1, b"location") + field(2, location.encode("utf-8", "surrogatepass"))
    return field(1, 1) + field(8, b"w") + field(13, entry) + field(14, 1)


def model(weights: bytes = b"", more: bytes = b"") -> bytes:
    """A model of one node that takes and gives four bands; ``weights`` are further fields of its graph."""
    node = field(1, b"in") + field(2, b"out") + field(4, b"Identity")
    graph = (
        field(1, node) + field(2, b"g") + field(11, image("in", (0, 4, 0, 0))) + field(12, image("out", (0, 4, 0, 0)))
    )
    return field(1, 8) + field(2, b"test") + field(7, graph + weights) + field(8, field(2, 17)) + more


def with_metadata() -> bytes:
    card = ModelCard("m", "m", "onnx", 2, reach=5)
    return model() + encoded_metadata({**metadata_of_card(card), "resolution": "60", "standardization_mean": "[0.5]"})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("onnx") / "model.onnx"


def check(path: pathlib.Path) -> None:
    with guarded():
        try:
            use(card_from_onnx(str(path)))
        except SuperResolutionError:
            return


@given(data=changed_bytes(with_metadata()))
@effort(2)
def test_changed_headers(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(data)
    check(path)


@given(data=st.data())
@effort(2)
def test_metadata(path: pathlib.Path, data: st.DataObject) -> None:
    known = metadata_of_card(ModelCard("m", "m", "onnx", 2, reach=5))
    known.update(
        {"tile_size": "64", "standardization_mean": "[0.5]", "sr:mean": "[1, 2, 3, 4]", "sr:std": "[1, 2, 3, 4]"}
    )
    for key in data.draw(st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=4, unique=True)):
        try:
            document = json.loads(known[key])
        except ValueError:
            document = known[key]
        known[key] = data.draw(changed_json([document])).encode("utf-8", "replace").decode()
        known[key] = known[key][1:-1] if data.draw(st.booleans()) else known[key]
    path.write_bytes(model() + encoded_metadata(known))
    check(path)


PLACES = {
    "initialiser": lambda tensor: model(field(5, tensor)),
    "sparse values": lambda tensor: model(field(15, field(1, tensor))),
    "sparse indices": lambda tensor: model(field(15, field(2, tensor))),
    "constant": lambda tensor: model(field(1, field(4, b"Constant") + field(5, field(1, b"value") + field(5, tensor)))),
    "constants": lambda tensor: model(field(1, field(5, field(10, tensor)))),
    "sparse constant": lambda tensor: model(field(1, field(5, field(22, field(1, tensor))))),
    "sparse constants": lambda tensor: model(field(1, field(5, field(23, field(2, tensor))))),
    "branch": lambda tensor: model(field(1, field(5, field(6, field(5, tensor))))),
    "function": lambda tensor: model(more=field(25, field(7, field(5, field(5, tensor))))),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("location", ["../w", "/etc/passwd", "link/w", "a\x00b", "..", "", "w/../../w", "."])
def test_weights_elsewhere_are_refused_wherever_they_are_named(
    tmp_path: pathlib.Path, place: str, location: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "w").write_bytes(bytes(64))
    (folder / "link").symlink_to(tmp_path)
    path = folder / "model.onnx"
    path.write_bytes(PLACES[place](external(location)))
    header = read_onnx_header(str(path))
    assert header.external == [location]
    with pytest.raises(SuperResolutionError, match="outside its own folder|is missing"):
        check_external_data(str(path), header)


@given(location=st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=30)), place=st.sampled_from(sorted(PLACES)))
@effort()
def test_any_location(path: pathlib.Path, location: str, place: str) -> None:
    path.write_bytes(PLACES[place](external(location)))
    check(path)


@given(text=changed_lines(RECIPE))
@effort()
def test_recipes_of_evoland(path: pathlib.Path, text: str) -> None:
    beside = path.with_name("evoland.yaml")
    beside.write_text(text, encoding="utf-8")
    path.with_name("evoland.onnx").write_bytes(model())
    check(path.with_name("evoland.onnx"))


@pytest.mark.parametrize(
    ("taken", "given_back"),
    [
        ((0, 2**31 - 1, 0, 0), (0, 2**31 - 1, 0, 0)),
        ((0, 3, 0, 0), (0, 2**30, 0, 0)),
        ((1, 1, 1, 1), (1, 1, 2**30, 2**30)),
    ],
)
def test_sizes_that_no_model_has(path: pathlib.Path, taken: tuple[int, ...], given_back: tuple[int, ...]) -> None:
    graph = field(2, b"g") + field(11, image("in", taken)) + field(12, image("out", given_back))
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(2, 17)))
    with guarded(seconds=3, megabytes=50):
        try:
            assert card_from_onnx(str(path)).scale <= 64
        except SuperResolutionError as error:
            assert "bands" in error.message


@pytest.mark.parametrize("name", ["B" + "0" * 60_000 + "x", "band" + "0" * 60_000, "B" + "1" * 60_000])
def test_endless_band_names_take_no_time(path: pathlib.Path, name: str) -> None:
    path.with_name("long.yaml").write_text(f"bands: [{name}, B3, B4, B8]\nfactor: 2\nmargin: 4\n", encoding="utf-8")
    path.with_name("long.onnx").write_bytes(model())
    with guarded(seconds=2):
        assert len(card_from_onnx(str(path.with_name("long.onnx"))).input_bands) == 4
