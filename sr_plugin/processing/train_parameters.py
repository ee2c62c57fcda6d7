"""Parameters and outputs of ``superres:train``: names, texts, help, defaults."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from qgis.core import (
    QgsProcessingOutputDefinition,
    QgsProcessingOutputFile,
    QgsProcessingOutputFolder,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from sr_plugin.core.training_families import ALL_FAMILIES
from sr_plugin.core.training_plan import ADVERSARIES, DISCRIMINATORS, OPTIMISERS, PRECISIONS, RAMPS, SCHEDULES
from sr_plugin.core.training_presets import PRESETS
from sr_plugin.processing.parameter_help import with_help
from sr_plugin.processing.qgis_enums import DOUBLE, INTEGER, ONE_FOLDER
from sr_plugin.processing.translation import tr

AUTO = "auto"
PRESET = "preset"
_DEVICES = ("auto", "cpu", "cuda", "mps")
_MODEL_WIDGET = "sr_plugin.gui.model_chooser.ModelChooserWrapper"
_CHOICE_WIDGET = "sr_plugin.gui.choice_wrapper.ChoiceWrapper"

#: Optional numbers that change the plan: parameter, place in the plan, text, whether it is whole, help.
_Number = Tuple[str, str, str, bool, str]


def _numbers() -> List[_Number]:
    return [
        ("BATCH", "batch", tr("Examples a step"), True, tr("More need more memory and make steps steadier.")),
        (
            "PATCH",
            "patch",
            tr("Side of the examples in input pixels"),
            True,
            tr("Examples are cut from the patches of the dataset, and are never larger than these."),
        ),
        (
            "LEARNING_RATE",
            "optimiser.learning_rate",
            tr("Learning rate"),
            False,
            tr("The highest one. Too high, and the training diverges, which is told."),
        ),
        ("L1", "content.l1", tr("Weight: absolute difference (L1)"), False, ""),
        ("CHARBONNIER", "content.charbonnier", tr("Weight: Charbonnier loss"), False, ""),
        ("SAM", "content.sam", tr("Weight: spectral angle"), False, tr("Keeps the ratios of the bands.")),
        ("GRADIENT", "content.gradient", tr("Weight: difference of gradients"), False, tr("Favours sharp edges.")),
        ("FFT", "content.fft", tr("Weight: difference of Fourier coefficients"), False, ""),
        (
            "RELATIVE_L1",
            "content.relative_l1",
            tr("Weight: absolute difference over that of interpolation"),
            False,
            tr("Sharp and blurred examples count alike."),
        ),
        ("RELATIVE_L2", "content.relative_l2", tr("Weight: squared difference over that of interpolation"), False, ""),
        (
            "PERCEPTUAL",
            "content.perceptual",
            tr("Weight: perceptual loss"),
            False,
            tr("Difference of the features of VGG19, whose weights are to be given as a file."),
        ),
        ("ADVERSARIAL_WEIGHT", "adversarial.weight", tr("Weight: adversarial loss"), False, ""),
        (
            "WARM_UP",
            "adversarial.warm_up",
            tr("Steps of the generator alone"),
            True,
            tr("Until then no discriminator is run."),
        ),
        (
            "RAMP",
            "adversarial.ramp",
            tr("Steps until the adversarial loss has its full weight"),
            True,
            "",
        ),
        (
            "DISCRIMINATOR_RATE",
            "adversarial.learning_rate",
            tr("Learning rate of the discriminator"),
            False,
            "",
        ),
        ("R1", "adversarial.r1", tr("Weight: gradient penalty (R1)"), False, tr("Steadies the discriminator.")),
        ("CLIP", "optimiser.clip", tr("Largest norm of the gradient (0: any)"), False, ""),
        ("EMA", "ema", tr("Decay of the running mean of the weights (0: none)"), False, ""),
        ("GAIN", "augmentation.gain", tr("Largest change of brightness"), False, tr("As a share, 0.1 for 10 %.")),
        ("NOISE", "augmentation.noise", tr("Largest noise on input"), False, tr("As a share of the data's spread.")),
        (
            "FUSION_WARM_UP",
            "fusion_warm_up",
            tr("Steps with noisy copies instead of views"),
            True,
            tr("For models of several images: they learn to average before they learn to enlarge."),
        ),
        ("VALIDATE_EVERY", "validation.every", tr("Steps between two validations"), True, ""),
        (
            "PATIENCE",
            "validation.patience",
            tr("Validations without a better figure until it ends (0: never)"),
            True,
            "",
        ),
        ("CHECKPOINT_EVERY", "checkpoint_every", tr("Steps between two checkpoints"), True, ""),
        ("THREADS", "threads", tr("CPU threads (0: all)"), True, ""),
        ("READERS", "readers", tr("Processes that prepare examples"), True, tr("For a GPU that waits for data.")),
    ]


def _words() -> List[Tuple[str, str, str, Sequence[str]]]:
    """Optional words that change the plan: parameter, place in the plan, text, choices."""
    return [
        ("ADVERSARIAL", "adversarial.kind", tr("Adversarial loss"), ADVERSARIES),
        ("DISCRIMINATOR", "adversarial.discriminator", tr("Discriminator"), DISCRIMINATORS),
        ("RAMP_SHAPE", "adversarial.ramp_shape", tr("Shape of the ramp"), RAMPS),
        ("OPTIMISER", "optimiser.kind", tr("Optimiser"), OPTIMISERS),
        ("SCHEDULE", "optimiser.schedule", tr("Schedule of the learning rate"), SCHEDULES),
    ]


def _enumeration(
    name: str, text: str, choices: Sequence[str], default: Optional[str] = None
) -> QgsProcessingParameterEnum:
    return QgsProcessingParameterEnum(name, text, list(choices), False, default or choices[0], False, True)


def main_parameters() -> List[QgsProcessingParameterDefinition]:
    """What everybody decides."""
    model = QgsProcessingParameterString("MODEL", tr("Model to go on from"), "", False, True)
    model.setMetadata({"widget_wrapper": {"class": _MODEL_WIDGET}})
    device = QgsProcessingParameterString("DEVICE", tr("Device"), AUTO)
    device.setMetadata({"widget_wrapper": {"class": _CHOICE_WIDGET, "choices": list(_DEVICES)}})
    name = QgsProcessingParameterString("NAME", tr("Name of the new model"), "", False, True)
    folder = QgsProcessingParameterFolderDestination("FOLDER", tr("Folder of the training"), None, True)
    return [
        with_help(
            QgsProcessingParameterFile("DATASET", tr("Dataset"), ONE_FOLDER),
            tr("A folder that superres:preparepairs has written."),
        ),
        with_help(
            _enumeration("PRESET", tr("Purpose"), PRESETS),
            tr(
                "content: from fresh weights, true to the data. fine-tune: a model adapts to your region or sensor. "
                "gan: sharper and more plausible, but it may invent detail. translation: from one kind of image to "
                "another, such as a map."
            ),
        ),
        with_help(
            model,
            tr("A model with a checkpoint, by name or file. Left empty, a network begins with fresh weights."),
        ),
        with_help(
            _enumeration("ARCHITECTURE", tr("Architecture of fresh weights"), (AUTO, *ALL_FAMILIES)),
            tr("auto takes the usual one for the kind of dataset. Not used where there is a model to go on from."),
        ),
        with_help(name, tr("Under this name it stands in the list of models.")),
        with_help(_optional_number("STEPS", tr("Steps"), True), tr("Empty: as many as the purpose usually takes.")),
        with_help(device, tr("auto takes the first GPU, else the CPU.")),
        with_help(
            QgsProcessingParameterBoolean("DETACH", tr("Go on in the background"), False),
            tr(
                "The training is started and the algorithm ends at once. It goes on when QGIS is closed; the tab Teach "
                "of the dock shows how it stands."
            ),
        ),
        with_help(
            folder,
            tr(
                "A new folder. The same folder again continues the training that is in it. Without a choice, the "
                "training gets a folder of its own in the plugin's data folder, which lasts."
            ),
        ),
    ]


def _optional_number(name: str, text: str, whole: bool) -> QgsProcessingParameterNumber:
    return QgsProcessingParameterNumber(name, text, INTEGER if whole else DOUBLE, None, True)


def advanced_parameters() -> List[QgsProcessingParameterDefinition]:
    """What the presets decide unless told otherwise."""
    found: List[QgsProcessingParameterDefinition] = []
    for name, _, text, whole, help_text in _numbers():
        found.append(
            with_help(_optional_number(name, text, whole), help_text or tr("Empty: as the purpose says."), True)
        )
    for name, _, text, choices in _words():
        found.append(with_help(_enumeration(name, text, (PRESET, *choices)), tr("preset: as the purpose says."), True))
    vgg = QgsProcessingParameterFile("VGG", tr("Weights of VGG19"), optional=True)
    plan = QgsProcessingParameterFile("PLAN", tr("Settings from a file"), extension="json", optional=True)
    hyperparameters = QgsProcessingParameterString("HYPERPARAMETERS", tr("Hyperparameters (JSON)"), "", False, True)
    return [
        *found,
        with_help(vgg, tr("For the perceptual loss: a file with the names of torchvision's vgg19."), True),
        with_help(hyperparameters, tr('Sizes of fresh weights, for example {"width": 32, "blocks": 8}.'), True),
        with_help(
            _enumeration("PRECISION", tr("Precision"), PRECISIONS),
            tr("float16 is for GPUs. bfloat16 also halves the time on processors that compute in it."),
            True,
        ),
        with_help(
            QgsProcessingParameterNumber("SEED", tr("Seed"), INTEGER, 0, False, 0, 2**31 - 1),
            tr("The same seed gives the same weights on the same CPU."),
            True,
        ),
        with_help(QgsProcessingParameterBoolean("TENSORBOARD", tr("Write logs for TensorBoard"), False), "", True),
        with_help(
            QgsProcessingParameterBoolean("INSTALL", tr("Put the model into the list of models"), True), "", True
        ),
        with_help(
            QgsProcessingParameterString("LICENCE", tr("Licence of the new model"), "", False, True),
            tr("For example CC-BY-4.0. Mind the licences of the data and of the model gone on from."),
            True,
        ),
        with_help(
            plan,
            tr("A plan.json of an earlier training; what is chosen otherwise than by default wins over it."),
            True,
        ),
    ]


def plan_places() -> Dict[str, str]:
    """Where in the plan each optional parameter belongs."""
    return {entry[0]: entry[1] for entry in [*_numbers(), *_words()]}


def word_parameters() -> List[str]:
    """The optional parameters that are words."""
    return [entry[0] for entry in _words()]


def whole_parameters() -> List[str]:
    """The optional parameters that are whole numbers."""
    return [entry[0] for entry in _numbers() if entry[3]]


def outputs() -> List[QgsProcessingOutputDefinition]:
    """What a script gets back."""
    return [
        QgsProcessingOutputFolder("FOLDER", tr("Folder of the training")),
        QgsProcessingOutputFile("CARD", tr("Card of the new model")),
        QgsProcessingOutputString("MODEL", tr("Name of the new model")),
        QgsProcessingOutputString("STATE", tr("State of the training")),
        QgsProcessingOutputNumber("STEP", tr("Steps that were made")),
        QgsProcessingOutputNumber("PSNR_BICUBIC", tr("PSNR of bicubic interpolation")),
        QgsProcessingOutputNumber("PSNR_BEFORE", tr("PSNR of the model gone on from")),
        QgsProcessingOutputNumber("PSNR", tr("PSNR of the new model")),
        QgsProcessingOutputNumber("SSIM", tr("SSIM of the new model")),
    ]


def nested(values: Dict[str, Any]) -> Dict[str, Any]:
    """``{"a.b": 1}`` to ``{"a": {"b": 1}}``."""
    found: Dict[str, Any] = {}
    for place, value in values.items():
        *parents, last = place.split(".")
        inner = found
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return found
