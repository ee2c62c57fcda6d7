"""Write a trained network as ONNX and as safetensors, and check that both say the same."""

from __future__ import annotations

import json
import struct
from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np
import onnxruntime
import torch
from torch import nn

_OPSET = 17
_TOLERANCE = 1e-5
#: Height and width of the example that is traced, and other sizes for the check; multiples of every pixel size.
_TRACED = (24, 36)
_CHECKED = ((1, 60, 42), (3, 18, 96))


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


def write_onnx(path: str, model: nn.Module, inputs: Sequence[Tuple[str, int]]) -> None:
    """ONNX with any batch size, height and width.

    Args:
        path: of the file.
        model: takes one ``(N, bands, H, W)`` array for each of ``inputs``, all of one height and width.
        inputs: name and number of bands of each.
    """
    free = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        model,
        tuple(torch.rand(1, bands, *_TRACED) for _, bands in inputs),
        path,
        opset_version=_OPSET,
        dynamo=False,
        input_names=[name for name, _ in inputs],
        output_names=["output"],
        dynamic_axes={
            **{name: free for name, _ in inputs},
            "output": {0: "batch", 2: "high_height", 3: "high_width"},
        },
    )


@torch.no_grad()
def check_onnx(path: str, function: Callable[..., torch.Tensor], inputs: Sequence[Tuple[str, int]]) -> float:
    """Largest difference between ONNX Runtime and torch, on sizes other than the traced one."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for batch, *size in _CHECKED:
        given: List[torch.Tensor] = [torch.rand(batch, bands, *size, generator=generator) for _, bands in inputs]
        (y,) = session.run(["output"], {name: x.numpy() for (name, _), x in zip(inputs, given)})
        worst = max(worst, float(np.abs(y - function(*given).numpy()).max()))
    return worst


def export_model(
    model: nn.Module, stem: str, inputs: Sequence[Tuple[str, int]], tensors: Dict[str, torch.Tensor] | None = None
) -> None:
    """Write ``stem.onnx`` and ``stem.safetensors``.

    Args:
        model: as for :func:`write_onnx`.
        stem: path of the model without its ending.
        inputs: as for :func:`write_onnx`.
        tensors: what the safetensors file is to hold, where that is not the model's own state.

    Raises:
        RuntimeError: when ONNX Runtime and torch disagree.
    """
    model.eval()
    write_safetensors(stem + ".safetensors", model.state_dict() if tensors is None else tensors)
    write_onnx(stem + ".onnx", model, inputs)
    difference = check_onnx(stem + ".onnx", model, inputs)
    if difference > _TOLERANCE:
        raise RuntimeError(f"ONNX Runtime differs from torch by {difference:.2g}")
