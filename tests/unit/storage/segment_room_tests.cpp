// Who makes room in a segment, who waits for it, and that nobody's records are ever written over.

#include <larder/storage/segment_writer.hpp>

#include "store_driver.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>

#include <doctest/doctest.h>

using namespace store_driver;
using larder::bytes;
using larder::format::decode_record;
using larder::format::payload_matches;
using larder::format::record_kind;
using larder::format::record_place;
using larder::storage::file_descriptor;
using larder::storage::open_file;
using larder::storage::pinned_ledger;
using larder::storage::read_at;
using larder::storage::segment;
using larder::storage::segment_folder;
using larder::storage::segment_room;
using larder::storage::segment_writer;
using larder::storage::shared_log;
using larder::storage::staged_record;
using outlook = segment_room::outlook;
using room_end = shared_log::room_end;

namespace {

constexpr std::uint64_t segment_size = 4 * 1024 * 1024;

/// A directory with a log in which segment 3 is to be opened next, and what writes there.
struct written {
  scratch dir;
  segment_folder folder{dir.path().string()};
  shared_log log = shared_log::create((dir / "journal").string(), (dir / "staged").string(), 10, 1, 1, {2, 0}, 42);
  segment_writer writer{folder};
  larder::sync::process_mutex process;

  staged_record write(const std::string& key, const std::string& value) {
    staged_record made(process.current());
    made.key = bytes::copy_of(key);
    made.payload = bytes::copy_of(value);
    made.record.id = id_of(key);
    made.record.key_size = static_cast<std::uint32_t>(key.size());
    made.record.payload_size = value.size();
    made.record.payload_checksum = larder::format::payload_checksum(value.data(), value.size(), made.record.id);
    writer.write(made, log, segment_size);
    made.keep();
    return made;
  }
  room_end room() const { return room_end::of_word(log.room().load()); }
  record_place active() const { return record_place::of_word(log.active().load()); }
  std::string read(std::uint32_t number, std::uint64_t offset, std::size_t size) const {
    const file_descriptor file = open_file(folder.path_of(number), O_RDONLY);
    std::string found(size, '\0');
    found.resize(read_at(file, reinterpret_cast<std::byte*>(found.data()), size, offset, "segment"));
    return found;
  }
  /// Whether the record is where it was written, whole.
  bool is_whole(const staged_record& made) const {
    const std::string found = read(made.at.segment, made.at.offset(), made.record.size());
    const auto from = std::as_bytes(std::span(found));
    const auto record = decode_record(from, made.at);
    return record && record->id == made.record.id && payload_matches(from, *record);
  }
};

}  // namespace

TEST_CASE("room is made a chunk at a time, for the records that come") {
  written w;
  const staged_record first = w.write("a", std::string(100, 'a'));
  CHECK(first.at == record_place{3, 1});
  CHECK(w.room().segment == 3);
  CHECK(w.room().offset() == segment_room::chunk_for(100));
  CHECK_FALSE(w.room().in_the_making);
  std::vector<staged_record> made;
  while (w.active().offset() + 5000 < segment_room::chunk_for(100)) made.push_back(w.write("b", std::string(4000, 'b')));
  CHECK(w.room().offset() == segment_room::chunk_for(100));
  made.push_back(w.write("c", std::string(4000, 'c')));
  made.push_back(w.write("d", std::string(4000, 'd')));
  CHECK(w.room().offset() == 2 * segment_room::chunk_for(100));
  CHECK(w.is_whole(first));
  for (const staged_record& one : made) CHECK(w.is_whole(one));
}

