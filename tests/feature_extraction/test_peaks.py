"""PeakCounter against loops over pixels, and against the published recipe."""

import pickle

import numpy as np
import pandas as pd
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.datasets import make_convergence_maps
from sk_awave.feature_extraction import PeakCounter
from sk_awave.feature_extraction._peaks import RESPONSES, find_peaks, wavelet_kernels


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def naive_peaks(image):
    """The inner pixels that are higher than all their neighbours, one by one."""
    height, width = image.shape
    return [
        (i, j)
        for i in range(1, height - 1)
        for j in range(1, width - 1)
        if all(
            image[i, j] > image[i + di, j + dj]
            for di in (-1, 0, 1)
            for dj in (-1, 0, 1)
            if (di, dj) != (0, 0)
        )
    ]


def naive_responses(image, i, j, kernels, wavelet="db5"):
    """What PeakCounter reads at a peak."""
    if kernels == "height":
        return [image[i, j]]
    if kernels == "laplace":
        near = image[i - 1, j] + image[i + 1, j] + image[i, j - 1] + image[i, j + 1]
        far = sum(image[i + di, j + dj] for di in (-1, 1) for dj in (-1, 1))
        return [(20 * image[i, j] - 4 * near - far) / 6]
    if kernels == "roberts":
        return [
            sum(
                np.hypot(
                    image[a + 1, b + 1] - image[a, b], image[a + 1, b] - image[a, b + 1]
                )
                for a in (i - 1, i)
                for b in (j - 1, j)
            )
        ]
    patch = image[i - 1 : i + 2, j - 1 : j + 2]
    return [(patch * kernel).sum() for kernel in published_kernels(wavelet)]


def published_kernels(wavelet):
    """The rule of the published code, loop by loop; its filters are PyWavelets' reversed.

    It leaves out the last three taps as candidates.
    """
    wavelet = pywt.Wavelet(wavelet)
    short = []
    for taps in (wavelet.dec_lo, wavelet.dec_hi):
        taps = np.array(taps)[::-1]
        starts = range(len(taps) - 3)
        energies = [
            sum((taps[k] - taps.mean()) ** 2 for k in (s, s + 1, s + 2)) for s in starts
        ]
        start = int(np.argmax(energies))
        short.append(taps[start : start + 3])
    h, g = short
    kernels = [
        h[None, :] * h[:, None],
        h[None, :] * g[:, None],
        g[None, :] * h[:, None],
        g[None, :] * g[:, None],
    ]
    return [kernels[0], *(kernel - kernel.mean() for kernel in kernels[1:])]


@pytest.mark.parametrize("wavelet", ["db2", "db5", "sym4", "coif1", "bior2.2"])
def test_kernels_are_the_published_ones(wavelet):
    kernels = wavelet_kernels(pywt.Wavelet(wavelet))
    np.testing.assert_allclose(kernels, published_kernels(wavelet), atol=1e-15)


def test_kernels_of_the_published_filters():
    """The filters that the published code hands to its rule are those used here."""
    awave = pytest.importorskip("awave")
    misc = pytest.importorskip("awave.utils.misc")
    transform = awave.DWT2d(wave="db5", mode="zero", J=1)
    low = transform.h0.squeeze().detach().numpy()
    high = misc.low_to_high(transform.h0).squeeze().detach().numpy()
    np.testing.assert_allclose(low, pywt.Wavelet("db5").dec_lo[::-1], atol=1e-6)
    np.testing.assert_allclose(high, pywt.Wavelet("db5").dec_hi[::-1], atol=1e-6)


def test_kernels_of_a_short_wavelet():
    r = np.sqrt(0.5)
    kernels = wavelet_kernels(pywt.Wavelet("haar"))
    np.testing.assert_allclose(kernels[0], np.outer([r, r, 0], [r, r, 0]), atol=1e-15)
    # A slope down the image, and one to its right.
    np.testing.assert_allclose(kernels[1], np.outer([r, -r, 0], [r, r, 0]), atol=1e-15)
    np.testing.assert_allclose(kernels[2], np.outer([r, r, 0], [r, -r, 0]), atol=1e-15)


