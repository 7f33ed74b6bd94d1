"""The transform of long signals and large images in compiled loops, with numba.

The products of ``_axis_maps.py`` do several times the arithmetic that filtering needs;
these loops do no more than that, and take one signal or image through all levels while
it is in the cache. They agree to rounding, and serve `transform` and `inverse_transform`
of many samples on the CPU. Learning, which also needs gradients, is by products.

Images are filtered down their columns first, all columns at once, which makes a row of
each half at a time; those rows are then filtered as signals are.
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
    """Transform signals or images to flat coefficients, written to `out`.

    Parameters
    ----------
    x, out : ndarrays of shape (n, *signal_shape) and (n, n_coeffs)
        Contiguous, of the same dtype.
    pairs : ndarray of shape (level, ndim, 2, K)
        ``dec_lo`` and ``dec_hi`` of each level (the finest first) and axis.
    layout : CoeffLayout
    mode : str
        How signals are extended.
    """
    level, ndim, _, filter_length = pairs.shape
    lengths = np.array(layout.shapes)
    paddings = [
        [extension(n, filter_length, mode) for n in shape] for shape in lengths[:-1]
    ]
    widest = np.max([weight.shape for row in paddings for *_, weight in row], axis=0)
    index = np.zeros((level, ndim, *widest), np.int64)
    weight = np.zeros(index.shape, x.dtype)
    for j, row in enumerate(paddings):
        for axis, (_, indices, weights) in enumerate(row):
            places = (j, axis, slice(len(indices)), slice(indices.shape[1]))
            index[places], weight[places] = indices, weights
    kernel = _ANALYSIS[ndim](filter_length)
    taps = np.ascontiguousarray(pairs[..., ::-1], x.dtype)
    left, *_ = paddings[0][0]
    kernel(x, out, taps, lengths, left, index, weight)


def waverec_rows(
    flat: np.ndarray, out: np.ndarray, pairs: np.ndarray, layout: CoeffLayout
) -> None:
    """Reconstruct signals or images from flat coefficients, into `out`.

    Parameters
    ----------
    flat, out : ndarrays of shape (n, n_coeffs) and (n, *signal_shape)
        Contiguous, of the same dtype.
    pairs : ndarray of shape (level, ndim, 2, K)
        ``rec_lo`` and ``rec_hi`` of each level (the finest first) and axis.
    layout : CoeffLayout
    """
    ndim, half = pairs.shape[1], pairs.shape[-1] // 2
    # Sample n is ``sum_k c[k - wrap] rec[n + crop - 2 k]``; see `synthesis`.
    wrap = half // 2 if is_periodized(layout.mode) else 0
    crop = half - 1 + 2 * wrap if is_periodized(layout.mode) else 2 * half - 2
    by_parity = [pairs[..., p % 2 :: 2][..., ::-1] for p in (crop, crop + 1)]
    taps = np.ascontiguousarray(np.stack(by_parity, 2), flat.dtype)
    starts = np.array([crop // 2, (crop + 1) // 2]) - half + 1
    kernel = _SYNTHESIS[ndim](2 * half)
    kernel(flat, out, taps, np.array(layout.shapes), wrap, starts)


@_compile
def _pad(signal, index, weight, padding):
    """Fill in what lies beyond the ends of a signal, or of columns."""
    padding[:] = 0
    for term in range(index.shape[0]):
        for p in range(index.shape[1]):
            padding[p] += weight[term, p] * signal[index[term, p]]


@_compile
def _split(signal, n, padding, left, begin, pairs, even, odd):
    """Set the even and odd samples of a part of the extended signal apart."""
    first = min(pairs, max(0, (1 - begin) // 2))
    last = max(first, min(pairs, (n - begin) // 2))
    # Slices, as numba must see that no index is negative.
    inside = signal[begin + 2 * first :]
    even_inside, odd_inside = even[first:last], odd[first:last]
    for i in range(last - first):
        even_inside[i] = inside[2 * i]
        odd_inside[i] = inside[2 * i + 1]
    for start, stop in ((0, 2 * first), (2 * last, 2 * pairs)):
        for i in range(start, stop):
            place = begin + i
            if place < 0:
                sample = padding[place + left]
            else:  # a call for these lines would take several times as long
                sample = signal[place] if place < n else padding[place - n + left]
            if i % 2:
                odd[i // 2] = sample
            else:
                even[i // 2] = sample


@_compile
def _analyse(signal, n, padding, left, low, high, tile, target, detail):
    """Filter a signal to its two halves, tile by tile."""
    half, m = len(low) // 2, len(target)
    even, odd = tile[0], tile[1]  # of an unknown stride if unpacked
    for k in range(0, m, _TILE):
        count = min(_TILE, m - k)
        _split(signal, n, padding, left, 2 * k - left, count + half - 1, even, odd)
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


@_compile
def _rows(image, h, padding, left, begin, together):
    """Return rows of an extended image, put `together` where they are not its own."""
    count = len(together)
    if begin >= 0 and begin + count <= h:
        return image[begin : begin + count]
    for c in range(count):
        place = begin + c
        if place < 0:
            together[c] = padding[place + left]
        else:
            together[c] = image[place] if place < h else padding[place - h + left]
    return together


@_compile
def _synthesise(a, d, m, wrap, starts, low0, high0, low1, high1, target):
    """Merge two halves, which stand `wrap` places from the start of `a` and `d`."""
    half, n = len(low0), len(target)
    for k in range(wrap):  # coefficients from beyond each end
        a[k], d[k] = a[wrap + (k - wrap) % m], d[wrap + (k - wrap) % m]
        end = wrap + m + k
        a[end], d[end] = a[wrap + k % m], d[wrap + k % m]
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


@_compile
def _wrapped_rows(band, begin, block):
    """Return rows of a band that goes on periodically."""
    count, m = len(block), len(band)
    if begin >= 0 and begin + count <= m:
        return band[begin : begin + count]
    for c in range(count):
        block[c] = band[(begin + c) % m]
    return block


@_compile
def _combine(block, low, high, low_row, high_row):
    """Take two weighted sums of rows."""
    for i in range(block.shape[1]):
        s, t = low[0] * block[0, i], high[0] * block[0, i]
        for c in range(1, len(low)):
            s += low[c] * block[c, i]
            t += high[c] * block[c, i]
        low_row[i] = s
        high_row[i] = t


@_compile
def _merge(block, other, low, high, row):
    """Add weighted rows of two bands."""
    for i in range(block.shape[1]):
        s = low[0] * block[0, i] + high[0] * other[0, i]
        for c in range(1, len(low)):
            s += low[c] * block[c, i] + high[c] * other[c, i]
        row[i] = s


@lru_cache(maxsize=32)
def _signal_analysis(filter_length: int):
    """Make the loop of analysis over signals, unrolling the sums over taps."""
    half = filter_length // 2

    @_compile
    def wavedec(x, out, taps, lengths, left, index, weight):
        tile = np.empty((2, _TILE + half), x.dtype)
        padding = np.empty(index.shape[3], x.dtype)
        approximation = np.empty(lengths[1:].max(), x.dtype)
        for row in range(len(x)):
            signal, stop = x[row], out.shape[1]
            for j in range(len(taps)):
                n, m = lengths[j, 0], lengths[j + 1, 0]
                low = to_fixed_tuple(taps[j, 0, 0], filter_length)
                high = to_fixed_tuple(taps[j, 0, 1], filter_length)
                _pad(signal, index[j, 0], weight[j, 0], padding)
                target = out[row, :m] if j == len(taps) - 1 else approximation[:m]
                detail = out[row, stop - m : stop]
                stop -= m
                _analyse(signal, n, padding, left, low, high, tile, target, detail)
                signal = approximation

    return wavedec


@lru_cache(maxsize=32)
def _signal_synthesis(filter_length: int):
    """Make the loop of synthesis over signals, unrolling the sums over taps."""
    half = filter_length // 2

    @_compile
    def waverec(flat, out, taps, lengths, wrap, starts):
        levels = len(taps)
        longest = lengths[1:].max() + 2 * wrap
        a, d = np.empty(longest, flat.dtype), np.empty(longest, flat.dtype)
        approximation = np.empty(longest, flat.dtype)
        for row in range(len(flat)):
            stop = lengths[levels, 0]
            approximation[:stop] = flat[row, :stop]
            for j in range(levels - 1, -1, -1):
                n, m = lengths[j, 0], lengths[j + 1, 0]
                a[wrap : wrap + m] = approximation[:m]
                d[wrap : wrap + m] = flat[row, stop : stop + m]
                stop += m
                low0 = to_fixed_tuple(taps[j, 0, 0, 0], half)
                high0 = to_fixed_tuple(taps[j, 0, 0, 1], half)
                low1 = to_fixed_tuple(taps[j, 0, 1, 0], half)
                high1 = to_fixed_tuple(taps[j, 0, 1, 1], half)
                target = out[row] if j == 0 else approximation[:n]
                _synthesise(a, d, m, wrap, starts, low0, high0, low1, high1, target)

    return waverec


@lru_cache(maxsize=32)
def _image_analysis(filter_length: int):
    """Make the loop of analysis over images, unrolling the sums over taps."""
    half = filter_length // 2

    @_compile
    def wavedec2(x, out, taps, lengths, left, index, weight):
        tile = np.empty((2, _TILE + half), x.dtype)
        # Short axes may grow from level to level.
        widest, largest = lengths[:, 1].max(), (lengths[1:, 0] * lengths[1:, 1]).max()
        padding = np.empty(index.shape[3], x.dtype)
        beyond = np.empty(index.shape[3] * widest, x.dtype)
        together = np.empty(filter_length * widest, x.dtype)
        halves, scratch = np.empty((2, widest), x.dtype), np.empty((2, largest), x.dtype)
        for row in range(len(x)):
            image, stop = x[row], out.shape[1]
            for j in range(len(taps)):
                h, w = lengths[j]
                rows, columns = lengths[j + 1]
                size = rows * columns
                down_low = to_fixed_tuple(taps[j, 0, 0], filter_length)
                down_high = to_fixed_tuple(taps[j, 0, 1], filter_length)
                low = to_fixed_tuple(taps[j, 1, 0], filter_length)
                high = to_fixed_tuple(taps[j, 1, 1], filter_length)
                place = out[row] if j == len(taps) - 1 else scratch[j % 2]
                approximation = place[:size].reshape(rows, columns)
                details = out[row, stop - 3 * size : stop].reshape(3, rows, columns)
                stop -= 3 * size
                above = beyond[: index.shape[3] * w].reshape(index.shape[3], w)
                _pad(image, index[j, 0], weight[j, 0], above)
                block = together[: filter_length * w].reshape(filter_length, w)
                low_row, high_row = halves[0, :w], halves[1, :w]
                for k in range(rows):
                    source = _rows(image, h, above, left, 2 * k - left, block)
                    _combine(source, down_low, down_high, low_row, high_row)
                    for half_row, target, detail in (
                        (low_row, approximation[k], details[0, k]),
                        (high_row, details[1, k], details[2, k]),
                    ):
                        _pad(half_row, index[j, 1], weight[j, 1], padding)
                        _analyse(
                            half_row, w, padding, left, low, high, tile, target, detail
                        )
                image = approximation

    return wavedec2


@lru_cache(maxsize=32)
def _image_synthesis(filter_length: int):
    """Make the loop of synthesis over images, unrolling the sums over taps."""
    half = filter_length // 2

    @_compile
    def waverec2(flat, out, taps, lengths, wrap, starts):
        levels = len(taps)
        widest, largest = lengths[1:, 1].max(), (lengths[1:, 0] * lengths[1:, 1]).max()
        longest = widest + 2 * wrap
        a, d = np.empty(longest, flat.dtype), np.empty(longest, flat.dtype)
        blocks = np.empty((2, half * widest), flat.dtype)
        scratch = np.empty((2, largest), flat.dtype)
        for row in range(len(flat)):
            stop = lengths[levels, 0] * lengths[levels, 1]
            image = flat[row, :stop].reshape(lengths[levels, 0], lengths[levels, 1])
            for j in range(levels - 1, -1, -1):
                h, w = lengths[j]
                rows, columns = lengths[j + 1]
                size = rows * columns
                details = flat[row, stop : stop + 3 * size].reshape(3, rows, columns)
                stop += 3 * size
                low0 = to_fixed_tuple(taps[j, 1, 0, 0], half)
                high0 = to_fixed_tuple(taps[j, 1, 0, 1], half)
                low1 = to_fixed_tuple(taps[j, 1, 1, 0], half)
                high1 = to_fixed_tuple(taps[j, 1, 1, 1], half)
                target = out[row] if j == 0 else scratch[j % 2, : h * w].reshape(h, w)
                block = blocks[0, : half * columns].reshape(half, columns)
                other = blocks[1, : half * columns].reshape(half, columns)
                for n in range(h):
                    down_low = to_fixed_tuple(taps[j, 0, n % 2, 0], half)
                    down_high = to_fixed_tuple(taps[j, 0, n % 2, 1], half)
                    begin = n // 2 + starts[n % 2] - wrap
                    _merge(
                        _wrapped_rows(image, begin, block),
                        _wrapped_rows(details[1], begin, other),
                        down_low,
                        down_high,
                        a[wrap:],
                    )
                    _merge(
                        _wrapped_rows(details[0], begin, block),
                        _wrapped_rows(details[2], begin, other),
                        down_low,
                        down_high,
                        d[wrap:],
                    )
                    _synthesise(
                        a, d, columns, wrap, starts, low0, high0, low1, high1, target[n]
                    )
                image = target

    return waverec2


#: What makes the loops, by the number of dimensions.
_ANALYSIS = {1: _signal_analysis, 2: _image_analysis}
_SYNTHESIS = {1: _signal_synthesis, 2: _image_synthesis}
