"""Metadata of rasters from strangers: a plan of the run or a plain error."""

from __future__ import annotations

import json
import math
import pathlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import SuperResolutionError  # noqa: E402
from sr_plugin.pipeline.edge_bands import same_bands  # noqa: E402
from sr_plugin.pipeline.prepare import prepare_run  # noqa: E402
from sr_plugin.pipeline.request import SilentFeedback, SuperResolveRequest  # noqa: E402
from sr_plugin.raster.source import RasterSource  # noqa: E402
from tests.conftest import write_raster  # noqa: E402
from tests.fuzz.effort import effort  # noqa: E402
from tests.fuzz.guard import guarded  # noqa: E402
from tests.fuzz.inputs import ODD_NUMBERS, ODD_TEXTS, json_values  # noqa: E402

pytestmark = pytest.mark.gdal

KEYS = (
    *("PROCESSING_BASELINE", "BOA_ADD_OFFSET", "RADIO_ADD_OFFSET_B1", "SR_SETTINGS", "SR_SOURCE", "wavelength"),
    *("wavelength_units", "CENTRAL_WAVELENGTH_UM", "BANDNAME", "long_name", "SATELLITE", "SENSOR", "units"),
)
RPC = {
    **{"LINE_OFF": "50", "SAMP_OFF": "50", "LINE_SCALE": "50", "SAMP_SCALE": "50", "LAT_OFF": "40", "LONG_OFF": "-75"},
    **{"HEIGHT_OFF": "0", "LAT_SCALE": "1", "LONG_SCALE": "1", "HEIGHT_SCALE": "1"},
}
values = st.one_of(
    st.sampled_from([text[:200].replace("\x00", "").encode("utf-8", "replace").decode() for text in ODD_TEXTS]),
    st.sampled_from([repr(number)[:500] for number in ODD_NUMBERS]),
    json_values.map(json.dumps),
    st.sampled_from(["0400", "04.00", "٤٠٠", "²", "9" * 5000, "-1000", "[" * 5000]),
)
facts = st.dictionaries(st.sampled_from(KEYS), values, max_size=5)


@pytest.fixture(scope="module")
def raster(tmp_path_factory: pytest.TempPathFactory) -> str:
    pixels = np.arange(4 * 900, dtype=np.uint16).reshape(4, 30, 30)
    return write_raster(tmp_path_factory.mktemp("rasters") / "in.tif", pixels, geotransform=())


@given(
    whole=facts,
    band=facts,
    rpc=st.dictionaries(st.sampled_from(sorted(RPC)), values, max_size=3),
    numbers=st.tuples(*[st.sampled_from([n for n in ODD_NUMBERS if isinstance(n, float)])] * 3),
)
@example(whole={"PROCESSING_BASELINE": "²"}, band={}, rpc={}, numbers=(0.0, 1.0, 0.0))
@example(whole={"BOA_ADD_OFFSET": "inf"}, band={}, rpc={"LINE_OFF": ""}, numbers=(math.nan, 0.0, math.inf))
@effort()
def test_metadata(raster: str, whole: dict, band: dict, rpc: dict, numbers: tuple) -> None:
    dataset = gdal.Open(raster, gdal.GA_Update)
    dataset.SetMetadata({**whole, "SR_SOURCE": "in.tif"})
    dataset.SetMetadata({**RPC, **rpc} if rpc else {}, "RPC")
    first = dataset.GetRasterBand(1)
    first.SetMetadata(band)
    first.SetNoDataValue(numbers[0])
    first.SetScale(numbers[1])
    first.SetOffset(numbers[2])
    del first, dataset
    output = str(pathlib.Path(raster).with_name("out.tif"))
    with guarded(30):
        try:
            run = prepare_run(SuperResolveRequest(raster, output, "bicubic:2"), SilentFeedback())
            assert run.plan.digest
            source = RasterSource(raster)
            same_bands(source, (1, 2), source)
        except SuperResolutionError as error:
            assert error.message
