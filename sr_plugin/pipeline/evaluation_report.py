"""Pictures of an evaluation: a typical part, the worst tiles, and the error that remains."""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np

from sr_plugin.core.edge_report import GAP_COLOUR
from sr_plugin.core.evaluation import BICUBIC
from sr_plugin.core.evaluation_report import (
    GENERATIVE_NOTE,
    NO_TRUTH_NOTE,
    band_rows,
    definition_rows,
    evaluation_report_html,
    histograms_html,
    index_rows,
    metric_rows,
    verdict_text,
)
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.report_page import Panel, facts_html, legend_html, panels_html, table_html
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.core.session import ModelSession
from sr_plugin.core.uncertainty_report import uncertainty_html
from sr_plugin.pipeline.edge_panels import png_bytes, stretched_picture
from sr_plugin.pipeline.edge_planes import expanded
from sr_plugin.pipeline.evaluation_preparation import matched_bands
from sr_plugin.pipeline.evaluation_rasters import EvaluationRasters
from sr_plugin.pipeline.evaluation_request import EvaluatedTile, EvaluateResult

_SIDE, _WORST = 256, 3
_STRETCH = (2, 98)
#: From no error to much: black, purple, orange, light yellow (colours of matplotlib's *inferno*, which orders by
#: lightness, too).
_ERROR_COLOURS = np.array(
    [(0, 0, 4), (40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39)], float
)
#: Input pixels around a window that cubic convolution looks at.
_CUBIC_REACH = 3
_EXAMPLE = "Pictures show a part of the scene; the figures are of all that was compared."


def error_picture(error: np.ndarray, valid: np.ndarray, most: float) -> np.ndarray:
    """Absolute errors ``(h, w)`` as colours ``(h, w, 3)`` uint8, ``most`` and more as the lightest."""
    place = np.clip(error / max(most, 1e-30), 0, 1) * (len(_ERROR_COLOURS) - 1)
    steps = np.arange(len(_ERROR_COLOURS))
    picture = np.stack([np.interp(place, steps, channel) for channel in _ERROR_COLOURS.T], axis=-1)
    return np.where(valid[..., None], np.rint(picture), np.array(GAP_COLOUR)).astype(np.uint8)


