// The orthonormal lattice: angles to a low-pass filter, and its gradient back to them.
// See Note [orthonormal lattice] in _lattice.py.

#include <cmath>
#include <vector>

#include "jobs.h"

namespace {

// One bank of M angles, of which the last follows from the others: (h, g) of each stage.
struct Lattice {
  const Int count, taps;
  std::vector<double> cosines, sines, h, g;

  Lattice(const double* angles, Int n_free)
      : count(n_free + 1), taps(2 * count), cosines(count), sines(count),
        h(count * taps), g(count * taps) {
    double last = std::atan(1.0);  // pi / 4
    for (Int i = 0; i < n_free; i++) last -= angles[i];
    for (Int i = 0; i < count; i++) {
      const double angle = i < n_free ? angles[i] : last;
      cosines[i] = std::cos(angle);
      sines[i] = std::sin(angle);
    }
    h[0] = cosines[0], h[1] = sines[0], g[0] = -sines[0], g[1] = cosines[0];
    for (Int i = 1; i < count; i++)
      for (Int k = 0; k < 2 * i + 2; k++) {
        const double before = k < 2 * i ? h[(i - 1) * taps + k] : 0;
        const double delayed = k < 2 ? 0 : g[(i - 1) * taps + k - 2];
        h[i * taps + k] = cosines[i] * before + sines[i] * delayed;
        g[i * taps + k] = cosines[i] * delayed - sines[i] * before;
      }
  }

  // The derivative of (h, g) of a stage with respect to its angle is (g, -h).
  void pull(const double* gradient, double* slopes) const {
    std::vector<double> a(gradient, gradient + taps), d(taps), each(count);
    for (Int i = count - 1; i >= 0; i--) {
      for (Int k = 0; k < taps; k++)
        each[i] += a[k] * g[i * taps + k] - d[k] * h[i * taps + k];
      for (Int k = 0; k < taps; k++) {
        const double low = a[k];
        a[k] = cosines[i] * low - sines[i] * d[k];
        d[k] = sines[i] * low + cosines[i] * d[k];
      }
      for (Int k = 0; k < taps; k++) d[k] = k + 2 < taps ? d[k + 2] : 0;  // no delay
    }
    for (Int i = 0; i < count - 1; i++) slopes[i] = each[i] - each[count - 1];
  }
};

}  // namespace

// Make low-pass filters of `n_free` angles each; with `gradient`, return slopes instead.
EXPORT int kernel_lattice(Int n_banks, Int n_free, const double* angles,
                          const double* gradient, double* out) try {
  const Int taps = 2 * n_free + 2;
  for (Int b = 0; b < n_banks; b++) {
    const Lattice lattice(angles + b * n_free, n_free);
    if (gradient)
      lattice.pull(gradient + b * taps, out + b * n_free);
    else
      for (Int k = 0; k < taps; k++)
        out[b * taps + k] = lattice.h[(lattice.count - 1) * taps + k];
  }
  return 0;
} catch (const std::bad_alloc&) {
  return 1;
}
