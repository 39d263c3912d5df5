// Any bytes as an entry of a file or a remote object, both versions: refused, or everything that the frame names lies inside. Hardly any
// bytes have a right checksum, so they are also looked at with the head's made right.

#include <larder/format/entry_frame.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace {

using namespace larder::format;

void must(bool holds) {
  if (!holds) std::abort();
}

larder::digest digest_of_table(std::span<const std::byte> object, const entry_frame& frame, const larder::digest& id) {
  return larder::digest_of(object.data() + frame.table_offset(), static_cast<std::size_t>(8 * frame.chunk_count()), id.low);
}

void check(std::span<const std::byte> object) {
  const std::optional<entry_frame> frame = decode_entry_head(object, object.size());
  if (!frame) return;
  const larder::digest id{1, 2};
  must(frame->total_size() == object.size());
  must(entry_key(object, *frame).size() == frame->key_size);
  const bool right = payload_matches(*frame, id, object.data() + frame->payload_offset);
  if (frame->chunk_size == 0) return;
  const chunk_table table(object, *frame, id);
  must(frame->table_offset() + 8 * table.count() <= frame->payload_offset);
  bool all = true;
  std::uint64_t covered = 0;
  for (std::size_t i = 0; i < table.count(); ++i) {
    covered += table.size_of(i);
    all = table.matches(i,
                        object.subspan(static_cast<std::size_t>(frame->payload_offset + table.offset_of(i)), table.size_of(i))) &&
          all;
  }
  must(covered == frame->payload_size);
  must(right || !all || digest_of_table(object, *frame, id) != frame->payload_digest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> object(size);
  if (size != 0) std::memcpy(object.data(), data, size);
  check(object);
  if (size < entry_frame::header_size) return 0;
  std::memcpy(object.data(), entry_frame::magic.data(), entry_frame::magic.size());
  const std::optional<std::uint64_t> head = entry_head_size(object);
  if (!head || *head > size) return 0;
  std::uint32_t version = 0;
  entry_frame numbers;
  std::memcpy(&version, object.data() + 8, 4);
  std::memcpy(&numbers.key_size, object.data() + 12, 4);
  const auto payload_offset = static_cast<std::uint32_t>(payload_offset_behind(*head, size));
  if (payload_offset <= size) {  // the numbers that must agree with the size
    const std::uint64_t payload_size = size - payload_offset;
    if (version != entry_frame::chunked_version) std::memcpy(object.data() + 16, &payload_size, 8);
    std::memcpy(object.data() + 24, &payload_offset, 4);
  }
  const std::span<const std::byte> whole(object);
  const std::span<const std::byte> table = version == entry_frame::chunked_version
                                               ? whole.subspan(static_cast<std::size_t>(numbers.table_offset()),
                                                               static_cast<std::size_t>(*head - numbers.table_offset()))
                                               : std::span<const std::byte>{};
  const std::uint64_t checksum =
      entry_head::checksum(object.data(), whole.subspan(entry_frame::header_size, numbers.key_size), table);
  std::memcpy(object.data() + 72, &checksum, 8);
  check(object);
  return 0;
}
