// Analysis, its transpose, and the L1 norm of coefficients with its gradient.
//
// A C interface for ctypes: nothing here knows of Python or torch, so that one build of a
// platform serves every version of them. The Python side is _kernel.py.
//
// Note [lanes]
//     The samples of a block of signals are interleaved, so that a vector holds the same
//     sample of several signals: no shuffle is needed within a filter, whatever its
//     length and the boundary mode, and all levels are taken while the block is in the
//     cache. Of signals too long or too few for that, one is taken at a time, and the
//     lanes are parts of it (`tiles`) or, along other axes of an image, its columns.
//
// Note [ends of a signal]
//     Coefficients that do not see beyond the ends are filtered where the signal lies.
//     The others are filtered in a copy of an end and of its extension, a sum of weighted
//     samples, which tables describe for all boundary modes alike. Synthesis is the
//     transpose of analysis under another extension; see `adjoint_mode` in _boundary.py.
//
// Note [stationary transforms]
//     Their levels keep all samples, of a signal that is periodic, and their taps are
//     `dilation` samples apart. An axis of an image is then a longer signal, whose taps
//     are as many rows apart: neighbours are always taken by neighbouring lanes.
//
// Sums are taken in one order whatever the route, so that results do not depend on the
// number of threads, nor on how signals are divided among calls.

#include <cstdlib>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "vectors.h"

namespace {

// The coefficients of a tile for each lane, and of signals so short that they are copied
// as a whole.
enum { TILE = 64, SHORT = 24 };

// Transposition of a square of N rows of N lanes.
#ifdef HAS_SHUFFLE
template <int... I>
struct Indices {};
template <int N, int... I>
struct Count : Count<N - 1, N - 1, I...> {};
template <int... I>
struct Count<0, I...> {
  typedef Indices<I...> type;
};
// Blocks of S columns: of `a` those that count as even and of `b` what they leave, or the
// other way round.
template <int S, class V, int... I>
INLINE void swap_blocks(V& a, V& b, Indices<I...>) {
  enum { N = sizeof...(I) };
  V x = __builtin_shufflevector(a, b, ((I & S) ? N + I - S : I)...);
  b = __builtin_shufflevector(a, b, ((I & S) ? N + I : I + S)...);
  a = x;
}
template <int S, int N, class V>
INLINE void swap_all(V* r) {
  for (int i = 0; i < N; i++)
    if (!(i & S)) swap_blocks<S>(r[i], r[i + S], typename Count<N>::type());
}
template <class V, int... I>
INLINE void unpack(V& a, V& b, Indices<I...>) {
  enum { N = sizeof...(I) };  // within four lanes, as the processor does it
  V x = __builtin_shufflevector(a, b, ((I & ~3) + (I & 3) / 2 + (I & 1) * N)...);
  b = __builtin_shufflevector(a, b, ((I & ~3) + 2 + (I & 3) / 2 + (I & 1) * N)...);
  a = x;
}
template <class V>
INLINE void transpose(V* r, float) {
  enum { N = sizeof(V) / sizeof(float) };
  for (int i = 0; i < N; i += 4) {
    unpack(r[i], r[i + 1], typename Count<N>::type());
    unpack(r[i + 2], r[i + 3], typename Count<N>::type());
    swap_blocks<2>(r[i], r[i + 2], typename Count<N>::type());
    swap_blocks<2>(r[i + 1], r[i + 3], typename Count<N>::type());
    V middle = r[i + 1];
    r[i + 1] = r[i + 2];
    r[i + 2] = middle;
  }
  if (N > 4) swap_all<(N > 4 ? 4 : 1), N>(r);
  if (N > 8) swap_all<(N > 8 ? 8 : 1), N>(r);
}
template <class V>
INLINE void transpose(V* r, double) {
  enum { N = sizeof(V) / sizeof(double) };
  swap_all<1, N>(r);
  if (N > 2) swap_all<(N > 2 ? 2 : 1), N>(r);
  if (N > 4) swap_all<(N > 4 ? 4 : 1), N>(r);
}
#endif

// Interleave rows, which are `step` apart: buffer[n][lanes]. Lanes without one are zero.
template <class T>
void gather(const T* x, Int step, Int rows, T* buffer, Int n) {
  typedef typename Vector<T>::type V;
  enum { N = Lanes<T>::vector, G = Lanes<T>::all };
  if (rows < G) memset(buffer, 0, sizeof(T) * n * G);
  for (int u = 0; u < TOGETHER; u++) {
    Int have = least(N, rows - u * N), i = 0;
    const T* p = x + u * N * step;
#ifdef HAS_SHUFFLE
    if (have == N)
      for (; i + N <= n; i += N) {
        V r[N];
        for (int b = 0; b < N; b++) r[b] = load<V>(p + b * step + i);
        transpose(r, T());
        for (int b = 0; b < N; b++) store(buffer + (i + b) * G + u * N, r[b]);
      }
#endif
    for (; i < n; i++)
      for (Int b = 0; b < have; b++) buffer[i * G + u * N + b] = p[b * step + i];
  }
}

// Undo `gather`.
template <class T>
void scatter(const T* buffer, Int n, T* x, Int step, Int rows) {
  typedef typename Vector<T>::type V;
  enum { N = Lanes<T>::vector, G = Lanes<T>::all };
  for (int u = 0; u < TOGETHER; u++) {
    Int have = least(N, rows - u * N), i = 0;
    T* p = x + u * N * step;
#ifdef HAS_SHUFFLE
    if (have == N)
      for (; i + N <= n; i += N) {
        V r[N];
        for (int b = 0; b < N; b++) r[b] = load<V>(buffer + (i + b) * G + u * N);
        transpose(r, T());
        for (int b = 0; b < N; b++) store(p + b * step + i, r[b]);
      }
#endif
    for (; i < n; i++)
      for (Int b = 0; b < have; b++) p[b * step + i] = buffer[i * G + u * N + b];
  }
}

// The loops over taps. Samples are S values apart, K is the number of taps if known.
template <class T, int K>
struct Loops {
  typedef typename Vector<T>::type V;
  enum { N = Lanes<T>::vector, G = Lanes<T>::all };

