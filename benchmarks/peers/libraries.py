"""The packages that are compared: each one's transforms, checked to be the same."""

import importlib
import itertools
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import pywt
import torch
from timing import OURS

from sk_awave import WaveletTransformer

warnings.filterwarnings("ignore", message=".*too high")


def load(name):
    """Import a package; return None where it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


#: The peers, in the order of the tables.
PEERS = {"PyWavelets": pywt} | {
    name: load(name) for name in ("ndwt", "awave", "ptwt", "pytorch_wavelets")
}
ndwt, awave, ptwt, pytorch_wavelets = list(PEERS.values())[1:]

#: How far float32 results may be apart, relative to the largest.
TOLERANCE = 1e-4


class Case(NamedTuple):
    """What is transformed, and how."""

    shape: tuple
    mode: str = "zero"
    wavelet: str = "db5"
    dtype: str = "float32"
    level: int = 4
    stationary: bool = False

    @property
    def ndim(self):
        """The number of transformed axes."""
        return len(self.shape) - 1

    def of(self, module, name):
        """Return a function for signals, or its namesake for images."""
        return getattr(module, name if self.ndim == 1 else f"{name}2")


class Transform(NamedTuple):
    """Both directions, and what makes rows like ours of the coefficients."""

    forward: Callable
    inverse: Callable
    rows: Callable


def noise(shape, dtype="float32"):
    """Make white noise."""
    return np.random.default_rng(0).standard_normal(shape, dtype=np.dtype(dtype))


def as_array(values):
    """Take a tensor from wherever it is."""
    return values.detach().cpu().numpy() if hasattr(values, "cpu") else np.asarray(values)


def as_rows(coeffs):
    """Put a list of coefficients in PyWavelets' form into rows in our order."""
    bands = [(c[1], c[0], c[2]) if isinstance(c, tuple) else (c,) for c in coeffs]
    bands = itertools.chain.from_iterable(bands)  # of an image cV, cH, cD
    return np.concatenate([as_array(b).reshape(len(b), -1) for b in bands], axis=1)


def pyramid_as_rows(approximation, fine_to_coarse):
    """Put the coefficients of awave or pytorch_wavelets into rows."""
    coarse_to_fine = [details[:, 0] for details in reversed(fine_to_coarse)]
    if approximation.ndim == 4:
        coarse_to_fine = [details.unbind(1) for details in coarse_to_fine]
    return as_rows([approximation[:, 0], *coarse_to_fine])


def packed_as_rows(case, packed):
    """Put the coefficients of ndwt into rows; those of square images are packed."""
    if case.ndim == 1:
        return packed
    bands, end, length = [], packed.shape[1], case.shape[1]
    for _ in range(case.level):
        length = pywt.dwt_coeff_len(length, pywt.Wavelet(case.wavelet).dec_len, case.mode)
        low, high = slice(length), slice(end - length, end)
        places = ((high, low), (low, high), (high, high))
        bands.insert(0, tuple(packed[:, rows, columns] for rows, columns in places))
        end -= length
    return as_rows([packed[:, :end, :end], *bands])


def our_transform(case, X, x):
    """Ours; of arrays, or of tensors that are on a GPU."""
    ours = WaveletTransformer(
        case.wavelet,
        level=case.level,
        mode="auto" if case.stationary else case.mode,
        ndim=case.ndim,
        decomposition="stationary" if case.stationary else "dwt",
    ).fit(X[:2])
    signals = X if x.device.type == "cpu" else x
    return Transform(partial(ours.transform, signals), ours.inverse_transform, as_array)


def pywavelets_transform(case, X, x):
    """Those of PyWavelets, whose coefficients are the measure of the others."""
    wavelet = {"wavelet": case.wavelet}
    if case.stationary:
        how = {"level": case.level, "norm": True, "trim_approx": True}
        forward = partial(case.of(pywt, "swt"), **wavelet, **how)
        return Transform(
            partial(forward, X, **({"axes": (1, 2)} if case.ndim == 2 else {})),
            partial(case.of(pywt, "iswt"), **wavelet, norm=True),
            as_rows,
        )
    wavelet["mode"] = case.mode
    forward = partial(case.of(pywt, "wavedec"), **wavelet, level=case.level)
    inverse = partial(case.of(pywt, "waverec"), **wavelet)
    threads = torch.get_num_threads()
    if threads == 1:
        return Transform(partial(forward, X), inverse, as_rows)
    # It has no threads of its own, but lets others run meanwhile: each takes a part.
    pool, parts = ThreadPoolExecutor(threads), np.array_split(X, threads)
    return Transform(
        lambda: list(pool.map(forward, parts)),
        lambda coeffs: list(pool.map(inverse, coeffs)),
        lambda coeffs: np.concatenate([as_rows(part) for part in coeffs]),
    )


