"""Land cover by random forests: what a classification gains or loses when it is made from another raster."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sr_plugin.core.errors import EmptyExtent, RuntimeMissing

_TREES, _SEED = 100, 0


def require_scikit_learn() -> None:
    """Make sure that scikit-learn is there.

    Raises:
        RuntimeMissing: when it is not.
    """
    try:
        import sklearn  # noqa: F401 - looked for only
    except ImportError as error:
        raise RuntimeMissing(
            f"Land cover needs the package scikit-learn, which the worker's Python does not have ({error}).",
            "Install scikit-learn into it, create the environment anew, or leave the training polygons out.",
        ) from error


class LandCover:
    """Forests of one evaluation, one for each raster, all trained on the same pixels.

    Attributes:
        scores: ``NAME.accuracy``, ``NAME.kappa`` and ``NAME.f1`` (mean over classes) on the test pixels.
    """

    def __init__(self, samples: Mapping[str, np.ndarray], classes: np.ndarray, train: np.ndarray) -> None:
        """Train and test.

        Args:
            samples: pixels of each raster, ``(bands, n)``.
            classes: ``(n,)`` class numbers from 0.
            train: ``(n,)`` bool; the other pixels test.

        Raises:
            RuntimeMissing: when scikit-learn is not installed.
            EmptyExtent: when there is nothing to train or to test with.
        """
        require_scikit_learn()
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

        if len(np.unique(classes[train])) < 2 or not (~train).any():
            raise EmptyExtent(
                "The training polygons leave fewer than two classes to train with, or nothing to test with.",
                "Give at least two classes with two polygons each inside the rasters.",
            )
        self.scores: dict[str, float] = {}
        self._forests = {}
        for name, pixels in samples.items():
            forest = RandomForestClassifier(_TREES, random_state=_SEED, n_jobs=-1, min_samples_leaf=2)
            forest.fit(pixels[:, train].T, classes[train])
            told, right = forest.predict(pixels[:, ~train].T), classes[~train]
            self.scores[f"{name}.accuracy"] = float(accuracy_score(right, told))
            self.scores[f"{name}.kappa"] = float(np.nan_to_num(cohen_kappa_score(right, told)))
            self.scores[f"{name}.f1"] = float(f1_score(right, told, average="macro"))
            self._forests[name] = forest

    def classify(self, images: Mapping[str, np.ndarray], valid: np.ndarray, count: int) -> dict[str, float]:
        """Pixels of each class, and of the same class as the truth's, in one window.

        Args:
            images: ``(bands, h, w)`` of each raster.
            valid: ``(h, w)`` bool.
            count: number of classes.

        Returns:
            ``NAME.class.C``, ``NAME.agree`` where there is a ``truth``, and ``pixels``.
        """
        found = {name: self._predict(name, image[:, valid].T) for name, image in images.items()}
        sums: dict[str, float] = {"pixels": float(np.count_nonzero(valid))}
        for name, told in found.items():
            for number, pixels in enumerate(np.bincount(told, minlength=count)):
                sums[f"{name}.class.{number}"] = float(pixels)
            if "truth" in found:
                sums[f"{name}.agree"] = float(np.count_nonzero(told == found["truth"]))
        return sums

    def _predict(self, name: str, pixels: np.ndarray) -> np.ndarray:
        if not len(pixels):
            return np.zeros(0, np.int64)
        return self._forests[name].predict(pixels).astype(np.int64)
