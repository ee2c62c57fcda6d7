"""An environment is made whole or marked as not whole, without a network where wheels are given, and without CUDA."""

from __future__ import annotations

import os
import sys
import zipfile

import pytest

from sr_plugin.core.errors import Cancelled, EnvironmentFailed, ParameterError, RuntimeMissing
from sr_plugin.runtime import create_environment as module
from sr_plugin.runtime import environment_command, find_python
from sr_plugin.runtime.create_environment import TORCH_CPU_INDEX, TORCH_CUDA_INDEX, create_environment
from sr_plugin.runtime.environment_attempt import Attempt, remove_environment
from sr_plugin.runtime.environment_folder import (
    BEFORE,
    COMPLETE,
    UNFINISHED,
    broken_environments,
    environment_folder,
    python_of,
    read_record,
)
from sr_plugin.runtime.environment_report import environment_report, report_text
from sr_plugin.runtime.find_python import find_worker_python
from sr_plugin.runtime.probe import PythonProbe
from sr_plugin.runtime.run_logged import run_logged

#: Stand-ins: a test must not install gigabytes.
_PACKAGES = {
    "numpy": "",
    "onnxruntime": "def get_available_providers(): return ['CPUExecutionProvider']",
    "torch": "class cuda:\n    is_available = staticmethod(lambda: False)",
}


def write_wheel(folder, name, body, version="9.9"):
    """A wheel with one module."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"__version__ = '{version}'\n{body}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    for name, body in _PACKAGES.items():
        write_wheel(folder, name, body)
    return str(folder)


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    (folder / "light.txt").write_text("numpy==9.9\nonnxruntime==9.9\n")
    (folder / "full.txt").write_text("-r light.txt\ntorch==9.9\n")
    (folder / "cpu.txt").write_text("torch==9.9+cpu\n")
    (folder / "cuda.txt").write_text("torch===9.9\n")
    return str(folder)


@pytest.fixture(autouse=True)
def user_folders(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    # One cache for all: asking this Python, which may have torch, takes seconds.
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path_factory.getbasetemp() / "probes"))
    monkeypatch.delenv("SR_PLUGIN_WORKER_PYTHON", raising=False)


@pytest.fixture
def offline(monkeypatch):
    """No settings of this machine's pip, so that only the wheels that a test names are found."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.mark.slow
def test_an_environment_from_its_making_to_its_repair(offline, wheels, lists, tmp_path):
    """One environment goes through a whole life: making one takes seconds, so the steps share it."""
    lines = []

    def create(size, wheels=wheels, anew=False):
        return create_environment(
            size, wheels=wheels, python=sys.executable, log=lines.append, requirements=lists, anew=anew
        )

    probe = create("light")
    folder = environment_folder(sys.version_info)
    assert probe.path == python_of(folder)
    assert probe.packages == {"numpy": "9.9", "onnxruntime": "9.9"}
    assert read_record(folder)["size"] == "light"
    assert not os.path.exists(os.path.join(folder, UNFINISHED))
    assert any("onnxruntime" in line for line in lines)
    assert find_worker_python("onnx").path == probe.path

    made = os.stat(os.path.join(folder, COMPLETE)).st_mtime_ns
    assert create("light").path == probe.path
    assert os.stat(os.path.join(folder, COMPLETE)).st_mtime_ns == made, "a whole environment was made anew"

    empty = tmp_path / "empty"
    empty.mkdir()
    write_wheel(empty, "other", "")
    with pytest.raises(EnvironmentFailed, match="No matching distribution found for torch") as raised:
        create("full", str(empty))
    assert "wheel" in raised.value.hint
    assert read_record(folder)["size"] == "light", "a failure took a working environment away"
    assert not os.path.exists(os.path.join(folder, UNFINISHED))
    assert find_worker_python("onnx").path == probe.path

    assert create("full").usable_for("checkpoint")
    assert read_record(folder)["size"] == "full"
    assert create("light").usable_for("checkpoint"), "the smaller size replaced the larger one"

    stray = os.path.join(folder, "stray")
    open(stray, "w").close()
    with pytest.raises(EnvironmentFailed):
        create("full", str(empty), anew=True)
    assert read_record(folder)["size"] == "full" and os.path.exists(stray), "a failed repair took what was there"
    assert create("full", anew=True).usable_for("checkpoint")
    assert not os.path.exists(stray), "the repair kept what was there"
    assert os.listdir(os.path.dirname(folder)) == [os.path.basename(folder)]


