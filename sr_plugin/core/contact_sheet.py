"""The contact sheet of a dataset: a web page of all previews, on which patches are struck out by a click."""

from __future__ import annotations

import html
import json
from typing import List, Mapping, Sequence

from sr_plugin.core.dataset import EXCLUDE_FILE, PatchRecord
from sr_plugin.core.dataset_card import SPLITS, DatasetCard

_STYLE = """
body{font-family:sans-serif;margin:1em;color:#222;background:#fff}
h1{font-size:x-large;margin:0 0 .3em}
p{margin:.3em 0}
.bar{position:sticky;top:0;background:#fff;padding:8px 0;border-bottom:1px solid #bbb;z-index:2}
.bar label{margin-right:1em}
button{font:inherit;padding:2px 10px}
.sheet{display:flex;flex-wrap:wrap;gap:10px;margin-top:10px}
figure{margin:0;width:var(--wide);cursor:pointer;position:relative;border:2px solid transparent;padding:3px}
figure:hover,figure:focus{border-color:#3874b8;outline:none}
figure img{width:100%;display:block;image-rendering:pixelated;background:#ddd}
figcaption{font-size:12px;line-height:1.35;overflow-wrap:anywhere}
.train b{color:#1b6e3c}.validation b{color:#8a5a00}.test b{color:#6a3d9a}
figure.out .view{opacity:.3}
figure.out .view-frame::after{content:"";position:absolute;top:3px;left:3px;right:3px;height:var(--high);
background:linear-gradient(to top right,transparent calc(50% - 2px),#c00 0,#c00 calc(50% + 2px),transparent 0),
linear-gradient(to bottom right,transparent calc(50% - 2px),#c00 0,#c00 calc(50% + 2px),transparent 0)}
figure.out figcaption{text-decoration:line-through;color:#777}
table{border-collapse:collapse}td,th{text-align:left;padding:1px 12px 1px 0;font-weight:normal}
"""
#: Written for old browsers, too: QGIS shows pages with Qt's WebKit.
_SCRIPT = """
var figures=[].slice.call(document.querySelectorAll("figure"));
function struck(){return figures.filter(function(f){return f.classList.contains("out");});}
function tell(){document.getElementById("count").textContent=struck().length+" of "+figures.length+" struck out";}
function strike(f){f.classList.toggle("out");
 f.setAttribute("aria-checked",f.classList.contains("out")?"true":"false");tell();}
figures.forEach(function(f){
 f.addEventListener("click",function(){strike(f);});
 f.addEventListener("keydown",function(e){if(e.keyCode===32||e.keyCode===13){e.preventDefault();strike(f);}});});
[].forEach.call(document.querySelectorAll(".bar input"),function(box){box.addEventListener("change",function(){
 figures.forEach(function(f){if(f.classList.contains(box.value))f.style.display=box.checked?"":"none";});});});
document.getElementById("save").addEventListener("click",function(){
 var lines=["id"].concat(struck().map(function(f){return f.getAttribute("data-id");}));
 var link=document.createElement("a");
 link.href=URL.createObjectURL(new Blob([lines.join("\\n")+"\\n"],{type:"text/csv"}));
 link.download=NAME;document.body.appendChild(link);link.click();document.body.removeChild(link);});
tell();
"""


def caption(record: PatchRecord) -> List[str]:
    """What is worth knowing about a patch at a glance, as short texts."""
    lines = [f"{record.source}" if record.reference in ("", record.source) else f"{record.source} · {record.reference}"]
    dates = [date for date in dict.fromkeys((record.date, record.reference_date)) if date]
    facts = [" / ".join(dates)] if dates else []
    if record.stratum:
        facts.append(f"class {record.stratum}")
    if record.score == record.score:
        facts.append(f"correlation {record.score:.2f}")
    if record.shift_x == record.shift_x:
        facts.append(f"shift {record.shift_x:+.2f}, {record.shift_y:+.2f}")
    if record.gaps > 0:
        facts.append(f"{100 * record.gaps:.0f} % gaps")
    return lines + ([" · ".join(facts)] if facts else [])


def _figure(record: PatchRecord) -> str:
    lines = "<br>".join(html.escape(line) for line in caption(record))
    out = " out" if record.excluded else ""
    checked = "true" if record.excluded else "false"
    return (
        f'<figure class="{record.split}{out}" data-id="{record.id}" tabindex="0" role="checkbox" '
        f'aria-checked="{checked}" aria-label="strike out patch {record.id}"><div class="view-frame">'
        f'<img class="view" loading="lazy" alt="low beside high, patch {record.id}" src="previews/{record.id}.png">'
        f"</div><figcaption><b>{record.split}</b> {record.id}<br>{lines}</figcaption></figure>"
    )


def contact_sheet_html(
    card: DatasetCard, records: Sequence[PatchRecord], reasons: Mapping[str, str], width: int, height: int
) -> str:
    """The page; it lies in the dataset's folder beside ``previews``.

    Args:
        card: of the dataset.
        records: all patches.
        reasons: what the reasons of the card's rejections mean.
        width, height: size of a preview on the page in pixels.
    """
    rows = "".join(
        f"<tr><td>{count}</td><td>{html.escape(reason)}</td><td>{html.escape(reasons.get(reason, ''))}</td></tr>"
        for reason, count in sorted(card.rejected.items(), key=lambda item: -item[1])
    )
    counts = ", ".join(f"{card.counts.get(split, 0)} {split}" for split in SPLITS)
    boxes = "".join(f'<label><input type="checkbox" value="{s}" checked> {s}</label>' for s in SPLITS)
    facts = f"{card.kind}, x{card.scale}, {len(card.low.bands)} band(s), {card.low.width} pixels to {card.target.width}"
    script = _SCRIPT.replace("NAME", json.dumps(EXCLUDE_FILE))
    title = html.escape(card.name)
    left_out = f"<details><summary>Left out: {sum(card.rejected.values())}</summary><table>{rows}</table></details>"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}'
        f":root{{--wide:{width}px;--high:{height}px}}</style></head><body><h1>{title}</h1>"
        f"<p>{html.escape(facts)}. {counts}. {html.escape(str(card.split.get('rule', '')))}</p>"
        f"<p>Low resolution left, high resolution right. Click the pairs that are not to be used, save the list, and "
        f"put <code>{EXCLUDE_FILE}</code> into the folder of this page.</p>{left_out if rows else ''}"
        f'<div class="bar">{boxes}<button id="save">Save {EXCLUDE_FILE}</button> <span id="count"></span></div>'
        f'<div class="sheet">{"".join(map(_figure, records))}</div><script>{script}</script></body></html>\n'
    )
