"""HighRes-net (Deudon et al., 2020, arXiv:2002.06460)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.parts import conv

_REFERENCE_VIEWS = 9


class _Residual(nn.Module):
    """``x + act(conv(act(conv(x))))`` on ``(N, width, H, W)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(conv(width, width), nn.PReLU(), conv(width, width), nn.PReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x)


class _Encoder(nn.Module):
    """``(M, 2 * bands, H, W)``, a view and its reference, to ``(M, width, H, W)``."""

    def __init__(self, bands: int, width: int, blocks: int) -> None:
        super().__init__()
        self.init_layer = nn.Sequential(conv(2 * bands, width), nn.PReLU())
        self.res_layers = nn.Sequential(*(_Residual(width) for _ in range(blocks)))
        self.final = nn.Sequential(conv(width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.final(self.res_layers(self.init_layer(x)))


class _Fusion(nn.Module):
    """``(N, L, width, H, W)`` to ``(N, width, H, W)``; L must be a power of two.

    Each view of the first half takes its partner from the other end into account: ``a + alpha * fuse(a, b)``, with
    alpha 0 where the partner is padding.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fuse = nn.Sequential(_Residual(2 * width), conv(2 * width, width), nn.PReLU())

    def forward(self, views: torch.Tensor, real: int) -> torch.Tensor:
        """``real`` is the number of views, from the first, that are no padding."""
        count = int(views.shape[1])
        while count > 1:
            half = count // 2
            # Partners of the last views of the first half come first; those of number ``real`` and later are padding.
            partnered = max(0, real - half)
            first = half - partnered
            fused = views[:, :half]
            if partnered:
                alice, bob = views[:, first:half], views[:, half : half + partnered].flip(1)
                change = self.fuse(torch.cat((alice, bob), 2).flatten(0, 1)).unflatten(0, (-1, partnered))
                fused = torch.cat((views[:, :first], alice + change), 1)
            views, count, real = fused, half, min(real, half)
        return views[:, 0]


class _Decoder(nn.Module):
    """``(N, width, H, W)`` to ``(N, bands, H * scale, W * scale)``."""

    def __init__(self, bands: int, width: int, scale: int) -> None:
        super().__init__()
        self.deconv = nn.Sequential(nn.ConvTranspose2d(width, width, scale, stride=scale), nn.PReLU())
        self.final = conv(width, bands, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.final(self.deconv(x))


class HighResNet(nn.Module):
    """``(N, L, H, W)`` or ``(N, L, bands, H, W)`` to ``(N, bands, H * scale, W * scale)``.

    Args:
        bands: bands of a view, usually one.
        width: feature channels.
        blocks: residual blocks of the encoder.
        scale: enlargement.
        views: number of views that the card's reach is stated for; any number can be given.
    """

    def __init__(self, bands: int = 1, width: int = 64, blocks: int = 2, scale: int = 3, views: int = 32) -> None:
        super().__init__()
        self.views = views
        self.encode = _Encoder(bands, width, blocks)
        self.fuse = _Fusion(width)
        self.decode = _Decoder(bands, width, scale)

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Views in the model's range, clearest first, in any number from one.

        Their reference is the median of the first nine (of an even number, the lower of the two in the middle). Where
        their number is no power of two, empty views fill up the pairs and change nothing.
        """
        if views.ndim == 4:
            views = views[:, :, None]
        count, real = (int(size) for size in views.shape[:2])
        compared = min(real, _REFERENCE_VIEWS)
        # The median by sorting, for which ONNX has a word.
        ordered = views[:, :compared].topk(compared // 2 + 1, dim=1).values
        reference = ordered[:, -1:].expand_as(views)
        encoded = self.encode(torch.cat((views, reference), 2).flatten(0, 1)).unflatten(0, (count, real))
        padding = (1 << (real - 1).bit_length()) - real
        # Padding views are never anyone's partner, so their features need not be computed.
        encoded = functional.pad(encoded, (0, 0, 0, 0, 0, 0, 0, padding))
        return self.decode(self.fuse(encoded, real))
