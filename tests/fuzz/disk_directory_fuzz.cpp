// A directory of mmap_disk whose files were changed in any way: looking into it and opening it end with what was stored, with a miss, or with a
// larder::error, never with a wrong byte. An input is a list of changes: a byte that chooses the file and what is done to it, four for
// where, then for a patch its size and bytes.

#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/storage/segment_inspection.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using namespace larder::literals;
using larder::storage::inspected_record;
using larder::storage::inspected_segment;
using larder::storage::segment_inspection;

using disk_cache = larder::cache<std::string, std::string, larder::lru, larder::max_bytes, larder::mmap_disk>;

void must(bool holds) {
  if (!holds) std::abort();
}

disk_cache open_cache(const fs::path& directory) {
  larder::mmap_disk_options options;
  options.segment_size = 16_KiB;
  options.file_from = 8_KiB;
  return disk_cache(larder::lru{}, larder::max_bytes{1_MiB}, larder::mmap_disk{directory, options});
}

std::string value_of(int i) { return std::string(static_cast<std::size_t>(40 + i * 700), static_cast<char>('a' + i)); }

/// A directory as caches leave it: sealed segments and one that is not, a value's file, something erased and something replaced.
class pattern {
 public:
  static constexpr int keys = 16;

  pattern() : directory_(fs::temp_directory_path() / ("larder-fuzz-" + std::to_string(::getpid()))) {
    fs::remove_all(directory_);
    {
      disk_cache cache = open_cache(directory_);
      for (int i = 0; i < keys; ++i) {
        cache.put(key(i), "an older value");
        cache.put(key(i), value_of(i));
      }
      cache.erase(key(3));
    }
    for (const fs::directory_entry& one : fs::recursive_directory_iterator(directory_))
      if (one.is_regular_file()) {
        std::ifstream in(one.path(), std::ios::binary);
        files_.emplace_back(fs::relative(one.path(), directory_), std::string(std::istreambuf_iterator<char>(in), {}));
      }
    std::sort(files_.begin(), files_.end());
  }
  ~pattern() {
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  static std::string key(int i) { return "key" + std::to_string(i); }
  const fs::path& directory() const { return directory_; }

  /// Makes the directory anew, changed so.
  void lay_out(std::span<const std::uint8_t> changes) const {
    std::vector<std::pair<fs::path, std::string>> changed = files_;
    std::vector<bool> there(files_.size(), true);
    while (changes.size() >= 5) {
      const std::size_t which = (changes[0] & 31U) % changed.size();
      const unsigned what = changes[0] >> 5U;
      std::uint32_t where = 0;
      std::memcpy(&where, changes.data() + 1, sizeof where);
      changes = changes.subspan(5);
      std::string& content = changed[which].second;
      if (what == 0) {
        there[which] = false;
      } else if (what == 1) {
        content.resize(where % (content.size() + 4096));
      } else if (what == 2 && !content.empty()) {
        content[where % content.size()] = static_cast<char>(content[where % content.size()] ^ (1 << (where >> 29U)));
      } else if (what == 3) {
        content = changed[where % changed.size()].second;  // one file in another's place
      } else if (!changes.empty()) {
        const std::size_t size = std::min<std::size_t>(changes[0], changes.size() - 1);
        const std::size_t at = content.empty() ? 0 : where % content.size();
        content.replace(at, std::min(size, content.size() - at), reinterpret_cast<const char*>(changes.data() + 1), size);
        changes = changes.subspan(1 + size);
      }
    }
    fs::remove_all(directory_);
    for (std::size_t i = 0; i < changed.size(); ++i) {
      fs::create_directories((directory_ / changed[i].first).parent_path());
      if (there[i]) std::ofstream(directory_ / changed[i].first, std::ios::binary) << changed[i].second;
    }
  }

 private:
  fs::path directory_;
  std::vector<std::pair<fs::path, std::string>> files_;
};

void look_into(const fs::path& directory, bool in_use) {
  try {
    const segment_inspection found(directory, in_use);
    found.for_each_live([&](const inspected_segment& in, const inspected_record& record) {
      must(record.reference == inspected_record::no_reference || record.reference < found.references().size());
      must(in.place(record).segment == in.number);
    });
  } catch (const larder::error&) {
  }
}

void use(const fs::path& directory) {
  try {
    disk_cache cache = open_cache(directory);
    for (int i = 0; i < pattern::keys; ++i)
      if (const std::optional<std::string> value = cache.get(pattern::key(i)))
        must(*value == value_of(i) || *value == "an older value");
    if (cache.put("fresh", "a fresh value")) must(cache.get("fresh") == "a fresh value");
  } catch (const larder::error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const pattern given;
  given.lay_out({data, size});
  look_into(given.directory(), false);
  look_into(given.directory(), true);
  use(given.directory());
  look_into(given.directory(), false);
  return 0;
}
