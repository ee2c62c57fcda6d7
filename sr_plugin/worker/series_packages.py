"""What the worker's Python must have for series, beyond what single images need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sr_plugin.core.errors import RuntimeMissing


@contextlib.contextmanager
def series_packages() -> Iterator[None]:
    """Tell the user about a package that an import inside does not find.

    Raises:
        RuntimeMissing: naming the package.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or "scikit-image").partition(".")[0].replace("skimage", "scikit-image")
        raise RuntimeMissing(
            f"The worker's Python has no {package}, which the views of a series are registered and matched with.",
            "Create an environment with: python -m sr_plugin environment --create light",
        ) from error