  // R coefficients of both bands: a[k] = sum_c low[c] x[2 k + c].
  template <int R, class W, int U>
  INLINE void sums(const T* x, Int S, const T* low, Int taps, T* a, T* d) {
    const Int n = K ? K : taps;
    const T* high = low + n;
    enum { L = sizeof(W) / sizeof(T) };
    W s[R][U] = {}, t[R][U] = {};
#pragma GCC unroll 32
    for (Int e = 0; e < n + 2 * (R - 1); e++)
      for (int u = 0; u < U; u++) {
        W v = load<W>(x + e * S + u * L);
        for (int r = 0; r < R; r++) {
          Int c = e - 2 * r;
          if (c >= 0 && c < n) {
            s[r][u] += low[c] * v;
            t[r][u] += high[c] * v;
          }
        }
      }
    for (int r = 0; r < R; r++)
      for (int u = 0; u < U; u++) {
        store(a + r * S + u * L, s[r][u]);
        store(d + r * S + u * L, t[r][u]);
      }
  }
  template <int R>
  INLINE void sums_across(const T* x, Int S, const T* low, Int taps, T* a, T* d) {
    Int i = 0;
    for (; i + G <= S; i += G)
      sums<R, V, TOGETHER>(x + i, S, low, taps, a + i, d + i);
    for (; i < S; i++) sums<R, T, 1>(x + i, S, low, taps, a + i, d + i);
  }
  static void analyse(const T* x, Int S, Int m, const T* low, Int taps, T* a, T* d) {
    Int k = 0;
    for (; k + 2 <= m; k += 2)
      sums_across<2>(x + 2 * k * S, S, low, taps, a + k * S, d + k * S);
    if (k < m) sums_across<1>(x + 2 * k * S, S, low, taps, a + k * S, d + k * S);
  }

  // Samples 2 k and 2 k + 1 of R places: sum_c low[c] a[(i - c) / 2] + high[c] d[...].
  template <int R, class W, int U>
  INLINE void pairs(const T* a, const T* d, Int S, const T* low, Int taps, T* x) {
    const Int n = K ? K : taps, half = n / 2;
    const T* high = low + n;
    enum { L = sizeof(W) / sizeof(T) };
    W s[R][U] = {}, t[R][U] = {};
#pragma GCC unroll 16
    for (Int c = 1 - R; c < half; c++)
      for (int u = 0; u < U; u++) {
        W p = load<W>(a - c * S + u * L), q = load<W>(d - c * S + u * L);
        for (int r = 0; r < R; r++) {
          Int h = 2 * (c + r);
          if (h >= 0 && h < n) {
            s[r][u] += low[h] * p;
            s[r][u] += high[h] * q;
            t[r][u] += low[h + 1] * p;
            t[r][u] += high[h + 1] * q;
          }
        }
      }
    for (int r = 0; r < R; r++)
      for (int u = 0; u < U; u++) {
        store(x + 2 * r * S + u * L, s[r][u]);
        store(x + (2 * r + 1) * S + u * L, t[r][u]);
      }
  }
  template <int R>
  INLINE void pairs_across(const T* a, const T* d, Int S, const T* low, Int taps, T* x) {
    Int i = 0;
    for (; i + G <= S; i += G)
      pairs<R, V, TOGETHER>(a + i, d + i, S, low, taps, x + i);
    for (; i < S; i++) pairs<R, T, 1>(a + i, d + i, S, low, taps, x + i);
  }
  // 2 `count` samples from sample 2 k on, where `a` and `d` begin at coefficient k.
  static void merge(const T* a, const T* d, Int S, Int count, const T* low, Int taps,
                    T* x) {
    Int k = 0;
    for (; k + 2 <= count; k += 2)
      pairs_across<2>(a + k * S, d + k * S, S, low, taps, x + 2 * k * S);
    if (k < count) pairs_across<1>(a + k * S, d + k * S, S, low, taps, x + 2 * k * S);
  }

