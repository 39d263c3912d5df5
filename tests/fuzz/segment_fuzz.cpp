// Any bytes as a segment of mmap_disk: footer and records are refused, or lie inside. An input is the segment's number, a byte,
// and the file. Hardly any bytes have a right checksum, so the file is also looked at with its checksums made right.

#include <larder/format/chunk_checksums.hpp>
#include <larder/format/segment_footer.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/storage/segment_folder.hpp>
#include <larder/storage/segment_scan.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace {

using larder::format::record_place;
using larder::format::segment_footer;
using larder::format::segment_record;
using larder::storage::segment_folder;

using file_bytes = std::span<const std::byte>;

void must(bool holds) {
  if (!holds) std::abort();
}

bool is_inside(file_bytes part, file_bytes whole) {
  const std::byte* const begin = whole.data();
  return part.empty() || (part.data() >= begin && part.data() + part.size() <= begin + whole.size());
}

void check_footer(file_bytes file, std::uint32_t number) {
  const std::optional<segment_footer> footer = segment_footer::find(file, number);
  if (!footer) return;
  must(segment_footer::is_trailer(file.last<segment_footer::trailer_size>()));
  must(footer->records_end() + segment_footer::size_for(footer->size()) == file.size());
  for (std::size_t i = 0; i < footer->size(); ++i) {
    static_cast<void>((*footer)[i]);
    static_cast<void>(footer->use(i));
    must(footer->use_offset(i) + 8 <= file.size());
  }
}

void check_record(file_bytes from, record_place at) {
  const std::optional<segment_record> peeked = larder::format::peek_record(from, at);
  const std::optional<segment_record> decoded = larder::format::decode_record(from, at);
  must(!decoded || peeked);
  if (!peeked) return;
  const file_bytes key = larder::format::record_key(from, *peeked);
  const file_bytes payload = larder::format::record_payload(from, *peeked);
  must(is_inside(key, from) && is_inside(payload, from));
  must(segment_record::header_size + key.size() <= peeked->payload_offset && payload.size() == peeked->payload_size);
  must(peeked->size() >= peeked->payload_offset + peeked->payload_size && peeked->size() % record_place::unit_size == 0);
  const file_bytes content = larder::format::record_content(from, *peeked);
  must(is_inside(content, payload) && larder::format::record_form(from, *peeked).has_value() == larder::format::is_compressed(peeked->kind));
  static_cast<void>(larder::format::payload_matches(from, *peeked));
  if (const auto reference = larder::format::file_reference::decode(payload)) {
    must(std::memcmp(reference->encode().data(), payload.data(), 32) == 0);
    if (const auto sums = larder::format::stored_checksums::find(payload, *reference); sums && *sums) {
      must(payload.size() == 40 + 8 * sums->count());
      if (sums->count() != 0) static_cast<void>(sums->matches(sums->count() - 1, payload));
    }
  }
}

void check_scan(file_bytes file, std::uint32_t number, std::uint64_t limit) {
  const larder::storage::scanned_records found = larder::storage::scan_records(file, number, segment_folder::first_record, limit);
  const file_bytes within = file.first(static_cast<std::size_t>(limit < file.size() ? limit : file.size()));
  // The zeros behind the last record may be missing.
  const std::uint64_t end = segment_record::round_up(within.size(), record_place::unit_size);
  must(found.end == segment_folder::first_record || found.end <= end);
  std::uint64_t sequence = 0;
  std::set<std::pair<std::uint64_t, std::uint64_t>> places;
  for (const std::uint32_t unit : found.units) {
    const record_place at{number, unit};
    must(at.offset() >= segment_folder::first_record && at.offset() < within.size());
    const file_bytes from = within.subspan(static_cast<std::size_t>(at.offset()));
    const std::optional<segment_record> record = larder::format::decode_record(from, at);
    must(record && larder::format::payload_matches(from, *record));
    must(record->sequence >= sequence && at.offset() + record->size() <= found.end);
    sequence = record->sequence;
    places.emplace(at.offset(), at.offset() + record->size());
  }
  must(places.size() == found.units.size());
  std::uint64_t free_from = segment_folder::first_record;
  for (const auto& [begin, ends] : places) {
    must(begin >= free_from);
    free_from = ends;
  }
}

void check(file_bytes file, std::uint32_t number) {
  check_footer(file, number);
  for (std::size_t offset = 0; offset <= file.size(); offset += record_place::unit_size)
    check_record(file.subspan(offset), {number, static_cast<std::uint32_t>(offset / record_place::unit_size)});
  check_scan(file, number, ~std::uint64_t{0});
  check_scan(file, number, file.size() / 2);
}

template <class T>
void put(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

/// Gives what looks like a record or a footer the checksums that it would have; sizes stay as wrong as they are.
void sign(std::span<std::byte> file, std::uint32_t number) {
  for (std::size_t offset = 0; offset + segment_record::header_size <= file.size(); offset += record_place::unit_size) {
    const std::span<std::byte> from = file.subspan(offset);
    const record_place at{number, static_cast<std::uint32_t>(offset / record_place::unit_size)};
    put(from.data(), segment_record::magic);
    std::optional<segment_record> record = larder::format::peek_record(from, at);
    if (!record) {  // the one thing that no fuzzer guesses
      std::uint32_t key_size = 0;
      std::uint64_t payload_size = 0;
      std::memcpy(&key_size, from.data() + 8, 4);
      std::memcpy(&payload_size, from.data() + 16, 8);
      put(from.data() + 12, static_cast<std::uint32_t>(segment_record::payload_offset_for(at.offset(), key_size, payload_size)));
      record = larder::format::peek_record(from, at);
    }
    if (!record) continue;
    const file_bytes payload = larder::format::record_payload(from, *record);
    put(from.data() + 40, larder::format::payload_checksum(payload.data(), payload.size(), record->id));
    put(from.data() + 72, larder::format::detail::header_checksum(from.data(), larder::format::record_key(from, *record), at));
    offset += segment_record::round_up(record->size(), record_place::unit_size) - record_place::unit_size;
  }
  if (file.size() < segment_footer::trailer_size) return;
  std::byte* const trailer = file.data() + file.size() - segment_footer::trailer_size;
  std::memcpy(trailer, segment_footer::magic.data(), segment_footer::magic.size());
  put(trailer + 8, segment_footer::version);
  put(trailer + 12, number);
  std::uint64_t count = 0;
  std::uint64_t begin = 0;
  std::memcpy(&count, trailer + 16, 8);
  std::memcpy(&begin, trailer + 24, 8);
  const std::uint64_t size = count * larder::format::footer_entry::encoded_size;
  if (begin <= file.size() && size <= file.size() - begin)
    put(trailer + 32, static_cast<std::uint64_t>(XXH3_64bits(file.data() + begin, static_cast<std::size_t>(size))));
  put(trailer + 56, static_cast<std::uint64_t>(XXH3_64bits(trailer, 56)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint32_t number = data[0];
  const file_bytes given = std::as_bytes(std::span(data, size)).subspan(1);
  std::vector<std::byte> file(given.begin(), given.end());  // of its own size, so that a read behind the end is one
  check(file, number);
  sign(file, number);
  check(file, number);
  return 0;
}
