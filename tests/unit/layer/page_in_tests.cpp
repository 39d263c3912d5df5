#include "written_model.hpp"

#include <larder/layer/page_in.hpp>

#include <larder/core/error.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/file_pages.hpp>
#include <larder/layer/readable_file.hpp>
#include <larder/storage/file_mapping.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using namespace larder_tests;
using larder::layers::file_pages;
using larder::layers::mapped_piece;
using larder::layers::page_in;
using larder::layers::populate;
using larder::layers::readable_file;
using larder::storage::file_mapping;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;
constexpr std::size_t begin = 1234;
constexpr std::size_t size = 5 * mebibyte + 65536 - begin + 10;  // what a fault enters beside its page ends before the last one

/// A file, and a range of it that begins and ends within pages.
struct mapped {
  mapped() {
    std::string content(begin + size, '\0');
    for (std::size_t i = 0; i < content.size(); ++i) content[i] = data_byte(i);
    write_file(path(), content);
    forget_pages();
  }
  std::filesystem::path path() const { return folder / "data"; }
  void forget_pages() const {
    const int descriptor = ::open(path().c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(descriptor >= 0);
    ::fsync(descriptor);
    ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    ::close(descriptor);
  }
  mapped_piece piece() const { return {&*file, &*pages, begin, mapping.span()}; }
  void open() {
    file.emplace(path());
    pages.emplace(*file);
    mapping = file_mapping::of_range(file->descriptor(), begin, size);
    REQUIRE(mapping);
  }
  /// Bytes of the mapping that are in its page tables.
  std::uint64_t entered() const {
    std::ifstream maps("/proc/self/smaps");
    std::string line;
    bool ours = false;
    const auto address = reinterpret_cast<std::uintptr_t>(mapping.span().data());
    while (std::getline(maps, line)) {
      std::uintptr_t from = 0;
      std::uintptr_t to = 0;
      char dash = 0;
      if (std::istringstream words(line); words >> std::hex >> from >> dash >> to && dash == '-')
        ours = address >= from && address < to;
      std::uint64_t kilobytes = 0;
      std::string name;
      if (std::istringstream words(line); ours && words >> name >> kilobytes && name == "Rss:") return kilobytes * 1024;
    }
    return 0;
  }

  scratch_directory folder;
  std::optional<readable_file> file;
  std::optional<file_pages> pages;
  file_mapping mapping;
};

class counting final : public larder::layers::arrival {
 public:
  void arrived(std::uint64_t end) override {
    CHECK(end > seen);
    seen = end;
    ++times;
    if (end >= fails_at) throw std::runtime_error("no further");
  }
  std::uint64_t seen = 0;
  std::uint64_t fails_at = ~std::uint64_t{0};
  int times = 0;
};

constexpr std::uint64_t whole_pages = (begin + size + 4095) / 4096 * 4096;

int no_such_call(std::span<const std::byte>) noexcept { return EINVAL; }

}  // namespace

TEST_CASE("what is paged in is in the page tables, from the disk and from the page cache, also without the kernel's call") {
  for (const bool cold : {true, false})
    for (const auto fill : {&populate, &no_such_call}) {
      mapped m;
      m.open();
      if (!cold) {
        std::vector<std::byte> all(begin + size);
        m.file->read(0, all);
      }
      CHECK(m.entered() == 0);
      counting heard;
      page_in(m.piece(), heard, fill);
      CHECK(heard.seen == size);
      CHECK(heard.times == 3);
      CHECK(m.entered() >= whole_pages);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < size; ++i) wrong += m.mapping.span()[i] != static_cast<std::byte>(data_byte(begin + i)) ? 1 : 0;
      CHECK(wrong == 0);
    }
}

TEST_CASE("a file that was truncated is an error which says so, and no signal") {
  for (const std::size_t left : {std::size_t{0}, std::size_t{4096}, begin + 3 * mebibyte, begin + size - 8192})
    for (const auto fill : {&populate, &no_such_call}) {
      mapped m;
      m.open();
      std::filesystem::resize_file(m.path(), left);
      counting heard;
      const support::refusal refused = support::refusal_of([&] { page_in(m.piece(), heard, fill); });
      CHECK(refused.cause == larder::error_cause::io);
      CHECK(says(refused, m.path().string()));
      CHECK(says(refused, fill == &populate ? "truncated" : "was changed in place"));
      CHECK(heard.seen <= left);
    }
}

TEST_CASE("an error of the kernel's own that a read does not explain is told with the way round it") {
  mapped m;
  m.open();
  counting heard;
  const support::refusal refused = support::refusal_of([&] { page_in(m.piece(), heard, [](auto) { return EFAULT; }); });
  CHECK(refused.cause == larder::error_cause::io);
  CHECK(says(refused, "cannot be read by its mapping at offset " + std::to_string(begin)));
  CHECK(says(refused, "read_path::automatic"));
  CHECK(heard.times == 0);
}

TEST_CASE("what the listener throws ends it") {
  mapped m;
  m.open();
  counting heard;
  heard.fails_at = 1;
  CHECK_THROWS_WITH_AS(page_in(m.piece(), heard, populate), "no further", std::runtime_error);
  CHECK(heard.times == 1);
  CHECK(m.entered() < 4 * mebibyte);
}
