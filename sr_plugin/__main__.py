"""``python -m sr_plugin``: the command line."""

from __future__ import annotations

import sys

from sr_plugin.command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
