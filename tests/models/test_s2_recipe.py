"""The recipe of the Sentinel-2 models: pairs as a dataset, places apart, networks widened without a change."""

import argparse
import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from models.recipes import s2_pairs, s2_plan  # noqa: E402
from models.recipes.degradation import dsen2_blur, gaussian_blur, reduce_image, transfer_of  # noqa: E402
from models.recipes.scenes import Scene, training_scenes, validation_scenes  # noqa: E402
from models.recipes.widen import widened, without_block, write_widened  # noqa: E402
from sr_plugin.core.card_file import read_card  # noqa: E402
from sr_plugin.core.catalogue import find_model  # noqa: E402
from sr_plugin.core.training_plan import read_plan  # noqa: E402
from sr_plugin.worker.architectures.build import load_network  # noqa: E402
from sr_plugin.worker.architectures.edsr_bicubic import EdsrBicubic  # noqa: E402
from sr_plugin.worker.training.examples import open_examples  # noqa: E402


def a_scene(place, rows=150, columns=260):
    rng = np.random.default_rng(len(place))
    image = rng.uniform(0.02, 0.5, (4, rows, columns))
    image[3] += 0.1
    return Scene("spyndex-s2", np.round(image, 4), place)


def options(output, **changes):
    given = {"data": "", "output": str(output), "scale": 2, "bands": "rgbn", "count": 6, "validation": 5, "seed": 1}
    return argparse.Namespace(**{**given, "mtf": None, **changes})


@pytest.fixture
def few_scenes(monkeypatch):
    monkeypatch.setattr(s2_pairs, "training_scenes", lambda _: [a_scene("north"), a_scene("elsewhere", 90)])
    monkeypatch.setattr(s2_pairs, "validation_scenes", lambda _: [a_scene("south")])


@pytest.mark.parametrize(("scale", "bands", "count"), [(2, "rgbn", 4), (4, "rgb", 3)])
def test_the_pairs_are_a_dataset_that_can_be_trained_on(tmp_path, few_scenes, scale, bands, count):
    dataset = s2_pairs.write_dataset(options(tmp_path / "set", scale=scale, bands=bands))
    training, validation = open_examples(str(tmp_path / "set"))
    assert (len(training), len(validation)) == (6, 5)
    assert [band.name for band in dataset.card.target.bands] == ["B04", "B03", "B02", "B08"][:count]
    assert {r.place for r in training.records} == {"north", "elsewhere"}
    edge = training.coarsest[0]
    example = training.crop(training.records[0], 0, 0, (edge, edge))
    assert example.target.shape == (count, edge * scale, edge * scale)
    # The mean survives any point spread but for what lies beyond the edges.
    assert example.inputs[0].mean() == pytest.approx(example.target.mean(), rel=0.02)
    assert dataset.verify() == []


def test_what_is_validated_on_is_as_measured(tmp_path, few_scenes):
    dataset = s2_pairs.write_dataset(options(tmp_path / "set"))
    truth = a_scene("south").image
    records = dataset.split("validation")
    assert [r.mtf for r in records] == pytest.approx([math.nan, 0.25, 0.35, 0.45, 0.55], nan_ok=True)
    for record, blur in zip(records[:2], (dsen2_blur(2), gaussian_blur(2, 0.25))):
        low, high = (dataset.array(record, spec) * 0.0001 for spec in dataset.card.arrays)
        # Windows begin on any pixel, of which the index tells the one of the low resolution.
        corners = [(2 * (record.row + 3) + i, 2 * (record.col + 3) + j) for i in (0, 1) for j in (0, 1)]
        windows = [truth[:, top : top + 96, left : left + 96] for top, left in corners]
        assert min(np.abs(window - high).max() for window in windows if window.shape == high.shape) < 1e-4
        inside = reduce_image(high, 2, blur)[:, 4:-4, 4:-4]
        np.testing.assert_allclose(low[:, 4:-4, 4:-4], inside, atol=3e-4)


