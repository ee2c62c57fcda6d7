"""The provider in QGIS' registry, and what the algorithm declares."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.qgis

PARAMETERS = (
    "INPUT BANDS MODEL EXTENT MASK DEVICE PRECISION OUTPUT_TYPE CONSISTENCY TILE_SIZE MARGIN NORMALISATION OTHER_BANDS "
    "LUMINANCE EXACT NODATA RESOLUTION KEEP_PARTIAL COG CREATE_OPTIONS OUTPUT UNCERTAINTY_LIMIT UNCERTAINTY_MODELS "
    "UNCERTAINTY UNCERTAINTY_MASK"
).split()
OUTPUTS = "OUTPUT UNCERTAINTY UNCERTAINTY_MASK SCALE DEVICE PRECISION SECONDS CONSISTENCY_RMSE".split()


@pytest.fixture
def algorithm(provider):
    from qgis.core import QgsApplication

    return QgsApplication.processingRegistry().algorithmById("superres:superresolve")


def test_provider_names(provider):
    assert provider.id() == "superres"
    assert provider.name() == "Super-Resolution"
    assert not provider.icon().isNull()


def test_parameters_and_outputs_are_those_promised(algorithm):
    assert [p.name() for p in algorithm.parameterDefinitions()] == PARAMETERS
    assert [o.name() for o in algorithm.outputDefinitions()] == OUTPUTS


def test_every_parameter_has_help(algorithm):
    assert [p.name() for p in algorithm.parameterDefinitions() if not p.help()] == []
    assert "does not measure it" in algorithm.shortHelpString()


def test_defaults_are_acceptable(algorithm):
    for parameter in algorithm.parameterDefinitions():
        if parameter.defaultValue() is not None:
            assert parameter.checkValueIsAcceptable(parameter.defaultValue()), parameter.name()
    assert algorithm.parameterDefinition("MODEL").defaultValue() == "s2-rgbn-x2"


def test_advanced_parameters_are_folded_away(algorithm):
    from sr_plugin.processing.qgis_enums import ADVANCED

    folded = [p.name() for p in algorithm.parameterDefinitions() if p.flags() & ADVANCED]
    assert folded == [*PARAMETERS[9:20], "UNCERTAINTY_LIMIT", "UNCERTAINTY_MODELS"]


def test_instances_are_fresh_and_of_the_same_class(algorithm):
    other = algorithm.create()
    assert type(other) is type(algorithm)
    assert other is not algorithm


def test_the_algorithm_runs_in_the_background(algorithm):
    from qgis.core import QgsProcessingAlgorithm

    assert not algorithm.flags() & QgsProcessingAlgorithm.FlagNoThreading
    assert algorithm.flags() & QgsProcessingAlgorithm.FlagCanCancel


def test_only_geotiff_is_offered(algorithm):
    file_filter = algorithm.parameterDefinition("OUTPUT").createFileFilter()
    assert "*.tif" in file_filter and "*.jp2" not in file_filter and "*.img" not in file_filter


def test_can_execute_tells_what_to_do_without_a_python(algorithm, monkeypatch, tmp_path):
    from sr_plugin.processing import runtime_check

    monkeypatch.setenv("SR_PLUGIN_WORKER_PYTHON", str(tmp_path / "python3"))
    runtime_check.forget()
    able, reason = algorithm.canExecute()
    monkeypatch.undo()
    runtime_check.forget()
    assert not able
    assert str(tmp_path) in reason and "environment --create" in reason
    assert algorithm.canExecute() == (True, "")


def test_can_execute_starts_no_process(algorithm, monkeypatch):
    import subprocess

    from sr_plugin.processing import runtime_check

    def refuse(*_args, **_kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    runtime_check.forget()
    assert algorithm.canExecute()[0]


def test_unload_leaves_nothing_behind(provider):
    from qgis.core import QgsApplication

    from sr_plugin.plugin import SuperResolutionPlugin

    registry = QgsApplication.processingRegistry()
    before = [p.id() for p in registry.providers()]
    # The id is taken, so a second plugin is refused and must not take the first one's provider away.
    second = SuperResolutionPlugin(None)
    second.initProcessing()
    second.unload()
    assert [p.id() for p in registry.providers()] == before