  // C taps of both filters: sum_k a[k] x[2 k + c] is added to sums[c], lane by lane.
  template <int C, class W, int U>
  INLINE void products(const T* x, Int S, Int m, const T* a, const T* d, Int start,
                       Int stop, T* low, T* high) {
    enum { L = sizeof(W) / sizeof(T) };
    W s[C], t[C];
    for (int c = 0; c < C; c++) {
      s[c] = load<W>(low + c * N);
      t[c] = load<W>(high + c * N);
    }
    for (Int k = 0; k < m; k++)
      for (Int i = start; i < stop; i += U * L)
        for (int u = 0; u < U; u++) {
          const T* place = x + 2 * k * S + i + u * L;
          W p = load<W>(a + k * S + i + u * L), q = load<W>(d + k * S + i + u * L);
          for (int c = 0; c < C; c++) {
            W v = load<W>(place + c * S);
            s[c] += p * v;
            t[c] += q * v;
          }
        }
    for (int c = 0; c < C; c++) {
      store(low + c * N, s[c]);
      store(high + c * N, t[c]);
    }
  }
  template <int C>
  INLINE void products_across(const T* x, Int S, Int m, const T* a, const T* d, T* low,
                              T* high) {
    Int whole = S / G * G;
    if (whole) products<C, V, TOGETHER>(x, S, m, a, d, 0, whole, low, high);
    if (whole < S) products<C, T, 1>(x, S, m, a, d, whole, S, low, high);
  }
  static void slopes(const T* x, Int S, Int m, const T* a, const T* d, Int taps,
                     T* sums) {
    Int c = 0;
    for (; c + 4 <= taps; c += 4)
      products_across<4>(x + c * S, S, m, a, d, sums + c * N, sums + (taps + c) * N);
    if (c < taps)
      products_across<2>(x + c * S, S, m, a, d, sums + c * N, sums + (taps + c) * N);
  }

  // The same of taps that are `shift` values apart, for every value: see
  // Note [stationary transforms].
  template <class W, int U>
  INLINE void dilated_sums(const T* x, Int shift, const T* low, Int taps, T* a, T* d) {
    const Int n = K ? K : taps;
    enum { L = sizeof(W) / sizeof(T) };
    W s[U] = {}, t[U] = {};
    for (Int c = 0; c < n; c++)
      for (int u = 0; u < U; u++) {
        W v = load<W>(x + c * shift + u * L);
        s[u] += low[c] * v;
        t[u] += low[n + c] * v;
      }
    for (int u = 0; u < U; u++) {
      store(a + u * L, s[u]);
      store(d + u * L, t[u]);
    }
  }
  static void dilated_analyse(const T* x, Int shift, Int size, const T* low, Int taps,
                              T* a, T* d) {
    Int i = 0;
    for (; i + 4 * N <= size; i += 4 * N)
      dilated_sums<V, 4>(x + i, shift, low, taps, a + i, d + i);
    for (; i + N <= size; i += N)
      dilated_sums<V, 1>(x + i, shift, low, taps, a + i, d + i);
    for (; i < size; i++) dilated_sums<T, 1>(x + i, shift, low, taps, a + i, d + i);
  }
  template <class W, int U>
  INLINE void dilated_pairs(const T* a, const T* d, Int shift, const T* low, Int taps,
                            T* x) {
    const Int n = K ? K : taps;
    enum { L = sizeof(W) / sizeof(T) };
    W s[U] = {};
    for (Int c = 0; c < n; c++)
      for (int u = 0; u < U; u++) {
        s[u] += low[n - 1 - c] * load<W>(a + c * shift + u * L);
        s[u] += low[n + n - 1 - c] * load<W>(d + c * shift + u * L);
      }
    for (int u = 0; u < U; u++) store(x + u * L, s[u]);
  }
  static void dilated_merge(const T* a, const T* d, Int shift, Int size, const T* low,
                            Int taps, T* x) {
    Int i = 0;
    for (; i + 4 * N <= size; i += 4 * N)
      dilated_pairs<V, 4>(a + i, d + i, shift, low, taps, x + i);
    for (; i + N <= size; i += N)
      dilated_pairs<V, 1>(a + i, d + i, shift, low, taps, x + i);
    for (; i < size; i++) dilated_pairs<T, 1>(a + i, d + i, shift, low, taps, x + i);
  }
  template <class W>
  INLINE void dilated_products(const T* x, Int shift, Int start, Int stop, const T* a,
                               const T* d, Int taps, double* to) {
    enum { L = sizeof(W) / sizeof(T), C = 2 };  // the number of taps is even
    for (Int begin = start; begin < stop; begin += SUM * L)
      for (Int c = 0; c < taps; c += C) {
        W s[C] = {}, t[C] = {};
        for (Int i = begin; i < least(stop, begin + SUM * L); i += L) {
          W p = load<W>(a + i), q = load<W>(d + i);
          for (int e = 0; e < C; e++) {
            W v = load<W>(x + (c + e) * shift + i);
            s[e] += p * v;
            t[e] += q * v;
          }
        }
        for (int e = 0; e < C; e++) {
          T lane[2 * L];
          store(lane, s[e]);
          store(lane + L, t[e]);
          for (int b = 0; b < L; b++) to[c + e] += lane[b];
          for (int b = 0; b < L; b++) to[taps + c + e] += lane[L + b];
        }
      }
  }
  static void dilated_slopes(const T* x, Int shift, Int size, const T* a, const T* d,
                             Int taps, double* to) {
    Int whole = size / N * N;
    dilated_products<V>(x, shift, 0, whole, a, d, taps, to);
    dilated_products<T>(x, shift, whole, size, a, d, taps, to);
  }
};

// The loops for a number of taps, unrolled for the common ones.
template <class T>
struct Chosen {
  void (*analyse)(const T*, Int, Int, const T*, Int, T*, T*);
  void (*merge)(const T*, const T*, Int, Int, const T*, Int, T*);
  void (*slopes)(const T*, Int, Int, const T*, const T*, Int, T*);
  void (*dilated_analyse)(const T*, Int, Int, const T*, Int, T*, T*);
  void (*dilated_merge)(const T*, const T*, Int, Int, const T*, Int, T*);
};
template <class T, int K>
Chosen<T> loops() {
  Chosen<T> chosen = {Loops<T, K>::analyse, Loops<T, K>::merge, Loops<T, 0>::slopes,
                      Loops<T, K>::dilated_analyse, Loops<T, K>::dilated_merge};
  return chosen;
}
template <class T>
Chosen<T> choose(Int taps) {
  switch (taps) {
    case 2: return loops<T, 2>();
    case 4: return loops<T, 4>();
    case 6: return loops<T, 6>();
    case 8: return loops<T, 8>();
    case 10: return loops<T, 10>();
    case 12: return loops<T, 12>();
    case 14: return loops<T, 14>();
    case 16: return loops<T, 16>();
    case 18: return loops<T, 18>();
    case 20: return loops<T, 20>();
    default: return loops<T, 0>();
  }
}

// What a thread needs to work on blocks of rows.
template <class T>
struct Worker {
  typedef typename Vector<T>::type V;
  enum { N = Lanes<T>::vector, G = Lanes<T>::all, MAX_LEVEL = 64, MAX_NDIM = 3 };

