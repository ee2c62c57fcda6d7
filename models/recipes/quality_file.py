"""What measuring shipped models has in common: their ONNX files, the command line, the file of figures."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any, Dict, Mapping, Optional, Sequence

import onnxruntime


def open_onnx(path: str, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX file on the CPU.

    Args:
        path: of the file.
        threads: of ONNX Runtime within an operation.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def parse_arguments(description: str, which: str, chosen: Sequence[int], output: str) -> argparse.Namespace:
    """The command line of a measurement.

    Args:
        description: of the program.
        which: name of the option that chooses models by numbers.
        chosen: its default.
        output: name of the file of figures beside the recipes.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", required=True, help="folder that holds the image sources")
    parser.add_argument("--models", default="models", help="folder of the ONNX files")
    parser.add_argument("--runs", help="folder of the training runs, for their facts")
    parser.add_argument(f"--{which}", type=int, nargs="+", default=tuple(chosen))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", default=os.path.join("models", "recipes", output))
    return parser.parse_args()


def training_facts(runs: Optional[str], name: str) -> Dict[str, Any]:
    """What the training of a model wrote of itself; nothing where no folder of runs was given."""
    if not runs:
        return {}
    with open(os.path.join(runs, name + ".run.json"), encoding="utf-8") as file:
        return {"training": json.load(file)}


def summary_of(data: str, sources: Mapping[str, Sequence[str]], credit: str) -> str:
    """The training data in one line, for a model card.

    Args:
        data: what was taken of the sources.
        sources: licence, as the first of its facts, by the name of a source.
        credit: that the licences ask for.
    """
    listed = ", ".join(f"{source} ({facts[0]})" for source, facts in sources.items())
    return f"{data} {listed}; {credit}"


def write_quality(path: str, method: Mapping[str, str], summary: str, credit: str, models: Mapping[str, Any]) -> None:
    """Write the figures of all models with how they were made, as JSON."""
    quality = {"method": method, "training_data_summary": summary, "credit": credit, "models": models}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(quality, file, indent=2)
        file.write("\n")
