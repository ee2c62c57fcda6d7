"""The report on a model as a web page that needs no other file, in the HTML that Qt's text widgets know, too.

Every text is escaped, since cards come from strangers. Colours are set only together with their ground, so that the
page can also be read in a dark theme.
"""

from __future__ import annotations

import html
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.core.model_report import report_files, report_sections, untried, verdicts_of, warnings_of

_STYLE = (
    "body{font-family:sans-serif;margin:1em;max-width:60em}"
    "h1{font-size:x-large;margin:0 0 0.5em}h2{font-size:large;margin:1em 0 0.3em}"
    "table{border-collapse:collapse}td,th{vertical-align:top;text-align:left;padding:2px 12px 2px 0}"
    "th{font-weight:normal}.facts th{width:9em;white-space:nowrap}.told{width:100%}.told td{padding:8px}"
    ".figures td,.figures th{padding-right:24px;white-space:nowrap}.number{text-align:right}code{font-size:small}"
)
#: Ground and text of a warning, and of what is well.
_WARNING, _WELL = ("#fff3cd", "#4d3800"), ("#e3f1e5", "#173d1e")
_FIGURES = (
    ("psnr_bicubic", "Bicubic, dB", "{:.2f}"),
    ("psnr_before", "Before training, dB", "{:.2f}"),
    ("psnr_model", "Model, dB", "{:.2f}"),
    ("gain", "Gain, dB", "{:+.2f}"),
    ("ssim_bicubic", "Bicubic, SSIM", "{:.3f}"),
    ("ssim_before", "Before training, SSIM", "{:.3f}"),
    ("ssim_model", "Model, SSIM", "{:.3f}"),
)
_NOTE_OF_PROTOCOLS = (
    "Images were reduced in resolution and enlarged again; the figures compare the result with the original. "
    "dB is the PSNR, MTF that at the Nyquist frequency."
)
_LABEL_WIDTH = 150


def _page(title: str, body: str) -> str:
    heading = html.escape(title)
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{heading}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{heading}</h1>{body}</body></html>\n"
    )


def _box(sentences: Sequence[str], colours: Tuple[str, str], lead: str) -> str:
    if not sentences:
        return ""
    ground, text = colours
    lines = "".join(f'<p style="margin:2px 0">{lead}{html.escape(sentence)}</p>' for sentence in sentences)
    # Attributes and not only styles: Qt's text widgets colour tables by them.
    return (
        f'<table class="told" width="100%" cellpadding="8" cellspacing="0" bgcolor="{ground}">'
        f'<tr><td bgcolor="{ground}" style="color:{text}">{lines}</td></tr></table><p></p>'
    )


def _rows(rows: Sequence[Tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><th width="{_LABEL_WIDTH}">{html.escape(label)}</th><td>{html.escape(text)}</td></tr>'
        for label, text in rows
    )
    return f'<table class="facts" cellpadding="2">{cells}</table>'


def _protocol(name: str) -> str:
    kind, _, value = name.partition("-")
    if kind == "mtf" and value:
        return f"sensor blur, MTF {value}"
    return {"dsen2": "blur as in DSen2's paper"}.get(name, name)


def _measured(quality: Mapping[str, Any]) -> Dict[str, Mapping[str, Any]]:
    protocols = quality.get("protocols")
    if not isinstance(protocols, Mapping):
        return {}
    keys = {key for key, _, _ in _FIGURES}
    return {str(n): f for n, f in protocols.items() if isinstance(f, Mapping) and keys & f.keys()}


def _quality(quality: Mapping[str, Any]) -> str:
    """Figures of each protocol against bicubic interpolation; empty where nothing of that form was measured."""
    measured = _measured(quality)
    if not measured:
        return ""

    def cell(figures: Mapping[str, Any], key: str, form: str) -> str:
        value = figures.get(key)
        return f'<td class="number" align="right">{form.format(value) if isinstance(value, (int, float)) else ""}</td>'

    shown = [figure for figure in _FIGURES if any(figure[0] in figures for figures in measured.values())]
    head = "".join(f'<th class="number" align="right">{label}</th>' for _, label, _ in shown)
    body = "".join(
        f'<tr><th align="left">{html.escape(_protocol(name))}</th>'
        + "".join(cell(figures, key, form) for key, _, form in shown)
        + "</tr>"
        for name, figures in measured.items()
    )
    held_out = isinstance(quality.get("patches"), int)
    note = _note_of_training(quality) if held_out else _NOTE_OF_PROTOCOLS
    return (
        '<h2>How good it is</h2><table class="figures" cellpadding="3">'
        f'<tr><th align="left">{"Measured on" if held_out else "Input made by"}</th>{head}</tr>{body}</table>'
        f"<p>{html.escape(note)}</p>"
    )


def _note_of_training(quality: Mapping[str, Any]) -> str:
    """What the figures of a training mean."""
    peak = quality.get("data_range")
    told = f" The range of the data is {peak:g}." if isinstance(peak, (int, float)) else ""
    return (
        f"{quality['patches']} patches of ground that was not trained on; dB is the PSNR.{told} The weights were "
        "chosen by these patches, so other ground may give slightly lower figures."
    )


def _files(record: Mapping[str, Any]) -> str:
    files = report_files(record)
    if not files:
        return ""
    lines: List[str] = []
    for name, digest in files:
        told = f"<br><code>SHA-256 {html.escape(digest)}</code>" if digest else ""
        lines.append(f"<p>{html.escape(name)}{told}</p>")
    return f"<h2>Files</h2>{''.join(lines)}"


def report_html(record: Mapping[str, Any]) -> str:
    """The page of a record (:func:`~sr_plugin.core.model_report.model_record`)."""
    boxes = _box(warnings_of(record), _WARNING, "<b>Note:</b> ") + _box(verdicts_of(record), _WELL, "")
    (first, facts), *others = report_sections(record)
    boxes += "".join(f"<p>{html.escape(sentence)}</p>" for sentence in untried(record))
    body = f"<h2>{first}</h2>{_rows(facts)}{_quality(record['quality'])}"
    body += "".join(f"<h2>{heading}</h2>{_rows(rows)}" for heading, rows in others)
    return _page(str(record["title"]), boxes + body + _files(record))


def refusal_html(reference: str, error: SuperResolutionError) -> str:
    """The page of a model that cannot be used: why, and what to do."""
    rows = [row for row in (("What to do", error.hint), ("Model", reference)) if row[1]]
    return _page("This model cannot be used", _box([error.message], _WARNING, "") + _rows(rows))
