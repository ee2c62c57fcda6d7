"""A result on the grid of another raster, so that pixels of both can be compared one by one.

The run itself stays as it is and writes beside the output; the part that the other grid covers is computed only. Then
its result is brought onto that grid (:mod:`sr_plugin.raster.regrid`), window by window.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Sequence

import numpy as np
from osgeo import osr

from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.errors import EmptyExtent, ParameterError, UnsupportedRaster
from sr_plugin.core.grid import Extent, Grid
from sr_plugin.pipeline.partial_files import staging_stem
from sr_plugin.pipeline.request import RunFeedback, SuperResolveRequest, SuperResolveResult
from sr_plugin.pipeline.uncertainty_plan import refuse_uncertainty
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.output_path import check_not_among, check_output_path
from sr_plugin.raster.regrid import write_on_grid

#: Input pixels around the target grid that interpolation needs, with one to spare.
_AROUND = 4
#: Points along each side of an extent that is brought into another CRS.
_POINTS = 21
METHOD = "cubic convolution"


@dataclass(frozen=True)
class Alignment:
    """Where a result is to lie.

    Attributes:
        grid: its grid.
        extent: what has to be computed for it, in the CRS of the input.
        output: path of the result.
        name: what the other raster is called.
    """

    grid: Grid
    extent: Extent
    output: str
    name: str


def plan_alignment(
    request: SuperResolveRequest,
    target: Grid,
    source: Grid,
    name: str,
    source_files: Sequence[str] = (),
    target_files: Sequence[str] = (),
) -> Alignment:
    """Find out what has to be computed for a target grid.

    Args:
        request: its ``extent``, in the CRS of the input, narrows the target grid to the pixels that it touches.
        target: the grid of the other raster.
        source: the grid of the input.
        name: what the other raster is called.
        source_files: files of the input, which must not be written over.
        target_files: files of the other raster; nor must these.

    Raises:
        UnsupportedRaster: when the target grid is turned, or one of both has no CRS.
        EmptyExtent: when it lies elsewhere.
        OutputError: when the output cannot be written.
        ParameterError: when an uncertainty is asked for.
    """
    refuse_uncertainty(request, "A result that is aligned to another grid")
    check_output_path(request.output, source_files)
    check_not_among(request.output, target_files, f"'{name}', the raster to align to")
    _, a, b, _, d, e = target.geotransform
    if b or d or a <= 0 or e >= 0:
        raise UnsupportedRaster(f"The grid of '{name}' is not north up.", "Choose another layer to align to.")
    if not target.wkt or not source.wkt:
        raise UnsupportedRaster(f"'{name}' or the product has no CRS, so that grids cannot be aligned.")
    if request.extent is not None:
        target = target.cropped(target.window_of_extent(transformed(request.extent, source.wkt, target.wkt)))
    if target.width <= 0 or target.height <= 0:
        raise EmptyExtent(f"The extent does not overlap '{name}'.")
    left, bottom, right, top = transformed(target.extent(), target.wkt, source.wkt)
    width, height = (_AROUND * size for size in source.pixel_size)
    extent = (left - width, bottom - height, right + width, top + height)
    if source.window_of_extent(extent).empty:
        raise EmptyExtent(f"'{name}' lies elsewhere than the product.", "Choose a layer of the same place to align to.")
    return Alignment(target, extent, request.output, name)


def transformed(extent: Extent, source_wkt: str, target_wkt: str) -> Extent:
    """The bounds of an extent in another CRS; its sides may be curved there.

    Raises:
        ParameterError: when it cannot be brought there.
    """
    source, target = osr.SpatialReference(source_wkt), osr.SpatialReference(target_wkt)
    if source.IsSame(target):
        return extent
    for crs in (source, target):
        crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    xmin, ymin, xmax, ymax = extent
    xs, ys = np.linspace(xmin, xmax, _POINTS), np.linspace(ymin, ymax, _POINTS)
    sides = [(x, y) for x in xs for y in (ymin, ymax)] + [(x, y) for x in (xmin, xmax) for y in ys]
    with gdal_messages() as messages:
        try:
            found = np.array(osr.CoordinateTransformation(source, target).TransformPoints(sides))[:, :2]
        except RuntimeError as error:
            messages.note(error)
            found = np.full((1, 2), np.inf)
    if not np.isfinite(found).all():
        raise ParameterError(
            f"The extent cannot be brought into the other CRS ({messages.reason or 'it lies outside of it'}).",
            "Choose an extent near the raster.",
        )
    return (*found.min(axis=0).tolist(), *found.max(axis=0).tolist())


def unaligned(request: SuperResolveRequest, alignment: Alignment) -> SuperResolveRequest:
    """The run that makes what is then aligned: a file of its own beside the output.

    Its name holds a digest of what is asked for, so it is no name of a user's file, and that of the same run when it is
    asked for again.
    """
    grid = alignment.grid
    asked = [os.path.abspath(alignment.output), grid.width, grid.height, grid.geotransform, grid.wkt]
    output = f"{alignment.output}.{sha256_of_json(asked)[:8]}.unaligned.tif"
    return replace(request, output=output, extent=alignment.extent, cog=False)


def align_result(
    result: SuperResolveResult, request: SuperResolveRequest, alignment: Alignment, feedback: RunFeedback
) -> SuperResolveResult:
    """Bring the result of :func:`unaligned` onto the grid.

    The unaligned result stays: while anything still follows, it is what an interrupted run goes on from. The caller
    deletes it once all is whole.

    Args:
        result: what the run gave.
        request: what was asked for; its creation options and layout are those of the aligned file.
        alignment: where to.
        feedback: progress and cancel.

    Raises:
        SuperResolutionError: see :func:`~sr_plugin.raster.regrid.write_on_grid`.
    """
    grid = alignment.grid
    feedback.message(f"Aligning to the grid of {alignment.name}: {grid.width} x {grid.height} pixels, by {METHOD}.")
    write_on_grid(
        result.output,
        grid,
        alignment.output,
        request.create_options,
        request.cog,
        {"SR_ALIGNED_TO": alignment.name, "SR_ALIGNED_BY": METHOD},
        lambda done, total: feedback.progress(done, total, None),
        feedback.cancelled,
        f"{staging_stem(alignment.output)}.tif",
    )
    return replace(result, output=alignment.output, width=grid.width, height=grid.height)
