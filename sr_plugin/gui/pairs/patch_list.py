"""Thumbnails of training pairs in a list: model and painter."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, List, Optional, Set

from qgis.PyQt.QtCore import QAbstractListModel, QModelIndex, QRect, QSize, Qt
from qgis.PyQt.QtGui import QColor, QPainter, QPalette, QPen, QPixmap
from qgis.PyQt.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from sr_plugin.core.contact_sheet import caption
from sr_plugin.core.dataset import BY_HAND, Dataset, PatchRecord
from sr_plugin.processing.translation import tr

#: Size of a thumbnail in pixels: the previews' own shape.
THUMBNAIL = QSize(243, 120)
_LINES, _PADDING = 3, 6
#: Thumbnails kept decoded: a few screens full.
_KEPT = 400
_STRIKE = QColor(204, 0, 0)
_FADED = 0.35
RECORD_ROLE = int(Qt.ItemDataRole.UserRole)
STRUCK_ROLE = RECORD_ROLE + 1
PICTURE_ROLE = RECORD_ROLE + 2


class PatchListModel(QAbstractListModel):
    """Patches of a dataset and which of them are struck out; the dataset itself is changed by nobody here.

    Args:
        dataset: its records and previews are shown.
        parent: Qt parent.

    Attributes:
        struck: numbers of the patches that are struck out now.
    """

    def __init__(self, dataset: Dataset, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._dataset = dataset
        self._shown: List[PatchRecord] = list(dataset.records)
        self._pictures: OrderedDict[str, QPixmap] = OrderedDict()
        self.struck: Set[str] = {r.id for r in dataset.records if r.excluded}
        #: What was left out for another reason stays so.
        self._fixed = {r.id for r in dataset.records if r.excluded not in ("", BY_HAND)}

    def show_only(self, split: str, struck_only: bool) -> None:
        """Show the patches of one split (empty: all), or of them those that are struck out."""
        self.beginResetModel()
        self._shown = [
            r for r in self._dataset.records if split in ("", r.split) and (not struck_only or r.id in self.struck)
        ]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802 - QGIS API
        """Number of patches shown."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        """What the painter and screen readers ask for."""
        if not index.isValid():
            return None
        record = self._shown[index.row()]
        if role == int(Qt.ItemDataRole.DisplayRole):
            return f"{record.split} {record.id}"
        if role in (int(Qt.ItemDataRole.ToolTipRole), int(Qt.ItemDataRole.AccessibleDescriptionRole)):
            state = tr("Struck out: {}").format(record.excluded or BY_HAND) if record.id in self.struck else ""
            return "\n".join(
                [f"{record.split} {record.id}", *caption(record), tr("Place {}").format(record.place), state]
            )
        if role == RECORD_ROLE:
            return record
        if role == STRUCK_ROLE:
            return record.id in self.struck
        return self._picture(record) if role == PICTURE_ROLE else None

    def toggle(self, indexes: List[QModelIndex]) -> None:
        """Strike the patches out; where all of them are, take them back."""
        ids = {self._shown[index.row()].id for index in indexes} - self._fixed
        if not ids:
            return
        self.struck = self.struck - ids if ids <= self.struck else self.struck | ids
        for index in indexes:
            self.dataChanged.emit(index, index)

    def _picture(self, record: PatchRecord) -> QPixmap:
        """The preview, scaled; an empty one where there is none."""
        if record.id not in self._pictures:
            picture = QPixmap(self._dataset.preview_path(record))
            if not picture.isNull():
                picture = picture.scaled(
                    THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
                )
            self._pictures[record.id] = picture
            if len(self._pictures) > _KEPT:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(record.id)
        return self._pictures[record.id]


class PatchPainter(QStyledItemDelegate):
    """Draws a thumbnail with its caption; what is struck out is faded and crossed."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802 - Qt API
        """All patches take the same room."""
        height = THUMBNAIL.height() + _LINES * option.fontMetrics.height() + 3 * _PADDING
        return QSize(THUMBNAIL.width() + 2 * _PADDING, height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw one patch."""
        record, struck = index.data(RECORD_ROLE), bool(index.data(STRUCK_ROLE))
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if selected:
            painter.fillRect(option.rect, option.palette.brush(QPalette.ColorRole.Highlight))
        corner = option.rect.topLeft()
        frame = QRect(corner.x() + _PADDING, corner.y() + _PADDING, THUMBNAIL.width(), THUMBNAIL.height())
        picture = index.data(PICTURE_ROLE)
        painter.setOpacity(_FADED if struck else 1.0)
        if picture.isNull():
            painter.fillRect(frame, option.palette.brush(QPalette.ColorRole.Mid))
        else:
            painter.drawPixmap(frame.topLeft(), picture)
        painter.setOpacity(1.0)
        if struck:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(_STRIKE, 3))
            inner = frame.adjusted(4, 4, -4, -4)
            painter.drawLine(inner.topLeft(), inner.bottomRight())
            painter.drawLine(inner.bottomLeft(), inner.topRight())
        self._write(painter, option, record, frame, selected, struck)
        painter.restore()

    @staticmethod
    def _write(
        painter: QPainter,
        option: QStyleOptionViewItem,
        record: PatchRecord,
        frame: QRect,
        selected: bool,
        struck: bool,
    ) -> None:
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        painter.setPen(option.palette.color(role))
        font = option.font
        font.setStrikeOut(struck)
        painter.setFont(font)
        height = option.fontMetrics.height()
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for number, line in enumerate([f"{record.split} · {record.id}", *caption(record)][:_LINES]):
            text = option.fontMetrics.elidedText(line, Qt.TextElideMode.ElideMiddle, frame.width())
            place = QRect(frame.left(), frame.bottom() + _PADDING + number * height, frame.width(), height)
            painter.drawText(place, int(left), text)
