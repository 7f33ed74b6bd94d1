"""scikit-learn's own checks, those of check_estimator and those it keeps for itself."""

import subprocess
import sys

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import sk_awave
from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer
from sk_awave.distillation import AWDClassifier, AWDRegressor

ESTIMATORS = [
    WaveletTransformer(),
    WaveletTransformer("bior2.2", level=2, mode="periodization"),
    AdaptiveWaveletTransformer(),
    AdaptiveWaveletTransformer("db2", parametrization="free", mode="zero"),
    AdaptiveWaveletTransformer("sym3", solver="adam", max_iter=5, random_state=0),
    AdaptiveWaveletTransformer("db2", decomposition="packet"),
    WaveletTransformer("db2", decomposition="packet", basis="discriminant"),
    AdaptiveWaveletTransformer("db2", parametrization="biorthogonal"),
    AdaptiveWaveletTransformer("bior4.4", parametrization="symmetric"),
]

# Levels deeper than the tiny data of the checks, and short runs, warn as they should.
pytestmark = [
    pytest.mark.filterwarnings("ignore:level=2 is too high:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    # The checks of set_output mix frames and arrays on purpose.
    pytest.mark.filterwarnings("ignore:X has feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore:X does not have valid feature:UserWarning"),
]

PRIVATE_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@parametrize_with_checks([*ESTIMATORS, AWDClassifier(), AWDRegressor()])
def test_check_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", PRIVATE_CHECKS)
@pytest.mark.parametrize("estimator", ESTIMATORS[::2], ids=repr)
def test_checks_that_scikit_learn_keeps_for_itself(estimator, name):
    check = getattr(estimator_checks, name)
    check(type(estimator).__name__, clone(estimator))


def test_import_does_not_load_torch():
    code = "import sys, sk_awave; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_public_names_load():
    for name in sk_awave.__all__:
        assert getattr(sk_awave, name).__name__ == name
    assert set(sk_awave.__all__) <= set(dir(sk_awave))
    with pytest.raises(AttributeError, match="has no attribute 'Wavelet'"):
        sk_awave.Wavelet  # noqa: B018
