#include <larder/dataset/fixed_records.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/folders.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

using larder::error_cause;
using larder::fixed_records;

std::string text_of(std::span<const std::byte> record) { return {reinterpret_cast<const char*>(record.data()), record.size()}; }

/// All records in their order; the counts agree with those that are known without opening.
std::vector<std::string> records_of(const fixed_records& source) {
  std::vector<std::string> all;
  for (std::size_t s = 0; s < source.shards(); ++s) {
    const auto shard = source.open(s);
    REQUIRE(shard->size() == source.count(s));
    REQUIRE(source.shard_bytes(s) == shard->size() * source.record_size());
    for (std::uint64_t r = 0; r < shard->size(); ++r) all.push_back(text_of(shard->record(r)));
  }
  return all;
}

}  // namespace

TEST_CASE("records follow one another, behind each file's header") {
  const support::temporary_folder folder;
  support::write_file(folder / "a.bin", "HEADabcdef");
  support::write_file(folder / "empty.bin", "HEAD");
  support::write_file(folder / "b.bin", "HEADghi");
  const fixed_records source{{folder / "a.bin", folder / "empty.bin", folder / "b.bin"}, 3, {.header_size = 4}};
  CHECK(source.shards() == 2);
  CHECK(source.name() == "a.bin and 2 more");
  CHECK(source.record_shape() == std::vector<std::uint64_t>{3});
  CHECK(records_of(source) == std::vector<std::string>{"abc", "def", "ghi"});
  CHECK(says(support::refusal_of([&] { source.open(2); }), "has no shard 2; it has 2"));
  CHECK(says(support::refusal_of([&] { source.open(1)->record(1); }), "there is no record 1 in the shard from byte 4, which has 1"));
  CHECK(records_of(fixed_records{folder / "a.bin", 5}).size() == 2);
  CHECK(fixed_records{folder / "empty.bin", 5, {.header_size = 4}}.shards() == 0);
}

TEST_CASE("a shard is about a mebibyte of whole records, whatever their size") {
  const support::temporary_folder folder;
  const std::string content = support::pattern(6'000'000);
  support::write_file(folder / "a.bin", content);
  CHECK(rc::check("shards", [&] {
    const auto record = *rc::gen::elementOf(std::vector<std::size_t>{1, 3, 1000, 500'000, 1'500'000, 3'000'000, 6'000'000});
    const auto header = *rc::gen::elementOf(std::vector<std::size_t>{0, record, 6'000'000});
    if (header > content.size()) return;
    const fixed_records source{folder / "a.bin", record, {.header_size = header}};
    std::string all;
    for (std::size_t s = 0; s < source.shards(); ++s) {
      RC_ASSERT(source.shard_bytes(s) > 0U);
      RC_ASSERT(source.shard_bytes(s) <= std::max<std::uint64_t>(record, 1 << 20));
      const auto shard = source.open(s);
      RC_ASSERT(shard->size() == source.count(s));
      all += text_of({shard->record(0).data(), static_cast<std::size_t>(source.shard_bytes(s))});
      RC_ASSERT(shard->record(shard->size() - 1).data() == shard->record(0).data() + (shard->size() - 1) * record);
    }
    RC_ASSERT(all == content.substr(header));
  }));
}

TEST_CASE("a rest that is no record is refused with its place") {
  const support::temporary_folder folder;
  support::write_file(folder / "a.bin", "HEADabcdefg");
  const support::refusal rest = support::refusal_of([&] { fixed_records{folder / "a.bin", 3, {.header_size = 4}}; });
  CHECK(rest.cause == error_cause::corruption);
  CHECK(says(rest, "a.bin: 1 bytes from byte 10 are no whole record: 2 records of 3 bytes stand before them"));
  CHECK(says(support::refusal_of([&] { fixed_records{folder / "a.bin", 3, {.header_size = 12}}; }), "has 11 bytes, and its header alone takes 12"));
  CHECK(support::cause_of([&] { fixed_records{folder / "a.bin", 0}; }) == error_cause::invalid_argument);
  CHECK(support::cause_of([&] { fixed_records{std::vector<larder::shard_file>{}, 3}; }) == error_cause::invalid_argument);
  CHECK(support::cause_of([&] { fixed_records{folder / "a.bin", ~std::uint64_t{0}}; }) == error_cause::corruption);
}

TEST_CASE("a shard has another fingerprint when a record may differ") {
  const support::temporary_folder folder;
  support::write_file(folder / "a.bin", std::string(4 << 20, 'a'));
  const fixed_records source{folder / "a.bin", 4};
  REQUIRE(source.shards() == 4);
  CHECK(source.fingerprint(0) == fixed_records{folder / "a.bin", 4}.fingerprint(0));
  CHECK(source.fingerprint(0) != source.fingerprint(1));
  CHECK(source.fingerprint(0) != fixed_records{folder / "a.bin", 8}.fingerprint(0));
  CHECK(source.fingerprint(0) != fixed_records{folder / "a.bin", 4, {.header_size = 4}}.fingerprint(0));
  std::filesystem::last_write_time(folder / "a.bin", std::filesystem::last_write_time(folder / "a.bin") + std::chrono::seconds(2));
  CHECK(support::cause_of([&] { source.open(0); }) == error_cause::io);
  CHECK(source.fingerprint(0) != fixed_records{folder / "a.bin", 4}.fingerprint(0));
}

TEST_CASE("threads open shards and read records at once") {
  const support::temporary_folder folder;
  const std::string content = support::pattern(3 << 20);
  support::write_file(folder / "a.bin", content);
  const fixed_records source{folder / "a.bin", 64};
  const auto together = source.open(1);
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t s = 0; s < source.shards(); ++s) {
        const auto own = source.open(s);
        for (std::uint64_t r = t; r < own->size(); r += 101)
          wrong[t] += text_of(own->record(r)) != content.substr(static_cast<std::size_t>((s << 20) + r * 64), 64);
      }
      for (std::uint64_t r = 0; r < together->size(); r += 11) wrong[t] += together->record(r).size() != 64;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4));
}