def test_the_same_seed_gives_the_same_pairs_and_one_point_spread_can_be_asked_for(tmp_path, few_scenes):
    one, other = (s2_pairs.write_dataset(options(tmp_path / name)) for name in ("one", "other"))
    assert one.card.checksum == other.card.checksum
    assert s2_pairs.write_dataset(options(tmp_path / "third", seed=2)).card.checksum != one.card.checksum
    fixed = s2_pairs.write_dataset(options(tmp_path / "fixed", mtf=0.35))
    assert {round(r.mtf, 6) for r in fixed.split("train")} == {0.35}


def test_a_transfer_comes_back():
    assert transfer_of(gaussian_blur(4, 0.3), 4) == pytest.approx(0.3)
    assert math.isnan(transfer_of(dsen2_blur(4), 4))


@pytest.mark.slow
def test_places_of_training_and_validation_are_apart(shared_dir):
    training, validation = (find(str(shared_dir / "data")) for find in (training_scenes, validation_scenes))
    assert not {scene.place for scene in training} & {scene.place for scene in validation}
    large = [s for s in (*training, *validation) if s.place.startswith("s2-l1c-18SVG")]
    assert sum(scene.image.shape[1] for scene in large) == 1947


def test_a_widened_network_computes_the_same():
    torch.manual_seed(3)
    small = EdsrBicubic(2, 2, 8, 2, 2)
    large = widened(small.state_dict(), EdsrBicubic(2, 2, 12, 4, 2))
    x = torch.rand(1, 2, 11, 13)
    with torch.no_grad():
        torch.testing.assert_close(large(x), small(x), atol=1e-6, rtol=0)
    large(x).square().sum().backward()
    moved = [p.grad.abs().sum() > 0 for p in large.parameters()]
    # The inner halves of new blocks learn one step after the outer ones, which begin at nothing.
    assert sum(bool(m) for m in moved) >= len(moved) - 4
    with pytest.raises(ValueError, match="does not fit"):
        widened(large.state_dict(), small)


def test_a_block_that_does_nothing_can_be_taken_out():
    torch.manual_seed(3)
    whole = EdsrBicubic(2, 2, 8, 3, 2)
    for p in whole.blocks[1].conv2.parameters():
        torch.nn.init.zeros_(p)
    small = EdsrBicubic(2, 2, 8, 2, 2)
    small.load_state_dict(without_block(whole.state_dict(), 1))
    x = torch.rand(1, 2, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(small(x), whole(x))
    with pytest.raises(ValueError, match="no block 3"):
        without_block(whole.state_dict(), 3)


def test_a_widened_model_is_one_to_go_on_from(tmp_path, few_scenes):
    card = find_model("s2-rgbn-x2")
    h = card.hyperparameters
    path = write_widened(card, {"width": h["width"] + 2, "blocks": h["blocks"] + 1}, str(tmp_path / "start"))
    larger = read_card(path)
    assert larger.reach == card.reach + 2 and larger.hyperparameters["width"] == h["width"] + 2
    own = next(w for w in card.weights if w.container == "safetensors")
    x = torch.rand(1, 4, 12, 10)
    with torch.no_grad():
        one = load_network(replace(card, weights=(own,)))(x)
        torch.testing.assert_close(load_network(larger)(x), one, atol=1e-5, rtol=0)


@pytest.mark.parametrize("begun", [False, True])
def test_the_plan_is_one_that_can_be_worked(tmp_path, monkeypatch, begun):
    start = ["--start", write_widened(find_model("s2-rgbn-x2"), {}, str(tmp_path))] if begun else []
    told = ["s2_plan", "--dataset", str(tmp_path), "--folder", str(tmp_path / "job"), "--name", "s2-rgbn-x2", *start]
    monkeypatch.setattr("sys.argv", told)
    s2_plan.main()
    plan = read_plan(str(tmp_path / "job" / "plan.json"))
    assert plan.content.relative and plan.optimiser.kind == "orthogonal"
    assert (plan.start is not None) == begun and plan.name == "s2-rgbn-x2"


def test_mixed_precision_leaves_the_bicubic_part_exact():
    network = EdsrBicubic(2, 2, 8, 1, 2)
    flat = torch.full((1, 2, 6, 6), 0.3)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(network.enlarge(flat), torch.full((1, 2, 12, 12), 0.3), atol=1e-6, rtol=0)
