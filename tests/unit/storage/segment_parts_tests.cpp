// The parts that the store of segments is made of, each by itself.

#include <larder/storage/newest_records.hpp>
#include <larder/storage/pinned_views.hpp>
#include <larder/storage/recent_changes.hpp>
#include <larder/storage/segment_folder.hpp>
#include <larder/storage/segment_scan.hpp>
#include <larder/storage/value_references.hpp>
#include <larder/sync/process_mutex.hpp>

#include "store_driver.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/sanitizers.hpp"

using namespace store_driver;
using larder::bytes;
using larder::instant;
using larder::format::file_reference;
using larder::format::footer_entry;
using larder::format::record_kind;
using larder::format::record_place;
using larder::format::segment_record;
using larder::storage::newest_records;
using larder::storage::pinned_ledger;
using larder::storage::pinned_views;
using larder::storage::published_units;
using larder::storage::recent_changes;
using larder::storage::scan_records;
using larder::storage::scanned_records;
using larder::storage::segment;
using larder::storage::segment_folder;
using larder::storage::value_references;
using larder::sync::process_mutex;

namespace {

/// Stands for a mapping: memory, the views of it, and whether it is still there.
class memory_mapping {
 public:
  memory_mapping(std::shared_ptr<pinned_ledger> ledger, std::atomic<int>& alive) : alive_(&alive), views_(std::move(ledger)) {
    ++*alive_;
  }
  memory_mapping(const memory_mapping&) = delete;
  memory_mapping& operator=(const memory_mapping&) = delete;
  ~memory_mapping() { --*alive_; }
  const std::byte* at(std::size_t offset) const noexcept { return memory_.data() + offset; }
  pinned_views<memory_mapping>& views() noexcept { return views_; }

 private:
  std::atomic<int>* alive_;
  std::array<std::byte, 4096> memory_{};
  pinned_views<memory_mapping> views_;
};

struct mapped {
  std::shared_ptr<pinned_ledger> ledger = std::make_shared<pinned_ledger>();
  std::atomic<int> alive{0};
  std::shared_ptr<memory_mapping> mapping = std::make_shared<memory_mapping>(ledger, alive);

  bytes view(std::uint32_t unit, std::size_t size) {
    return mapping->views().view(mapping, unit, mapping->at(unit * 8 % 2048), size);
  }
  /// Every owner keeps the mapping once.
  long owners() const { return mapping.use_count() - 1; }
};

/// A segment in memory, to which records are appended as the store does.
class written_segment {
 public:
  written_segment(std::uint32_t number, std::size_t size) : number_(number), memory_(size) {}

  std::uint32_t add(std::uint64_t sequence, std::string_view key, std::string_view payload,
                    record_kind kind = record_kind::value) {
    segment_record record;
    const record_place at{number_, static_cast<std::uint32_t>(end_ / record_place::unit_size)};
    record.kind = kind;
    record.key_size = static_cast<std::uint32_t>(key.size());
    record.payload_size = payload.size();
    record.payload_offset = static_cast<std::uint32_t>(segment_record::payload_offset_for(end_, key.size(), payload.size()));
    record.id = id_of(key);
    record.payload_checksum = larder::format::payload_checksum(payload.data(), payload.size(), record.id);
    record.sequence = sequence;
    record.written = instant{static_cast<std::int64_t>(sequence) * 1000};
    REQUIRE(end_ + record.size() <= memory_.size());
    larder::format::encode_record_head(record, std::as_bytes(std::span(key)), at, memory_.data() + end_);
    if (!payload.empty()) std::memcpy(memory_.data() + end_ + record.payload_offset, payload.data(), payload.size());
    end_ += record.size();
    return at.unit;
  }
  void use(std::uint32_t unit, instant moment) {
    const std::uint64_t stamp = larder::format::use_stamp::encode(moment, {number_, unit});
    std::memcpy(memory_.data() + record_place{number_, unit}.offset() + segment_record::use_offset, &stamp, sizeof stamp);
    memory_[segment::uses_mark_offset] = std::byte{1};
  }
  scanned_records scan() const { return scan_records(memory_, number_, segment_folder::first_record, memory_.size()); }

  std::vector<std::byte>& memory() noexcept { return memory_; }
  std::uint64_t end() const noexcept { return end_; }
  std::string content() const { return {reinterpret_cast<const char*>(memory_.data()), memory_.size()}; }

