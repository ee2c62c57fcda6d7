"""The dialog tells what there is, installs nothing without a click, and leaves nothing half-made."""

from __future__ import annotations

import json
import os
import sys
import time
import zipfile
from types import SimpleNamespace

import pytest

from tests.gui.ticks import assert_awake, ticking
from tests.waiting import LONG

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


def wait_for(condition, seconds=LONG):
    """Let Qt work until something is so."""
    from qgis.PyQt.QtCore import QCoreApplication

    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        QCoreApplication.processEvents()
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def own_folders(qgis_app, tmp_path, monkeypatch):
    """No environment, no choice, no settings of this machine's pip."""
    from sr_plugin.processing import runtime_check, settings

    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SR_PLUGIN_WORKER_PYTHON", raising=False)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    settings.reset_all()
    runtime_check.forget()
    yield
    settings.reset_all()
    runtime_check.forget()


@pytest.fixture
def pythons(monkeypatch):
    """The Pythons that a search finds; only this one unless a test says otherwise."""
    from sr_plugin.runtime import find_python

    found = [sys.executable]
    monkeypatch.setattr(find_python, "_searched_pythons", lambda: iter(found))
    return found


@pytest.fixture
def dialog(pythons):
    from sr_plugin.gui.environment.environment_dialog import EnvironmentDialog

    dialog = EnvironmentDialog()
    dialog.show()
    wait_for(lambda: dialog.refresh_button.isEnabled())
    yield dialog
    dialog.shut_down()
    dialog.deleteLater()


def rows(dialog):
    tree = dialog.tree
    items = [tree.topLevelItem(index) for index in range(tree.topLevelItemCount())]
    return [[item.text(column) for column in range(3)] for item in items]


def details(dialog, row=0):
    item = dialog.tree.topLevelItem(row)
    return [item.child(index).text(0) for index in range(item.childCount())]


def log_of(dialog):
    return dialog.log.toPlainText()


def test_what_is_there_is_told(dialog):
    import numpy

    (row,) = rows(dialog)
    assert row[0] == sys.executable and row[1] == ".".join(map(str, sys.version_info[:3]))
    assert "ONNX models" in row[2] and "checkpoints" in row[2]
    lines = details(dialog)
    assert lines[0] == "Found on this computer"
    assert f"numpy {numpy.__version__}" in lines[1] and "onnxruntime" in lines[1] and "torch" in lines[1]
    assert lines[2].startswith("Devices: cpu: ")
    assert "All kinds of models run" in dialog.summary.text() and sys.executable in dialog.summary.text()


def test_opening_installs_nothing(dialog, tmp_path):
    assert not (tmp_path / "data").exists()
    assert not dialog.form.repair_button.isEnabled()
    assert not dialog.form.remove_button.isEnabled()
    assert not dialog.progress.isVisible()


def test_nothing_found_says_what_to_do(dialog, pythons):
    pythons.clear()
    dialog.look()
    wait_for(lambda: dialog.refresh_button.isEnabled())
    assert rows(dialog) == [["No Python was found.", "", ""]]
    assert "No Python was found" in dialog.summary.text() and "Create the environment below" in dialog.summary.text()


def make_fake_python(folder, body):
    folder.mkdir()
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script plays the Python")
@pytest.mark.parametrize(
    ("packages", "sentence"),
    [
        ("{}", "it has no numpy"),
        (None, "it does not work as a Python"),
    ],
)
def test_a_python_that_does_not_serve_is_told_and_not_taken(dialog, tmp_path, packages, sentence):
    from sr_plugin.processing import settings

    answer = '{"version": "3.11.0", "packages": PACKAGES, "devices": [], "problem": "", "makes_environments": true}'
    answer = answer.replace("PACKAGES", str(packages))
    body = "echo nonsense >&2; exit 3" if packages is None else f"echo '{answer}'"
    told = []
    dialog.environment_changed.connect(lambda: told.append(1))
    dialog.chosen.path.setFilePath(make_fake_python(tmp_path / "fake", body))
    dialog.chosen.use_button.click()
    wait_for(lambda: sentence in dialog.chosen.answer.text())
    assert dialog.chosen.answer.text().startswith("This Python is not used")
    assert settings.worker_python() == "" and not told


