"""Is a JPEG 2000 file whole? A file cut short opens like a whole one and fails somewhere in its pixels."""

from __future__ import annotations

import os
import struct
from typing import Any

from osgeo import gdal

from sr_plugin.core.errors import SourceUnreadable
from sr_plugin.raster.gdal_errors import gdal_messages

_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_END_OF_CODESTREAM = b"\xff\xd9"
#: More boxes on the top level than any such file has.
_MOST_BOXES = 1000


def _read(file: Any, position: int, count: int) -> bytes:
    gdal.VSIFSeekL(file, position, 0)
    return bytes(gdal.VSIFReadL(1, count, file) or b"")


def _ends_early(file: Any, size: int, seekable: bool) -> bool:
    position = 0
    for _ in range(_MOST_BOXES):
        if position >= size:
            return position > size
        head = _read(file, position, 16)
        if len(head) < 8:
            return True
        length = struct.unpack(">I", head[:4])[0]
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length == 0:  # to the end of the file
            return seekable and _read(file, max(0, size - 2), 2) != _END_OF_CODESTREAM
        if length < 8:
            return True
        position += length
    return False


def check_whole(path: str) -> None:
    """Make sure that a file, if it is JPEG 2000, is not cut short; other formats pass unseen.

    Args:
        path: name that GDAL's virtual file system understands.

    Raises:
        SourceUnreadable: naming the file.
    """
    with gdal_messages():
        status, file = gdal.VSIStatL(path), gdal.VSIFOpenL(path, "rb")
        if status is None or file is None:
            return
        try:
            is_jpeg2000 = _read(file, 0, len(_SIGNATURE)) == _SIGNATURE
            # The end of a file in an archive cannot be reached without decompressing all of it.
            cut = is_jpeg2000 and _ends_early(file, status.size, not path.startswith("/vsi"))
        finally:
            gdal.VSIFCloseL(file)
    if cut:
        name = os.path.basename(path)
        raise SourceUnreadable(f"The band file '{name}' is cut short.", "Download the product again.")