 private:
  std::uint32_t number_;
  std::uint64_t end_ = segment_folder::first_record;
  std::vector<std::byte> memory_;
};

}  // namespace

TEST_CASE("a record has one owner, however many bytes are taken of it") {
  mapped m;
  const bytes first = m.view(3, 100);
  CHECK(first.data() == m.mapping->at(24));
  CHECK(first.size() == 100);
  CHECK(first.where() == larder::residence::mapping);
  CHECK(m.owners() == 1);
  std::vector<bytes> more;
  for (int i = 0; i < 50; ++i) more.push_back(i % 2 == 0 ? m.view(3, 100) : more.back());
  CHECK(m.owners() == 1);
  const bytes other = m.view(4, 100);
  CHECK(m.owners() == 2);
  const bytes part = m.mapping->views().view(m.mapping, 3, m.mapping->at(30), 10);
  CHECK(part.data() == m.mapping->at(30));
  CHECK(part.size() == 10);
  CHECK(m.owners() == 2);
  CHECK(m.view(5, 0).empty());
  CHECK(m.owners() == 2);
}

TEST_CASE("what is held of a record counts once as pinned from when it left until the last of it goes") {
  mapped m;
  bytes a = m.view(3, 100);
  bytes b = m.view(3, 100);
  bytes other = m.view(3 + 64, 30);
  CHECK(m.ledger->bytes() == 0);
  m.mapping->views().leave(3);
  m.mapping->views().leave(3);
  m.mapping->views().leave(99);
  CHECK(m.ledger->bytes() == 100);
  a = bytes();
  CHECK(m.ledger->bytes() == 100);
  // The place's next view is of what left already: another owner, which counts when it leaves in its turn.
  bytes late = m.view(3, 100);
  CHECK(m.owners() == 3);
  CHECK(m.ledger->bytes() == 100);
  m.mapping->views().leave_all();
  m.mapping->views().leave_all();
  CHECK(m.ledger->bytes() == 230);
  b = bytes();
  CHECK(m.ledger->bytes() == 130);
  late = bytes();
  CHECK(m.ledger->bytes() == 30);
  other = bytes();
  CHECK(m.ledger->bytes() == 0);
  CHECK(m.owners() == 0);
}

TEST_CASE("what was released before its record left is never pinned") {
  mapped m;
  for (std::uint32_t unit = 0; unit < 200; ++unit) static_cast<void>(m.view(unit, 10));
  CHECK(m.owners() == 0);
  m.mapping->views().leave(7);
  m.mapping->views().leave_all();
  CHECK(m.ledger->bytes() == 0);
}

TEST_CASE("views of every record, released in any order, leave nothing") {
  mapped m;
  std::vector<bytes> held;
  for (std::uint32_t unit = 0; unit < 300; ++unit) held.push_back(m.view(unit, 1 + unit));
  CHECK(m.owners() == 300);
  std::mt19937 random(7);
  std::shuffle(held.begin(), held.end(), random);
  for (std::uint32_t unit = 0; unit < 300; unit += 2) m.mapping->views().leave(unit);
  CHECK(m.ledger->bytes() == 22'500);  // 1 + 3 + ... + 299
  held.resize(150);
  CHECK(m.owners() == 150);
  m.mapping->views().leave_all();
  std::uint64_t left = 0;
  for (const bytes& each : held) left += each.size();
  CHECK(m.ledger->bytes() == left);
  held.clear();
  CHECK(m.ledger->bytes() == 0);
  CHECK(m.owners() == 0);
}

TEST_CASE("the last bytes outlive the mapping's owner, and the mapping goes with them") {
  mapped m;
  bytes kept = m.view(3, 100);
  m.mapping->views().leave_all();
  m.mapping.reset();
  CHECK(m.alive == 1);
  CHECK(kept.span()[99] == std::byte{0});
  kept = bytes();
  CHECK(m.alive == 0);
  CHECK(m.ledger->bytes() == 0);
}

TEST_CASE("threads that view, release and leave at once pin nothing in the end") {
  mapped m;
  std::atomic<std::uint32_t> waiting{4};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      --waiting;
      while (waiting != 0) std::this_thread::yield();
      std::array<bytes, 8> held;
      for (std::uint32_t i = 0; i < 20'000; ++i) {
        held[i % held.size()] = m.view((i * 7 + t) % 5, 64);
        if (i % 3 == t % 3) m.mapping->views().leave(i % 5);
        if (i % 1000 == 0) m.mapping->views().leave_all();
      }
    });
  for (std::thread& each : threads) each.join();
  CHECK(m.ledger->bytes() == 0);
  CHECK(m.owners() == 0);
}

