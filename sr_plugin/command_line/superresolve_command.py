"""``superresolve``: flow 1 without QGIS."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import sys
from contextlib import nullcontext
from typing import Any, ContextManager, Optional, Tuple

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.pixel_type import PIXEL_TYPES
from sr_plugin.core.session import PRECISIONS, ModelSession
from sr_plugin.pipeline.align import align_result, plan_alignment, unaligned
from sr_plugin.pipeline.band_choice import OTHER_BANDS
from sr_plugin.pipeline.describe import SessionFactory
from sr_plugin.pipeline.fusion_input import product_to_fuse
from sr_plugin.pipeline.product_input import BandSelection, product_as_input
from sr_plugin.pipeline.product_request import LANDSAT, SENTINEL2, ProductRequest
from sr_plugin.pipeline.request import (
    DEFAULT_FUSION,
    FusionRequest,
    RunFeedback,
    SuperResolveRequest,
    SuperResolveResult,
    named_models,
)
from sr_plugin.pipeline.run_listing import RunListing
from sr_plugin.pipeline.superresolve import superresolve, worker_factory
from sr_plugin.raster.open_product import is_product, open_product
from sr_plugin.raster.product import Product
from sr_plugin.raster.source import RasterSource

#: Names of bands in products, common names included.
_BAND_NAME = re.compile(r"B\d[\dA]?(_VCID_[12])?|S[RT]_B\d{1,2}|[a-z]{3,}\d{0,3}")

#: Common names of newer Landsats, and those of all of them.
_SHORT = {"nir08": "nir", "lwir11": "lwir"}

#: Pixel size of all bands in metres -> how many times as fine as 10 m.
_METRES = {"10": 1, "5": 2, "2.5": 4}


def _names(text: str) -> Tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _bands(text: str) -> Tuple[str, ...]:
    names = _names(text)
    if not names or not all(name.isdigit() or _BAND_NAME.fullmatch(name) for name in names):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of band numbers such as 1,2,3")
    return names


def _numbers(names: Tuple[str, ...]) -> Tuple[int, ...]:
    if not all(name.isdigit() for name in names):
        raise ParameterError("Bands of a raster are chosen by number.", "Use for example --bands 3,2,1.")
    return tuple(int(name) for name in names)


def extent_argument(text: str) -> Tuple[float, float, float, float]:
    """``xmin,ymin,xmax,ymax`` as numbers.

    Raises:
        argparse.ArgumentTypeError: when the text is no extent.
    """
    try:
        xmin, ymin, xmax, ymax = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no extent such as xmin,ymin,xmax,ymax") from None
    if xmin >= xmax or ymin >= ymax:
        raise argparse.ArgumentTypeError(f"the extent '{text}' is empty: give xmin,ymin,xmax,ymax")
    return xmin, ymin, xmax, ymax


def add_parser(commands: Any) -> None:
    """Add the sub-command to an argparse sub-parser collection."""
    parser = commands.add_parser("superresolve", help="super-resolve a raster", description=__doc__)
    parser.add_argument("input", metavar="INPUT", help="any GDAL dataset name, or a product of Sentinel-2 or Landsat")
    parser.add_argument("output", metavar="OUTPUT", help="the GeoTIFF to write")
    parser.add_argument("--model", default="s2-rgbn-x2", metavar="NAME|FILE", help="default: %(default)s")
    parser.add_argument(
        "--bands", type=_bands, default=(), metavar="1,2|B04,B03|red,nir", help="default: by name, else the first ones"
    )
    parser.add_argument(
        "--all-bands",
        choices=sorted(_METRES, key=float),
        metavar="10|5|2.5",
        help="Sentinel-2 products only: all bands, in metres",
    )
    parser.add_argument(
        "--fusion-models", default=DEFAULT_FUSION, metavar="NAMES", help="of --all-bands; default: %(default)s"
    )
    parser.add_argument(
        "--band-model",
        default="",
        metavar="NAME|FILE",
        help="of --all-bands, for what --model does not take: any-x2 ...",
    )
    parser.add_argument("--mask-classes", type=_names, default=(), metavar="cloud_high,...", help="products only")
    parser.add_argument(
        "--reflectance",
        action="store_true",
        help="products only, not with --all-bands: write reflectance x 10000, not the product's numbers",
    )
    parser.add_argument(
        "--align-to", default="", metavar="RASTER", help="give the result the grid of this raster, by cubic convolution"
    )
    parser.add_argument("--gaps-as-mask", action="store_true", help="mark gaps by a mask band, not by a nodata value")
    parser.add_argument("--extent", type=extent_argument, metavar="XMIN,YMIN,XMAX,YMAX", help="in the raster's CRS")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda:N|mps")
    parser.add_argument("--precision", default="auto", choices=PRECISIONS)
    parser.add_argument("--tile", type=int, default=0, metavar="N", help="side in input pixels, 0: by memory")
    parser.add_argument("--margin", type=int, metavar="N", help="default: the reach of the model")
    parser.add_argument(
        "--output-type", default="", choices=("",) + PIXEL_TYPES, metavar="T", help="default: as the input"
    )
    parser.add_argument("--consistency", action="store_true", help="make the result agree with the input exactly")
    parser.add_argument(
        "--normalisation", default="auto", metavar="N", help="auto, none, divide:K, window:L,H, percentile:L,H"
    )
    parser.add_argument("--nodata", type=float, metavar="V", help="nodata value of the result")
    parser.add_argument("--other-bands", choices=OTHER_BANDS, default="drop", help="bands that the model does not take")
    parser.add_argument(
        "--luminance", action="store_true", help="one-band models: sharpen luminance, interpolate colour"
    )
    parser.add_argument("--exact", action="store_true", help="margins of the full formal reach")
    parser.add_argument("--cog", action="store_true", help="store as a cloud-optimised GeoTIFF")
    _add_uncertainty(parser)
    parser.add_argument("--keep-partial", action="store_true", help="keep what is done when cancelled")
    parser.add_argument(
        "--create-option", action="append", default=[], metavar="KEY=VALUE", help="GDAL creation option"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--worker", default="", metavar="PYTHON", help="Python that runs the model")
    where.add_argument("--in-process", action="store_true", help="run the model in this process")
    parser.add_argument("--json", action="store_true", help="print one JSON record on stdout")
    parser.add_argument("--quiet", action="store_true", help="no messages and no progress bar")
    parser.set_defaults(run=run)


def _add_uncertainty(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--uncertainty",
        default="",
        metavar="FILE",
        help="also write the standard deviation over eight flipped and turned copies, in units of the data; the run "
        "is then eight times the work",
    )
    parser.add_argument(
        "--uncertainty-limit",
        type=float,
        metavar="V",
        help="bicubic takes the place of the model's result where the standard deviation is larger; eight times the "
        "work, together with --uncertainty too",
    )
    parser.add_argument(
        "--uncertainty-mask", default="", metavar="FILE", help="also write where bicubic did so: 1, elsewhere 0"
    )
    parser.add_argument(
        "--uncertainty-model",
        action="append",
        default=[],
        metavar="NAME|FILE",
        help="further model whose answers enter the standard deviation but not the result; each is as much work again",
    )


class TerminalFeedback:
    """Messages and a progress bar on stderr; cancels on Ctrl-C.

    Args:
        quiet: show nothing but warnings.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._stopped = False
        signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, *_: Any) -> None:
        self._stopped = True

    def message(self, text: str) -> None:
        """Print a sentence."""
        if not self._quiet:
            print(text, file=sys.stderr)

    def warning(self, text: str) -> None:
        """Print a sentence marked as a warning."""
        print(f"Warning: {text}", file=sys.stderr)

    def progress(self, done: int, total: int, seconds_left: Optional[float]) -> None:
        """Move the bar."""
        if self._quiet:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="tile", file=sys.stderr)
        self._bar.update(done - self._bar.n)
        if done == total:
            self._bar.close()

    def cancelled(self) -> bool:
        """True after Ctrl-C."""
        return self._stopped


