"""The panel that says how edges are found, and shows the figures."""

from __future__ import annotations

from typing import List, Optional, Tuple

from qgis.core import QgsApplication, QgsRasterLayer
from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.core.edges import EdgeFigures, EdgeSettings
from sr_plugin.core.errors import RuntimeMissing, SuperResolutionError
from sr_plugin.gui.compare.class_legend import class_legend
from sr_plugin.gui.compare.compare_settings import remember, remembered, remembered_edges
from sr_plugin.gui.compare.figures_table import FiguresTable
from sr_plugin.gui.compare.raster_combo import RemovalWatch, choose_none, raster_combo
from sr_plugin.gui.compare.slider_row import SliderRow
from sr_plugin.gui.elided_combo import ElidedComboBox
from sr_plugin.processing.translation import tr

_USUAL = EdgeSettings()


class EdgePanel(QScrollArea):
    """Method, thresholds, band, truth; what is shown; the state and the figures.

    Signals:
        settings_changed: edges have to be computed anew.
        display_changed: what is computed already is to be shown differently.
        environment_requested: the environment that finds edges is to be set up.
    """

    settings_changed = pyqtSignal()
    display_changed = pyqtSignal()
    environment_requested = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        # The keyboard goes from the views to the fields, without a stop at the frame around them.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._quiet = False
        self._truth_id = ""
        self._watch = RemovalWatch(self._forget)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self._find_form())
        self._add_display()
        layout.addWidget(self._make_state())
        layout.addWidget(self.environment_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.table = FiguresTable()
        layout.addWidget(self.table)
        layout.addStretch(1)
        self.setWidget(inside)
        self._show_settings(remembered_edges())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt API
        """Wide enough for the form and no wider, so that the maps keep the room."""
        return QSize(max(300, self.widget().minimumSizeHint().width() + 18), 500)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt API
        """Nothing is cut off at the side; below, it scrolls."""
        return QSize(self.widget().minimumSizeHint().width() + 18, 120)

    def edge_settings(self) -> EdgeSettings:
        """How edges are to be found."""
        low, high = self.low.value() / 100, self.high.value() / 100
        return EdgeSettings(str(self.method.currentData()), self.sigma.value(), low, high, True, self.tolerance.value())

    def band(self) -> int:
        """Band of the reference, 0 for the luminance."""
        return int(self.band_combo.currentData() or 0)

    def truth_layer(self) -> Optional[QgsRasterLayer]:
        """The layer of the truth, None where there is none."""
        layer = self.truth.currentLayer()
        return layer if isinstance(layer, QgsRasterLayer) and layer.isValid() else None

    def set_truth(self, layer: Optional[QgsRasterLayer]) -> None:
        """Choose the truth."""
        guests = [layer] if layer is not None and layer.project() is None else []
        self._watch.set_guests(guests)
        self.truth.setAdditionalLayers(guests)
        if layer is None:
            choose_none(self.truth)
        else:
            self.truth.setLayer(layer)

    def release(self) -> None:
        """Let go of the project and of the truth."""
        self._quiet = True
        self.set_truth(None)
        self._watch.release()

    def set_layers(self, names: List[str], bands: List[str]) -> None:
        """Offer what can be compared.

        Args:
            names: of the compared layers, without the reference.
            bands: names of the reference's bands.
        """
        self._quiet = True
        _refill(self.result, [(name, position) for position, name in enumerate(names)])
        luminance = [(tr("Luminance"), 0)] if len(bands) > 1 else []
        _refill(self.band_combo, luminance + [(name, number) for number, name in enumerate(bands, start=1)])
        self._show_row(self.result, len(names) > 1)
        self._quiet = False

    def shown_result(self) -> int:
        """Position, among the compared layers, of the one whose classes and figures are shown."""
        return max(0, self.result.currentIndex())

    def show_computing(self) -> None:
        """Edges are being computed."""
        self._show_state(tr("Computing the edges in view…"), busy=True)

    def show_figures(self, figures: Optional[EdgeFigures], pixels: Tuple[int, int], own_pixels: bool = True) -> None:
        """Edges were computed.

        Args:
            figures: what to show, None for none.
            pixels: width and height of the part in view, on the grid that was used.
            own_pixels: whether the pixels of that grid are as large as those of the result.
        """
        text = tr("Part in view: {:,} x {:,} pixels").format(*pixels)
        if not own_pixels:
            # Density and sharpness depend on the size of the pixels.
            more = tr("These are not of the size of the result's own, on which Compare edges would give other figures.")
            text = f"{text}. {more}"
        self._show_state(text)
        self.table.show_figures(figures)

    def show_message(self, text: str, warning: bool = False) -> None:
        """Say why there are no edges."""
        self._show_state(text, warning=warning)
        self.table.show_figures(None)

    def show_error(self, error: SuperResolutionError, can_set_up: bool = False) -> None:
        """Say what went wrong, and what to do.

        Args:
            error: what went wrong.
            can_set_up: somebody hears :attr:`environment_requested`.
        """
        offered = can_set_up and isinstance(error, RuntimeMissing)
        text = tr("No Python environment was found that can find edges.") if offered else str(error)
        self.show_message(text, warning=True)
        # The error names every Python that was looked at, which is more than most want to read.
        self.state.setToolTip(error.message)
        self.environment_button.setVisible(offered)

    def _find_form(self) -> QFormLayout:
        form = self._form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self.method = QComboBox()
        self.method.addItem(tr("Canny"), "canny")
        self.method.addItem(tr("Sobel magnitude"), "sobel")
        self.method.setToolTip(tr("Canny finds thin lines; Sobel shows how steep the picture is"))
        self.sigma = SliderRow(0, 5, 0.1, _USUAL.sigma, 1, " px", tr("Smoothing before; more of it finds fewer edges"))
        tip = tr("An edge may go on where the gradient is above that of this share of the reference's pixels")
        self.low = SliderRow(0, 100, 0.5, 100 * _USUAL.low, 1, " %", tip)
        tip = tr("An edge begins where the gradient is above that of this share of the reference's pixels")
        self.high = SliderRow(0, 100, 0.5, 100 * _USUAL.high, 1, " %", tip)
        self.tolerance = QSpinBox()
        self.tolerance.setRange(0, 10)
        self.tolerance.setSuffix(" px")
        self.tolerance.setToolTip(tr("How far apart two edges may lie and still count as the same one"))
        self.band_combo = QComboBox()
        self.band_combo.setToolTip(tr("Band of the reference in which edges are found"))
        self.truth = raster_combo(self, tr("None"))
        self.truth.setToolTip(tr("A raster of high resolution that is known to be right, if there is one"))
        for text, widget in (
            (tr("&Method"), self.method),
            (tr("&Smoothing"), self.sigma),
            (tr("&Low threshold"), self.low),
            (tr("&High threshold"), self.high),
            (tr("T&olerance"), self.tolerance),
            (tr("&Band"), self.band_combo),
            (tr("&Truth"), self.truth),
        ):
            self._add_row(text, widget)
        self._connect_settings()
        return form

    def _add_row(self, text: str, widget: QWidget) -> None:
        label = QLabel(text)
        label.setBuddy(widget)
        # Without some room the underlined letter costs the last one a pixel.
        label.setMinimumWidth(label.sizeHint().width() + 4)
        self._form.addRow(label, widget)
        self._name(widget, text)

    def _name(self, widget: QWidget, text: str) -> None:
        name = text.replace("&", "")
        if isinstance(widget, SliderRow):
            widget.set_name(name)
        else:
            widget.setAccessibleName(name)
        if isinstance(widget, QComboBox):
            widget.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            widget.setMinimumContentsLength(8)

    def _connect_settings(self) -> None:
        self.low.changed.connect(self._push_high)
        self.high.changed.connect(self._push_low)
        for signal in (self.low.changed, self.high.changed, self.sigma.changed, self.tolerance.valueChanged):
            signal.connect(self._tell_settings)
        for combo in (self.method, self.band_combo):
            combo.currentIndexChanged.connect(self._tell_settings)
        # Not the signal that carries the layer, which may be about to be deleted.
        self.truth.currentIndexChanged.connect(self._truth_changed)

    def _forget(self, layer_ids: List[str]) -> None:
        truth = self.truth.currentLayer()
        if truth is not None and truth.id() in layer_ids:
            choose_none(self.truth)

    def _push_high(self, low: float) -> None:
        self.high.set_value(max(low, self.high.value()))

    def _push_low(self, high: float) -> None:
        self.low.set_value(min(high, self.low.value()))

    def _truth_changed(self, *_: object) -> None:
        """Entries also move when layers come to the project, which changes nothing."""
        layer = self.truth_layer()
        identifier = layer.id() if layer is not None else ""
        if identifier != self._truth_id:
            self._truth_id = identifier
            self._tell_settings()

    def _tell_settings(self, *_: object) -> None:
        if not self._quiet:
            self.settings_changed.emit()

    def _add_display(self) -> None:
        form = self._form
        self.overlay = QCheckBox(tr("Edges on the &views"))
        self.overlay.setToolTip(tr("Draw the edges of each layer over its view"))
        self.overlay.setChecked(remembered("edges/overlay", True, bool))
        self.classes = QCheckBox(tr("View with edge &classes"))
        self.classes.setToolTip(tr("One more view: edges that are kept, new and lost"))
        self.classes.setChecked(remembered("edges/classes", True, bool))
        self.result = ElidedComboBox()
        self.result.setToolTip(tr("Layer whose edges are classed and whose figures are shown"))
        form.addRow(self.overlay)
        form.addRow(self.classes)
        self._add_row(tr("&Result"), self.result)
        self.legend = QLabel(class_legend())
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        form.addRow(self.legend)
        self._show_row(self.result, False)
        for box in (self.overlay, self.classes):
            box.toggled.connect(self._tell_display)
        self.result.currentIndexChanged.connect(self._tell_display)

    def _tell_display(self, *_: object) -> None:
        remember("edges/overlay", self.overlay.isChecked())
        remember("edges/classes", self.classes.isChecked())
        if not self._quiet:
            self.display_changed.emit()

    def _make_state(self) -> QWidget:
        state = QWidget()
        row = QHBoxLayout(state)
        row.setContentsMargins(0, 4, 0, 4)
        self._sign = QLabel()
        size = self._sign.fontMetrics().height()
        self._sign.setPixmap(QgsApplication.getThemeIcon("/mIconWarning.svg").pixmap(size, size))
        self._sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setWordWrap(True)
        self.state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setFixedSize(60, 8)
        self.busy.setTextVisible(False)
        self.environment_button = QPushButton(tr("Set up environment…"))
        self.environment_button.setToolTip(tr("Create an environment, or choose a Python that can find edges"))
        self.environment_button.clicked.connect(self._ask_for_environment)
        row.addWidget(self._sign)
        row.addWidget(self.state, 1)
        row.addWidget(self.busy)
        self._show_state("")
        return state

    def _ask_for_environment(self, *_: object) -> None:
        self.environment_requested.emit()

    def _show_state(self, text: str, busy: bool = False, warning: bool = False) -> None:
        self.state.setText(text)
        self.state.setToolTip("")
        self.environment_button.hide()
        self.busy.setVisible(busy)
        self._sign.setVisible(warning)

    def _show_settings(self, settings: EdgeSettings) -> None:
        self._quiet = True
        self.method.setCurrentIndex(max(0, self.method.findData(settings.method)))
        self.sigma.set_value(settings.sigma)
        self.high.set_value(100 * settings.high)
        self.low.set_value(100 * settings.low)
        self.tolerance.setValue(settings.tolerance)
        self._quiet = False

    def _show_row(self, widget: QWidget, visible: bool) -> None:
        widget.setVisible(visible)
        self._form.labelForField(widget).setVisible(visible)


def _refill(combo: QComboBox, entries: List[tuple]) -> None:
    """New entries; the chosen one stays where it is still there."""
    before = combo.currentText()
    combo.clear()
    for text, value in entries:
        combo.addItem(text, value)
    combo.setCurrentIndex(max(0, combo.findText(before)))