def ndwt_transform(case, X, x):
    """Those of ndwt, which has short wavelets only."""
    name = case.wavelet.replace("haar", "db1").replace("db", "Daubechies")
    wavelet = getattr(ndwt.Wavelet, name, None)
    if case.stationary or wavelet is None:
        return None
    where = {"axes": tuple(range(1, X.ndim)), "level": case.level}
    if case.mode == "periodization":
        forward = partial(ndwt.dwt_per, wavelet, X, **where)
        inverse = partial(ndwt.idwt_per, wavelet, **where)
    else:
        where["bc"] = getattr(ndwt.BoundaryCondition, case.mode.title())
        forward = partial(ndwt.dwt, wavelet, X, **where)
        inverse = partial(ndwt.idwt, wavelet, out=list(X.shape), **where)
    return Transform(forward, inverse, partial(packed_as_rows, case))


def awave_module(case):
    """Make the published transform."""
    cls = awave.DWT1d if case.ndim == 1 else awave.DWT2d
    return cls(wave=case.wavelet, mode=case.mode, J=case.level)


def awave_transform(case, X, x):
    """Those of awave."""
    if case.stationary:
        return None
    module = awave_module(case).to(x)
    return Transform(
        partial(torch.no_grad()(module.forward), x[:, None]),
        torch.no_grad()(module.inverse),
        lambda coeffs: pyramid_as_rows(coeffs[0], coeffs[1:]),
    )


def ptwt_transform(case, X, x):
    """Those of ptwt; its stationary one keeps no energy, and knows no images."""
    if case.stationary and case.ndim == 1:
        powers = np.r_[case.level, np.arange(case.level, 0, -1)]
        return Transform(
            partial(ptwt.swt, x, case.wavelet, case.level),
            partial(ptwt.iswt, wavelet=case.wavelet),
            lambda c: as_rows([b / 2 ** (j / 2) for b, j in zip(c, powers, strict=True)]),
        )
    if case.stationary or case.mode == "periodization":
        return None
    wavedec = case.of(ptwt, "wavedec")
    return Transform(
        partial(wavedec, x, case.wavelet, mode=case.mode, level=case.level),
        partial(case.of(ptwt, "waverec"), wavelet=case.wavelet),
        as_rows,
    )


def pytorch_wavelets_transform(case, X, x):
    """Those of pytorch_wavelets."""
    if case.stationary:
        return None
    name = "DWT1D" if case.ndim == 1 else "DWT"
    forward = getattr(pytorch_wavelets, f"{name}Forward")
    inverse = getattr(pytorch_wavelets, f"{name}Inverse")
    return Transform(
        partial(forward(case.level, case.wavelet, case.mode).to(x), x[:, None]),
        inverse(case.wavelet, case.mode).to(x),
        lambda coeffs: pyramid_as_rows(*coeffs),
    )


MAKERS = {
    OURS: our_transform,
    "PyWavelets": pywavelets_transform,
    "ndwt": ndwt_transform,
    "awave": awave_transform,
    "ptwt": ptwt_transform,
    "pytorch_wavelets": pytorch_wavelets_transform,
}


def transforms(case, X, device="cpu"):
    """Return the transforms that there are, by package."""
    x = torch.from_numpy(X).to(device)
    made = {n: make(case, X, x) for n, make in MAKERS.items() if PEERS.get(n, OURS)}
    return {name: transform for name, transform in made.items() if transform}


def agree(result, expected):
    """Tell whether two arrays, or numbers, agree."""
    result, expected = np.asarray(result), np.asarray(expected)
    if result.shape != expected.shape:
        return False
    return abs(result - expected).max() <= TOLERANCE * abs(expected).max()


def require(condition, what):
    """Stop where our result is wrong."""
    if not condition:
        raise RuntimeError(f"sk_awave disagrees with {what}")


def restore(transform, coeffs, X):
    """Invert coefficients; crop the sample that some libraries leave at the end."""
    restored = transform.inverse(coeffs)
    if isinstance(restored, list):  # by threads
        restored = np.concatenate(restored)
    restored = as_array(restored)
    restored = restored.reshape(len(X), *restored.shape[1 - X.ndim :])
    return restored[tuple(map(slice, X.shape))]


def checked(case, device="cpu"):
    """Return the functions whose results are right, by direction and package."""
    X = noise(case.shape, case.dtype)
    found = transforms(case, X, device)
    coeffs = {name: transform.forward() for name, transform in found.items()}
    expected = found["PyWavelets"].rows(coeffs["PyWavelets"])
    functions = {"transform": {}, "inverse": {}}
    for name, transform in found.items():
        if agree(transform.rows(coeffs[name]), expected):
            functions["transform"][name] = transform.forward
        if agree(restore(transform, coeffs[name], X), X):
            functions["inverse"][name] = partial(transform.inverse, coeffs[name])
    for direction, right in functions.items():
        require(OURS in right, f"PyWavelets: {direction}, {case}")
    return functions
