"""What a family of architectures must be able to tell, and helpers to tell it."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np

from sr_plugin.core.card import SINGLE_IMAGE, BandSpec, TileConstraints
from sr_plugin.core.card_check import MAX_BANDS
from sr_plugin.core.errors import ModelMismatch, ModelUnreadable
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange

Shape = Tuple[int, ...]
Shapes = Mapping[str, Shape]

_RGB = (BandSpec("red", "red", 0.665), BandSpec("green", "green", 0.560), BandSpec("blue", "blue", 0.490))
GAN_NOTE = "Whether this file was trained with an adversarial loss cannot be seen from it; if so, it may invent detail."


@dataclass(frozen=True)
class Traits:
    """What follows from a network's hyperparameters.

    Attributes:
        scale: output pixels per input pixel along one axis.
        in_bands, out_bands: number of bands taken and given.
        reach: receptive-field radius in input pixels, None where every pixel sees the whole tile.
        value_range: numbers that the network takes and gives.
        tiles: constraints on tiles.
        notes: what else a user should know of this file.
        effective_reach: radius measured to do for less than one DN of 10000, where the reach is out of proportion.
        kind: one of :data:`sr_plugin.core.card.KINDS`.
        training_tile: side of the tiles that a network without a finite reach was trained on.
        input_bands, output_bands: the bands' names where the family has usual ones; empty for those of their number.
    """

    scale: int
    in_bands: int
    out_bands: int
    reach: Optional[int]
    value_range: ValueRange = VALUE_RANGES["unit"]
    tiles: TileConstraints = TileConstraints()
    notes: str = ""
    effective_reach: Optional[int] = None
    kind: str = SINGLE_IMAGE
    training_tile: int = 128
    input_bands: Tuple[BandSpec, ...] = ()
    output_bands: Tuple[BandSpec, ...] = ()


@dataclass(frozen=True)
class Recognition:
    """A network that was recognised from its tensors.

    Attributes:
        family: identifier of the architecture.
        title: its name for people.
        hyperparameters: arguments of the torch module of this family.
        tensors: arrays under the names of that module's state dictionary.
        scale: output pixels per input pixel along one axis.
        input_bands, output_bands: what it takes and gives.
        value_range: numbers that it takes and gives.
        reach: receptive-field radius in input pixels, None where every pixel sees the whole tile.
        tiles: constraints on tiles.
        citation: paper or project.
        verified: True where the architecture was checked on published weights.
        generative: True where such networks are usually trained to look plausible.
        notes: anything else a user should read.
        effective_reach: radius measured to do for less than one DN of 10000, or None.
        kind: one of :data:`sr_plugin.core.card.KINDS`.
        training_tile: side of the tiles that a network without a finite reach was trained on.
    """

    family: str
    title: str
    hyperparameters: Dict[str, Any]
    tensors: Dict[str, np.ndarray]
    scale: int
    input_bands: Tuple[BandSpec, ...]
    output_bands: Tuple[BandSpec, ...]
    value_range: ValueRange
    reach: Optional[int]
    tiles: TileConstraints
    citation: str
    verified: bool
    generative: bool
    notes: str
    effective_reach: Optional[int] = None
    kind: str = SINGLE_IMAGE
    training_tile: int = 128


class Family(ABC):
    """One architecture: how to tell it, its sizes, and the tensors it must have.

    ``matches`` and ``canonical_names`` see the names of the file; everything else sees canonical names, which are
    those of the torch module in ``sr_plugin.worker.architectures``.
    """

    id = ""
    title = ""
    citation = ""
    verified = False
    generative = True

    @abstractmethod
    def matches(self, shapes: Shapes) -> bool:
        """True where the names (as in the file) are those of this family."""

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The torch module's name for each tensor of the file; the name itself where it is unknown."""
        return {name: name for name in shapes}

    @abstractmethod
    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """Arguments of the torch module, from shapes under canonical names.

        Raises:
            ModelMismatch: when a tensor that tells a size is missing or impossible.
        """

    @abstractmethod
    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """Every tensor of such a network, under canonical names."""

    @abstractmethod
    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """What a run needs to know about such a network."""


def bands(count: int) -> Tuple[BandSpec, ...]:
    """Red, green, blue for three bands, otherwise numbered bands.

    Raises:
        ModelUnreadable: when there are more than any sensor has; a file may claim billions.
    """
    if count > MAX_BANDS:
        raise ModelUnreadable(f"The model claims to take or give {count} bands, which no sensor has.")
    return _RGB if count == 3 else tuple(BandSpec(f"band {i + 1}") for i in range(count))


def shape_of(shapes: Shapes, name: str, dimensions: int) -> Shape:
    """The shape of a tensor that must be there.

    Raises:
        ModelMismatch: when it is missing, empty, or has another number of dimensions.
    """
    shape = shapes.get(name)
    if shape is None:
        raise ModelMismatch(f"The tensor '{name}' is missing.")
    if len(shape) != dimensions or 0 in shape:
        raise ModelMismatch(f"The tensor '{name}' has the shape {shape}, where {dimensions} dimensions are expected.")
    return shape


def square_root(value: int, divisor: int, name: str) -> int:
    """The whole root of ``value / divisor``, for example a scale from the channels before a pixel shuffle.

    Raises:
        ModelMismatch: naming the tensor ``name`` when there is no whole root.
    """
    root = math.isqrt(value // divisor)
    if root < 1 or divisor * root * root != value:
        raise ModelMismatch(f"The tensor '{name}' has {value} outputs, which fit no whole scale factor.")
    return root


def count_of(shapes: Shapes, pattern: str) -> int:
    """One more than the highest number that the first group of ``pattern`` takes in any name; 0 without a match.

    Never more than there are tensors, so that a crafted name cannot ask for a network of any size.
    """
    compiled = re.compile(pattern)
    numbers = [int(match.group(1)) for match in map(compiled.match, shapes) if match]
    return min(max(numbers, default=-1) + 1, len(shapes))


def conv(name: str, outputs: int, inputs: int, kernel: int = 3, bias: bool = True) -> Dict[str, Shape]:
    """Shapes of a convolution with a square kernel."""
    shapes: Dict[str, Shape] = {f"{name}.weight": (outputs, inputs, kernel, kernel)}
    if bias:
        shapes[f"{name}.bias"] = (outputs,)
    return shapes


def batch_norm(name: str, channels: int) -> Dict[str, Shape]:
    """Shapes of a batch normalisation (its counter of batches is dropped on reading)."""
    return {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
