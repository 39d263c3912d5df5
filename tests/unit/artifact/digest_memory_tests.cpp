#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/digest_memory.hpp>
#include <larder/artifact/locked_file.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/in_child.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::content_digest;
using larder::digest_algorithm;
using larder::artifacts::digest_memory;
using larder::artifacts::file_stamp;
using larder::artifacts::remembered_digest;

namespace {

file_stamp stamp(std::uint64_t n) { return {1, n, 100 + n, static_cast<std::int64_t>(n) * 7, static_cast<std::int64_t>(n) * 9}; }
remembered_digest numbered(std::uint64_t n, digest_algorithm algorithm = digest_algorithm::sha256) {
  return {stamp(n), larder::digest_of("content " + std::to_string(n), algorithm)};
}
void add(digest_memory& memory, const std::vector<remembered_digest>& digests) { memory.add(digests); }

}  // namespace

TEST_CASE("a digest is found by all of what stat says, and by its algorithm") {
  digest_memory memory({}, 10);
  add(memory, {numbered(1), numbered(1, digest_algorithm::md5)});
  CHECK(memory.find(stamp(1), digest_algorithm::sha256) == numbered(1).digest);
  CHECK(memory.find(stamp(1), digest_algorithm::md5) == numbered(1, digest_algorithm::md5).digest);
  CHECK_FALSE(memory.find(stamp(1), digest_algorithm::xxh3_128).has_value());
  for (int field = 0; field < 5; ++field) {
    file_stamp other = stamp(1);
    if (field == 0) ++other.device;
    if (field == 1) ++other.inode;
    if (field == 2) ++other.size;
    if (field == 3) ++other.modified;
    if (field == 4) ++other.changed;
    CHECK_FALSE(memory.find(other, digest_algorithm::sha256).has_value());
  }
  add(memory, {{stamp(1), larder::digest_of("new", digest_algorithm::sha256)}});
  CHECK(memory.find(stamp(1), digest_algorithm::sha256) == larder::digest_of("new", digest_algorithm::sha256));
  CHECK(memory.size() == 2);
}

TEST_CASE("processes share what they know") {
  const support::temporary_folder folder;
  const auto file = folder / "digests";
  digest_memory one(file, 100), other(file, 100);
  one.refresh();
  add(one, {numbered(1)});
  other.refresh();
  CHECK(other.find(stamp(1), digest_algorithm::sha256) == numbered(1).digest);
  support::in_child([&] {
    digest_memory third(file, 100);
    add(third, {numbered(2), numbered(3)});
    return true;
  });
  other.refresh();
  CHECK(other.find(stamp(3), digest_algorithm::sha256) == numbered(3).digest);
  CHECK_FALSE(one.find(stamp(3), digest_algorithm::sha256).has_value());
  one.refresh();
  CHECK(one.size() == 3);
  std::filesystem::remove(file);  // by hand: what is known stays, and a new file is begun
  add(one, {numbered(4)});
  digest_memory late(file, 100);
  late.refresh();
  CHECK(late.size() == 1);
}

TEST_CASE("damaged records are passed over, and a half one is written over") {
  const support::temporary_folder folder;
  const auto file = folder / "digests";
  {
    digest_memory memory(file, 100);
    add(memory, {numbered(1), numbered(2), numbered(3)});
  }
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(static_cast<std::streamoff>(digest_memory::record_size + 50))
      .put('\x55')
      .put('\x56');
  std::ofstream(file, std::ios::app | std::ios::binary) << "half a record";
  digest_memory memory(file, 100);
  memory.refresh();
  CHECK(memory.size() == 2);
  add(memory, {numbered(4)});
  digest_memory again(file, 100);
  again.refresh();
  CHECK(again.size() == 3);
  CHECK(again.find(stamp(4), digest_algorithm::sha256).has_value());
  CHECK_FALSE(again.find(stamp(2), digest_algorithm::sha256).has_value());
  CHECK(std::filesystem::file_size(file) == 4 * digest_memory::record_size);
}

