"""Errors that a user may see: one sentence that names the cause, one hint what to do.

Every error of the plugin derives from :class:`SuperResolutionError`. Its class name is the stable code that travels
over the worker protocol and into JSON records, so renaming a class changes an interface.
"""

from __future__ import annotations

from typing import Dict, Type


class SuperResolutionError(Exception):
    """Base of all errors shown to users.

    Args:
        message: one sentence that names the cause.
        hint: one sentence that says what to do about it.
    """

    default_hint = ""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint or self.default_hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    @property
    def code(self) -> str:
        """Stable name of the error, the same on both sides of the worker protocol."""
        return type(self).__name__


class SourceNotFound(SuperResolutionError):
    """The input raster does not exist."""

    default_hint = "Check the path or the dataset name."


class SourceUnreadable(SuperResolutionError):
    """The input exists but cannot be opened or read."""

    default_hint = "Open it in QGIS or with gdalinfo to see whether the file is complete."


class SourceChanged(SuperResolutionError):
    """The input changed or vanished while it was being read."""

    default_hint = "Start the run again when the file is final."


class UnsupportedRaster(SuperResolutionError):
    """The input is readable but of a kind that cannot be super-resolved."""


class BandError(SuperResolutionError):
    """The chosen bands do not exist or do not fit the model."""

    default_hint = "Choose the bands in the order that the model expects."


class UncertaintyMismatch(SuperResolutionError):
    """A raster of uncertainty does not belong to the result that it is given with."""

    default_hint = "Give the uncertainty that superres:superresolve wrote together with the first result."


class EmptyExtent(SuperResolutionError):
    """The chosen extent or mask leaves nothing to do."""

    default_hint = "Choose an extent or mask that overlaps the raster."


class ParameterError(SuperResolutionError):
    """A parameter has a value that cannot be used."""


class OutputError(SuperResolutionError):
    """The output cannot be written where it was asked for."""

    default_hint = "Choose another folder or file name."


class OutputBusy(OutputError):
    """Another run is writing the same output."""

    default_hint = "Wait for the other run to end, or choose another file name."


class DiskFull(OutputError):
    """There is, or was, too little disk space."""

    default_hint = "Free some space, choose another folder or a smaller extent."


class ModelNotFound(SuperResolutionError):
    """No model has this name and no such file exists."""

    default_hint = "Choose a shipped model, an installed one, bicubic:4, or a model file."


class ModelUnreadable(SuperResolutionError):
    """The model file is damaged, hostile or of a container that is not supported."""

    default_hint = "Download it again, or ask its author for an ONNX or safetensors file."


class ModelNotRecognised(SuperResolutionError):
    """The file holds tensors, but of no architecture that is known."""

    default_hint = "Export the model to ONNX and use that file instead."


class ModelMismatch(SuperResolutionError):
    """The tensors are of a known architecture but do not fill it exactly."""

    default_hint = "The file is probably a variant of the architecture; export it to ONNX instead."


class ModelFailed(SuperResolutionError):
    """The model raised an error while it ran."""

    default_hint = "Try another tile size, or float32 precision on the CPU."


class DatasetUnreadable(SuperResolutionError):
    """A folder holds no training dataset, or a damaged one."""

    default_hint = "Choose a folder that superres:preparepairs has written."


class RuntimeMissing(SuperResolutionError):
    """No Python with the packages that the model needs was found."""

    default_hint = "Create one with: python -m sr_plugin environment --create light"


class EnvironmentFailed(SuperResolutionError):
    """Creating or repairing the worker's environment failed."""

    default_hint = "Check the network or proxy, or give a folder with the wheels."


class TrainingFailed(SuperResolutionError):
    """A training cannot go on."""

    default_hint = "Start it again with a lower learning rate."


class DeviceUnavailable(SuperResolutionError):
    """The device that was asked for is not there."""

    default_hint = "Choose 'auto' or 'cpu'."


class OutOfMemory(SuperResolutionError):
    """The model ran out of memory on its device."""

    default_hint = "Choose a smaller tile size."


class WorkerDied(SuperResolutionError):
    """The worker process ended or stopped answering."""

    default_hint = "Start the run again; a smaller tile size needs less memory."


class ProtocolError(SuperResolutionError):
    """A message between plugin and worker could not be understood."""

    default_hint = "Start the run again, and report the problem if it comes back."


class Cancelled(SuperResolutionError):
    """The user cancelled the run."""


def _subclasses(cls: Type[SuperResolutionError]) -> Dict[str, Type[SuperResolutionError]]:
    found = {cls.__name__: cls}
    for child in cls.__subclasses__():
        found.update(_subclasses(child))
    return found


def error_from_code(code: str, message: str, hint: str = "") -> SuperResolutionError:
    """Rebuild an error from its wire form; unknown codes give the base class."""
    return _subclasses(SuperResolutionError).get(code, SuperResolutionError)(message, hint)