def _in_process(_card: ModelCard) -> ModelSession:
    from sr_plugin.worker.local_session import LocalSession

    return LocalSession()


def _readable(
    request: SuperResolveRequest,
    args: argparse.Namespace,
    product: Optional[Product],
    feedback: RunFeedback,
    factory: SessionFactory,
) -> ContextManager[SuperResolveRequest]:
    if product is None:
        return nullcontext(request)
    if request.fusion is not None:
        # One of another satellite is refused.
        known = product if product.sensor == SENTINEL2 else None
        return product_to_fuse(request, args.mask_classes, feedback, factory, known)
    selection = BandSelection(args.bands, args.mask_classes, args.reflectance)
    return product_as_input(request, selection, feedback, factory, product)


def _result(
    request: SuperResolveRequest,
    target: Optional[RasterSource],
    feedback: RunFeedback,
    factory: SessionFactory,
    listing: Optional[RunListing],
) -> SuperResolveResult:
    if target is None:
        return superresolve(request, feedback, factory, listing=listing)
    source = RasterSource(request.input)
    alignment = plan_alignment(request, target.grid, source.grid, target.name, source.files, target.files)
    result = superresolve(unaligned(request, alignment), feedback, factory, listing=listing)
    aligned = align_result(result, request, alignment, feedback)
    os.remove(result.output)
    return aligned


