"""Write a trained network as ONNX and as safetensors, and check that both say the same.

Run from the repository root to export a checkpoint of the training:
``python -m models.recipes.export_s2_rgbn CHECKPOINT.pt models/s2-rgbn-x2 --scale 2``.
"""

from __future__ import annotations

import argparse
import json
import struct
from typing import Dict

import numpy as np
import onnxruntime
import torch

from sr_plugin.worker.architectures.edsr_bicubic import EdsrBicubic

_OPSET = 17
_TOLERANCE = 1e-5


def write_safetensors(path: str, tensors: Dict[str, torch.Tensor]) -> None:
    """float32 tensors in the safetensors layout: header length, JSON header padded to 8 bytes, raw values."""
    header: Dict[str, object] = {"__metadata__": {"format": "pt"}}
    values, offset = [], 0
    for name, tensor in sorted(tensors.items()):
        raw = tensor.detach().cpu().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
        values.append(raw)
        offset += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(values))


def write_onnx(path: str, model: EdsrBicubic) -> None:
    """ONNX with any batch size, height and width."""
    free = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        model,
        (torch.rand(1, model.shallow.in_channels, 24, 32),),
        path,
        opset_version=_OPSET,
        dynamo=False,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": free, "output": {0: "batch", 2: "high_height", 3: "high_width"}},
    )


@torch.no_grad()
def check_onnx(path: str, model: EdsrBicubic) -> float:
    """Largest difference between ONNX Runtime and torch, on sizes other than the traced one."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for shape in ((1, 57, 40), (3, 16, 91)):
        x = torch.rand(shape[0], model.shallow.in_channels, *shape[1:], generator=generator)
        (y,) = session.run(["output"], {"input": x.numpy()})
        worst = max(worst, float(np.abs(y - model(x).numpy()).max()))
    return worst


def export_model(model: EdsrBicubic, stem: str) -> None:
    """Write ``stem.onnx`` and ``stem.safetensors``.

    Raises:
        RuntimeError: when ONNX Runtime and torch disagree.
    """
    model.eval()
    write_safetensors(stem + ".safetensors", model.state_dict())
    write_onnx(stem + ".onnx", model)
    difference = check_onnx(stem + ".onnx", model)
    if difference > _TOLERANCE:
        raise RuntimeError(f"ONNX Runtime differs from torch by {difference:.2g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="file written by the training")
    parser.add_argument("stem", help="path of the model without its ending")
    parser.add_argument("--scale", type=int, choices=(2, 4), required=True)
    arguments = parser.parse_args()
    model = EdsrBicubic(scale=arguments.scale)
    model.load_state_dict(torch.load(arguments.checkpoint, map_location="cpu", weights_only=True)["ema"])
    export_model(model, arguments.stem)


if __name__ == "__main__":
    main()
