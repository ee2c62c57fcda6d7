"""Zip the staged plugin for QGIS' plugin repository and check the zip against the repository's rules.

The same stage gives the same bytes: names are sorted and times fixed.
"""

from __future__ import annotations

import argparse
import os
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tools.package_rules import problems_of, read_metadata  # noqa: E402
from tools.stage import PACKAGE, PROJECT  # noqa: E402

_TIME = (2020, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def package(stage_folder: str, target: str) -> str:
    """Write the zip; its path.

    Args:
        stage_folder: the staged ``sr_plugin``.
        target: folder to write ``sr_plugin-VERSION.zip`` to.
    """
    with open(os.path.join(stage_folder, "metadata.txt"), encoding="utf-8") as file:
        version = read_metadata(file.read())["version"]
    path = os.path.join(target, f"{PACKAGE}-{version}.zip")
    files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(stage_folder) for name in names)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for source in files:
            inside = os.path.join(PACKAGE, os.path.relpath(source, stage_folder)).replace(os.sep, "/")
            entry = zipfile.ZipInfo(inside, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            with open(source, "rb") as file:
                archive.writestr(entry, file.read(), compresslevel=9)
    return path


def main() -> int:
    """Command line; 1 when the zip breaks a rule."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", default=os.path.join(PROJECT, "build", PACKAGE), help="default: build/sr_plugin")
    parser.add_argument("--target", default=os.path.join(PROJECT, "build"), help="default: build")
    args = parser.parse_args()
    path = package(args.stage, args.target)
    size = os.path.getsize(path)
    problems = problems_of(path, size)
    for problem in problems:
        print(f"{os.path.basename(path)}: {problem}", file=sys.stderr)
    print(f"{path} ({size / 1e6:.2f} MB)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
