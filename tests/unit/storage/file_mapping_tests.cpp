#include <larder/storage/file_mapping.hpp>

#include <larder/storage/posix_file.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

using larder::storage::file_descriptor;
using larder::storage::file_mapping;

namespace {

struct written {
  explicit written(std::size_t size) : content(size, ' ') {
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 131 + i / 251);
    std::ofstream(folder / "data", std::ios::binary) << content;
    file = file_descriptor(::open((folder / "data").c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(file);
  }
  support::temporary_folder folder;
  std::string content;
  file_descriptor file;
};

std::string_view text_of(const file_mapping& mapping) {
  return {reinterpret_cast<const char*>(mapping.span().data()), mapping.span().size()};
}

}  // namespace

TEST_CASE("a range of a file is mapped wherever it begins and ends, and nothing else is shown") {
  const written data(3 * 4096 + 100);
  const std::string_view all = data.content;
  for (const std::size_t offset : {0U, 1U, 4095U, 4096U, 4097U, 8192U, 12300U})
    for (const std::size_t size : {1U, 2U, 80U, 4095U, 4096U, 4097U, 9000U}) {
      if (offset + size > all.size()) continue;
      const file_mapping range = file_mapping::of_range(data.file.get(), offset, size);
      REQUIRE(range);
      CHECK(text_of(range) == all.substr(offset, size));
      CHECK((reinterpret_cast<std::uintptr_t>(range.span().data()) - offset) % 4096 == 0);
    }
  CHECK(text_of(file_mapping(data.file, all.size())) == all);
}

TEST_CASE("a mapping moves with its range, and one that was refused is empty") {
  const written data(10'000);
  file_mapping first = file_mapping::of_range(data.file.get(), 5000, 3000);
  file_mapping second(std::move(first));
  CHECK(!first);
  CHECK(first.span().empty());
  file_mapping third = file_mapping::of_range(data.file.get(), 1, 1);
  third = std::move(second);
  CHECK(text_of(third) == std::string_view(data.content).substr(5000, 3000));
  CHECK(!file_mapping::of_range(-1, 0, 1));
  CHECK(!file_mapping::of_range(data.file.get(), 0, 0));
  CHECK(file_mapping::of_range(-1, 5, 1).span().empty());
}
