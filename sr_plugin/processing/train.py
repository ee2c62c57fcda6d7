"""Algorithm ``superres:train``: teach a model by a dataset."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Optional, Tuple

from qgis.core import QgsProcessing, QgsProcessingContext, QgsProcessingFeedback

from sr_plugin.core.dataset import Dataset
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.job_folder import JobFolder, JobStatus
from sr_plugin.core.strict_json import parse_json
from sr_plugin.core.training_plan import TrainingPlan
from sr_plugin.processing import settings
from sr_plugin.processing.algorithm import Algorithm
from sr_plugin.processing.feedback import spoken_duration
from sr_plugin.processing.train_parameters import (
    AUTO,
    PRESET,
    advanced_parameters,
    main_parameters,
    nested,
    outputs,
    plan_places,
    whole_parameters,
    word_parameters,
)
from sr_plugin.processing.translation import tr


class _TrainingFeedback:
    """Tells Processing how a training stands."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._told = ""
        self._device = ""

    def status(self, status: JobStatus) -> None:
        """Move the bar, and say what is done where that is something else than before."""
        if status.steps:
            self._feedback.setProgress(100.0 * status.step / status.steps)
        if status.device and status.device != self._device:
            self._device = status.device
            self._feedback.pushInfo(tr("Device: {}").format(status.device))
        if status.message and status.message != self._told:
            self._told = status.message
            text = tr("Step {} of {}: {}").format(status.step, status.steps, status.message)
            if status.seconds_left:
                text += ", " + tr("{} left").format(spoken_duration(status.seconds_left))
            self._feedback.setProgressText(text)

    def figures(self, line: Dict[str, Any]) -> None:
        """Say the figures of validations."""
        if line.get("kind") not in ("before", "validation") or "psnr" not in line:
            return
        ssim = f", SSIM {line['ssim']:.4f}" if "ssim" in line else ""
        if line["kind"] == "before":
            what = tr("Bicubic") if line.get("method") == "bicubic" else tr("Model gone on from")
        else:
            what = tr("Step {}").format(line["step"])
        best = tr(" (best so far)") if line.get("best") else ""
        self._feedback.pushInfo(f"{what}: PSNR {line['psnr']:.2f} dB{ssim}{best}")

    def cancelled(self) -> bool:
        """True once the user pressed Cancel."""
        return self._feedback.isCanceled()


