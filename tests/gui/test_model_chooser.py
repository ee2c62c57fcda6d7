"""The chooser for models in the toolbox' dialog, in batch and in the modeler."""

from __future__ import annotations

import gc

import pytest

pytestmark = pytest.mark.qgis


@pytest.fixture
def parameter(provider):
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolve").create()
    # The parameter belongs to its algorithm, so that must live as long.
    parameter = algorithm.parameterDefinition("MODEL")
    parameter.keep = algorithm
    return parameter


def wrapper_for(parameter, kind):
    """The widget wrapper as dialogs of Processing make it: they are told apart by their class name."""
    from processing.gui.wrappers import WidgetWrapperFactory

    dialog = type(kind, (), {})()
    return WidgetWrapperFactory.create_wrapper(parameter, dialog)


@pytest.mark.parametrize("kind", ["AlgorithmDialog", "BatchAlgorithmDialog"])
def test_dialogs_show_the_default_by_its_title(parameter, kind):
    from sr_plugin.gui.model_chooser import ModelChooser, ModelChooserWrapper

    wrapper = wrapper_for(parameter, kind)
    assert isinstance(wrapper, ModelChooserWrapper)
    assert isinstance(wrapper.widget, ModelChooser)
    assert wrapper.parameterValue() == parameter.defaultValue()


def test_all_known_models_are_offered(parameter):
    from sr_plugin.core.catalogue import available_models

    combo = wrapper_for(parameter, "AlgorithmDialog").combo
    assert [combo.itemData(i) for i in range(combo.count())] == [card.name for card in available_models()]
    assert "bicubic:4" in [combo.itemData(i) for i in range(combo.count())]
    assert "Bicubic interpolation x4 (bicubic:4)" in [combo.itemText(i) for i in range(combo.count())]


@pytest.mark.parametrize("value", ["bicubic:4", "nearest:7", "/models/of mine/net.onnx"])
def test_values_come_back_as_they_were_set(parameter, qgis_app, value):
    from qgis.core import QgsProcessingContext

    wrapper = wrapper_for(parameter, "AlgorithmDialog")
    wrapper.setParameterValue(value, QgsProcessingContext())
    assert wrapper.parameterValue() == value


def test_choosing_a_title_gives_the_stable_name(parameter):
    wrapper = wrapper_for(parameter, "AlgorithmDialog")
    told = []
    wrapper.widgetValueHasChanged.connect(told.append)
    wrapper.combo.setCurrentIndex(wrapper.combo.findData("bicubic:3"))
    assert wrapper.parameterValue() == "bicubic:3"
    assert told


def test_an_empty_model_is_refused_by_the_dialog(parameter):
    wrapper = wrapper_for(parameter, "AlgorithmDialog")
    wrapper.combo.setEditText("  ")
    assert not parameter.checkValueIsAcceptable(wrapper.parameterValue())


def test_the_button_takes_a_file(parameter, monkeypatch, tmp_path):
    from qgis.PyQt.QtWidgets import QFileDialog

    path = str(tmp_path / "net.onnx")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args, **_kwargs: (path, ""))
    wrapper = wrapper_for(parameter, "AlgorithmDialog")
    wrapper.widget.button.click()
    assert wrapper.parameterValue() == path


def test_a_cancelled_file_dialog_changes_nothing(parameter, monkeypatch):
    from qgis.PyQt.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args, **_kwargs: ("", ""))
    wrapper = wrapper_for(parameter, "AlgorithmDialog")
    wrapper.widget.button.click()
    assert wrapper.parameterValue() == parameter.defaultValue()


def test_devices_can_be_picked_or_typed(provider):
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolve").create()
    wrapper = wrapper_for(algorithm.parameterDefinition("DEVICE"), "AlgorithmDialog")
    shown = [wrapper.combo.itemText(i) for i in range(wrapper.combo.count())]
    assert shown == ["auto", "cpu", "cuda", "mps", "xpu", "dml"]
    wrapper.combo.setEditText("cuda:1")
    assert wrapper.parameterValue() == "cuda:1"


