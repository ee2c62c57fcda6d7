"""The model card: everything that a run needs to know about a model, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

from sr_plugin.core.value_range import VALUE_RANGES, ValueRange

SINGLE_IMAGE = "single-image"
MULTI_IMAGE = "multi-image"
BAND_FUSION = "band-fusion"
TRANSLATION = "translation"
KINDS = (SINGLE_IMAGE, MULTI_IMAGE, BAND_FUSION, TRANSLATION)
#: What a run with a generative model tells.
INVENTION_WARNING = "This model was trained to look plausible: it may invent detail that is not in the scene."


@dataclass(frozen=True)
class BandSpec:
    """One band that a model takes or gives.

    Attributes:
        name: the sensor's name of the band, for example ``B04``.
        common_name: STAC common name, for example ``red``; empty if unknown.
        wavelength_um: centre wavelength in micrometres, or None.
    """

    name: str
    common_name: str = ""
    wavelength_um: Optional[float] = None


@dataclass(frozen=True)
class PointSpread:
    """How a low-resolution pixel sees the scene: used by the consistency step.

    Attributes:
        kind: ``box`` (mean over the pixel's own area) or ``gaussian``.
        mtf_nyquist: for ``gaussian``, modulation transfer at the low-resolution Nyquist frequency (0 to 1).
    """

    kind: str = "box"
    mtf_nyquist: float = 0.35


@dataclass(frozen=True)
class TileConstraints:
    """What a network accepts as a tile, in input pixels.

    Attributes:
        multiple_of: width, height and origin must be multiples of this.
        minimum: smallest width and height; smaller rasters are padded by reflection.
        fixed: ``(height, width)`` of the only size a static network accepts, or None.
        border: pixels at each side of a window whose result is of no use, for networks without a finite reach.
    """

    multiple_of: int = 1
    minimum: int = 1
    fixed: Optional[Tuple[int, int]] = None
    border: int = 0


@dataclass(frozen=True)
class WeightFile:
    """One file that holds the model.

    Attributes:
        path: absolute path.
        container: ``onnx``, ``safetensors`` or ``checkpoint`` (a torch pickle read without torch).
        sha256: hexadecimal digest, empty if not yet computed.
    """

    path: str
    container: str
    sha256: str = ""


@dataclass(frozen=True)
class ModelCard:
    """All that a run needs to know about a model.

    Attributes:
        name: stable identifier, used as the value of the MODEL parameter.
        title: what people read.
        family: identifier of the architecture, ``onnx`` for a black box, ``builtin`` for interpolation.
        hyperparameters: what the architecture needs to be rebuilt.
        scale: output pixels per input pixel along one axis.
        kind: one of :data:`KINDS`.
        input_bands: what the network takes, in order; empty means any number of bands, treated alike.
        output_bands: what it gives; empty means the same as the input.
        gsd_m: lowest and highest ground sampling distance of the input in metres it was made for, or None.
        value_range: which numbers the network expects.
        reach: receptive field radius in input pixels, or None where every pixel sees the whole tile.
        effective_reach: input pixels beyond which the effect on the result was measured to be below a DN of 10000, for
            networks whose reach is out of proportion; None where there is no need or no measurement.
        training_tile: input tile side used for networks without a finite reach.
        psf: point spread function that leads from the output to the input.
        tiles: constraints on the size of tiles.
        weights: the files, in order of preference; empty for built-in models.
        licence: SPDX identifier or a short text.
        source: where it comes from.
        citation: paper or project.
        training_data: what it was trained on.
        quality: measured figures, JSON-like.
        generative: True where the model was trained to look plausible and so may invent detail.
        verified: False where the architecture was never checked on published weights.
        notes: anything else a user should read.
    """

    name: str
    title: str
    family: str
    scale: int
    kind: str = SINGLE_IMAGE
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    input_bands: Tuple[BandSpec, ...] = ()
    output_bands: Tuple[BandSpec, ...] = ()
    gsd_m: Optional[Tuple[float, float]] = None
    value_range: ValueRange = VALUE_RANGES["unit"]
    reach: Optional[int] = 0
    effective_reach: Optional[int] = None
    training_tile: int = 128
    psf: PointSpread = PointSpread()
    tiles: TileConstraints = TileConstraints()
    weights: Tuple[WeightFile, ...] = ()
    licence: str = ""
    source: str = ""
    citation: str = ""
    training_data: str = ""
    quality: Mapping[str, Any] = field(default_factory=dict)
    generative: bool = False
    verified: bool = True
    notes: str = ""

    @property
    def any_bands(self) -> bool:
        """True where the model treats any number of bands alike."""
        return not self.input_bands

    @property
    def per_band(self) -> bool:
        """True where every band passes through the network on its own."""
        return len(self.input_bands) == 1 and len(self.output_bands) <= 1

    @property
    def takes_one_raster(self) -> bool:
        """True where one raster with bands of one pixel size is all that the model needs."""
        return self.kind in (SINGLE_IMAGE, TRANSLATION)

    def output_count(self, input_count: int) -> int:
        """Number of output bands for ``input_count`` bands fed in."""
        if self.any_bands or self.per_band:
            return input_count
        return len(self.output_bands or self.input_bands)

    @property
    def sha256(self) -> str:
        """Digest of the preferred weight file, or the model's name for built-in models."""
        return self.weights[0].sha256 if self.weights else self.name


def card_to_wire(card: ModelCard) -> Dict[str, Any]:
    """The card as JSON-serialisable values (used by job plans and the worker protocol)."""
    from dataclasses import asdict

    return asdict(card)


def card_from_wire(values: Mapping[str, Any]) -> ModelCard:
    """Inverse of :func:`card_to_wire`.

    Raises:
        TypeError: when a field is missing or unknown.
    """
    data = dict(values)

    def pair(value: Any) -> Any:
        return None if value is None else tuple(value)

    value_range = dict(data["value_range"])
    value_range.update(
        in_gain=tuple(value_range["in_gain"]),
        in_offset=tuple(value_range["in_offset"]),
        valid=pair(value_range["valid"]),
    )
    tiles = dict(data["tiles"])
    tiles["fixed"] = pair(tiles["fixed"])
    data.update(
        input_bands=tuple(BandSpec(**b) for b in data["input_bands"]),
        output_bands=tuple(BandSpec(**b) for b in data["output_bands"]),
        gsd_m=pair(data["gsd_m"]),
        value_range=ValueRange(**value_range),
        psf=PointSpread(**data["psf"]),
        tiles=TileConstraints(**tiles),
        weights=tuple(WeightFile(**w) for w in data["weights"]),
    )
    return ModelCard(**data)
