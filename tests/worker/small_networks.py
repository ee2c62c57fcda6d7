"""Small torch networks written as ONNX, for the tests of black boxes."""

from __future__ import annotations

import torch
from torch import nn

from sr_plugin.core.onnx_metadata import encoded_metadata


class Small(nn.Module):
    """Convolutions and a pixel shuffle over the enlarged input; reach ``layers + 2`` where there is no stride."""

    def __init__(self, bands=3, scale=2, layers=2, stride=1, whole=False, last=False, given=0):
        super().__init__()
        self.whole, self.last = whole, last
        given = given or bands
        self.head = nn.Conv2d(bands, 8, 3, padding=1, stride=stride)
        self.body = nn.Sequential(*[nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()) for _ in range(layers)])
        self.tail = nn.Conv2d(8, given * (scale * stride) ** 2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale * stride)

    def forward(self, x):
        x = x.permute(0, 3, 1, 2) if self.last else x
        features = self.body(self.head(x))
        if self.whole:
            features = features * torch.sigmoid(features.mean((2, 3), keepdim=True))
        result = self.shuffle(self.tail(features))
        return result.permute(0, 2, 3, 1) if self.last else result


class Enlarging(nn.Module):
    """Repeats pixels; turned, it gives its bands in reverse order."""

    def __init__(self, scale=2, turned=False):
        super().__init__()
        self.scale, self.turned = scale, turned

    def forward(self, x):
        x = torch.clamp(x.flip(1) if self.turned else x, 0.0, 1.0)
        return nn.functional.interpolate(x, scale_factor=self.scale, mode="nearest")


def write_onnx(network, path, bands, size=None, half=False, metadata=None, last=False, opset=17):
    """Write a network; ``size`` (height, width) makes it static."""
    torch.manual_seed(0)
    network = network.eval().half() if half else network.eval()
    height, width = size or (32, 40)
    shape = (1, height, width, bands) if last else (1, bands, height, width)
    example = torch.rand(shape, dtype=torch.float16 if half else torch.float32)
    axes = {0: "n", 1: "h", 2: "w"} if last else {0: "n", 2: "h", 3: "w"}
    torch.onnx.export(
        network,
        (example,),
        str(path),
        dynamo=False,
        opset_version=opset,
        input_names=["in"],
        output_names=["out"],
        dynamic_axes=None if size else {"in": axes, "out": axes},
    )
    with open(path, "ab") as file:
        file.write(encoded_metadata(metadata or {}))
    return str(path)
