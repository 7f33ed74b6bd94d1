"""Learning a wavelet, at one strength and along a path."""

import warnings

import numpy as np

from sk_awave import AdaptiveWaveletTransformer, adaptive_wavelet_path


class Learning:
    """Correlated signals, and input gradients of their kind."""

    def setup(self, shape, parametrization="orthogonal"):
        """Make both, and the transformer."""
        warnings.simplefilter("ignore")
        noise = np.random.default_rng(0).standard_normal((2, *shape), dtype=np.float32)
        self.X, self.input_gradients = noise.cumsum(axis=-1)
        self.transformer = AdaptiveWaveletTransformer(
            "db5",
            level=4,
            mode="zero",
            ndim=len(shape) - 1,
            parametrization=parametrization,
        )


class Fit(Learning):
    """A whole fit."""

    params = [[(500, 64), (100, 28, 28)], ["orthogonal", "free"]]
    param_names = ["shape", "parametrization"]

    def time_fit(self, *params):
        """Fit."""
        self.transformer.fit(self.X, input_gradients=self.input_gradients)

    peakmem_fit = time_fit


class Path(Learning):
    """A path of three ratios."""

    params = [(500, 64)]
    param_names = ["shape"]

    def time_path(self, *params):
        """Learn at every ratio."""
        adaptive_wavelet_path(
            self.X,
            transformer=self.transformer,
            ratios=[0.1, 1, 10],
            input_gradients=self.input_gradients,
        )

    peakmem_path = time_path
