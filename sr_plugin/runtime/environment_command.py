"""The command ``python -m sr_plugin environment``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from sr_plugin.core.errors import Cancelled, ParameterError
from sr_plugin.runtime.create_environment import create_environment
from sr_plugin.runtime.environment_folder import SIZES
from sr_plugin.runtime.environment_report import environment_report, report_text
from sr_plugin.runtime.probe import PythonProbe


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the sub-command to an argparse sub-parser collection."""
    parser = subparsers.add_parser(
        "environment",
        help="show or create the Python environment that runs the models",
        description="Show or create the Python environment that runs the models. Without --create it shows what "
        "there is. 'light' runs ONNX models and the comparison of edges; 'full' adds PyTorch, in its build for CPUs, "
        "for checkpoints and training; 'cuda' brings PyTorch in its build for NVIDIA's GPUs.",
    )
    parser.add_argument("--create", choices=SIZES, help="make, enlarge or repair the environment")
    parser.add_argument("--report", action="store_true", help="show every Python that was looked at")
    parser.add_argument("--json", action="store_true", help="print one JSON record on stdout")
    parser.add_argument("--wheels", metavar="DIR", help="install from the wheels in this folder, without a network")
    parser.add_argument("--proxy", metavar="URL", help="proxy for the installation")
    parser.add_argument("--python", metavar="PATH", help="Python to make the environment from, or to report on")
    parser.add_argument("--target", metavar="DIR", help="folder of the environment (default: the user's data folder)")
    parser.set_defaults(run=run)
    return parser


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _create(args: argparse.Namespace) -> PythonProbe:
    try:
        return create_environment(args.create, args.target, args.wheels, args.proxy, args.python, _log)
    except KeyboardInterrupt:
        raise Cancelled("Creating the environment was cancelled.") from None


def run(args: argparse.Namespace) -> int:
    """Do what the options say; 0 when it is done.

    Raises:
        SuperResolutionError: EnvironmentFailed, RuntimeMissing, ParameterError, Cancelled.
    """
    if not args.create and (args.wheels or args.proxy or args.target):
        raise ParameterError("--wheels, --proxy and --target belong to --create.", "Add --create light or full.")
    record = {}
    if args.create:
        probe = _create(args)
        record["created"] = probe.to_record()
        if not args.json:
            print(f"The {args.create} environment is ready: {probe.path}")
    if args.report or not args.create:
        report = environment_report(None if args.create else args.python)
        record["report"] = report
        if not args.json:
            print(report_text(report))
    if args.json:
        print(json.dumps(record, sort_keys=True))
    return 0
