"""The table and the summary of an evaluation as files."""

from __future__ import annotations

import csv
import io
import json
import math

from sr_plugin.core.evaluation_metrics import METRICS
from sr_plugin.pipeline.evaluation_request import EvaluateResult

#: Metrics that belong to the whole, not to a tile.
_WHOLE_ONLY = ("sharpness", "sharpness_ratio", "edge_f1", "shift")
#: Metrics of a tile, in the order of the columns.
TILE_METRICS = tuple(metric.key for metric in METRICS if metric.key not in _WHOLE_ONLY)


def csv_bytes(result: EvaluateResult) -> bytes:
    """One line for each tile and candidate; numbers with points, empty where a figure does not apply.

    Columns: number of the tile, its column, row, width and height in pixels of the finest result, its extent in map
    units, the candidate, the pixels that count, the metrics, and the errors of indices; with an uncertainty its rank
    correlation with the error in the tile, where enough of the tile is in the sample, beside the first result.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    indices = [name for name, _, _ in result.settings.indices]
    head = "tile column row width height xmin ymin xmax ymax candidate title pixels".split()
    more = ["uncertainty_rank"] if result.uncertainty else []
    writer.writerow([*head, *TILE_METRICS, *(f"{name}_mae" for name in indices), *more])
    for number, tile in enumerate(result.tiles, start=1):
        window = tile.window
        seen = result.placed(window)
        place = [number, seen.col, seen.row, window.width, window.height]
        place += [repr(side) for side in result.grid.extent(window)]
        for name, figures in tile.figures.items():
            values = [figures.overall[key] for key in TILE_METRICS]
            values += [figures.indices[index]["mae"] for index in indices]
            values += [tile.uncertainty_rank if name == "result" else math.nan for _ in more]
            texts = ["" if math.isnan(value) else repr(float(value)) for value in values]
            writer.writerow([*place, name, result.titles[name], figures.pixels, *texts])
    return stream.getvalue().encode("utf-8")


def json_bytes(result: EvaluateResult) -> bytes:
    """The summary: everything but the tiles."""
    return (json.dumps(result.to_record(), indent=2, ensure_ascii=False) + "\n").encode("utf-8")