def test_the_lists_ship_with_the_package(project_dir):
    folder = project_dir / "sr_plugin" / "runtime" / "requirements"
    light, full = (folder / "light.txt").read_text(), (folder / "full.txt").read_text()
    assert "onnxruntime==" in light and "torch" not in light
    assert "-r light.txt" in full and "torch==" in full
    pinned = [line for line in full.splitlines() if line.startswith("torch==")][0]
    version = pinned.split("==")[1].split()[0]
    for name in ("cpu.txt", "cuda.txt"):
        assert f"={version}" in (folder / name).read_text(), f"{name} is for another torch than the list"


@pytest.fixture
def commands(monkeypatch):
    """Records the commands instead of running them; ``commands.fail(text)`` makes those that contain it fail."""

    class Commands(list):
        failing = "\0"

        def fail(self, text):
            self.failing = text

    seen = Commands()
    seen.environments = []

    def fake(command, log, is_cancelled=None, environment=None):
        seen.append(list(command))
        seen.environments.append(environment)
        if "venv" in command:
            os.makedirs(os.path.dirname(python_of(command[-1])), exist_ok=True)
            open(python_of(command[-1]), "w").close()
        failed = seen.failing in command and not {TORCH_CPU_INDEX, TORCH_CUDA_INDEX} & set(command)
        return (1, ["ERROR: No matching distribution found for torch"]) if failed else (0, [])

    packages = {"numpy": "2", "onnxruntime": "1", "torch": "2"}
    monkeypatch.setattr(module, "run_logged", fake)
    monkeypatch.setattr(
        module, "probe_python", lambda path, **_: PythonProbe(path, "3.11.0", packages, makes_environments=True)
    )
    return seen


def _installs(commands):
    return [command for command in commands if "install" in command]


def test_torch_is_constrained_to_the_build_without_cuda(commands, tmp_path):
    create_environment("full", str(tmp_path / "e"), python=sys.executable)
    (install,) = _installs(commands)
    assert install[install.index("-c") + 1].endswith("cpu.txt")
    assert TORCH_CPU_INDEX not in install


def test_torch_comes_from_its_own_index_where_no_other_has_it(commands, tmp_path):
    commands.fail("install")
    create_environment("full", str(tmp_path / "e"), python=sys.executable)
    first, second = _installs(commands)
    assert second == [*first, "--extra-index-url", TORCH_CPU_INDEX]


def test_the_light_size_never_asks_for_torch(commands, tmp_path):
    create_environment("light", str(tmp_path / "e"), python=sys.executable)
    (install,) = _installs(commands)
    assert install[install.index("-r") + 1].endswith("light.txt")
    assert not any("torch" in argument or "cpu.txt" in argument for argument in install)


def test_wheels_reach_pip(commands, wheels, tmp_path):
    create_environment("full", str(tmp_path / "e"), wheels=wheels, python=sys.executable)
    (install,) = _installs(commands)
    assert install[install.index("--find-links") + 1] == wheels and "--no-index" in install
    assert "-c" not in install, "the build in the folder of wheels is the one that is wanted"


def test_the_proxy_goes_through_the_environment_only(commands, tmp_path):
    lines = []
    proxy = "http://me:secret@proxy:3128"
    create_environment(
        "light", str(tmp_path / "e"), proxy=proxy, no_proxy=["a.b", "c"], python=sys.executable, log=lines.append
    )
    assert not any("proxy:3128" in argument for command in commands for argument in command)
    assert not any("secret" in line for line in lines)
    assert len(commands.environments) == 2
    for variables in commands.environments:
        assert variables["HTTPS_PROXY"] == variables["http_proxy"] == proxy
        assert variables["NO_PROXY"] == "a.b,c"


def test_cuda_asks_for_its_own_build(commands, tmp_path, monkeypatch):
    monkeypatch.setattr(module.sys, "platform", "linux")
    commands.fail("install")
    lines = []
    create_environment("cuda", str(tmp_path / "e"), python=sys.executable, log=lines.append)
    first, second = _installs(commands)
    assert first[first.index("-c") + 1].endswith("cuda.txt") and first[first.index("-r") + 1].endswith("full.txt")
    assert second == [*first, "--extra-index-url", TORCH_CUDA_INDEX]
    assert read_record(str(tmp_path / "e"))["size"] == "cuda"
    assert any("no NVIDIA GPU" in line for line in lines)


def test_there_is_no_cuda_on_a_mac(monkeypatch, tmp_path):
    monkeypatch.setattr(module.sys, "platform", "darwin")
    with pytest.raises(ParameterError, match="no CUDA for macOS"):
        create_environment("cuda", str(tmp_path / "e"))


