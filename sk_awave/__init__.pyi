from sk_awave.attribution import Teacher as Teacher
from sk_awave.decomposition import (
    AdaptiveWaveletTransformer as AdaptiveWaveletTransformer,
    WaveletTransformer as WaveletTransformer,
    adaptive_wavelet_path as adaptive_wavelet_path,
)
from sk_awave.distillation import (
    AWDClassifier as AWDClassifier,
    AWDRegressor as AWDRegressor,
)
from sk_awave.engine import (
    FilterBank as FilterBank,
    MultilevelDWT as MultilevelDWT,
)
from sk_awave.feature_extraction import (
    AdaptiveSubbandPooling as AdaptiveSubbandPooling,
    SubbandPooling as SubbandPooling,
    WaveletThresholder as WaveletThresholder,
)
from sk_awave.utils._versions import show_versions as show_versions

__version__: str
