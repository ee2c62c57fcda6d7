"""Pictures of the whole desktop: preview on the map, runs in progress, success, failure, comparison."""

from __future__ import annotations

from typing import List

from tools.shots.session import DRAW, Session, Step


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = DesktopShots(session)
    return [
        (shots.fill_screen, DRAW),
        (session.load_raster, DRAW),
        (shots.open_dock, DRAW),
        session.wait_until(lambda: not shots.dock.missing()),
        (shots.zoom, DRAW),
        (shots.preview, 100),
        (lambda: shots.save("preview_coming"), 0),
        session.wait_until(lambda: not shots.desktop.preview.busy),
        (lambda: None, DRAW),
        (lambda: shots.save("preview"), 0),
        (shots.preview_of_a_part, 0),
        session.wait_until(lambda: not shots.desktop.preview.busy),
        (lambda: None, DRAW),
        (lambda: shots.save("preview_part"), 0),
        (shots.clear_preview, 0),
        (shots.run_slowly, 0),
        session.wait_until(lambda: shots.runs[0].tiles[0] > 3),
        (lambda: shots.save("running"), 0),
        (shots.cancel, 0),
        session.wait_until(lambda: shots.runs[1].ended),
        (lambda: None, DRAW),
        (lambda: shots.save("done"), 0),
        (shots.fail, 0),
        session.wait_until(lambda: shots.runs[-1].ended),
        (lambda: None, DRAW),
        (lambda: shots.save("failed"), 0),
        (shots.details, DRAW),
        (lambda: session.save(shots.details_dialog(), "failed_details"), 0),
        (lambda: shots.details_dialog().close(), 0),
        (shots.sample, 0),
        session.wait_until(lambda: shots.runs[-1].ended),
        (lambda: None, DRAW),
        (lambda: shots.save("sample"), 0),
        (shots.menu, DRAW),
        (lambda: shots.save("menu"), 0),
        (shots.close_menu, 0),
    ]


class DesktopShots:
    """Drives the plugin as its user does."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.iface = session.iface

    @property
    def desktop(self):
        """The plugin's interface."""
        from qgis.utils import plugins

        return plugins["sr_plugin"].desktop

    @property
    def dock(self):
        """The dock panel."""
        return self.desktop.dock

    @property
    def runs(self):
        """All runs so far."""
        return self.desktop.queue.runs

    def save(self, name: str) -> None:
        """A picture of the whole window."""
        self.session.save(self.iface.mainWindow(), f"desktop_{name}")

    def fill_screen(self) -> None:
        """As large as the screen: without a window manager nothing can be maximised."""
        window = self.iface.mainWindow()
        window.setGeometry(window.screen().geometry())

    def open_dock(self) -> None:
        """Open the dock with its action."""
        self.desktop.actions.dock.trigger()

    def zoom(self) -> None:
        """Look at a part of the scene."""
        self.iface.mapCanvas().zoomByFactor(0.4)

    def preview(self) -> None:
        """Ask for a preview."""
        self.dock.run_bar.preview_button.click()

    def preview_of_a_part(self) -> None:
        """A preview that covers less than the map shows."""
        from sr_plugin.processing import settings

        settings.PREVIEW_BOUND.set(80)
        self.preview()

    def clear_preview(self) -> None:
        """Take it off again."""
        self.desktop.preview.clear()

    def run_slowly(self) -> None:
        """Queue a run that lasts a while, another one, and a third."""
        parameters = self.dock.parameters()
        for more in ({"TILE_SIZE": 16}, {}, {"MODEL": "bicubic:4"}):
            self.desktop.queue.add({**parameters, **more})

    def cancel(self) -> None:
        """Cancel the first and the last one, so that the second one runs."""
        self.desktop.queue.cancel(self.runs[0])
        self.desktop.queue.cancel(self.runs[2])

    def fail(self) -> None:
        """A run that cannot work."""
        self.desktop.queue.add({**self.dock.parameters(), "DEVICE": "cuda:7"})

    def details(self) -> None:
        """Open the log of the run that failed."""
        self.desktop.run_list.show_details(self.runs[-1])

    def details_dialog(self):
        """The dialog with the log."""
        return next(iter(self.desktop.run_list._details.values()))

    def sample(self) -> None:
        """Try the sample."""
        self.desktop.messages.clear()
        self.desktop.actions.sample.trigger()

    def menu(self) -> None:
        """Unfold the plugin's menu."""
        self._menu = next(action.menu() for action in self.iface.rasterMenu().actions() if "Super" in action.text())
        self._menu.popup(self.iface.mainWindow().mapToGlobal(self.iface.mainWindow().rect().center()))

    def close_menu(self) -> None:
        """Fold it again."""
        self.session.save(self._menu, "desktop_menu_entries")
        self._menu.close()