def _listing(
    request: SuperResolveRequest,
    args: argparse.Namespace,
    product: Optional[Product],
    target: Optional[RasterSource],
    feedback: RunFeedback,
) -> ContextManager[Optional[RunListing]]:
    """Under what the run is found when it is interrupted; None where it is by its request alone."""
    aligned = {} if target is None else {"target": target.grid, "target_name": target.name}
    if product is not None:
        satellite = SENTINEL2 if product.sensor == SENTINEL2 else LANDSAT
        bands = tuple(_word(product, name) for name in args.bands)
        selection = BandSelection(bands, args.mask_classes, args.reflectance)
        return RunListing(ProductRequest(request, satellite, selection, **aligned), feedback)
    return nullcontext() if target is None else RunListing(ProductRequest(request, "", **aligned), feedback)


def _word(product: Product, name: str) -> str:
    """What the algorithm for products of this satellite calls a band: its name, on Landsat its common name."""
    band = product.band(name)
    common = _SHORT.get(band.common_name, band.common_name)
    if product.sensor == SENTINEL2 or not common or product.band(common) is not band:
        return band.name
    return common


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        SuperResolutionError: when there is no whole result.
    """
    product = open_product(args.input) if is_product(args.input) else None
    if (args.mask_classes or args.reflectance) and not product:
        raise ParameterError("Only products have classes that can be masked, and factors that give reflectance.")
    if args.all_bands and not product:
        raise ParameterError("Only the bands of a Sentinel-2 product can all become equally fine.")
    if args.all_bands and (args.bands or args.reflectance):
        refused = "--bands" if args.bands else "--reflectance"
        raise ParameterError(
            f"--all-bands takes all bands with the product's numbers, so {refused} cannot be given with it.",
            "Leave one of both out; the result's scale and offset give reflectance.",
        )
    request = SuperResolveRequest(
        input=args.input,
        output=args.output,
        model=args.model,
        bands=() if product else _numbers(args.bands),
        extent=args.extent,
        device=args.device,
        precision=args.precision,
        output_type=args.output_type,
        consistency=args.consistency,
        tile=args.tile,
        margin=args.margin,
        normalisation=args.normalisation,
        nodata=args.nodata,
        other_bands=args.other_bands,
        luminance=args.luminance,
        exact=args.exact,
        cog=args.cog,
        uncertainty=args.uncertainty,
        uncertainty_limit=args.uncertainty_limit,
        uncertainty_mask=args.uncertainty_mask,
        uncertainty_models=tuple(args.uncertainty_model),
        keep_partial=args.keep_partial,
        create_options=tuple(args.create_option),
        gaps_as_mask=args.gaps_as_mask,
        fusion=FusionRequest((), named_models(args.fusion_models), _METRES[args.all_bands], args.band_model)
        if args.all_bands
        else None,
    )
    factory = _in_process if args.in_process else worker_factory(args.worker)
    feedback = TerminalFeedback(args.quiet)
    target = RasterSource(args.align_to) if args.align_to else None
    with _listing(request, args, product, target, feedback) as listing:
        with _readable(request, args, product, feedback, factory) as readable:
            result = _result(readable, target, feedback, factory, listing)
    if args.json:
        record = result.to_record()
        if math.isnan(record["consistency_rmse"]):
            record["consistency_rmse"] = None
        print(json.dumps(record))
    elif not args.quiet:
        print(f"{result.output}: {result.width} x {result.height} x {result.bands}", file=sys.stderr)
        print(f"{result.seconds:.1f} s on {result.device_name} ({result.backend})", file=sys.stderr)
    return 0
