"""The transform and its inverse."""

import warnings

import numpy as np

from sk_awave import WaveletTransformer


class Transform:
    """Both directions of a fixed wavelet, on series and images."""

    params = [[(10_000, 64), (100, 65_536), (500, 64, 64)], ["zero", "periodization"]]
    param_names = ["shape", "mode"]

    def setup(self, shape, mode):
        """Make signals and their coefficients."""
        warnings.filterwarnings("ignore", message=".*too high")
        self.X = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        transformer = WaveletTransformer("db5", level=4, mode=mode, ndim=len(shape) - 1)
        self.transformer = transformer.fit(self.X[:2])
        self.Xt = self.transformer.transform(self.X)

    def time_transform(self, *params):
        """Transform."""
        self.transformer.transform(self.X)

    def time_inverse_transform(self, *params):
        """Transform back."""
        self.transformer.inverse_transform(self.Xt)

    peakmem_transform = time_transform
    peakmem_inverse_transform = time_inverse_transform
