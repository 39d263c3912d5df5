// Records that lie side by side, written by one call: byte for byte what they are one by one.

#include <larder/storage/record_batch.hpp>

#include "store_driver.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>

#include <doctest/doctest.h>

namespace {

/// At most so many bytes this thread writes by one `pwritev`, and how often it has.
thread_local std::size_t most_at_once = std::numeric_limits<std::size_t>::max();
thread_local unsigned writes = 0;

}  // namespace

/// Stands before the C library's, and like it may write less than it was given.
extern "C" ssize_t pwritev(int file, const iovec* parts, int count, off_t offset) {
  ++writes;
  std::vector<iovec> some;
  std::size_t left = most_at_once;
  for (int i = 0; i < count && left != 0; ++i) {
    some.push_back({parts[i].iov_base, std::min(parts[i].iov_len, left)});
    left -= some.back().iov_len;
  }
  using pwritev_function = ssize_t (*)(int, const iovec*, int, off_t);
  static const auto next = reinterpret_cast<pwritev_function>(dlsym(RTLD_NEXT, "pwritev"));
  return next(file, some.data(), static_cast<int>(some.size()), offset);
}

using namespace store_driver;
using larder::bytes;
using larder::format::record_kind;
using larder::format::record_place;
using larder::format::segment_record;
using larder::storage::file_descriptor;
using larder::storage::file_error;
using larder::storage::open_file;
using larder::storage::record_batch;

namespace {

struct placed {
  segment_record record;
  bytes key;
  bytes payload;
  record_place at;
};

/// Records of these sizes of keys and payloads, one behind the other from unit 1 on; `end` becomes where the last one ends.
std::vector<placed> side_by_side(const std::vector<std::pair<std::size_t, std::size_t>>& sizes, std::uint64_t& end) {
  std::vector<placed> all;
  end = 64;
  for (const auto& [key, payload] : sizes) {
    placed one;
    one.key = bytes::copy_of(text_of(key, static_cast<unsigned>(all.size() + 1)));
    one.payload = bytes::copy_of(text_of(payload, static_cast<unsigned>(all.size() + 100)));
    one.at = {3, static_cast<std::uint32_t>(end / 64)};
    one.record.kind = record_kind::value;
    one.record.id = larder::digest_of(one.key.span());
    one.record.key_size = static_cast<std::uint32_t>(key);
    one.record.payload_size = payload;
    one.record.payload_offset = static_cast<std::uint32_t>(segment_record::payload_offset_for(end, key, payload));
    one.record.payload_checksum = larder::format::payload_checksum(one.payload.data(), payload, one.record.id);
    one.record.sequence = all.size() + 1;
    end += one.record.size();
    all.push_back(std::move(one));
  }
  return all;
}

void are_written_as_one_by_one(const std::vector<std::pair<std::size_t, std::size_t>>& sizes) {
  const scratch dir;
  std::uint64_t end = 0;
  const std::vector<placed> all = side_by_side(sizes, end);
  std::string expected(end, '\0');
  for (const placed& one : all) {
    auto* const to = reinterpret_cast<std::byte*>(expected.data()) + one.at.offset();
    larder::format::encode_record_head(one.record, one.key.span(), one.at, to);
    if (!one.payload.empty()) std::memcpy(to + one.record.payload_offset, one.payload.data(), one.payload.size());
  }
  const std::string path = (dir / "segment").string();
  const file_descriptor file = open_file(path, O_RDWR | O_CREAT);
  record_batch(std::span<const placed>(all)).write(file, 64, path);
  std::string found = read_file(path);
  // The padding behind the last payload is nobody's.
  const std::uint64_t last = all.back().at.offset() + all.back().record.payload_offset + all.back().record.payload_size;
  REQUIRE(found.size() >= last);
  CHECK(std::equal(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(last), expected.begin()));
}

}  // namespace

TEST_CASE("a batch is what its records are one by one, whatever their sizes") {
  are_written_as_one_by_one({{5, 100}});
  are_written_as_one_by_one({{0, 0}, {0, 0}, {1, 1}});
  are_written_as_one_by_one({{24, 4096}, {24, 64}, {24, 63}, {24, 65}, {1000, 0}, {5000, 10}});
  are_written_as_one_by_one({{10, 300'000}, {10, 10}, {10, 262'144}, {3, 262'143}});  // some of them aligned to pages
  are_written_as_one_by_one(std::vector<std::pair<std::size_t, std::size_t>>(record_batch::most, {20, 3000}));
}

TEST_CASE("a batch of which the kernel writes a piece at a time is the same, wherever the pieces end") {
  std::uint64_t end = 0;
  const std::vector<std::pair<std::size_t, std::size_t>> sizes{{5, 100}, {0, 0}, {24, 64}, {1, 1}, {30, 700}};
  const std::size_t first_part = side_by_side(sizes, end).front().record.payload_offset;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, first_part, first_part + 100, first_part + 101, std::size_t{1000}}) {
    CAPTURE(piece);
    most_at_once = piece;
    writes = 0;
    are_written_as_one_by_one(sizes);
    most_at_once = std::numeric_limits<std::size_t>::max();
    CHECK(writes >= (end - 64 - 63) / piece);  // the padding behind the last one is not written
    CHECK(writes > 1);
  }
}

TEST_CASE("what a file does not take is an error that names it") {
  const scratch dir;
  std::uint64_t end = 0;
  const std::vector<placed> all = side_by_side({{5, 100}, {5, 200}}, end);
  const std::string path = (dir / "segment").string();
  std::ofstream(path) << "x";
  const file_descriptor file = open_file(path, O_RDONLY);
  CHECK_THROWS_WITH_AS(record_batch(std::span<const placed>(all)).write(file, 64, path), doctest::Contains(path.c_str()), file_error);
  CHECK(read_file(path) == "x");
}
