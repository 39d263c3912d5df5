// The samples, policies and functions of a data set cache.
#include <larder/larder.hpp>
#include <larder/dataset/dataset_cache.hpp>

#include <string>
#include <vector>

namespace {

struct without_codec {
  std::string text;
};

[[maybe_unused]] void allowed(const std::vector<int>& numbers) {
  larder::dataset_cache<std::string, larder::memory> pinned{larder::max_bytes{1000}};
  const auto text = [](int n) { return std::to_string(n); };
  (void)pinned.stream(numbers, larder::preprocess{"text-v1", text});
  larder::dataset_cache<std::string, larder::memory, larder::lru, larder::max_bytes> recent{larder::max_bytes{1000}};
  (void)recent.cache_dataset("numbers", numbers, larder::preprocess{"text-v1", text});
}

// expect 1: larder: a stream uses every sample once an epoch
#if LARDER_COMPILE_FAIL == 1
void evicting(const std::vector<std::string>& words) {
  larder::dataset_cache<std::string, larder::memory, larder::lru, larder::max_bytes> recent{larder::max_bytes{1000}};
  (void)recent.stream(words);
}
#endif

// expect 2: larder: what a function makes is cached, so the function needs a version
#if LARDER_COMPILE_FAIL == 2
void no_version(const std::vector<int>& numbers) {
  larder::dataset_cache<std::string, larder::memory> cache;
  cache.stream(numbers, [](int n) { return std::to_string(n); });
}
#endif

// expect 3: larder: dataset_cache<Sample> keeps samples as bytes
#if LARDER_COMPILE_FAIL == 3
larder::dataset_cache<without_codec, larder::memory> no_codec;
#endif

// expect 4: larder: dataset_cache<Sample> is given a policy that its type does not name
#if LARDER_COMPILE_FAIL == 4
larder::dataset_cache<std::string, larder::memory> not_named{larder::max_entries{3}};
#endif

}  // namespace
