"""The tab Teach: form, curves, following trainings and finding them again."""

from __future__ import annotations

import os

import pytest

from tests.gui.dock_desktop import iface, project, user_settings, wait_until  # noqa: F401 - fixtures
from tests.training_datasets import write_dataset

pytestmark = [pytest.mark.gui, pytest.mark.qgis]


@pytest.fixture
def job(tmp_path, monkeypatch):
    """The folder of a training that says that it runs, on the list of trainings."""
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    from sr_plugin.core.job_folder import RUNNING, JobFolder, JobStatus
    from sr_plugin.core.training_plan import TrainingPlan, write_plan
    from sr_plugin.pipeline import training_job

    folder = JobFolder(os.path.join(training_job.jobs_folder(), "mine"))
    folder.make()
    write_plan(TrainingPlan("mine", "data", family="edsr", steps=100), folder.plan)
    training_job._enter(folder)
    folder.append_metrics({"step": 0, "kind": "before", "method": "bicubic", "psnr": 30.0, "ssim": 0.8})
    folder.append_metrics({"step": 10, "kind": "train", "loss": 0.5})
    folder.append_metrics({"step": 20, "kind": "validation", "psnr": 31.0, "ssim": 0.85, "best": True})
    folder.write_status(JobStatus(RUNNING, 20, 100, 65.0, "Training", device="cpu"))
    return folder


@pytest.fixture
def running(job):
    """The same training while somebody works it."""
    with job.lock():
        yield job


@pytest.fixture
def panel(provider, user_settings):
    """The tab's panel in a window of its own."""
    from sr_plugin.gui.teach.teach_panel import TeachPanel

    made = TeachPanel()
    made.resize(380, 800)
    made.show()
    yield made
    made.shut_down()
    made.close()
    made.deleteLater()


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """No training on the list."""
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))


def choose(combo, index):
    combo.setCurrentIndex(index)
    combo.activated.emit(index)


def test_a_running_training_is_attached_after_a_restart(running, panel):
    wait_until(lambda: panel.view.figures.losses)
    assert panel.current() == running.path
    assert "running" in panel.combo.currentText()
    assert "1 min 05 s left" in panel.view.state.text()
    assert (panel.view.bar.value(), panel.view.bar.maximum()) == (20, 100)
    assert "+1.00 dB against bicubic" in panel.view.best.text()
    assert panel.view.stop_button.isVisible() and not panel.view.continue_button.isVisible()


def test_new_figures_arrive_and_earlier_ones_are_read_once(running, panel):
    wait_until(lambda: panel.view.figures.losses)
    running.append_metrics({"step": 30, "kind": "train", "loss": 0.25, "discriminator": 0.7})
    wait_until(lambda: len(panel.view.figures.losses) == 2)
    assert panel.view.figures.losses == [(10.0, 0.5), (30.0, 0.25)]
    assert panel.view.critic_plot.isVisible()


def test_stop_is_asked_for(running, panel):
    wait_until(lambda: panel.view.stop_button.isVisible())
    panel.view.stop_button.click()
    wait_until(running.stop_asked)
    wait_until(lambda: "Stopping" in panel.view.state.text())
    assert not panel.view.stop_button.isEnabled()


def test_an_interrupted_training_can_be_continued_or_forgotten(job, panel, monkeypatch):
    from sr_plugin.pipeline import training_job

    continued = []
    monkeypatch.setattr(training_job, "continue_training", lambda folder, python: continued.append(folder.path))
    wait_until(lambda: panel.combo.count() == 2)
    # What does not run is not shown by itself.
    assert panel.current() == ""
    choose(panel.combo, 1)
    wait_until(lambda: panel.view.continue_button.isVisible())
    assert "interrupted" in panel.combo.currentText().lower() and not panel.view.stop_button.isVisible()
    panel.view.continue_button.click()
    wait_until(lambda: continued == [job.path])
    panel.view.forget_button.click()
    assert panel.current() == "" and panel.combo.count() == 1
    assert training_job.known_jobs() == [] and os.path.isfile(job.plan)


def test_a_model_that_is_worse_than_bicubic_is_told(job, panel):
    from sr_plugin.core.job_folder import DONE, JobStatus

    wait_until(lambda: panel.combo.count() == 2)
    job.write_status(JobStatus(DONE, 100, 100, message="Done", hint="It does worse.", model="mine.json"))
    choose(panel.combo, 1)
    wait_until(lambda: panel.view.problem.text() == "It does worse.")
    assert panel.view.problem.isVisible() and panel.view.problem.kind == "warning"


@pytest.mark.parametrize("installed", [True, False])
def test_a_model_that_comes_out_at_once_is_made_known(running, panel, installed):
    """The panel need not have seen it run: a tiny training is done between two looks."""
    from sr_plugin.core.job_folder import DONE, WAITING, JobStatus

    made = []
    panel.model_made.connect(made.append)
    running.write_status(JobStatus(WAITING, steps=5))
    panel.show_training(running.path)
    running.write_status(JobStatus(DONE, 5, 5, model="mine.json", installed=installed))
    wait_until(lambda: panel.view.status.state == DONE)
    assert made == (["mine"] if installed else [])
    assert ("list of models" in panel.view.state.text()) == installed
    # Who looks at it again is told nothing new.
    made.clear()
    choose(panel.combo, 0)
    choose(panel.combo, 1)
    wait_until(lambda: panel.view.status.state == DONE)
    assert made == []


