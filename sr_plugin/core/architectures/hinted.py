"""Families whose hyperparameters do not all follow from shapes: some from numbers, some from the file's name."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from typing import Any, Dict, Mapping, Sequence

import numpy as np

from sr_plugin.core.architectures.family import Family

_SCALE_IN_NAME = re.compile(r"(?<![a-z0-9])(?:x([2-8])|([2-8])x)(?![a-z0-9])", re.IGNORECASE)


class HintedFamily(Family):
    """A family that also looks at the numbers in its tensors and at the name of its file."""

    @abstractmethod
    def refined(
        self, hyperparameters: Mapping[str, Any], tensors: Mapping[str, np.ndarray], file_name: str
    ) -> Dict[str, Any]:
        """The hyperparameters, corrected by what shapes do not show.

        Args:
            hyperparameters: what :meth:`Family.hyperparameters` gave.
            tensors: arrays under canonical names, not yet checked for shape.
            file_name: name of the file without its folder, empty where it is not known.
        """


def scale_in_name(file_name: str, choices: Sequence[int], default: int) -> int:
    """The scale that a name such as ``vdsr_x3.pth`` or ``model_4x.pt`` tells, where it is one of ``choices``.

    The last such mark counts, since it stands nearest to the ending.
    """
    stem = os.path.splitext(os.path.basename(file_name))[0]
    found = [int(match.group(1) or match.group(2)) for match in _SCALE_IN_NAME.finditer(stem)]
    fitting = [scale for scale in found if scale in choices]
    return fitting[-1] if fitting else default
