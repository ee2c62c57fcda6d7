"""Settings keep their types, refuse what is not allowed, and the chosen Python really comes first."""

from __future__ import annotations

import os
import sys

import pytest

pytestmark = pytest.mark.qgis


@pytest.fixture
def settings(qgis_app):
    from sr_plugin.processing import runtime_check, settings

    settings.reset_all()
    runtime_check.forget()
    yield settings
    settings.reset_all()
    runtime_check.forget()


def test_every_setting_comes_back_in_its_type(settings):
    changed = {
        "model": "bicubic:4",
        "device": "cuda:1",
        "precision": "reduced",
        "consistency": True,
        "keep_partial": True,
        "worker_python": "/x/python3",
        "preview_follow": True,
        "preview_bound": 512,
        "environment_size": "full",
        "use_proxy": False,
        "wheels_folder": "/wheels",
    }
    assert {setting.name for setting in settings.ALL} == set(changed)
    for setting in settings.ALL:
        assert setting.value() == setting.default and setting.value() != changed[setting.name]
        setting.set(changed[setting.name])
        assert setting.value() == changed[setting.name]
        assert type(setting.value()) is type(setting.default)
    assert settings.all_values() == changed
    assert sorted(settings.changed_names()) == sorted(changed)


def test_the_keys_have_one_prefix(settings):
    from qgis.core import QgsSettings

    settings.DEVICE.set("cpu")
    assert QgsSettings().value("superres/device") == "cpu"
    settings.DEVICE.set(settings.DEVICE.default)
    assert not QgsSettings().contains("superres/device")


@pytest.mark.parametrize(
    ("name", "stored", "value"),
    [
        ("PRECISION", "float128", "auto"),
        ("PREVIEW_BOUND", "many", 256),
        ("PREVIEW_BOUND", 1_000_000, 256),
        ("PREVIEW_BOUND", "512", 512),
        ("CONSISTENCY", "true", True),
        ("CONSISTENCY", "nonsense", False),
    ],
)
def test_stored_values_that_make_no_sense_count_as_not_chosen(settings, name, stored, value):
    from qgis.core import QgsSettings

    setting = getattr(settings, name)
    QgsSettings().setValue(setting.key, stored)
    assert setting.value() == value


def test_algorithms_start_with_the_settings(settings, provider):
    from qgis.core import QgsApplication

    def defaults():
        algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolve").create()
        names = ("MODEL", "DEVICE", "PRECISION", "CONSISTENCY", "KEEP_PARTIAL")
        return [algorithm.parameterDefinition(name).defaultValue() for name in names]

    assert defaults() == ["s2-rgbn-x2", "auto", "auto", False, False]
    settings.MODEL.set("bicubic:4")
    settings.DEVICE.set("cpu")
    settings.PRECISION.set("float32")
    settings.CONSISTENCY.set(True)
    settings.KEEP_PARTIAL.set(True)
    assert defaults() == ["bicubic:4", "cpu", "float32", True, True]


def test_the_chosen_python_is_the_one_that_runs(settings, run, scene, tmp_path):
    """A choice that cannot run is told and not replaced by another Python: proof that it was asked first."""
    from qgis.core import QgsProcessingException

    settings.WORKER_PYTHON.set(sys.executable)
    assert os.path.isfile(run(scene)["OUTPUT"])
    settings.WORKER_PYTHON.set(str(tmp_path / "gone" / "python3"))
    with pytest.raises(QgsProcessingException, match="gone/python3"):
        run(scene, OUTPUT=str(tmp_path / "second.tif"))


def test_the_choice_reaches_the_other_algorithms(settings, provider, tmp_path, monkeypatch):
    import processing
    from qgis.core import QgsProcessingException

    from sr_plugin.core.errors import RuntimeMissing
    from sr_plugin.pipeline import superresolve

    asked = []

    def factory(python=""):
        asked.append(python)
        raise RuntimeMissing("No Python today.")

    monkeypatch.setattr(superresolve, "worker_factory", factory)
    settings.WORKER_PYTHON.set("/my/python3")
    calls = {
        "superres:modelinfo": {"MODEL": "s2-rgbn-x2"},
        "superres:exportmodel": {"MODEL": "s2-rgbn-x2", "FORMAT": "onnx", "OUTPUT": str(tmp_path / "x.onnx")},
    }
    for name, parameters in calls.items():
        with pytest.raises(QgsProcessingException, match="No Python today"):
            processing.run(name, parameters)
    assert asked == ["/my/python3", "/my/python3"]


def test_the_check_before_a_run_looks_at_the_choice(settings, tmp_path):
    from sr_plugin.processing import runtime_check

    assert runtime_check.can_run_models() == (True, "")
    settings.WORKER_PYTHON.set(str(tmp_path / "gone" / "python3"))
    runtime_check.forget()
    can_run, reason = runtime_check.can_run_models()
    assert not can_run and "gone/python3" in reason
