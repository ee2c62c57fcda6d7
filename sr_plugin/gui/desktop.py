"""Puts the plugin's parts into the QGIS desktop, and takes all of them away again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

from qgis.core import Qgis, QgsProject, QgsSettings
from qgis.PyQt.QtCore import Qt, QTimer, QUrl
from qgis.PyQt.QtGui import QDesktopServices

from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.gui.desktop_actions import DesktopActions
from sr_plugin.gui.message_items import Button, MessageItems
from sr_plugin.processing.feedback import spoken_duration
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.gui.compare.compare_window import CompareWindow
    from sr_plugin.gui.dock.dock_panel import DockPanel
    from sr_plugin.gui.environment.one_dialog import OneDialog
    from sr_plugin.gui.preview.preview import Preview
    from sr_plugin.gui.runs.interrupted_list import InterruptedList
    from sr_plugin.gui.runs.run import Run
    from sr_plugin.gui.runs.run_list import RunList
    from sr_plugin.gui.runs.run_queue import RunQueue
    from sr_plugin.gui.teach.teach_tab import TeachTab
    from sr_plugin.pipeline.interrupted import InterruptedJob

_DOCK_OPEN = "superres/dock_open"
#: Seconds for which good news stay.
_GOOD_NEWS = 60


class Desktop:
    """Toolbar, menu, dock, preview, runs, comparison, environment and options, each made when it is first wanted.

    Args:
        iface: the interface of the running QGIS.

    Attributes:
        actions: the entries of menu and toolbar.
        dock, queue, run_list, interrupted, preview: made with the dock.
        compare: the comparison window, once it was opened.
    """

    def __init__(self, iface: Any) -> None:
        self.iface = iface
        self.actions: Optional[DesktopActions] = None
        self.messages: Optional[MessageItems] = None
        self.dock: Optional[DockPanel] = None
        self.queue: Optional[RunQueue] = None
        self.run_list: Optional[RunList] = None
        self.interrupted: Optional[InterruptedList] = None
        self.preview: Optional[Preview] = None
        self.compare: Optional[CompareWindow] = None
        self.teach: Optional[TeachTab] = None
        self._environment: Optional[OneDialog] = None
        self._help: Optional[Any] = None
        self._sheets: List[Any] = []
        self._options: Optional[Any] = None
        self._notes: Optional[Any] = None

    def set_up(self) -> None:
        """Put actions, options page and legend notes in place; the dock is made when it is first shown."""
        from sr_plugin.gui.legend_note import LegendNotes
        from sr_plugin.gui.options_factory import OptionsFactory

        self.messages = MessageItems(self.iface.messageBar())
        self._notes = LegendNotes(self.iface.layerTreeView())
        self._options = OptionsFactory(self._made_environment, self._follow_changed)
        self.iface.registerOptionsWidgetFactory(self._options)
        self.actions = DesktopActions(self.iface)
        self.actions.dock.toggled.connect(self._toggle_dock)
        self.actions.compare.triggered.connect(lambda _checked: self.open_compare())
        self.actions.pairs.triggered.connect(lambda _checked: self.open_pairs())
        self.actions.sample.triggered.connect(lambda _checked: self.try_sample())
        self.actions.environment.triggered.connect(lambda _checked: self.open_environment())
        self.actions.help.triggered.connect(lambda _checked: self.open_help())
        if QgsSettings().value(_DOCK_OPEN, False, type=bool):
            # After QGIS has started, which must not wait for it.
            QTimer.singleShot(0, self._reopen_dock)

    def tear_down(self) -> None:
        """Take everything away: what runs is cancelled, and no thread, process, item or connection is left."""
        QgsSettings().setValue(_DOCK_OPEN, self.dock is not None and self.dock.isUserVisible())
        if self.queue is not None:
            self.queue.ended.disconnect(self._run_ended)
            self.queue.shut_down()
        if self.preview is not None:
            self.preview.shut_down()
            self.preview.deleteLater()
        if self.run_list is not None:
            self.run_list.shut_down()
        if self.interrupted is not None:
            self.interrupted.shut_down()
        if self.compare is not None:
            self.compare.shut_down()
        if self._environment is not None:
            self._environment.shut_down()
            self._environment.deleteLater()
        for sheet in self._sheets[:]:
            sheet.deleteLater()
        if self._help is not None:
            self._help.close()
            self._help.deleteLater()
        if self.teach is not None:
            self.teach.shut_down()
        if self.dock is not None:
            self.dock.shut_down()
            self.iface.removeDockWidget(self.dock)
            self.dock.deleteLater()
        if self.queue is not None:
            self.queue.deleteLater()
        if self.messages is not None:
            self.messages.clear()
        if self._options is not None:
            self.iface.unregisterOptionsWidgetFactory(self._options)
        if self._notes is not None:
            self._notes.remove()
        if self.actions is not None:
            self.actions.remove()
        self.dock = self.queue = self.run_list = self.interrupted = self.preview = self.compare = self.teach = None
        self.actions = self.messages = None
        self._environment = self._help = self._options = self._notes = None

    def show_dock(self) -> None:
        """Show the dock, made now if it never was."""
        if self.actions is None:
            return
        dock = self._made_dock()
        dock.setUserVisible(True)

    def _reopen_dock(self) -> None:
        self.show_dock()

    def _toggle_dock(self, checked: bool) -> None:
        if checked and self.dock is None:
            self.show_dock()

    def _made_dock(self) -> DockPanel:
        if self.dock is not None:
            return self.dock
        from sr_plugin.gui.dock.dock_panel import DockPanel
        from sr_plugin.gui.preview.preview import Preview
        from sr_plugin.gui.runs.interrupted_list import InterruptedList
        from sr_plugin.gui.runs.run_list import RunList
        from sr_plugin.gui.runs.run_queue import RunQueue
        from sr_plugin.gui.teach.teach_tab import TeachTab

        dock = DockPanel(self.iface)
        queue = RunQueue(self.iface.mainWindow())
        run_list = RunList(queue)
        preview = Preview(self.iface.mapCanvas(), self.iface.mainWindow())
        interrupted = InterruptedList(queue.busy_outputs)
        for widget in (run_list, interrupted):
            dock.set_run_list(widget)
        for signal in (queue.added, queue.ended, dock.visibilityChanged):
            signal.connect(interrupted.refresh)
        interrupted.continue_requested.connect(self._continue)
        interrupted.failed.connect(lambda text: self._tell(text, Qgis.MessageLevel.Warning))
        # Later, so that our message lies on top of the one that QGIS itself shows when a task ends.
        queue.ended.connect(self._run_ended, Qt.ConnectionType.QueuedConnection)
        preview.state_changed.connect(dock.set_preview_state)
        preview.failed.connect(self._tell_preview_failure)
        preview.set_follow(dock.follows_map())
        dock.run_requested.connect(self._run)
        dock.preview_requested.connect(preview.show)
        dock.preview_follow_changed.connect(preview.set_follow)
        dock.preview_cleared.connect(preview.clear)
        dock.sample_requested.connect(self.try_sample)
        dock.environment_requested.connect(self.open_environment)
        dock.compare_requested.connect(self.open_compare)
        teach = TeachTab()
        teach.model_made.connect(self._model_made)
        teach.dialog_requested.connect(self._open_algorithm)
        teach.environment_requested.connect(self.open_environment)
        dock.add_tab(teach, tr("Teach"))
        self.teach = teach
        self.dock, self.queue, self.preview = dock, queue, preview
        self.run_list, self.interrupted = run_list, interrupted
        self.iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        self._required_actions().dock.toggled.disconnect(self._toggle_dock)
        dock.setToggleVisibilityAction(self._required_actions().dock)
        return dock

    def _required_actions(self) -> DesktopActions:
        if self.actions is None:
            raise RuntimeError("the desktop is not set up")
        return self.actions

    def _run(self, parameters: Dict[str, Any]) -> None:
        if self.queue is not None:
            self.queue.add(parameters)

    def _continue(self, job: InterruptedJob) -> None:
        """Queue an interrupted run again; its result goes above the layer that it is made from."""
        from sr_plugin.processing.continued_run import continued_run

        if self.queue is not None:
            algorithm, parameters = continued_run(job)
            self.queue.add(parameters, algorithm=algorithm)

    def try_sample(self) -> None:
        """Load the sample raster, run the shipped model on it, and say whether it works."""
        from sr_plugin.gui.sample_check import sample_parameters
        from sr_plugin.gui.sample_layer import sample_layer

        self.show_dock()
        layer = sample_layer(self.iface)
        if layer is None or self.queue is None or self.dock is None:
            self._tell(tr("The sample raster of the plugin cannot be opened."), Qgis.MessageLevel.Critical)
            return
        self.dock.choose_layer(layer)
        self.queue.add(sample_parameters(layer.id()), "sample")

    def open_compare(self, run: Optional[Run] = None) -> None:
        """Compare the input and result of a run, else of the last one, else the two topmost rasters."""
        from sr_plugin.gui.compare_pair import extent_in, pair_of_run, topmost_pair

        runs = [run] if run is not None else list(reversed(self.queue.runs)) if self.queue is not None else []
        pairs = [pair_of_run(each) for each in runs]
        layers = next((pair for pair in pairs if pair), None) or topmost_pair()
        if len(layers) < 2:
            self._tell(tr("A comparison needs two raster layers in the project."), Qgis.MessageLevel.Info, seconds=10)
            return
        if self.compare is None:
            from sr_plugin.gui.compare.compare_window import CompareWindow

            self.compare = CompareWindow(self.iface.mainWindow(), self.iface.mapCanvas())
            self.compare.environment_requested.connect(self.open_environment)
        self.compare.show_layers(layers, extent=extent_in(self.iface.mapCanvas().mapSettings(), layers[0]))

    def open_environment(self) -> None:
        """Open the dialog of the Python that runs the models."""
        self._made_environment().open()

    def _made_environment(self) -> OneDialog:
        if self._environment is None:
            from sr_plugin.gui.environment.one_dialog import OneDialog

            self._environment = OneDialog(self.iface.mainWindow())
            self._environment.environment_changed.connect(self._environment_changed)
        return self._environment

    def _follow_changed(self, follow: bool) -> None:
        if self.dock is not None:
            self.dock.run_bar.follow.setChecked(follow)

    def open_pairs(self) -> None:
        """Show the pairs of a training dataset that the user chooses."""
        from sr_plugin.gui.pairs.contact_sheet_dialog import open_contact_sheet

        shown = open_contact_sheet(self.iface.mainWindow())
        if shown is not None:
            self._sheets.append(shown)
            shown.destroyed.connect(lambda _object=None, sheet=shown: self._sheets.remove(sheet))

    def open_help(self) -> None:
        """Show the user guide."""
        if self._help is None:
            from sr_plugin.gui.help_window import HelpWindow

            self._help = HelpWindow(self.iface.mainWindow())
        self._help.show()
        self._help.raise_()
        self._help.activateWindow()

    def _model_made(self, name: str) -> None:
        if self.dock is not None:
            self.dock.refresh_models()
        self._tell(tr("The model is in the list of models."), Qgis.MessageLevel.Success, seconds=_GOOD_NEWS, title=name)

    def _open_algorithm(self, algorithm: str, parameters: Dict[str, Any]) -> None:
        """Open the dialog of an algorithm of the plugin."""
        import processing

        processing.execAlgorithmDialog(algorithm, parameters)

    def _environment_changed(self) -> None:
        from sr_plugin.processing.runtime_check import forget

        forget()
        if self.preview is not None:
            self.preview.forget_worker()
        if self.compare is not None:
            self.compare.forget_worker()
        if self.dock is not None:
            self.dock.refresh_devices()

    def _run_ended(self, run: Run) -> None:
        from sr_plugin.gui.runs.run import RunState

        if self.dock is not None:
            self.dock.refresh_cost()
        if run.state == RunState.FAILED:
            self._tell(run.cause, Qgis.MessageLevel.Critical, [(tr("Details"), lambda: self._show_details(run))])
        elif run.state == RunState.DONE and run.purpose == "sample":
            self._tell_sample(run)
        elif run.state == RunState.DONE and run.kept_out:
            text = tr("done in {}. It was started in another project, so it was not added to this one.")
            buttons = [(tr("Add"), lambda: self._bring_in(run)), (tr("Open folder"), lambda: self._open_folder(run))]
            self._tell(text.format(spoken_duration(run.seconds)), Qgis.MessageLevel.Info, buttons, 0, run.title)
        elif run.state == RunState.DONE:
            layer = QgsProject.instance().mapLayer(run.layer_id)
            text = tr("done in {}.").format(spoken_duration(run.seconds))
            title = layer.name() if layer is not None else run.title
            self._tell(text, Qgis.MessageLevel.Success, self._result_buttons(run), _GOOD_NEWS, title)

    def _bring_in(self, run: Run) -> None:
        if self.queue is not None:
            self.queue.bring_in(run)

    def _result_buttons(self, run: Run) -> List[Button]:
        return [
            (tr("Compare"), lambda: self.open_compare(run)),
            (tr("Open folder"), lambda: self._open_folder(run)),
        ]

    def _tell_sample(self, run: Run) -> None:
        from sr_plugin.gui.sample_check import differences

        try:
            found = differences(run.output)
        except SuperResolutionError as error:
            self._tell(str(error), Qgis.MessageLevel.Critical)
            return
        if found:
            text = tr("The result of the sample differs from the stored one: {}.").format("; ".join(found))
            buttons = [(tr("Details"), lambda: self._show_details(run))]
            self._tell(text, Qgis.MessageLevel.Warning, buttons)
            return
        text = tr("{duration} on {device}.").format(
            duration=spoken_duration(max(1.0, run.seconds)), device=str(run.outputs.get("DEVICE", "")).upper()
        )
        buttons, title = self._result_buttons(run), tr("Works on this machine")
        self._tell(text, Qgis.MessageLevel.Success, buttons, _GOOD_NEWS, title)

    def _tell_preview_failure(self, text: str) -> None:
        self._tell(text, Qgis.MessageLevel.Warning, seconds=15)

    def _tell(
        self, text: str, level: Qgis.MessageLevel, buttons: Sequence[Button] = (), seconds: int = 0, title: str = ""
    ) -> None:
        if self.messages is not None:
            self.messages.show(text, level, buttons, seconds, title)

    def _show_details(self, run: Run) -> None:
        if self.run_list is not None:
            self.run_list.show_details(run)

    def _open_folder(self, run: Run) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(os.path.dirname(run.output)))
