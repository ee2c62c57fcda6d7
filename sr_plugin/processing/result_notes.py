"""What a result says of itself in QGIS: title, abstract and the note in its legend."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgis.core import QgsLayerMetadata, QgsMapLayer

from sr_plugin.core.locations import plugin_version
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.pipeline.request import SuperResolveResult

#: Widget in the layer tree that shows the note, and the layer's property that holds its text.
LEGEND_NOTE = "superres_legend_note"
LEGEND_NOTE_PROPERTY = "superres/legend_note"


@dataclass(frozen=True)
class ResultNotes:
    """Texts for the user of a result.

    Attributes:
        title: one line.
        abstract: a few sentences.
        legend: what a legend has room for.
    """

    title: str
    abstract: str
    legend: str


def notes_of(result: SuperResolveResult, source: str, day: datetime.date) -> ResultNotes:
    """The notes of a result.

    Args:
        result: what the run gave.
        source: name of the layer or raster that it was made from.
        day: when.
    """
    # Imported here: loading the plugin needs only the names above.
    from sr_plugin.core.builtin import builtin_card

    invented = builtin_card(result.model) is None
    date = day.isoformat()
    made = tr("Made from '{source}' with {model} on {date}; the pixels are {scale} times as fine.").format(
        source=source, model=result.model, date=date, scale=result.scale
    )
    if invented:
        warning = tr("Detail finer than the pixels of the input was estimated by a model, not measured.")
        legend = tr("Modelled detail: {model}, {date}").format(model=result.model, date=date)
    else:
        warning = tr("The pixels were interpolated; no detail was added.")
        legend = tr("Interpolated: {model}, {date}").format(model=result.model, date=date)
    facts = [tr("Computed on {device} in {precision}.").format(device=result.device_name, precision=result.precision)]
    if result.model_sha256:
        facts.append(tr("SHA-256 of the model: {}.").format(result.model_sha256))
    facts.append(tr("Super-Resolution for QGIS {}.").format(plugin_version()))
    title = tr("{source}, super-resolved x{scale}").format(source=source, scale=result.scale)
    return ResultNotes(title, " ".join([made, warning, *facts]), legend)


def write_notes(layer: QgsMapLayer, notes: ResultNotes) -> None:
    """Set the notes on a layer: they show in its tooltip, properties and legend, and are saved with the project."""
    layer.setTitle(notes.title)
    layer.setAbstract(notes.abstract)
    metadata = QgsLayerMetadata(layer.metadata())
    metadata.setTitle(notes.title)
    metadata.setAbstract(notes.abstract)
    metadata.setHistory([*metadata.history(), notes.legend])
    layer.setMetadata(metadata)
    layer.setCustomProperty(LEGEND_NOTE_PROPERTY, notes.legend)
    layer.setCustomProperty("embeddedWidgets/count", 1)
    layer.setCustomProperty("embeddedWidgets/0/id", LEGEND_NOTE)
