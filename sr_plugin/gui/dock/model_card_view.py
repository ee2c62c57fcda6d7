"""A model's card in a few lines: what distinguishes it, and what to be careful about."""

from __future__ import annotations

import html
import re
from typing import List, Optional, Tuple

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.core.card import ModelCard
from sr_plugin.core.model_page import report_html
from sr_plugin.core.model_report import model_record
from sr_plugin.processing.translation import tr

_AMBER, _GREY = "255, 193, 7", "128, 128, 128"
_REPORT_WIDTH, _REPORT_HEIGHT = 820, 620
_ZERO_WIDTH_SPACE = "\u200b"


class ModelCardView(QFrame):
    """Shows one card."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._card: Optional[ModelCard] = None
        self.setFrameShape(QFrame.Shape.StyledPanel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(4)
        self.generative = _badge(tr("May invent detail"), _AMBER)
        self.generative.setToolTip(
            tr("It was trained to look plausible, so it may show detail that is not in the scene.")
        )
        self.unverified = _badge(tr("Not verified"), _GREY)
        self.unverified.setToolTip(tr("The plugin knows the architecture, but never checked it on published weights."))
        self._badges = QWidget()
        badges = QHBoxLayout(self._badges)
        badges.setContentsMargins(0, 0, 0, 0)
        for badge in (self.generative, self.unverified):
            badges.addWidget(badge)
        badges.addStretch(1)
        layout.addWidget(self._badges)
        self.facts = QLabel()
        self.facts.setTextFormat(Qt.TextFormat.RichText)
        self.facts.setWordWrap(True)
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.facts.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.facts.linkActivated.connect(lambda _link: self.show_all())
        layout.addWidget(self.facts)

    def set_card(self, card: Optional[ModelCard], with_note: bool = False) -> None:
        """Show a card, or hide where there is none.

        Args:
            with_note: show the card's note as well, which of a bare file says what had to be guessed.
        """
        self._card = card
        self.setVisible(card is not None)
        if card is None:
            return
        self.generative.setVisible(card.generative)
        # A black box has no architecture that could have been verified.
        unverified = not card.verified and card.family != "onnx"
        self.unverified.setVisible(unverified)
        self._badges.setVisible(card.generative or unverified)
        rows = "".join(
            f'<tr><td style="padding-right: 8px; white-space: nowrap">{html.escape(label)}</td>'
            f"<td>{_breakable(html.escape(text))}</td></tr>"
            for label, text in card_rows(card, with_note)
        )
        more = html.escape(tr("All about this model…"))
        self.facts.setText(f'<table cellspacing="0" cellpadding="1">{rows}</table><a href="#">{more}</a>')
        self.facts.setToolTip(quality_details(card))

    def show_all(self) -> None:
        """Show the whole report in a window of its own."""
        if self._card is None:
            return
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self._card.title or self._card.name)
        dialog.resize(_REPORT_WIDTH, _REPORT_HEIGHT)
        text = QTextBrowser()
        text.setHtml(report_html(model_record(self._card)))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(dialog.reject)
        layout = QVBoxLayout(dialog)
        layout.addWidget(text)
        layout.addWidget(buttons)
        dialog.show()


def card_rows(card: ModelCard, with_note: bool = False) -> List[Tuple[str, str]]:
    """Label and text of each line of the card view."""
    bands = ", ".join(band.name for band in card.input_bands)
    rows = [
        (tr("Scale"), _scale(card.scale)),
        (tr("Bands"), tr("any") if card.any_bands else tr("each on its own") if card.per_band else bands),
        (tr("Made for"), _resolution(card)),
        (tr("Quality"), quality_text(card)),
        (tr("Licence"), card.licence or tr("not told")),
        (tr("Source"), card.citation or card.source or tr("not told")),
    ]
    return rows + ([(tr("Note"), card.notes)] if card.notes and with_note else [])


def _scale(scale: int) -> str:
    return (
        tr("x{0}: a pixel becomes {0}\u00a0x\u00a0{0}").format(scale) if scale > 1 else tr("x1: the pixel size stays")
    )


def _resolution(card: ModelCard) -> str:
    if card.gsd_m is None:
        return tr("any pixel size") if card.family == "builtin" else tr("pixels of unknown size")
    low, high = card.gsd_m
    return tr("pixels of {:g} m").format(low) if low == high else tr("pixels of {:g} to {:g} m").format(low, high)


def quality_text(card: ModelCard) -> str:
    """The measured quality in one line, against bicubic interpolation; says so where nothing was measured."""
    if card.family == "builtin":
        return tr("the yardstick that models are measured by")
    gain = card.quality.get("mean_gain_db")
    if not isinstance(gain, (int, float)):
        return tr("not measured")
    protocols = card.quality.get("protocols")
    count = len(protocols) if isinstance(protocols, dict) else 0
    text = tr("{:+.1f} dB PSNR over bicubic").format(gain)
    text += " " + tr("(mean over {} kinds of sensor blur)").format(count) if count > 1 else ""
    shares = [card.quality.get(name) for name in ("improvement", "hallucination")]
    if not card.generative or not all(isinstance(share, (int, float)) for share in shares):
        return text
    return text + tr("; where bicubic is furthest from the truth, {:.0%} improved and {:.0%} invented").format(*shares)


def quality_details(card: ModelCard) -> str:
    """One line per protocol of the measurement, for a tooltip; empty where there is none."""
    protocols = card.quality.get("protocols")
    lines = []
    for name, figures in protocols.items() if isinstance(protocols, dict) else ():
        if isinstance(figures, dict) and {"psnr_model", "psnr_bicubic"} <= figures.keys():
            values = (name, figures["psnr_model"], figures["psnr_bicubic"])
            lines.append(tr("{}: PSNR {} dB, bicubic {} dB").format(*values))
    return "\n".join(lines)


def _badge(text: str, tint: str) -> QLabel:
    """A short mark on a tinted ground, readable in light and dark themes."""
    badge = QLabel(text)
    badge.setStyleSheet(
        f"QLabel {{ background: rgba({tint}, 60); border: 1px solid rgba({tint}, 170); border-radius: 7px; "
        "padding: 1px 6px; }"
    )
    return badge


def _breakable(text: str) -> str:
    """Let paths and addresses wrap, which have no spaces."""
    return re.sub(r"([/_](?=\w))", rf"\1{_ZERO_WIDTH_SPACE}", text)