TEST_CASE("a view is not taken of an owner that goes at the moment") {
  mapped m;
  std::atomic<std::uint32_t> waiting{4};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      --waiting;
      while (waiting != 0) std::this_thread::yield();
      for (int i = 0; i < 50'000; ++i) static_cast<void>(m.view(1, 64));
    });
  for (std::thread& each : threads) each.join();
  CHECK(m.owners() == 0);
  m.mapping->views().leave(1);
  CHECK(m.ledger->bytes() == 0);
}

TEST_CASE("a change of a key is never overlooked, and none is seen where all since are known") {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    recent_changes recent;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> model;
    std::uint64_t position = random() % 3 * 1000;
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t key = random() % 20;
      recent.add(position, key);
      model.emplace_back(position, key);
      position += 1 + random() % 3;
      for (int look = 0; look < 5; ++look) {
        const std::uint64_t asked = random() % 21;
        const std::uint64_t since = position - std::min<std::uint64_t>(position, random() % 200);
        bool changed = false;
        std::size_t since_then = 0;
        for (const auto& [at, changed_key] : model) {
          since_then += at >= since ? 1 : 0;
          changed = changed || (at >= since && changed_key == asked);
        }
        const bool may = recent.may_have_changed(asked, since);
        if (changed) CHECK(may);
        if (since_then < 64 && !changed) CHECK_FALSE(may);
      }
    }
    // Of what is longer ago nothing is known, so that every key may have changed.
    CHECK(recent.may_have_changed(12345, model[model.size() - 65].first));
    recent.clear();
    CHECK_FALSE(recent.may_have_changed(model.back().second, 0));
    recent.add(position, 1);
    CHECK(recent.may_have_changed(1, position));
    CHECK_FALSE(recent.may_have_changed(1, position + 1));
    CHECK_FALSE(recent.may_have_changed(2, 0));
  }
}