class EvaluationPictures:
    """Pictures of parts of the scene, as a web page and as a figure.

    Args:
        rasters: the opened rasters, the truth already moved where that was asked for.
        area: the evaluated part of the fine grid.
        result: what was measured.
        curves: by candidate, the matching of histograms that it was measured with, see
            :func:`~sr_plugin.pipeline.evaluation_preparation.matching_curves`; empty for none.
    """

    def __init__(
        self, rasters: EvaluationRasters, area: Window, result: EvaluateResult, curves: Mapping[str, np.ndarray]
    ) -> None:
        self._rasters, self._area, self._result, self._curves = rasters, area, result, curves
        self._names = [name for name, _ in result.ranking if name != BICUBIC]
        self._most, self._gaps = 0.0, False

    def _images(self, window: Window) -> Tuple[Dict[str, np.ndarray], np.ndarray]:
        """All rasters over a window of the area on the fine grid, matched as they were, and where all are valid."""
        rasters, ratio = self._rasters, self._rasters.ratio
        unit = ratio
        left, top = window.col // unit * unit, window.row // unit * unit
        right, bottom = -(-window.right // unit) * unit, -(-window.bottom // unit) * unit
        aligned = Window(left, top, right - left, bottom - top)
        wide, _ = expanded(aligned, _CUBIC_REACH * ratio, rasters.readable(self._area, ratio))
        crop = window.shifted(-wide.col, -wide.row)
        part = (slice(None), slice(crop.row, crop.bottom), slice(crop.col, crop.right))
        images, valids = {}, []
        for plane in rasters.sources:
            bands, valid, scale = rasters.read_bands(plane, wide)
            if scale > 1:
                typical = np.array([np.median(b[valid]) if valid.any() else 0 for b in bands], np.float32)
                coarse = enlarge_nearest(bands, scale)
                images["input"] = coarse[part]
                bands = enlarge_cubic(np.where(valid, bands, typical[:, None, None]), scale)
                valid = enlarge_nearest(valid, scale)
            elif plane == "input":
                images["input"] = bands[part]
            name = BICUBIC if plane == "input" else plane
            images[name] = matched_bands(bands[part], self._curves.get(name))
            valids.append(valid[part[1:]])
            if rasters.mask is not None and plane == "result":
                valids.append(rasters.mask.inside(rasters.grid.cropped(wide))[part[1:]])
        return images, np.logical_and.reduce(valids)

    def _pictures(self, window: Window, prefix: str) -> Tuple[Dict[str, np.ndarray], List[List[Panel]]]:
        """Pictures of a window of the area by name, and two rows of panels: what is seen, and what is wrong."""
        images, valid = self._images(window.shifted(self._area.col, self._area.row))
        shown = list(self._rasters.shown)
        base = images["truth" if "truth" in images else BICUBIC][shown]
        pixels = base[:, valid] if valid.any() else base.reshape(len(shown), -1)
        stretch = np.percentile(pixels, _STRETCH, axis=1).T
        # Without a truth bicubic is the yardstick of the lower row, so it stands at the end, where that row is empty.
        order = ["input", BICUBIC, *self._names, "truth"] if "truth" in images else ["input", *self._names, BICUBIC]
        pictures = {prefix + name: stretched_picture(images[name][shown], valid, stretch) for name in order}
        titles = {**self._result.titles, "input": "Input"}
        if "truth" in images:
            titles["truth"] = "Truth"
        rows = [[Panel(prefix + name, titles[name]) for name in order]]
        reference, word = ("truth", "truth") if "truth" in images else (BICUBIC, "bicubic")
        errors = {
            name: np.abs(images[name] - images[reference]).mean(axis=0)
            for name in (BICUBIC, *self._names)
            if name != reference
        }
        most = max(float(np.percentile(error[valid], 99)) if valid.any() else 1.0 for error in errors.values())
        for name, error in errors.items():
            pictures[f"{prefix}error_{name}"] = error_picture(error, valid, most)
        panels = [Panel(f"{prefix}error_{name}", f"{titles[name]}: difference to {word}") for name in errors]
        rows.append([Panel("", ""), *panels])
        self._most, self._gaps = most, not bool(valid.all())
        return pictures, rows

    def _legend(self) -> List[Tuple[Tuple[int, int, int], str]]:
        """Colours of the last pictures' errors with their values, and that of gaps."""
        entries = []
        for share in (0.0, 0.5, 1.0):
            colour = error_picture(np.full((1, 1), share), np.ones((1, 1), bool), 1.0)[0, 0]
            text = f"{share * self._most:.3g}" + (" or more" if share == 1 else "")
            entries.append((tuple(int(channel) for channel in colour), f"difference {text}"))
        return [*entries, (GAP_COLOUR, "no data")] if self._gaps else entries

    def _typical(self) -> Window:
        """A part with much to see: where bicubic fails most among tiles without gaps."""
        return self._square(self._by_error(BICUBIC)[0])

    def _by_error(self, name: str) -> List[Window]:
        """Tiles by the error of a candidate, the worst first; larger and fuller tiles before small ones."""
        largest = max(tile.window.width * tile.window.height for tile in self._result.tiles)
        step = self._result.settings.step

        def key(tile: EvaluatedTile) -> Tuple[bool, float]:
            figures = tile.figures[name]
            whole = figures.pixels * step * step >= 0.5 * largest
            rmse = figures.overall["rmse"]
            return (not whole, -rmse if math.isfinite(rmse) else math.inf)

        return [tile.window for tile in sorted(self._result.tiles, key=key)]

    def _square(self, window: Window) -> Window:
        """At most :data:`_SIDE` pixels along both axes, from the middle."""
        width, height = min(window.width, _SIDE), min(window.height, _SIDE)
        column, row = window.col + (window.width - width) // 2, window.row + (window.height - height) // 2
        return Window(column, row, width, height)

    def _facts(self) -> List[Tuple[str, str]]:
        result, request_titles = self._result, self._result.titles
        settings = result.settings
        facts = [(plane.capitalize(), request_titles[plane]) for plane in self._rasters.sources]
        if result.uncertainty:
            facts.append(("Uncertainty", request_titles["uncertainty"]))
        facts.append(("Bands", ", ".join(result.bands)))
        grid = result.grid
        size = f"{grid.width} x {grid.height} pixels of the finest result, in {len(result.tiles)} tiles"
        facts.append(("Compared", f"{size}; {result.figures[BICUBIC].pixels} pixels count that all rasters have"))
        facts.append(("Range", f"{settings.peak:g} for PSNR, SSIM and MS-SSIM"))
        blur = "as the mean of the pixels that one of the input holds"
        if settings.psf.kind == "gaussian":
            blur = f"by a Gaussian with a modulation transfer of {settings.psf.mtf_nyquist:g} at the Nyquist frequency"
        facts.append(("Brought back", blur if settings.ratio else "not possible: the grids are not nested"))
        if result.truth_shift is not None:
            rows, columns = result.truth_shift
            spread = "" if math.isnan(result.truth_spread) else f" (windows differ by {result.truth_spread:.2f})"
            facts.append(("Registration", f"truth moved by {rows:+.2f} rows and {columns:+.2f} columns{spread}"))
        if result.matched:
            facts.append(("Pictures", "of the candidates after the matching of histograms; the input as it is"))
        for name, changes in result.matched.items():
            told = ", ".join(f"{change:+.4g}" for change in changes)
            facts.append((f"Matching of {request_titles[name]}", f"mean change by band: {told}"))
        return facts

    def html(self) -> bytes:
        """The web page."""
        result = self._result
        rows, bold = metric_rows(result.ranking, result.figures, result.titles)
        sections = [("Ranking", table_html(rows, bold))]
        sections.append(("A part with much detail", self._panels(*self._pictures(self._typical(), "typical_"))))
        worst = ""
        best = self._names[0]
        for number, window in enumerate(self._by_error(best)[:_WORST], start=1):
            found, shown = self._pictures(self._square(window), f"worst{number}_")
            seen = result.placed(window)
            place = f"Column {seen.col}, row {seen.row}, {window.width} x {window.height} pixels"
            worst += f"<h3>{place}</h3>{self._panels(found, shown)}"
        sections.append((f"Worst tiles of {result.titles[best]}", worst))
        histograms = histograms_html(result.bands, result.histograms, result.settings.limits, result.titles)
        sections.append(("Histograms of values", histograms))
        by_band = "".join(
            table_html([[result.titles[name], *rows[0][1:]], *rows[1:]])
            for name, rows in ((n, band_rows(result.bands, result.figures[n])) for n, _ in result.ranking)
        )
        sections.append(("By band", by_band))
        names = [name for name, _ in result.ranking]
        indices = index_rows(names, result.figures, result.titles)
        if len(indices) > 1:
            sections.append(("Errors of indices", table_html(indices)))
        if result.uncertainty:
            told = uncertainty_html(result.bands, result.uncertainty, result.titles["result"])
            sections.append(("Uncertainty", told))
        if result.land_cover:
            sections.append(("Land cover", self._land_cover()))
        sections.append(("How it was compared", facts_html(self._facts())))
        sections.append(("Definitions", facts_html(definition_rows(result.figures))))
        notes = [GENERATIVE_NOTE] if result.against_truth else [NO_TRUTH_NOTE]
        verdict = verdict_text(result.ranking, result.figures, result.titles, result.against_truth)
        return evaluation_report_html("Evaluation", verdict, notes, sections).encode("utf-8")

    def _panels(self, pictures: Mapping[str, np.ndarray], panels: Sequence[Sequence[Panel]]) -> str:
        files = {name: png_bytes(picture) for name, picture in pictures.items()}
        return panels_html(panels, files, legend_html(self._legend()))

    def _land_cover(self) -> str:
        """Accuracy, agreement and areas as tables."""
        cover = self._result.land_cover
        titles = {**self._result.titles, "input": "Input"}
        rows = [["Random forest", "Accuracy", "Kappa", "F1", "As from the truth"]]
        for name, found in cover.items():
            agreement = "" if found.agreement is None else f"{found.agreement:.3f}"
            rows.append([titles[name], f"{found.accuracy:.3f}", f"{found.kappa:.3f}", f"{found.f1:.3f}", agreement])
        labels = list(next(iter(cover.values())).areas)
        areas = [["Area in square map units", *labels]]
        areas += [[titles[name], *(f"{found.areas[label]:.6g}" for label in labels)] for name, found in cover.items()]
        return (
            "<p>Trained on every other polygon of a class, tested on the others.</p>"
            f"{table_html(rows)}{table_html(areas)}"
        )

    def figure(self, session: ModelSession) -> bytes:
        """The figure as a PNG file: one part of the scene, and the most telling metrics.

        Raises:
            RuntimeMissing: when the worker has no matplotlib.
        """
        result = self._result
        pictures, panels = self._pictures(self._typical(), "")
        rows, _ = metric_rows(result.ranking, result.figures, result.titles, short=True)
        verdict = verdict_text(result.ranking, result.figures, result.titles, result.against_truth)
        description = {
            "title": "",
            "panels": [[{"array": panel.name, "title": panel.title} for panel in row] for row in panels],
            "legend": [{"colour": list(colour), "title": text} for colour, text in self._legend()],
            "table": rows,
            "note": f"{verdict} Input: {result.titles['input']}. {_EXAMPLE}",
        }
        return session.figure([NamedArray(name, image) for name, image in pictures.items()], description)