def test_a_folder_without_wheels_is_told(tmp_path):
    with pytest.raises(EnvironmentFailed, match="holds no wheels"):
        create_environment("light", str(tmp_path / "e"), wheels=str(tmp_path), python=sys.executable)
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("name", [COMPLETE, UNFINISHED])
@pytest.mark.parametrize("text", ["", "{}", "[]", '{"size": 7}', '{"size": ["light"]}', "[" * 100_000])
def test_files_of_such_names_make_no_folder_ours(tmp_path, name, text):
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / name).write_text(text)
    with pytest.raises(EnvironmentFailed, match="not made by this plugin"):
        create_environment("light", str(tmp_path), python=sys.executable)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("outcome", ["whole", "enlarged", "failed"])
def test_a_foreign_folder_beside_is_left_alone(commands, monkeypatch, tmp_path, outcome):
    folder, beside = tmp_path / "e", tmp_path / f"e{BEFORE}"
    if outcome == "enlarged":
        create_environment("light", str(folder), python=sys.executable)
    beside.mkdir()
    (beside / "thesis.txt").write_text("years of work")
    if outcome == "failed":
        monkeypatch.setattr(module, "run_logged", lambda *_: (1, ["ERROR: no"]))
        with pytest.raises(EnvironmentFailed):
            create_environment("light", str(folder), python=sys.executable)
    else:
        create_environment("full" if outcome == "enlarged" else "light", str(folder), python=sys.executable)
    assert (beside / "thesis.txt").read_text() == "years of work"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_what_a_link_leads_to_is_left_alone(commands, tmp_path):
    there, link = tmp_path / "there", tmp_path / "link"
    create_environment("light", str(there), python=sys.executable)
    (there / "mark").write_text("")
    (there / COMPLETE).rename(there / UNFINISHED)
    link.symlink_to(there)
    with pytest.raises(EnvironmentFailed, match="not made by this plugin"):
        remove_environment(str(link))
    assert (there / "mark").exists()


@pytest.mark.parametrize("step", ["venv", "install"])
@pytest.mark.parametrize("problem", [Cancelled("no"), EnvironmentFailed("no")])
def test_what_does_not_come_to_its_end_leaves_nothing(commands, monkeypatch, tmp_path, step, problem):
    original = module.run_logged

    def stop(command, *rest):
        code = original(command, *rest)
        if step in command:
            raise problem
        return code

    monkeypatch.setattr(module, "run_logged", stop)
    with pytest.raises(type(problem)):
        create_environment("light", str(tmp_path / "e"), python=sys.executable)
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_set_aside_comes_back(commands, tmp_path):
    folder, aside = tmp_path / "e", tmp_path / f"e{BEFORE}"
    create_environment("light", str(folder), python=sys.executable)
    folder.rename(aside)
    folder.mkdir()
    (folder / UNFINISHED).write_text('{"size": "light"}')
    (aside / "mark").write_text("")
    before = len(commands)
    with Attempt(str(folder), True, lambda: True):
        assert (folder / "mark").exists() and not aside.exists()
        assert read_record(str(folder)) is None, "a crash now would leave it marked as whole"
    assert read_record(str(folder))["size"] == "light" and len(commands) == before


def test_removing_takes_own_folders_only(commands, tmp_path):
    create_environment("light", str(tmp_path / "e"), python=sys.executable)
    remove_environment(str(tmp_path / "e"))
    assert not (tmp_path / "e").exists()
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(EnvironmentFailed, match="not made by this plugin"):
        remove_environment(str(tmp_path))
    assert (tmp_path / "thesis.txt").exists()


def test_half_made_environments_are_listed(tmp_path):
    folder = environment_folder((3, 11))
    assert broken_environments() == []
    os.makedirs(folder)
    with open(os.path.join(folder, UNFINISHED), "w") as file:
        file.write('{"size": "light"}')
    assert broken_environments() == [folder]


def test_uv_makes_the_environment_where_the_python_cannot(commands, monkeypatch, tmp_path):
    lame = PythonProbe("/x/python3", "3.11.0", {"numpy": "2", "onnxruntime": "1"})
    monkeypatch.setattr(module, "probe_python", lambda path, **_: lame)
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/bin/{name}")
    create_environment("light", str(tmp_path / "e"), python="/x/python3")
    assert commands[0][:2] == ["/bin/uv", "venv"] and "--seed" in commands[0]


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(EnvironmentFailed, match="not made by this plugin"):
        create_environment("light", str(tmp_path), python=sys.executable)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_what_an_earlier_try_left_is_replaced(commands, tmp_path):
    folder = tmp_path / "e"
    folder.mkdir()
    (folder / UNFINISHED).write_text('{"size": "light"}')
    (folder / "rubbish").write_text("")
    create_environment("light", str(folder), python=sys.executable)
    assert not (folder / "rubbish").exists()
    assert read_record(str(folder))["size"] == "light"


