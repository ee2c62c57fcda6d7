"""Discriminators: networks that tell results from targets."""

from __future__ import annotations

import math

import torch
from torch import nn

from sr_plugin.core.errors import ParameterError

_SLOPE = 0.2
_SMALLEST_SIDE = 16
_POOLED = 4


def _block(taken: int, given: int, kernel: int, stride: int, norm: bool) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv2d(taken, given, kernel, stride, 1, bias=not norm)]
    return layers + ([nn.BatchNorm2d(given)] if norm else []) + [nn.LeakyReLU(_SLOPE)]


class SrganDiscriminator(nn.Sequential):
    """Eight convolutions, then two dense layers (Ledig et al., 2017, arXiv:1609.04802, figure 4).

    ``(N, bands, H, W)`` to ``(N, 1)``. Features are brought to 4 x 4 before the dense layers, so that any size can be
    judged.
    """

    def __init__(self, bands: int, width: int, norm: bool) -> None:
        layers = _block(bands, width, 3, 1, False) + _block(width, width, 3, 2, norm)
        taken = width
        for given in (2 * width, 4 * width, 8 * width):
            layers += _block(taken, given, 3, 1, norm) + _block(given, given, 3, 2, norm)
            taken = given
        dense = [nn.Linear(taken * _POOLED**2, 16 * width), nn.LeakyReLU(_SLOPE), nn.Linear(16 * width, 1)]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(_POOLED), nn.Flatten(), *dense)


class PatchDiscriminator(nn.Sequential):
    """PatchGAN: an answer for every overlapping patch (Isola et al., 2017, arXiv:1611.07004, appendix 6.1.2).

    ``(N, bands, H, W)`` to ``(N, 1, h, w)``. With three halvings, each answer sees 70 x 70 pixels.
    """

    def __init__(self, bands: int, width: int, norm: bool, halvings: int) -> None:
        layers = _block(bands, width, 4, 2, False)
        taken = width
        for number in range(1, halvings):
            given = width * 2 ** min(number, 3)
            layers += _block(taken, given, 4, 2, norm)
            taken = given
        given = width * 2 ** min(halvings, 3)
        super().__init__(*layers, *_block(taken, given, 4, 1, norm), nn.Conv2d(given, 1, 4, 1, 1))


class EsrganDiscriminator(nn.Sequential):
    """The VGG-like discriminator of ESRGAN: pairs of a 3 x 3 and a halving 4 x 4 convolution, then two dense layers.

    ``(N, bands, H, W)`` to ``(N, 1)``; five halvings for 128 x 128 (Wang et al., 2018, arXiv:1809.00219), fewer for
    smaller images. Features are brought to 4 x 4 before the dense layers.
    """

    def __init__(self, bands: int, width: int, norm: bool, halvings: int) -> None:
        layers = _block(bands, width, 3, 1, False) + _block(width, width, 4, 2, norm)
        taken = width
        for number in range(1, halvings):
            given = width * 2 ** min(number, 3)
            layers += _block(taken, given, 3, 1, norm) + _block(given, given, 4, 2, norm)
            taken = given
        dense = [nn.Linear(taken * _POOLED**2, 100), nn.LeakyReLU(_SLOPE), nn.Linear(100, 1)]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(_POOLED), nn.Flatten(), *dense)


def build_discriminator(kind: str, bands: int, width: int, side: int, norm: bool) -> nn.Module:
    """A discriminator with fresh weights.

    Args:
        kind: ``srgan``, ``patchgan`` or ``esrgan``.
        bands: bands that it sees.
        width: channels of its first layer.
        side: height and width of the images in training; small ones are halved less often.
        norm: with batch normalisation. Off where the gradient by a single image is penalised, which other images of
            the batch must not change.

    Raises:
        ParameterError: when the images are too small to be judged.
    """
    if side < _SMALLEST_SIDE:
        raise ParameterError(
            f"A discriminator needs targets of at least {_SMALLEST_SIDE} pixels, and these have {side}.",
            "Give larger patches.",
        )
    halvings = int(math.log2(side))
    if kind == "srgan":
        return SrganDiscriminator(bands, width, norm)
    if kind == "patchgan":
        return PatchDiscriminator(bands, width, norm, max(1, min(3, halvings - 2)))
    return EsrganDiscriminator(bands, width, norm, max(1, min(5, halvings - 2)))


def initialise(network: nn.Module) -> None:
    """Weights of the convolutions from a normal distribution of 0.02, as in pix2pix (arXiv:1611.07004, 6.2)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def seen(images: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
    """What a discriminator sees: images, with what they were made from where it is conditional."""
    return images if condition is None else torch.cat((condition, images), 1)
