"""Adaptive wavelets for scikit-learn."""

from importlib import import_module

__version__ = "0.1.0"

# Loaded on first use: importing sk_awave must not wait for torch.
_PUBLIC = {
    "AWDClassifier": "sk_awave.distillation",
    "AWDRegressor": "sk_awave.distillation",
    "AdaptiveSubbandPooling": "sk_awave.feature_extraction",
    "AdaptiveWaveletTransformer": "sk_awave.decomposition",
    "FilterBank": "sk_awave.engine",
    "MultilevelDWT": "sk_awave.engine",
    "SubbandPooling": "sk_awave.feature_extraction",
    "Teacher": "sk_awave.attribution",
    "WaveletThresholder": "sk_awave.feature_extraction",
    "WaveletTransformer": "sk_awave.decomposition",
    "adaptive_wavelet_path": "sk_awave.decomposition",
    "show_versions": "sk_awave.utils._versions",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_PUBLIC])
