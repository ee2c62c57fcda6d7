"""Processing widget for a text with usual values: pick one, or type your own."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence, Tuple

from processing.gui.wrappers import DIALOG_MODELER, InvalidParameterValue, WidgetWrapper
from qgis.core import QgsProcessingContext, QgsProcessingModelChildParameterSource
from qgis.gui import QgsGui, QgsProcessingContextGenerator, QgsProcessingParameterWidgetContext
from qgis.PyQt.QtWidgets import QComboBox, QLineEdit, QWidget

from sr_plugin.gui.modeler_choices import ChoiceList, value_line
from sr_plugin.processing.qgis_enums import OPTIONAL


class ChoiceCombo(QComboBox):
    """Editable combo box that shows titles and gives values.

    Args:
        choices: pairs of value and title.
        parent: Qt parent.
    """

    def __init__(self, choices: Sequence[Tuple[str, str]], parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        # A long title must not make the whole dialog wide.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        for value, title in choices:
            self.addItem(title, value)

    def value(self) -> str:
        """The value of the chosen title, or the text that was typed."""
        text = self.currentText().strip()
        index = self.findText(text)
        return str(self.itemData(index)) if index >= 0 else text

    def set_value(self, value: Any) -> None:
        """Show a value: by its title where it is one of the choices."""
        text = "" if value is None else str(value)
        index = self.findData(text)
        if index >= 0:
            self.setCurrentIndex(index)
        else:
            self.setEditText(text)
        # Long values, such as paths, are read from their start.
        self.lineEdit().setCursorPosition(0)


class ChoiceWrapper(WidgetWrapper):
    """Offers the values named under ``choices`` in the parameter's widget metadata.

    In the modeler it gives way to the usual widget, so that a value may also be an expression, an input of the model or
    an output of another step; the place for a plain value gets a list of the choices.
    """

    def choices(self, **kwargs: Any) -> List[Tuple[str, str]]:
        """Pairs of value and title."""
        return [(str(choice), str(choice)) for choice in kwargs.get("choices", ())]

    def editor(self, combo: ChoiceCombo) -> QWidget:
        """The widget to show in dialogs; subclasses put something beside the combo box."""
        return combo

    def more(self, line: QLineEdit) -> List[Tuple[str, Callable[[], None]]]:
        """Further entries of the modeler's list: a title and what it does to the line; none unless overridden."""
        return []

    def createWidget(self, **kwargs: Any) -> QWidget:  # noqa: N802 - QGIS API
        """Called by Processing while the wrapper is made."""
        self.combo: Optional[ChoiceCombo] = None
        if self.dialogType == DIALOG_MODELER:
            widget = QgsGui.processingGuiRegistry().createModelerParameterWidget(
                self.dialog.model, self.dialog.childId, self.parameterDefinition(), self.dialog.context
            )
            line = value_line(widget)
            self.list = None if line is None else ChoiceList(line, lambda: self.choices(**kwargs), self.more)
            return widget
        self.combo = ChoiceCombo(self.choices(**kwargs))
        self.combo.currentTextChanged.connect(lambda _text: self.widgetValueHasChanged.emit(self))
        return self.editor(self.combo)

    def setValue(self, value: Any) -> None:  # noqa: N802 - QGIS API
        """Show a value; in the modeler it may be a source of values."""
        if self.combo is not None:
            self.combo.set_value(value)
            return
        sources = value if isinstance(value, list) else [value]
        self.widget.setWidgetValue([_as_source(source) for source in sources])

    def value(self) -> Any:
        """The value, or in the modeler where it comes from."""
        if self.combo is None:
            return self.widget.value()
        value = self.combo.value()
        if not value and not self.parameterDefinition().flags() & OPTIONAL:
            raise InvalidParameterValue()
        return value

    def setWidgetContext(self, context: QgsProcessingParameterWidgetContext) -> None:  # noqa: N802 - QGIS API
        """Hand the context on to the widget of the modeler."""
        super().setWidgetContext(context)
        if self.combo is None:
            self.widget.setWidgetContext(context)

    def registerProcessingContextGenerator(  # noqa: N802 - QGIS API
        self, generator: QgsProcessingContextGenerator
    ) -> None:
        """Hand the generator on to the widget of the modeler."""
        super().registerProcessingContextGenerator(generator)
        if self.combo is None:
            self.widget.registerProcessingContextGenerator(generator)

    def setWidgetValue(self, value: Any, context: QgsProcessingContext) -> None:  # noqa: N802 - QGIS API
        """Called by dialogs that fill in stored parameters."""
        self.setValue(value)

    def widgetValue(self) -> Any:  # noqa: N802 - QGIS API
        """Called by dialogs that read the parameters; empty where nothing was typed."""
        return self.combo.value() if self.combo is not None else self.value()


def _as_source(value: Any) -> QgsProcessingModelChildParameterSource:
    if isinstance(value, QgsProcessingModelChildParameterSource):
        return value
    return QgsProcessingModelChildParameterSource.fromStaticValue(value)
