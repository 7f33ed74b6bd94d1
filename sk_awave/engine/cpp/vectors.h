// Vectors of numbers, for one instruction set. See Note [instruction sets] in choice.cpp.
#ifndef VECTORS_H
#define VECTORS_H

#include <cmath>
#include <cstring>

#include "jobs.h"

#define INLINE static inline __attribute__((always_inline))
#if defined(__AVX512F__)
#define VECTOR_SIZE 64
#elif defined(__AVX__)
#define VECTOR_SIZE 32
#else
#define VECTOR_SIZE 16
#endif

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLE
#endif
#endif

namespace {

// Vectors. Where the compiler has none they are plain loops.
template <class T>
struct Vector;
#ifdef __GNUC__
template <>
struct Vector<float> {
  typedef float type __attribute__((vector_size(VECTOR_SIZE)));
};
template <>
struct Vector<double> {
  typedef double type __attribute__((vector_size(VECTOR_SIZE)));
};
#else
#undef INLINE
#define INLINE static inline
template <class T>
struct Plain {
  enum { N = VECTOR_SIZE / sizeof(T) };
  T v[N];
  T& operator[](int i) { return v[i]; }
  Plain& operator+=(const Plain& o) {
    for (int i = 0; i < N; i++) v[i] += o.v[i];
    return *this;
  }
  friend Plain operator*(T s, Plain x) {
    for (int i = 0; i < N; i++) x.v[i] *= s;
    return x;
  }
  friend Plain operator*(Plain x, const Plain& o) {
    for (int i = 0; i < N; i++) x.v[i] *= o.v[i];
    return x;
  }
  friend Plain operator/(Plain x, const Plain& o) {
    for (int i = 0; i < N; i++) x.v[i] /= o.v[i];
    return x;
  }
  friend Plain operator+(Plain x, const Plain& o) { return x += o; }
};
template <class T>
struct Vector {
  typedef Plain<T> type;
};
#endif

// How many vectors are taken together, so that enough sums are under way.
enum { TOGETHER = 2 };
template <class T>
struct Lanes {
  enum { vector = VECTOR_SIZE / sizeof(T), all = TOGETHER * vector };
};
// The terms of a sum in each lane that is not yet in double.
enum { SUM = 256 };

template <class V, class T>
INLINE V load(const T* p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
INLINE void store(T* p, V v) {
  memcpy(p, &v, sizeof v);
}
template <class V, class T>
INLINE V splat(T x) {
  T lane[sizeof(V) / sizeof(T)];
  for (T& l : lane) l = x;
  return load<V>(lane);
}
// Lane by lane.
#ifdef __GNUC__
template <class V>
INLINE V absolute(V x) {
  return x < 0 ? -x : x;
}
template <class V>
INLINE V sign(V x) {
  const V zero = {}, one = zero + 1;
  return x > 0 ? one : (x < 0 ? -one : zero);
}
template <class V>
INLINE V root(V x) {
  for (unsigned i = 0; i < sizeof(V) / sizeof(x[0]); i++) x[i] = std::sqrt(x[i]);
  return x;
}
template <class V>
INLINE V above(V x, V t) {  // 1 or 0
  const V zero = {}, one = zero + 1;
  return x > t ? one : zero;
}
template <class V>
INLINE V larger(V a, V b) {
  return a > b ? a : b;
}
template <class V>
INLINE V smaller(V a, V b) {
  return a < b ? a : b;
}
#else
template <class V>
INLINE V absolute(V x) {
  for (int i = 0; i < V::N; i++) x[i] = std::fabs(x[i]);
  return x;
}
template <class V>
INLINE V sign(V x) {
  for (int i = 0; i < V::N; i++) x[i] = (x[i] > 0) - (x[i] < 0);
  return x;
}
template <class V>
INLINE V root(V x) {
  for (int i = 0; i < V::N; i++) x[i] = std::sqrt(x[i]);
  return x;
}
template <class V>
INLINE V above(V x, V t) {
  for (int i = 0; i < V::N; i++) x[i] = x[i] > t[i];
  return x;
}
template <class V>
INLINE V larger(V a, V b) {
  for (int i = 0; i < V::N; i++) a[i] = a[i] > b[i] ? a[i] : b[i];
  return a;
}
template <class V>
INLINE V smaller(V a, V b) {
  for (int i = 0; i < V::N; i++) a[i] = a[i] < b[i] ? a[i] : b[i];
  return a;
}
#endif
INLINE Int least(Int a, Int b) { return a < b ? a : b; }
INLINE Int most(Int a, Int b) { return a > b ? a : b; }

}  // namespace

// The name of a function in the part of an instruction set, KERNEL_SET.
#define JOIN(a, b) a##b
#define JOINED(a, b) JOIN(a, b)
#define NAME(function) JOINED(function, KERNEL_SET)

#endif
