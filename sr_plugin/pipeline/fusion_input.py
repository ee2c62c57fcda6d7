"""A satellite product as the input of a band fusion: one stack of bands for each resolution."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from sr_plugin.core.bands import LayerBand, match_bands
from sr_plugin.core.card import ModelCard
from sr_plugin.core.catalogue import find_model
from sr_plugin.core.errors import BandError, ParameterError
from sr_plugin.core.fusion_chain import fused_groups
from sr_plugin.pipeline.describe import SessionFactory, find_whole_model
from sr_plugin.pipeline.request import FusionRequest, RunFeedback, SilentFeedback, SuperResolveRequest
from sr_plugin.raster.band_stack import make_stack
from sr_plugin.raster.output_path import check_output_path
from sr_plugin.raster.product import Product, ProductBand
from sr_plugin.raster.sentinel2_product import open_sentinel2


def _needed(card: ModelCard, product: Product) -> List[ProductBand]:
    """The product's bands that a model takes.

    Raises:
        SourceUnreadable: when the file of one is missing.
        BandError: when the product has no such band.
    """
    fused_groups(card)
    layer = [
        LayerBand(number, band.name, band.common_name, band.wavelength_um, "sentinel2")
        for number, band in enumerate(product.bands, start=1)
    ]
    found = match_bands(card.input_bands, layer)
    if found is not None:
        return [product.bands[number - 1] for number in found]
    for band in card.input_bands:
        if band.name not in product.names:
            # Says whether its file is missing or there is no such band.
            product.band(band.name)
    raise BandError(
        f"The model '{card.name}' takes {', '.join(b.name for b in card.input_bands)}, which are not all bands of "
        f"'{product.title}'.",
        "Choose a model for Sentinel-2.",
    )


def bands_by_resolution(cards: Sequence[ModelCard], product: Product) -> Tuple[Tuple[ProductBand, ...], ...]:
    """The product's bands that the models take, one group for each resolution, the finest first.

    Raises:
        SuperResolutionError: naming the band that is missing.
    """
    needed = {band.name: band for card in cards for band in _needed(card, product)}
    groups: Dict[float, List[ProductBand]] = {}
    for band in product.bands:
        if band.name in needed:
            groups.setdefault(band.resolution, []).append(band)
    if len(groups) < 2:
        raise BandError(
            f"The bands that the models take all have one resolution in '{product.title}', so there is nothing to fuse."
        )
    return tuple(tuple(groups[resolution]) for resolution in sorted(groups))


@contextmanager
def product_to_fuse(
    request: SuperResolveRequest,
    masked_classes: Tuple[str, ...] = (),
    feedback: Optional[RunFeedback] = None,
    open_session: Optional[SessionFactory] = None,
    product: Optional[Product] = None,
) -> Iterator[SuperResolveRequest]:
    """While it lasts, the product in a request's input can be read as one raster for each resolution.

    Nothing is copied: the stacks are virtual, each on its own grid.

    Args:
        request: its ``input`` is a product, and it has a ``fusion`` whose ``coarser`` is not used.
        masked_classes: classes of the product's classification that become gaps in all bands.
        feedback: where notes on the product go.
        open_session: measures models that do not tell their scale or reach.
        product: the opened product, where the caller has it.

    Yields:
        The request to run.

    Raises:
        SuperResolutionError: naming what is wrong with product, bands or models.
    """
    if request.fusion is None:
        raise ParameterError("The request asks for no band fusion.")
    feedback = feedback or SilentFeedback()
    product = product or open_sentinel2(request.input)
    product.check_classes(masked_classes)
    cards = [
        find_whole_model(name, open_session, feedback.message) if open_session else find_model(name)
        for name in request.fusion.models
    ]
    groups = bands_by_resolution(cards, product)
    stacks = [
        # The classes are read once, with the finest bands; a gap there is one of all that is made of it.
        make_stack(product.title, product.platform, bands, product.masks, masked_classes if bands is groups[0] else ())
        for bands in groups
    ]
    for stack in stacks:
        check_output_path(request.output, stack.files)
    for note in product.notes:
        feedback.warning(note)
    feedback.message(_told(product, groups))
    with ExitStack() as mounted:
        names = [mounted.enter_context(stack.mounted()) for stack in stacks]
        fusion: FusionRequest = replace(request.fusion, coarser=tuple(names[1:]))
        # The stacks are gone with the process, so what is continued is the run on the product.
        yield replace(request, input=names[0], fusion=fusion, bands=(), listed=False)


def _told(product: Product, groups: Sequence[Sequence[ProductBand]]) -> str:
    platform = " ".join(part for part in (product.platform, product.level) if part)
    parts = [f"{', '.join(band.name for band in bands)} at {bands[0].resolution:g} m" for bands in groups]
    left = [name for name in product.names if not any(name == band.name for bands in groups for band in bands)]
    text = f"Product: {product.title} ({platform}); bands: {'; '.join(parts)}"
    if "B10" in left:
        text += "; B10 sees clouds and not the ground, and is left out"
        left.remove("B10")
    return text + (f"; left out, since no chosen model takes them: {', '.join(left)}" if left else "")
