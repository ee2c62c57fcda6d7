"""Store what the shipped model makes of the sample raster, for the check "Try the sample".

Example:
    .venv/bin/python tools/make_sample_expectation.py
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, PROJECT)

from sr_plugin.gui.sample_check import expected_path, facts_of, sample_path  # noqa: E402 - needs the path above
from sr_plugin.pipeline.request import SuperResolveRequest  # noqa: E402
from sr_plugin.pipeline.superresolve import superresolve  # noqa: E402
from sr_plugin.raster.source import RasterSource  # noqa: E402

_MODEL = "s2-rgbn-x2"
#: Distance of the stored pixels.
_STEP = 32
#: In digital numbers of reflectance x 10000. Runtimes differ by less than 1; GPUs that shorten float32 by a few.
_TOLERANCE = {"mean": 1.0, "std": 1.0, "pixel": 20.0}


def main() -> None:
    """Run the model on the CPU and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "result.tif")
        request = SuperResolveRequest(sample_path(), output, _MODEL, (1, 2, 3, 4), device="cpu", precision="float32")
        result = superresolve(request)
        source = RasterSource(output)
        pixels = source.read(tuple(range(1, source.band_count + 1)), source.grid.window).data
    facts = {
        "model": _MODEL,
        "sha256": result.model_sha256,
        "shape": list(pixels.shape),
        "step": _STEP,
        "tolerance": _TOLERANCE,
        "bands": facts_of(pixels, _STEP),
    }
    with open(expected_path(), "w", encoding="utf-8") as file:
        json.dump(facts, file, separators=(",", ":"))
        file.write("\n")
    print(expected_path())


if __name__ == "__main__":
    main()
