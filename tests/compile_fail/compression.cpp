// Compression: one policy, values that are bytes, storages that can say it of an entry.
#include <larder/larder.hpp>
#include <larder/storage/directory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct halves {
  using policy_axis = larder::axis::compression;
  static constexpr std::string_view name = "halves";
  std::uint64_t from = 4096;
  double saving = 0.125;
  struct compressor {
    explicit compressor(const halves&) {}
    std::size_t compress(std::span<const std::byte>, std::span<std::byte>) const { return 0; }
    bool may_become(std::span<const std::byte>, std::uint64_t) const { return false; }
    bool decompress(std::span<const std::byte>, std::span<std::byte>) const { return false; }
  };
};
struct thirds : halves {
  struct compressor : halves::compressor {
    explicit compressor(const thirds& policy) : halves::compressor(policy) {}
  };
};
struct of_a_long_name : halves {
  static constexpr std::string_view name = "nine char";
  struct compressor : halves::compressor {
    explicit compressor(const of_a_long_name& policy) : halves::compressor(policy) {}
  };
};
struct without_compressor {
  using policy_axis = larder::axis::compression;
  static constexpr std::string_view name = "none";
  std::uint64_t from = 4096;
  double saving = 0.125;
};

[[maybe_unused]] void allowed() {
  auto text = larder::make_cache<int, std::string>(larder::max_entries{1}, halves{});
  auto raw = larder::make_cache<int, larder::bytes>(larder::max_entries{1}, halves{.from = 100});
  auto floats = larder::make_cache<int, std::vector<float>>(larder::max_entries{1}, thirds{});
  auto disk = larder::make_cache<int, std::array<float, 2000>>(larder::max_entries{1}, halves{}, larder::mmap_disk{"directory"});
}

// expect 1: larder: a cache has one compression policy
#if LARDER_COMPILE_FAIL == 1
auto two = larder::make_cache<int, std::string>(larder::max_entries{1}, halves{}, thirds{});
#endif

// expect 2: larder: in memory only bytes, std::string and vectors of trivially copyable elements are compressed
#if LARDER_COMPILE_FAIL == 2
auto an_array_in_memory = larder::make_cache<int, std::array<float, 2000>>(larder::max_entries{1}, halves{});
#endif

// expect 3: larder: in memory only bytes, std::string and vectors of trivially copyable elements are compressed
#if LARDER_COMPILE_FAIL == 3
auto strings_in_memory = larder::make_cache<int, std::vector<std::string>>(larder::max_entries{1}, halves{});
#endif

// expect 4: larder: compression is for caches in memory and on mmap_disk; other storages keep values as they are
#if LARDER_COMPILE_FAIL == 4
auto in_a_directory = larder::make_cache<int, std::string>(larder::max_entries{1}, halves{}, larder::directory{"directory"});
#endif

// expect 5: larder: the compression policy must model larder::compression_policy
#if LARDER_COMPILE_FAIL == 5
auto no_compressor = larder::make_cache<int, std::string>(larder::max_entries{1}, without_compressor{});
#endif

// expect 6: larder: the compression policy must model larder::compression_policy
#if LARDER_COMPILE_FAIL == 6
auto a_long_name = larder::make_cache<int, std::string>(larder::max_entries{1}, of_a_long_name{});
#endif

}  // namespace
