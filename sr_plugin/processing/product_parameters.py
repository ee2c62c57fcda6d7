"""Parameters and outputs that the algorithms for whole products share, beyond those of ``superres:superresolve``."""

from __future__ import annotations

from typing import List, Sequence

from qgis.core import (
    QgsProcessingOutputDefinition,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
)

from sr_plugin.processing import superresolve_parameters as shared
from sr_plugin.processing.parameter_help import with_help
from sr_plugin.processing.translation import tr

GAPS_NODATA, GAPS_MASK = "nodata", "mask"
#: Only layers that are no files need it.
_NOT_HERE = ("RESOLUTION", "LUMINANCE")


def words(name: str, text: str, choices: Sequence[str], default: Sequence[str]) -> QgsProcessingParameterEnum:
    """Several of a fixed list of words; the words themselves are the value."""
    return QgsProcessingParameterEnum(name, text, list(choices), True, list(default) or None, True, True)


def one_word(name: str, text: str, choices: Sequence[str]) -> QgsProcessingParameterEnum:
    """One of a fixed list of words; the word itself is the value, the first one the default."""
    return QgsProcessingParameterEnum(name, text, list(choices), False, choices[0], False, True)


def run_parameters() -> List[QgsProcessingParameterDefinition]:
    """How it is computed, how gaps are marked, and in how many files."""
    return [
        *shared.run_parameters(),
        with_help(
            one_word("GAPS", tr("Mark gaps and masked classes by"), (GAPS_NODATA, GAPS_MASK)),
            tr(
                "nodata gives them a value of their own; mask keeps all values for pixels and marks gaps in a mask "
                "band inside the file, which all bands share."
            ),
        ),
        with_help(
            QgsProcessingParameterBoolean("ONE_FILE_PER_BAND", tr("One file per band"), False),
            tr(
                "Writes NAME_B04.tif and so on, and NAME.vrt, which shows them as one raster. Needs room for a second "
                "copy meanwhile."
            ),
        ),
    ]


def advanced_parameters() -> List[QgsProcessingParameterDefinition]:
    """What hardly anybody needs to touch."""
    return [parameter for parameter in shared.advanced_parameters() if parameter.name() not in _NOT_HERE]


def text_outputs() -> List[QgsProcessingOutputDefinition]:
    """What the run tells beside the raster."""
    return [
        *shared.number_and_text_outputs(),
        QgsProcessingOutputString("BAND_NAMES", tr("Bands of the result, with commas between them")),
        QgsProcessingOutputString("FILES", tr("Files of the result, with semicolons between them")),
    ]
