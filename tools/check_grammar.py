"""Check that files parse with the grammar of Python 3.9, the oldest one that QGIS ships on Windows."""

from __future__ import annotations

import ast
import os
import sys
from typing import Iterator

GRAMMAR = (3, 9)


def _python_files(root: str) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))


def main() -> int:
    """Check the folders named as arguments; folders after ``--except`` are left out."""
    arguments = sys.argv[1:]
    split = arguments.index("--except") if "--except" in arguments else len(arguments)
    left_out = tuple(os.path.normpath(folder) + os.sep for folder in arguments[split + 1 :])
    failed = 0
    for root in arguments[:split]:
        for path in _python_files(root):
            if os.path.normpath(path).startswith(left_out):
                continue
            with open(path, encoding="utf-8") as file:
                try:
                    ast.parse(file.read(), filename=path, feature_version=GRAMMAR)
                except SyntaxError as error:
                    print(f"{path}:{error.lineno}: {error.msg}", file=sys.stderr)
                    failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
