// Statistics of the coefficients of a band; _statistics.py has the same in NumPy.

#include "vectors.h"

namespace {

template <class T>
struct Row {
  typedef typename Vector<T>::type V;
  enum { N = Lanes<T>::vector };

  const T* x;
  Int n;

  static double sum_of(V v) {
    T lane[N];
    double sum = 0;
    store(lane, v);
    for (T l : lane) sum += l;
    return sum;
  }

  // The counts above thresholds, divided by the number of coefficients.
  template <int C>
  void shares(const double* thresholds, T* out) const {
    V t[C];
    double count[C] = {};
    for (int c = 0; c < C; c++) t[c] = splat<V>((T)thresholds[c]);
    Int i = 0;
    while (i + N <= n) {
      V sum[C] = {};
      for (Int stop = least(n - N, i + SUM * N - 1); i <= stop; i += N) {
        V v = load<V>(x + i);
        for (int c = 0; c < C; c++) sum[c] += above(v, t[c]);
      }
      for (int c = 0; c < C; c++) count[c] += sum_of(sum[c]);
    }
    for (; i < n; i++)
      for (int c = 0; c < C; c++) count[c] += x[i] > (T)thresholds[c];
    for (int c = 0; c < C; c++) out[c] = (T)(count[c] / n);
  }

  // The means of |z|, z^2 and z^4, where z = unit x; then the mean, maximum and minimum.
  void moments(double unit, T* out) const {
    double sums[4] = {};
    T most = x[0], least_of_all = x[0];
    V high = splat<V>(most), low = high;
    const V u = splat<V>((T)unit);
    Int i = 0;
    while (i + N <= n) {
      V sum[4] = {};
      for (Int stop = least(n - N, i + SUM * N - 1); i <= stop; i += N) {
        V v = load<V>(x + i), z = u * v, square = z * z;
        sum[0] += absolute(z);
        sum[1] += square;
        sum[2] += square * square;
        sum[3] += v;
        high = larger(high, v);
        low = smaller(low, v);
      }
      for (int k = 0; k < 4; k++) sums[k] += sum_of(sum[k]);
    }
    T highs[N], lows[N];
    store(highs, high);
    store(lows, low);
    for (int b = 0; b < N; b++) {
      most = highs[b] > most ? highs[b] : most;
      least_of_all = lows[b] < least_of_all ? lows[b] : least_of_all;
    }
    for (; i < n; i++) {
      T z = (T)unit * x[i], square = z * z;
      sums[0] += z < 0 ? -z : z;
      sums[1] += square;
      sums[2] += square * square;
      sums[3] += x[i];
      most = x[i] > most ? x[i] : most;
      least_of_all = x[i] < least_of_all ? x[i] : least_of_all;
    }
    for (int k = 0; k < 4; k++) out[k] = (T)(sums[k] / n);
    out[4] = most;
    out[5] = least_of_all;
  }
};

template <class T>
void pool(const Pooling& job) {
  const Int n_values = job.n_thresholds + (job.has_moments ? 6 : 0);
  for (Int part; (part = job.next(job.counter)) < job.n_parts;) {
    Int row = part * job.rows_per_part;
    for (Int stop = least(job.n_rows, row + job.rows_per_part); row < stop; row++) {
      const Row<T> coeffs = {(const T*)job.x + row * job.row_step, job.n};
      const Int channel = row % job.n_channels;
      const double* thresholds = job.thresholds + channel * job.n_thresholds;
      T* out = (T*)job.out + row * n_values;
      Int c = 0;
      for (; c + 5 <= job.n_thresholds; c += 5)
        coeffs.template shares<5>(thresholds + c, out + c);
      for (; c < job.n_thresholds; c++)
        coeffs.template shares<1>(thresholds + c, out + c);
      if (job.has_moments) coeffs.moments(job.units[channel], out + c);
    }
  }
}

}  // namespace

extern void NAME(pool_)(const Pooling& job);
void NAME(pool_)(const Pooling& job) {
  job.is_double ? pool<double>(job) : pool<float>(job);
}
