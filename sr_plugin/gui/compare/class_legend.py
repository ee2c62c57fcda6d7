"""What the colours of the edge classes mean."""

from __future__ import annotations

from typing import Dict, Optional

from sr_plugin.core.edges import KEPT, LOST, NEW, EdgeClass
from sr_plugin.processing.translation import tr


def class_legend(counts: Optional[Dict[str, int]] = None) -> str:
    """The legend as rich text; it always says that new edges are not in the input.

    Args:
        counts: pixels by class name; None for a legend without them.
    """
    kinds = ((KEPT, tr("kept")), (NEW, tr("new (not in the input)")), (LOST, tr("lost")))
    entries = [_entry(kind, title, counts[kind.name] if counts else None) for kind, title in kinds]
    note = tr("New edges are not in the input: a generative model may invent them.")
    return "&ensp; ".join(entries) + f"<br><i>{note}</i>"


def _entry(kind: EdgeClass, title: str, count: Optional[int]) -> str:
    square = f'<span style="color: rgb{kind.colour[:3]};">&#9632;</span>'
    text = title if count is None else f"{title}: {count:,} px"
    # An entry is not to be torn apart at the end of a line.
    return f"{square}&nbsp;" + text.replace(" ", "&nbsp;")
