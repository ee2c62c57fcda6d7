"""What a run that prepares training pairs is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, SINGLE_IMAGE, TRANSLATION
from sr_plugin.core.dataset_card import TEST, TRAIN, VALIDATION
from sr_plugin.core.errors import ParameterError

#: Where pairs come from: rasters of high resolution that are degraded; rasters of two sensors; folders of pictures that
#: belong together; pictures that show input and target side by side; bands of two pixel sizes of one product.
DEGRADED, SENSORS, FOLDERS, SIDE_BY_SIDE, FUSION = "degraded", "sensors", "folders", "side-by-side", "fusion"
LAYOUTS = (DEGRADED, SENSORS, FOLDERS, SIDE_BY_SIDE, FUSION)
SCALES = (1, 2, 3, 4, 6, 8)
_SMALLEST_PATCH = 8


@dataclass(frozen=True)
class PairRequest:
    """One dataset to prepare.

    Attributes:
        output: folder of the dataset; it must not exist, or be empty.
        layout: one of :data:`LAYOUTS`.
        scale: pixels of ``high`` per pixel of ``low`` along a side; 1 pairs pictures of equal size for translation.
        high: GDAL dataset names of the rasters of high resolution.
        low: the same of the low resolution, for ``sensors``; for ``fusion`` of the bands that are to be sharpened.
        folder: pictures (``folders``: of the high resolution, or the root of a set that holds both).
        low_folder: pictures of the low resolution, or empty where ``folder`` holds both.
        high_bands, low_bands: band numbers; empty for all but alpha.
        patch: side of a patch in pixels of the low resolution.
        step: pixels of the low resolution from one patch to the next; 0 lays them side by side.
        views: images of one place to make of each patch (multi-image, degraded only); 1 for a single one.
        point_spread: ``gaussian`` or ``box``.
        mtf: lowest and highest modulation transfer at the Nyquist frequency of the low resolution.
        noise: standard deviation to add to ``low``, in data units.
        max_days: most days between the two images of a pair, None for any.
        register: measure and correct the displacement of each pair of rasters, and reject what stays misaligned.
        max_shift: largest displacement of a patch that is let pass, in pixels of the low resolution.
        min_score: smallest correlation of a patch with its counterpart that is let pass.
        match_histogram: give ``high`` the histogram of ``low``, band by band, one map for each pair of rasters.
        max_gaps: largest share of a patch without data or under clouds.
        high_masks, low_masks: class rasters that tell clouds, in the order of ``high`` and ``low``; one serves all.
        cloud_values: their values that stand for clouds.
        bright: value that pixels under cloud exceed in all bands, None to leave brightness alone.
        classes: raster of land cover for the strata, or empty.
        max_patches: most patches to keep, drawn equally from all strata; 0 keeps all (of each stratum as many as the
            median one has).
        duplicates_out: leave out patches that show the same picture twice.
        validation, test: shares of the patches.
        place_size_m: side of the squares that go into one split as a whole, in metres (pixels of ``low`` for pictures
            without georeference); 0 chooses.
        seed: of all random choices.
        scaling: how values lead to a physical quantity, see :func:`sr_plugin.pipeline.scaling.choose_scaling`.
        licence: licence of the sources.
        credit: text that has to go with the data.
        worker_python: Python for the co-registration, empty to find one.
    """

    output: str
    layout: str = DEGRADED
    scale: int = 4
    high: Tuple[str, ...] = ()
    low: Tuple[str, ...] = ()
    folder: str = ""
    low_folder: str = ""
    high_bands: Tuple[int, ...] = ()
    low_bands: Tuple[int, ...] = ()
    patch: int = 64
    step: int = 0
    views: int = 1
    point_spread: str = "gaussian"
    mtf: Tuple[float, float] = (0.35, 0.35)
    noise: float = 0.0
    max_days: Optional[int] = 7
    register: bool = True
    max_shift: float = 0.5
    min_score: float = 0.5
    match_histogram: bool = True
    max_gaps: float = 0.01
    high_masks: Tuple[str, ...] = ()
    low_masks: Tuple[str, ...] = ()
    cloud_values: Tuple[int, ...] = (3, 8, 9, 10)
    bright: Optional[float] = None
    classes: str = ""
    max_patches: int = 0
    duplicates_out: bool = True
    validation: float = 0.15
    test: float = 0.15
    place_size_m: float = 0.0
    seed: int = 0
    scaling: str = "auto"
    licence: str = ""
    credit: str = ""
    worker_python: str = ""

    @property
    def kind(self) -> str:
        """Kind of the dataset, as in :mod:`sr_plugin.core.card`."""
        if self.layout == FUSION:
            return BAND_FUSION
        if self.scale == 1:
            return TRANSLATION
        return MULTI_IMAGE if self.views > 1 else SINGLE_IMAGE

    @property
    def shares(self) -> Dict[str, float]:
        """Share of the patches by split."""
        return {TRAIN: 1 - self.validation - self.test, VALIDATION: self.validation, TEST: self.test}

    @property
    def degrades(self) -> bool:
        """True where ``low`` is made of ``high``."""
        return self.layout in (DEGRADED, FUSION)

    @property
    def aligns(self) -> bool:
        """True where displacements are measured: only images of one kind resemble each other."""
        return self.register and not self.degrades and self.scale > 1

    @property
    def matches(self) -> bool:
        """True where histograms are matched."""
        return self.match_histogram and self.layout == SENSORS and self.scale > 1

    def checked(self) -> PairRequest:
        """The request, if it can be followed.

        Raises:
            ParameterError: naming what cannot.
        """
        for fault, told, hint in self._rules():
            if fault:
                raise ParameterError(told, hint)
        return self

    def _rules(self) -> Tuple[Tuple[bool, str, str], ...]:
        both = bool(self.high and self.low)
        rasters = {DEGRADED: bool(self.high or self.folder), SENSORS: both, FUSION: both}
        low, high = self.mtf
        return (
            (self.layout not in LAYOUTS, f"There is no layout '{self.layout}'.", f"Use one of {', '.join(LAYOUTS)}."),
            (self.scale not in SCALES, f"Pairs of scale {self.scale} are not made.", "Use 1, 2, 3, 4, 6 or 8."),
            (
                self.degrades and self.scale == 1,
                "Degrading takes a scale above 1.",
                "Scale 1 is for translation, which takes two kinds of images.",
            ),
            (
                self.layout == SIDE_BY_SIDE and self.scale != 1,
                "Images side by side have one size, so their scale is 1.",
                "Choose scale 1.",
            ),
            (
                not rasters.get(self.layout, bool(self.folder)),
                "No rasters were given that pairs could be cut from.",
                "Give rasters of high resolution, rasters of both sensors, or a folder of pictures.",
            ),
            (
                not _SMALLEST_PATCH <= self.patch <= 4096,
                f"Patches of {self.patch} pixels cannot be cut.",
                f"Use {_SMALLEST_PATCH} to 4096 pixels of the low resolution.",
            ),
            (
                not 0 <= self.step <= self.patch,
                "The step from patch to patch must not be larger than a patch.",
                "Use 0 for patches side by side.",
            ),
            (
                self.views < 1 or (self.views > 1 and self.layout != DEGRADED),
                "Several views of a place are only made of rasters that are degraded.",
                "Use one view, or the layout 'degraded'.",
            ),
            (not 0 < low <= high < 1, "The modulation transfer must lie between 0 and 1, the lower one first.", ""),
            (
                self.point_spread not in ("gaussian", "box"),
                f"There is no point spread function '{self.point_spread}'.",
                "Use gaussian or box.",
            ),
            (self.noise < 0, "The noise must not be negative.", ""),
            (
                min(self.validation, self.test) < 0 or self.validation + self.test >= 1,
                "Validation and test together must leave something to train on.",
                "Use shares such as 0.15 and 0.15.",
            ),
            (not 0 <= self.max_gaps < 1, "The share of gaps must lie between 0 and 1.", ""),
            (
                len(self.high_masks) not in (0, 1, len(self.high)) or len(self.low_masks) not in (0, 1, len(self.low)),
                "The cloud masks do not match the rasters in number.",
                "Give one mask for all rasters, or one for each in the same order.",
            ),
        )
