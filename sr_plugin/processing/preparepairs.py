"""Algorithm ``superres:preparepairs``: a training dataset from rasters or pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProcessingUtils, QgsRasterLayer

from sr_plugin.core.errors import ParameterError, SourceNotFound, SuperResolutionError
from sr_plugin.processing import preparepairs_parameters as definitions
from sr_plugin.processing import settings
from sr_plugin.processing.algorithm import Algorithm
from sr_plugin.processing.feedback import ProcessingFeedback
from sr_plugin.processing.layer_source import gdal_dataset_name, layer_of_dataset
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.pipeline.pairs.request import PairRequest

_LISTS = ("HIGH", "LOW", "HIGH_MASKS", "LOW_MASKS")
_ANY_TIME = -1


class PreparePairsAlgorithm(Algorithm):
    """Cuts pairs of low and high resolution to train models on."""

    def __init__(self) -> None:
        super().__init__()
        self._datasets: Dict[str, Tuple[str, ...]] = {}

    def name(self) -> str:
        """Stable id."""
        return "preparepairs"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Prepare training pairs")

    def tags(self) -> List[str]:
        """Words that people search for."""
        return tr("super-resolution,training,dataset,pairs,patches,chips,degrade,wald,register,split").split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Cuts pairs of low and high resolution from rasters or pictures, to train models on.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        paragraphs = (
            tr(
                "Makes a dataset of small pairs, low and high resolution, from which <i>superres:train</i> or any "
                "other tool learns: arrays of the original values, an index, a card, and a contact sheet."
            ),
            tr(
                "<b>degraded</b> needs high resolution only: it is blurred by the sensor's point spread function and "
                "sampled (Wald's protocol). <b>sensors</b> pairs real images: near in time, co-registered, with "
                "matched histograms. Real pairs teach what really happens between two sensors, and their errors, too."
            ),
            tr(
                "<b>Training, validation and test never share ground.</b> Squares of ground go into one split as a "
                "whole; patches across a border are left out. Chips cut from one scene without CRS cannot be told "
                "apart like this: put them into folders named train, val and test."
            ),
            tr(
                "Open the contact sheet to strike out pairs by hand, or <i>Raster → Super-Resolution → Contact "
                "Sheet</i> in QGIS."
            ),
        )
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        for parameter in definitions.all_parameters():
            self.addParameter(parameter)
        for output in definitions.outputs():
            self.addOutput(output)

    def checkParameterValues(  # noqa: N802 - QGIS API
        self, parameters: Dict[str, Any], context: QgsProcessingContext
    ) -> Tuple[bool, str]:
        """Refuse what can be seen to be wrong before the run starts."""
        try:
            given = {name: ("given",) * len(self._names(parameters, name, context)) for name in _LISTS}
            self._request(parameters, context, given, "").checked()
        except SuperResolutionError as error:
            return False, str(error)
        return super().checkParameterValues(parameters, context)

    def prepare(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Note dataset names while the main thread holds the layers still."""
        self._datasets = {name: self._names(parameters, name, context) for name in _LISTS}
        classes = self.parameterAsRasterLayer(parameters, "CLASSES", context)
        if classes is None and parameters.get("CLASSES") not in (None, ""):
            raise SourceNotFound(tr("The raster {} is missing or cannot be opened.").format("CLASSES"))
        self._datasets["CLASSES"] = (gdal_dataset_name(classes),) if classes is not None else ()

    def run_algorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Prepare the dataset and hand its folder and figures to Processing."""
        # Imported here: the pipeline is needed by a run only, and loading the plugin must stay fast.
        from sr_plugin.pipeline.pairs.prepare_pairs import prepare_pairs

        output = self.parameterAsFileOutput(parameters, "OUTPUT", context)
        request = self._request(parameters, context, self._datasets, output)
        result = prepare_pairs(request, ProcessingFeedback(feedback))
        counts = result.dataset.card.counts
        return {
            "OUTPUT": result.dataset.folder,
            "CONTACT_SHEET": result.contact_sheet,
            "PAIRS": len(result.dataset.records),
            "TRAIN_PAIRS": counts["train"],
            "VALIDATION_PAIRS": counts["validation"],
            "TEST_PAIRS": counts["test"],
            "REJECTED": sum(result.rejected.values()),
        }

    def _request(
        self,
        parameters: Dict[str, Any],
        context: QgsProcessingContext,
        datasets: Dict[str, Tuple[str, ...]],
        output: str,
    ) -> PairRequest:
        from sr_plugin.pipeline.pairs.request import PairRequest

        def real(name: str) -> float:
            return self.parameterAsDouble(parameters, name, context)

        def whole(name: str) -> int:
            return self.parameterAsInt(parameters, name, context)

        def text(name: str) -> str:
            return self.parameterAsString(parameters, name, context).strip()

        def word(name: str) -> str:
            return self.parameterAsEnumString(parameters, name, context)

        def flag(name: str) -> bool:
            return self.parameterAsBoolean(parameters, name, context)

        days = whole("MAX_DAYS")
        return PairRequest(
            output=output,
            layout=word("LAYOUT"),
            scale=int(word("SCALE")),
            high=datasets["HIGH"],
            low=datasets["LOW"],
            folder=text("FOLDER"),
            low_folder=text("LOW_FOLDER"),
            high_bands=_numbers(text("HIGH_BANDS")),
            low_bands=_numbers(text("LOW_BANDS")),
            patch=whole("PATCH"),
            step=whole("STEP"),
            views=whole("VIEWS"),
            point_spread=word("POINT_SPREAD"),
            mtf=(real("MTF_MIN"), real("MTF_MAX")),
            noise=real("NOISE"),
            max_days=None if days == _ANY_TIME else days,
            register=flag("REGISTER"),
            max_shift=real("MAX_SHIFT"),
            min_score=real("MIN_SCORE"),
            match_histogram=flag("MATCH_HISTOGRAM"),
            max_gaps=real("MAX_GAPS"),
            high_masks=datasets["HIGH_MASKS"],
            low_masks=datasets["LOW_MASKS"],
            cloud_values=_numbers(text("CLOUD_VALUES")),
            bright=None if parameters.get("BRIGHT") in (None, "") else real("BRIGHT"),
            classes=next(iter(datasets.get("CLASSES", ())), ""),
            max_patches=whole("MAX_PATCHES"),
            duplicates_out=flag("DUPLICATES_OUT"),
            validation=real("VALIDATION"),
            test=real("TEST"),
            place_size_m=real("PLACE_SIZE"),
            seed=whole("SEED"),
            scaling=text("NORMALISATION") or "auto",
            licence=text("LICENCE"),
            credit=text("CREDIT"),
            worker_python=settings.worker_python(),
        )

    def _names(self, parameters: Dict[str, Any], name: str, context: QgsProcessingContext) -> Tuple[str, ...]:
        """GDAL dataset names of a list of rasters.

        Raises:
            SourceNotFound: when one cannot be opened.
        """
        value = parameters.get(name)
        if value in (None, "", []):
            return ()
        layers = self.parameterAsLayerList(parameters, name, context)
        if isinstance(value, (list, tuple)) and len(layers) != len(value) and all(isinstance(v, str) for v in value):
            # Processing itself only opens names of files that exist.
            layers = [QgsProcessingUtils.mapLayerFromString(v, context) or layer_of_dataset(v) for v in value]
        wanted = len(value) if isinstance(value, (list, tuple)) else len(layers)
        if not layers or len(layers) != wanted or not all(isinstance(layer, QgsRasterLayer) for layer in layers):
            raise SourceNotFound(tr("A raster of {} is missing or cannot be opened: {}").format(name, value))
        return tuple(gdal_dataset_name(layer) for layer in layers)


def _numbers(text: str) -> Tuple[int, ...]:
    """Whole numbers separated by commas, semicolons or blanks.

    Raises:
        ParameterError: when there is something else.
    """
    parts = [part for part in re.split(r"[,;\s]+", text) if part]
    if not all(re.fullmatch(r"-?\d{1,9}", part) for part in parts):
        raise ParameterError(tr("'{}' is no list of numbers.").format(text), tr("Write for example 1,2,3."))
    return tuple(int(part) for part in parts)
