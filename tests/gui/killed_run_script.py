"""Runs one algorithm in a QGIS of its own: ``killed_run_script.py INDEX_FOLDER ALGORITHM PARAMETERS_AS_JSON``."""

from __future__ import annotations

import json
import os
import sys

from tests.qgis_session import start_plugin

if __name__ == "__main__":
    start_plugin()
    # Starting QGIS gave this process a data folder of its own.
    os.environ["SR_PLUGIN_DATA"] = sys.argv[1]
    import processing

    processing.run(sys.argv[2], json.loads(sys.argv[3]))
