"""A run in a process of its own that holds still after some tiles, whatever the speed of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Sequence

_HALTS = """
import os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
most = int(sys.argv.pop(1))
from sr_plugin.command_line.main import main
from sr_plugin.pipeline import journal, tile_writer
tile_writer._FLUSH_SECONDS = 0.0
add, kept = journal.Journal.add, []
def add_and_halt(self, entries):
    add(self, entries)
    before = len(kept)
    kept.extend(entries)
    if before < most <= len(kept):
        os.kill(os.getpid(), signal.SIGSTOP)
journal.Journal.add = add_and_halt
sys.exit(main())
"""


def halted_run(project: str, tiles: int, arguments: Sequence[str], folder: str) -> subprocess.Popen:
    """Start the command line and wait until its journal holds so many tiles; it goes on by SIGCONT.

    Args:
        project: folder that the package lies in.
        tiles: fewer than the run has.
        arguments: of ``python -m sr_plugin``.
        folder: current folder of the process.
    """
    command = [sys.executable, "-c", _HALTS, str(project), str(tiles), *arguments]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), process.stderr.read()
    return process
