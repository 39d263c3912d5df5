#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/sample_random.hpp>

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

namespace larder {

/// What makes a sample of a record, and the version that it goes by: samples that were cached under a version are what a function of that
/// version made, so another function, or the same one with other parameters, needs another version. `f(record)` runs in any number of
/// threads at once.
template <class F>
struct preprocess {
  std::string version;
  F f;

  preprocess(std::string named, F function) : version(std::move(named)), f(std::move(function)) {
    if (version.empty())
      core::fail(error_cause::invalid_argument,
                 "preprocess: the version is empty; name it, such as \"tokenize-v1\", and change it with the function");
  }
};

/// What is done to a sample behind the cache, anew each time: augmentation. `f(sample, random)` or `f(sample)` gives the sample to hand out;
/// `random` is a function of seed, epoch and sample, so that a resumed run sees the same.
template <class F>
struct not_cached {
  F f;

  explicit not_cached(F function) : f(std::move(function)) {}
};

namespace datasets {

/// Records that are samples: nothing to do.
struct unchanged {
  template <class Record>
  Record&& operator()(Record&& record) const noexcept {
    return std::forward<Record>(record);
  }
};

template <class T>
inline constexpr bool is_preprocess = false;
template <class F>
inline constexpr bool is_preprocess<preprocess<F>> = true;

template <class T>
inline constexpr bool is_not_cached = false;
template <class F>
inline constexpr bool is_not_cached<not_cached<F>> = true;

/// A function that makes samples behind the cache.
template <class F, class Sample>
concept augmentation =
    std::is_invocable_r_v<Sample, const F&, Sample, sample_random&> || std::is_invocable_r_v<Sample, const F&, Sample>;

}  // namespace datasets
}  // namespace larder