TEST_CASE("a record is its key's newest when the key was not shown before") {
  std::mt19937_64 random(5);
  for (const std::size_t most : {0U, 1U, 2U, 3U, 100U, 1000U}) {
    newest_records newest(most);
    std::set<std::uint64_t> shown;
    std::vector<std::uint64_t> keys;
    // Zero, equal places in the table and the table's end are among them.
    for (std::uint64_t i = 0; i < most; ++i) {
      constexpr std::array<std::uint64_t, 4> masks{~std::uint64_t{0}, 0xffff'f000'0000'0000, 0xff, 0};
      keys.push_back(i % 3 == 0 ? ~i : random() & masks[i % masks.size()]);
    }
    for (int again = 0; again < 3; ++again) {
      for (const std::uint64_t key : keys) CHECK(newest.is_first(key) == shown.insert(key).second);
      std::shuffle(keys.begin(), keys.end(), random);
    }
  }
}

TEST_CASE("files are known as long as an entry refers to them") {
  struct known_file {
    file_reference reference;
    int references = 0;
  };
  std::mt19937 random(3);
  value_references references;
  std::map<std::uint64_t, known_file> model;
  for (int i = 0; i < 20'000; ++i) {
    // A file's content is told by its number; each content is that of one file here.
    const std::uint64_t number = random() % 30;
    const file_reference file{number, number % 3 * 100, {number % 7, number}};
    if (random() % 2 == 0) {
      references.add(file);
      model[number].reference = file;
      ++model[number].references;
    } else {
      const auto found = model.find(number);
      const bool last = found != model.end() && --found->second.references == 0;
      if (last) model.erase(found);
      CHECK(references.remove(number) == last);
    }
    CHECK(references.contains(number) == model.contains(number));
    const std::optional<file_reference> same = references.with_content(file.content, file.size);
    REQUIRE(same.has_value() == model.contains(number));
    if (same) {
      CHECK(same->number == number);
      CHECK(same->size == file.size);
      CHECK(same->content == file.content);
    }
    std::uint64_t bytes_of_all = 0;
    for (const auto& [each, known] : model) bytes_of_all += known.reference.size;
    REQUIRE(references.bytes() == bytes_of_all);
  }
  references.clear();
  CHECK(references.bytes() == 0);
  CHECK(references.memory() == 0);
  CHECK_FALSE(references.contains(1));
  CHECK_FALSE(references.with_content({1, 1}, 100).has_value());
}

TEST_CASE("equal content is content of one size, and its file is one that is there") {
  const larder::digest content{1, 2};
  value_references references;
  references.add({10, 500, content});
  CHECK(references.with_content(content, 500)->number == 10);
  CHECK_FALSE(references.with_content(content, 501).has_value());
  CHECK_FALSE(references.with_content({2, 1}, 500).has_value());
  // Two processes may have written it at once.
  references.add({11, 500, content});
  CHECK(references.bytes() == 1000);
  CHECK(references.remove(10));
  CHECK(references.with_content(content, 500)->number == 11);
  CHECK(references.remove(11));
  CHECK_FALSE(references.with_content(content, 500).has_value());
  CHECK_FALSE(references.remove(11));
  CHECK(references.bytes() == 0);
}

TEST_CASE("a segment's records are found in the order of their sequence") {
  written_segment s(5, 1 << 20);
  const std::uint32_t third = s.add(30, "c", text_of(1000));
  const std::uint32_t first = s.add(10, "a", "");
  const std::uint32_t fourth = s.add(40, text_of(500), text_of(300'000), record_kind::value_file);
  const std::uint32_t second = s.add(20, "a", text_of(63), record_kind::erased);
  const std::uint32_t last = s.add(50, "", "places", record_kind::evicted);
  CHECK(s.scan().units == published_units{first, second, third, fourth, last});
  CHECK(s.scan().end == s.end());
  // As another segment's they are none, and neither are those beyond the limit or before the beginning.
  CHECK(scan_records(s.memory(), 6, segment_folder::first_record, s.memory().size()).units.empty());
  const scanned_records limited = scan_records(s.memory(), 5, segment_folder::first_record, last * 64);
  CHECK(limited.units == published_units{first, second, third, fourth});
  CHECK(scan_records(s.memory(), 5, second * 64, ~std::uint64_t{0}).units == published_units{second, last});
  CHECK(scan_records(s.memory(), 5, 64, 64).units.empty());
  CHECK(scan_records({}, 5, 64, ~std::uint64_t{0}).units.empty());
  CHECK(scan_records({}, 5, 64, ~std::uint64_t{0}).end == 64);
}

TEST_CASE("torn records are passed over and those behind them found") {
  written_segment s(5, 64 * 1024);
  std::vector<std::uint32_t> units;
  for (unsigned i = 0; i < 20; ++i) units.push_back(s.add(100 + i, "key " + std::to_string(i), text_of(1000, i)));
  const auto broken = [&](std::size_t from, std::size_t size) {
    const auto begin = s.memory().begin() + static_cast<std::ptrdiff_t>(from);
    const std::vector<std::byte> good(begin, begin + static_cast<std::ptrdiff_t>(size));
    std::fill_n(begin, size, std::byte{0});
    scanned_records found = s.scan();
    std::copy(good.begin(), good.end(), begin);
    return found;
  };
  for (std::size_t i = 0; i < units.size(); ++i) {
    published_units rest = units;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    const std::size_t at = units[i] * record_place::unit_size;
    const std::uint64_t end = i + 1 < units.size() ? s.end() : at;
    // From the record's start: its header's beginning, its checksum, a little or much of the payload, all of it.
    constexpr std::array<std::pair<std::size_t, std::size_t>, 5> torn{{{0, 64}, {72, 8}, {300, 16}, {512, 400}, {0, 1100}}};
    for (const auto& [where, size] : torn) {
      const scanned_records found = broken(at + where, size);
      CHECK(found.units == rest);
      CHECK(found.end == end);
    }
  }
  CHECK(s.scan().units == units);
}

TEST_CASE("no records are found in garbage, nor in zeros, and those around it are") {
  written_segment s(5, 64 * 1024);
  CHECK(s.scan().units.empty());
  CHECK(s.scan().end == segment_folder::first_record);
  const std::uint32_t unit = s.add(1, "key", "value");
  const std::string garbage = text_of(32 * 1024);
  std::memcpy(s.memory().data() + 1024, garbage.data(), garbage.size());
  // Headers that look right as far as can be seen without a checksum.
  for (std::size_t offset = 40 * 1024; offset < 48 * 1024; offset += 64)
    std::memcpy(s.memory().data() + offset, s.memory().data() + unit * 64, 64);
  CHECK(s.scan().units == published_units{unit});
  CHECK(s.scan().end == s.end());
}

TEST_CASE("a file that ends within its last record has those before it") {
  written_segment s(5, 8192);
  const std::uint32_t first = s.add(1, "first", text_of(100));
  const std::uint64_t last_begins = s.end();
  const std::uint32_t last = s.add(2, "last", text_of(70));
  const std::size_t last_ends = last_begins + 128 + 70;
  for (std::size_t size = last_begins; size <= s.end(); ++size) {
    const std::vector<std::byte> cut(s.memory().begin(), s.memory().begin() + static_cast<std::ptrdiff_t>(size));
    const scanned_records found = scan_records(cut, 5, segment_folder::first_record, ~std::uint64_t{0});
    CHECK(found.units == (size < last_ends ? published_units{first} : published_units{first, last}));
  }
}

TEST_CASE("a segment's name is its number's, and other names are nobody's") {
  const segment_folder folder("folder");
  CHECK(folder.path_of(0x12ab) == "folder/000012ab.segment");
  for (const std::uint32_t number : {1U, 0x12abU, 0xdead'beefU, 0xffff'ffffU})
    CHECK(segment_folder::number_of(folder.path_of(number).substr(7)) == number);
  for (const char* other :
       {"", ".segment", "1.segment", "00000000.segment", "000000001.segment", "0000001.segment", "0000000g.segment",
        "-0000001.segment", "+0000001.segment", " 0000001.segment", "0x000001.segment", "00000001.segmen", "00000001.segment~",
        "00000001_segment"})
    CHECK_FALSE(segment_folder::number_of(other).has_value());
}

// Where capitals are told from small letters a folder may have both, and only one is ours.
TEST_CASE("a name in capitals is not a segment's nor a value's") {
  CHECK_FALSE(segment_folder::number_of("0000000A.segment").has_value());
  CHECK_FALSE(larder::storage::value_files::number_of("000000000000000A.value").has_value());
}

TEST_CASE("a folder lists its segments and values in order, and leaves alone what is not named as they are") {
  const scratch dir;
  const segment_folder folder(dir.path().string());
  for (const char* name :
       {"0000000b.segment", "00000002.segment", "ffffffff.segment", "00000000000000ff.value", "0000000000000001.value", "journal",
        "00000003.segment.tmp", "notes.txt", "00000000.segment", "12.value"})
    write_file(dir / name, "x");
  fs::create_directory(dir / "folder.segment");
  const segment_folder::listing found = folder.list();
  CHECK(found.segments == std::vector<std::uint32_t>{2, 11, 0xffff'ffff});
  CHECK(found.values == std::vector<std::uint64_t>{1, 255});
  CHECK(segment_folder((dir / "not there").string()).list().segments.empty());
}

TEST_CASE("only a file that holds something is mapped") {
  const scratch dir;
  const segment_folder folder(dir.path().string());
  const auto ledger = std::make_shared<pinned_ledger>();
  CHECK(folder.map(1, 4096, ledger) == nullptr);
  write_file(folder.path_of(1), "");
  CHECK(folder.map(1, 4096, ledger) == nullptr);
  fs::create_directory(folder.path_of(2));
  CHECK(folder.map(2, 4096, ledger) == nullptr);
  write_file(dir / "real", "content");
  fs::create_symlink(dir / "real", folder.path_of(3));
  CHECK(folder.map(3, 4096, ledger) == nullptr);
  write_file(folder.path_of(4), "content");
  const std::shared_ptr<segment> small = folder.map(4, 4096, ledger);
  REQUIRE(small != nullptr);
  CHECK(small->file_size == 7);
  CHECK(small->records().size() == 4096);  // it may grow
  CHECK_FALSE(small->footer.has_value());
}

TEST_CASE("a file for records gets its room once, and what is in it stays") {
  const scratch dir;
  const segment_folder folder(dir.path().string());
  CHECK(*folder.open_for_records(1, 1 << 16));
  CHECK(fs::file_size(folder.path_of(1)) == 1 << 16);
  write_file(folder.path_of(2), "content");
  CHECK(*folder.open_for_records(2, 1 << 16));
  CHECK(read_file(folder.path_of(2)) == "content");
  CHECK(segment_folder::flush(folder.path_of(1)) == 0);
  CHECK(segment_folder::flush(folder.path_of(9)) == 0);
  CHECK(segment_folder::flush(folder.path(), O_DIRECTORY) == 0);
}

TEST_CASE("a sealed segment says of its records what they say themselves") {
  const scratch dir;
  const segment_folder folder(dir.path().string());
  const auto ledger = std::make_shared<pinned_ledger>();
  written_segment s(5, 1 << 20);
  const std::uint32_t b = s.add(20, "b", text_of(1000));
  const std::uint32_t a = s.add(10, "a", text_of(2000));
  const file_reference file{77, 123'456, {1, 2}};
  const auto reference = file.encode();
  const std::string_view payload(reinterpret_cast<const char*>(reference.data()), reference.size());
  const std::uint32_t c = s.add(30, "c", payload, record_kind::value_file);
  const std::uint32_t d = s.add(40, "b", "", record_kind::erased);
  s.use(a, instant{1'700'000'000'000'000'000});
  write_file(folder.path_of(5), s.content());

  const std::shared_ptr<segment> open = folder.map(5, 0, ledger);
  REQUIRE(open != nullptr);
  REQUIRE_FALSE(open->footer.has_value());
  open->units = scan_records(open->records(), 5, segment_folder::first_record, open->file_size).units;
  REQUIRE(open->units == published_units{a, b, c, d});
  folder.seal(*open, s.end());

  const std::shared_ptr<segment> sealed = folder.map(5, 1 << 21, ledger);
  REQUIRE(sealed != nullptr);
  REQUIRE(sealed->footer.has_value());
  CHECK(sealed->file_size == s.end() + larder::format::segment_footer::size_for(4));
  CHECK(fs::file_size(folder.path_of(5)) == sealed->file_size);
  CHECK(sealed->footer->records_end() == s.end());
  CHECK(sealed->records().size() == s.end());
  REQUIRE(sealed->size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const footer_entry entry = sealed->entry(i);
    // What the record says, which is still there.
    const footer_entry before = sealed->entry_at(open->units[i]);
    CHECK(entry.id == before.id);
    CHECK(entry.unit == before.unit);
    CHECK(entry.kind == before.kind);
    CHECK(entry.weight == before.weight);
    CHECK(entry.sequence == before.sequence);
    CHECK(entry.written == before.written);
    CHECK(entry.expires == before.expires);
    CHECK(sealed->use(i) == open->use(i));
    CHECK(sealed->use_offset(entry.unit) == sealed->footer->use_offset(i));  // published in another order than they lie
  }
  CHECK(sealed->entry(2).weight == file.size);
  CHECK(sealed->use_of(a) == instant{1'700'000'000'000'000'000});
  CHECK_FALSE(sealed->use_of(b).has_value());
  CHECK(sealed->from(0xffff'ffff).empty());
}

TEST_CASE("a record whose header was damaged has no id in the footer") {
  const scratch dir;
  const segment_folder folder(dir.path().string());
  written_segment s(5, 8192);
  const std::uint32_t a = s.add(10, "a", "value");
  const std::uint32_t b = s.add(20, "b", "value");
  s.memory()[a * 64 + 50] ^= std::byte{1};
  write_file(folder.path_of(5), s.content());
  const std::shared_ptr<segment> open = folder.map(5, 0, std::make_shared<pinned_ledger>());
  open->units = {a, b};
  folder.seal(*open, s.end());
  const std::shared_ptr<segment> sealed = folder.map(5, 0, std::make_shared<pinned_ledger>());
  REQUIRE(sealed->footer.has_value());
  CHECK(sealed->entry(0).id == larder::digest{});
  CHECK(sealed->entry(1).id == id_of("b"));
}

TEST_CASE("a file that was cut below its records, or is gone, is not sealed") {
  const scratch dir;
  const segment_folder folder(dir.path().string());
  written_segment s(5, 64 * 1024);
  s.add(10, "a", text_of(5000));
  s.add(20, "b", text_of(5000));
  write_file(folder.path_of(5), s.content());
  const std::shared_ptr<segment> open = folder.map(5, 0, std::make_shared<pinned_ledger>());
  open->units = s.scan().units;
  for (const std::uint64_t size : {s.end() - 1, std::uint64_t{64}, std::uint64_t{0}}) {
    fs::resize_file(folder.path_of(5), size);
    folder.seal(*open, s.end());  // the mapping has pages that are gone: touching them would end the process
    CHECK(fs::file_size(folder.path_of(5)) == size);
  }
  fs::remove(folder.path_of(5));
  folder.seal(*open, s.end());
  CHECK_FALSE(fs::exists(folder.path_of(5)));
}

TEST_CASE("a process mutex lets one thread in at a time") {
  process_mutex mutex;
  std::uint64_t count = 0;  // the sanitizer would see what the mutex does not order
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        const auto guard = mutex.lock();
        const auto again = mutex.lock_unless_held();
        ++count;
      }
    });
  for (std::thread& each : threads) each.join();
  CHECK(count == 20'000);
  CHECK(mutex.generation() == 0);
  CHECK_FALSE(mutex.is_inherited());
}

TEST_CASE("a guard holds the mutex until it goes, wherever it is moved") {
  process_mutex mutex;
  CHECK_FALSE(process_mutex::stamp().is_current());
  CHECK(mutex.current().is_current());
  std::optional<process_mutex::guard> moved;
  {
    process_mutex::guard outer;
    {
      process_mutex::guard inner = mutex.lock();
      outer = std::move(inner);
    }
    moved.emplace(std::move(outer));
  }
  std::atomic<bool> asked{false};
  std::atomic<bool> entered{false};
  std::thread other([&] {
    asked = true;
    const auto guard = mutex.lock();
    entered = true;
  });
  while (!asked) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) std::this_thread::yield();  // its chance to enter if it could
  CHECK_FALSE(entered);
  {
    const process_mutex::guard empty = mutex.lock_unless_held();  // this thread is inside: it gives nothing up when it goes
  }
  CHECK_FALSE(entered);
  moved.reset();
  other.join();
  CHECK(entered);
}

TEST_CASE("a forked child enters though a thread of its parent is inside") {
  process_mutex mutex;
  std::atomic<bool> inside{false};
  std::atomic<bool> done{false};
  std::thread holder([&] {
    const auto guard = mutex.lock();
    inside = true;
    while (!done) std::this_thread::yield();
  });
  while (!inside) std::this_thread::yield();
  const process_mutex::stamp ours = mutex.current();
  const int answer = in_child([&] {
    if (!mutex.is_inherited() || ours.is_current()) return 1;
    {
      const auto guard = mutex.lock();
      if (mutex.is_inherited() || mutex.generation() != 1) return 2;
      if (ours.is_current() || !mutex.current().is_current()) return 3;
    }
    const auto again = mutex.lock();
    // Its own child begins anew as well.
    return in_child([&] {
      const auto guard = mutex.lock();
      return mutex.generation() == 2 ? 0 : 4;
    });
  });
  CHECK(answer == 0);
  CHECK(ours.is_current());
  CHECK(mutex.generation() == 0);
  done = true;
  holder.join();
  static_cast<void>(mutex.lock());
}

// ThreadSanitizer takes the child's mutex for its parent's, which lay at the same place and was held.
#if !defined(__SANITIZE_THREAD__)
TEST_CASE("a guard that was copied by fork holds nothing in the child, which may be inside itself") {
  process_mutex mutex;
  std::optional<process_mutex::guard> held(mutex.lock());
  const int answer = in_child([&] {
    std::optional<process_mutex::guard> own(mutex.lock_unless_held());  // its thread has the parent's id and is not inside
    held.reset();
    std::atomic<bool> entered{false};
    std::thread other([&] {
      const auto guard = mutex.lock();
      entered = true;
    });
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    const bool excluded = !entered;
    own.reset();
    other.join();
    return excluded && entered ? 0 : 1;
  });
  CHECK(answer == 0);
  // Before the child uses the mutex, too.
  CHECK(in_child([&] {
          held.reset();
          const auto guard = mutex.lock();
          return 0;
        }) == 0);
  held.reset();
  static_cast<void>(mutex.lock());
}
#endif
