"""Logs for TensorBoard, where a package that writes them is installed."""

from __future__ import annotations

from importlib.util import find_spec

from lightning_fabric.loggers import Logger, TensorBoardLogger


def tensorboard_loggers(folder: str, wanted: bool) -> tuple[list[Logger], str]:
    """The logger, or none with the reason.

    Args:
        folder: folder of the training.
        wanted: whether the plan asks for it.
    """
    if not wanted:
        return [], ""
    if not any(find_spec(name) for name in ("tensorboard", "tensorboardX")):
        return [], "TensorBoard logs need the package tensorboardX, which the worker's Python does not have."
    return [TensorBoardLogger(root_dir=folder, name="tensorboard", version="")], ""
