"""One training: how far it is, its curves and pictures, and what can be done with it."""

from __future__ import annotations

from typing import List, Optional

from qgis.core import QgsApplication
from qgis.gui import QgsScrollArea
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.core.job_folder import DONE, FAILED, INTERRUPTED, RUNNING, STOPPED, WAITING, JobStatus
from sr_plugin.gui.dock.hint_label import PROBLEM, WARNING, HintLabel
from sr_plugin.gui.teach.curve_data import TrainingFigures
from sr_plugin.gui.teach.curve_plot import CurvePlot
from sr_plugin.gui.teach.panel_view import PanelView
from sr_plugin.gui.teach.training_state import Look, status_sentence
from sr_plugin.processing.translation import tr


class TrainingView(QWidget):
    """Shows a training.

    Attributes:
        stop_clicked, continue_clicked, folder_clicked, forget_clicked: emitted on a click.
    """

    stop_clicked = pyqtSignal()
    continue_clicked = pyqtSignal()
    folder_clicked = pyqtSignal()
    forget_clicked = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.figures = TrainingFigures()
        self.status = JobStatus()
        self._told = ""
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.problem = HintLabel(PROBLEM)
        self.bar = QProgressBar()
        self.best = QLabel()
        self.best.setWordWrap(True)
        self.best.setTextFormat(Qt.TextFormat.PlainText)
        self.loss_plot = CurvePlot(tr("Loss"), 4)
        self.psnr_plot = CurvePlot(tr("PSNR (dB)"), 2)
        self.ssim_plot = CurvePlot(tr("SSIM"), 4)
        self.critic_plot = CurvePlot(tr("Loss of the discriminator"), 4)
        self.panels = PanelView()
        self._make_buttons()
        self._lay_out()
        self.show_nothing()

    def _make_buttons(self) -> None:
        self.stop_button = QPushButton(QgsApplication.getThemeIcon("/mActionStop.svg"), tr("S&top"))
        self.stop_button.setToolTip(tr("End after the current step; a checkpoint is kept, so it can be continued"))
        self.continue_button = QPushButton(QgsApplication.getThemeIcon("/mActionStart.svg"), tr("C&ontinue"))
        self.continue_button.setToolTip(tr("Go on from the last checkpoint"))
        self.folder_button = QToolButton()
        self.folder_button.setIcon(QgsApplication.getThemeIcon("/mActionFileOpen.svg"))
        self.folder_button.setToolTip(tr("Open the folder of the training, with its log and checkpoints"))
        self.forget_button = QToolButton()
        self.forget_button.setIcon(QgsApplication.getThemeIcon("/mIconClose.svg"))
        self.forget_button.setToolTip(tr("Take off the list; the folder stays"))
        pairs = (
            (self.stop_button, self.stop_clicked),
            (self.continue_button, self.continue_clicked),
            (self.folder_button, self.folder_clicked),
            (self.forget_button, self.forget_clicked),
        )
        for button, signal in pairs:
            button.setAccessibleName(button.text().replace("&", "") or button.toolTip())
            button.clicked.connect(lambda _checked, signal=signal: signal.emit())

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        for widget in self._parts():
            column.addWidget(widget)
        column.addStretch(1)
        scroll = QgsScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        buttons = QHBoxLayout()
        for widget in (self.stop_button, self.continue_button):
            buttons.addWidget(widget, 1)
        # Takes the room of the buttons while none of them is there.
        buttons.addStretch(0)
        for widget in (self.folder_button, self.forget_button):
            buttons.addWidget(widget)
        head = QVBoxLayout()
        head.setContentsMargins(6, 0, 6, 6)
        head.setSpacing(6)
        for widget in (self.state, self.problem, self.bar):
            head.addWidget(widget)
        head.addLayout(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(scroll, 1)

    def _parts(self) -> List[QWidget]:
        """What is shown, from top to bottom."""
        return [self.best, self.psnr_plot, self.panels, self.ssim_plot, self.loss_plot, self.critic_plot]

    def show_nothing(self) -> None:
        """Forget what is shown, before another training is."""
        self._told = ""
        self.figures = TrainingFigures()
        self.panels.show_files([])
        self._show_figures()
        self._show_status(JobStatus())

    def show_look(self, look: Look, fresh: bool) -> None:
        """Show a look at the training.

        Args:
            look: what it gave.
            fresh: whether its figures are all there are, and not only those since the last look.
        """
        if fresh:
            self.figures = TrainingFigures()
        if look.status.state != self.status.state:
            self._told = ""
        if look.lines or fresh:
            self.figures.add(look.lines)
        self._show_status(look.status)
        if look.stopping and look.status.state in (RUNNING, WAITING):
            self.state.setText(tr("Stopping after this step"))
        self.stop_button.setEnabled(not look.stopping)
        self._show_figures()
        self.panels.show_files(look.panels)

    def show_problem(self, text: str) -> None:
        """Show why something could not be done, until the training is in another state."""
        self._told = text
        self.problem.set_text(text, PROBLEM)

    def _show_status(self, status: JobStatus) -> None:
        self.status = status
        failed = status.state == FAILED
        self.state.setText("" if failed else status_sentence(status))
        self.state.setVisible(not failed)
        self.problem.set_text(
            self._told or (status_sentence(status) if failed else status.hint if status.state == DONE else ""),
            PROBLEM if failed or self._told else WARNING,
        )
        self.bar.setRange(0, status.steps if status.steps and status.state != WAITING else 0)
        self.bar.setValue(status.step)
        self.bar.setFormat(tr("Step {} of {}").format(status.step, status.steps))
        self.bar.setVisible(not failed or status.step > 0)
        if status.state not in (WAITING, RUNNING):
            # Without a known length the bar would run for ever.
            self.bar.setRange(0, max(1, status.steps))
        self.stop_button.setVisible(status.state in (RUNNING, WAITING))
        self.continue_button.setVisible(status.state in (STOPPED, INTERRUPTED, FAILED))
        self.forget_button.setVisible(status.state not in (RUNNING, WAITING))

    def _show_figures(self) -> None:
        figures, steps = self.figures, self.status.steps
        self.loss_plot.show_curves([figures.loss_curve()], steps=steps)
        self.critic_plot.show_curves([figures.discriminator_curve()], steps=steps)
        self.critic_plot.setVisible(bool(figures.discriminator_curve().points))
        for plot, name in ((self.psnr_plot, "psnr"), (self.ssim_plot, "ssim")):
            plot.show_curves([figures.quality_curve(name)], figures.levels(name), steps)
        self.best.setText(self._best_text())
        self.best.setVisible(bool(self.best.text()))

    def _best_text(self) -> str:
        """The best figures so far against those of before."""
        if not self.figures.best:
            return ""
        step = self.figures.best[-1]
        values = {name: dict(points).get(float(step)) for name, points in self.figures.validation.items()}
        parts = []
        if values.get("psnr") is not None:
            parts.append(tr("PSNR {:.2f} dB").format(values["psnr"]))
        if values.get("ssim") is not None:
            parts.append(tr("SSIM {:.4f}").format(values["ssim"]))
        told = tr("Kept, from step {}") if self.status.state == DONE else tr("Best so far, step {}")
        text = tr("{} on held-out places: {}.").format(told.format(step), ", ".join(parts))
        gains = [
            tr("{:+.2f} dB against {}").format(values["psnr"] - level.value, level.name.lower())
            for level in self.figures.levels("psnr")
            if values.get("psnr") is not None
        ]
        return f"{text} {', '.join(gains)}." if gains else text
