#include "disk/entry_list.hpp"

#include "disk/directory_users.hpp"
#include "disk/entry_reader.hpp"
#include "disk/json_object.hpp"
#include "disk/key_text.hpp"
#include "disk/time_text.hpp"
#include "disk/work_progress.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

namespace disk {
namespace {

using larder::instant;

struct row {
  const inspected_segment* in;
  const inspected_record* record;
  std::string key;  ///< where it was needed before it is printed
};

std::string json_of(const entry& e, instant now, const std::string& segment) {
  json_object where;
  where.add("segment", e.at.segment).add("unit", e.at.unit).add("file", segment).add("offset", e.at.offset());
  json_object text;
  text.add("key", e.key ? std::optional<std::string>(key_text(*e.key)) : std::nullopt)
      .add("key_hex", e.key ? std::optional<std::string>(hexadecimal(*e.key)) : std::nullopt)
      .add("digest", e.info.id.hex())
      .add("size", e.info.weight)
      .add("uncompressed_size", e.info.uncompressed == 0 ? std::nullopt : std::optional<std::uint64_t>(e.info.uncompressed))
      .member("where", where.text())
      .add("value_file", e.file ? std::optional<std::string>("entries/" + e.place()) : std::nullopt)
      .add("written", utc_time(e.info.written))
      .add("expires", e.info.expires == larder::no_deadline ? std::nullopt : std::optional<std::string>(utc_time(e.info.expires)))
      .add("expired", e.is_expired(now))
      .add("last_use", e.used ? std::optional<std::string>(utc_time(*e.used)) : std::nullopt)
      .add("sequence", e.info.sequence)
      .add("checksum",
           e.file ? "xxh3-128:" + e.file->content.hex() : "xxh3-64:" + larder::digest{e.payload_checksum, 0}.hex().substr(16))
      .add("verified", false)
      .add("head", e.is_right ? "right"
                   : e.key    ? "damaged"
                              : "unreadable")
      .add("later_version", e.later.empty() ? std::nullopt : std::optional<std::string>(e.later));
  return text.text();
}

/// How much of a line a terminal shows; no limit elsewhere.
std::size_t width_of_output() {
  struct winsize size {};
  if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return SIZE_MAX;
  return size.ws_col;
}
/// The front of a text, with a mark where it was cut; characters are not.
std::string shortened(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most < 4 ? 1 : most - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

constexpr const char* line_format = "%10s  %-22s  %-19s  %-10s  %-10s  %s\n";
constexpr std::size_t columns_before_key = 10 + 2 + 22 + 2 + 19 + 2 + 10 + 2 + 10 + 2;

void print_row(const entry& e, instant now, std::size_t width) {
  const std::string expires = e.info.expires == larder::no_deadline ? "never" : distance_text(e.info.expires, now);
  const std::string used = e.used ? distance_text(*e.used, now) : "-";
  const std::size_t room =
      width == SIZE_MAX ? SIZE_MAX : std::max<std::size_t>(width, columns_before_key + 16) - columns_before_key;
  std::printf(line_format, larder::format_size(e.info.weight).c_str(), e.place().c_str(), local_time(e.info.written).c_str(),
              expires.c_str(), used.c_str(), shortened(e.title(), room).c_str());
}

}  // namespace

void list_entries(const list_options& options) {
  const std::string& prefix = options.prefix;
  work_progress progress;
  const segment_inspection found(options.directory, users_of(options.directory).any, progress.steps("reading segments"));
  const instant now = larder::wall_time::now();

  const bool needs_keys = !prefix.empty() || options.by == listed_by::key;
  entry_reader in_order(found);
  std::vector<row> rows;
  std::size_t expired = 0;
  progress.begin(needs_keys ? "reading keys" : "choosing entries");
  std::size_t segments_read = 0;
  for (const inspected_segment& one : found.segments()) {
    progress.at(segments_read++, found.segments().size(), false);
    for (const inspected_record& record : one.records) {
      if (record.standing != record_standing::live && record.standing != record_standing::later) continue;
      row next{&one, &record, {}};
      if (needs_keys) {
        const entry e = in_order.read(one, record);
        if (!prefix.empty() && (!e.key || !e.key->starts_with(prefix))) continue;
        if (options.by == listed_by::key) next.key = e.key.value_or("");
      }
      const bool is_expired = record.entry.expires < now;
      expired += is_expired ? 1 : 0;
      if (!is_expired || options.with_expired) rows.push_back(std::move(next));
    }
  }

  const auto used = [](const row& r) {
    return larder::format::use_stamp::decode(r.record->use, r.in->place(*r.record)).value_or(r.record->entry.written);
  };
  const auto sort = [&](auto comes_first) { std::stable_sort(rows.begin(), rows.end(), comes_first); };
  if (options.by != listed_by::place) progress.begin("sorting " + simulate::grouped(rows.size()) + " entries");
  switch (options.by) {
    case listed_by::place:
      break;
    case listed_by::size:
      sort([](const row& a, const row& b) { return a.record->entry.weight > b.record->entry.weight; });
      break;
    case listed_by::written:
      sort([](const row& a, const row& b) { return a.record->entry.written > b.record->entry.written; });
      break;
    case listed_by::used:
      sort([&](const row& a, const row& b) { return used(a) > used(b); });
      break;
    case listed_by::key:
      sort([](const row& a, const row& b) { return a.key < b.key; });
      break;
  }
  if (options.reversed) std::reverse(rows.begin(), rows.end());
  const std::size_t all = rows.size();
  if (rows.size() > options.limit) rows.resize(options.limit);

  constexpr std::size_t of_one_head = 512;
  const bool lies_in_order = options.by == listed_by::place && !options.reversed;
  entry_reader reader(found, lies_in_order ? larder::storage::segment_window::least_read : of_one_head);
  progress.end();
  if (options.json) {
    std::fputs("[", stdout);
    const char* separator = "\n";
    for (const row& r : rows) {
      const std::string path = found.path_of_segment(r.in->number);
      std::printf("%s%s", separator, json_of(reader.read(*r.in, *r.record), now, path.substr(found.root().size() + 1)).c_str());
      separator = ",\n";
    }
    std::fputs("\n]\n", stdout);
    return;
  }
  if (!rows.empty()) std::printf(line_format, "SIZE", "WHERE", "WRITTEN", "EXPIRES", "LAST USE", "KEY");
  const std::size_t width = width_of_output();
  std::uint64_t bytes = 0;
  std::uint64_t uncompressed = 0;
  std::size_t compressed = 0;
  for (const row& r : rows) {
    const entry e = reader.read(*r.in, *r.record);
    bytes += e.info.weight;
    uncompressed += e.info.uncompressed == 0 ? e.info.weight : e.info.uncompressed;
    compressed += e.info.uncompressed == 0 ? 0 : 1;
    print_row(e, now, width);
  }
  std::fflush(stdout);
  std::string note = simulate::grouped(rows.size());
  if (all != rows.size()) note += " of " + simulate::grouped(all);
  note += (all == 1 ? " entry, " : " entries, ") + larder::format_size(bytes);
  if (compressed != 0) note += " (" + simulate::grouped(compressed) + " compressed; " + larder::format_size(uncompressed) + " in all before)";
  if (expired != 0 && !options.with_expired)
    note += "; " + simulate::grouped(expired) + " expired and not shown (--expired shows them)";
  if (!found.has_marker()) note += "; the marker file \"format\" is missing or damaged (larder disk repair writes it anew)";
  std::fprintf(stderr, "%s. Checksums were not compared: larder disk verify does.\n", note.c_str());
}

}  // namespace disk
