"""Cut the sample raster that ships with the plugin out of a Sentinel-2 scene with one file a band.

Example:
    python tools/make_sample.py SCENE_FOLDER resources/sample/sentinel2_virginia_10m.tif --window 170 1548 256 256
"""

from __future__ import annotations

import argparse
import os

from osgeo import gdal

#: Order that the shipped models expect: red, green, blue, near infrared.
BANDS = ("B04", "B03", "B02", "B08")
_COLOURS = (gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand, gdal.GCI_Undefined)
_OPTIONS = ["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE", "PREDICTOR=2", "ZLEVEL=9"]


def make_sample(scene: str, output: str, pattern: str, window: tuple[int, int, int, int]) -> None:
    """Write the crop.

    Args:
        scene: folder of the scene.
        output: GeoTIFF to write.
        pattern: file name of a band, with ``{band}`` in it.
        window: column, row, width and height in pixels.
    """
    gdal.UseExceptions()
    column, row, width, height = window
    files = [os.path.join(scene, pattern.format(band=band)) for band in BANDS]
    stack = gdal.BuildVRT("", files, separate=True)
    crop = gdal.Translate("", stack, format="MEM", srcWin=[column, row, width, height])
    for index, (band, colour) in enumerate(zip(BANDS, _COLOURS), start=1):
        crop.GetRasterBand(index).SetDescription(band)
        crop.GetRasterBand(index).SetColorInterpretation(colour)
    crop.SetMetadata(
        {
            "TIFFTAG_COPYRIGHT": "contains modified Copernicus Sentinel data 2016",
            "TIFFTAG_IMAGEDESCRIPTION": "Sentinel-2A L1C, tile 18SVG, 2016-01-12, reflectance x 10000",
        }
    )
    gdal.Translate(output, crop, format="GTiff", creationOptions=[*_OPTIONS, "PHOTOMETRIC=RGB", "ALPHA=NO"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", help="folder with one file a band")
    parser.add_argument("output", help="GeoTIFF to write")
    parser.add_argument("--pattern", default="s2_{band}.jp2", help="file name of a band (default: %(default)s)")
    parser.add_argument("--window", nargs=4, type=int, required=True, metavar=("COLUMN", "ROW", "WIDTH", "HEIGHT"))
    args = parser.parse_args()
    make_sample(args.scene, args.output, args.pattern, tuple(args.window))


if __name__ == "__main__":
    main()
