"""The convolutional network of SEN2SR (Aybar et al., 2025), and its constraint on low frequencies.

It follows SPAN (Wan et al., 2023, arXiv:2311.12770), except that every block takes what the first convolution gave.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.parts import conv

_GAIN = 2


class _StoredConv(nn.Module):
    """A 3 x 3 convolution, kept as itself (``eval_conv``) or as the parts that training made it of, or both.

    The parts are a 1 x 1, a 3 x 3 and a 1 x 1 convolution in a row, and a 1 x 1 convolution beside them. Where they are
    there, they count, since ``eval_conv`` may be out of date.
    """

    def __init__(self, taken: int, given: int, parts: Sequence[str]) -> None:
        super().__init__()
        self.whole = not {"sk", "conv"} <= set(parts)
        if "sk" in parts:
            self.sk = conv(taken, given, 1)
        if "conv" in parts:
            middle = nn.Conv2d(_GAIN * taken, _GAIN * given, 3)
            self.conv = nn.Sequential(conv(taken, _GAIN * taken, 1), middle, conv(_GAIN * given, given, 1))
        if "eval_conv" in parts:
            self.eval_conv = conv(taken, given)
        # Made once, so that writers of ONNX see a plain convolution.
        self.register_buffer("weight", torch.zeros(given, taken, 3, 3), persistent=False)
        self.register_buffer("bias", torch.zeros(given), persistent=False)
        self.register_load_state_dict_post_hook(lambda module, _: module.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Make the convolution anew of what is stored; done whenever a state is loaded."""
        with torch.no_grad():
            weight, bias = self._kernel()
            self.weight.copy_(weight)
            self.bias.copy_(bias)

    def _kernel(self) -> tuple[torch.Tensor, torch.Tensor]:
        if self.whole:
            return self.eval_conv.weight, self.eval_conv.bias
        before, middle, after = self.conv
        narrow = after.weight[:, :, 0, 0]
        weight = torch.einsum("ab,bchw,cd->adhw", narrow, middle.weight, before.weight[:, :, 0, 0])
        bias = narrow @ (middle.weight.sum((2, 3)) @ before.bias + middle.bias) + after.bias
        return weight + functional.pad(self.sk.weight, (1, 1, 1, 1)), bias + self.sk.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weight, self.bias, padding=1)


class _Block(nn.Module):
    """``(N, width, H, W)`` to the block's result and that of its first convolution, activated."""

    def __init__(self, width: int, parts: Sequence[str]) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r = (_StoredConv(width, width, parts) for _ in range(3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        first = functional.silu(self.c1_r(x))
        change = self.c3_r(functional.silu(self.c2_r(first)))
        return (change + x) * (torch.sigmoid(change) - 0.5), first


def _cubic_matrix(size: int, scale: int, like: torch.Tensor) -> torch.Tensor:
    """``(size * scale, size)``: cubic convolution (a = -0.5) about pixel centres; what lies outside has no weight."""
    centres = (torch.arange(size * scale, device=like.device, dtype=torch.float64) + 0.5) / scale - 0.5
    t = (centres[:, None] - torch.arange(size, device=like.device)).abs()
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    weights = torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))
    return (weights / weights.sum(1, keepdim=True)).to(like.dtype)


def _filtered(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The part of a real image that a mask over its frequencies (zero first) lets through."""
    if not torch.onnx.is_in_onnx_export():
        return torch.fft.ifft2(mask * torch.fft.fft2(image)).real
    # ONNX writers know no Fourier transform of an image, but matrices.
    side = mask.shape[0]
    numbers = torch.arange(side, dtype=torch.float64)
    angles = 2 * math.pi * torch.remainder(numbers[:, None] * numbers, side) / side
    cos, sin = angles.cos().to(image.dtype), angles.sin().to(image.dtype)
    rows_cos, rows_sin = cos @ image, sin @ image
    real = mask * (rows_cos @ cos - rows_sin @ sin)
    imaginary = -mask * (rows_sin @ cos + rows_cos @ sin)
    inner, outer = cos @ real - sin @ imaginary, cos @ imaginary + sin @ real
    return (inner @ cos - outer @ sin) / (side * side)


class LowFrequencies(nn.Module):
    """Takes the low frequencies of a result from the input, enlarged by cubic convolution.

    Args:
        side: height and width of the result; the mask ``weights`` (frequency zero in the middle, 1 where the input
            counts) has them.
        scale: enlargement.
    """

    def __init__(self, side: int, scale: int) -> None:
        super().__init__()
        self.side, self.scale = side, scale
        self.register_buffer("weights", torch.zeros(side, side))

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        """``(N, bands, h, w)`` and ``(N, bands, side, side)`` to ``(N, bands, side, side)``, always in float32 or 64.

        Raises:
            ValueError: when the result has another size than the mask.
        """
        if tuple(fine.shape[-2:]) != (self.side, self.side):
            raise ValueError(f"the constraint is made for {self.side} x {self.side}, not {tuple(fine.shape[-2:])}")
        with torch.autocast(fine.device.type, enabled=False):
            fine, coarse = fine.to(self.weights.dtype), coarse.to(self.weights.dtype)
            enlarge = _cubic_matrix(self.side // self.scale, self.scale, self.weights)
            mask = self.weights.roll((-(self.side // 2), -(self.side // 2)), (0, 1))
            # The same real mask mixes both spectra, so only the difference of the images needs to be transformed.
            return fine + _filtered(enlarge @ coarse @ enlarge.T - fine, mask)


class Sen2Sr(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H * scale, W * scale)``, not negative before the constraint.

    Args:
        in_bands, out_bands: bands taken and given; those given come first among those taken.
        width: feature channels.
        blocks: attention blocks; only the first and the last one are ever computed.
        scale: enlargement.
        parts: what every convolution is stored as, out of ``sk``, ``conv`` and ``eval_conv``.
        constraint: side of the only result that the constraint takes, 0 without a constraint.
    """

    def __init__(
        self,
        in_bands: int = 4,
        out_bands: int = 4,
        width: int = 24,
        blocks: int = 6,
        scale: int = 4,
        parts: Sequence[str] = ("sk", "conv", "eval_conv"),
        constraint: int = 0,
    ) -> None:
        super().__init__()
        self.out_bands = out_bands
        self.conv_1 = _StoredConv(in_bands, width, parts)
        self.blocks = nn.ModuleList([_Block(width, parts) for _ in range(blocks)])
        self.conv_cat = conv(4 * width, width, 1)
        self.conv_2 = _StoredConv(width, width, parts)
        self.upsampler = nn.Sequential(conv(width, out_bands * scale**2), nn.PixelShuffle(scale))
        self.hard_constraint = LowFrequencies(constraint, scale) if constraint else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output."""
        stem = self.conv_1(x)
        first, _ = self.blocks[0](stem)
        last, inner = self.blocks[-1](stem)
        features = self.conv_cat(torch.cat((stem, self.conv_2(last), first, inner), 1))
        output = self.upsampler(features).clamp(min=0.0)
        if self.hard_constraint is None:
            return output
        return self.hard_constraint(x[:, : self.out_bands], output)
