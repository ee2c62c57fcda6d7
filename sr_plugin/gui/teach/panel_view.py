"""Input, result and target of a few held-out patches, at any step that was drawn."""

from __future__ import annotations

import os
from typing import List, Optional

from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QPainter, QPaintEvent, QPixmap
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from sr_plugin.processing.translation import tr

_HIGHEST = 900


class _Picture(QWidget):
    """A picture as wide as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._pixmap = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_pixmap(self, pixmap: QPixmap) -> None:
        """Show another picture."""
        self._pixmap = pixmap
        self._fit()
        self.update()

    def resizeEvent(self, event: object) -> None:  # noqa: N802 - Qt API
        """Keep the proportions."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if not self._pixmap.isNull():
            height = self._pixmap.height() * self.width() // max(1, self._pixmap.width())
            self.setFixedHeight(min(max(1, height), _HIGHEST))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt API
        """Draw it, each pixel as a square where it is enlarged."""
        if self._pixmap.isNull():
            return
        ratio = self.devicePixelRatioF()
        smooth = self._pixmap.width() > self.width() * ratio
        mode = Qt.TransformationMode.SmoothTransformation if smooth else Qt.TransformationMode.FastTransformation
        size = QSize(int(self.width() * ratio), int(self.height() * ratio))
        shown = self._pixmap.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, mode)
        shown.setDevicePixelRatio(ratio)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, shown)
        painter.end()


class PanelView(QWidget):
    """The pictures of a training, the latest one unless an earlier one was chosen; hidden while there is none."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._files: List[str] = []
        self._shown = ""
        self._picture = _Picture()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip(tr("Step of the picture"))
        self.slider.setAccessibleName(tr("Step of the picture"))
        self.slider.valueChanged.connect(lambda _value: self._show())
        self.step_label = QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        heads = QHBoxLayout()
        for text in (tr("Input"), tr("Result"), tr("Target")):
            label = QLabel(text)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            heads.addWidget(label, 1)
        row = QHBoxLayout()
        row.addWidget(self.slider, 1)
        row.addWidget(self.step_label)
        layout.addLayout(heads)
        layout.addWidget(self._picture)
        layout.addLayout(row)
        self.setVisible(False)

    def show_files(self, files: List[str]) -> None:
        """Show the pictures of a training, the oldest first; who looks at the latest one gets each new one."""
        if files == self._files:
            return
        follow = self.slider.value() >= len(self._files) - 1 or files[: len(self._files)] != self._files
        value = max(0, len(files) - 1) if follow else self.slider.value()
        self._files = list(files)
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, len(files) - 1))
        self.slider.setValue(value)
        self.slider.blockSignals(False)
        self.slider.setEnabled(len(files) > 1)
        self.setVisible(bool(files))
        self._show()

    def step(self) -> int:
        """Step of the picture that is shown; 0 where there is none."""
        name = os.path.splitext(os.path.basename(self._shown))[0]
        return int(name) if name.isdigit() else 0

    def _show(self) -> None:
        if not self._files:
            self._shown = ""
            return
        self._shown = self._files[min(self.slider.value(), len(self._files) - 1)]
        self._picture.set_pixmap(QPixmap(self._shown))
        self.step_label.setText(tr("Step {}").format(self.step()))
