"""The job plan: a pure, serialisable value that the loop, resume and scale-out all work from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Mapping, Optional, Tuple, Union

from sr_plugin.core.blending import BlendPlan
from sr_plugin.core.card import ModelCard, TileConstraints, card_from_wire, card_to_wire
from sr_plugin.core.cells import CellPlace
from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.series import CHANGES
from sr_plugin.core.session import RunSettings
from sr_plugin.core.tiling import TilePlan
from sr_plugin.core.uncertainty import BESIDE, joint_constraints


@dataclass(frozen=True)
class SourceIdentity:
    """Which raster is read, and how to notice that it changed.

    Attributes:
        dataset: GDAL dataset name.
        bands: band numbers from 1.
        files: digest of paths, sizes and modification times of all files behind it; empty where they cannot be seen.
    """

    dataset: str
    bands: Tuple[int, ...]
    files: str = ""


@dataclass(frozen=True)
class CoarserSource:
    """A further raster whose bands have larger pixels.

    Attributes:
        source: what is read.
        grid: its grid.
        place: where its first cell lies on the grid of the finest raster.
    """

    source: SourceIdentity
    grid: Grid
    place: CellPlace

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> CoarserSource:
        """Inverse of :func:`dataclasses.asdict`."""
        return cls(_source(values["source"]), _grid(values["grid"]), CellPlace(**values["place"]))


def _source(values: Mapping[str, Any]) -> SourceIdentity:
    return SourceIdentity(**{**values, "bands": tuple(values["bands"])})


def _grid(values: Mapping[str, Any]) -> Grid:
    return Grid(**{**values, "geotransform": tuple(values["geotransform"])})


@dataclass(frozen=True)
class JobPlan:
    """All that decides the pixels of a result.

    Attributes:
        source: what is read.
        grid: the input raster's grid.
        area: pixels of it to be super-resolved.
        card: the model.
        settings: how it is run.
        tile, margin: side of a tile's core and its margin, in input pixels; for a network that sees its whole tile, the
            side of a window and the pixels that it reaches over into the next one.
        nodata: nodata value of the result, or None.
        mask: digest of the mask polygons, empty without a mask.
        mask_band: gaps are marked by a mask band of the result instead of a nodata value.
        storage: the user's creation options of the result's file.
        coarser: rasters that a band fusion takes beside the first one, the finer ones first.
    """

    source: SourceIdentity
    grid: Grid
    area: Window
    card: ModelCard
    settings: RunSettings
    tile: int
    margin: int
    nodata: Optional[float] = None
    mask: str = ""
    storage: Tuple[str, ...] = ()
    mask_band: bool = False
    coarser: Tuple[CoarserSource, ...] = ()

    @property
    def blended(self) -> bool:
        """True where the network sees its whole tile, so that windows of one size are blended."""
        return self.card.reach is None

    @property
    def tiles(self) -> Union[TilePlan, BlendPlan]:
        """The tiles of the job."""
        if self.blended:
            height, width = self.card.tiles.fixed or (self.tile, self.tile)
            border = min(self.card.tiles.border, self.margin // 2)
            return BlendPlan(self.area, self.grid.window, height, width, self.margin - border, border)
        return TilePlan(self.area, self.grid.window, self.tile, self.margin, self.constraints)

    @property
    def cards(self) -> Tuple[ModelCard, ...]:
        """The model, and behind it further ones that enter the uncertainty."""
        uncertainty = self.settings.uncertainty
        return (self.card,) if uncertainty is None else (self.card, *uncertainty.cards)

    @property
    def constraints(self) -> TileConstraints:
        """What a tile must be for all models of the job."""
        return joint_constraints(self.cards)

    @property
    def output_grid(self) -> Grid:
        """Where the result lies."""
        return self.grid.cropped(self.area).refined(self.card.scale)

    @property
    def output_bands(self) -> int:
        """Number of bands of the result."""
        series = self.settings.series
        if series is not None:
            return 1 if series.output == CHANGES else self.card.output_count(series.bands)
        fed = self.settings.fed_bands or len(self.source.bands)
        return self.card.output_count(fed) + len(self.source.bands) - fed

    @property
    def rasters(self) -> Tuple[Tuple[str, int], ...]:
        """Pixel type and number of bands of the result, and of each raster that is written beside it.

        Those beside it have the bands that the model gives, which are the first ones of the result.
        """
        result = (self.settings.output_type, self.output_bands)
        if self.settings.uncertainty is None:
            return (result,)
        count = self.card.output_count(self.settings.fed_bands or len(self.source.bands))
        return (result, *((BESIDE[name][0], count) for name in self.settings.uncertainty.outputs))

    def to_wire(self) -> Dict[str, Any]:
        """JSON-serialisable form."""
        values = asdict(self)
        values["card"] = card_to_wire(self.card)
        values["settings"] = self.settings.to_wire()
        return values

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> JobPlan:
        """Inverse of :meth:`to_wire`."""
        return cls(
            source=_source(values["source"]),
            grid=_grid(values["grid"]),
            area=Window(**values["area"]),
            card=card_from_wire(values["card"]),
            settings=RunSettings.from_wire(values["settings"]),
            tile=values["tile"],
            margin=values["margin"],
            nodata=values["nodata"],
            mask=values["mask"],
            storage=tuple(values["storage"]),
            mask_band=values["mask_band"],
            coarser=tuple(CoarserSource.from_wire(item) for item in values.get("coarser", ())),
        )

    @property
    def digest(self) -> str:
        """Hexadecimal name of the job: equal for equal plans."""
        return sha256_of_json(self.to_wire())
