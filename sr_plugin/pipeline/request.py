"""What a run is asked for, what it reports on the way, and what it gives: the interface of flow 1 for every caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Protocol, Tuple

from sr_plugin.core.grid import Extent

#: The shipped models that make the 20 m and the 60 m bands of Sentinel-2 as fine as those of 10 m.
DEFAULT_FUSION = "s2-fuse-20m; s2-fuse-60m"


def named_models(text: str) -> Tuple[str, ...]:
    """Names or files of models with semicolons between them."""
    return tuple(name.strip() for name in text.split(";") if name.strip())


@dataclass(frozen=True)
class FusionRequest:
    """Bands of several resolutions that are to become equally fine.

    Attributes:
        coarser: GDAL dataset names of rasters with larger pixels than the input's, the finer ones first.
        models: band-fusion models, one for each set of coarse bands; together they decide which bands the result has.
        factor: how many times as fine as the input the result is along one axis; above 1, the request's ``model``
            follows where it is of this factor, and ``band_model`` for the bands that it does not take.
        band_model: model for any single band; empty for ``any-xK``.
    """

    coarser: Tuple[str, ...]
    models: Tuple[str, ...]
    factor: int = 1
    band_model: str = ""


@dataclass(frozen=True)
class SuperResolveRequest:
    """One super-resolution run.

    Attributes:
        input: any GDAL dataset name.
        output: path of the GeoTIFF to write.
        model: a model's name, ``bicubic:4``, or a model file.
        bands: band numbers from 1 in the order that the model expects; empty chooses by name, else the first ones.
        extent: ``(xmin, ymin, xmax, ymax)`` in the raster's CRS, or None for the whole raster.
        mask: polygons (WKB, in the raster's CRS) outside which the result is nodata; None for no mask.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``auto``, ``float32`` or ``reduced``.
        output_type: numpy name of the result's pixel type, empty for the type of the input.
        consistency: make the result, brought back to the input's resolution, equal to the input.
        tile: side of a tile's core in input pixels, 0 to choose by memory.
        margin: pixels read around a tile, None for the reach of the model.
        normalisation: ``auto``, ``none``, ``divide:K``, ``window:LOW,HIGH`` or ``percentile:LOW,HIGH``.
        nodata: nodata value of the result, None for that of the input.
        gaps_as_mask: mark gaps by a mask band of the result instead of a nodata value.
        other_bands: ``drop`` leaves out the bands that the model does not take, ``enlarge`` carries them through by
            interpolation, behind the others.
        luminance: for models of one band and rasters of three: sharpen the luminance and interpolate the colour,
            instead of sharpening every band on its own.
        exact: read margins as wide as the formal reach of the model even where a narrower one was measured to do.
        cog: store the result as a cloud-optimised GeoTIFF, which needs room for a second copy meanwhile.
        uncertainty: path of a GeoTIFF for the standard deviation of what the model makes of flips and quarter turns of
            the input, float32 in units of the data: how much it guesses; empty for none. Eight times the work.
        uncertainty_limit: where that deviation is larger, bicubic takes the place of the result; None for never.
        uncertainty_mask: path of a GeoTIFF that is 1 where bicubic did so and 0 elsewhere; empty for none.
        uncertainty_models: further models, as ``model`` names them, whose answers enter the deviation but not the
            result; each costs as much again.
        keep_partial: keep what is done when the run is cancelled.
        create_options: GDAL creation options (``KEY=VALUE``) that replace the defaults of the same key.
        worker_python: Python for the worker, empty to find one.
        listed: whether the run is found among the interrupted ones when it does not come to its end.
        fusion: makes coarser bands as fine as those of the input first; ``bands``, ``luminance`` and ``other_bands``
            are then not used.
    """

    input: str
    output: str
    model: str
    bands: Tuple[int, ...] = ()
    extent: Optional[Extent] = None
    mask: Optional[Tuple[bytes, ...]] = None
    device: str = "auto"
    precision: str = "auto"
    output_type: str = ""
    consistency: bool = False
    tile: int = 0
    margin: Optional[int] = None
    normalisation: str = "auto"
    nodata: Optional[float] = None
    other_bands: str = "drop"
    luminance: bool = False
    exact: bool = False
    cog: bool = False
    uncertainty: str = ""
    uncertainty_limit: Optional[float] = None
    uncertainty_mask: str = ""
    uncertainty_models: Tuple[str, ...] = ()
    keep_partial: bool = False
    create_options: Tuple[str, ...] = ()
    worker_python: str = ""
    listed: bool = True
    gaps_as_mask: bool = False
    fusion: Optional[FusionRequest] = None

    @property
    def outputs(self) -> Tuple[str, ...]:
        """Paths of all files that are to be written, the result first."""
        return (self.output, *(path for path in (self.uncertainty, self.uncertainty_mask) if path))

    @property
    def compares_views(self) -> bool:
        """Whether anything of the uncertainty is asked for."""
        asked = self.uncertainty or self.uncertainty_mask or self.uncertainty_models
        return bool(asked) or self.uncertainty_limit is not None


class RunFeedback(Protocol):
    """Where a run reports to. All methods are called from the thread that called :func:`superresolve`."""

    def message(self, text: str) -> None:
        """A sentence worth keeping in the log."""

    def warning(self, text: str) -> None:
        """A sentence that the user should read."""

    def progress(self, done: int, total: int, seconds_left: Optional[float]) -> None:
        """Tiles done, tiles in all, and the estimated time left (None while unknown)."""

    def cancelled(self) -> bool:
        """True once the user wants the run to end; asked at least every 0.2 s."""


class SilentFeedback:
    """Feedback for callers that want none."""

    def message(self, text: str) -> None:
        """Ignore the message."""

    def warning(self, text: str) -> None:
        """Ignore the warning."""

    def progress(self, done: int, total: int, seconds_left: Optional[float]) -> None:
        """Ignore the progress."""

    def cancelled(self) -> bool:
        """Never cancel."""
        return False


@dataclass(frozen=True)
class SuperResolveResult:
    """What a whole run gives.

    Attributes:
        output: path of the result.
        model: the model's name.
        model_sha256: digest of its weights.
        scale: scale factor.
        width, height, bands: size of the result.
        source_bands: numbers of the input bands that went in, in the order of the result.
        mask_band: the result marks gaps by a mask band, not by a nodata value.
        tiles: tiles computed (those outside a mask are skipped).
        backend: what computed.
        device, device_name: on which device.
        precision: in which precision.
        seconds: wall time of the run.
        consistency_rmse: root mean square difference between the result brought back to the input's grid and the
            input, in units of the data; NaN where it cannot be said.
        uncertainty, uncertainty_mask: paths of what was written beside the result; empty for none.
    """

    output: str
    model: str
    model_sha256: str
    scale: int
    width: int
    height: int
    bands: int
    source_bands: Tuple[int, ...]
    mask_band: bool
    tiles: int
    backend: str
    device: str
    device_name: str
    precision: str
    seconds: float
    consistency_rmse: float
    uncertainty: str = ""
    uncertainty_mask: str = ""

    def to_record(self) -> Dict[str, Any]:
        """JSON-serialisable record."""
        from dataclasses import asdict

        return asdict(self)
