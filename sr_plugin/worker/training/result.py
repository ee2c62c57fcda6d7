"""The model that comes out of a training: safetensors, ONNX and a card with the figures from before and after."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, ModelCard, WeightFile
from sr_plugin.core.card_file import write_card
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.core.job_folder import JobFolder
from sr_plugin.core.model_folder import install_model, usable_name
from sr_plugin.core.training_plan import TrainingPlan
from sr_plugin.worker.export_onnx import export_onnx

_DIGITS = {"psnr": 2, "ssim": 4}
_METHODS = {"bicubic": "bicubic", "before": "before", "after": "model"}

Table = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Outcome:
    """What came out.

    Attributes:
        card: path of the card.
        model: the card itself.
        notes: sentences for the log.
        warning: what a user must know before using it, or empty.
    """

    card: str
    model: ModelCard
    notes: tuple[str, ...] = ()
    warning: str = ""


def worse_than_plain(table: Table, generative: bool) -> str:
    """A warning where a model does worse than bicubic interpolation; empty otherwise.

    Models that were trained with an adversarial loss are not judged by PSNR, which punishes sharpness.
    """
    after, plain = (table.get(method, {}).get("psnr") for method in ("after", "bicubic"))
    if generative or after is None or plain is None or after >= plain:
        return ""
    return (
        "On the held-out patches this model does worse than bicubic interpolation "
        f"({after:.2f} against {plain:.2f} dB): train it longer, or on more data."
    )


def quality_of(table: Table, peak: float, patches: int, step: int, dataset: str) -> dict[str, Any]:
    """The figures as a card holds them.

    Args:
        table: figures by method: ``bicubic``, ``before`` (the starting model) and ``after``.
        peak: what PSNR and SSIM take as the range of the data.
        patches: how many held-out patches there were.
        step: of the weights that were kept.
        dataset: its name.
    """
    figures: dict[str, float] = {}
    for method, suffix in _METHODS.items():
        for name, value in table.get(method, {}).items():
            figures[f"{name}_{suffix}"] = round(value, _DIGITS[name])
    found: dict[str, Any] = {
        "protocols": {f"held-out patches of {dataset}": figures},
        "data_range": round(peak, 6),
        "patches": patches,
        "step": step,
    }
    if "psnr_bicubic" in figures and "psnr_model" in figures:
        figures["gain"] = found["mean_gain_db"] = round(figures["psnr_model"] - figures["psnr_bicubic"], 2)
    return found


def table_text(table: Table, peak: float, patches: int) -> str:
    """The figures from before and after as Markdown."""
    titles = {"bicubic": "Bicubic interpolation", "before": "Starting model", "after": "After training"}
    lines = ["| Method | PSNR (dB) | SSIM |", "| --- | ---: | ---: |"]
    for method, title in titles.items():
        if method in table:
            psnr, ssim = (table[method].get(name) for name in ("psnr", "ssim"))
            cells = ("" if psnr is None else f"{psnr:.2f}", "" if ssim is None else f"{ssim:.4f}")
            lines.append(f"| {title} | {cells[0]} | {cells[1]} |")
    note = (
        f"Over {patches} held-out patches; the range of the data is {peak:g}. The weights were chosen by these "
        "patches, so places that nothing was chosen by may give slightly lower figures."
    )
    return "\n".join(lines) + f"\n\n{note}\n"


def _write_text(card: ModelCard, text: str, path: str) -> None:
    facts = [f"# {card.title}", "", card.training_data, ""]
    if card.generative:
        # A fine-tuned model may owe its weights to an adversarial loss of the training before.
        facts += ["Trained to look plausible, here or before: it may invent detail that is not in the scene.", ""]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(facts) + f"\n{text}")


def write_result(
    folder: JobFolder, plan: TrainingPlan, card: ModelCard, table: Table, peak: float, patches: int, step: int
) -> Outcome:
    """Write the model from the best weights of a training, and put it into the user's list where the plan says so.

    A network that cannot be written as ONNX is there as safetensors.

    Args:
        folder: of the training; its best weights are taken.
        plan: the plan.
        card: all but weights and quality.
        table, peak, patches, step: see :func:`quality_of`.

    Raises:
        SuperResolutionError: when the weights cannot be read, or the model cannot be written.
    """
    name = usable_name(plan.name)
    tensors = read_checkpoint(folder.best).tensors
    known = recognise(tensors, card.hyperparameters)
    path = os.path.join(folder.result, f"{name}.safetensors")
    write_safetensors(path, dict(tensors), {"format": "pt"})
    safetensors = WeightFile(path, "safetensors", sha256_of(path))
    dataset = os.path.basename(os.path.normpath(plan.dataset))
    quality = quality_of(table, peak, patches, step, dataset)
    card = replace(card, name=name, family=known.family, weights=(safetensors,), quality=quality)
    warning = worse_than_plain(table, card.generative)
    card = replace(card, notes=" ".join(part for part in (card.notes, warning) if part))
    notes: list[str] = [warning] if warning else []
    if card.kind not in (MULTI_IMAGE, BAND_FUSION):
        onnx = os.path.join(folder.result, f"{name}.onnx")
        try:
            answer = export_onnx(card, onnx)
            notes += answer["notes"]
            if answer["fixed"]:
                card = replace(card, tiles=replace(card.tiles, fixed=tuple(answer["fixed"])))
            card = replace(card, weights=(WeightFile(onnx, "onnx", sha256_of(onnx)), safetensors))
        except SuperResolutionError as error:
            notes.append(f"There is no ONNX file: {error.message}")
    target = os.path.join(folder.result, f"{name}.json")
    write_card(card, target)
    _write_text(card, table_text(table, peak, patches), os.path.join(folder.result, f"{name}.md"))
    if plan.install:
        card = install_model(card, name, overwrite=True)
        notes.append(f"The model is installed as '{name}'.")
    return Outcome(target, card, tuple(notes), warning)