class TrainAlgorithm(Algorithm):
    """Trains a model from fresh weights, or goes on from one."""

    def name(self) -> str:
        """Stable id."""
        return "train"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Train model")

    def tags(self) -> list:
        """Words that people search for."""
        return tr("super-resolution,train,fine-tune,learn,teach,model,gan,esrgan,pix2pix,deep learning").split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Trains a model on a dataset, from fresh weights or from a model that is there.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        return tr(
            "Trains a model on a dataset of superres:preparepairs. Every now and then it is measured on places that it "
            "is never trained on, against bicubic interpolation and the model that it began with; the best weights "
            "are kept. The new model has a card with these figures and stands in the list of models at once.\n\n"
            "The training lies in a folder and is worked by a process of its own: it can be stopped, goes on after a "
            "crash with the same result, and in the background it outlives QGIS.\n\n"
            "An adversarial loss makes images sharper than the data justify: such a model may invent detail, and its "
            "card says so."
        )

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        for parameter in [*main_parameters(), *advanced_parameters()]:
            self.addParameter(parameter)
        for output in outputs():
            # A folder destination is an output already.
            if self.outputDefinition(output.name()) is None:
                self.addOutput(output)

    def checkParameterValues(  # noqa: N802 - QGIS API
        self, parameters: Dict[str, Any], context: QgsProcessingContext
    ) -> Tuple[bool, str]:
        """Refuse what cannot be read before the run starts."""
        try:
            self._hyperparameters(parameters, context)
        except ParameterError as error:
            return False, str(error)
        return super().checkParameterValues(parameters, context)

    def _hyperparameters(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Dict[str, Any]:
        text = self.parameterAsString(parameters, "HYPERPARAMETERS", context).strip()
        if not text:
            return {}
        try:
            values = parse_json(text)
        except ValueError as error:
            raise ParameterError(f"The hyperparameters are no JSON ({error}).") from error
        if not isinstance(values, dict):
            raise ParameterError("The hyperparameters are no JSON object.", 'Write them as {"width": 32}.')
        return values

    def _changes(self, parameters: Dict[str, Any], context: QgsProcessingContext, base: bool) -> Dict[str, Any]:
        """What is to be otherwise than in the preset, or in the file that is the base."""
        changes: Dict[str, Any] = {}
        whole, words = whole_parameters(), word_parameters()
        for name, place in plan_places().items():
            if name in words:
                word = self.parameterAsEnumString(parameters, name, context)
                if word != PRESET:
                    changes[place] = word
            elif parameters.get(name) is not None:
                number = self.parameterAsDouble(parameters, name, context)
                changes[place] = int(number) if name in whole else number
        for name, place in (("VGG", "content.vgg"), ("LICENCE", "licence")):
            text = self.parameterAsString(parameters, name, context).strip()
            if text:
                changes[place] = text
        usual = {
            "DEVICE": self.parameterAsString(parameters, "DEVICE", context).strip(),
            "PRECISION": self.parameterAsEnumString(parameters, "PRECISION", context),
            "SEED": self.parameterAsInt(parameters, "SEED", context),
            "TENSORBOARD": self.parameterAsBool(parameters, "TENSORBOARD", context),
            "INSTALL": self.parameterAsBool(parameters, "INSTALL", context),
        }
        for name, value in usual.items():
            # A dialog gives all of them, so that a default does not tell that somebody chose it.
            if value != "" and not (base and value == self.parameterDefinition(name).defaultValue()):
                changes[name.lower()] = value
        hyperparameters = self._hyperparameters(parameters, context)
        if hyperparameters:
            changes["hyperparameters"] = hyperparameters
        return nested(changes)

    def _plan(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> TrainingPlan:
        from sr_plugin.pipeline.training_request import make_plan

        file = self.parameterAsFile(parameters, "PLAN", context)
        base = _settings_of(file) if file else None
        family = self.parameterAsEnumString(parameters, "ARCHITECTURE", context)
        steps = self.parameterAsInt(parameters, "STEPS", context) if parameters.get("STEPS") is not None else None
        return make_plan(
            self.parameterAsFile(parameters, "DATASET", context),
            self.parameterAsEnumString(parameters, "PRESET", context),
            self.parameterAsString(parameters, "MODEL", context).strip(),
            "" if family == AUTO else family,
            self.parameterAsString(parameters, "NAME", context).strip(),
            steps,
            self._changes(parameters, context, base is not None),
            base,
        )

    def run_algorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Start the training, or continue the one in the folder, and wait for it unless it is to go on by itself."""
        # Imported here: the pipeline is needed by a run only, and loading the plugin must stay fast.
        from sr_plugin.pipeline.training_job import continue_training, follow, free_folder, start_training

        python = settings.worker_python()
        path = self._folder(parameters, context)
        if path and os.path.isfile(JobFolder(path).plan):
            folder, pid = JobFolder(path), 0
            if folder.busy:
                feedback.pushInfo(tr("The training in {} is running; it is followed.").format(path))
            else:
                feedback.pushInfo(tr("The training in {} is continued; the other choices do not count.").format(path))
                pid = continue_training(folder, python)
        else:
            plan = self._plan(parameters, context)
            folder = JobFolder(path or free_folder(plan.name))
            warning = Dataset.open(plan.dataset).warning
            if warning:
                feedback.pushWarning(warning)
            pid = start_training(plan, folder, python)
        feedback.pushInfo(tr("Folder of the training: {}").format(folder.path))
        if self.parameterAsBool(parameters, "DETACH", context):
            return {"FOLDER": folder.path, "STATE": "running", "STEP": folder.status().step}
        status = follow(folder, _TrainingFeedback(feedback), pid)
        if status.hint:
            feedback.pushWarning(status.hint)
        return {"FOLDER": folder.path, **_results(folder, status)}

    def _folder(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> str:
        """The folder that was chosen; empty where the training is to have one of its own, which lasts."""
        value = parameters.get("FOLDER")
        if value in (None, "", QgsProcessing.TEMPORARY_OUTPUT):
            return ""
        return self.parameterAsString(parameters, "FOLDER", context)


def _settings_of(path: str) -> Dict[str, Any]:
    """The settings of a plan's file.

    Raises:
        ParameterError: when it is no plan.
    """
    try:
        with open(path, encoding="utf-8") as file:
            values = parse_json(file.read())
    except (OSError, ValueError) as error:
        raise ParameterError(f"The settings '{path}' cannot be read ({error}).") from error
    if not isinstance(values, dict):
        raise ParameterError(f"The settings '{path}' are no JSON object.")
    return values


def _results(folder: JobFolder, status: JobStatus) -> Dict[str, Any]:
    """The outputs of a training that has ended."""
    found: Dict[str, Any] = {"STATE": status.state, "STEP": status.step, "CARD": status.model}
    try:
        with open(status.model, encoding="utf-8") as file:
            item = json.load(file)
    except (OSError, ValueError):
        return found
    found["MODEL"] = item["id"]
    (figures,) = item["properties"]["sr:quality"]["protocols"].values()
    names = {"PSNR_BICUBIC": "psnr_bicubic", "PSNR_BEFORE": "psnr_before", "PSNR": "psnr_model", "SSIM": "ssim_model"}
    found.update({output: figures[name] for output, name in names.items() if name in figures})
    return found
