"""Runs the Processing algorithm in the background, one run after the other."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from qgis.core import (
    QgsApplication,
    QgsMapLayer,
    QgsProcessingAlgorithm,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsTask,
)
from qgis.PyQt.QtCore import QEventLoop, QObject, pyqtSignal
from qgis.PyQt.QtWidgets import QApplication

from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.gui.runs.project_watch import ProjectWatch
from sr_plugin.gui.runs.result_layers import load_results
from sr_plugin.gui.runs.run import ALGORITHM, Run, RunFeedback, RunState
from sr_plugin.processing.history import remember_run
from sr_plugin.processing.translation import tr
from sr_plugin.processing.uncertainty_parameters import DESTINATIONS

#: Parameters that name files to be written.
_FILES = ("OUTPUT", "CHANGES", *DESTINATIONS)
#: Algorithms whose input is a layer; those for products read paths only.
_OF_LAYERS = (ALGORITHM, "superres:superresolvetimeseries")


class _Task:
    """All that must stay alive while a run goes on: QGIS keeps references only."""

    def __init__(self, run: Run, algorithm: QgsProcessingAlgorithm, parameters: Dict[str, Any]) -> None:
        from processing.tools.dataobjects import createContext

        self.run = run
        self.algorithm = algorithm
        self.parameters = parameters
        self.feedback = RunFeedback()
        self.context: QgsProcessingContext = createContext(self.feedback)
        self.task: Optional[QgsTask] = None

    def problem(self) -> str:
        """Why the run cannot start; empty where it can."""
        possible, reason = self.algorithm.canExecute()
        if not possible:
            return reason
        fits, reason = self.algorithm.checkParameterValues(self.parameters, self.context)
        return "" if fits else reason


class RunQueue(QObject):
    """Holds the runs of this session of QGIS; one runs, the others wait.

    Args:
        parent: Qt parent.

    Attributes:
        added: emitted with a new :class:`Run`.
        started: emitted with a run that is not waiting any more.
        removed: emitted with a run that was taken off the list.
        ended: emitted with a run that is over, its result being in the project.
        runs: all of them, oldest first.
    """

    added = pyqtSignal(object)
    started = pyqtSignal(object)
    removed = pyqtSignal(object)
    ended = pyqtSignal(object)

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self.runs: List[Run] = []
        self._current: Optional[_Task] = None
        self._kept_out: Dict[Run, _Task] = {}
        self._projects = ProjectWatch(self)
        self._closed = False

    def add(self, parameters: Dict[str, Any], purpose: str = "", algorithm: str = ALGORITHM) -> Run:
        """Queue a run.

        Args:
            parameters: of the algorithm.
            purpose: see :class:`Run`.
            algorithm: its id.
        """
        with_ids, source = _with_layer_ids(parameters)
        parameters = with_ids if algorithm in _OF_LAYERS else dict(parameters)
        name = source.name() if source is not None else _name_of_input(parameters)
        title = tr("{layer}, {model}").format(layer=name, model=parameters.get("MODEL", ""))
        layer_id = source.id() if source is not None else ""
        run = Run(parameters, title, layer_id, purpose, self._projects.current(), algorithm)
        self.runs.append(run)
        self.added.emit(run)
        self._start_next()
        return run

    def cancel(self, run: Run) -> None:
        """Cancel a run, or take it out of the queue."""
        if run.state == RunState.QUEUED:
            run.end(RunState.CANCELLED)
            self.ended.emit(run)
        elif self._current is not None and self._current.run is run and self._current.task is not None:
            self._current.task.cancel()

    def remove(self, run: Run) -> None:
        """Take a run that is over off the list."""
        if run.ended and run in self.runs:
            self.runs.remove(run)
            self._kept_out.pop(run, None)
            self.removed.emit(run)

    def bring_in(self, run: Run) -> None:
        """Add the result of a run that was kept out to the project that is open now.

        Raises:
            OutputError: when the result cannot be opened.
        """
        waiting = self._kept_out.pop(run, None)
        if waiting is None:
            return
        run.kept_out = False
        try:
            layers = load_results(waiting.context, run.source_id, waiting.feedback)
        except SuperResolutionError as error:
            run.end(RunState.FAILED, str(error))
            self.ended.emit(run)
            return
        run.layer_id = _result_id(layers, run)
        run.changed.emit()

    def remove_ended(self) -> None:
        """Take all runs that are over off the list."""
        for run in [run for run in self.runs if run.ended]:
            self.remove(run)

    @property
    def running(self) -> Optional[Run]:
        """The run that goes on now."""
        return self._current.run if self._current is not None else None

    def busy_outputs(self) -> Set[str]:
        """Paths that a run writes to, or is waiting to write to; without those that Processing will choose."""
        running = [run.parameters for run in self.runs if not run.ended]
        outputs = {str(parameters.get(name, "")) for parameters in running for name in _FILES}
        return {path for path in outputs if os.path.isabs(path)}

    def shut_down(self, wait_seconds: float = 10.0) -> None:
        """Cancel everything and wait until the running one has ended and cleaned up behind itself."""
        self._closed = True
        self._projects.shut_down()
        self._kept_out.clear()
        for run in self.runs:
            if not run.ended:
                self.cancel(run)
        deadline = time.monotonic() + wait_seconds
        while self._current is not None and time.monotonic() < deadline:
            # The end of a task is told by an event.
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents, 50)
            time.sleep(0.01)

    def _start_next(self) -> None:
        if self._closed or self._current is not None:
            return
        run = next((run for run in self.runs if run.state == RunState.QUEUED), None)
        if run is not None:
            self._start(run)

    def _start(self, run: Run) -> None:
        run.begin()
        self.started.emit(run)
        algorithm = QgsApplication.processingRegistry().createAlgorithmById(run.algorithm)
        if algorithm is None:
            self._finish(run, RunState.FAILED, tr("The Processing provider of the plugin is not loaded."))
            return
        current = _Task(run, algorithm, _to_load(run.parameters))
        run.listen(current.feedback)
        problem = current.problem()
        if problem:
            self._finish(run, RunState.FAILED, problem)
            return
        remember_run(algorithm, run.parameters, current.context)
        current.feedback.pushVersionInfo(algorithm.provider())
        current.feedback.pushDebugInfo(algorithm.asPythonCommand(run.parameters, current.context))
        current.task = QgsProcessingAlgRunnerTask(algorithm, current.parameters, current.context, current.feedback)
        current.task.executed.connect(self._executed)
        self._current = current
        QgsApplication.taskManager().addTask(current.task)

    def _executed(self, successful: bool, outputs: Dict[str, Any]) -> None:
        current = self._current
        if current is None:
            return
        run = current.run
        if successful:
            self._load(current, outputs)
        elif current.feedback.isCanceled():
            self._leave(RunState.CANCELLED)
        else:
            self._leave(RunState.FAILED, _last_error(run))

    def _load(self, current: _Task, outputs: Dict[str, Any]) -> None:
        run = current.run
        run.outputs = dict(outputs)
        if run.project != self._projects.current():
            # Its layers, groups and look are not those that the run was started for.
            run.kept_out = True
            self._kept_out[run] = current
            self._leave(RunState.DONE)
            return
        try:
            layers = load_results(current.context, run.source_id, current.feedback)
        except SuperResolutionError as error:
            self._leave(RunState.FAILED, str(error))
            return
        run.layer_id = _result_id(layers, run)
        self._leave(RunState.DONE)

    def _leave(self, state: RunState, cause: str = "") -> None:
        current, self._current = self._current, None
        if current is not None:
            self._finish(current.run, state, cause)

    def _finish(self, run: Run, state: RunState, cause: str = "") -> None:
        run.end(state, cause)
        self.ended.emit(run)
        self._start_next()


def _with_layer_ids(parameters: Dict[str, Any]) -> Tuple[Dict[str, Any], Optional[QgsMapLayer]]:
    """The parameters with input layers by their ids, which outlive the layers, and the first of them.

    Files that no layer shows stay as they are; None where the first input is one.
    """
    if "INPUTS" in parameters:
        found = [_layer_of(value) for value in parameters["INPUTS"]]
        names = [value if layer is None else layer.id() for value, layer in zip(parameters["INPUTS"], found)]
        return {**parameters, "INPUTS": names}, found[0] if found else None
    layer = _layer_of(parameters.get("INPUT"))
    return ({**parameters, "INPUT": layer.id()}, layer) if layer is not None else (dict(parameters), None)


def _layer_of(value: Any) -> Optional[QgsMapLayer]:
    return value if isinstance(value, QgsMapLayer) else _project_layer(str(value))


def _name_of_input(parameters: Dict[str, Any]) -> str:
    """What a run on files is called; of a long path the last part tells most."""
    inputs = parameters.get("INPUTS")
    if inputs:
        return tr("{} rasters").format(len(inputs))
    name = str(parameters.get("INPUT", ""))
    return os.path.basename(os.path.normpath(name)) if os.path.isabs(name) else name


def _result_id(layers: Sequence[QgsMapLayer], run: Run) -> str:
    """Id of the layer that shows the main one of several results; empty where none was loaded."""
    main = [layer for layer in layers if layer.source() == run.output]
    return (main or list(layers))[0].id() if layers else ""


def _project_layer(name: str) -> Optional[QgsMapLayer]:
    """The layer of the project that has this id, else the first one that shows this dataset."""
    layers = QgsProject.instance().mapLayers()
    same = (layer for layer in layers.values() if layer.providerType() == "gdal" and layer.source() == name)
    return layers.get(name) or next(same, None)


def _to_load(parameters: Dict[str, Any]) -> Dict[str, Any]:
    """The parameters with files that are loaded into the project."""
    wanted = {name: parameters[name] for name in _FILES if parameters.get(name)}
    files = {"OUTPUT": "TEMPORARY_OUTPUT", **wanted}
    return {**parameters, **{name: _loaded(output) for name, output in files.items()}}


def _loaded(output: Any) -> QgsProcessingOutputLayerDefinition:
    if not isinstance(output, QgsProcessingOutputLayerDefinition):
        return QgsProcessingOutputLayerDefinition(str(output), QgsProject.instance())
    if output.destinationProject is None:
        output = QgsProcessingOutputLayerDefinition(output)
        output.destinationProject = QgsProject.instance()
    return output


def _last_error(run: Run) -> str:
    errors = [text for kind, text in run.lines if kind == "error"]
    return errors[-1] if errors else tr("The run failed without saying why.")
