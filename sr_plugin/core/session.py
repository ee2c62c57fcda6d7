"""What runs a model: the same interface for the worker process and for a model in this process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import asdict, astuple, dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from sr_plugin.core.card import ModelCard
from sr_plugin.core.cells import CellPlace
from sr_plugin.core.edges import EdgeSettings
from sr_plugin.core.errors import ModelFailed, RuntimeMissing
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.radiometry import Radiometry
from sr_plugin.core.series import SeriesSettings
from sr_plugin.core.uncertainty import UncertaintySettings

#: Values of the device setting besides ``cuda:N``.
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu", "dml")
PRECISIONS = ("auto", "float32", "reduced")


@dataclass(frozen=True)
class RunSettings:
    """How a model is to be run.

    Attributes:
        radiometry: maps between data and network.
        output_type: numpy name of the pixel type of the result.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``auto``, ``float32`` or ``reduced``.
        fed_bands: bands of a tile that the network takes; any further ones are enlarged by interpolation. 0: all.
        luminance: a one-band network works on the luminance of three bands; colour is enlarged by interpolation.
        consistency: make the result, brought back to the input's resolution, equal to the input.
        threads: CPU threads, 0 for as many as there are cores.
        backend: ``auto``, or the runtime that has to be used: ``openvino``, ``onnxruntime`` or ``torch``.
        uncertainty: what is made of the differences between views of a tile, and between models; None for nothing.
        pixels: input pixels that the whole job computes, 0 where unknown; tells whether measuring pays.
        steps: maps of each model of a chain (:mod:`sr_plugin.core.fusion_chain`), in the order of their work.
        series: tiles are stacks of the views of a series, which are fused; None for single images.
    """

    radiometry: Radiometry
    output_type: str
    device: str = "auto"
    precision: str = "auto"
    fed_bands: int = 0
    luminance: bool = False
    consistency: bool = False
    threads: int = 0
    backend: str = "auto"
    uncertainty: Optional[UncertaintySettings] = None
    pixels: int = field(default=0, compare=False)
    steps: Tuple[Radiometry, ...] = ()
    series: Optional[SeriesSettings] = None

    def to_wire(self) -> Dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> RunSettings:
        """Inverse of :meth:`to_wire`."""
        series, uncertainty = values.get("series"), values.get("uncertainty")
        read = {
            "radiometry": Radiometry.from_wire(values["radiometry"]),
            "steps": tuple(Radiometry.from_wire(step) for step in values.get("steps", ())),
            "series": None if series is None else SeriesSettings.from_wire(series),
            "uncertainty": None if uncertainty is None else UncertaintySettings.from_wire(uncertainty),
        }
        return cls(**{**values, **read})


@dataclass(frozen=True)
class LoadedModel:
    """What a session answers when a model is ready.

    Attributes:
        backend: name and version of what computes, for example ``onnxruntime 1.20``.
        device: identifier of the device in use, for example ``cpu`` or ``cuda:0``.
        device_name: what people call it.
        precision: ``float32``, ``bfloat16`` or ``float16``.
        notes: sentences a user should read.
        remarks: sentences worth keeping in the log, such as why a precision was chosen.
        others: what computes each further model of an uncertainty: backend and precision.
    """

    backend: str
    device: str
    device_name: str
    precision: str
    notes: Tuple[str, ...] = ()
    remarks: Tuple[str, ...] = ()
    others: Tuple[str, ...] = ()

    @property
    def runtime(self) -> str:
        """Name of the runtime, as :attr:`RunSettings.backend` takes it."""
        return self.backend.split()[0]


@dataclass(frozen=True)
class TileTask:
    """What to do with the arrays of one tile.

    Attributes:
        pad: input pixels to add by reflection on the left, top, right, bottom.
        crop: the part of the padded tile to keep, in input pixels.
        places: where the cells of the arrays behind the first one lie on it; empty where there is but one.
        origin: column and row of the tile's first pixel, before padding, on the raster's grid.
    """

    pad: Tuple[int, int, int, int]
    crop: Window
    places: Tuple[CellPlace, ...] = ()
    origin: Tuple[int, int] = (0, 0)

    def to_wire(self) -> Dict[str, Any]:
        """JSON-serialisable form."""
        crop = [self.crop.col, self.crop.row, self.crop.width, self.crop.height]
        places = [list(astuple(place)) for place in self.places]
        return {"pad": list(self.pad), "crop": crop, "places": places, "origin": list(self.origin)}

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> TileTask:
        """Inverse of :meth:`to_wire`."""
        left, top, right, bottom = values["pad"]
        places = tuple(CellPlace(*(float(v) for v in place)) for place in values.get("places", ()))
        column, row = values.get("origin", (0, 0))
        return cls((left, top, right, bottom), Window(*values["crop"]), places, (column, row))


@dataclass(frozen=True)
class TileResult:
    """Final pixels of one tile.

    Attributes:
        arrays: the outputs; the first is ``image``, ``(bands, height * scale, width * scale)`` of the output type.
            Behind it come those that an uncertainty asks for, of the same size: ``uncertainty``, float32 in data
            units, and ``replaced``, uint8: 1 where bicubic took the place of the result.
        statistics: sums over the tile: ``consistency_sum`` (squared difference, in data units, between the result
            brought back to the input's grid and the input) and ``consistency_count``; ``seconds`` in the worker,
            the wait for the forward of the tile before included.
    """

    arrays: Sequence[NamedArray]
    statistics: Mapping[str, float] = field(default_factory=dict)


class ModelSession(ABC):
    """Loads one model at a time and runs tiles through it, in the order of submission."""

    @abstractmethod
    def load(self, card: ModelCard, settings: RunSettings, samples: Sequence[NamedArray] = ()) -> LoadedModel:
        """Make a model ready.

        Args:
            card: the model.
            settings: how to run it.
            samples: pieces of the raster, ``(bands, h, w)``, on which ``auto`` measures runtimes and precisions.

        Raises:
            SuperResolutionError: ModelUnreadable, ModelMismatch, DeviceUnavailable, OutOfMemory, WorkerDied ...
        """

    @abstractmethod
    def submit(self, arrays: Sequence[NamedArray], task: TileTask) -> Future[TileResult]:
        """Queue one tile. The future fails with a :class:`~sr_plugin.core.errors.SuperResolutionError`."""

    def describe(self, card: ModelCard) -> Dict[str, Any]:
        """Measure a black-box model; see :mod:`sr_plugin.core.description`.

        Raises:
            SuperResolutionError: ModelUnreadable, ModelNotRecognised, WorkerDied ...
        """
        raise ModelFailed(f"The model '{card.name}' cannot be measured where it runs.", "Run it in a local worker.")

    def probe(self, card: ModelCard) -> Dict[str, Any]:
        """Show the model a test image: ``errors``, ``best``, ``error``, ``warning``, ``skipped``.

        Raises:
            SuperResolutionError: when the model cannot be loaded or run.
        """
        raise ModelFailed(f"The model '{card.name}' cannot be tested where it runs.", "Run it in a local worker.")

    def export(self, card: ModelCard, path: str) -> Dict[str, Any]:
        """Write a torch model as ONNX; the answer holds ``fixed`` (the only tile size, or None) and ``notes``.

        Raises:
            SuperResolutionError: when the model cannot be loaded, converted or written.
        """
        raise ModelFailed(f"The model '{card.name}' cannot be exported where it runs.", "Run it in a local worker.")

    def place_views(
        self,
        arrays: Sequence[NamedArray],
        series: SeriesSettings,
        origins: Sequence[Tuple[int, int]],
        register: bool = True,
    ) -> Dict[str, Any]:
        """Find how the views of a series lie and compare; no model is needed.

        Args:
            arrays: windows of the stack, ``(planes, h, w)``, see :class:`~sr_plugin.core.series.SeriesSettings`.
            series: the shifts that the georeference tells.
            origins: column and row of each window on the reference's grid.
            register: look for shifts; otherwise those that are told are believed.

        Returns:
            ``series``: the settings with shifts, gains and noise, in their wire form; ``views``: for each view
            ``windows`` that agree on its shift, their ``spread`` in pixels, and ``clear``, its share of valid pixels.

        Raises:
            SuperResolutionError: RuntimeMissing where scikit-image is missing, WorkerDied ...
        """
        raise RuntimeMissing("Views cannot be registered where this model runs.", "Use a local worker.")

    def edges(
        self, arrays: Sequence[NamedArray], settings: EdgeSettings, crop: Window, outputs: Sequence[str]
    ) -> Future[TileResult]:
        """Queue one window in which edges are found and compared; no model is needed.

        Args:
            arrays: planes of the window with its halo: ``input`` ``(h / ratio, w / ratio)``, which is enlarged by cubic
                convolution where its ``ratio`` is above 1, and, where there are any, ``result``, ``result2``, ...,
                ``truth`` ``(h, w)``; data units. ``valid_<name>`` beside any of them: not 0 where it has data.
            settings: with absolute thresholds; with quantiles, gradients are computed, but no edges.
            crop: the part to keep and to count, in pixels of the fine grid.
            outputs: arrays of the answer, for each plane: ``edges_<name>`` (uint8: 0, 1, 255 without data),
                ``gradient_<name>`` (float32, data units per pixel of the fine grid, 0 without data), ``valid_<name>``
                (uint8), ``enlarged_<name>`` (float32, gaps filled); for each result ``classes_<name>`` (uint8, see
                :mod:`sr_plugin.core.edges`).

        Returns:
            A future of the arrays; its statistics hold the fields of :class:`~sr_plugin.core.edges.EdgeCounts` for each
            result as ``<name>.<field>``. It fails with RuntimeMissing where scikit-image is missing.
        """
        raise RuntimeMissing("Edges cannot be found where this model runs.", "Use a local worker.")

    def evaluate(
        self, part: str, arrays: Sequence[NamedArray], settings: Mapping[str, Any], crop: Window
    ) -> Future[TileResult]:
        """Queue one window in which results are evaluated; no model is needed.

        Args:
            part: what to do, see below.
            arrays: rasters of the window with its halo in physical units: ``input`` ``(bands, h / ratio, w / ratio)``,
                which is enlarged to ``bicubic``, ``result``, ``result2``, ..., and ``truth`` where there is one,
                ``(bands, h, w)``; ``valid_<name>`` beside any of them: not 0 where it has data; ``match_<name>``
                ``(bands, 2, n)`` beside a candidate: values, and what they are changed to before all else.
            settings: :meth:`sr_plugin.core.evaluation.EvaluationSettings.to_wire`.
            crop: the part to keep and to count, in pixels of the fine grid; it begins at a multiple of the cell.

        Parts:
            ``sample``: answers the valid pixels of the kept part, ``(bands, n)`` for each raster on the fine grid, and
            their flat ``positions`` in it. With an array ``chosen`` ``(h, w)``, only those where it is not 0, and those
            of the ``input`` repeated; without, the statistics hold shifts: ``truth.row``, ``truth.column`` in fine
            pixels against the enlarged input, ``<name>.row``, ``<name>.column`` of each candidate in input pixels.
            ``measure``: answers ``sums`` ``(rows, columns, candidates, measures)`` of the cells, candidates with
            ``bicubic`` first, measures as :func:`sr_plugin.core.evaluation.measure_names`; and ``histogram_<name>``
            ``(bands, bins)``.
            ``fit``: trains and tests a forest for each raster; arrays ``(bands, n)`` by name, ``classes`` ``(n,)`` and
            ``train`` ``(n,)``. Statistics: ``<name>.accuracy``, ``<name>.kappa``, ``<name>.f1``.
            ``classify``: counts pixels with these forests; settings ``{"classes": number, "evaluation": ...}``.
            Statistics: ``<name>.class.<number>``, ``<name>.agree``, ``pixels``.
            ``rank``: how well an uncertainty foretells errors; arrays ``uncertainty`` and ``error`` ``(bands, n)`` and
            ``tiles`` ``(n,)``; answers those of :func:`sr_plugin.worker.uncertainty_rank.judge_uncertainty`.

        Returns:
            A future of the arrays and statistics. It fails with RuntimeMissing where a package is missing.
        """
        raise RuntimeMissing("Results cannot be evaluated where this model runs.", "Use a local worker.")

    def patch_shifts(self, arrays: Sequence[NamedArray]) -> Future[TileResult]:
        """Queue pairs of small images whose displacements are wanted; no model is needed.

        Args:
            arrays: ``reference`` and ``moved``, ``(n, h, w)`` floating, without gaps.

        Returns:
            A future of one array ``shifts``, ``(n, 2)`` float32: pixels by which ``moved`` shows things further right
            and further down. It fails with RuntimeMissing where scikit-image is missing.
        """
        raise RuntimeMissing("Displacements cannot be measured where this model runs.", "Use a local worker.")

    def figure(self, arrays: Sequence[NamedArray], description: Mapping[str, Any]) -> bytes:
        """Draw panels as a picture in the manner of a paper (:mod:`sr_plugin.worker.figure`).

        Args:
            arrays: the panels, ``(h, w, 3)`` uint8.
            description: ``title``; ``panels``: rows of mappings with ``array`` (a name, or empty) and ``title``;
                ``legend``: mappings with ``colour`` (red, green, blue from 0 to 255) and ``title``; ``table``: rows of
                texts, the first one the head; ``note``: a line below.

        Returns:
            A PNG file.

        Raises:
            RuntimeMissing: where matplotlib is missing.
        """
        raise RuntimeMissing("No figure can be drawn where this model runs.", "Use a local worker.")

    @property
    def alive(self) -> bool:
        """False once it cannot answer any more."""
        return True

    @abstractmethod
    def close(self) -> None:
        """End in good order."""

    def kill(self) -> None:
        """End at once, whatever is running."""
        self.close()

    def __enter__(self) -> ModelSession:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()
