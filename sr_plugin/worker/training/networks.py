"""The networks of a training with the maps around them: quantities in, quantities out."""

from __future__ import annotations

import torch
from torch import nn

from sr_plugin.core.card import BAND_FUSION, SINGLE_IMAGE
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.worker.training.start import Start
from sr_plugin.worker.training.value_map import ValueMap

Inputs = tuple[torch.Tensor, ...]


class Runner:
    """Runs the network of a training on quantities.

    Args:
        start: network and card.
        device: where it runs.
    """

    def __init__(self, start: Start, device: torch.device) -> None:
        self._per_band = start.per_band
        self._fusion = start.card.kind == BAND_FUSION
        # As in use: a single image gets back what the clamp took from it.
        self._carries = start.card.kind == SINGLE_IMAGE
        self._map = ValueMap(start.card.value_range, start.input_bands, device, start.target_scaling)

    def _apart(self, x: torch.Tensor) -> torch.Tensor:
        """Every band as an example of its own: ``(N, [L,] bands, h, w)`` to ``(N * bands, [L,] 1, h, w)``."""
        return x.movedim(-3, 1).flatten(0, 1).unsqueeze(-3)

    def to_network(self, inputs: Inputs) -> Inputs:
        """What the network takes."""
        return self._map.to_model(tuple(self._apart(x) for x in inputs) if self._per_band else inputs)

    def from_network(self, output: torch.Tensor, examples: int) -> torch.Tensor:
        """What the network gave, as quantities ``(examples, bands, H, W)`` in float32."""
        output = self._map.to_quantity(output.float())
        return output.squeeze(1).unflatten(0, (examples, -1)) if self._per_band else output

    def __call__(self, network: nn.Module, inputs: Inputs) -> torch.Tensor:
        """Inputs ``(N, [L,] bands, h, w)`` through a network, both as quantities."""
        result = self.from_network(network(*self.to_network(inputs)), inputs[0].shape[0])
        rest = self._map.outside(inputs[-1]) if self._carries else None
        enlarged = None if rest is None else plain_result((rest,), result.shape[-3], tuple(result.shape[-2:]))
        return result if enlarged is None else result + enlarged


def plain_result(inputs: Inputs, target_bands: int, size: tuple[int, int]) -> torch.Tensor | None:
    """What is there without a network: the image, or the first of several views, by cubic convolution (a = -0.5).

    The first view lies where the target does, the others are displaced by parts of a pixel.

    Args:
        inputs: quantities ``(N, [L,] bands, h, w)``; the last input is what is enlarged.
        target_bands: bands that are wanted.
        size: height and width that are wanted.

    Returns:
        ``(N, target_bands, *size)``, or None where the bands of the input are others.
    """
    image = inputs[-1]
    image = image[:, 0] if image.ndim == 5 else image
    scale = size[0] // image.shape[-2]
    if image.shape[-3] != target_bands or image.shape[-2] * scale != size[0]:
        return None
    if scale == 1:
        return image
    return torch.from_numpy(enlarge_cubic(image.cpu().numpy(), scale)).to(image.device)
