// Any bytes as a list of chunks, then with the checksum that they would have, then as changes to a list that is right: none, or one whose chunks
// cover the file and whose text is the same. And content that comes in pieces of any size has the list that it has as a whole.

#include <larder/artifact/chunk_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "support/changed_text.hpp"

namespace {

using larder::artifacts::chunk_list;

void must(bool holds) {
  if (!holds) std::abort();
}

void parse(std::string_view text) {
  const std::optional<chunk_list> list = chunk_list::parse(text);
  if (!list) return;
  must(list->text() == text);
  must(list->chunks.size() == chunk_list::count_of(list->size));
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < list->chunks.size(); ++i) {
    must(list->begin_of(i) == sum && list->size_of(i) != 0 && list->size_of(i) <= larder::artifacts::chunk_size);
    sum += list->size_of(i);
  }
  must(sum == list->size);
}

/// With the checksum of what precedes it, as a writer with bad intentions would give it.
std::string sealed(std::string text) {
  const larder::digest sum = larder::digest_of(std::string_view(text));
  for (const std::uint64_t half : {sum.low, sum.high})
    for (unsigned i = 0; i < 8; ++i) text += static_cast<char>(half >> (8 * i) & 0xffU);
  return text;
}

void hash_in_pieces(std::span<const std::uint8_t> content) {
  larder::artifacts::chunk_hasher whole, pieces;
  const std::span<const std::byte> all = std::as_bytes(content);
  whole.add(all);
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t n = std::min<std::size_t>(content[at] % 16U, all.size() - at);
    pieces.add(all.subspan(at, n));
    at += std::max<std::size_t>(n, 1);
    if (n == 0) pieces.add(all.subspan(at - 1, 1));
  }
  must(whole.take() == pieces.take());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string given(reinterpret_cast<const char*>(data), size);
  parse(given);
  parse(sealed(given));
  const chunk_list right{larder::artifacts::chunk_size + 5, 7, {larder::digest_of("a"), larder::digest_of("b")}};
  const std::string changed = support::changed_text(right.text(), {data, size});
  parse(changed);
  if (changed.size() >= 16) parse(sealed(changed.substr(0, changed.size() - 16)));
  hash_in_pieces({data, size});
  return 0;
}
