"""``python -m sr_plugin.worker.training FOLDER`` works the job folder of a training."""

from __future__ import annotations

import os
import sys

_NICENESS = 5


def main(arguments: list[str]) -> int:
    """Work the folder; the exit code."""
    if len(arguments) != 1:
        print("usage: python -m sr_plugin.worker.training FOLDER", file=sys.stderr)
        return 2
    # Waiting threads that spin would take the processor from others, QGIS among them; read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if hasattr(os, "nice"):
        # Whoever works at the computer meanwhile comes first.
        os.nice(_NICENESS)
    from sr_plugin.core.errors import SuperResolutionError
    from sr_plugin.core.job_folder import JobFolder
    from sr_plugin.worker.training.work import Worker

    folder = JobFolder(arguments[0])
    try:
        folder.check()
        folder.make()
        return Worker(folder).work()
    except SuperResolutionError as error:
        print(str(error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
