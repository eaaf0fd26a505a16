"""Trees: a random forest, or bagged gradient boosting, on an encoding.

Random forest: Breiman 2001, https://doi.org/10.1023/A:1010933404324; the deviation over its trees as in SMAC (Hutter, Hoos, Leyton-Brown 2011,
https://doi.org/10.1007/978-3-642-25566-3_40). For architectures: White, Zela, Ru, Liu, Hutter 2021, "How Powerful are Performance Predictors in
Neural Architecture Search?", https://arxiv.org/abs/2104.01177. The trees are scikit-learn's.

Differs from the papers:
1. The survey boosts with XGBoost, LightGBM and NGBoost. Here it is scikit-learn's histogram boosting, whose deviation is that over five
   boostings of resampled data.
"""

from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.predictors.encodings import make_encoding, usual_encoding
from searchitect.predictors.predictor import Predictor

KINDS: Final = ("forest", "boosting")
_BOOSTINGS: Final = 5


class Trees(Predictor):
    """Mean and deviation over trees.

    Args:
        space: that the architectures are of.
        seed: of resampling and of the choice of features.
        kind: ``forest``: a random forest; ``boosting``: five gradient boostings, each of data drawn with replacement.
        trees: in the forest, or in each boosting. At least 1.
        encoding: see `searchitect.predictors.encodings`; ``None``: ``path`` where the specs hold graphs, else ``one-hot``.
    """

    summary: ClassVar[str] = "random forest or bagged gradient boosting on an encoding"

    def __init__(
        self, space: Space, *, seed: int = 0, kind: str = "forest", trees: int = 100, encoding: str | None = None
    ) -> None:
        super().__init__(space, seed=seed)
        if kind not in KINDS:
            raise SettingError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if trees < 1:
            raise SettingError(f"trees must be at least 1, got {trees}; usual is 100")
        self.kind = kind
        self.trees = trees
        self.encoding = make_encoding(encoding or usual_encoding(space), space)
        self._members: list[Any] = []

    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        features = self.encoding(architectures)
        if self.kind == "forest":
            forest = RandomForestRegressor(self.trees, max_features=1 / 3, random_state=self.seed % 2**32)
            self._members = list(forest.fit(features, targets).estimators_)
            return
        rng = np.random.default_rng(self.seed % 2**63)
        self._members = []
        for _ in range(_BOOSTINGS):
            drawn = rng.integers(len(targets), size=len(targets))
            boosting = HistGradientBoostingRegressor(max_iter=self.trees, min_samples_leaf=3, early_stopping=False)
            self._members.append(boosting.fit(features[drawn], targets[drawn]))

    def _guess(self, architectures: list[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        features = self.encoding(architectures)
        if self.kind == "forest":
            features = features.astype(np.float32)  # what a tree works with
        guesses = np.stack([member.predict(features) for member in self._members])
        return guesses.mean(axis=0), guesses.std(axis=0)
