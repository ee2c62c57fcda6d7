"""The models that the dock offers, in groups, and the files that were used last."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import List, Optional, Tuple

from qgis.core import QgsSettings

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import ModelCard
from sr_plugin.core.catalogue import OFFERED_BUILTINS, installed_models, shipped_models
from sr_plugin.processing.translation import tr

_RECENT = "superres/recent_models"
_MOST_RECENT = 5


@dataclass(frozen=True)
class ModelEntry:
    """One model in the list.

    Attributes:
        reference: value of the MODEL parameter: a name, or the path of a file.
        title: what people read.
        card: None for a file, which must be read first.
    """

    reference: str
    title: str
    card: Optional[ModelCard] = None

    @property
    def is_file(self) -> bool:
        """True for a bare file, which may not tell everything about itself."""
        return self.card is None


def _title(card: ModelCard) -> str:
    """The scale first: it tells models apart, and the end of a long title may not be seen."""
    ending = f" x{card.scale}"
    title = card.title or card.name
    return f"x{card.scale}  {title[: -len(ending)] if title.endswith(ending) else title}"


def _entries(cards: List[ModelCard]) -> List[ModelEntry]:
    """Entries of the models that take one raster."""
    return [ModelEntry(card.name, _title(card), card) for card in cards if card.takes_one_raster]


def model_groups() -> List[Tuple[str, List[ModelEntry]]]:
    """Title and models of each group, in the order of the list; the last one holds the files that were used last."""
    builtin = [card for card in map(builtin_card, OFFERED_BUILTINS) if card is not None]
    groups = [
        (tr("With the plugin"), _entries(shipped_models())),
        (tr("Installed"), _entries(installed_models())),
        (tr("Interpolation, adds no detail"), _entries(builtin)),
    ]
    # The last group is there even if it is empty: it ends with the way to choose a file.
    files = (tr("Model files"), [file_entry(path) for path in recent_models()])
    return [group for group in groups if group[1]] + [files]


def file_entry(path: str) -> ModelEntry:
    """The entry of a model file."""
    return ModelEntry(path, os.path.basename(path))


def recent_models() -> List[str]:
    """Paths of the model files that were used last and are still there, the latest first."""
    stored = QgsSettings().value(_RECENT, [])
    paths = [stored] if isinstance(stored, str) else list(stored or [])
    return [path for path in paths if isinstance(path, str) and os.path.isfile(path)][:_MOST_RECENT]


def remember_model(path: str) -> None:
    """Put a model file in front of those that were used last."""
    others = [other for other in recent_models() if other != path]
    QgsSettings().setValue(_RECENT, [path, *others][:_MOST_RECENT])
