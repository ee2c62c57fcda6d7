"""Which models there are: shipped, installed in the user's folder, built in, or a file."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import List, Optional

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import MULTI_IMAGE, ModelCard
from sr_plugin.core.card_file import read_card
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelNotFound, ModelUnreadable, SuperResolutionError
from sr_plugin.core.locations import shipped_models_folder, user_models_folder

#: Built-in models offered in lists; any factor may be typed.
OFFERED_BUILTINS = ("bicubic:2", "bicubic:3", "bicubic:4", "nearest:2", "nearest:4")
#: Names of the model inside a published folder.
_FOLDER_MODELS = ("model.safetensor", "model.safetensors")
_CARD_SUFFIX = ".json"


def _cards_in(folder: str) -> List[ModelCard]:
    cards = []
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    for name in names:
        if not name.endswith(_CARD_SUFFIX):
            continue
        try:
            cards.append(read_card(os.path.join(folder, name)))
        except SuperResolutionError:
            # A broken card must not hide the others; it is reported when someone asks for it by name.
            continue
    return cards


def shipped_models() -> List[ModelCard]:
    """Cards of the models that come with the plugin."""
    return _cards_in(shipped_models_folder())


def installed_models() -> List[ModelCard]:
    """Cards of the models in the user's own model folder."""
    return _cards_in(user_models_folder())


def available_models() -> List[ModelCard]:
    """Shipped, installed and the usual built-in models that take one raster, in this order."""
    builtin = [card for card in map(builtin_card, OFFERED_BUILTINS) if card is not None]
    return [card for card in shipped_models() + installed_models() + builtin if card.kind != MULTI_IMAGE]


def _verified(card: ModelCard) -> ModelCard:
    """The card with the digests of its files; a recorded digest that does not match is refused."""
    weights = []
    for weight in card.weights:
        if not os.path.isfile(weight.path):
            continue
        digest = sha256_of(weight.path)
        if weight.sha256 and weight.sha256 != digest:
            raise ModelUnreadable(
                f"The model file '{weight.path}' is not the one that its card describes (the SHA-256 differs).",
                "Install the model again.",
            )
        weights.append(replace(weight, sha256=digest))
    if card.weights and not weights:
        raise ModelNotFound(f"The files of the model '{card.name}' are missing.", "Install the model again.")
    return replace(card, weights=tuple(weights))


def _card_beside(path: str) -> Optional[str]:
    """Path of the card that belongs to a model file, if there is one."""
    beside = os.path.splitext(path)[0] + _CARD_SUFFIX
    return beside if os.path.isfile(beside) else None


def _model_inside(folder: str) -> Optional[str]:
    """The model file of a folder as SEN2SR is published in, None where it is none."""
    paths = (os.path.join(folder, name) for name in _FOLDER_MODELS)
    return next((path for path in paths if os.path.isfile(path)), None)


def _named_by_folder(card: ModelCard, folder: str) -> ModelCard:
    name = os.path.basename(folder)
    return replace(card, name=name, title=card.title.replace(card.name, name, 1))


def _card_of_file(path: str) -> ModelCard:
    if path.lower().endswith(_CARD_SUFFIX):
        return read_card(path)
    beside = _card_beside(path)
    if beside:
        card = read_card(beside)
        own = [w for w in card.weights if os.path.realpath(w.path) == os.path.realpath(path)]
        if own:
            return replace(card, weights=tuple(own))
    if path.lower().endswith(".onnx"):
        from sr_plugin.core.onnx_card import card_from_onnx

        return card_from_onnx(path)
    from sr_plugin.core.architectures.registry import card_from_checkpoint

    return card_from_checkpoint(path)


def find_model(reference: str) -> ModelCard:
    """The card for what a user wrote: a name, ``bicubic:4``, a model file or a card.

    Raises:
        ModelNotFound: when nothing has this name.
        ModelUnreadable, ModelNotRecognised, ModelMismatch: when the file cannot be used.
    """
    reference = reference.strip()
    if not reference:
        raise ModelNotFound("No model was given.")
    builtin = builtin_card(reference)
    if builtin is not None:
        return builtin
    for card in shipped_models() + installed_models():
        if card.name == reference:
            return _verified(card)
    if os.path.isfile(reference):
        return _verified(_card_of_file(os.path.abspath(reference)))
    if os.path.isdir(reference):
        inside = _model_inside(os.path.abspath(reference))
        if inside:
            return _named_by_folder(_verified(_card_of_file(inside)), os.path.dirname(inside))
        raise ModelNotFound(f"'{reference}' is a folder, not a model file.")
    names = ", ".join(card.name for card in available_models())
    raise ModelNotFound(
        f"There is no model '{reference}'.", f"Choose one of {names}, or give the path of a model file."
    )