TEST_CASE("the file is bounded and keeps the newest") {
  const support::temporary_folder folder;
  const auto file = folder / "digests";
  digest_memory memory(file, 10);
  for (std::uint64_t n = 0; n < 100; ++n) {
    add(memory, {numbered(n), numbered(n % 3)});
    CHECK(std::filesystem::file_size(file) <= 20 * digest_memory::record_size);
    CHECK(memory.size() <= 20);
  }
  digest_memory again(file, 10);
  again.refresh();
  for (std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{96}, std::uint64_t{97},
                          std::uint64_t{98}, std::uint64_t{99}}) {
    CAPTURE(n);
    CHECK(again.find(stamp(n), digest_algorithm::sha256) == numbered(n).digest);
  }
}

TEST_CASE("R20: a memory that is a link is refused, and its target untouched") {
  const support::temporary_folder folder;
  support::write_file(folder / "target", "mine");
  std::filesystem::create_symlink("target", folder / "digests");
  digest_memory memory(folder / "digests", 10);
  CHECK(support::cause_of([&] { memory.refresh(); }) == larder::error_cause::invalid_argument);
  CHECK(support::cause_of([&] { add(memory, {numbered(1)}); }) == larder::error_cause::invalid_argument);
  CHECK(memory.find(stamp(1), digest_algorithm::sha256).has_value());
  CHECK(std::filesystem::file_size(folder / "target") == 4);
}

TEST_CASE("several memories of one file know what was last said, whatever is done in which order") {
  CHECK(rc::check([] {
    const support::temporary_folder folder;
    const auto file = folder / "digests";
    std::vector<std::unique_ptr<digest_memory>> memories;
    for (int i = 0; i < 3; ++i) memories.push_back(std::make_unique<digest_memory>(file, 8));
    std::map<std::uint64_t, content_digest> model;  // all that was ever said, by file
    const auto steps = *rc::gen::container<std::vector<std::pair<int, std::uint64_t>>>(
        rc::gen::pair(rc::gen::inRange(0, 6), rc::gen::inRange<std::uint64_t>(0, 40)));
    for (const auto& [who, n] : steps) {
      digest_memory& memory = *memories[static_cast<std::size_t>(who % 3)];
      if (who < 3) {
        add(memory, {numbered(n)});
        model[n] = numbered(n).digest;
        memory.refresh();
        RC_ASSERT(memory.find(stamp(n), digest_algorithm::sha256) == numbered(n).digest);
      } else {
        memory.refresh();
        const auto found = memory.find(stamp(n), digest_algorithm::sha256);
        RC_ASSERT(!found || (model.count(n) != 0 && *found == model[n]));
      }
      const std::uintmax_t size = std::filesystem::exists(file) ? std::filesystem::file_size(file) : 0;
      RC_ASSERT(size <= 16 * digest_memory::record_size);
    }
  }));
}

TEST_CASE("threads and processes add side by side and lose nothing") {
  const support::temporary_folder folder;
  const auto file = folder / "digests";
  support::in_child([&] {
    digest_memory memory(file, 1000);
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        digest_memory own(file, 1000);
        for (std::uint64_t i = 0; i < 25; ++i) add(i % 2 == 0 ? own : memory, {numbered(100 * t + i)});
      });
    return true;
  });
  digest_memory memory(file, 1000);
  memory.refresh();
  CHECK(memory.size() == 100);
}

TEST_CASE("who waits to write the file keeps neither threads nor a child of fork from looking") {
  const support::temporary_folder folder;
  larder::artifacts::digest_memory memory(folder / "digests", 100);
  const larder::artifacts::remembered_digest one{{1, 2, 3, 4, 5},
                                                 larder::digest_of(std::string_view("one"), larder::digest_algorithm::sha256)};
  memory.add({&one, 1});
  const larder::artifacts::remembered_digest two{{2, 2, 3, 4, 5}, one.digest};
  const larder::artifacts::locked_file busy = larder::artifacts::locked_file::lock((folder / "digests").string() + ".lock");
  std::stop_source stop;
  std::thread waits([&] { CHECK_THROWS_AS(memory.add({&two, 1}, stop.get_token()), larder::error); });
  while (!memory.find(two.stamp, larder::digest_algorithm::sha256)) std::this_thread::yield();
  CHECK(memory.size() == 2);
  support::in_child([&] {
    memory.refresh();
    return memory.find(one.stamp, larder::digest_algorithm::sha256) == one.digest;
  });
  stop.request_stop();
  waits.join();
}