@pytest.mark.skipif(sys.platform == "win32", reason="uses /proc")
def test_a_folder_that_cannot_be_written_is_told():
    with pytest.raises(EnvironmentFailed, match="cannot be written"):
        create_environment("light", "/proc/sr_plugin", python=sys.executable)


def test_packages_that_do_not_load_are_told(commands, monkeypatch, tmp_path):
    broken = PythonProbe("p", "3.11.0", {"numpy": "2"}, problem="onnxruntime 1 is installed but does not load (DLL)")
    monkeypatch.setattr(module, "probe_python", lambda path, **_: broken)
    with pytest.raises(EnvironmentFailed, match="does not load"):
        create_environment("light", str(tmp_path / "e"), python=sys.executable)
    assert read_record(str(tmp_path / "e")) is None


@pytest.mark.parametrize(
    ("lines", "sentence", "hint"),
    [
        (["ERROR: no", "OSError: [Errno 28] No space left on device"], "no.", "disk space"),
        (["Retrying after NewConnectionError", "ERROR: No matching distribution found for numpy"], "numpy", "network"),
        (["The virtual environment was not created because ensurepip is not available."], "ensurepip", "python3-venv"),
        ([], "no message", "wheels"),
    ],
)
def test_the_telling_line_and_a_hint_are_given(lines, sentence, hint):
    error = module._failure("It failed", lines, False)
    assert sentence in error.message and hint in error.hint


def test_too_old_a_python_is_told(monkeypatch):
    monkeypatch.setattr(module, "probe_python", lambda path, **_: PythonProbe(path, "3.9.5", {"numpy": "1"}))
    with pytest.raises(EnvironmentFailed, match="is Python 3.9.5, and 3.10 or newer is needed"):
        create_environment("light", python="/x/python3")


def test_no_python_at_all_is_told(monkeypatch):
    monkeypatch.setattr(module, "every_python", lambda: [])
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(RuntimeMissing, match="3.10 or newer"):
        create_environment("light")


def test_a_broken_choice_does_not_keep_an_environment_from_being_made(commands, monkeypatch, tmp_path):
    good = PythonProbe("/x/python3", "3.11.0", {"numpy": "2", "onnxruntime": "1"}, makes_environments=True)
    probes = {"/gone/python3": PythonProbe("/gone/python3", problem="does not exist"), "/x/python3": good}
    monkeypatch.setenv("SR_PLUGIN_WORKER_PYTHON", "/gone/python3")
    monkeypatch.setattr(find_python, "_searched_pythons", lambda: iter(["/x/python3"]))
    monkeypatch.setattr(find_python, "_usable_names", list)
    monkeypatch.setattr(module, "probe_python", lambda path, **_: probes.get(path, good))
    create_environment("light", str(tmp_path / "e"))
    assert commands[0][0] == "/x/python3"


def test_wrong_arguments_are_told(tmp_path):
    with pytest.raises(ParameterError, match="no size 'huge'"):
        create_environment("huge")
    with pytest.raises(EnvironmentFailed, match="does not exist"):
        create_environment("light", wheels=str(tmp_path / "none"))


def test_a_cancel_kills_what_runs():
    with pytest.raises(Cancelled):
        run_logged([sys.executable, "-c", "import time; time.sleep(60)"], print, lambda: True)


def test_passwords_do_not_reach_the_log():
    lines = []
    code, seen = run_logged([sys.executable, "-c", "print('at https://me:secret@host/simple')"], lines.append)
    assert (code, lines) == (0, ["at https://host/simple"]) and seen == lines


def test_a_program_that_is_missing_is_told():
    code, lines = run_logged(["/no/such/program"], print)
    assert code == 127 and "cannot be started" in lines[0]


def test_the_report_says_what_was_looked_at():
    report = environment_report(sys.executable)
    assert report["pythons"][0]["origin"] == "chosen"
    text = report_text(report)
    assert sys.executable in text and "Python " in text and "cpu:" in text


def test_the_command_refuses_options_that_do_nothing():
    import argparse

    commands = argparse.ArgumentParser().add_subparsers()
    parser = environment_command.add_parser(commands)
    args = parser.parse_args(["--wheels", "x"])
    with pytest.raises(ParameterError, match="belong to --create"):
        args.run(args)


@pytest.mark.slow
def test_the_real_light_environment(tmp_path):
    lines = []
    probe = create_environment("light", str(tmp_path / "e"), log=lines.append)
    assert probe.usable_for("onnx"), lines
    assert not probe.usable_for("checkpoint")
    assert "scikit-image" in probe.packages