TEST_CASE("a large record gets the room that it takes, and the end of a segment is no more than its end") {
  written w;
  const staged_record large = w.write("large", std::string(200'000, 'x'));
  CHECK(w.room().offset() == larder::format::segment_record::round_up(w.active().offset(), 4096));
  std::vector<staged_record> made;
  while (w.active().segment == 3) made.push_back(w.write("small", std::string(3000, 'y')));
  CHECK(w.active().segment == 4);
  CHECK(w.is_whole(large));
  for (const staged_record& one : made) CHECK(w.is_whole(one));
  CHECK(fs::file_size(w.folder.path_of(3)) == segment_size);
}

TEST_CASE("whoever is stopped while he makes room holds nobody up, and when he goes on he harms nothing") {
  written w;
  std::vector<staged_record> made;
  made.push_back(w.write("before", std::string(1000, 'b')));
  const std::uint64_t from = w.room().offset();
  const std::uint64_t to = from + segment_room::chunk_for(1000);
  // Another process says that it makes room, and is stopped there.
  w.log.room().store(room_end::at(3, to, true).word());
  made.push_back(w.write("meanwhile", std::string(1000, 'm')));
  CHECK(made.back().at.segment == 4);
  CHECK(w.room().segment == 4);

  // The sealed segment's footer comes behind what is still being written.
  const auto sealed = w.writer.take_sealed();
  REQUIRE(sealed.size() == 1);
  CHECK(sealed[0].number == 3);
  CHECK(sealed[0].records_end == to);
  const std::shared_ptr<segment> one = w.folder.map(3, 0, std::make_shared<pinned_ledger>());
  REQUIRE(one != nullptr);
  one->units = {made[0].at.unit};
  w.folder.seal(*one, sealed[0].records_end);

  // He goes on: he writes his zeros, and finds that the room is not his to give any more.
  const file_descriptor late = open_file(w.folder.path_of(3), O_WRONLY);
  const std::vector<std::byte> zeros(to - from);
  larder::storage::write_at(late, zeros, {}, from, "late");
  std::uint64_t making = room_end::at(3, to, true).word();
  CHECK_FALSE(w.log.room().compare_exchange_strong(making, room_end::at(3, to, false).word()));

  const std::shared_ptr<segment> again = w.folder.map(3, 0, std::make_shared<pinned_ledger>());
  REQUIRE(again->footer.has_value());
  CHECK(again->size() == 1);
  CHECK(again->entry(0).id == id_of("before"));
  for (const staged_record& each : made) CHECK(w.is_whole(each));
}

TEST_CASE("nothing is written into a segment that was sealed before its room was made") {
  written w;
  const staged_record first = w.write("first", std::string(1000, 'f'));
  const record_place end = w.active();
  const std::uint64_t room = w.room().offset();
  w.writer.seal(w.log, end);
  const file_descriptor file = open_file(w.folder.path_of(3), O_RDWR);
  const std::string mark = "not zeros";
  larder::storage::write_at(file, std::as_bytes(std::span(mark)), {}, room + 10, "mark");
  segment_room room_maker;
  const record_place near{3, static_cast<std::uint32_t>(room / record_place::unit_size - 1)};
  CHECK(room_maker.reach(w.log, near, room + 100, file, segment_size) == outlook::moved);
  CHECK(w.read(3, room + 10, mark.size()) == mark);
  CHECK(w.room().offset() == room);
  CHECK_FALSE(w.room().in_the_making);
  const staged_record next = w.write("next", "value");
  CHECK(next.at.segment == 4);
  CHECK(room_maker.reach(w.log, end, room + 100, file, segment_size) == outlook::moved);
  CHECK(w.is_whole(first));
  CHECK(w.is_whole(next));
}

TEST_CASE("threads that write at once leave every record whole") {
  written w;
  constexpr int threads = 4;
  std::vector<std::vector<staged_record>> made(threads);
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t)
    writers.emplace_back([&, t] {
      for (int i = 0; i < 400; ++i)
        made[static_cast<std::size_t>(t)].push_back(
            w.write(std::to_string(t) + "/" + std::to_string(i), std::string(static_cast<std::size_t>(i * 37 % 9000), static_cast<char>('a' + t))));
    });
  for (std::thread& one : writers) one.join();
  std::size_t whole = 0;
  for (const auto& by_thread : made)
    for (const staged_record& one : by_thread) whole += w.is_whole(one) ? 1 : 0;
  CHECK(whole == threads * 400);
}