def test_lh_is_the_horizontal_band_of_pywavelets():
    """Filtering along both axes with all taps, as kernels of six taps would."""
    image = images(20, 20)
    low, high = (np.array(taps) for taps in pywt.Wavelet("haar").filter_bank[:2])
    _, (horizontal, vertical, _) = pywt.dwt2(image, "haar")
    kernels = wavelet_kernels(pywt.Wavelet("haar"))[:, :2, :2]
    for kernel, band in ((kernels[1], horizontal), (kernels[2], vertical)):
        response = ndimage.correlate(image, kernel, origin=(-1, -1))
        np.testing.assert_allclose(response[:-1:2, :-1:2], band, atol=1e-12)
    assert low @ high == pytest.approx(0)


@given(
    height=st.integers(1, 8),
    width=st.integers(1, 8),
    n_values=st.integers(2, 20),
    seed=st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
def test_peaks_against_loops(height, width, n_values, seed):
    """With few values there are plateaus, which are no peaks."""
    X = np.random.default_rng(seed).integers(0, n_values, (3, height, width))
    for image, peaks in zip(X, find_peaks(X), strict=True):
        found = [
            (int(i) + 1, int(j) + 1) for i, j in zip(*np.nonzero(peaks), strict=True)
        ]
        assert found == naive_peaks(image)


def test_peaks_are_those_of_a_maximum_filter():
    X = images(5, 40, 30)
    ring = np.ones((1, 3, 3))
    ring[0, 1, 1] = 0
    expected = ndimage.maximum_filter(X, footprint=ring)[:, 1:-1, 1:-1] < X[:, 1:-1, 1:-1]
    np.testing.assert_array_equal(find_peaks(X), expected)


@given(
    height=st.integers(3, 9),
    width=st.integers(3, 9),
    kernels=st.sampled_from(sorted(RESPONSES)),
    n_bins=st.integers(1, 7),
    seed=st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
def test_counts_against_loops(height, width, kernels, n_bins, seed):
    X = images(3, height, width, seed=seed)
    counter = PeakCounter(kernels=kernels, n_bins=n_bins, range=(-1.0, 3.0)).fit(X)
    expected = np.zeros((3, len(RESPONSES[kernels]), n_bins))
    for image, counts in zip(X, expected, strict=True):
        for i, j in naive_peaks(image):
            for k, response in enumerate(naive_responses(image, i, j, kernels)):
                bin_ = int(np.floor((response + 1) / 4 * n_bins))
                counts[k, min(max(bin_, 0), n_bins - 1)] += 1
    np.testing.assert_array_equal(counter.transform(X), expected.reshape(3, -1))


def test_counts_are_the_histograms_of_numpy_within_the_range():
    X = images(4, 30, 30)
    counter = PeakCounter(WaveletTransformer("sym4", ndim=2), range=(0, 2.5)).fit(X)
    counts = counter.transform(X).reshape(4, 4, 22)
    for image, per_kernel in zip(X, counts, strict=True):
        peaks = naive_peaks(image)
        responses = [naive_responses(image, *p, "wavelet", "sym4") for p in peaks]
        for values, row in zip(np.transpose(responses), per_kernel, strict=True):
            expected, edges = np.histogram(values, bins=np.linspace(0, 2.5, 23))
            expected[0] += (values < edges[0]).sum()
            expected[-1] += (values > edges[-1]).sum()
            np.testing.assert_array_equal(row, expected)


def test_a_tiny_image():
    image = np.array(
        [
            [0, 0, 0, 0, 0],
            [0, 5, 0, 2, 2],
            [0, 0, 0, 0, 0],
            [0, 3, 3, 0, 9],
            [0, 0, 0, 0, 0],
        ],
        dtype=float,
    )
    # Only the 5: the 2 and the 3 have equals, and the 9 is at the border.
    counter = PeakCounter(kernels="height", n_bins=10, range=(0, 10)).fit(image[None])
    assert counter.transform(image[None])[0].tolist() == [0] * 5 + [1] + [0] * 4
    heights = {"laplace": 5 * 20 / 6, "roberts": 4 * 5.0}
    for kernels, expected in heights.items():
        edges = (expected - 1e-9, expected + 1)
        counter = PeakCounter(kernels=kernels, n_bins=2, range=edges).fit(image[None])
        assert counter.transform(image[None])[0].tolist() == [1, 0]


@pytest.mark.parametrize("kernels", RESPONSES)
def test_no_peak_is_lost(kernels):
    X = images(20, 16, 16)
    counter = PeakCounter(kernels=kernels, n_bins=5).fit(X[:10])
    counts = counter.transform(1.5 * X).reshape(20, -1, 5)
    n_peaks = [len(naive_peaks(image)) for image in X]
    np.testing.assert_array_equal(counts.sum(axis=2).T, [n_peaks] * counts.shape[1])


def test_bins_are_learned_from_the_training_images():
    X = images(50, 16, 16)
    X[7, 4, 4] = 1e6  # one outlier does not spoil the bins
    counter = PeakCounter(kernels="height", n_bins=4).fit(X)
    heights = [image[p] for image in X for p in naive_peaks(image)]
    ends = np.quantile(heights, [0.005, 0.995])
    np.testing.assert_allclose(counter.bin_edges_, [np.linspace(*ends, 5)])
    assert counter.transform(X)[7, -1] >= 1
    np.testing.assert_array_equal(
        counter.transform(X[:3]), counter.transform(X)[:3], "the bins do not change"
    )


def test_equal_responses_have_a_bin():
    X = np.zeros((3, 5, 5))
    X[:, 2, 2] = 4.0
    counter = PeakCounter(kernels="height", n_bins=2).fit(X)
    assert counter.bin_edges_.tolist() == [[3.5, 4.0, 4.5]]
    assert counter.transform(X).sum(axis=1).tolist() == [1, 1, 1]


def test_the_features_of_the_paper():
    X = make_convergence_maps(10, size=32, random_state=0).data
    counter = PeakCounter().fit(X)
    names = counter.get_feature_names_out().tolist()
    assert counter.transform(X).shape == (10, 88)
    assert names[:2] == ["LL_bin_00", "LL_bin_01"]
    assert names[22 + 7] == "LH_bin_07"
    assert names[44] == "HL_bin_00"
    assert names[-1] == "HH_bin_21"
    few = PeakCounter(kernels="height", n_bins=101).fit(X)
    assert few.get_feature_names_out()[[0, 100]].tolist() == [
        "height_bin_000",
        "height_bin_100",
    ]


def test_peaks_tell_the_cosmology():
    """R2 of the matter density is 0.66 for peak counts, and zero for pixels."""
    X, y = make_convergence_maps(300, size=32, random_state=0, return_X_y=True)
    counted = make_pipeline(PeakCounter(n_bins=8), Ridge(10))
    assert cross_val_score(counted, X, y[:, 0]).mean() > 0.5
    assert cross_val_score(Ridge(1e-3), X.reshape(300, -1), y[:, 0]).mean() < 0.1


def test_shapes_of_X():
    X = images(6, 12, 10)
    expected = PeakCounter().fit_transform(X)
    flat = PeakCounter(signal_shape=(12, 10))
    np.testing.assert_array_equal(flat.fit_transform(X.reshape(6, -1)), expected)
    np.testing.assert_array_equal(PeakCounter().fit_transform(X[:, None]), expected)
    fitted = flat.fit(X.reshape(6, -1))
    assert (fitted.image_shape_, fitted.sample_shape_) == ((12, 10), (120,))
    assert fitted.n_features_in_ == 120


@pytest.mark.parametrize("shape", [(4, 20), (4, 2, 9), (4, 9, 2)])
@pytest.mark.parametrize("kernels", RESPONSES)
def test_images_too_small_for_peaks(shape, kernels):
    counter = PeakCounter(kernels=kernels)
    with pytest.warns(UserWarning, match=r"has a peak.*set signal_shape to \(height"):
        counter.fit(images(*shape))
    assert (counter.transform(images(*shape)) == 0).all()
    given_bins = counter.set_params(range=(0, 1)).fit(images(*shape))  # no warning
    assert (given_bins.transform(images(*shape)) == 0).all()


def test_a_learned_wavelet_gives_the_kernels():
    X = images(30, 16, 16).cumsum(axis=1)
    transformer = AdaptiveWaveletTransformer("db3", ndim=2, level=1, tol=1e-3)
    counter = PeakCounter(transformer).fit(X)
    learned = clone(transformer).fit(X)
    np.testing.assert_array_equal(counter.kernels_, wavelet_kernels(learned.wavelet_))
    assert not np.allclose(counter.kernels_, wavelet_kernels(pywt.Wavelet("db3")))
    assert not hasattr(transformer, "wavelet_"), "the parameter is not fitted"
    frozen = clone(PeakCounter(FrozenEstimator(learned))).fit(X[:3])
    assert frozen.transformer_.wavelet_ is learned.wavelet_
    np.testing.assert_array_equal(frozen.kernels_, counter.kernels_)


def test_fit_parameters_reach_the_transformer():
    X, G = images(20, 12, 12), images(20, 12, 12, seed=1) ** 3
    transformer = AdaptiveWaveletTransformer("db3", ndim=2, level=1, tol=1e-3)
    expected = clone(transformer).fit(X, input_gradients=G).filter_bank_
    counter = PeakCounter(transformer).fit(X, input_gradients=G)
    np.testing.assert_array_equal(counter.transformer_.filter_bank_, expected)
    with config_context(enable_metadata_routing=True):
        transformer.set_fit_request(input_gradients=True)
        pipeline = make_pipeline(PeakCounter(transformer), LinearRegression())
        pipeline.fit(X, X[:, 0, 0], input_gradients=G)
    np.testing.assert_array_equal(pipeline[0].transformer_.filter_bank_, expected)


def test_features_of_a_distilled_model(digits):
    from sk_awave import AWDClassifier

    X, y = digits
    learner = AdaptiveWaveletTransformer("db2", ndim=2, level=1, max_iter=20, tol=1e-2)
    model = AWDClassifier(
        transformer=learner.set_params(signal_shape=(8, 8)),
        features=PeakCounter(signal_shape=(8, 8), n_bins=5),
        random_state=0,
    )
    model.fit(X[:100].reshape(100, -1), y[:100] < 5)
    assert model.features_.transform(X[:3].reshape(3, -1)).shape == (3, 20)
    assert model.score(X[:100].reshape(100, -1), y[:100] < 5) > 0.6


def test_all_parameters_in_one_grid_search():
    X, y = make_convergence_maps(60, size=16, random_state=0, return_X_y=True)
    pipeline = make_pipeline(PeakCounter(WaveletTransformer(ndim=2)), Ridge(1.0))
    grid = [
        {
            "peakcounter__transformer__wavelet": ["haar", "db2"],
            "peakcounter__n_bins": [3, 5],
            "peakcounter__range": [None, (0.0, 0.02)],
        },
        {"peakcounter__kernels": ["height", "laplace", "roberts"]},
    ]
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 11, "each one counts"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_preserved(dtype):
    X = images(4, 10, 10).astype(dtype)
    assert PeakCounter().fit_transform(X).dtype == dtype
    integers = (100 * X).astype(int)
    assert PeakCounter(kernels="height").fit_transform(integers).dtype == float


@pytest.mark.parametrize("kernels", RESPONSES)
def test_tensors_in_tensors_out(kernels):
    X = images(5, 1, 12, 12)
    counter = PeakCounter(kernels=kernels).fit(torch.tensor(X))
    xt = counter.transform(torch.tensor(X))
    assert xt.dtype == torch.float64
    np.testing.assert_array_equal(xt.numpy(), counter.transform(X))


@pytest.mark.gpu
def test_cuda_tensors_come_back_to_the_device(cuda):
    x = torch.tensor(images(5, 12, 12), device=cuda)
    assert PeakCounter().fit_transform(x).device.type == "cuda"


def test_frames_in_and_out():
    frame = pd.DataFrame(images(10, 36), index=range(100, 110)).add_prefix("p")
    counter = PeakCounter(signal_shape=(6, 6), n_bins=3).fit(frame)
    assert counter.feature_names_in_[1] == "p1"
    out = clone(counter).set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == counter.get_feature_names_out().tolist()
    assert out.index.tolist() == frame.index.tolist()
    np.testing.assert_array_equal(out.to_numpy(), counter.transform(frame))


def test_saved_and_cloned():
    X = images(10, 12, 12)
    counter = PeakCounter().fit(X)
    loaded = pickle.loads(pickle.dumps(counter))
    np.testing.assert_array_equal(loaded.transform(X), counter.transform(X))
    with pytest.raises(NotFittedError):
        clone(counter).transform(X)
    # Nothing of an earlier fit stays.
    refitted = counter.set_params(kernels="roberts").fit(X)
    assert refitted.transformer_ is None
    assert refitted.kernels_ is None


@pytest.mark.parametrize(
    "params, message",
    [
        ({"kernels": "sobel"}, "'kernels' parameter of PeakCounter must be a str among"),
        ({"n_bins": 0}, "'n_bins' parameter of PeakCounter must be an int"),
        ({"range": (1, 0)}, r"two finite numbers in increasing order.*Got \(1, 0\)"),
        ({"range": (0, 0)}, r"Got \(0, 0\) instead"),
        ({"range": (0, np.inf)}, r"Got \(0, inf\) instead"),
        ({"range": (np.nan, 1)}, "two finite numbers"),
        ({"range": ("a", 1)}, "two finite numbers"),
        ({"range": (0, 1, 2)}, "two finite numbers"),
        ({"signal_shape": (5, 5)}, r"signal_shape=\(5, 5\), but X has samples of shape"),
        ({"transformer": "db2"}, "'transformer' parameter of PeakCounter must be"),
        (
            {"transformer": AdaptiveWaveletTransformer("db2", ndim=2, per_axis=True)},
            "from one wavelet. Got 2 of them",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_errors_of_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        PeakCounter(**params).fit(images(4, 8, 8))


def test_errors_of_images():
    X = images(4, 8, 8)
    counter = PeakCounter().fit(X)
    with pytest.raises(ValueError, match=r"one channel.*Got 2 channels instead"):
        PeakCounter().fit(images(4, 2, 8, 8))
    with pytest.raises(ValueError, match=r"X has samples of shape \(4, 16\)"):
        counter.transform(images(4, 4, 16))
    with pytest.raises(ValueError, match="X has 63 features"):
        counter.transform(images(4, 7, 9))
    X[0, 0, 0] = np.nan
    for method in (PeakCounter().fit, counter.transform):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            method(X)


def test_transformers_without_a_wavelet_are_refused():
    with pytest.raises(TypeError, match=r"PeakCounter .* wavelet_.*Got FunctionTr"):
        PeakCounter(FunctionTransformer()).fit(images(4, 8, 8))


class EachValueIsAPeak(PeakCounter):
    """Gives scikit-learn's checks, whose rows are short, images that have peaks."""

    def _responses(self, X):
        padded = np.zeros((len(X), 3, 3 * self.n_features_in_))
        padded[:, 1, 1::3] = np.abs(X) + 1
        self.image_shape_ = padded.shape[1:]
        return super()._responses(padded)


def test_each_value_is_a_peak():
    X = images(7, 5)
    counter = EachValueIsAPeak(kernels="height", n_bins=3)
    assert counter.fit_transform(X).sum(axis=1).tolist() == [5] * 7


@pytest.mark.filterwarnings("ignore:No image, of shape:UserWarning")
@parametrize_with_checks(
    [
        PeakCounter(),
        PeakCounter(WaveletTransformer("haar", ndim=2), n_bins=3, range=(0, 9)),
        PeakCounter(AdaptiveWaveletTransformer("db2", max_iter=2)),
        PeakCounter(kernels="height"),
        PeakCounter(kernels="roberts"),
        EachValueIsAPeak(n_bins=5),
    ]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_check_estimator(estimator, check):
    check(estimator)


# The checks of set_output mix frames and arrays on purpose.
@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature:UserWarning")
@pytest.mark.filterwarnings("ignore:No image, of shape:UserWarning")
@pytest.mark.parametrize("estimator", [PeakCounter(), PeakCounter(kernels="laplace")])
@pytest.mark.parametrize(
    "name",
    [
        "check_dataframe_column_names_consistency",
        "check_get_feature_names_out_error",
        "check_param_validation",
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_global_output_transform_pandas",
        "check_global_set_output_transform_polars",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
    ],
)
def test_checks_that_scikit_learn_keeps_for_itself(estimator, name):
    check = getattr(estimator_checks, name)
    check(type(estimator).__name__, clone(estimator))
