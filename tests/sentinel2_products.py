"""Small Sentinel-2 products on the disk, laid out as ESA lays them out, with metadata of several baselines."""

from __future__ import annotations

import os
import pathlib
import zipfile
from typing import Dict, Optional, Sequence, Tuple

import numpy as np

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
RESOLUTION = {**dict.fromkeys(BANDS, 20), "B02": 10, "B03": 10, "B04": 10, "B08": 10, "B01": 60, "B09": 60, "B10": 60}
TILE = "T18SVG"
DATE = "20220601T155829"
#: Upper-left corner of each resolution's grid; the real scene's grids of 10 m and 20 m do not nest either.
CORNERS = {10: (435730.0, 4179460.0), 20: (435720.0, 4179460.0), 60: (435720.0, 4179480.0)}
SIDE = {10: 60, 20: 31, 60: 11}


def pixels_of(band: str, seed: int = 0) -> np.ndarray:
    """Numbers between 1100 and 5000, different in every band; DN 0 in a corner."""
    side = SIDE[RESOLUTION[band]]
    rng = np.random.default_rng(100 * seed + BANDS.index(band))
    pixels = rng.integers(1100, 5000, (side, side)).astype(np.uint16)
    pixels[:2, :2] = 0
    return pixels


def write_band(
    path: pathlib.Path, pixels: np.ndarray, resolution: int, corner=None, driver: str = "JP2OpenJPEG"
) -> None:
    """Write one band without loss; as a GeoTIFF where GDAL cannot write JPEG 2000."""
    from osgeo import gdal, gdal_array, osr

    pixels = pixels[None] if pixels.ndim == 2 else pixels
    path.parent.mkdir(parents=True, exist_ok=True)
    code = gdal_array.NumericTypeCodeToGDALTypeCode(pixels.dtype.type)
    memory = gdal.GetDriverByName("MEM").Create("", pixels.shape[2], pixels.shape[1], pixels.shape[0], code)
    left, top = corner or CORNERS[resolution]
    memory.SetGeoTransform((left, resolution, 0, top, 0, -resolution))
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32618)
    memory.SetProjection(crs.ExportToWkt())
    for number, plane in enumerate(pixels, start=1):
        memory.GetRasterBand(number).WriteArray(plane)
    found = gdal.GetDriverByName(driver) or gdal.GetDriverByName("GTiff")
    options = ["QUALITY=100", "REVERSIBLE=YES", "YCBCR420=NO"] if found.ShortName == "JP2OpenJPEG" else []
    assert found.CreateCopy(str(path), memory, 0, options) is not None


def metadata_xml(level: str, baseline: str, title: str, images: Sequence[str], offset: Optional[float]) -> str:
    """A product's metadata file, reduced to what readers need, with the element names of its level."""
    spectral = "".join(
        f'<Spectral_Information bandId="{i}" physicalBand="{name.replace("B0", "B")}"><RESOLUTION>{RESOLUTION[name]}'
        f'</RESOLUTION><Wavelength><CENTRAL unit="nm">664.6</CENTRAL></Wavelength></Spectral_Information>'
        for i, name in enumerate(BANDS)
        if name == "B04"
    )
    surface = level == "2A"
    quantity = "BOA_QUANTIFICATION_VALUE" if surface else "QUANTIFICATION_VALUE"
    name = "BOA_ADD_OFFSET" if surface else "RADIO_ADD_OFFSET"
    numbers = range(13) if offset is not None else ()
    listed = "".join(f'<{name} band_id="{i}">{offset:g}</{name}>' for i in numbers)
    files = "".join(f"<IMAGE_FILE>{image}</IMAGE_FILE>" for image in images)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><n1:Level-{level}_User_Product xmlns:n1="https://example.org/psd">'
        f"<n1:General_Info><Product_Info><PRODUCT_URI>{title}</PRODUCT_URI>"
        f"<PROCESSING_LEVEL>Level-{level}{'p' if level == '2A' and baseline == '02.06' else ''}</PROCESSING_LEVEL>"
        f"<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>"
        "<Datatake><SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME></Datatake>"
        f"<Product_Organisation><Granule_List><Granule>{files}</Granule></Granule_List></Product_Organisation>"
        "</Product_Info><Product_Image_Characteristics><Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>"
        "<SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX></Special_Values>"
        f'<L><{quantity} unit="none">10000</{quantity}></L><O>{listed}</O><S>{spectral}</S>'
        f"</Product_Image_Characteristics></n1:General_Info></n1:Level-{level}_User_Product>"
    )


def image_path(level: str, band: str, granule: str, tile: str = TILE) -> str:
    """Path of a band's file in its product, without extension."""
    folder = f"GRANULE/{granule}/IMG_DATA"
    if level == "1C":
        return f"{folder}/{tile}_{DATE}_{band}"
    resolution = RESOLUTION.get(band, 20)
    return f"{folder}/R{resolution}m/{tile}_{DATE}_{band}_{resolution}m"


def make_safe(
    folder: pathlib.Path,
    level: str = "1C",
    baseline: str = "02.04",
    offset: Optional[float] = None,
    bands: Sequence[str] = ("B02", "B03", "B04", "B08", "B8A", "B09"),
    scene: Optional[np.ndarray] = None,
    driver: str = "JP2OpenJPEG",
) -> Tuple[pathlib.Path, Dict[str, np.ndarray]]:
    """Lay out a SAFE folder.

    Args:
        folder: where to.
        level: ``1C`` or ``2A``.
        baseline: processing baseline.
        offset: radiometric offset of all bands; None leaves its element out.
        bands: those that have a file.
        scene: scene classification of level 2A, on the 20 m grid.
        driver: GDAL's driver of the band files.

    Returns:
        The SAFE folder and the pixels of its bands.
    """
    title = f"S2A_MSIL{level}_{DATE}_N{baseline.replace('.', '')}_R097_{TILE}_20220601T192836.SAFE"
    root = folder / title
    granule = f"L{level}_{TILE}_A036264_{DATE}"
    images = [image_path(level, band, granule) for band in bands]
    pixels = {band: pixels_of(band) for band in bands}
    for band, image in zip(bands, images):
        write_band(root / f"{image}.jp2", pixels[band], RESOLUTION[band], driver=driver)
    if scene is not None:
        write_band(root / f"{image_path(level, 'SCL', granule)}.jp2", scene, 20, driver=driver)
    # What lies beside the bands in a real product and must not be taken for one.
    write_band(root / "GRANULE" / granule / "QI_DATA" / "MSK_QUALIT_B04.jp2", np.ones((10, 10), np.uint8), 60)
    write_band(root / "GRANULE" / granule / "IMG_DATA" / f"{TILE}_{DATE}_TCI.jp2", np.ones((3, 60, 60), np.uint8), 10)
    (root / "GRANULE" / granule / "MTD_TL.xml").write_text("<Level-1C_Tile_ID/>")
    (root / f"MTD_MSIL{level}.xml").write_text(metadata_xml(level, baseline, title, images, offset))
    return root, pixels


def zipped(root: pathlib.Path) -> pathlib.Path:
    """The product as it is downloaded."""
    path = root.parent / f"{root.stem}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for parent, _, names in os.walk(root):
            for name in names:
                file = pathlib.Path(parent) / name
                archive.write(file, f"{root.name}/{file.relative_to(root).as_posix()}")
    return path
