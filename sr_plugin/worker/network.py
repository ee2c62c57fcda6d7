"""A loaded network with the maps between it and the data: from bands in data units to finer ones in data units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sr_plugin.core.card import TRANSLATION, ModelCard
from sr_plugin.core.grid import Window
from sr_plugin.core.radiometry import Radiometry, from_model, to_model
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.worker.backends.base import Backend, check_output

#: Weights of red, green and blue in luminance (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114])


def cropped(image: np.ndarray, window: Window) -> np.ndarray:
    """The part of an image ``(..., h, w)`` that a window names."""
    return image[..., window.row : window.bottom, window.col : window.right]


@dataclass(frozen=True)
class Network:
    """A network that is ready to run.

    Attributes:
        card: the model.
        backend: where it runs.
        radiometry: maps between data and network, of at least the bands that are fed.
        luminance: a one-band network works on the luminance of three bands; colour is enlarged by interpolation.
    """

    card: ModelCard
    backend: Backend
    radiometry: Radiometry
    luminance: bool = False

    def enlarged(self, data: np.ndarray, kept: Window) -> np.ndarray:
        """The result ``(bands', h * scale, w * scale)`` of ``(bands, h, w)``, both in data units.

        Args:
            data: the bands that the network takes.
            kept: input pixels of which the result is wanted.

        Raises:
            OutOfMemory, ModelFailed: from the network.
        """
        return self._of_luminance(data, kept) if self.luminance else self._of_bands(data, kept)

    def enlarged_whole(self, data: np.ndarray) -> np.ndarray:
        """As :meth:`enlarged`, of all of it."""
        return self.enlarged(data, Window(0, 0, data.shape[2], data.shape[1]))

    def output_shape(self, data: np.ndarray) -> tuple[int, int, int]:
        """What the card promises of the network's output for ``(bands, h, w)``."""
        scale = self.card.scale
        return self.card.output_count(data.shape[0]), data.shape[1] * scale, data.shape[2] * scale

    def _of_luminance(self, data: np.ndarray, kept: Window) -> np.ndarray:
        """Red, green, blue enlarged by cubic convolution, plus what the network adds to their luminance.

        The same as enlarging chroma by interpolation and luminance by the network, because the three bands are
        luminance plus a linear function of chroma.
        """
        scale = self.card.scale
        luminance = np.tensordot(_LUMA, data, axes=1)[None].astype(data.dtype)
        sharpened = self._of_bands(luminance, kept)
        place = kept.scaled(scale)
        smooth = cropped(enlarge_cubic(data, scale), place)
        return smooth + (sharpened - cropped(enlarge_cubic(luminance, scale), place))

    def _of_bands(self, data: np.ndarray, kept: Window) -> np.ndarray:
        card = self.card
        radiometry = self.radiometry.first_bands(data.shape[0])
        model_in, remainder = to_model(data, radiometry)
        batch = model_in[:, None] if card.per_band else model_in[None]
        output = self.backend.forward(batch)
        output = output[:, 0] if card.per_band else output[0]
        check_output(output.shape, self.output_shape(data), bool(np.isfinite(output).all()))
        place = kept.scaled(card.scale)
        result = from_model(cropped(output, place), radiometry, data.dtype)
        # What lay outside is of the input's quantity, which the result of a translation is not.
        if remainder is not None and card.kind != TRANSLATION and result.shape[0] == remainder.shape[0]:
            result += cropped(enlarge_cubic(remainder, card.scale), place)
        return result
