"""``evaluate``: flow 4 without QGIS."""

from __future__ import annotations

import argparse
import json
from typing import Any, Callable, Optional, Tuple

from sr_plugin.command_line.superresolve_command import TerminalFeedback, extent_argument
from sr_plugin.core.card import PointSpread
from sr_plugin.core.evaluation_report import metric_rows
from sr_plugin.core.session import ModelSession
from sr_plugin.core.uncertainty_report import uncertainty_text
from sr_plugin.pipeline.evaluate import evaluate
from sr_plugin.pipeline.evaluation_request import CELL, EvaluateRequest


def _bands(text: str) -> Tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of band numbers such as 1,2,3") from None


def add_parser(commands: Any) -> None:
    """Add the sub-command to an argparse sub-parser collection."""
    parser = commands.add_parser("evaluate", help="measure and rank super-resolved rasters", description=__doc__)
    parser.add_argument("input", metavar="INPUT", help="the raster that went into the models")
    parser.add_argument("results", nargs="+", metavar="RESULT", help="super-resolved rasters to judge")
    parser.add_argument("--truth", default="", metavar="RASTER", help="of finer resolution; default: the input judges")
    parser.add_argument("--uncertainty", default="", metavar="RASTER", help="of the first result; the truth judges it")
    parser.add_argument("--bands", type=_bands, default=(), metavar="1,2,3", help="default: all that the rasters share")
    parser.add_argument("--extent", type=extent_argument, metavar="XMIN,YMIN,XMAX,YMAX", help="in the rasters' CRS")
    parser.add_argument("--register", action="store_true", help="move the truth by the fraction of a pixel it lies off")
    parser.add_argument("--match", action="store_true", help="match histograms to the truth's first")
    parser.add_argument("--range", type=float, default=0.0, metavar="R", help="peak of PSNR and SSIM; default: by type")
    parser.add_argument("--mtf", type=float, default=0.0, metavar="M", help="of the sensor at Nyquist; default: mean")
    parser.add_argument("--tile", type=int, default=CELL, metavar="N", help="side in pixels (default: %(default)s)")
    parser.add_argument("--report", default="", metavar="FILE.html")
    parser.add_argument("--table", default="", metavar="FILE.csv", help="one line for each tile and raster")
    parser.add_argument("--summary", default="", metavar="FILE.json")
    parser.add_argument("--figure", default="", metavar="FILE.png")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--worker", default="", metavar="PYTHON", help="Python that computes")
    where.add_argument("--in-process", action="store_true", help="compute in this process")
    parser.add_argument("--json", action="store_true", help="print one JSON record on stdout")
    parser.add_argument("--quiet", action="store_true", help="no messages and no progress bar")
    parser.set_defaults(run=run)


def _in_process() -> ModelSession:
    from sr_plugin.worker.local_session import LocalSession

    return LocalSession()


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        SuperResolutionError: when there is no whole result.
    """
    request = EvaluateRequest(
        input=args.input,
        results=tuple(args.results),
        truth=args.truth,
        uncertainty=args.uncertainty,
        bands=args.bands,
        peak=args.range,
        register=args.register,
        match=args.match,
        psf=PointSpread("gaussian", args.mtf) if args.mtf else PointSpread(),
        extent=args.extent,
        cell=args.tile,
        table=args.table,
        summary=args.summary,
        report=args.report,
        figure=args.figure,
        worker_python=args.worker,
    )
    open_session: Optional[Callable[[], ModelSession]] = _in_process if args.in_process else None
    result = evaluate(request, TerminalFeedback(args.quiet), open_session)
    if args.json:
        print(json.dumps(result.to_record()))
    else:
        rows, _ = metric_rows(result.ranking, result.figures, result.titles)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for first, *others in rows:
            values = (text.rjust(width) for text, width in zip(others, widths[1:]))
            print("  ".join([first.ljust(widths[0]), *values]))
        if result.uncertainty:
            print(uncertainty_text(result.uncertainty, result.titles["result"]))
    return 0
