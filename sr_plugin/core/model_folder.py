"""The user's own models: installing into and removing from the model folder."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import replace
from typing import List

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.card_file import write_card
from sr_plugin.core.catalogue import installed_models, shipped_models
from sr_plugin.core.description import needs_description
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelNotFound, OutputError, ParameterError, SuperResolutionError
from sr_plugin.core.locations import user_models_folder
from sr_plugin.core.onnx_file import read_onnx_header

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}$")


def usable_name(text: str) -> str:
    """A model's name made of letters, digits, points, dashes and underscores."""
    plain = re.sub(r"[^A-Za-z0-9_.\-]+", "-", text).strip("-._")[:100]
    return plain or "model"


def _is_builtin(name: str) -> bool:
    try:
        return builtin_card(name) is not None
    except SuperResolutionError:
        # Refused forms such as "bicubic" alone belong to the built-in models, too.
        return True


def _check_name(name: str, overwrite: bool) -> None:
    if not _NAME.fullmatch(name):
        raise ParameterError(f"'{name}' is no name for a model.", "Use letters, digits, points, dashes, underscores.")
    if _is_builtin(name) or name in {card.name for card in shipped_models()}:
        raise ParameterError(f"The plugin itself has a model '{name}'.", "Install it under another name.")
    path = os.path.join(user_models_folder(), name + ".json")
    if not overwrite and (os.path.exists(path) or name in {card.name for card in installed_models()}):
        raise ParameterError(f"A model '{name}' is installed already.", "Remove it first, or choose another name.")


def _copied(card: ModelCard, name: str, folder: str) -> List[WeightFile]:
    """Copy the weights into a folder; their new descriptions."""
    copies = []
    for weight in card.weights:
        if weight.container == "onnx" and read_onnx_header(weight.path).external:
            raise ParameterError(
                f"'{weight.path}' keeps its weights in further files, which cannot be installed.",
                "Export the model as one file.",
            )
        suffix = os.path.splitext(weight.path)[1].lower() or ".pth"
        target = os.path.join(folder, name + suffix)
        if os.path.exists(target):
            raise ParameterError(f"Two files of the model '{name}' would have the same name.")
        shutil.copyfile(weight.path, target)
        copies.append(WeightFile(target, weight.container, sha256_of(target)))
    return copies


def install_model(card: ModelCard, name: str = "", overwrite: bool = False) -> ModelCard:
    """Copy a model with its card into the user's folder.

    The files appear under their names only when all are whole, the card last.

    Args:
        card: a whole card, as ``find_whole_model`` gives it.
        name: name to install it under; that of the card unless given.
        overwrite: replace an installed model of this name.

    Returns:
        The card of the installed model.

    Raises:
        ParameterError: when the name cannot be used, or the model has no files.
        OutputError: when the folder cannot be written.
    """
    if not card.weights or needs_description(card):
        raise ParameterError(f"The model '{card.name}' has nothing that can be installed.", "Give a model file.")
    name = name or usable_name(card.name)
    _check_name(name, overwrite)
    folder = user_models_folder()
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".installing-", dir=folder) as temporary:
            copies = _copied(card, name, temporary)
            installed = replace(card, name=name, weights=tuple(copies))
            write_card(installed, os.path.join(temporary, name + ".json"))
            for entry in [os.path.basename(copy.path) for copy in copies] + [name + ".json"]:
                os.replace(os.path.join(temporary, entry), os.path.join(folder, entry))
    except OSError as error:
        raise OutputError(f"The model cannot be installed in '{folder}' ({error}).") from error
    final = tuple(replace(copy, path=os.path.join(folder, os.path.basename(copy.path))) for copy in copies)
    return replace(installed, weights=final)


def remove_model(name: str) -> ModelCard:
    """Delete an installed model; the card that it had.

    Raises:
        ModelNotFound: when no installed model has this name.
        OutputError: when its files cannot be deleted.
    """
    card = next((card for card in installed_models() if card.name == name), None)
    if card is None:
        owned = _is_builtin(name) or name in {card.name for card in shipped_models()}
        raise ModelNotFound(
            f"The model '{name}' comes with the plugin and cannot be removed."
            if owned
            else f"No model '{name}' is installed.",
            "Show the installed ones with: python -m sr_plugin model list",
        )
    others = {w.path for c in installed_models() if c.name != name for w in c.weights}
    folder = user_models_folder()
    # The card first: without it the rest is no model any more.
    paths = [os.path.join(folder, entry) for entry in os.listdir(folder) if entry == name + ".json"]
    paths += [w.path for w in card.weights if w.path not in others]
    try:
        for path in paths:
            if os.path.isfile(path):
                os.remove(path)
    except OSError as error:
        raise OutputError(f"The model '{name}' cannot be removed ({error}).") from error
    return card
