"""The sizes of the plugin's environment as people choose them."""

from __future__ import annotations

import sys
from typing import List, NamedTuple

from sr_plugin.processing.translation import tr


class SizeChoice(NamedTuple):
    """A size.

    Attributes:
        name: ``light``, ``full`` or ``cuda``.
        title: what is installed.
        hint: what it is for and what it takes.
    """

    name: str
    title: str
    hint: str


def size_choices() -> List[SizeChoice]:
    """The sizes that there are for this system, from small to large."""
    choices = [
        SizeChoice(
            "light",
            tr("ONNX models only"),
            tr(
                "Runs the shipped models, other ONNX files, edge comparison and evaluation. {} to download, {} on disk."
            ).format(tr("About 190 MB"), tr("700 MB")),
        ),
        SizeChoice(
            "full",
            tr("With PyTorch for the CPU"),
            tr("Runs checkpoints too, exports and trains them. {} to download, {} on disk.").format(
                tr("About 400 MB"), tr("1.7 GB")
            ),
        ),
    ]
    if sys.platform != "darwin":
        choices.append(
            SizeChoice(
                "cuda",
                tr("With PyTorch for NVIDIA GPUs (CUDA)"),
                tr("Runs and trains checkpoints on the GPU. {} to download, {} on disk.").format(
                    tr("About 3 GB"), tr("7 GB")
                ),
            )
        )
    return choices
