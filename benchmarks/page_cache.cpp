#include "page_cache.hpp"

#include "mapped_file.hpp"
#include "open_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t page = 4096;

/// How much of the file the page cache has, from 0 to 1.
double cached_share(const std::filesystem::path& path) {
  const mapped_file file(path);
  std::vector<unsigned char> pages((file.bytes().size() + page - 1) / page);
  if (::mincore(const_cast<std::byte*>(file.bytes().data()), file.bytes().size(), pages.data()) != 0)
    fail_system("ask what is cached");
  const auto cached = std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return (p & 1U) != 0; });
  return static_cast<double>(cached) / static_cast<double>(pages.size());
}

}  // namespace

bool make_cold(const std::filesystem::path& path) {
  const open_file file(path, O_RDONLY);
  if (::fdatasync(file.descriptor()) != 0) fail_system("flush \"" + path.string() + "\"");
  for (int tries = 0; tries < 40; ++tries) {  // what somebody had read ahead may still be arriving, and pages on their way stay
    ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
    if (cached_share(path) < 0.005) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

void make_warm(const std::filesystem::path& path) {
  const open_file file(path, O_RDONLY);
  constexpr std::size_t unit = std::size_t{1} << 20U;
  const auto buffer = std::make_unique<std::byte[]>(unit);
  const std::uint64_t size = file.size();
  for (std::uint64_t at = 0; at < size; at += unit)
    file.read_all(buffer.get(), static_cast<std::size_t>(std::min<std::uint64_t>(unit, size - at)), at);
}

}  // namespace bench
