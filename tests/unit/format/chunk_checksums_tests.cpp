// The checksums of a value's chunks, as a record has them.

#include <larder/format/chunk_checksums.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using larder::bytes;
using larder::format::chunk_checksums;
using larder::format::file_reference;
using larder::format::stored_checksums;

namespace {

bytes value(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761U >> 13);
  return bytes::copy_of(text);
}

}  // namespace

TEST_CASE("each chunk of a value matches its own checksum and no other's") {
  constexpr std::size_t chunk = chunk_checksums::chunk_size;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 17}) {
    CAPTURE(size);
    const bytes whole = value(size);
    const chunk_checksums made = chunk_checksums::of(whole.span());
    const file_reference to{7, size, made.content()};
    const bytes payload = made.payload(to);
    REQUIRE(file_reference::decode(payload.span()).has_value());
    const auto found = stored_checksums::find(payload.span(), *file_reference::decode(payload.span()));
    REQUIRE((found && *found));
    CHECK(found->chunk_size() == chunk);
    CHECK(found->count() == (size + chunk - 1) / chunk);
    CHECK(payload.size() == 40 + 8 * found->count());
    for (std::uint64_t i = 0; i < found->count(); ++i) {
      const auto part = whole.span().subspan(i * chunk, found->end_of(i) - i * chunk);
      CHECK(found->matches(i, part));
      if (i != 0) CHECK_FALSE(found->matches(i - 1, part));
      CHECK_FALSE(found->matches(i, part.first(part.size() - 1)));
    }
  }
}

TEST_CASE("content is one for equal values alone") {
  const bytes whole = value(600'000);
  std::vector<std::byte> other(whole.begin(), whole.end());
  CHECK(chunk_checksums::of(other).content() == chunk_checksums::of(whole.span()).content());
  other[599'999] ^= std::byte{1};
  CHECK(chunk_checksums::of(other).content() != chunk_checksums::of(whole.span()).content());
}

TEST_CASE("a payload of another length or with a chunk size that cannot be is none; without chunks there are none") {
  const bytes whole = value(600'000);
  const chunk_checksums made = chunk_checksums::of(whole.span());
  const file_reference to{7, whole.size(), made.content()};
  const bytes payload = made.payload(to);
  for (std::size_t size = file_reference::encoded_size; size < payload.size(); ++size) {
    const auto found = stored_checksums::find(payload.span().first(size), to);
    CHECK(found.has_value() == (size == file_reference::encoded_size));
    if (found) CHECK_FALSE(*found);
  }
  for (const std::uint64_t chunk : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2048}, std::uint64_t{300'000}, std::uint64_t{1} << 31, ~std::uint64_t{0}}) {
    std::vector<std::byte> other(payload.begin(), payload.end());
    std::memcpy(other.data() + 32, &chunk, 8);
    CHECK_FALSE(stored_checksums::find(other, to).has_value());
  }
  file_reference larger = to;
  larger.size = ~std::uint64_t{0};
  CHECK_FALSE(stored_checksums::find(payload.span(), larger).has_value());
}
