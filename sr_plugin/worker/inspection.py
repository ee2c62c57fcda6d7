"""The requests about a model rather than about pixels: describe, probe, export."""

from __future__ import annotations

from typing import Any

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import ModelUnreadable


def describe(card: ModelCard) -> dict[str, Any]:
    """See :func:`sr_plugin.worker.describe.describe_model`."""
    from sr_plugin.worker.describe import describe_model

    return describe_model(card)


def probe(card: ModelCard) -> dict[str, Any]:
    """See :func:`sr_plugin.worker.sanity_probe.probe_backend`."""
    from sr_plugin.worker.backends.choose import open_reference
    from sr_plugin.worker.describe import cpu_settings
    from sr_plugin.worker.sanity_probe import probe_backend

    if not card.weights:
        raise ModelUnreadable(f"The built-in model '{card.name}' has no network to test.")
    return probe_backend(open_reference(card, cpu_settings()), card)


def export(card: ModelCard, path: str) -> dict[str, Any]:
    """See :func:`sr_plugin.worker.export_onnx.export_onnx`."""
    from sr_plugin.worker.export_onnx import export_onnx

    return export_onnx(card, path)
