"""Requests of all kinds alike: the run inside, its steps, and the request as JSON values and back."""

from __future__ import annotations

import base64
import datetime
import os
from dataclasses import asdict, replace
from typing import Any, Dict, FrozenSet, Mapping, Optional, TypeVar, Union

from sr_plugin.core.grid import Grid
from sr_plugin.pipeline.product_input import BandSelection
from sr_plugin.pipeline.product_request import ProductRequest
from sr_plugin.pipeline.request import FusionRequest, SuperResolveRequest
from sr_plugin.pipeline.series_request import SeriesRequest, SeriesView

AnyRequest = Union[SuperResolveRequest, ProductRequest, SeriesRequest]
_Request = TypeVar("_Request", SuperResolveRequest, ProductRequest, SeriesRequest)
_RASTER, _PRODUCT, _SERIES = "raster", "product", "series"
#: Fields of earlier versions: what they are called now, and those that no entry needs.
_RENAMED, _DROPPED = {"spread_limit": "uncertainty_limit"}, ("spread",)
#: Stands between the files of a product that is given as several of them.
_SEPARATOR = ";"


def run_of(request: AnyRequest) -> SuperResolveRequest:
    """What a run on one raster is asked for by any request."""
    return request if isinstance(request, SuperResolveRequest) else request.run


def tile_steps(request: AnyRequest) -> int:
    """How many rasters are computed tile by tile."""
    return 2 if isinstance(request, SeriesRequest) and request.changes else 1


def goes_on(request: AnyRequest) -> bool:
    """Whether something follows the tiles of the first raster."""
    follows = isinstance(request, ProductRequest) and (request.file_per_band or request.target is not None)
    return follows or tile_steps(request) > 1


def results(request: AnyRequest) -> FrozenSet[str]:
    """Absolute paths of the rasters written tile by tile that stay once the run is whole."""
    if isinstance(request, ProductRequest) and request.file_per_band:
        return frozenset()
    paths = [run_of(request).output]
    if isinstance(request, SeriesRequest) and request.changes:
        paths.append(request.changes)
    return frozenset(os.path.abspath(path) for path in paths)


def absolute(name: str) -> str:
    """The name of a dataset, product or model for a process with another current folder."""
    parts = [part.strip() for part in name.split(_SEPARATOR)]
    if len(parts) > 1 and all(os.path.exists(part) for part in parts):
        return _SEPARATOR.join(map(os.path.abspath, parts))
    return os.path.abspath(name) if name and os.path.exists(name) else name


def lasting(request: _Request, tile: int) -> _Request:
    """The request for the same run in a process with another current folder, and on a machine with more memory.

    Args:
        request: what was asked for.
        tile: side of a tile's core that was chosen for it, in input pixels.
    """
    if isinstance(request, SuperResolveRequest):
        fusion = request.fusion
        if fusion is not None:
            models = tuple(map(absolute, fusion.models))
            fusion = replace(fusion, models=models, band_model=absolute(fusion.band_model))
        changed = {name: absolute(getattr(request, name)) for name in ("input", "model")}
        for name in ("output", "uncertainty", "uncertainty_mask"):
            path = getattr(request, name)
            changed[name] = os.path.abspath(path) if path else ""
        models = tuple(map(absolute, request.uncertainty_models))
        return replace(request, tile=tile, fusion=fusion, uncertainty_models=models, **changed)
    run = lasting(request.run, tile)
    if isinstance(request, ProductRequest):
        return replace(request, run=run)
    changes = os.path.abspath(request.changes) if request.changes else ""
    return replace(request, run=run, views=tuple(map(absolute_view, request.views)), changes=changes)


def absolute_view(view: SeriesView) -> SeriesView:
    """The view for a process with another current folder."""
    return replace(view, input=absolute(view.input), mask=absolute(view.mask))


def request_to_wire(request: AnyRequest) -> Dict[str, Any]:
    """JSON-serialisable values of a request."""
    wire: Dict[str, Any] = {"kind": _RASTER, "run": _run_to_wire(run_of(request))}
    if isinstance(request, SeriesRequest):
        own = asdict(replace(request, run=replace(request.run, mask=None)))
        views = [{**asdict(view), "date": _date_to_wire(view.date)} for view in request.views]
        wire.update(own, kind=_SERIES, run=wire["run"], views=views)
        wire["reference_date"] = _date_to_wire(request.reference_date)
    elif isinstance(request, ProductRequest):
        own = asdict(replace(request, run=replace(request.run, mask=None)))
        wire.update(own, kind=_PRODUCT, run=wire["run"])
    return wire


def request_from_wire(values: Mapping[str, Any]) -> AnyRequest:
    """Inverse of :func:`request_to_wire`.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: when the values are no request.
    """
    own = {name: value for name, value in values.items() if name not in ("kind", "run")}
    run = run_from_wire(values["run"])
    if values["kind"] != _SERIES and not run.input:
        raise ValueError("the request names no input")
    if values["kind"] == _SERIES:
        views = tuple(SeriesView(_text(v["input"]), _text(v["mask"]), _date(v["date"])) for v in own["views"])
        if not views:
            raise ValueError("the series has no views")
        changed = {"views": views, "reference_date": _date(own["reference_date"]), "changes": _text(own["changes"])}
        return SeriesRequest(run, **{**own, **changed})
    if values["kind"] == _PRODUCT:
        target = own["target"]
        selection = BandSelection(**{name: _tuples(value) for name, value in own["selection"].items()})
        grid = None if target is None else Grid(**{**target, "geotransform": tuple(map(float, target["geotransform"]))})
        return ProductRequest(run, **{**own, "selection": selection, "target": grid})
    if values["kind"] != _RASTER or own:
        raise ValueError("the kind of request is not known")
    return run


def _run_to_wire(request: SuperResolveRequest) -> Dict[str, Any]:
    values = asdict(request)
    if request.mask is not None:
        values["mask"] = [base64.b64encode(polygon).decode("ascii") for polygon in request.mask]
    return values


def run_from_wire(values: Mapping[str, Any]) -> SuperResolveRequest:
    """The request of a run on one raster.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: when the values are none.
    """
    changed = {_RENAMED.get(name, name): _tuples(value) for name, value in values.items() if name not in _DROPPED}
    extent, mask, fusion = values["extent"], values["mask"], values.get("fusion")
    changed["extent"] = None if extent is None else tuple(float(side) for side in extent)
    changed["mask"] = None if mask is None else tuple(base64.b64decode(polygon) for polygon in mask)
    if fusion is not None:
        changed["fusion"] = FusionRequest(**{name: _tuples(value) for name, value in fusion.items()})
    request = SuperResolveRequest(**changed)
    files = (request.input, request.uncertainty, request.uncertainty_mask)
    if not all(isinstance(path, str) for path in files) or not _text(request.output) or not _text(request.model):
        raise ValueError("the request names no input, output or model")
    return request


def _tuples(value: Any) -> Any:
    """JSON knows lists only."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _date_to_wire(date: Optional[datetime.date]) -> Optional[str]:
    return None if date is None else date.isoformat()


def _date(value: Optional[str]) -> Optional[datetime.date]:
    return None if value is None else datetime.date.fromisoformat(value)
