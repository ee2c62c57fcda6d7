"""QGIS enumerations that changed their home: one name each that works from QGIS 3.22 to QGIS 4.

Newer versions moved these enumerations into the class ``Qgis`` and renamed their members.
"""

from __future__ import annotations

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsProcessing,
    QgsProcessingFeatureSource,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsWkbTypes,
)

if hasattr(Qgis, "ProcessingParameterFlag"):
    ADVANCED = Qgis.ProcessingParameterFlag.Advanced
    OPTIONAL = Qgis.ProcessingParameterFlag.Optional
else:
    ADVANCED = QgsProcessingParameterDefinition.Flag.FlagAdvanced
    OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional

if hasattr(Qgis, "ProcessingNumberParameterType"):
    INTEGER = Qgis.ProcessingNumberParameterType.Integer
    DOUBLE = Qgis.ProcessingNumberParameterType.Double
else:
    INTEGER = QgsProcessingParameterNumber.Type.Integer
    DOUBLE = QgsProcessingParameterNumber.Type.Double

if hasattr(Qgis, "ProcessingFileParameterBehavior"):
    ONE_FILE = Qgis.ProcessingFileParameterBehavior.File
    ONE_FOLDER = Qgis.ProcessingFileParameterBehavior.Folder
else:
    ONE_FILE = QgsProcessingParameterFile.Behavior.File
    ONE_FOLDER = QgsProcessingParameterFile.Behavior.Folder

if hasattr(Qgis, "ProcessingSourceType"):
    POLYGONS = Qgis.ProcessingSourceType.VectorPolygon
    RASTERS = Qgis.ProcessingSourceType.Raster
else:
    POLYGONS = QgsProcessing.SourceType.TypeVectorPolygon
    RASTERS = QgsProcessing.SourceType.TypeRaster

if hasattr(Qgis, "ProcessingFeatureSourceFlag"):
    SKIP_VALIDITY_CHECKS = Qgis.ProcessingFeatureSourceFlag.SkipGeometryValidityChecks
else:
    SKIP_VALIDITY_CHECKS = QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks

if hasattr(Qgis, "CrsWktVariant"):
    GDAL_WKT = Qgis.CrsWktVariant.PreferredGdal
else:
    GDAL_WKT = QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED_GDAL

if hasattr(Qgis, "WkbType"):
    POLYGON_GEOMETRY = Qgis.WkbType.Polygon
else:
    POLYGON_GEOMETRY = QgsWkbTypes.Type.Polygon

if hasattr(Qgis, "ProcessingDateTimeParameterDataType"):
    DATE_ONLY = Qgis.ProcessingDateTimeParameterDataType.Date
else:
    DATE_ONLY = QgsProcessingParameterDateTime.Type.Date