def test_why_a_training_cannot_be_continued_stays_in_sight(job, panel, monkeypatch):
    from sr_plugin.core.errors import OutputBusy
    from sr_plugin.pipeline import training_job

    def refuse(folder, python):
        raise OutputBusy("Somebody is at it.")

    monkeypatch.setattr(training_job, "continue_training", refuse)
    wait_until(lambda: panel.combo.count() == 2)
    choose(panel.combo, 1)
    wait_until(lambda: panel.view.continue_button.isVisible())
    panel.view.continue_button.click()
    wait_until(lambda: "Somebody" in panel.view.problem.text())
    looks = []
    shown = panel.view.show_look
    monkeypatch.setattr(panel.view, "show_look", lambda *look, **how: looks.append(shown(*look, **how)))
    panel._tick()
    wait_until(lambda: looks)
    assert "Somebody" in panel.view.problem.text()


def test_a_failure_is_told_with_what_to_do(job, panel):
    from sr_plugin.core.job_folder import FAILED, JobStatus

    wait_until(lambda: panel.combo.count() == 2)
    job.write_status(JobStatus(FAILED, 5, 100, message="It broke.", hint="Mend it.", code="TrainingFailed"))
    choose(panel.combo, 1)
    wait_until(lambda: panel.view.problem.text() == "It broke. Mend it.")
    assert panel.view.problem.isVisible() and panel.view.continue_button.isVisible()


def test_the_end_of_a_training_is_told_once(running, panel):
    from sr_plugin.core.job_folder import DONE, JobStatus

    told = []
    panel.model_made.connect(told.append)
    wait_until(lambda: panel.view.figures.losses)
    running.write_status(JobStatus(DONE, 100, 100, model=os.path.join(running.result, "mine.json"), best=31.0))
    wait_until(lambda: told)
    assert told == ["mine"] and "done" in panel.combo.currentText()
    assert "Kept, from step 20" in panel.view.best.text()


def test_pictures_follow_the_training_until_an_earlier_one_is_chosen(running, panel):
    from qgis.PyQt.QtGui import QImage

    def draw(step):
        image = QImage(30, 10, QImage.Format.Format_RGB32)
        image.fill(step)
        image.save(os.path.join(running.panels, f"{step:08d}.png"))

    draw(10)
    wait_until(lambda: panel.view.panels.step() == 10)
    draw(20)
    wait_until(lambda: panel.view.panels.step() == 20)
    panel.view.panels.slider.setValue(0)
    draw(30)
    wait_until(lambda: panel.view.panels.slider.maximum() == 2)
    assert panel.view.panels.step() == 10


def test_the_form_knows_the_dataset_and_what_suits_it(empty, panel, tmp_path):
    form = panel.form
    assert form.missing() == "Choose a dataset." and not form.start_button.isEnabled()
    form.dataset.setFilePath(write_dataset(tmp_path / "pairs", bands=4))
    wait_until(lambda: not form.missing())
    assert form.dataset_note.text() == "x2, 4 bands, 4 patches to train, 2 to validate"
    assert form.parameters()["ARCHITECTURE"] == "edsr_bicubic" and form.steps.value() == 20000
    form.preset.setCurrentIndex(form.preset.findData("fine-tune"))
    offered = {form.start.itemData(index) for index in range(form.start.count())}
    assert "model:s2-rgbn-x2" in offered and "model:s2-rgbn-x4" not in offered, "the shipped models of this scale"
    form.start.setCurrentIndex(form.start.findData("model:s2-rgbn-x2"))
    assert form.parameters()["MODEL"] == "s2-rgbn-x2"
    form.preset.setCurrentIndex(form.preset.findData("gan"))
    assert "invent" in form.hint.text()


def test_a_translation_offers_what_translates(empty, panel, tmp_path):
    from sr_plugin.core.card import TRANSLATION

    form = panel.form
    form.dataset.setFilePath(write_dataset(tmp_path / "pairs", TRANSLATION))
    form.preset.setCurrentIndex(form.preset.findData("translation"))
    wait_until(lambda: form.parameters()["ARCHITECTURE"] == "pix2pix")
    assert form.start.findData("fresh:edsr") < 0


def test_a_folder_without_a_dataset_is_told(empty, panel, tmp_path):
    panel.form.dataset.setFilePath(str(tmp_path))
    wait_until(lambda: panel.form.dataset_problem.text())
    assert not panel.form.start_button.isEnabled()


