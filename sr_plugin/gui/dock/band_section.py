"""Which band of the layer the model gets as which, and whether the layer suits the model at all."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QFormLayout, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from sr_plugin.core.card import BandSpec, ModelCard
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.gui.dock.band_names import layer_band_name, wanted_name, wanted_tooltip
from sr_plugin.gui.dock.hint_label import NOTE, PROBLEM, WARNING, HintLabel
from sr_plugin.gui.dock.layer_facts import LayerFacts, preset_bands, why_unfit
from sr_plugin.gui.dock.section import Section
from sr_plugin.gui.elided_combo import ElidedComboBox
from sr_plugin.processing.translation import tr

_MOST_ROWS = 6


class BandSection(Section):
    """A drop-down for each band that the model expects; a list with ticks where it takes any bands.

    Attributes:
        bands_changed: emitted when other bands are chosen.
        rebuilt: emitted when there are other fields than before.
    """

    bands_changed = pyqtSignal()
    rebuilt = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__("bandSection", tr("&Bands"), parent=parent)
        self.combos: List[QComboBox] = []
        self.list: Optional[QListWidget] = None
        self._facts: Optional[LayerFacts] = None
        self._card: Optional[ModelCard] = None
        self._preset_notes: List[str] = []
        self._by_hand = False
        self._rows = QWidget()
        self._state = QLabel()
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self._state.setWordWrap(True)
        self.problem = HintLabel(PROBLEM)
        self.hint = HintLabel(WARNING)
        for widget in (self._state, self._rows, self.problem, self.hint):
            self.body.addWidget(widget)
        self._build()

    def show_reading(self) -> None:
        """Say that the layer is being looked at."""
        self._facts = None
        self.problem.set_text("")
        self._build()
        self._say(tr("Reading the bands of the layer…"))

    def show_problem(self, error: SuperResolutionError) -> None:
        """Say why the layer cannot be used."""
        self._facts = None
        self._build()
        self.problem.set_text(str(error))

    def set_facts(self, facts: Optional[LayerFacts]) -> None:
        """Offer the bands of another layer."""
        self._facts, self._by_hand = facts, False
        self.problem.set_text("")
        self._build()

    def set_card(self, card: Optional[ModelCard], remembered: Sequence[int] = ()) -> None:
        """Ask for the bands of another model.

        Args:
            card: the model, or None while there is none.
            remembered: bands that were chosen by hand for this model before.
        """
        same = card is not None and self._card is not None and card.input_bands == self._card.input_bands
        kept = self.numbers() if same and self._by_hand else list(remembered)
        self._card, self._by_hand = card, False
        self._build()
        if kept:
            self.set_numbers(kept)

    def fields(self) -> List[QWidget]:
        """The fields from top to bottom."""
        return [self.list] if self.list is not None else list(self.combos)

    def numbers(self) -> List[int]:
        """Numbers of the chosen bands, in the model's order."""
        if self.list is not None:
            items = [self.list.item(row) for row in range(self.list.count())]
            return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked]
        return [combo.currentData() for combo in self.combos]

    def set_numbers(self, numbers: Sequence[int]) -> None:
        """Choose bands by hand; numbers that do not fit layer and model change nothing."""
        known = {band.number for band in self._facts.names} if self._facts else set()
        if not numbers or not set(numbers) <= known:
            return
        if self.list is not None:
            for row in range(self.list.count()):
                item = self.list.item(row)
                chosen = item.data(Qt.ItemDataRole.UserRole) in numbers
                item.setCheckState(Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)
        elif len(numbers) == len(self.combos):
            for combo, number in zip(self.combos, numbers):
                combo.setCurrentIndex(combo.findData(number))
        else:
            return
        self._by_hand = True
        self._judge()

    @property
    def by_hand(self) -> bool:
        """True where the user chose the bands, and they are no longer the preset ones."""
        return self._by_hand

    def missing(self) -> str:
        """Why these bands cannot be run, in one sentence; empty where they can."""
        if self.problem.text():
            return self.problem.text()
        if self._facts is None:
            return tr("The bands of the layer are still being read.")
        if self._card is not None and not self.numbers():
            return self.hint.text() or tr("Choose at least one band.")
        return ""

    def _build(self) -> None:
        """Make the widgets for this layer and model."""
        self.combos, self.list = [], None
        self._preset_notes = []
        old, self._rows = self._rows, QWidget()
        self.body.replaceWidget(old, self._rows)
        # At once, because a widget that waits for its deletion is still drawn.
        old.hide()
        old.deleteLater()
        self._say("")
        if self._facts is None or self._card is None:
            self._say(tr("Choose a raster layer.") if self._card else tr("Choose a raster layer and a model."))
        else:
            self._fill(self._facts, self._card)
        self.rebuilt.emit()
        self._judge()

    def _fill(self, facts: LayerFacts, card: ModelCard) -> None:
        preset, self._preset_notes = preset_bands(facts, card)
        if card.any_bands or card.per_band:
            self._add_list(facts, preset)
        elif preset:
            self._add_combos(facts, card.input_bands, preset)
        self._rows.setVisible(bool(self.combos) or self.list is not None)

    def _add_combos(self, facts: LayerFacts, specs: Sequence[BandSpec], preset: Tuple[int, ...]) -> None:
        form = QFormLayout(self._rows)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for spec, number in zip(specs, preset):
            combo = ElidedComboBox()
            for band in facts.names:
                combo.addItem(layer_band_name(band), band.number)
            combo.setCurrentIndex(combo.findData(number))
            combo.setToolTip(wanted_tooltip(spec))
            combo.setAccessibleName(wanted_name(spec))
            combo.activated.connect(self._on_activated)
            combo.currentIndexChanged.connect(self._judge)
            form.addRow(wanted_name(spec), combo)
            self.combos.append(combo)

    def _add_list(self, facts: LayerFacts, preset: Tuple[int, ...]) -> None:
        layout = QVBoxLayout(self._rows)
        layout.setContentsMargins(0, 0, 0, 0)
        self.list = QListWidget()
        self.list.setToolTip(tr("The model treats every band alike. Tick the bands that the result is to hold."))
        self.list.setAccessibleName(tr("Bands"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for band in facts.names:
            item = QListWidgetItem(layer_band_name(band), self.list)
            item.setData(Qt.ItemDataRole.UserRole, band.number)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if band.number in preset else Qt.CheckState.Unchecked)
        rows = min(_MOST_ROWS, max(1, self.list.count()))
        self.list.setFixedHeight(rows * max(1, self.list.sizeHintForRow(0)) + 2 * self.list.frameWidth() + 2)
        self.list.itemChanged.connect(self._on_item_changed)
        layout.addWidget(self.list)

    def _on_activated(self, _index: int) -> None:
        self._by_hand = True

    def _on_item_changed(self, _item: QListWidgetItem) -> None:
        self._by_hand = True
        self._judge()

    def _say(self, text: str) -> None:
        self._state.setText(text)
        self._state.setVisible(bool(text))

    def _judge(self, _index: int = 0) -> None:
        """Show what the user should know before running the model on these bands."""
        sentences: List[str] = []
        kind = WARNING
        if self._facts is not None and self._card is not None:
            numbers = self.numbers()
            sentences = [] if self._by_hand else list(self._preset_notes)
            sentences += [] if not numbers else why_unfit(self._facts, self._card, numbers)
            twice = sorted({number for number in numbers if numbers.count(number) > 1})
            if twice:
                sentences.append(tr("The model gets band {} more than once.").format(", ".join(map(str, twice))))
            kind = WARNING if numbers or not sentences else PROBLEM
        self.hint.set_text("\n".join(sentences), kind if sentences else NOTE)
        self.bands_changed.emit()
