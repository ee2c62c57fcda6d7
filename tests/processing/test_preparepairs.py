"""The algorithm that prepares training pairs, in a real QGIS."""

from __future__ import annotations

import os

import numpy as np
import pytest

from sr_plugin.core.dataset import Dataset

pytestmark = pytest.mark.qgis

PARAMETERS = (
    "LAYOUT HIGH LOW FOLDER LOW_FOLDER SCALE PATCH STEP HIGH_BANDS LOW_BANDS MTF_MIN MTF_MAX NOISE POINT_SPREAD VIEWS "
    "MAX_DAYS REGISTER MATCH_HISTOGRAM MAX_SHIFT MIN_SCORE MAX_GAPS HIGH_MASKS LOW_MASKS CLOUD_VALUES BRIGHT "
    "DUPLICATES_OUT CLASSES MAX_PATCHES VALIDATION TEST PLACE_SIZE SEED NORMALISATION LICENCE CREDIT OUTPUT"
).split()
OUTPUTS = "CONTACT_SHEET PAIRS TRAIN_PAIRS VALIDATION_PAIRS TEST_PAIRS REJECTED OUTPUT".split()


@pytest.fixture
def algorithm(provider):
    from qgis.core import QgsApplication

    return QgsApplication.processingRegistry().algorithmById("superres:preparepairs")


@pytest.fixture
def terrain(make_raster):
    """A raster of three bands, 160 x 160 pixels, every patch different."""
    rng = np.random.default_rng(8)
    fields = rng.integers(500, 3000, (3, 32, 32)).repeat(5, 1).repeat(5, 2)
    return make_raster((fields + rng.integers(0, 90, fields.shape)).astype(np.uint16), "terrain_20200613.tif")


@pytest.fixture
def call(provider, tmp_path):
    import processing

    def run(feedback=None, **parameters):
        values = {"PATCH": 8, "OUTPUT": str(tmp_path / "pairs"), **parameters}
        return processing.run("superres:preparepairs", values, feedback=feedback)

    return run


def test_parameters_and_outputs_are_those_promised(algorithm):
    assert [p.name() for p in algorithm.parameterDefinitions()] == PARAMETERS
    assert {o.name() for o in algorithm.outputDefinitions()} == set(OUTPUTS)
    assert [p.name() for p in algorithm.parameterDefinitions() if not p.help()] == []


def test_the_choices_are_those_of_the_pipeline():
    from sr_plugin.pipeline.pairs import request
    from sr_plugin.processing import preparepairs_parameters as definitions

    assert definitions.LAYOUTS == request.LAYOUTS
    assert definitions.SCALES == tuple(map(str, request.SCALES))


def test_defaults_are_those_of_the_pipeline(algorithm):
    from sr_plugin.pipeline.pairs.request import PairRequest

    for parameter in algorithm.parameterDefinitions():
        if parameter.defaultValue() is not None:
            assert parameter.checkValueIsAcceptable(parameter.defaultValue()), parameter.name()
    plain = PairRequest("")
    told = {p.name(): p.defaultValue() for p in algorithm.parameterDefinitions()}
    names = "patch step views noise max_days register match_histogram max_shift min_score max_gaps max_patches seed"
    for name in [*names.split(), "validation", "test", "duplicates_out"]:
        assert told[name.upper()] == getattr(plain, name), name
    assert (told["MTF_MIN"], told["MTF_MAX"]) == plain.mtf and int(told["SCALE"]) == plain.scale


def test_the_help_says_how_the_split_works(algorithm):
    assert "never share ground" in algorithm.shortHelpString()


def test_a_raster_alone(call, terrain):
    told = call(HIGH=[terrain], MTF_MIN=0.25, MTF_MAX=0.5, NOISE=3, LICENCE="CC0-1.0", CREDIT="somebody")
    dataset = Dataset.open(told["OUTPUT"])
    counts = dataset.card.counts
    assert [told[f"{split.upper()}_PAIRS"] for split in counts] == list(counts.values())
    assert told["PAIRS"] == len(dataset.records) == sum(counts.values()) and counts["train"] > counts["test"] > 0
    assert told["PAIRS"] + told["REJECTED"] == 25 and os.path.isfile(told["CONTACT_SHEET"])
    assert dataset.card.sources[0].licence == "CC0-1.0" and dataset.card.credit == "somebody"
    assert {record.date for record in dataset.records} == {"2020-06-13"}
    assert 0.25 <= min(r.mtf for r in dataset.records) < max(r.mtf for r in dataset.records) <= 0.5


def test_layers_of_the_project_and_chosen_bands(call, terrain, project):
    from qgis.core import QgsRasterLayer

    layer = project.addMapLayer(QgsRasterLayer(terrain, "Terrain"))
    told = call(HIGH=[layer.id()], HIGH_BANDS="3 1", SCALE="2")
    low, high, _ = next(Dataset.open(told["OUTPUT"]).pairs("train"))
    assert low.shape == (2, 8, 8) and high.shape == (2, 16, 16)


def test_two_sensors_through_a_worker(call, terrain, tmp_path, read_pixels, make_raster, worker_python, monkeypatch):
    from osgeo import gdal

    pytest.importorskip("skimage")
    monkeypatch.setenv("SR_PLUGIN_WORKER_PYTHON", worker_python)
    low = str(tmp_path / "low_20200615.tif")
    gdal.Translate(low, terrain, width=80, height=80, resampleAlg="average", format="GTiff")
    told = call(LAYOUT="sensors", HIGH=[terrain], LOW=[low], SCALE="2", PATCH=16, VALIDATION=0, TEST=0)
    dataset = Dataset.open(told["OUTPUT"])
    assert told["PAIRS"] == 25 and all(record.score > 0.95 for record in dataset.records)
    assert all(abs(record.shift_x) < 0.1 and abs(record.shift_y) < 0.1 for record in dataset.records)


def test_a_temporary_output(call, terrain):
    from qgis.core import QgsProcessing

    told = call(HIGH=[terrain], OUTPUT=QgsProcessing.TEMPORARY_OUTPUT)
    assert Dataset.open(told["OUTPUT"]).records


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"HIGH": []}, "No rasters"),
        ({"HIGH": ["no-such-raster.tif"]}, "missing or cannot be opened"),
        ({"SCALE": "1"}, "scale above 1"),
        ({"HIGH_BANDS": "red"}, "no list of numbers"),
        ({"HIGH_BANDS": "9"}, "no band 9"),
        ({"VALIDATION": 0.7, "TEST": 0.4}, "leave something"),
        ({"CLASSES": "gone.tif"}, "CLASSES"),
        ({"NORMALISATION": "whatever"}, "whatever"),
    ],
)
def test_mistakes_are_told(call, terrain, changes, words, feedback, tmp_path):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException) as caught:
        call(feedback, **{"HIGH": [terrain], **changes})
    assert words in str(caught.value) + " ".join(feedback.errors)
    assert not os.path.exists(tmp_path / "pairs")


def test_cancel(call, terrain, feedback, tmp_path):
    from qgis.core import QgsProcessingException

    feedback.cancel()
    with pytest.raises(QgsProcessingException, match="cancelled"):
        call(feedback, HIGH=[terrain])
    assert sorted(os.listdir(tmp_path)) == ["terrain_20200613.tif"]
