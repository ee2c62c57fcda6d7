"""How the pixels of a result are stored."""

from __future__ import annotations

from typing import Dict, List, Sequence

from osgeo import gdal

from sr_plugin.core.errors import OutputError

#: Bands up to this number are interleaved by pixel, which viewers read fastest; more are stored band by band.
_PIXEL_INTERLEAVED_BANDS = 4
_BLOCKS = (512, 256, 128, 64)
#: Raw size in bytes from which a classic TIFF, which ends at 4 GiB, might not do.
_BIG = 3_900_000_000


def block_size(tile: int) -> int:
    """Side of the GeoTIFF blocks: the largest that divides the pieces written, so that no block is written twice."""
    for side in _BLOCKS:
        if tile % side == 0:
            return side
    return 256


def user_options(options: Sequence[str]) -> Dict[str, str]:
    """GDAL creation options as a dictionary with upper-case keys.

    Raises:
        OutputError: when one is not of the form KEY=VALUE.
    """
    chosen = {}
    for option in options:
        key, separator, value = option.partition("=")
        if not separator or not key.strip():
            raise OutputError(f"'{option}' is no creation option.", "Write options as KEY=VALUE.")
        chosen[key.strip().upper()] = value.strip()
    return chosen


def compression(pixel_type: str) -> Dict[str, str]:
    """Fast lossless compression that keeps up with the model: ZSTD level 1, or DEFLATE level 1 where it is missing."""
    has_zstd = "ZSTD" in (gdal.GetDriverByName("GTiff").GetMetadataItem("DMD_CREATIONOPTIONLIST") or "")
    return {
        "COMPRESS": "ZSTD" if has_zstd else "DEFLATE",
        "ZSTD_LEVEL" if has_zstd else "ZLEVEL": "1",
        "PREDICTOR": "3" if pixel_type.startswith("float") else "2",
    }


def creation_options(pixel_type: str, bands: int, tile: int, raw_bytes: int, chosen: Sequence[str]) -> List[str]:
    """GDAL creation options of a result.

    Args:
        pixel_type: numpy name.
        bands: number of bands.
        tile: side of the pieces that will be written, in pixels of the result.
        raw_bytes: size without compression.
        chosen: the user's options, which replace the defaults of the same key.

    Raises:
        OutputError: when one of the user's options is not of the form KEY=VALUE.
    """
    block = str(block_size(tile))
    options = {
        "TILED": "YES",
        "BLOCKXSIZE": block,
        "BLOCKYSIZE": block,
        **compression(pixel_type),
        "BIGTIFF": "YES" if raw_bytes > _BIG else "IF_SAFER",
        "INTERLEAVE": "PIXEL" if bands <= _PIXEL_INTERLEAVED_BANDS else "BAND",
        "NUM_THREADS": "ALL_CPUS",
        "SPARSE_OK": "TRUE",
    }
    if pixel_type == "int8" and not hasattr(gdal, "GDT_Int8"):
        options["PIXELTYPE"] = "SIGNEDBYTE"
    options.update(user_options(chosen))
    if options["COMPRESS"].upper() not in ("ZSTD", "DEFLATE", "LZW"):
        options.pop("PREDICTOR")
    if options["COMPRESS"].upper() != "ZSTD":
        options.pop("ZSTD_LEVEL", None)
    return [f"{key}={value}" for key, value in options.items()]


def cloud_options(pixel_type: str, user: Sequence[str], smooth: bool) -> List[str]:
    """Creation options of a cloud-optimised GeoTIFF, ``KEY=VALUE``.

    Args:
        pixel_type: numpy name.
        user: the user's options of the GeoTIFF driver; compression and its level are taken over.
        smooth: average for overviews instead of picking pixels.
    """
    stored = {**compression(pixel_type), **user_options(user)}
    options = {
        "COMPRESS": stored["COMPRESS"],
        "LEVEL": stored.get("ZSTD_LEVEL") or stored.get("ZLEVEL") or "1",
        "PREDICTOR": "YES",
        "BIGTIFF": "IF_SAFER",
        "NUM_THREADS": "ALL_CPUS",
        # An interrupted run without this option may have left some in the partial file that are not whole.
        "OVERVIEWS": "IGNORE_EXISTING",
        "RESAMPLING": "AVERAGE" if smooth else "NEAREST",
        "SPARSE_OK": "TRUE",
    }
    return [f"{key}={value}" for key, value in options.items()]
