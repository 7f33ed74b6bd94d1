// What the kernel is asked for; ctypes structures in _kernel.py are the same.
#ifndef JOBS_H
#define JOBS_H

#include <cstdint>

// A function that Python calls.
#ifdef _WIN32
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

typedef std::int64_t Int;

// What a transform is; arrays by level, the finest first, then by axis.
struct Transform {
  Int ndim, level, taps;
  Int is_stationary;  // the rest up to the tables is then not used
  Int left;           // samples by which a signal is extended on its left
  Int terms, width;   // of the tables of extensions
  const Int* lengths;    // [level + 1][ndim]
  const Int* index;      // [level][ndim][terms][width]
  const double* weight;  // of the same shape
  Int n_values, n_coeffs;
};

enum Task { ANALYSE, TRANSPOSE, NORM, PULL };

// One call. Signals and coefficients are rows; several banks may take the same rows.
struct Job {
  const Transform* transform;
  Task task;
  Int is_double;
  Int n_banks, n_rows;
  const double* filters;  // [bank][level][ndim][2][taps], in the order of correlation
  const void *x, *y;      // of one bank: signals, and coefficients (PULL, TRANSPOSE)
  Int x_step, y_step;     // values from one bank to the next, perhaps 0
  void* out;              // ANALYSE: coefficients; TRANSPOSE: signals
  const double* weights;  // NORM: of each coefficient, or null
  double smoothing;       // NORM: |c| is sqrt(c^2 + s^2) - s
  // A part is some rows of one bank. What it adds is summed in the order of parts.
  Int rows_per_part, n_parts;
  double *values, *slopes;  // [part], [part][level][ndim][2][taps]
  Int (*next)(void*);       // returns the next part
  void* counter;
};

// Statistics of rows of coefficients, one after the other for all channels of a sample.
struct Pooling {
  Int is_double, n_rows, n_channels;
  Int row_step, n;  // values from one row to the next, and of a row
  const void* x;
  Int n_thresholds, has_moments;
  const double* thresholds;  // [channel][n_thresholds]
  const double* units;       // [channel], by which moments multiply the coefficients
  void* out;  // [row]: shares above thresholds; means of |z|, z^2, z^4; mean, max, min
  Int rows_per_part, n_parts;
  Int (*next)(void*);
  void* counter;
};

#endif
