"""The order of bands in rasters that go into one dataset."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence

from sr_plugin.core.card import BandSpec

#: Centres of one band on two satellites lie closer than this, in micrometres.
SAME_WAVELENGTH = 0.03


def band_order(wanted: Sequence[BandSpec], found: Sequence[BandSpec]) -> Optional[List[int]]:
    """Which of the found bands stands for each of the wanted ones, by names, wavelengths and colours.

    Args:
        wanted, found: equally many bands.

    Returns:
        Positions in ``found``, counted from 0; None where the bands are known to be others. Where nothing is known of
        them, they stay in their order.
    """
    everywhere = list(range(len(found)))
    for order in (_order_by(_name, wanted, found), everywhere, _order_by(_colour, wanted, found)):
        if order is not None and not any(_differ(band, found[place]) for band, place in zip(wanted, order)):
            return order
    return None


def _name(band: BandSpec) -> str:
    """The name; empty where it is no more than a number."""
    return "" if band.name.startswith("band ") else band.name


def _colour(band: BandSpec) -> str:
    return band.common_name


def _order_by(
    key: Callable[[BandSpec], str], wanted: Sequence[BandSpec], found: Sequence[BandSpec]
) -> Optional[List[int]]:
    """The order that brings keys together; None where they are not the same ones, each once."""
    keys, others = [key(band) for band in wanted], [key(band) for band in found]
    if "" in keys or len(set(keys)) < len(keys) or sorted(keys) != sorted(others):
        return None
    return [others.index(one) for one in keys]


def _differ(first: BandSpec, second: BandSpec) -> bool:
    """Whether two bands are known to be others."""
    if first.wavelength_um is not None and second.wavelength_um is not None:
        return abs(first.wavelength_um - second.wavelength_um) > SAME_WAVELENGTH
    return bool(first.common_name and second.common_name) and first.common_name != second.common_name
