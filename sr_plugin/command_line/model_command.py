"""``model``: what a model is, another form of it, and the user's own models."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from sr_plugin.core.catalogue import available_models, installed_models, shipped_models
from sr_plugin.core.model_folder import install_model, remove_model
from sr_plugin.core.model_report import model_record, report_text
from sr_plugin.pipeline.describe import SessionFactory, find_whole_model
from sr_plugin.pipeline.model_export import FORMATS, export_model
from sr_plugin.pipeline.model_info import model_info
from sr_plugin.pipeline.superresolve import worker_factory


def _shared(parser: argparse.ArgumentParser, runs: bool = True) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON record on stdout")
    if runs:
        parser.add_argument("--worker", default="", metavar="PYTHON", help="Python that runs the model")


def add_parser(commands: Any) -> None:
    """Add the sub-command to an argparse sub-parser collection."""
    parser = commands.add_parser("model", help="show, export, install and remove models", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    info = actions.add_parser("info", help="what a model takes, gives and needs")
    info.add_argument("model", metavar="NAME|FILE")
    info.add_argument("--input", default="", metavar="RASTER", help="check whether this raster fits")
    _shared(info)
    info.set_defaults(run=_info)

    export = actions.add_parser("export", help="write a model as ONNX, or as safetensors with a card")
    export.add_argument("model", metavar="NAME|FILE")
    export.add_argument("output", metavar="OUTPUT")
    export.add_argument("--format", choices=FORMATS, default="", help="default: by the ending of OUTPUT")
    _shared(export)
    export.set_defaults(run=_export)

    install = actions.add_parser("install", help="copy a model into the user's model folder")
    install.add_argument("model", metavar="FILE")
    install.add_argument("--name", default="", help="default: that of the file")
    install.add_argument("--overwrite", action="store_true", help="replace an installed model of this name")
    _shared(install)
    install.set_defaults(run=_install)

    remove = actions.add_parser("remove", help="delete an installed model")
    remove.add_argument("model", metavar="NAME")
    _shared(remove, runs=False)
    remove.set_defaults(run=_remove)

    listed = actions.add_parser("list", help="the models that can be chosen by name")
    _shared(listed, runs=False)
    listed.set_defaults(run=_list)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _factory(args: argparse.Namespace) -> SessionFactory:
    return worker_factory(args.worker)


def _info(args: argparse.Namespace) -> int:
    record = model_info(args.model, _factory(args), args.input, _say)
    print(json.dumps(record) if args.json else report_text(record))
    return 0


def _export(args: argparse.Namespace) -> int:
    kind = args.format or args.output.rsplit(".", 1)[-1].lower()
    exported = export_model(args.model, kind, args.output, _factory(args), _say)
    for note in exported.notes:
        _say(f"Warning: {note}")
    if args.json:
        print(json.dumps({"files": list(exported.files), "notes": list(exported.notes)}))
    else:
        print("\n".join(exported.files))
    return 0


def _install(args: argparse.Namespace) -> int:
    card = install_model(find_whole_model(args.model, _factory(args), _say), args.name, args.overwrite)
    print(json.dumps(model_record(card)) if args.json else f"Installed as {card.name}: {card.weights[0].path}")
    return 0


def _remove(args: argparse.Namespace) -> int:
    card = remove_model(args.model)
    print(json.dumps({"removed": card.name}) if args.json else f"Removed {card.name}")
    return 0


def _list(args: argparse.Namespace) -> int:
    shipped, own = {c.name for c in shipped_models()}, {c.name for c in installed_models()}

    def origin(name: str) -> str:
        return "shipped" if name in shipped else "installed" if name in own else "built in"

    cards = available_models()
    if args.json:
        print(json.dumps([{"name": c.name, "title": c.title, "scale": c.scale, "from": origin(c.name)} for c in cards]))
    else:
        width = max(len(card.name) for card in cards)
        print("\n".join(f"{card.name:<{width}}  {origin(card.name):<9}  {card.title}" for card in cards))
    return 0
