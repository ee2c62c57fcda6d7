"""Parameters of algorithms with their help."""

from __future__ import annotations

from qgis.core import QgsProcessingParameterDefinition

from sr_plugin.processing.qgis_enums import ADVANCED


def with_help(
    parameter: QgsProcessingParameterDefinition, text: str, advanced: bool = False
) -> QgsProcessingParameterDefinition:
    """The parameter with its help; where it is ``advanced``, it stands in the folded part of the dialog."""
    parameter.setHelp(text)
    if advanced:
        parameter.setFlags(parameter.flags() | ADVANCED)
    return parameter


def advanced_with_help(parameter: QgsProcessingParameterDefinition, text: str) -> QgsProcessingParameterDefinition:
    """The parameter with its help, in the folded part of the dialog."""
    return with_help(parameter, text, advanced=True)