def test_start_makes_the_plan_of_the_form_and_shows_it(empty, panel, tmp_path, monkeypatch):
    from sr_plugin.core.job_folder import WAITING, JobFolder, JobStatus
    from sr_plugin.core.training_plan import read_plan, write_plan
    from sr_plugin.pipeline import training_job

    def start(plan, folder, python):
        folder.make()
        write_plan(plan, folder.plan)
        folder.write_status(JobStatus(WAITING, steps=plan.steps))
        return 0

    monkeypatch.setattr(training_job, "start_training", start)
    form = panel.form
    form.dataset.setFilePath(write_dataset(tmp_path / "pairs"))
    wait_until(lambda: form.start_button.isEnabled())
    form.steps.setValue(500)
    form.name.setText("taught")
    form.start_button.click()
    wait_until(panel.current)
    plan = read_plan(JobFolder(panel.current()).plan)
    assert (plan.name, plan.steps, plan.family) == ("taught", 500, "edsr_bicubic")
    assert panel._stack.currentWidget() is panel.view


def test_why_it_cannot_be_started_is_shown(empty, panel, tmp_path):
    form = panel.form
    form.dataset.setFilePath(write_dataset(tmp_path / "pairs"))
    wait_until(lambda: form.start_button.isEnabled())
    form.name.setText("s2-rgbn-x2")
    form.start_button.click()
    wait_until(lambda: "already" in form.problem.text())
    assert form.start_button.isEnabled()


def test_a_missing_environment_can_be_set_up(empty, panel, tmp_path, monkeypatch):
    from sr_plugin.core.errors import RuntimeMissing
    from sr_plugin.pipeline import training_job

    def refuse(*_):
        raise RuntimeMissing("No Python with lightning-fabric was found.")

    monkeypatch.setattr(training_job, "start_training", refuse)
    wanted, form = [], panel.form
    panel.environment_requested.connect(lambda: wanted.append(True))
    form.dataset.setFilePath(write_dataset(tmp_path / "pairs"))
    wait_until(lambda: form.start_button.isEnabled())
    assert not form.environment_button.isVisible()
    form.start_button.click()
    wait_until(form.environment_button.isVisible)
    form.environment_button.click()
    assert wanted and "can train" in form.problem.text()


def test_all_settings_opens_the_dialog_with_the_choices(empty, panel, tmp_path):
    asked = []
    panel.dialog_requested.connect(lambda name, values: asked.append((name, values)))
    panel.form.dataset.setFilePath(str(tmp_path))
    panel.form.settings_button.click()
    panel.form.prepare_button.click()
    assert asked[0][0] == "superres:train" and asked[0][1]["DATASET"] == str(tmp_path)
    assert asked[1][0] == "superres:preparepairs"


def test_the_panel_is_made_when_somebody_looks(provider, user_settings, empty):
    from sr_plugin.gui.teach.teach_tab import TeachTab

    tab = TeachTab()
    assert tab.panel is None
    tab.show()
    assert tab.panel is not None
    tab.shut_down()
    tab.close()
    tab.deleteLater()


def test_the_plot_draws_curves_levels_and_legend(qgis_app):
    from qgis.PyQt.QtGui import QColor

    from sr_plugin.gui.teach.curve_data import Curve, Level
    from sr_plugin.gui.teach.curve_plot import _COLOURS, _LEVEL_COLOURS, CurvePlot

    def colours(plot):
        image = plot.grab().toImage()
        return {QColor(image.pixel(x, y)).name() for x in range(image.width()) for y in range(image.height())}

    plot = CurvePlot("PSNR (dB)")
    plot.resize(300, 150)
    assert _COLOURS[0].name() not in colours(plot)
    plot.show_curves([Curve("Model", ((0.0, 30.0), (10.0, 31.0)), True)], [Level("Bicubic", 30.5)], 20)
    assert {_COLOURS[0].name(), _LEVEL_COLOURS[0].name()} <= colours(plot)
    assert "Model 31.00" in plot.accessibleDescription()
    # One value only, and values that are all alike, have no range of their own.
    plot.show_curves([Curve("Model", ((5.0, 2.0),))])
    assert _COLOURS[0].name() in colours(plot)


def test_steps_that_are_taken_again_replace_the_earlier_ones(qgis_app):
    from sr_plugin.gui.teach.curve_data import TrainingFigures

    figures = TrainingFigures()
    figures.add({"step": s, "kind": "train", "loss": float(s)} for s in (1, 2, 3, 4))
    figures.add([{"step": 3, "kind": "train", "loss": 9.0}, {"step": 5, "kind": "train", "loss": None}])
    assert figures.losses == [(1.0, 1.0), (2.0, 2.0), (3.0, 9.0)]


def test_long_curves_are_thinned_by_means(qgis_app):
    from sr_plugin.gui.teach.curve_data import TrainingFigures

    figures = TrainingFigures()
    figures.add({"step": s, "kind": "train", "loss": float(s % 2)} for s in range(1, 5001))
    points = figures.loss_curve().points
    assert len(points) <= 600 and all(0.3 < y < 0.7 for _, y in points)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [(0, 1, 4, [0, 0.5, 1]), (29.9, 31.2, 4, [30, 30.5, 31]), (0, 20000, 2, [0, 10000, 20000]), (1, 1, 4, [])],
)
def test_numbers_of_the_axes_are_round(qgis_app, low, high, most, expected):
    from sr_plugin.gui.teach.curve_data import nice_ticks

    assert nice_ticks(low, high, most) == pytest.approx(expected)
