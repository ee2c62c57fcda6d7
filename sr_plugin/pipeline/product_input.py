"""A satellite product as the input of a run: which of its bands, on which grid, and which of them the model takes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Iterator, List, Optional, Sequence, Tuple

from sr_plugin.core.bands import LayerBand, match_bands
from sr_plugin.core.card import ModelCard
from sr_plugin.core.catalogue import find_model
from sr_plugin.core.errors import BandError, ParameterError
from sr_plugin.pipeline.band_choice import OTHER_BANDS
from sr_plugin.pipeline.describe import SessionFactory, find_whole_model
from sr_plugin.pipeline.request import RunFeedback, SilentFeedback, SuperResolveRequest
from sr_plugin.raster.band_stack import BandStack, make_stack
from sr_plugin.raster.open_product import open_product
from sr_plugin.raster.output_path import check_output_path
from sr_plugin.raster.product import Product, ProductBand

#: Pixel type of uniform numbers; see :meth:`~sr_plugin.raster.product.Product.in_reflectance`.
_UNIFORM_TYPE = "int16"


@dataclass(frozen=True)
class BandSelection:
    """What is taken from a product.

    Attributes:
        bands: names or common names; empty for those that the model expects, else the product's usual ones, else all of
            the finest resolution.
        masked_classes: classes of the product's classification that become gaps.
        reflectance: read all bands as reflectance x 10000 instead of the numbers of the product.
    """

    bands: Tuple[str, ...] = ()
    masked_classes: Tuple[str, ...] = ()
    reflectance: bool = False


def _named(card: ModelCard, product: Product) -> Tuple[str, ...]:
    """Names of the bands that the model expects, where all of them are bands of the product."""
    layer = _layer_bands(product.bands, product.sensor)
    found = None if _flexible(card) else match_bands(card.input_bands, layer)
    return tuple(product.bands[n - 1].name for n in found) if found else ()


def _flexible(card: ModelCard) -> bool:
    return card.any_bands or card.per_band


def _layer_bands(bands: Sequence[ProductBand], sensor: str) -> List[LayerBand]:
    return [LayerBand(n, b.name, b.common_name, b.wavelength_um, sensor) for n, b in enumerate(bands, start=1)]


def _finest_first(bands: Sequence[ProductBand]) -> List[ProductBand]:
    finest = min(band.resolution for band in bands)
    return sorted(bands, key=lambda band: band.resolution != finest)


def _chosen(selection: BandSelection, product: Product, card: ModelCard, other_bands: str) -> List[ProductBand]:
    """The bands to stack, those of the finest resolution first.

    Raises:
        SourceUnreadable, BandError: naming the band that is missing, or those whose resolution differs.
    """
    names = selection.bands or _named(card, product) or product.usual
    if not names:
        if not product.bands:
            product.band(next(iter(product.missing)))
        finest = min(band.resolution for band in product.bands)
        names = tuple(band.name for band in product.bands if band.resolution == finest)
    bands = _finest_first([product.band(name) for name in names])
    if len({band.name for band in bands}) != len(bands):
        raise BandError("A band is chosen twice.")
    finest = bands[0].resolution
    coarser = [band for band in bands if band.resolution != finest]
    if coarser and other_bands == "drop":
        listed = ", ".join(f"{b.name} ({b.resolution:g} m)" for b in coarser)
        raise BandError(
            f"The chosen bands differ in resolution: {listed}, but the others have {finest:g} m.",
            "Choose bands of one resolution, or let the others be enlarged by interpolation (other bands: enlarge).",
        )
    return bands


def _fed(bands: Sequence[ProductBand], sensor: str, card: ModelCard, other_bands: str) -> Tuple[int, ...]:
    """Numbers of the stack's bands that go into the model, in its order.

    Raises:
        BandError: when the model expects bands that were not chosen.
    """
    own = [n for n, band in enumerate(bands, start=1) if band.resolution == bands[0].resolution]
    if _flexible(card):
        return tuple(own)
    able = range(1, len(bands) + 1) if other_bands == "enlarge" else own
    layer = _layer_bands(bands, sensor)
    found = match_bands(card.input_bands, [layer[n - 1] for n in able])
    if found is not None:
        return found
    if any(b.common_name or b.wavelength_um for b in card.input_bands):
        expected = ", ".join(b.name or b.common_name for b in card.input_bands)
        raise BandError(
            f"The model '{card.name}' expects {expected}, but the chosen bands are {', '.join(b.name for b in bands)}.",
            "Choose the bands that it expects, or a model for any bands.",
        )
    return tuple(own)


def stack_of(
    product: Product, selection: BandSelection, card: ModelCard, other_bands: str
) -> Tuple[BandStack, Tuple[int, ...]]:
    """The stack that a run reads, and the numbers of the bands that go into the model.

    Raises:
        SuperResolutionError: naming the band, file or class that is missing or does not fit.
    """
    if other_bands not in OTHER_BANDS:
        raise ParameterError(f"'{other_bands}' is no choice for the other bands.", "Use drop or enlarge.")
    product.check_classes(selection.masked_classes)
    if selection.reflectance:
        product = product.in_reflectance()
    bands = _chosen(selection, product, card, other_bands)
    fed = _fed(bands, product.sensor, card, other_bands)
    stack = make_stack(product.title, product.platform, bands, product.masks, selection.masked_classes)
    return stack, fed


@contextmanager
def product_as_input(
    request: SuperResolveRequest,
    selection: BandSelection,
    feedback: Optional[RunFeedback] = None,
    open_session: Optional[SessionFactory] = None,
    product: Optional[Product] = None,
) -> Iterator[SuperResolveRequest]:
    """While it lasts, the product in a request's input can be read as one raster.

    Args:
        request: its ``input`` is a product, see :func:`~sr_plugin.raster.open_product.open_product`; its ``bands``
            are not used.
        selection: what is taken from it.
        feedback: where notes on the product go.
        open_session: measures models that do not tell their scale or reach.
        product: the opened product, where the caller has it.

    Yields:
        The request to run.

    Raises:
        SuperResolutionError: naming what is wrong with product, bands or model.
    """
    feedback = feedback or SilentFeedback()
    product = product or open_product(request.input)
    card = (
        find_whole_model(request.model, open_session, feedback.message) if open_session else find_model(request.model)
    )
    stack, fed = stack_of(product, selection, card, request.other_bands)
    for path in request.outputs:
        check_output_path(path, stack.files)
    for note in product.notes:
        feedback.warning(note)
    feedback.message(_told(product, stack.bands, fed))
    output_type = request.output_type or (_UNIFORM_TYPE if selection.reflectance else "")
    with stack.mounted() as name:
        # The stack is gone with the process, so what is continued is the run on the product.
        yield replace(request, input=name, bands=fed, output_type=output_type, listed=False)


def _told(product: Product, bands: Sequence[ProductBand], fed: Sequence[int]) -> str:
    platform = " ".join(part for part in (product.platform, product.level) if part)
    text = f"Product: {product.title} ({platform}); bands for the model: "
    text += ", ".join(bands[n - 1].name for n in fed) + f" at {bands[0].resolution:g} m"
    carried = [band.name for n, band in enumerate(bands, start=1) if n not in fed]
    return text + (f"; interpolated: {', '.join(carried)}" if carried else "")
