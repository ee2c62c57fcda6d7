"""Land cover from input, bicubic, results and truth: accuracy on polygons that did not train, and areas."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from sr_plugin.core.errors import EmptyExtent
from sr_plugin.core.evaluation import EvaluationSettings
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.session import ModelSession
from sr_plugin.pipeline.edge_planes import expanded, wait
from sr_plugin.pipeline.evaluation_rasters import EvaluationRasters
from sr_plugin.raster.polygon_mask import PolygonMask

#: Most pixels that train and test.
_MOST_PIXELS = 40000


@dataclass(frozen=True)
class TrainingPolygon:
    """A polygon of known land cover in the CRS of the finest result: WKB and the name of its class."""

    wkb: bytes
    label: str


@dataclass(frozen=True)
class LandCoverFigures:
    """What classification of one raster gives.

    Attributes:
        accuracy, kappa, f1: on the pixels of test polygons; F1 is the mean over classes.
        areas: in square map units by class (in pixels where the rasters are not georeferenced).
        agreement: share of pixels of the same class as from the truth; None without one.
    """

    accuracy: float
    kappa: float
    f1: float
    areas: Mapping[str, float]
    agreement: Any

    def to_record(self) -> Dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)


def training_roles(polygons: Sequence[TrainingPolygon]) -> List[bool]:
    """Whether each polygon trains: every other one of its class, so that no place both trains and tests."""
    seen: Dict[str, int] = {}
    roles = []
    for polygon in polygons:
        roles.append(seen.get(polygon.label, 0) % 2 == 0)
        seen[polygon.label] = seen.get(polygon.label, 0) + 1
    return roles


class _Burnt:
    """Class and role of the pixels of a grid that lie in training polygons."""

    def __init__(self, polygons: Sequence[TrainingPolygon], grid: Grid) -> None:
        self.labels = sorted({polygon.label for polygon in polygons})
        self._grid = grid
        self._masks = []
        for label in self.labels:
            for role in (True, False):
                pairs = zip(polygons, training_roles(polygons))
                chosen = [p.wkb for p, trains in pairs if p.label == label and trains is role]
                if chosen:
                    self._masks.append((self.labels.index(label), role, PolygonMask(chosen)))

    def of(self, window: Window) -> Tuple[np.ndarray, np.ndarray]:
        """Class numbers, -1 outside all polygons, and roles, ``(h, w)``; pixels of two classes count for neither."""
        grid = self._grid.cropped(window)
        classes = np.full((window.height, window.width), -1, np.int64)
        train = np.zeros(classes.shape, bool)
        times = np.zeros(classes.shape, np.int64)
        for number, role, mask in self._masks:
            inside = mask.inside(grid)
            times += inside
            classes[inside], train[inside] = number, role
        classes[times > 1] = -1
        return classes, train


def _training_pixels(
    rasters: EvaluationRasters,
    area: Window,
    cores: Sequence[Window],
    burnt: _Burnt,
    settings: EvaluationSettings,
    matching: Sequence[NamedArray],
    session: ModelSession,
    cancelled: Callable[[], bool],
) -> Dict[str, np.ndarray]:
    """Pixels in the polygons, ``(bands, n)`` by raster, with their ``classes`` and ``train``, ``(n,)``.

    Raises:
        EmptyExtent: when no polygon lies on the rasters.
    """
    counts = [int(np.count_nonzero(burnt.of(core)[0] >= 0)) for core in cores]
    if not sum(counts):
        raise EmptyExtent("The training polygons do not overlap the rasters.", "Choose polygons of the same place.")
    step = -(-sum(counts) // _MOST_PIXELS)
    parts: Dict[str, List[np.ndarray]] = {}
    readable = rasters.readable(area, settings.unit)
    for core in (core for core, count in zip(cores, counts) if count):
        window, crop = expanded(core, settings.halo, readable)
        classes, train = burnt.of(core)
        chosen = classes >= 0
        wanted = np.flatnonzero(chosen)
        chosen.reshape(-1)[np.delete(wanted, np.s_[::step])] = False
        whole = np.zeros((window.height, window.width), np.uint8)
        whole[crop.row : crop.bottom, crop.col : crop.right] = chosen
        arrays = [*rasters.read_all(window), *matching, NamedArray("chosen", whole)]
        answer = wait(session.evaluate("sample", arrays, settings.to_wire(), crop), session, cancelled)
        found = {item.name: item.data for item in answer.arrays}
        places = found.pop("positions")
        for name, pixels in found.items():
            parts.setdefault(name, []).append(pixels)
        parts.setdefault("classes", []).append(classes.reshape(-1)[places])
        parts.setdefault("train", []).append(train.reshape(-1)[places].astype(np.uint8))
    return {name: np.concatenate(found, axis=-1) for name, found in parts.items()}


class LandCoverEvaluation:
    """Land cover from each raster: training and test first, then the areas, with the same session.

    Args:
        rasters, area, settings: what is evaluated.
        cores: windows that make up the area.
        polygons: of known land cover.
        matching: curves that match histograms, see :meth:`ModelSession.evaluate`; may be empty.
    """

    def __init__(
        self,
        rasters: EvaluationRasters,
        area: Window,
        cores: Sequence[Window],
        polygons: Sequence[TrainingPolygon],
        settings: EvaluationSettings,
        matching: Sequence[NamedArray],
    ) -> None:
        self._rasters, self._area, self._cores = rasters, area, cores
        self._settings, self._matching = settings, matching
        self._burnt = _Burnt(polygons, rasters.grid)
        self._names: List[str] = []
        self._scores: Mapping[str, float] = {}

    def train(self, session: ModelSession, cancelled: Callable[[], bool]) -> None:
        """Train and test.

        Raises:
            EmptyExtent: when the polygons leave nothing to train or to test with.
            RuntimeMissing: when the worker has no scikit-learn.
        """
        pixels = _training_pixels(
            self._rasters,
            self._area,
            self._cores,
            self._burnt,
            self._settings,
            self._matching,
            session,
            cancelled,
        )
        arrays = [NamedArray(name, found) for name, found in pixels.items()]
        self._names = [name for name in pixels if name not in ("classes", "train")]
        self._scores = wait(session.evaluate("fit", arrays, {}, Window(0, 0, 0, 0)), session, cancelled).statistics

    def classify(self, session: ModelSession, cancelled: Callable[[], bool]) -> Dict[str, LandCoverFigures]:
        """Classify the area; figures by raster: ``input``, ``bicubic``, results, ``truth``."""
        rasters, settings = self._rasters, self._settings
        sums: Dict[str, float] = {}
        readable = rasters.readable(self._area, settings.unit)
        for core in self._cores:
            window, crop = expanded(core, settings.halo, readable)
            request = {"classes": len(self._burnt.labels), "evaluation": settings.to_wire()}
            arrays = [*rasters.read_all(window), *self._matching]
            told = wait(session.evaluate("classify", arrays, request, crop), session, cancelled).statistics
            for key, value in told.items():
                sums[key] = sums.get(key, 0.0) + value
        width, height = rasters.grid.pixel_size
        size = width * height if rasters.sources["result"].georeferenced else 1.0
        return {name: _figures(name, self._scores, sums, self._burnt.labels, size) for name in self._names}


def _figures(
    name: str, scores: Mapping[str, float], sums: Mapping[str, float], labels: Sequence[str], size: float
) -> LandCoverFigures:
    agree = sums.get(f"{name}.agree")
    return LandCoverFigures(
        accuracy=scores[f"{name}.accuracy"],
        kappa=scores[f"{name}.kappa"],
        f1=scores[f"{name}.f1"],
        areas={label: sums[f"{name}.class.{number}"] * size for number, label in enumerate(labels)},
        agreement=None if agree is None or not sums["pixels"] else agree / sums["pixels"],
    )
