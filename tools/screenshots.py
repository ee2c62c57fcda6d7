"""Pictures of the plugin in a real QGIS desktop, to judge the interface by.

Without arguments: stages the plugin, starts QGIS under Xvfb with a fresh profile and takes every picture.
The same file runs inside that QGIS, through ``qgis --code``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib import import_module
from typing import Dict, List

#: QGIS runs this file without telling it where it lies.
PROJECT = os.environ.get("SR_SHOTS_PROJECT") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if PROJECT not in sys.path:
    sys.path.insert(0, PROJECT)

from tools.shots.session import FOLDER, MODEL, RASTER, SCENARIO, Session  # noqa: E402 - needs the path above

#: Milliseconds for QGIS to settle after it started.
_START = 4000
_TIMEOUT = 180


def take_pictures(scenario: str, arguments: argparse.Namespace, raster: str) -> int:
    """Start QGIS and let it take the pictures of one scenario; its exit code."""
    from tools.stage import stage

    work = tempfile.mkdtemp(prefix="sr-shots-")
    try:
        stage(os.path.join(work, "plugins"))
        # The folder name is doubled: QGIS puts "profiles" below the path that it is given.
        settings = os.path.join(work, "profiles", "profiles", "default", "QGIS", "QGIS3.ini")
        os.makedirs(os.path.dirname(settings))
        with open(settings, "w", encoding="utf-8") as file:
            file.write("[PythonPlugins]\nsr_plugin=true\n")
            if arguments.dark:
                file.write("[UI]\nUITheme=Night Mapping\n")
        environment = {
            **os.environ,
            "SR_SHOTS_PROJECT": PROJECT,
            SCENARIO: scenario,
            FOLDER: os.path.abspath(arguments.folder),
            RASTER: shutil.copy(raster, work),
            "QGIS_PLUGINPATH": os.path.join(work, "plugins"),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "SR_PLUGIN_DATA": os.path.join(work, "data"),
        }
        environment.setdefault("SR_PLUGIN_WORKER_PYTHON", arguments.python)
        environment.pop("QT_QPA_PLATFORM", None)
        os.makedirs(arguments.folder, exist_ok=True)
        command = ["xvfb-run", "-a", "-s", f"-screen 0 {arguments.screen}x24", "qgis", "--nologo", "--noversioncheck"]
        command += ["--profiles-path", os.path.join(work, "profiles"), "--code", os.path.abspath(__file__)]
        return _run(command, environment)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(command: List[str], environment: Dict[str, str]) -> int:
    """Run a command and everything that it starts; end all of it when it takes too long."""
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        return process.wait(_TIMEOUT)
    except subprocess.TimeoutExpired:
        print("QGIS did not end in time.", file=sys.stderr)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        return 1


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=os.path.join(PROJECT, "build", "screenshots"))
    parser.add_argument("--scenario", action="append", default=[], help="one of tools/shots; default: all of them")
    parser.add_argument("--raster", default="", help="raster to show; default: the sample")
    python = os.path.join(PROJECT, ".venv", "bin", "python")
    parser.add_argument("--python", default=python, help="Python of the worker; default: that of .venv")
    parser.add_argument("--model", default="", help="model of the run; default: that of the dialog")
    parser.add_argument("--screen", default="1600x1000", help="size of the screen")
    parser.add_argument("--dark", action="store_true", help="with the dark theme of QGIS")
    arguments = parser.parse_args()
    if arguments.model:
        os.environ[MODEL] = arguments.model
    samples = os.path.join(PROJECT, "resources", "sample")
    raster = arguments.raster or os.path.join(samples, next(n for n in os.listdir(samples) if n.endswith(".tif")))
    codes = [take_pictures(scenario, arguments, raster) for scenario in arguments.scenario or scenarios()]
    sys.exit(max(codes))


def scenarios() -> List[str]:
    """Names of all scenarios."""
    names = os.listdir(os.path.join(PROJECT, "tools", "shots"))
    return sorted(n[:-3] for n in names if n.endswith(".py") and n not in ("__init__.py", "session.py"))


if SCENARIO in os.environ:
    from qgis.PyQt.QtCore import QTimer
    from qgis.utils import iface

    session = Session(iface)
    session.steps = import_module(f"tools.shots.{os.environ[SCENARIO]}").steps(session)
    QTimer.singleShot(_START, session.next)
elif __name__ == "__main__":
    main()
