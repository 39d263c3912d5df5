// What is read back of a compressed entry: a head that says anything, and a frame that is anything. It is nothing, or bytes of the size
// that the head says; no more memory is taken than the frame can stand for.
#include <larder/codec/zstd.hpp>
#include <larder/core/concepts.hpp>
#include <larder/format/compressed_head.hpp>
#include <larder/storage/compression.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace {

using larder::format::compressed_head;

void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const larder::storage::compression<larder::zstd> zstd{larder::zstd{.from = 1, .saving = 0}};
  const auto given = std::as_bytes(std::span(data, size));

  // As it comes, from the head on.
  if (const auto form = compressed_head::decode(given)) {
    larder::fetched found;
    found.payload = larder::bytes::copy_of(given.subspan(compressed_head::encoded_size));  // of its own size, so that a read behind it is one
    found.form = form;
    found.form->name = {'z', 's', 't', 'd'};
    found.form->size &= 0xff'ffff;  // no fuzzer has the memory for more
    if (const auto value = zstd.decompress(found)) must(value->size() == found.form->size && value->size() / 32'768 <= found.payload.size());
  }

  // What was compressed comes back, and with a bit flipped it is nothing or as long.
  if (size < 3) return 0;
  larder::stored_entry entry;
  entry.payload = larder::bytes::copy_of(given.subspan(2));
  const larder::bytes before = entry.payload;
  zstd.compress(entry);
  if (entry.info.uncompressed == 0) {
    must(entry.payload == before);
    return 0;
  }
  must(entry.payload.size() < before.size() && entry.info.weight == entry.payload.size() && entry.info.uncompressed == before.size());
  larder::fetched found;
  found.form = compressed_head::decode(entry.payload.span());
  must(found.form.has_value() && found.form->size == before.size());
  found.payload = entry.payload.slice(compressed_head::encoded_size);
  const auto back = zstd.decompress(found);
  must(back && *back == before);
  std::string flipped(found.payload.text());
  flipped[data[0] % flipped.size()] = static_cast<char>(flipped[data[0] % flipped.size()] ^ (1 << (data[1] % 8)));
  found.payload = larder::bytes::copy_of(flipped);
  if (const auto value = zstd.decompress(found)) must(value->size() == before.size());
  return 0;
}