  const Job& job;
  const Transform& t;
  const Chosen<T> f;
  const Int ndim, level, K;
  const bool interleaves;
  double* slope;  // of the current part
  Int lanes;      // signals that are taken together now: G or 1
  // Where the arrays of each stage of a level lie, and its details among coefficients.
  Int starts[MAX_LEVEL][MAX_NDIM], details[MAX_LEVEL], n_nodes;
  T *filters, *weights, *nodes, *back, *coeffs, *ends, *ends_a, *ends_d;
  T *tile, *tile_a, *tile_d;
  T* sums;      // of slopes, [2][taps][N], not yet in double
  Int n_terms;  // of them
  T *signal, *flat;  // of the current block
  void* memory;

  explicit Worker(const Job& j)
      : job(j), t(*j.transform), f(choose<T>(t.taps)), ndim(t.ndim), level(t.level),
        K(t.taps), interleaves(j.rows_per_part >= G && !t.is_stationary), n_nodes(0),
        n_terms(0) {
    Int across = 1, around = 0, stop = t.n_coeffs;
    for (Int l = 0; l < level; l++) {
      for (Int s = 0; s < ndim; s++) {
        starts[l][s] = n_nodes;
        n_nodes += node_size(l, s) << s;
        across = most(across, inner(l, ndim - 1 - s));
        around = most(around, turn(l, ndim - 1 - s));
      }
      stop -= ((Int(1) << ndim) - 1) * node_size(l, ndim);
      details[l] = stop;
    }
    Int unit = interleaves ? G : 1, end = (2 * SHORT + 6 * K) * across * unit;
    if (t.is_stationary) end = around;
    bool pulls = job.task == NORM || job.task == PULL;
    struct {
      T** place;
      Int size;
    } wanted[] = {
        {&filters, level * ndim * 2 * K},
        {&weights, job.task == NORM ? t.n_coeffs : 0},
        {&nodes, job.task == TRANSPOSE ? 0 : n_nodes * unit},
        {&back, job.task == TRANSPOSE || pulls ? n_nodes * unit : 0},
        {&coeffs, interleaves || pulls ? t.n_coeffs * unit : 0},
        {&ends, end},
        {&ends_a, end},
        {&ends_d, end},
        {&tile, (2 * TILE + K) * G},
        {&tile_a, (TILE + K) * G},
        {&tile_d, (TILE + K) * G},
        {&sums, 2 * K * N},
    };
    Int size = 64;
    for (auto& part : wanted) size += part.size * sizeof(T) / 64 * 64 + 64;
    memory = malloc(size);
    char* place = (char*)(((std::uintptr_t)memory + 63) / 64 * 64);
    for (auto& part : wanted) {
      *part.place = (T*)place;
      place += part.size * sizeof(T) / 64 * 64 + 64;
#ifdef __SANITIZE_ADDRESS__  // what lies in between is no one's
      char* end = (char*)(*part.place + part.size);
      if (memory) __asan_poison_memory_region(end, place - end);
#endif
    }
    if (memory) memset(sums, 0, sizeof(T) * 2 * K * N);
    if (memory && job.task == NORM)
      for (Int i = 0; i < t.n_coeffs; i++)
        weights[i] = job.weights ? (T)job.weights[i] : (T)1;
  }
  Worker(const Worker&) = delete;
  ~Worker() { free(memory); }

