"""Super-resolve the sample raster through qgis_process, as a user of QGIS would, and make a before/after picture.

Uses the staged plugin in build/sr_plugin and a QGIS profile of its own, so that nothing of the user's is touched.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any, Dict, List

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tools.before_after import write_before_after  # noqa: E402
from tools.stage import PROJECT  # noqa: E402

_SAMPLE = os.path.join(PROJECT, "resources", "sample", "sentinel2_virginia_10m.tif")
#: The town with its harbour: column, row and side in pixels of the sample.
_CROP = (124, 100, 80)


def _qgis_process() -> str:
    # The wrapper script of Debian 12 passes an option that the program does not know, so the program comes first.
    for name in ("qgis_process.bin", "qgis_process"):
        found = shutil.which(name)
        if found:
            return found
    sys.exit("qgis_process was not found. Install QGIS, or run: make system")


def _environment(folder: str) -> Dict[str, str]:
    profile = os.path.join(folder, "profile")
    settings = os.path.join(profile, "profiles", "default", "QGIS")
    runtime = os.path.join(folder, "run")
    os.makedirs(settings, exist_ok=True)
    os.makedirs(runtime, mode=0o700, exist_ok=True)
    with open(os.path.join(settings, "QGIS3.ini"), "w", encoding="utf-8") as file:
        file.write("[PythonPlugins]\nsr_plugin=true\n")
    # The virtual environment is for the worker only: QGIS starts with the system's Python.
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {
        **kept,
        "QGIS_PLUGINPATH": os.path.join(PROJECT, "build"),
        "QGIS_CUSTOM_CONFIG_PATH": profile,
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": runtime,
        "SR_PLUGIN_WORKER_PYTHON": os.environ.get("SR_PLUGIN_WORKER_PYTHON") or sys.executable,
        "SR_PLUGIN_CACHE": os.path.join(folder, "cache"),
    }


def _record(stdout: str) -> Dict[str, Any]:
    """The JSON record, which a plugin's stray print may precede."""
    start = stdout.find("{")
    try:
        return dict(json.loads(stdout[start:])) if start >= 0 else {}
    except ValueError:
        return {}


def _run(command: List[str], folder: str) -> Dict[str, Any]:
    done = subprocess.run(
        command,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    record = _record(done.stdout)
    if done.returncode or "results" not in record:
        sys.stderr.write(done.stderr)
        sys.exit(f"qgis_process ended with code {done.returncode} and no result.")
    return record


def _number(value: Any) -> str:
    return f"{float(value):.1f}" if isinstance(value, (int, float)) else str(value)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", default=_SAMPLE, help="raster (default: the sample)")
    parser.add_argument("--model", default="s2-rgbn-x4", help="model (default: %(default)s)")
    parser.add_argument("--folder", default=os.path.join(PROJECT, "build", "demo"), help="default: build/demo")
    parser.add_argument("--crop", nargs=3, type=int, default=_CROP, metavar=("COLUMN", "ROW", "SIDE"))
    args = parser.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    stem = os.path.splitext(os.path.basename(args.input))[0]
    output = os.path.abspath(os.path.join(args.folder, f"{stem}_{args.model.replace(':', '-')}.tif"))
    picture = os.path.splitext(output)[0] + ".png"
    command = [_qgis_process(), "run", "superres:superresolve", "--json", f"INPUT={os.path.abspath(args.input)}"]
    started = time.monotonic()
    record = _run([*command, f"MODEL={args.model}", f"OUTPUT={output}"], args.folder)
    seconds = time.monotonic() - started
    results = record["results"]
    device = results.get("DEVICE", "unknown")
    title = f"{os.path.basename(args.input)}, model {args.model}. The added detail is modelled, not observed."
    write_before_after(args.input, output, picture, tuple(args.crop), title)
    print(f"Raster:  {output}")
    print(f"Picture: {picture}")
    print(f"Time:    {_number(results.get('SECONDS', '?'))} s, {seconds:.1f} s with the start of QGIS")
    print(f"Device:  {device}, precision {results.get('PRECISION', 'unknown')}")
    for line in record.get("log", {}).get("warning", []):
        print(f"Warning: {line}")


if __name__ == "__main__":
    main()