def test_ones_own_python_is_taken_and_given_up_again(dialog):
    from sr_plugin.processing import settings

    told = []
    dialog.environment_changed.connect(lambda: told.append(settings.worker_python()))
    assert not dialog.chosen.use_button.isEnabled()
    dialog.chosen.path.setFilePath(sys.executable)
    dialog.chosen.use_button.click()
    wait_for(lambda: told == [sys.executable])
    assert "In use. It runs: ONNX models" in dialog.chosen.answer.text()
    wait_for(lambda: dialog.refresh_button.isEnabled())
    assert details(dialog)[0] == "Your choice"
    dialog.chosen.path.setFilePath("")
    assert dialog.chosen.use_button.text() == "Use none"
    dialog.chosen.use_button.click()
    wait_for(lambda: told == [sys.executable, ""])


def test_a_choice_that_is_gone_is_explained(dialog, tmp_path):
    from sr_plugin.processing import settings

    settings.WORKER_PYTHON.set(str(tmp_path / "gone" / "python3"))
    dialog.look()
    wait_for(lambda: dialog.refresh_button.isEnabled())
    assert rows(dialog)[0][2] == "Nothing: it does not exist."
    assert "does not exist" in dialog.summary.text() and "or none" in dialog.summary.text()
    assert "Not used, because another one was chosen." in details(dialog, 1)