@pytest.fixture
def modeler(provider):
    """The dialog of the modeler for one step with the algorithm."""
    from processing.modeler.ModelerParametersDialog import ModelerParametersDialog
    from qgis.core import (
        QgsApplication,
        QgsProcessingModelAlgorithm,
        QgsProcessingModelParameter,
        QgsProcessingParameterString,
    )

    model = QgsProcessingModelAlgorithm()
    model.addModelParameter(QgsProcessingParameterString("which", "Which model"), QgsProcessingModelParameter("which"))
    algorithm = QgsApplication.processingRegistry().algorithmById("superres:superresolve").create()

    def open_dialog(child_id=None):
        return ModelerParametersDialog(algorithm, model, algName=child_id)

    open_dialog.model = model
    yield open_dialog


def test_the_modeler_takes_plain_values_expressions_and_inputs(modeler):
    from qgis.core import QgsProcessingModelChildParameterSource as Source

    dialog = modeler()
    wrapper = dialog.widget.widget.wrappers["MODEL"]
    for source in (
        Source.fromStaticValue("bicubic:4"),
        Source.fromExpression("'bicubic:' || 2"),
        Source.fromModelParameter("which"),
    ):
        wrapper.setValue(source)
        step = dialog.createAlgorithm()
        assert step.parameterSources()["MODEL"] == [source]
    dialog.deleteLater()


def test_the_modeler_shows_a_stored_step_again(modeler):
    from qgis.core import QgsProcessingModelChildAlgorithm
    from qgis.core import QgsProcessingModelChildParameterSource as Source

    step = QgsProcessingModelChildAlgorithm("superres:superresolve")
    step.setChildId("step")
    step.addParameterSources("MODEL", [Source.fromExpression("'nearest:' || 4")])
    modeler.model.addChildAlgorithm(step)
    dialog = modeler("step")
    assert dialog.createAlgorithm().parameterSources()["MODEL"] == [Source.fromExpression("'nearest:' || 4")]
    dialog.deleteLater()


@pytest.mark.parametrize("name, value", [("MODEL", "bicubic:4"), ("DEVICE", "cuda")])
def test_the_modeler_lists_the_choices_for_plain_values(modeler, name, value):
    from qgis.core import QgsProcessingModelChildParameterSource as Source

    dialog = modeler()
    wrapper = dialog.widget.widget.wrappers[name]
    assert [action.toolTip() for action in wrapper.list.line.actions()] == ["Choose from a list"]
    wrapper.setValue(Source.fromStaticValue(value))
    values = [choice for choice, _title in wrapper.choices(choices=["auto", "cpu", "cuda", "mps", "xpu", "dml"])]
    actions = [action for action in wrapper.list.menu().actions() if action.isCheckable()]
    assert [action.isChecked() for action in actions] == [choice == value for choice in values]
    actions[0].trigger()
    assert dialog.createAlgorithm().parameterSources()[name] == [Source.fromStaticValue(values[0])]
    dialog.deleteLater()


def test_the_list_of_the_modeler_opens_with_all_models_and_takes_a_file(modeler, monkeypatch, tmp_path):
    from qgis.core import QgsProcessingModelChildParameterSource as Source
    from qgis.PyQt.QtWidgets import QFileDialog, QMenu

    from sr_plugin.core.catalogue import available_models

    dialog = modeler()
    # Slots of Python's must outlive a collection.
    gc.collect()
    opened = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, _point: opened.append(menu))
    wrapper = dialog.widget.widget.wrappers["MODEL"]
    wrapper.list.line.actions()[0].trigger()
    gc.collect()
    actions = opened[0].actions()
    assert len([a for a in actions if a.isCheckable()]) == len(available_models())
    assert any(a.text() == "Bicubic interpolation x4 (bicubic:4)" for a in actions)
    path = str(tmp_path / "net.onnx")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args, **_kwargs: (path, ""))
    actions[-1].trigger()
    assert dialog.createAlgorithm().parameterSources()["MODEL"] == [Source.fromStaticValue(path)]
    dialog.deleteLater()