  Int length(Int l, Int axis) const { return t.lengths[l * ndim + axis]; }

  // The values of an array at a stage of a level, when so many axes have been filtered.
  Int node_size(Int l, Int stage) const {
    Int size = 1;
    for (Int axis = 0; axis < ndim; axis++)
      size *= length(axis < ndim - stage ? l : l + 1, axis);
    return size;
  }
  // The values between neighbours along an axis, the axes after which are filtered.
  Int inner(Int l, Int axis) const {
    Int size = 1;
    while (++axis < ndim) size *= length(l + 1, axis);
    return size;
  }
  // By how many samples the taps of a level are apart, on a circle of so many.
  Int dilation(Int l, Int axis) const {
    Int shift = 1 % length(l, axis);
    while (l--) shift = 2 * shift % length(0, axis);
    return shift;
  }
  // The values of an axis, and of so many more as its taps reach.
  Int turn(Int l, Int axis) const {
    return (length(l, axis) + (K - 1) * dilation(l, axis)) * inner(l, axis);
  }
  // An array of a stage; those after the last stage are bands.
  T* node(T* all, Int l, Int stage, Int branch) {
    if (stage == ndim) {
      Int place = branch ? details[l] + (branch - 1) * node_size(l, ndim) : 0;
      if (branch || l == level - 1) return flat + place * lanes;
      return node(all, l + 1, 0, 0);
    }
    if (l == 0 && stage == 0) return signal;
    return all + (starts[l][stage] + branch * node_size(l, stage)) * lanes;
  }

  // One axis of a level.
  struct Axis {
    Int n, m, S, right;  // samples, coefficients, values in between, end of extension
    Int dilation;        // of taps, if the transform is stationary
    const T* low;
    const Int* index;
    const double* weight;
  };
  Axis axis_of(Int l, Int axis) const {
    Int place = l * ndim + axis, table = place * t.terms * t.width;
    Axis x = {length(l, axis), length(l + 1, axis), inner(l, axis) * lanes, 0,
              t.is_stationary ? dilation(l, axis) : 0,
              filters + place * 2 * K, t.index + table, t.weight + table};
    x.right = 2 * x.m + K - 2;
    return x;
  }

  // Copy samples of the extended signal; place 0 is the first of its extension.
  void extend(const Axis& c, const T* x, Int begin, Int end, T* to) const {
    Int from = most(begin, t.left), stop = least(end, t.left + c.n);
    if (from < stop)
      memcpy(to + (from - begin) * c.S, x + (from - t.left) * c.S,
             (stop - from) * c.S * sizeof(T));
    each_beyond(c, begin, end, [&](Int p, Int i, T weight, bool is_first) {
      const T* __restrict source = x + i * c.S;
      T* __restrict target = to + (p - begin) * c.S;
      if (is_first) memset(target, 0, c.S * sizeof(T));
      if (weight != 0)
        for (Int s = 0; s < c.S; s++) target[s] += weight * source[s];
    });
  }
  // The transpose: add samples of an extension to those that it is made of.
  void fold(const Axis& c, const T* from, Int begin, Int end, T* x) const {
    each_beyond(c, begin, end, [&](Int p, Int i, T weight, bool) {
      const T* __restrict source = from + (p - begin) * c.S;
      T* __restrict target = x + i * c.S;
      if (weight != 0)
        for (Int s = 0; s < c.S; s++) target[s] += weight * source[s];
    });
  }
  // The terms of what lies beyond the ends: place, sample, weight; at least one of each.
  template <class F>
  void each_beyond(const Axis& c, Int begin, Int end, F f) const {
    for (Int p = begin; p < end; p++) {
      if (p >= t.left && p < t.left + c.n) {
        p = t.left + c.n - 1;
        continue;
      }
      Int entry = p < t.left ? p : p - c.n;
      if (!t.terms) f(p, 0, T(0), true);
      for (Int term = 0; term < t.terms; term++, entry += t.width)
        f(p, c.index[entry], (T)c.weight[entry], term == 0);
    }
  }

