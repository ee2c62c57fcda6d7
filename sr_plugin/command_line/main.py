"""The command line's entry: one sub-command a task, exit code 0 only for a whole result."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import List, Optional

from sr_plugin.command_line import evaluate_command, model_command, superresolve_command
from sr_plugin.core.errors import Cancelled, SuperResolutionError
from sr_plugin.core.locations import plugin_version
from sr_plugin.runtime import environment_command

#: Environment variable that shows the details of errors that were not foreseen.
DEBUG = "SR_PLUGIN_DEBUG"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sr_plugin", description="Super-resolution of satellite and aerial rasters."
    )
    parser.add_argument("--version", action="version", version=plugin_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    superresolve_command.add_parser(commands)
    evaluate_command.add_parser(commands)
    model_command.add_parser(commands)
    environment_command.add_parser(commands)
    return parser


def _joined_extent(arguments: List[str]) -> List[str]:
    """``--extent -71,41,-70,42`` as one word, because a value that starts with a minus looks like an option."""
    joined: List[str] = []
    for word in arguments:
        if joined and joined[-1] == "--extent":
            joined[-1] = f"--extent={word}"
        else:
            joined.append(word)
    return joined


def main(arguments: Optional[List[str]] = None) -> int:
    """Run one command.

    Returns:
        0 for a whole result, 1 for an error that was told, 2 for wrong arguments, 130 for a cancel.
    """
    args = _parser().parse_args(_joined_extent(sys.argv[1:] if arguments is None else arguments))
    try:
        return int(args.run(args))
    except SuperResolutionError as error:
        if getattr(args, "json", False):
            print(json.dumps({"error": {"code": error.code, "message": error.message, "hint": error.hint}}))
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return 130 if isinstance(error, Cancelled) else 1
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        reason = f"{type(error).__name__}: {error}"
        print(f"The command failed in a way that was not foreseen ({reason}).", file=sys.stderr)
        print(f"Please report it; with {DEBUG}=1 in the environment all details are shown.", file=sys.stderr)
        return 1
