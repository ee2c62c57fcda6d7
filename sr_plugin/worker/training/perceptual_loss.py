"""The perceptual loss: difference of the features of VGG19, whose weights the user gives."""

from __future__ import annotations

import re

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.errors import ModelMismatch

#: Channels of the convolutions of VGG19 (Simonyan and Zisserman, 2014, arXiv:1409.1556, table 1, E); 0 halves.
_LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_NAME = re.compile(r"(?:.*\.)?(?:features\.)?(\d+)\.(weight|bias)$")
_COLOURS = 3


def _features() -> nn.Sequential:
    """The layers up to the sixteenth convolution, before its activation, as ESRGAN takes them."""
    layers: list[nn.Module] = []
    taken = _COLOURS
    for given in _LAYERS:
        if given:
            layers += [nn.Conv2d(taken, given, 3, padding=1), nn.ReLU()]
            taken = given
        else:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:-1])


class PerceptualLoss(nn.Module):
    """Mean absolute difference of features of the sixteenth convolution of VGG19 before its activation.

    As in ESRGAN (Wang et al., 2018, arXiv:1809.00219, section 3.2).

    Args:
        path: weights under the names of torchvision (``features.0.weight`` ...).
        colours: which bands are shown as red, green and blue.

    Raises:
        ModelUnreadable, ModelNotFound: when the file cannot be read.
        ModelMismatch: when it holds another network.
    """

    def __init__(self, path: str, colours: tuple[int, int, int]) -> None:
        super().__init__()
        self._colours = list(colours)
        self.features = _features()
        found: dict[str, torch.Tensor] = {}
        wanted = self.features.state_dict()
        for name, array in read_checkpoint(path).tensors.items():
            match = _NAME.match(name)
            if match and "classifier" not in name and f"{match.group(1)}.{match.group(2)}" in wanted:
                found[f"{match.group(1)}.{match.group(2)}"] = torch.from_numpy(array).float()
        try:
            self.features.load_state_dict(found)
        except RuntimeError as error:
            raise ModelMismatch(
                f"'{path}' does not hold the weights of VGG19.", "Give a file with the names of torchvision's vgg19."
            ) from error
        for name, values in (("mean", _MEAN), ("spread", _SPREAD)):
            self.register_buffer(name, torch.tensor(values)[None, :, None, None], persistent=False)
        self.requires_grad_(False)
        self.eval()

    def forward(self, result: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The loss of two images whose usual contrast runs from 0 to 1."""
        one, other = (
            self.features((image[:, self._colours].clamp(0, 1) - self.mean) / self.spread) for image in (result, target)
        )
        return functional.l1_loss(one, other)
