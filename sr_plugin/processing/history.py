"""Enters a run into Processing's history, as the toolbox does."""

from __future__ import annotations

from typing import Any, Dict

from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext
from qgis.gui import QgsGui


def remember_run(algorithm: QgsProcessingAlgorithm, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
    """Add a run to the history, from where it can be repeated or copied as a command.

    Args:
        algorithm: what runs.
        parameters: its parameters.
        context: of the run.
    """
    command = algorithm.asPythonCommand(parameters, context)
    if not hasattr(QgsGui, "historyProviderRegistry"):
        # QGIS before 3.24 keeps a text file.
        from processing.core.ProcessingLog import ProcessingLog

        ProcessingLog.addToLog(command)
        return
    entry = {
        "python_command": command,
        "algorithm_id": algorithm.id(),
        "parameters": algorithm.asMap(parameters, context),
    }
    process_command, complete = algorithm.asQgisProcessCommand(parameters, context)
    if complete:
        entry["process_command"] = process_command
    QgsGui.historyProviderRegistry().addEntry("processing", entry)
