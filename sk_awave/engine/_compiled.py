"""The transform of long signals in compiled loops, where numba is installed.

The products of ``_axis_maps.py`` do several times the arithmetic that filtering needs;
these loops do no more than that, and take one signal through all levels while it is in
the cache. They agree to rounding, and serve `transform` and `inverse_transform` of many
samples on the CPU. Learning, which also needs gradients, is by products.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple

from sk_awave.engine._boundary import extension, is_periodized
from sk_awave.engine._layout import CoeffLayout

#: The coefficients of a tile, whose samples are first set apart as even and odd ones.
_TILE = 1024

# Sums may be reordered; infinity and NaN stay what they are.
_compile = njit(fastmath={"reassoc", "contract"}, nogil=True, cache=True)


def wavedec_rows(
    x: np.ndarray, out: np.ndarray, pairs: np.ndarray, layout: CoeffLayout, mode: str
) -> None:
    """Transform signals of shape (n, length) to flat coefficients, written to `out`.

    Parameters
    ----------
    x, out : ndarrays of shape (n, length) and (n, n_coeffs)
        Contiguous, of the same dtype.
    pairs : ndarray of shape (level, 2, K)
        ``dec_lo`` and ``dec_hi`` of each level, the finest first.
    layout : CoeffLayout
    mode : str
        How signals are extended.
    """
    level, _, filter_length = pairs.shape
    lengths = np.array([shape[0] for shape in layout.shapes])
    paddings = [extension(n, filter_length, mode) for n in lengths[:-1]]
    shape = (level, *np.max([weight.shape for _, _, weight in paddings], axis=0))
    index, weight = np.zeros(shape, np.int64), np.zeros(shape, x.dtype)
    for j, (_, indices, weights) in enumerate(paddings):
        places = (j, slice(len(indices)), slice(indices.shape[1]))
        index[places], weight[places] = indices, weights
    kernel, _ = _kernels(filter_length)
    taps = np.ascontiguousarray(pairs[..., ::-1], x.dtype)
    kernel(x, out, taps, lengths, paddings[0][0], index, weight)


def waverec_rows(
    flat: np.ndarray, out: np.ndarray, pairs: np.ndarray, layout: CoeffLayout
) -> None:
    """Reconstruct signals of shape (n, length) from flat coefficients, into `out`.

    Parameters
    ----------
    flat, out : ndarrays of shape (n, n_coeffs) and (n, length)
        Contiguous, of the same dtype.
    pairs : ndarray of shape (level, 2, K)
        ``rec_lo`` and ``rec_hi`` of each level, the finest first.
    layout : CoeffLayout
    """
    half = pairs.shape[-1] // 2
    lengths = np.array([shape[0] for shape in layout.shapes])
    # Sample n is ``sum_k c[k - wrap] rec[n + crop - 2 k]``; see `synthesis`.
    wrap = half // 2 if is_periodized(layout.mode) else 0
    crop = half - 1 + 2 * wrap if is_periodized(layout.mode) else 2 * half - 2
    by_parity = [pairs[..., p % 2 :: 2][..., ::-1] for p in (crop, crop + 1)]
    taps = np.ascontiguousarray(np.stack(by_parity, 1), flat.dtype)
    starts = np.array([crop // 2, (crop + 1) // 2]) - half + 1
    _, kernel = _kernels(2 * half)
    kernel(flat, out, taps, lengths, wrap, starts)


@_compile
def _extended(signal, n, padding, left, place):
    """Return a sample of the extended signal."""
    if place < 0:
        return padding[place + left]
    return signal[place] if place < n else padding[left + place - n]


@lru_cache(maxsize=32)
def _kernels(filter_length: int):
    """Compile both loops for a length, over which the sums are unrolled."""
    half = filter_length // 2

    @_compile
    def wavedec(x, out, taps, lengths, left, index, weight):
        even, odd = np.empty(_TILE + half, x.dtype), np.empty(_TILE + half, x.dtype)
        padding = np.empty(index.shape[2], x.dtype)
        approximation = np.empty(lengths[1], x.dtype)
        for row in range(len(x)):
            signal, stop = x[row], out.shape[1]
            for j in range(len(taps)):
                n, m = lengths[j], lengths[j + 1]
                low = to_fixed_tuple(taps[j, 0], filter_length)
                high = to_fixed_tuple(taps[j, 1], filter_length)
                padding[:] = 0
                for term in range(index.shape[1]):
                    for p in range(index.shape[2]):
                        padding[p] += weight[j, term, p] * signal[index[j, term, p]]
                target = out[row, :m] if j == len(taps) - 1 else approximation
                detail = out[row, stop - m : stop]
                stop -= m
                for k in range(0, m, _TILE):
                    count = min(_TILE, m - k)
                    begin, pairs = 2 * k - left, count + half - 1
                    inner = max(0, (1 - begin) // 2)
                    outer = max(inner, min(pairs, (n - begin) // 2))
                    # Slices, as numba must see that no index is negative.
                    inside = signal[begin + 2 * inner : begin + 2 * outer]
                    even_inside, odd_inside = even[inner:outer], odd[inner:outer]
                    for i in range(outer - inner):
                        even_inside[i] = inside[2 * i]
                        odd_inside[i] = inside[2 * i + 1]
                    for i in range(inner):
                        even[i] = _extended(signal, n, padding, left, begin + 2 * i)
                        odd[i] = _extended(signal, n, padding, left, begin + 2 * i + 1)
                    for i in range(outer, pairs):
                        even[i] = _extended(signal, n, padding, left, begin + 2 * i)
                        odd[i] = _extended(signal, n, padding, left, begin + 2 * i + 1)
                    # Signal and target may be the same: what is read lies ahead.
                    a, d = target[k : k + count], detail[k : k + count]
                    for i in range(count):
                        s = low[0] * even[i] + low[1] * odd[i]
                        t = high[0] * even[i] + high[1] * odd[i]
                        for c in range(1, half):
                            s += low[2 * c] * even[i + c] + low[2 * c + 1] * odd[i + c]
                            t += high[2 * c] * even[i + c] + high[2 * c + 1] * odd[i + c]
                        a[i] = s
                        d[i] = t
                signal = approximation

    @_compile
    def waverec(flat, out, taps, lengths, wrap, starts):
        levels = len(taps)
        longest = lengths[1] + 2 * wrap
        a, d = np.empty(longest, flat.dtype), np.empty(longest, flat.dtype)
        approximation = np.empty(lengths[1] + 1, flat.dtype)
        for row in range(len(flat)):
            stop = lengths[levels]
            approximation[:stop] = flat[row, :stop]
            for j in range(levels - 1, -1, -1):
                n, m = lengths[j], lengths[j + 1]
                detail = flat[row, stop : stop + m]
                stop += m
                a[wrap : wrap + m] = approximation[:m]
                d[wrap : wrap + m] = detail
                for k in range(wrap):  # coefficients from beyond each end
                    a[k], d[k] = approximation[(k - wrap) % m], detail[(k - wrap) % m]
                    end = wrap + m + k
                    a[end], d[end] = approximation[k % m], detail[k % m]
                target = out[row] if j == 0 else approximation
                low0 = to_fixed_tuple(taps[j, 0, 0], half)
                high0 = to_fixed_tuple(taps[j, 0, 1], half)
                low1 = to_fixed_tuple(taps[j, 1, 0], half)
                high1 = to_fixed_tuple(taps[j, 1, 1], half)
                a0, d0 = a[starts[0] :], d[starts[0] :]
                a1, d1 = a[starts[1] :], d[starts[1] :]
                for i in range(n // 2):
                    s = low0[0] * a0[i] + high0[0] * d0[i]
                    t = low1[0] * a1[i] + high1[0] * d1[i]
                    for c in range(1, half):
                        s += low0[c] * a0[i + c] + high0[c] * d0[i + c]
                        t += low1[c] * a1[i + c] + high1[c] * d1[i + c]
                    target[2 * i] = s
                    target[2 * i + 1] = t
                if n % 2:
                    s = low0[0] * a0[n // 2] + high0[0] * d0[n // 2]
                    for c in range(1, half):
                        s += low0[c] * a0[n // 2 + c] + high0[c] * d0[n // 2 + c]
                    target[n - 1] = s

    return wavedec, waverec