TEST_CASE("an IDX file says itself where its records are") {
  const support::temporary_folder folder;
  support::write_file(folder / "x", std::string("\0\0\x0b\x03\0\0\0\x02\0\0\0\x03\0\0\0\x01", 16) + "abcdefghijkl");
  const fixed_records pairs = fixed_records::idx(folder / "x");
  CHECK(pairs.record_size() == 6);
  CHECK(pairs.record_shape() == std::vector<std::uint64_t>{3, 1});
  CHECK(records_of(pairs) == std::vector<std::string>{"abcdef", "ghijkl"});
  support::write_file(folder / "y", std::string("\0\0\x08\x01\0\0\0\x04", 8) + "0123");
  const fixed_records labels = fixed_records::idx(folder / "y");
  CHECK(labels.record_shape().empty());
  CHECK(records_of(labels) == std::vector<std::string>{"0", "1", "2", "3"});
  support::write_file(folder / "z", std::string("\0\0\x08\x01\0\0\0\x05", 8) + "0123");
  CHECK(says(support::refusal_of([&] { fixed_records::idx(folder / "z"); }), "says 5 records of 1 bytes; 4 bytes follow"));
}

TEST_CASE("MNIST is read") {
  const auto real = support::shared_folder() / "real/dataset";
  if (!std::filesystem::exists(real / "t10k-images-idx3-ubyte.gz") || std::system("gzip --version > /dev/null 2>&1") != 0) {
    MESSAGE("skipped: there is no MNIST in " << real.string() << ", or no gzip");
    return;
  }
  const support::temporary_folder folder;
  for (const std::string name : {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
    REQUIRE(std::system(("gzip -dc '" + (real / name).string() + ".gz' > '" + (folder / name).string() + "'").c_str()) == 0);
  const fixed_records images = fixed_records::idx(folder / "t10k-images-idx3-ubyte");
  CHECK(images.record_size() == 784);
  CHECK(images.record_shape() == std::vector<std::uint64_t>{28, 28});
  CHECK(records_of(images).size() == 10'000);
  const std::vector<std::string> labels = records_of(fixed_records::idx(folder / "t10k-labels-idx1-ubyte"));
  REQUIRE(labels.size() == 10'000);
  CHECK(labels[0] == "\x07");
  CHECK(std::count(labels.begin(), labels.end(), std::string(1, '\0')) == 980);
  CHECK(says(support::refusal_of([&] { fixed_records::idx(real / "t10k-images-idx3-ubyte.gz"); }), "compressed with gzip; decompress it first"));
}