  // The loops; of a signal alone the lanes are parts, which overlap. See Note [lanes].
  Int tiles(const Axis& c, Int k, Int m) const {
    Int each = least((m - k) / G, Int(TILE));
    return c.S == 1 && each >= 4 ? each : 0;
  }
  void analyse(const Axis& c, const T* x, Int m, T* a, T* d) {
    Int k = 0;
    while (Int each = tiles(c, k, m)) {
      gather(x + 2 * k, 2 * each, G, tile, 2 * each + K - 2);
      f.analyse(tile, G, each, c.low, K, tile_a, tile_d);
      scatter(tile_a, each, a + k, each, G);
      scatter(tile_d, each, d + k, each, G);
      k += each * G;
    }
    f.analyse(x + 2 * k * c.S, c.S, m - k, c.low, K, a + k * c.S, d + k * c.S);
  }
  void merge(const Axis& c, const T* a, const T* d, Int m, T* x) {
    Int k = 0, before = K / 2 - 1;
    while (Int each = tiles(c, k, m)) {
      gather(a + k - before, each, G, tile_a, each + before);
      gather(d + k - before, each, G, tile_d, each + before);
      f.merge(tile_a + before * G, tile_d + before * G, G, each, c.low, K, tile);
      scatter(tile, 2 * each, x + 2 * k, 2 * each, G);
      k += each * G;
    }
    f.merge(a + k * c.S, d + k * c.S, c.S, m - k, c.low, K, x + 2 * k * c.S);
  }
  void slopes(const Axis& c, const T* x, Int m, const T* a, const T* d, double* to) {
    Int k = 0;
    while (Int each = tiles(c, k, m)) {
      gather(x + 2 * k, 2 * each, G, tile, 2 * each + K - 2);
      gather(a + k, each, G, tile_a, each);
      gather(d + k, each, G, tile_d, each);
      add_slopes(tile, G, each, tile_a, tile_d, to);
      k += each * G;
    }
    add_slopes(x + 2 * k * c.S, c.S, m - k, a + k * c.S, d + k * c.S, to);
  }
  void add_slopes(const T* x, Int S, Int m, const T* a, const T* d, double* to) {
    Int step = most(1, SUM * G / S);
    for (Int k = 0; k < m; k += step) {
      Int count = least(step, m - k);
      f.slopes(x + 2 * k * S, S, count, a + k * S, d + k * S, K, sums);
      n_terms += count * most(1, S / G);
      if (n_terms >= SUM) flush(to);
    }
  }
  void flush(double* to) {
    for (Int c = 0; c < 2 * K; c++)
      for (int b = 0; b < N; b++) to[c] += sums[c * N + b];
    memset(sums, 0, sizeof(T) * 2 * K * N);
    n_terms = 0;
  }

  // What lies between the ends, and after it both of them. See Note [ends of a signal].
  template <class Inside, class End>
  void by_ends(const Axis& c, Inside inside, End end) {
    Int first = (t.left + 1) / 2, stop = t.left + c.n - K;
    stop = stop < 0 ? 0 : stop / 2 + 1;
    if (stop - first > SHORT) {
      inside(first, stop);
    } else {
      first = stop = c.m;
    }
    if (first > 0) end(Int(0), first);
    if (stop < c.m) end(stop, c.m);
  }
  void analyse_axis(const Axis& c, const T* x, T* a, T* d) {
    by_ends(
        c,
        [&](Int k, Int stop) {
          const T* from = x + (2 * k - t.left) * c.S;
          analyse(c, from, stop - k, a + k * c.S, d + k * c.S);
        },
        [&](Int k, Int stop) {
          extend(c, x, 2 * k, 2 * (stop - 1) + K, ends);
          f.analyse(ends, c.S, stop - k, c.low, K, a + k * c.S, d + k * c.S);
        });
  }
  void slopes_axis(const Axis& c, const T* x, const T* a, const T* d, double* to) {
    by_ends(
        c,
        [&](Int k, Int stop) {
          const T* from = x + (2 * k - t.left) * c.S;
          slopes(c, from, stop - k, a + k * c.S, d + k * c.S, to);
        },
        [&](Int k, Int stop) {
          extend(c, x, 2 * k, 2 * (stop - 1) + K, ends);
          add_slopes(ends, c.S, stop - k, a + k * c.S, d + k * c.S, to);
        });
  }
  void merge_axis(const Axis& c, const T* a, const T* d, T* x) {
    // Pairs of samples of the extended signal; those inside are made where they belong.
    const Int half = K / 2, last = t.left + c.n;
    Int stop = least(2 * c.m, last) / 2, first = least(half - 1, stop);
    bool is_whole = stop <= half - 1;
    if (is_whole)
      first = stop = 0;
    else
      merge(c, a + first * c.S, d + first * c.S, stop - first,
            x + (2 * first - t.left) * c.S);
    T* right = ends + 2 * first * c.S;
    Int end = t.terms ? c.right : (last + 1) / 2 * 2;
    bool has_left = first > 0 && (t.terms || t.left < 2 * first);
    if (has_left) merge_end(c, a, d, 0, first, ends, x);
    if (end > 2 * stop) merge_end(c, a, d, stop, end / 2, right, x);
    if (has_left) fold(c, ends, 0, 2 * first, x);
    if (end > 2 * stop) fold(c, right, 2 * stop, end, x);
  }
  // Make pairs in a copy, where coefficients beyond the ends are zero.
  void merge_end(const Axis& c, const T* a, const T* d, Int begin, Int end, T* to, T* x) {
    const Int before = K / 2 - 1, first = begin - before;
    Int from = most(first, 0), stop = most(from, least(end, c.m));
    for (int high = 0; high < 2; high++) {
      T* place = high ? ends_d : ends_a;
      const T* band = high ? d : a;
      memset(place, 0, (from - first) * c.S * sizeof(T));
      memcpy(place + (from - first) * c.S, band + from * c.S,
             (stop - from) * c.S * sizeof(T));
      memset(place + (stop - first) * c.S, 0, (end - stop) * c.S * sizeof(T));
    }
    Int skip = before * c.S;
    f.merge(ends_a + skip, ends_d + skip, c.S, end - begin, c.low, K, to);
    Int i = most(0, 2 * begin - t.left), n = least(c.n, 2 * end - t.left) - i;
    if (n > 0)
      memcpy(x + i * c.S, to + (i + t.left - 2 * begin) * c.S, n * c.S * sizeof(T));
  }

