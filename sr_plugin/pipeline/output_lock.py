"""The lock of a result, where the pipeline looks for it."""

from __future__ import annotations

from sr_plugin.core.output_lock import OutputLock, is_locked

__all__ = ["OutputLock", "is_locked"]
