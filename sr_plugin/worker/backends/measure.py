"""``auto``: which runtime and precision, found by measuring on pieces of the user's own raster."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata

import numpy as np

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.core.locations import user_cache_folder
from sr_plugin.core.noise import noise_level
from sr_plugin.core.session import RunSettings
from sr_plugin.worker.backends.base import Backend
from sr_plugin.worker.backends.choose import able_runtimes, open_backend, open_first
from sr_plugin.worker.backends.runtimes import Runtime

#: Pieces of the raster that are computed to measure with, ``(bands, h, w)`` each.
Samples = Sequence[np.ndarray]
#: Runs a piece through a backend: ``(bands, h, w)`` in, the result in units of the data out.
Evaluate = Callable[[Backend, np.ndarray], np.ndarray]

#: Reduced precision may differ from float32 by this share of the image's noise (RMSE).
NOISE_SHARE = 0.25
#: Runs expected to take less are over before measuring pays.
_WORTH_REDUCED, _WORTH_OTHERS = 3.0, 60.0
_REMEMBERED = 100


@dataclass
class _Trial:
    """One runtime at one precision: its backend while it may be the one, and seconds for all samples."""

    runtime: Runtime
    backend: Backend | None
    seconds: float
    outputs: list[np.ndarray]


def open_measured(
    card: ModelCard, settings: RunSettings, samples: Samples, evaluate: Evaluate
) -> tuple[Backend, tuple[str, ...]]:
    """Load a model on the runtime and in the precision that are fastest here, and say why.

    Reduced precision is taken only where it differs from float32 by less than a quarter of the image's noise.

    Args:
        card, settings: as for :func:`open_backend`; ``settings.pixels`` tells whether measuring pays.
        samples: pieces of the raster; without any nothing is measured.
        evaluate: runs one of them.

    Returns:
        The backend, and sentences about what was measured.

    Raises:
        SuperResolutionError: from loading and running the model.
    """
    device, able = able_runtimes(card, settings)
    settled = settings.precision == "reduced" or (settings.precision == "float32" and len(able) == 1)
    if settled or not samples or settings.pixels <= 0:
        return open_backend(card, settings), ()
    exact = _exact(card, device, replace(settings, precision="float32"), able, samples, evaluate)
    share = settings.pixels / sum(piece.shape[1] * piece.shape[2] for piece in samples)
    if settings.precision == "float32" or exact.seconds * share < _WORTH_REDUCED:
        return _kept(exact), ()
    return _try_reduced(card, device, settings, able, exact, samples, evaluate)


def _kept(trial: _Trial) -> Backend:
    if trial.backend is None:
        raise RuntimeError("the chosen backend was given up")
    return trial.backend


def _try(
    card: ModelCard, device: str, settings: RunSettings, able: list[Runtime], samples: Samples, evaluate: Evaluate
) -> _Trial:
    backend = open_first(card, device, settings, able)
    # The first run of a shape pays for choosing and compiling kernels, so it is not timed.
    outputs = [evaluate(backend, samples[0])]
    timed = samples[1:] or samples
    started = time.perf_counter()
    results = [evaluate(backend, piece) for piece in timed]
    seconds = (time.perf_counter() - started) / len(timed) * len(samples)
    outputs += results[: len(samples) - 1]
    name = backend.describe().backend.split()[0]
    return _Trial(next(r for r in able if r.name == name), backend, seconds, outputs)


def _exact(
    card: ModelCard, device: str, settings: RunSettings, able: list[Runtime], samples: Samples, evaluate: Evaluate
) -> _Trial:
    """The fastest runtime at float32: the usual order, unless the run is long enough to time all of them."""
    key = _key(card, device, able, samples)
    known = _remembered().get(key)
    remembered = [runtime for runtime in able if runtime.name == known]
    if remembered:
        try:
            return _try(card, device, settings, remembered, samples, evaluate)
        except SuperResolutionError:
            # It ran once; another one may still do so.
            able = [runtime for runtime in able if runtime.name != known]
            if not able:
                raise
    best = _try(card, device, settings, able, samples, evaluate)
    share = settings.pixels / sum(piece.shape[1] * piece.shape[2] for piece in samples)
    others = [runtime for runtime in able if runtime is not best.runtime]
    if not others or best.seconds * share < _WORTH_OTHERS:
        return best
    for runtime in others:
        try:
            trial = _try(card, device, settings, [runtime], samples, evaluate)
        except SuperResolutionError:
            # One that cannot run the model is not the fastest.
            continue
        if trial.seconds < best.seconds:
            best = trial
    _remember(key, best.runtime.name)
    return best


def _try_reduced(
    card: ModelCard,
    device: str,
    settings: RunSettings,
    able: list[Runtime],
    exact: _Trial,
    samples: Samples,
    evaluate: Evaluate,
) -> tuple[Backend, tuple[str, ...]]:
    gaining = [runtime for runtime in able if runtime.reduced_type(device)]
    if not gaining:
        return _kept(exact), ()
    reduced_settings = replace(settings, precision="reduced")
    try:
        reduced = _try(card, device, reduced_settings, gaining, samples, evaluate)
    except SuperResolutionError as error:
        return _kept(exact), (f"Precision float32: reduced precision does not run here ({error.message})",)
    name = _kept(reduced).describe().precision
    difference = _rmse(exact.outputs, reduced.outputs)
    noise = float(np.mean([noise_level(piece) for piece in samples]))
    figures = f"{difference:.3g} (RMSE) on pieces of this raster, whose noise is about {noise:.3g}"
    if not difference <= NOISE_SHARE * noise:
        return _kept(exact), (f"Precision float32: {name} would differ by {figures}; a quarter of it is allowed.",)
    if reduced.seconds >= exact.seconds:
        return _kept(exact), (f"Precision float32: {name} is not faster here.",)
    gain = exact.seconds / reduced.seconds
    return _kept(reduced), (f"Precision {name}: {gain:.1f} times as fast as float32, and differs by {figures}.",)


def _rmse(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    squares = sum(float(np.sum((a.astype(np.float64) - b) ** 2)) for a, b in zip(one, other, strict=True))
    return float(np.sqrt(squares / sum(a.size for a in one)))


def _key(card: ModelCard, device: str, able: list[Runtime], samples: Samples) -> str:
    """Names machine, model, tile size and versions."""
    versions = []
    for runtime in able:
        try:
            versions.append(f"{runtime.name} {metadata.version(runtime.name)}")
        except metadata.PackageNotFoundError:
            versions.append(runtime.name)
    about = [platform.node(), card.sha256, device, samples[0].shape, sorted(versions)]
    return json.dumps(about)


def _file() -> str:
    return os.path.join(user_cache_folder(), "runtimes.json")


def _remembered() -> dict[str, str]:
    try:
        with open(_file(), encoding="utf-8") as file:
            return {str(key): str(value) for key, value in json.load(file).items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        # Without the memory the runtimes are timed again.
        return {}


def _remember(key: str, name: str) -> None:
    kept = dict(list({**_remembered(), key: name}.items())[-_REMEMBERED:])
    temporary = f"{_file()}.{os.getpid()}"
    try:
        os.makedirs(user_cache_folder(), exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        os.replace(temporary, _file())
    except OSError:
        return