  // Go around a circle from `before` samples ahead of the first, until all taps are met.
  const T* wrap(const Axis& c, const T* x, Int before, T* to) const {
    Int place = before % c.n ? c.n - before % c.n : 0, n = c.n + (K - 1) * c.dilation;
    for (Int done = 0; done < n; place = 0) {
      Int count = least(n - done, c.n - place);
      memcpy(to + done * c.S, x + place * c.S, count * c.S * sizeof(T));
      done += count;
    }
    return to;
  }
  void analyse_circle(const Axis& c, const T* x, T* a, T* d) const {
    x = wrap(c, x, (K / 2 - 1) * c.dilation, ends);
    f.dilated_analyse(x, c.dilation * c.S, c.n * c.S, c.low, K, a, d);
  }
  void slopes_circle(const Axis& c, const T* x, const T* a, const T* d,
                     double* to) const {
    x = wrap(c, x, (K / 2 - 1) * c.dilation, ends);
    Loops<T, 0>::dilated_slopes(x, c.dilation * c.S, c.n * c.S, a, d, K, to);
  }
  void merge_circle(const Axis& c, const T* a, const T* d, T* x) const {
    a = wrap(c, a, K / 2 * c.dilation, ends_a);
    d = wrap(c, d, K / 2 * c.dilation, ends_d);
    f.dilated_merge(a, d, c.dilation * c.S, c.n * c.S, c.low, K, x);
  }

  // All levels of a block.
  void forward() {
    for (Int l = 0; l < level; l++)
      for (Int s = 0; s < ndim; s++) {
        Int axis = ndim - 1 - s;
        Axis c = axis_of(l, axis);
        Int outer = node_size(l, s) * lanes / (c.n * c.S);
        for (Int branch = 0; branch < Int(1) << s; branch++) {
          const T* x = node(nodes, l, s, branch);
          T* a = node(nodes, l, s + 1, branch);
          T* d = node(nodes, l, s + 1, branch | Int(1) << s);
          for (Int o = 0; o < outer; o++) {
            Int i = o * c.n * c.S, k = o * c.m * c.S;
            if (t.is_stationary)
              analyse_circle(c, x + i, a + k, d + k);
            else
              analyse_axis(c, x + i, a + k, d + k);
          }
        }
      }
  }
  // The transpose; or the slopes of filters, from those of coefficients in `flat`.
  void backward(T* first) {
    T* source = signal;
    for (Int l = level - 1; l >= 0; l--)
      for (Int s = ndim - 1; s >= 0; s--) {
        Int axis = ndim - 1 - s;
        Axis c = axis_of(l, axis);
        Int outer = node_size(l, s) * lanes / (c.n * c.S);
        double* to = slope ? slope + (l * ndim + axis) * 2 * K : nullptr;
        for (Int branch = 0; branch < Int(1) << s; branch++) {
          const T* x = node(nodes, l, s, branch);
          const T* a = node(back, l, s + 1, branch);
          const T* d = node(back, l, s + 1, branch | Int(1) << s);
          signal = first;
          T* made = node(back, l, s, branch);
          signal = source;
          for (Int o = 0; o < outer; o++) {
            Int i = o * c.n * c.S, k = o * c.m * c.S;
            if (t.is_stationary) {
              if (slope) slopes_circle(c, x + i, a + k, d + k, to);
              if (made) merge_circle(c, a + k, d + k, made + i);
              continue;
            }
            if (slope) slopes_axis(c, x + i, a + k, d + k, to);
            if (made) merge_axis(c, a + k, d + k, made + i);
          }
          if (slope) flush(to);
        }
      }
  }

