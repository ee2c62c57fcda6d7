"""Device and precision of a training, as Lightning Fabric knows them."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers import Logger

from sr_plugin.core.errors import DeviceUnavailable, ParameterError
from sr_plugin.core.training_plan import TrainingPlan
from sr_plugin.worker.backends.base import thread_count
from sr_plugin.worker.backends.torch_backend import device_available

_PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


def chosen_device(wanted: str) -> str:
    """The device to train on: ``auto`` is the first GPU, else the CPU.

    Raises:
        DeviceUnavailable: when it is not there.
    """
    if wanted == "auto":
        return next((name for name in ("cuda:0", "mps") if device_available(name)), "cpu")
    if not device_available(wanted):
        raise DeviceUnavailable(f"The device '{wanted}' is not available to torch {torch.__version__}.")
    return wanted


def make_fabric(plan: TrainingPlan, loggers: list[Logger]) -> Fabric:
    """A Fabric on the plan's device.

    Raises:
        DeviceUnavailable: when the device is not there.
        ParameterError: when the device cannot compute in the precision.
    """
    kind, _, number = chosen_device(plan.device).partition(":")
    if plan.precision == "float16" and kind == "cpu":
        raise ParameterError("Processors do not train in float16.", "Choose bfloat16 or float32.")
    torch.set_num_threads(thread_count(plan.threads))
    if kind == "cpu":
        # The promise that a continued training gives the same weights holds on the CPU.
        torch.use_deterministic_algorithms(True, warn_only=True)
    devices = [int(number or 0)] if kind == "cuda" else 1
    return Fabric(
        accelerator=kind,
        devices=devices,
        precision=_PRECISIONS[plan.precision],
        loggers=loggers,  # type: ignore
    )