def write_wheel(folder, name, body=""):
    info = f"{name}-9.9.dist-info"
    with zipfile.ZipFile(folder / f"{name}-9.9-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"__version__ = '9.9'\n{body}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Wheels of stand-ins for the packages, and lists that ask for them."""
    from sr_plugin.gui.environment import creation
    from sr_plugin.runtime.create_environment import create_environment

    folder, lists = tmp_path / "wheels", tmp_path / "lists"
    folder.mkdir()
    lists.mkdir()
    write_wheel(folder, "numpy")
    write_wheel(folder, "onnxruntime", "def get_available_providers(): return ['CPUExecutionProvider']")
    (lists / "light.txt").write_text("numpy==9.9\nonnxruntime==9.9\n")

    def create(*args, **more):
        return create_environment(*args, requirements=str(lists), **more)

    monkeypatch.setattr(creation, "create_environment", create)
    return folder


@pytest.mark.slow
def test_an_environment_is_made_repaired_and_removed(dialog, wheels, monkeypatch):
    from qgis.PyQt.QtWidgets import QMessageBox

    from sr_plugin.runtime.environment_folder import own_environments

    told = []
    dialog.environment_changed.connect(lambda: told.append(len(own_environments())))
    dialog.form.wheels.setFilePath(str(wheels))
    dialog.form.create_button.click()
    assert dialog.progress.isVisible() and dialog.progress.cancel_button.isVisible()
    assert dialog.tabs.currentWidget() is dialog.log
    assert not dialog.form.isEnabled() and not dialog.refresh_button.isEnabled()
    wait_for(lambda: told == [1])
    wait_for(lambda: dialog.refresh_button.isEnabled())
    assert "Successfully installed" in log_of(dialog) and "The environment is ready." in log_of(dialog)
    assert not dialog.progress.isVisible() and dialog.form.isEnabled()
    (folder,) = own_environments()
    assert rows(dialog)[0][0].startswith(folder) and details(dialog)[0] == "The plugin's own environment"
    assert folder in dialog.summary.text(), "the plugin's own environment comes before what a search finds"

    open(os.path.join(folder, "stray"), "w").close()
    dialog.form.repair_button.click()
    wait_for(lambda: told == [1, 1])
    assert not os.path.exists(os.path.join(folder, "stray"))

    wait_for(lambda: dialog.refresh_button.isEnabled())
    monkeypatch.setattr(QMessageBox, "question", lambda *_args: QMessageBox.StandardButton.No)
    dialog.form.remove_button.click()
    assert os.path.isdir(folder)
    monkeypatch.setattr(QMessageBox, "question", lambda *_args: QMessageBox.StandardButton.Yes)
    dialog.form.remove_button.click()
    wait_for(lambda: told == [1, 1, 0])
    assert not os.path.exists(folder)


def test_a_cancel_leaves_nothing_half_made(dialog, wheels, tmp_path):
    from sr_plugin.runtime.environment_folder import environments_folder

    dialog.form.wheels.setFilePath(str(wheels))
    dialog.form.create_button.click()
    wait_for(lambda: "Making a virtual environment" in log_of(dialog))
    dialog.progress.cancel_button.click()
    assert "Cancelling" in dialog.progress.label.text() and not dialog.progress.cancel_button.isEnabled()
    wait_for(lambda: not dialog.creation.is_running)
    assert "cancelled" in log_of(dialog)
    assert os.listdir(environments_folder()) == []
    assert dialog.form.isEnabled() and not dialog.progress.isVisible()


def test_a_failure_is_one_sentence_with_a_hint(dialog, wheels):
    from sr_plugin.runtime.environment_folder import environments_folder

    os.remove(wheels / "onnxruntime-9.9-py3-none-any.whl")
    told = []
    dialog.environment_changed.connect(lambda: told.append(1))
    dialog.form.wheels.setFilePath(str(wheels))
    dialog.form.create_button.click()
    wait_for(lambda: not dialog.creation.is_running)
    assert "No matching distribution found for onnxruntime" in dialog.summary.text()
    assert "into the wheels folder" in dialog.summary.text()
    assert os.listdir(environments_folder()) == [] and not told


def test_an_empty_wheels_folder_is_told_at_once(dialog, tmp_path):
    (tmp_path / "empty").mkdir()
    dialog.form.wheels.setFilePath(str(tmp_path / "empty"))
    dialog.form.create_button.click()
    wait_for(lambda: not dialog.creation.is_running)
    assert "holds no wheels" in dialog.summary.text()


def test_without_a_network_the_reason_is_told(dialog, monkeypatch, wheels):
    # Nothing listens there, so every try fails at once.
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    dialog.form.create_button.click()
    wait_for(lambda: not dialog.creation.is_running)
    assert "No matching distribution found for numpy" in dialog.summary.text()
    assert "check the network" in dialog.summary.text()


def test_closing_while_something_is_made_asks(dialog, wheels, monkeypatch):
    from qgis.PyQt.QtWidgets import QMessageBox

    dialog.form.wheels.setFilePath(str(wheels))
    dialog.form.create_button.click()
    monkeypatch.setattr(QMessageBox, "question", lambda *_args: QMessageBox.StandardButton.No)
    dialog.reject()
    assert dialog.isVisible() and dialog.creation.is_running
    monkeypatch.setattr(QMessageBox, "question", lambda *_args: QMessageBox.StandardButton.Yes)
    dialog.reject()
    assert not dialog.isVisible()
    wait_for(lambda: not dialog.creation.is_running)


def test_the_plugin_closes_it_without_a_question(dialog, wheels, monkeypatch):
    from qgis.PyQt.QtWidgets import QMessageBox

    from sr_plugin.runtime.environment_folder import environments_folder

    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *_args: asked.append(1))
    dialog.form.wheels.setFilePath(str(wheels))
    dialog.form.create_button.click()
    wait_for(lambda: "Making a virtual environment" in log_of(dialog))
    dialog.close()
    assert not dialog.isVisible() and not asked
    wait_for(lambda: not dialog.creation.is_running)
    assert os.listdir(environments_folder()) == []


@pytest.mark.slow
def test_the_interface_does_not_freeze_meanwhile(dialog, wheels):
    with ticking(10) as seen:
        dialog.form.wheels.setFilePath(str(wheels))
        dialog.form.create_button.click()
        wait_for(lambda: not dialog.creation.is_running)
        wait_for(lambda: dialog.refresh_button.isEnabled())
    assert_awake(seen)


def test_half_made_environments_are_shown_and_can_be_removed(dialog, monkeypatch):
    from qgis.PyQt.QtWidgets import QMessageBox

    from sr_plugin.runtime.environment_folder import UNFINISHED, environment_folder

    folder = environment_folder((3, 11))
    os.makedirs(folder)
    with open(os.path.join(folder, UNFINISHED), "w") as file:
        json.dump({"size": "light", "python": "3.11.2"}, file)
    dialog.look()
    wait_for(lambda: dialog.refresh_button.isEnabled())
    assert [folder, "", "Not whole: create it again or remove it."] in rows(dialog)
    monkeypatch.setattr(QMessageBox, "question", lambda *_args: QMessageBox.StandardButton.Yes)
    dialog.form.remove_button.click()
    wait_for(lambda: not os.path.exists(folder))


@pytest.fixture
def proxy_settings(qgis_app):
    from qgis.core import QgsSettings

    values = {
        "proxyEnabled": True,
        "proxyType": "HttpProxy",
        "proxyHost": "proxy.example",
        "proxyPort": "3128",
        "proxyUser": "me@home",
        "proxyPassword": "p:a/ss",
        "proxyExcludedUrls": ["https://intranet.example/pypi", "10.0.0.1"],
    }
    settings = QgsSettings()
    for name, value in values.items():
        settings.setValue(f"proxy/{name}", value)
    yield settings
    settings.remove("proxy")


def test_the_proxy_of_qgis_is_used_and_its_password_never_shown(proxy_settings, dialog, wheels, monkeypatch):
    from sr_plugin.gui.environment.proxy import proxy_of_qgis

    proxy = proxy_of_qgis()
    assert proxy.address == "http://me%40home:p%3Aa%2Fss@proxy.example:3128"
    assert proxy.excluded == ("intranet.example", "10.0.0.1")
    assert "ss" not in repr(proxy).replace("address", "")
    dialog.look()
    wait_for(lambda: dialog.refresh_button.isEnabled())
    assert "proxy.example:3128" in dialog.form.proxy_box.text() and dialog.form.proxy_box.isEnabled()
    assert "me" not in dialog.form.proxy_box.text().replace("proxy.example", "").split("(")[1]
    seen = []

    def fail(command, log, is_cancelled, environment):
        seen.append((list(command), dict(environment)))
        return 1, ["no"]

    monkeypatch.setattr("sr_plugin.runtime.create_environment.run_logged", fail)
    dialog.form.create_button.click()
    wait_for(lambda: not dialog.creation.is_running)
    (command, environment), *_ = seen
    assert environment["HTTPS_PROXY"] == proxy.address and environment["NO_PROXY"] == "intranet.example,10.0.0.1"
    assert not any("p%3Aa" in argument for argument in command)
    assert "p%3Aa" not in log_of(dialog) and "p%3Aa" not in dialog.summary.text()


@pytest.mark.parametrize(("name", "value"), [("proxyEnabled", False), ("proxyType", "DefaultProxy"), ("proxyHost", "")])
def test_no_proxy_where_qgis_has_none(proxy_settings, name, value):
    from sr_plugin.gui.environment.proxy import proxy_of_qgis

    proxy_settings.setValue(f"proxy/{name}", value)
    assert proxy_of_qgis() is None


def test_a_stored_login_of_the_proxy_is_used(proxy_settings):
    from qgis.core import QgsApplication, QgsAuthMethodConfig

    from sr_plugin.gui.environment.proxy import proxy_of_qgis

    manager = QgsApplication.authManager()
    if manager.isDisabled() or not manager.setMasterPassword("of the test", True):
        pytest.skip("this QGIS has no store of logins")
    login = QgsAuthMethodConfig("Basic")
    login.setName("proxy")
    login.setConfig("username", "stored")
    login.setConfig("password", "hidden")
    assert manager.storeAuthenticationConfig(login)
    proxy_settings.setValue("proxy/authcfg", login.id())
    assert proxy_of_qgis().address == "http://stored:hidden@proxy.example:3128"


@pytest.mark.slow
def test_the_real_light_environment(dialog, monkeypatch, tmp_path):
    """With the network as this computer has it; skipped where the packages cannot be had."""
    monkeypatch.delenv("PIP_CONFIG_FILE")
    dialog.form.create_button.click()
    wait_for(lambda: not dialog.creation.is_running)
    if "check the network" in dialog.summary.text():
        pytest.skip("no network")
    wait_for(lambda: dialog.refresh_button.isEnabled())
    assert "other ONNX models run" in dialog.summary.text() or "All kinds of models" in dialog.summary.text()


def test_the_size_that_was_made_last_is_chosen_again(qgis_app, monkeypatch):
    from sr_plugin.gui.environment.environment_form import EnvironmentForm
    from sr_plugin.processing import settings

    for name, expected in (("full", "full"), ("light", "light"), ("no such size", "light")):
        monkeypatch.setattr(settings, "ENVIRONMENT_SIZE", SimpleNamespace(value=lambda name=name: name))
        form = EnvironmentForm()
        assert [size for size, button in form.sizes.items() if button.isChecked()] == [expected]
        form.deleteLater()
