"""One interrupted run in the list: what it is, how much is done, and what can be done with it."""

from __future__ import annotations

import os
from typing import Any

from qgis.PyQt.QtCore import QDateTime, QLocale, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from sr_plugin.gui.runs.elided_label import ElidedLabel
from sr_plugin.pipeline.any_request import AnyRequest, run_of
from sr_plugin.pipeline.interrupted import InterruptedJob, Standing
from sr_plugin.pipeline.product_request import LANDSAT, SENTINEL2, ProductRequest
from sr_plugin.pipeline.series_request import SeriesRequest
from sr_plugin.processing.continued_run import can_go_on_here
from sr_plugin.processing.translation import tr


def kind_of(request: AnyRequest) -> str:
    """What is super-resolved, where it is no plain raster."""
    if isinstance(request, SeriesRequest):
        return tr("Series of {}").format(len(request.views))
    kinds = {SENTINEL2: "Sentinel-2", LANDSAT: "Landsat"}
    return kinds.get(request.satellite, "") if isinstance(request, ProductRequest) else ""


def inputs_of(request: AnyRequest) -> str:
    """What is read, a line for each raster of a series."""
    names = [view.input for view in request.views] if isinstance(request, SeriesRequest) else [run_of(request).input]
    return "\n".join(names)


def _spoken_share(job: InterruptedJob) -> str:
    if job.done >= job.tiles:
        return tr("all tiles done, but not the last step")
    # Rounded down: 100 % would say that it is whole.
    return tr("{percent}\u00a0%\u00a0done").format(percent=int(100 * job.share))


def spoken_standing(job: InterruptedJob) -> str:
    """How an interrupted run stands, in one line."""
    text = ", ".join(part for part in (kind_of(job.request), _spoken_share(job)) if part)
    if job.standing == Standing.CONTINUABLE and not can_go_on_here(job.request):
        return tr("{}; it goes on by the command that started it").format(text)
    reasons = {
        Standing.SOURCE_GONE: tr("the input is gone"),
        Standing.SOURCE_CHANGED: tr("the input has changed"),
        Standing.PARTIAL_GONE: tr("its partial file is gone"),
    }
    reason = reasons.get(job.standing)
    return tr("{}; {}, so it cannot go on").format(text, reason) if reason else text


class InterruptedRow(QWidget):
    """Shows an interrupted run.

    Args:
        job: which one.
        parent: Qt parent.

    Attributes:
        continue_requested, discard_requested: emitted with the job.
    """

    continue_requested = pyqtSignal(object)
    discard_requested = pyqtSignal(object)

    def __init__(self, job: InterruptedJob, parent: QWidget) -> None:
        super().__init__(parent)
        self.job = job
        title = ElidedLabel(os.path.basename(job.run.output))
        title.setToolTip(tr("{output}\nModel: {model}").format(output=job.run.output, model=job.model))
        self._status = QLabel(spoken_standing(job))
        self._status.setWordWrap(True)
        self._status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        moment = QDateTime.fromMSecsSinceEpoch(int(1000 * job.stopped))
        when = QLocale().toString(moment, QLocale.FormatType.ShortFormat)
        self._status.setToolTip(tr("Stopped: {when}\nInput: {input}").format(when=when, input=inputs_of(job.request)))
        continuable = job.standing == Standing.CONTINUABLE
        goes_on = continuable and can_go_on_here(job.request)
        self.continue_button = self._button(tr("Continue"), tr("Go on where the run stopped"), self.continue_requested)
        self.continue_button.setVisible(goes_on)
        text = tr("Discard…") if continuable else tr("Clean up…")
        self.discard_button = self._button(text, tr("Delete what was done"), self.discard_requested)
        # The name has a line of its own: beside the buttons of a narrow panel little of it would be seen.
        below = QHBoxLayout()
        below.addWidget(self._status, 1)
        for button in (self.continue_button, self.discard_button):
            below.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(2)
        layout.addWidget(title)
        layout.addLayout(below)

    @property
    def status(self) -> str:
        """What it tells of the run."""
        return self._status.text()

    def _button(self, text: str, tip: str, signal: Any) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tr("{} {}").format(text.rstrip("…"), os.path.basename(self.job.run.output)))
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(lambda _checked: signal.emit(self.job))
        return button
