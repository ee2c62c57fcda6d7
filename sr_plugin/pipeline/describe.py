"""Cards of models that must be run once to be known: black-box ONNX files, and architectures of spandrel."""

from __future__ import annotations

import os
from typing import Callable, Optional

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.catalogue import find_model
from sr_plugin.core.checkpoint.container import SAFETENSORS, sniff_container
from sr_plugin.core.description import (
    complete_card,
    needs_description,
    recalled_description,
    remember_description,
    with_unmeasured,
)
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelNotRecognised, RuntimeMissing
from sr_plugin.core.session import ModelSession
from sr_plugin.raster import hdf5_reader

#: Opens a session that can run a model.
SessionFactory = Callable[[ModelCard], ModelSession]
SPANDREL = "spandrel"


def completed_card(
    card: ModelCard, open_session: SessionFactory, message: Optional[Callable[[str], None]] = None
) -> ModelCard:
    """The card with what it lacks measured by running the model; the card itself where it lacks nothing.

    Args:
        card: as :func:`~sr_plugin.core.catalogue.find_model` gives it.
        open_session: where the model runs; called only when nothing is remembered of its file.
        message: told that a measurement is made.

    Raises:
        SuperResolutionError: when the model cannot be run.
    """
    if not needs_description(card):
        return card
    description = recalled_description(card.sha256)
    if description is None:
        if message is not None:
            message(f"The file of '{card.name}' does not tell everything, so it is measured once.")
        with open_session(card) as session:
            description = session.describe(card)
        remember_description(card.sha256, description)
    return complete_card(card, description)


def unrecognised_card(path: str) -> ModelCard:
    """The card of a checkpoint whose architecture only spandrel may know; everything in it is yet to be measured.

    Raises:
        ModelUnreadable: when the file is no checkpoint.
        OSError: when it cannot be read.
    """
    path = os.path.abspath(path)
    name = os.path.splitext(os.path.basename(path))[0]
    container = "safetensors" if sniff_container(path) == SAFETENSORS else "checkpoint"
    card = ModelCard(
        name=name,
        title=name,
        family=SPANDREL,
        scale=1,
        reach=None,
        weights=(WeightFile(path, container, sha256_of(path)),),
        verified=False,
    )
    return with_unmeasured(card, ("scale", "bands", "reach", "tiles"))


def find_whole_model(
    reference: str, open_session: SessionFactory, message: Optional[Callable[[str], None]] = None
) -> ModelCard:
    """As :func:`~sr_plugin.core.catalogue.find_model`, but measured where the file does not tell everything, and
    with spandrel's help where the plugin does not know the architecture itself.

    Raises:
        ModelNotRecognised: when nobody knows the architecture.
        SuperResolutionError: from finding, loading and running the model.
    """
    hdf5_reader.register()
    try:
        card = find_model(reference)
    except ModelNotRecognised as error:
        path = reference.strip()
        if not os.path.isfile(path):
            raise
        try:
            return completed_card(unrecognised_card(path), open_session, message)
        except RuntimeMissing:
            # Without torch nobody can look further; what the plugin itself found is the better answer.
            raise error from None
        except ModelNotRecognised as second:
            raise type(error)(error.message, second.hint or error.hint) from second
    return completed_card(card, open_session, message)
