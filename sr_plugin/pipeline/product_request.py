"""What a run on a satellite product is asked for as a whole, whatever is made of it before and after the tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from sr_plugin.core.grid import Grid
from sr_plugin.pipeline.product_input import BandSelection
from sr_plugin.pipeline.request import SuperResolveRequest

SENTINEL2, LANDSAT = "sentinel2", "landsat"


@dataclass(frozen=True)
class ProductRequest:
    """One run on a satellite product, or on a raster whose result is aligned to another one.

    Attributes:
        run: what a run on one raster is asked for. Its ``input`` is the product, its ``output`` what the user named;
            its ``bands`` are not used for products, and its ``fusion`` has no ``coarser`` yet.
        satellite: ``sentinel2`` or ``landsat``; empty where the input is a plain raster.
        selection: what is taken from the product; of a fusion only the masked classes.
        file_per_band: lay the result apart into one file a band.
        target: grid of the result, None for that of the model's output.
        target_name: what the raster with this grid is called.
    """

    run: SuperResolveRequest
    satellite: str
    selection: BandSelection = BandSelection()
    file_per_band: bool = False
    target: Optional[Grid] = None
    target_name: str = ""
