// The functions that Python calls: they choose the instruction set, and make threads.
//
// Note [instruction sets]
//     The other sources are compiled once for each instruction set, with KERNEL_SET
//     defined. They use no function of the standard library that a header defines, as the
//     linker keeps one copy of these, which might use instructions that a processor lacks.

#include <atomic>
#include <cstdlib>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "jobs.h"

int work_baseline(const Job& job);
void pool_baseline(const Pooling& job);
#ifdef KERNEL_X86
int work_avx2(const Job& job);
void pool_avx2(const Pooling& job);
int work_avx512(const Job& job);
void pool_avx512(const Pooling& job);
#endif

namespace {

struct Set {
  const char *name, *key;
  int (*work)(const Job&);
  void (*pool)(const Pooling&);
};

// The sets that this processor has, the widest first; the last is the baseline. Where
// SK_AWAVE_KERNEL names one of them, it is the first, as on a processor without the wider
// ones: so that these can be tested, and compared, on one machine.
std::vector<Set> available() {
  std::vector<Set> sets;
#ifdef KERNEL_X86
  __builtin_cpu_init();
  bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool has_avx512 = __builtin_cpu_supports("avx512f") &&
                    __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512bw");
  if (has_avx2 && has_avx512)
    sets.push_back({"AVX-512", "avx512", work_avx512, pool_avx512});
  if (has_avx2) sets.push_back({"AVX2", "avx2", work_avx2, pool_avx2});
#endif
  sets.push_back({"baseline", "baseline", work_baseline, pool_baseline});
  const char* wanted = std::getenv("SK_AWAVE_KERNEL");
  for (size_t i = 0; wanted && i < sets.size(); i++)
    if (sets[i].key == std::string(wanted)) return {sets.begin() + i, sets.end()};
  return sets;
}
const std::vector<Set> sets = available();

Int next_part(void* counter) { return (*(std::atomic<Int>*)counter)++; }

// Do the parts of a job by several threads.
template <class J, class F>
void do_parts(J& job, Int n_threads, F work) {
  std::atomic<Int> counter(0);
  job.next = next_part;
  job.counter = &counter;
  std::vector<std::thread> others;
  try {
    for (Int i = 1; i < n_threads && i < job.n_parts; i++) others.emplace_back(work);
  } catch (const std::system_error&) {  // no more threads: those that run do it all
  }
  work();
  for (auto& thread : others) thread.join();
}

}  // namespace

// The name of an instruction set, from the widest; null after the last.
EXPORT const char* kernel_set(Int i) {
  return i < (Int)sets.size() ? sets[i].name : nullptr;
}

// The hash of the sources, by which Python knows a library of others.
EXPORT unsigned long long kernel_sources() { return KERNEL_SOURCES; }

// Do a job by an instruction set; `value` and `slope` are sums over rows of each bank.
// Returns 0, or 1 where there is too little memory.
EXPORT int kernel_run(Job* job, Int set, Int n_threads, double* value,
                      double* slope) try {
  const Transform& t = *job->transform;
  Int per_bank = (job->n_rows + job->rows_per_part - 1) / job->rows_per_part;
  Int size = t.level * t.ndim * 2 * t.taps;
  job->n_parts = per_bank * job->n_banks;
  bool pulls = job->task == NORM || job->task == PULL;
  std::vector<double> values(pulls ? job->n_parts : 0), slopes(values.size() * size);
  job->values = values.data();
  job->slopes = slopes.data();
  std::atomic<int> failed(0);
  do_parts(*job, n_threads, [&] { failed |= sets[set].work(*job); });
  for (Int p = 0; pulls && p < job->n_parts; p++) {
    value[p / per_bank] += values[p];
    for (Int i = 0; i < size; i++) slope[p / per_bank * size + i] += slopes[p * size + i];
  }
  return failed;
} catch (const std::bad_alloc&) {
  return 1;
}

// Pool rows of coefficients by an instruction set.
EXPORT void kernel_pool(Pooling* job, Int set, Int n_threads) {
  job->n_parts = (job->n_rows + job->rows_per_part - 1) / job->rows_per_part;
  do_parts(*job, n_threads, [&] { sets[set].pool(*job); });
}
