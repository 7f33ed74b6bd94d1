"""Names of channels in the names of features."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import (
    AdaptiveSubbandPooling,
    SubbandPooling,
    WaveletThresholder,
    WaveletTransformer,
)
from sk_awave.attribution import TransformImportance

EEG = np.random.default_rng(0).standard_normal((12, 2, 32))
TRANSFORMERS = [
    WaveletTransformer("haar", level=2),
    SubbandPooling(WaveletTransformer("haar", level=2)),
    WaveletThresholder(WaveletTransformer("haar", level=2)),
    AdaptiveSubbandPooling(1, n_candidates=1, random_state=0),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_names_of_channels_stand_where_their_numbers_do(transformer):
    pipeline = make_pipeline(transformer, StandardScaler()).fit(EEG, np.arange(12) % 2)
    numbered = pipeline.get_feature_names_out()
    named = pipeline.get_feature_names_out(["Fz", "Cz"])
    assert any("Cz_" in name for name in named)
    expected = [name.replace("ch0_", "Fz_").replace("ch1_", "Cz_") for name in numbered]
    assert named.tolist() == expected


def test_a_single_channel_may_have_a_name():
    pooling = SubbandPooling(statistics=("std",)).fit(EEG[:, :1])
    assert not pooling.get_feature_names_out()[0].startswith("ch0")
    assert pooling.get_feature_names_out(["Fz"])[0].startswith("Fz_cA")


def test_attributions_have_the_names_of_the_transformer():
    wavelet = WaveletTransformer("haar", level=1).fit(EEG)
    trim = TransformImportance(wavelet, lambda x: x.sum((1, 2))).fit(EEG)
    assert trim.get_feature_names_out(["Fz", "Cz"])[-1] == "Cz_cD1_15"


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_other_numbers_of_names_are_refused(transformer):
    transformer.fit(EEG, np.arange(12) % 2)
    with pytest.raises(ValueError, match="length equal to number of features"):
        transformer.get_feature_names_out(["Fz", "Cz", "Pz"])
