"""The metrics of an evaluation: what they are called, which direction is good, and how they are defined."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A figure of merit.

    Attributes:
        key: stable name.
        title: what people call it.
        unit: behind the number, possibly empty.
        best: ``high``, ``low``, or empty where neither is good as such.
        ranked: counts in the ranking.
        definition: what it is, with its source.
    """

    key: str
    title: str
    unit: str
    best: str
    ranked: bool
    definition: str


METRICS = (
    Metric("psnr", "PSNR", "dB", "high", True, "10 log10(range^2 / mean squared error over all bands)."),
    Metric(
        "ssim",
        "SSIM",
        "",
        "high",
        True,
        "Structural similarity, mean over pixels and bands; Gaussian window of 11 x 11 pixels with sigma 1.5, "
        "K1 = 0.01, K2 = 0.03; only windows inside the rasters (Wang et al. 2004, doi:10.1109/TIP.2003.819861).",
    ),
    Metric(
        "ms_ssim",
        "MS-SSIM",
        "",
        "high",
        True,
        "The same over five scales, each half as fine (Wang et al. 2003, doi:10.1109/ACSSC.2003.1292216).",
    ),
    Metric(
        "sam",
        "SAM",
        "°",
        "low",
        True,
        "Spectral angle between the bands of a pixel, mean over pixels (Yuhas et al. 1992). Needs two bands.",
    ),
    Metric(
        "ergas",
        "ERGAS",
        "",
        "low",
        True,
        "100 h/l times the root of the mean over bands of (RMSE / mean of the reference)^2, with h/l the ratio of the "
        "pixel sizes of result and input, 1 on the input's grid (Wald 2000).",
    ),
    Metric(
        "uqi",
        "UQI",
        "",
        "high",
        True,
        "Universal image quality index: SSIM without its constants, same window (Wang and Bovik 2002, "
        "doi:10.1109/97.995823).",
    ),
    Metric(
        "scc",
        "SCC",
        "",
        "high",
        True,
        "Correlation of the details that a Laplacian filter leaves, in windows of 8 x 8 pixels, mean over pixels and "
        "bands (after Zhou et al. 1998, doi:10.1080/014311698215973).",
    ),
    Metric("rmse", "RMSE", "", "low", False, "Root of the mean squared error over all bands, in units of the values."),
    Metric("mae", "MAE", "", "low", False, "Mean absolute error, in units of the values."),
    Metric("bias", "Bias", "", "", False, "Mean of candidate minus reference, in units of the values."),
    Metric(
        "sharpness",
        "Sharpness",
        "",
        "",
        False,
        "Root mean square of the Sobel gradient of the mean of the bands, per pixel of the fine grid. Noise raises it.",
    ),
    Metric(
        "sharpness_ratio",
        "Sharpness / truth's",
        "",
        "",
        False,
        "Sharpness as a share of the truth's; 1 is right, above 1 is sharper than the truth.",
    ),
    Metric(
        "edge_f1",
        "Edge F1",
        "",
        "high",
        False,
        "Harmonic mean of precision and recall of Canny edges in the mean of the bands, against the truth's, within "
        "two pixels.",
    ),
    Metric(
        "reflectance",
        "Reflectance error",
        "",
        "low",
        False,
        "Consistency: mean absolute difference between the candidate brought back to the input's grid and the input.",
    ),
    Metric("spectral", "Spectral error", "°", "low", False, "Consistency: spectral angle between the same two."),
    Metric(
        "shift",
        "Spatial shift",
        "input px",
        "low",
        False,
        "Consistency: shift between the same two by phase correlation, median over sample windows.",
    ),
    Metric(
        "improvement",
        "Improvement",
        "",
        "high",
        False,
        "Share of the pixels that matter that came nearer to the truth (Aybar et al. 2024, "
        "doi:10.1109/LGRS.2024.3401394; formulas, normalised difference and constants as in opensr-test 1.3).",
    ),
    Metric("omission", "Omission", "", "low", False, "Share that stayed as in the enlarged input; same source."),
    Metric(
        "hallucination",
        "Hallucination",
        "",
        "low",
        False,
        "Share that left the enlarged input without coming nearer to the truth; same source.",
    ),
    Metric(
        "synthesis", "Synthesis", "", "", False, "Mean absolute difference to the enlarged input: how much was added."
    ),
)
_BY_KEY = {metric.key: metric for metric in METRICS}


def metric_named(key: str) -> Metric:
    """The metric of this key.

    Raises:
        KeyError: when there is none.
    """
    return _BY_KEY[key]
