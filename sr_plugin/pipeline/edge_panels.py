"""The report of a comparison of edges: panels of one part of the scene, as a web page and as a figure."""

from __future__ import annotations

import uuid
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np
from osgeo import gdal

from sr_plugin.core.edge_report import GAP_COLOUR, NEW_EDGES_NOTE, Panel, edge_report_html, legend_entries
from sr_plugin.core.edges import EDGE_CLASSES, NODATA_CODE, EdgeSettings
from sr_plugin.core.errors import OutputError
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.core.session import ModelSession
from sr_plugin.pipeline.edge_planes import EdgePlanes, expanded

#: Side of the part that is shown, in pixels of the fine grid.
SIDE = 256
_STRETCH = (2, 98)
TITLES = {"input": "Input, enlarged by bicubic", "result": "Result", "truth": "Truth"}


def stretched_picture(bands: np.ndarray, valid: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """``(bands, h, w)`` as ``(h, w, 3)`` uint8; grey where there is no data."""
    low, high = stretch[:, 0, None, None], stretch[:, 1, None, None]
    scaled = (bands - low) / np.maximum(high - low, 1e-9) * 255
    scaled = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    colour = np.repeat(scaled, 3, axis=0) if len(scaled) == 1 else scaled
    return np.where(valid[..., None], np.moveaxis(colour, 0, -1), np.array(GAP_COLOUR, np.uint8))


def _image_panels(planes: EdgePlanes, window: Window, halo: int, area: Window) -> Dict[str, np.ndarray]:
    """Input, result and truth over a window, all with the stretch of the enlarged input."""
    wide, crop = expanded(window, halo, area)
    images: Dict[str, Tuple[np.ndarray, np.ndarray]] = {}
    for plane in planes.sources:
        bands, valid, ratio = planes.read_bands(plane, wide)
        if ratio > 1:
            # Gaps are drawn grey; a plain value keeps them from spreading far.
            typical = np.array([np.median(band[valid]) if valid.any() else 0 for band in bands], np.float32)
            bands = enlarge_cubic(np.where(valid, bands, typical[:, None, None]), ratio)
            valid = enlarge_nearest(valid, ratio)
        part = (slice(crop.row, crop.bottom), slice(crop.col, crop.right))
        images[plane] = bands[(slice(None), *part)], valid[part]
    bands, valid = images["input"]
    shown = bands[:, valid] if valid.any() else bands.reshape(len(bands), -1)
    stretch = np.percentile(shown, _STRETCH, axis=1).T
    return {plane: stretched_picture(data, real, stretch) for plane, (data, real) in images.items()}


def _edge_picture(edges: np.ndarray) -> np.ndarray:
    """Black lines on white, grey where there is no data."""
    picture = np.repeat(np.where(edges == 1, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    picture[edges == NODATA_CODE] = GAP_COLOUR
    return picture


def _class_picture(classes: np.ndarray) -> np.ndarray:
    picture = np.full((*classes.shape, 3), 255, np.uint8)
    picture[classes == NODATA_CODE] = GAP_COLOUR
    for item in EDGE_CLASSES:
        picture[classes == item.code] = item.colour[:3]
    return picture


class EdgePanels:
    """Pictures of one part of the scene.

    Args:
        planes: the opened rasters.
        area: the compared part of the fine grid.
        window: the part to show.
        settings: with absolute thresholds.
        session: where edges are found.

    Attributes:
        pictures: ``(h, w, 3)`` uint8 by name.
        rows: their arrangement.

    Raises:
        SuperResolutionError: when a raster cannot be read or the worker fails.
    """

    def __init__(
        self, planes: EdgePlanes, area: Window, window: Window, settings: EdgeSettings, session: ModelSession
    ) -> None:
        halo = settings.halo(planes.ratio)
        wide, crop = expanded(window, halo, area)
        names = list(planes.sources)
        outputs = [f"edges_{name}" for name in names] + ["classes_result"]
        result = session.edges(planes.read(wide), settings, crop, outputs).result()
        arrays = {item.name: item.data for item in result.arrays}
        self.pictures = _image_panels(planes, window, halo, area)
        for name in names:
            self.pictures[f"edges_{name}"] = _edge_picture(arrays[f"edges_{name}"])
        self.pictures["classes"] = _class_picture(arrays["classes_result"])
        self._gaps = bool((arrays["classes_result"] == NODATA_CODE).any())
        images = [Panel(name, TITLES[name]) for name in names]
        edges = [Panel(f"edges_{name}", f"Edges: {TITLES[name].split(',')[0].lower()}") for name in names]
        self.rows: List[List[Panel]] = [[*images, Panel("", "")], [*edges, Panel("classes", "Edge classes")]]

    def html(self, title: str, table: Sequence[Sequence[str]], facts: Sequence[Tuple[str, str]]) -> bytes:
        """The web page."""
        pictures = {name: png_bytes(picture) for name, picture in self.pictures.items()}
        return edge_report_html(title, self.rows, pictures, table, facts, [NEW_EDGES_NOTE], self._gaps).encode("utf-8")

    def figure(self, session: ModelSession, title: str, table: Sequence[Sequence[str]], note: str) -> bytes:
        """The figure as a PNG file.

        Raises:
            RuntimeMissing: when the worker has no matplotlib.
        """
        description: Mapping[str, object] = {
            "title": title,
            "panels": [[{"array": panel.name, "title": panel.title} for panel in row] for row in self.rows],
            "legend": [{"colour": list(colour), "title": text} for colour, text in legend_entries(self._gaps)],
            "table": [list(row) for row in table],
            "note": note,
        }
        return session.figure([NamedArray(name, image) for name, image in self.pictures.items()], description)


def png_bytes(picture: np.ndarray, options: Sequence[str] = ()) -> bytes:
    """A PNG file of ``(h, w, 3)`` uint8.

    Args:
        picture: its pixels.
        options: GDAL's creation options.

    Raises:
        OutputError: when this GDAL writes no PNG.
    """
    height, width = picture.shape[:2]
    memory = gdal.GetDriverByName("MEM").Create("", width, height, 3, gdal.GDT_Byte)
    for band in range(3):
        memory.GetRasterBand(band + 1).WriteArray(np.ascontiguousarray(picture[..., band]))
    driver = gdal.GetDriverByName("PNG")
    if driver is None:
        raise OutputError("This GDAL writes no PNG pictures.", "Leave the report out.")
    name = f"/vsimem/{uuid.uuid4().hex}.png"
    written = driver.CreateCopy(name, memory, options=list(options))
    del written
    try:
        size = gdal.VSIStatL(name).size
        file = gdal.VSIFOpenL(name, "rb")
        data = bytes(gdal.VSIFReadL(1, size, file))
        gdal.VSIFCloseL(file)
        return data
    finally:
        for path in (name, name + ".aux.xml"):
            if gdal.VSIStatL(path) is not None:
                gdal.Unlink(path)
