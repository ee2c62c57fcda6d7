"""The figures of a training as curves: what is drawn, without how."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Tuple

from sr_plugin.processing.translation import tr

#: Points of a curve that are drawn; of more, means of neighbours are.
_MOST_POINTS = 600


@dataclass(frozen=True)
class Curve:
    """A line in a plot.

    Attributes:
        name: for the legend.
        points: ``(step, value)`` in the order of the steps.
        marked: whether every point is marked.
    """

    name: str
    points: Tuple[Tuple[float, float], ...]
    marked: bool = False


@dataclass(frozen=True)
class Level:
    """A horizontal line to compare curves with."""

    name: str
    value: float


@dataclass
class TrainingFigures:
    """What the lines of a training's file say, put in order.

    Attributes:
        losses: ``(step, loss)``.
        discriminator: the same for the discriminator.
        validation: ``(step, value)`` by name of the figure.
        before: figures from before the training by method.
        best: steps of the validations that were the best so far.
    """

    losses: List[Tuple[float, float]] = field(default_factory=list)
    discriminator: List[Tuple[float, float]] = field(default_factory=list)
    validation: Dict[str, List[Tuple[float, float]]] = field(default_factory=dict)
    before: Dict[str, Mapping[str, Any]] = field(default_factory=dict)
    best: List[int] = field(default_factory=list)

    def add(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Take further lines in. A training that was continued takes steps again, so what came after them goes."""
        for line in lines:
            step, kind = line["step"], line.get("kind")
            if kind == "before":
                self.before[str(line.get("method"))] = line
            elif kind == "train":
                _put(self.losses, step, line.get("loss"))
                _put(self.discriminator, step, line.get("discriminator"))
            elif kind == "validation":
                for name in ("psnr", "ssim"):
                    _put(self.validation.setdefault(name, []), step, line.get(name))
                if line.get("best"):
                    self.best = [earlier for earlier in self.best if earlier < step] + [step]

    def loss_curve(self) -> Curve:
        """What the generator makes small."""
        return Curve(tr("Loss"), _thinned(self.losses))

    def discriminator_curve(self) -> Curve:
        """What the discriminator makes small; empty where there is none."""
        return Curve(tr("Discriminator"), _thinned(self.discriminator))

    def quality_curve(self, figure: str) -> Curve:
        """A figure on the held-out patches."""
        return Curve(tr("Model"), tuple(self.validation.get(figure, ())), marked=True)

    def levels(self, figure: str) -> List[Level]:
        """What there was before the training, for the same figure."""
        names = {"bicubic": tr("Bicubic"), "before": tr("Start")}
        found = []
        for method, name in names.items():
            value = self.before.get(method, {}).get(figure)
            if isinstance(value, (int, float)):
                found.append(Level(name, float(value)))
        return found


def _put(points: List[Tuple[float, float]], step: float, value: Any) -> None:
    while points and points[-1][0] >= step:
        points.pop()
    if isinstance(value, (int, float)) and math.isfinite(value):
        points.append((float(step), float(value)))


def _thinned(points: List[Tuple[float, float]]) -> Tuple[Tuple[float, float], ...]:
    """At most so many points: means of neighbours where there are more."""
    group = -(-len(points) // _MOST_POINTS)
    if group <= 1:
        return tuple(points)
    return tuple(
        (sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part))
        for part in (points[i : i + group] for i in range(0, len(points), group))
    )


def nice_ticks(low: float, high: float, most: int) -> List[float]:
    """Round numbers between two values: steps of 1, 2 or 5 times a power of ten, at most ``most`` of them."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low or most < 1:
        return []
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]
