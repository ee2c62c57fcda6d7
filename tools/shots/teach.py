"""Pictures of the tab Teach: the form of a new training, one that runs, one that is done, narrow.

Figures and pictures are made up, unless ``SR_SHOTS_TRAINING`` names the folder of a real training, which is shown then.
"""

from __future__ import annotations

import math
import os
import random
import tempfile
from typing import List

from tools.shots.session import DRAW, Session, Step

_WIDTH, _NARROW = 380, 300
_OBJECT_NAME = "SuperResolutionDock"
_REAL = "SR_SHOTS_TRAINING"


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = TeachShots(session)
    if os.environ.get(_REAL):
        return [(shots.open_tab, 3 * DRAW), (lambda: shots.save("teach"), 0), (shots.close, 0)]
    return [
        (session.load_raster, DRAW),
        (shots.open_tab, 2 * DRAW),
        (lambda: shots.save("teach_running"), 0),
        (lambda: shots.scroll(), DRAW),
        (lambda: shots.save("teach_running_below"), 0),
        (lambda: shots.set_width(_NARROW), DRAW),
        (lambda: shots.save("teach_running_narrow"), 0),
        (lambda: shots.set_width(_WIDTH), DRAW),
        (shots.finish, 2 * DRAW),
        (lambda: shots.save("teach_done"), 0),
        (shots.fail, 2 * DRAW),
        (lambda: shots.save("teach_failed"), 0),
        (shots.open_form, 2 * DRAW),
        (lambda: shots.save("teach_form"), 0),
        (lambda: shots.save_screen("teach_desktop"), 0),
        (shots.close, 0),
    ]


class TeachShots:
    """Brings the tab into the states that the pictures show, with a training that is made up."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.window = session.iface.mainWindow()
        self.dock = None
        self.folder = None
        self._lock = None
        self._data = tempfile.mkdtemp(prefix="sr-teach-")

    def open_tab(self) -> None:
        """A training that runs, found as after a restart of QGIS."""
        from qgis.PyQt.QtWidgets import QDockWidget

        if os.environ.get(_REAL):
            self._take_real()
        else:
            self._make_dataset()
            self._make_job()
        # The toolbar's own action makes the dock.
        from qgis.utils import plugins

        plugins["sr_plugin"].desktop.show_dock()
        self.dock = self.window.findChild(QDockWidget, _OBJECT_NAME)
        self.dock.tabs.setCurrentIndex(1)
        if os.environ.get(_REAL):
            self.dock.tabs.currentWidget().panel.show_training(self.folder.path)
        self.set_width(_WIDTH)

    def _take_real(self) -> None:
        from sr_plugin.core.job_folder import JobFolder
        from sr_plugin.pipeline import training_job

        self.folder = JobFolder(os.environ[_REAL])
        training_job._enter(self.folder)

    def _make_dataset(self) -> None:
        from tests.training_datasets import write_dataset

        self.dataset = write_dataset(os.path.join(self._data, "kampala-x4"), scale=4)

    def _make_job(self) -> None:
        from sr_plugin.core.job_folder import RUNNING, JobFolder, JobStatus
        from sr_plugin.core.training_plan import AdversarialPlan, TrainingPlan, write_plan
        from sr_plugin.pipeline import training_job

        self.folder = folder = JobFolder(os.path.join(training_job.jobs_folder(), "kampala-x4-gan"))
        folder.make()
        plan = TrainingPlan("kampala-x4-gan", self.dataset, family="edsr", adversarial=AdversarialPlan("vanilla"))
        write_plan(plan, folder.plan)
        training_job._enter(folder)
        rng = random.Random(1)
        for method, psnr, ssim in (("bicubic", 30.2, 0.7521), ("before", 30.6, 0.7611)):
            folder.append_metrics({"step": 0, "kind": "before", "method": method, "psnr": psnr, "ssim": ssim})
        for step in range(50, 12001, 50):
            loss = 0.02 + 0.05 * math.exp(-step / 2000) + rng.gauss(0, 0.002)
            critic = {"discriminator": 0.6 + rng.gauss(0, 0.03)} if step > 4000 else {}
            folder.append_metrics({"step": step, "kind": "train", "loss": loss, **critic})
            if step % 500 == 0:
                psnr = 31.2 - 1.5 * math.exp(-step / 2500) + rng.gauss(0, 0.03)
                figures = {"psnr": psnr, "ssim": 0.806 - 0.07 * math.exp(-step / 2500), "best": step == 11500}
                folder.append_metrics({"step": step, "kind": "validation", **figures})
        self._draw_panels()
        status = JobStatus(RUNNING, 12040, 20000, 3900.0, "Training", best=31.2, best_step=11500, device="cuda:0")
        folder.write_status(status)
        self._lock = folder.lock()

    def _draw_panels(self) -> None:
        import numpy as np
        from qgis.PyQt.QtGui import QImage

        from tests.training_datasets import reduced, scene

        rows = []
        for seed in range(3):
            target = scene(3, 128, seed) * 255
            low = np.repeat(np.repeat(reduced(target, 4), 4, 1), 4, 2)
            gap = np.full((3, 128, 4), 255.0)
            rows += [np.concatenate([low, gap, 0.8 * target + 0.2 * low, gap, target], 2), np.full((3, 4, 392), 255.0)]
        picture = np.ascontiguousarray(np.moveaxis(np.concatenate(rows[:-1], 1), 0, -1).astype(np.uint8))
        height, width, _ = picture.shape
        image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        for step in (11500, 12000):
            image.save(os.path.join(self.folder.panels, f"{step:08d}.png"))

    def set_width(self, width: int) -> None:
        """Make the dock as wide as this."""
        from qgis.PyQt.QtCore import Qt

        self.window.resizeDocks([self.dock], [width], Qt.Orientation.Horizontal)

    def scroll(self) -> None:
        """Show what is further down."""
        from qgis.gui import QgsScrollArea

        area = self.dock.tabs.currentWidget().panel.view.findChild(QgsScrollArea)
        area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())

    def finish(self) -> None:
        """The training has come to its end."""
        from dataclasses import replace

        from sr_plugin.core.job_folder import DONE

        status = replace(self.folder.status(), state=DONE, step=20000, steps=20000, model="kampala-x4-gan.json")
        self.folder.write_status(status)
        self._lock.release()

    def fail(self) -> None:
        """Another one has failed."""
        from dataclasses import replace

        from sr_plugin.core.job_folder import FAILED

        status = replace(
            self.folder.status(),
            state=FAILED,
            step=812,
            message="The training has diverged: 'loss' is no longer a finite number.",
            hint="Start again with a lower learning rate, or with gradient clipping.",
        )
        self.folder.write_status(status)

    def open_form(self) -> None:
        """The form of a new training."""
        panel = self.dock.tabs.currentWidget().panel
        panel.combo.setCurrentIndex(0)
        panel.combo.activated.emit(0)
        panel.form.dataset.setFilePath(self.dataset)
        panel.form.preset.setCurrentIndex(2)

    def save(self, name: str) -> None:
        """Write a picture of the dock."""
        self.session.save(self.dock, name)

    def save_screen(self, name: str) -> None:
        """Write a picture of the whole window."""
        self.session.save(self.window, name)

    def close(self) -> None:
        """Leave nothing behind."""
        import shutil

        shutil.rmtree(self._data, ignore_errors=True)
