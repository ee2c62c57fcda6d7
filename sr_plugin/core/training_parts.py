"""The parts of a training's plan: losses, adversary, optimiser, changes of the examples, validation."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Dict

ADVERSARIES = ("none", "vanilla", "relativistic", "lsgan", "wasserstein")
DISCRIMINATORS = ("srgan", "patchgan", "esrgan")
RAMPS = ("linear", "cosine")
SCHEDULES = ("constant", "cosine", "linear", "steps")
OPTIMISERS = ("adam", "adamw", "orthogonal")
METRICS = ("psnr", "ssim")


@dataclass(frozen=True)
class ContentPlan:
    """Weights of the losses between result and target; 0 leaves one out.

    Attributes:
        l1: mean absolute difference.
        charbonnier: smooth absolute difference (Lai et al., 2017, arXiv:1704.03915).
        sam: mean angle between the spectra, in radians (Kruse et al., 1993).
        gradient: mean absolute difference of the gradients along both axes.
        fft: mean absolute difference of the Fourier coefficients, divided by the root of their number.
        relative_l1: mean absolute difference of an example over that of cubic convolution (a = -0.5).
        relative_l2: the same of squared differences.
        perceptual: mean absolute difference of features of VGG19 (Ledig et al., 2017, arXiv:1609.04802).
        vgg: file with the weights of VGG19, needed where ``perceptual`` is not 0.
    """

    l1: float = 1.0
    charbonnier: float = 0.0
    sam: float = 0.0
    gradient: float = 0.0
    fft: float = 0.0
    relative_l1: float = 0.0
    relative_l2: float = 0.0
    perceptual: float = 0.0
    vgg: str = ""

    @property
    def relative(self) -> bool:
        """Whether a loss looks at what cubic convolution gives."""
        return self.relative_l1 > 0 or self.relative_l2 > 0

    @property
    def weights(self) -> Dict[str, float]:
        """The losses that are used, with their weights."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "vgg"}
        return {name: weight for name, weight in values.items() if weight > 0}


@dataclass(frozen=True)
class AdversarialPlan:
    """The second network, which learns to tell results from targets.

    Attributes:
        kind: one of :data:`ADVERSARIES`.
        discriminator: one of :data:`DISCRIMINATORS`.
        width: channels of its first layer.
        weight: of the adversarial loss once the ramp has ended.
        warm_up: steps in which the generator learns alone and no discriminator is run.
        ramp: steps over which the weight grows to its full size, after the warm-up.
        ramp_shape: one of :data:`RAMPS`.
        learning_rate: of the discriminator.
        r1: weight of the gradient penalty on targets (Mescheder et al., 2018, arXiv:1801.04406); 0 leaves it out.
        r1_every: steps between two penalties; the penalty is multiplied by it.
        conditional: the discriminator sees the input too, as in pix2pix.
    """

    kind: str = "none"
    discriminator: str = "srgan"
    width: int = 64
    weight: float = 0.005
    warm_up: int = 1000
    ramp: int = 1000
    ramp_shape: str = "linear"
    learning_rate: float = 1e-4
    r1: float = 0.0
    r1_every: int = 16
    conditional: bool = False

    @property
    def active(self) -> bool:
        """Whether there is a discriminator at all."""
        return self.kind != "none"


@dataclass(frozen=True)
class OptimiserPlan:
    """How the generator's weights are changed.

    Attributes:
        kind: one of :data:`OPTIMISERS`.
        learning_rate: the highest one.
        schedule: one of :data:`SCHEDULES`.
        warm_up: steps over which the learning rate grows from nothing.
        final_share: share of the learning rate that is left in the end.
        beta1, beta2: decay of the moments; with ``orthogonal``, of those weights that Adam changes.
        weight_decay: pull of the weights towards 0.
        clip: largest norm of the gradient; 0 leaves it as it is.
    """

    kind: str = "adam"
    learning_rate: float = 2e-4
    schedule: str = "cosine"
    warm_up: int = 0
    final_share: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    clip: float = 1.0


@dataclass(frozen=True)
class AugmentationPlan:
    """Changes of the examples while they are shown, drawn anew every time.

    Attributes:
        flips: mirror along both axes.
        turns: quarter turns.
        gain: largest relative change of brightness, the same for input and target.
        noise: largest standard deviation of the noise on the input, as a share of the data's spread.
    """

    flips: bool = True
    turns: bool = True
    gain: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class ValidationPlan:
    """Measuring on places that are never trained on.

    Attributes:
        every: steps between two validations.
        most: largest number of patches that are used.
        side: largest side of a patch in input pixels.
        border: input pixels at every side that do not count.
        metric: one of :data:`METRICS`, which tells the best weights.
        patience: validations without a better figure after which the training ends early; 0 never.
        panels: patches that are shown as pictures.
    """

    every: int = 250
    most: int = 64
    side: int = 128
    border: int = 4
    metric: str = "psnr"
    patience: int = 0
    panels: int = 4