  // Replace coefficients by slopes of their norm, which is returned.
  double norm() const {
    return job.smoothing > 0 ? norm_of_all<true>() : norm_of_all<false>();
  }
  template <bool SMOOTH>
  double norm_of_all() const {
    const V eps = splat<V>((T)job.smoothing);
    const Int n = t.n_coeffs * lanes, n_whole = n / N;
    double total = 0;
    for (Int begin = 0; begin < n_whole; begin += SUM) {
      V sum = {};
      for (Int v = begin; v < least(n_whole, begin + SUM); v++) {
        V c = load<V>(flat + v * N);
        V weight = lanes > 1 ? splat<V>(weights[v / TOGETHER]) : load<V>(weights + v * N);
        norm_of<SMOOTH>(c, sum, weight, eps);
        store(flat + v * N, c);
      }
      total += sum_of(sum);
    }
    if (Int rest = n - n_whole * N) {  // of a signal alone; zeros add nothing
      T c[N] = {}, weight[N] = {};
      memcpy(c, flat + n_whole * N, rest * sizeof(T));
      memcpy(weight, weights + n_whole * N, rest * sizeof(T));
      V last = load<V>(c), sum = {};
      norm_of<SMOOTH>(last, sum, load<V>(weight), eps);
      store(c, last);
      memcpy(flat + n_whole * N, c, rest * sizeof(T));
      total += sum_of(sum);
    }
    return total;
  }
  template <bool SMOOTH>
  INLINE void norm_of(V& c, V& sum, V weight, V eps) {
    if (SMOOTH) {
      V size = root(c * c + eps * eps);
      sum += weight * (c * c / (size + eps));  // size - eps, without its cancellation
      c = weight * (c / size);
    } else {
      sum += weight * absolute(c);
      c = weight * sign(c);
    }
  }
  static double sum_of(V v) {
    T lane[N];
    double sum = 0;
    store(lane, v);
    for (int b = 0; b < N; b++) sum += lane[b];
    return sum;
  }

  // The values of an array from the i-th on, if there is such an array.
  static T* from(const void* array, Int i) { return array ? (T*)array + i : nullptr; }

  // Take `count` signals together, or one where it lies.
  void block(Int bank, Int row, Int count, double* value) {
    T* x = from(job.x, bank * job.x_step + row * t.n_values);
    T* y = from(job.y, bank * job.y_step + row * t.n_coeffs);
    bool makes_signals = job.task == TRANSPOSE;
    Int size = makes_signals ? t.n_values : t.n_coeffs;
    T* out = from(job.out, (bank * job.n_rows + row) * size);
    bool together = lanes > 1;
    signal = together ? nodes : x;
    flat = together || job.task != ANALYSE ? coeffs : out;
    if (!makes_signals) {
      if (together) gather(x, t.n_values, count, nodes, t.n_values);
      forward();
    }
    if (job.task == ANALYSE) {
      if (together) scatter(flat, t.n_coeffs, out, t.n_coeffs, count);
      return;
    }
    if (job.task == NORM) {
      *value += norm();
    } else if (together) {
      gather(y, t.n_coeffs, count, flat, t.n_coeffs);
    } else {
      flat = y;
    }
    backward(!makes_signals ? nullptr : together ? back : out);
    if (makes_signals && together) scatter(back, t.n_values, out, t.n_values, count);
  }

  void part(Int p) {
    Int per_bank = job.n_parts / job.n_banks, bank = p / per_bank;
    Int size = level * ndim * 2 * K;
    for (Int i = 0; i < size; i++) filters[i] = (T)job.filters[bank * size + i];
    bool pulls = job.task == NORM || job.task == PULL;
    slope = pulls ? job.slopes + p * size : nullptr;
    Int row = p % per_bank * job.rows_per_part;
    Int stop = least(job.n_rows, row + job.rows_per_part);
    while (row < stop) {
      Int count = least(stop - row, Int(G));
      lanes = interleaves && 2 * count > G ? G : 1;
      if (lanes == 1) count = 1;
      block(bank, row, count, job.task == NORM ? job.values + p : nullptr);
      row += count;
    }
  }
};

template <class T>
int work(const Job& job) {
  Worker<T> worker(job);
  if (!worker.memory) return 1;
  for (Int p; (p = job.next(job.counter)) < job.n_parts;) worker.part(p);
  return 0;
}

}  // namespace

extern int NAME(work_)(const Job& job);
int NAME(work_)(const Job& job) {
  return job.is_double ? work<double>(job) : work<float>(job);
}
