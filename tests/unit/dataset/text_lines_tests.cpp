// text_lines, and what all sources of lines have in common: shard_files, block_text, line_blocks.

#include <larder/core/error.hpp>
#include <larder/dataset/block_text.hpp>
#include <larder/dataset/line_blocks.hpp>
#include <larder/dataset/shard_files.hpp>
#include <larder/dataset/text_lines.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/file_in_memory.hpp"
#include "support/folders.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::shard_file;
using larder::shard_files;
using larder::text_lines;
using support::in_memory;
using support::text_file;

static_assert(larder::dataset_source<text_lines>);

namespace {

/// What a line of a data set is, found in the plainest way.
std::vector<std::string> split(std::string text) {
  std::vector<std::string> lines;
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.erase(0, 3);
  while (!text.empty()) {
    const std::size_t feed = text.find('\n');
    std::string line = text.substr(0, feed);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
    text.erase(0, feed == std::string::npos ? feed : feed + 1);
  }
  return lines;
}

std::vector<std::string> lines_of(const text_lines& source) {
  std::vector<std::string> lines;
  for (std::size_t n = 0; n < source.shards(); ++n) {
    const auto shard = source.open(n);
    for (std::uint64_t i = 0; i < shard->size(); ++i) lines.emplace_back(shard->record(i));
  }
  return lines;
}


std::string long_text(std::size_t lines) {
  std::string text;
  for (std::size_t i = 0; i < lines; ++i) text += "line " + std::to_string(i) + std::string(i % 50, '.') + "\n";
  return text;
}

}  // namespace

TEST_CASE("the blocks of any files have each line once, in order, whatever their size") {
  CHECK(rc::check("blocks against splitting", [] {
    const auto piece = rc::gen::element<std::string>("\n", "\r\n", "\r", "a", "bc", "\xEF\xBB\xBF", "\n\n", std::string("\0", 1), "a longer piece");
    const auto text = rc::gen::map(rc::gen::container<std::vector<std::string>>(piece), [](const std::vector<std::string>& pieces) {
      std::string all;
      for (const std::string& p : pieces) all += p;
      return all;
    });
    const auto texts = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(text));
    std::vector<shard_file> files;
    std::vector<std::string> expected;
    std::size_t longest = 0;
    for (const std::string& one : texts) {
      files.push_back(in_memory(one));
      for (std::string& line : split(one)) expected.push_back(std::move(line));
      longest = std::max(longest, one.size());
    }
    for (std::uint64_t size = 1; size <= longest + 1; ++size) RC_ASSERT(lines_of(text_lines(files, {.block_size = size})) == expected);
  }));
}

TEST_CASE("blocks are read in pieces: lines far longer than a block and than a read") {
  CHECK(rc::check("long lines", [] {
    const auto lengths = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, 300'000));
    std::string text;
    for (std::size_t i = 0; i < lengths.size(); ++i) text += std::string(lengths[i], static_cast<char>('a' + i % 26)) + '\n';
    if (!text.empty() && *rc::gen::arbitrary<bool>()) text.pop_back();
    const auto size = *rc::gen::element<std::uint64_t>(1'000, 65'536, 65'537, 1'000'000);
    RC_ASSERT(lines_of(text_lines(in_memory(text), {.block_size = size})) == split(text));
  }));
}

TEST_CASE("every block opens alone, knows where its lines are, and reads no more than it needs") {
  const std::string text = long_text(20'000);
  const auto file = std::make_shared<text_file>("x.txt", text);
  const text_lines source(shard_file(file), {.block_size = 65'536});
  REQUIRE(source.shards() == (text.size() + 65'535) / 65'536);
  for (std::size_t n = source.shards(); n-- > 0;) {
    const std::uint64_t before = file->reads();
    const auto shard = source.open(n);
    CHECK(file->reads() == before + 1);
    CHECK(source.count(n) == std::nullopt);  // the same as before: a position is compared with it
    for (std::uint64_t i = 0; i < shard->size(); ++i) {
      const std::uint64_t at = shard->offset(i);
      REQUIRE(at / 65'536 == n);
      REQUIRE(text.substr(at, text.find('\n', at) - at) == shard->record(i));
    }
  }
  CHECK(file->largest_read() <= 65'536 + 65'536 / 16 + 1);
  // Without reading ahead: the rest of a line costs reads of 64 KiB, then twice as much each time.
  const auto one_line = std::make_shared<text_file>("x.txt", std::string(1'000'000, 'x'));
  CHECK(text_lines(shard_file(one_line), {.block_size = 1}).open(0)->record(0).size() == 1'000'000);
  CHECK(one_line->reads() <= 6);
  CHECK(text_lines(shard_file(one_line), {.block_size = 1}).open(77)->size() == 0);
}

TEST_CASE("a line that is too long is an error with its place, in whatever block it is, and one just as long as allowed is none") {
  const std::string text = "ab\n" + std::string(200'000, 'x') + "\r\ncd\n";
  for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{4}, std::uint64_t{100'000}, std::uint64_t{1'000'000}}) {
    const text_lines fine(in_memory(text, "dir/x.txt"), {.block_size = size, .longest_line = 200'000});
    const std::size_t with_line = static_cast<std::size_t>(3 / size);
    CHECK(fine.open(with_line)->size() >= 1);
    const text_lines source(in_memory(text, "dir/x.txt"), {.block_size = size, .longest_line = 199'999});
    const support::refusal why = support::refusal_of([&] { source.open(with_line); });
    CHECK(why.cause == larder::error_cause::invalid_argument);
    CHECK(why.message ==
          "larder: \"dir/x.txt\", byte 3: the line that begins here is longer than 199999 bytes; give a larger longest_line, "
          "or look whether the file is one of lines");
    CHECK(source.count(with_line) == std::nullopt);
  }
  // The limit bounds what is read, too.
  const auto file = std::make_shared<text_file>("x.txt", std::string(10'000'000, 'x'));
  CHECK_THROWS_AS(text_lines(shard_file(file), {.block_size = 100, .longest_line = 1'000}).open(0), larder::error);
  CHECK(file->largest_read() <= 1'100);
}

TEST_CASE("empty files are shards without records, and known to be so") {
  const text_lines source({in_memory(""), in_memory("a\n"), in_memory("")});
  REQUIRE(source.shards() == 3);
  CHECK(source.count(0) == 0);
  CHECK(source.count(1) == std::nullopt);
  CHECK(source.open(0)->size() == 0);
  CHECK(source.open(1)->record(0) == "a");
  CHECK(text_lines(in_memory("\xEF\xBB\xBF")).open(0)->size() == 0);
}

TEST_CASE("what is not there is said to be not there") {
  const text_lines source(in_memory("a\nb\n", "x.txt"));
  CHECK(support::refusal_of([&] { source.open(1); }).message == "larder: x.txt: there is no shard 1, there are 1");
  CHECK(support::refusal_of([&] { source.open(0)->record(2); }).message ==
        "larder: \"x.txt\", block 0: there is no record 2, it has 2");
  CHECK(support::refusal_of([&] { text_lines(in_memory("a"), {.block_size = 0}); }).message ==
        "larder: text_lines: block_size is 0; it is between 1 byte and 1073741824");
  CHECK(support::refusal_of([&] { text_lines(in_memory("a"), {.longest_line = std::uint64_t{1} << 31U}); }).message ==
        "larder: text_lines: longest_line is 2147483648; it is between 1 byte and 1073741824");
  CHECK(support::refusal_of([&] { text_lines(std::vector<shard_file>{}); }).message ==
        "larder: a data set of files needs at least one, and the list of them is empty");
}

TEST_CASE("files are given in any way that names them") {
  const support::temporary_folder folder;
  const std::filesystem::path a = folder.path() / "a.txt";
  const std::filesystem::path b = folder.path() / "b.txt";
  support::write_file(a, "1\n2\n");
  support::write_file(b, "3\n");
  const std::string name = a.string();
  const char* const plain = name.c_str();
  CHECK(text_lines(a).shards() == 1);
  CHECK(text_lines(name).shards() == 1);
  CHECK(text_lines(plain).shards() == 1);
  CHECK(text_lines{plain}.shards() == 1);
  CHECK(text_lines(shard_file(a)).shards() == 1);
  CHECK(text_lines({a, b}).shards() == 2);
  CHECK(text_lines{{a, b}}.shards() == 2);
  CHECK(text_lines{{plain, plain}}.shards() == 2);
  CHECK(text_lines(std::vector<std::filesystem::path>{a, b}).shards() == 2);
  CHECK(text_lines(std::vector<std::string>{name, name, name}).shards() == 3);
  CHECK(text_lines{{a, b}, {.block_size = 1}}.shards() == 6);
  CHECK(text_lines(a).name() == "a.txt");
  CHECK(text_lines({a, b, b}).name() == "a.txt and 2 more");
  CHECK(support::refusal_of([&] { text_lines(folder.path() / "c.txt"); }).cause == larder::error_cause::io);
}

TEST_CASE("a shard's fingerprint changes with its file, its place and the size of blocks, and with nothing else") {
  const text_lines source({in_memory("a\nb\n"), in_memory("c\nd\n")}, {.block_size = 2});
  std::set<larder::digest> all;
  for (std::size_t n = 0; n < source.shards(); ++n) {
    all.insert(source.fingerprint(n));
    CHECK(source.fingerprint(n) == text_lines({in_memory("a\nb\n", "y"), in_memory("c\nd\n")}, {2, 100}).fingerprint(n));
  }
  CHECK(all.size() == 4);
  CHECK(all.count(text_lines(in_memory("a\nb\n"), {.block_size = 3}).fingerprint(0)) == 0);
  CHECK(all.count(text_lines(in_memory("a\nB\n"), {.block_size = 2}).fingerprint(0)) == 0);
}

TEST_CASE("a file that changed since the source was made is an error") {
  const support::temporary_folder folder;
  const std::filesystem::path path = folder.path() / "a.txt";
  support::write_file(path, "one\ntwo\n");
  const text_lines source(path);
  CHECK(source.open(0)->size() == 2);
  support::write_file(path, "one\ntwo\nthree\n");
  const support::refusal why = support::refusal_of([&] { source.open(0); });
  CHECK(why.cause == larder::error_cause::io);
  CHECK(why.message == "larder: \"" + path.string() + "\" is not what it was when the data set was opened; open it again");
  std::filesystem::remove(path);
  CHECK(support::refusal_of([&] { source.open(0); }).cause == larder::error_cause::io);
}

TEST_CASE("several threads open shards at once") {
  const std::string text = long_text(5'000);
  const text_lines source(in_memory(text), {.block_size = 1'000});
  std::vector<std::uint64_t> sums(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < sums.size(); ++t)
    threads.emplace_back([&, t] {
      for (std::size_t n = 0; n < source.shards(); ++n) {
        const auto shard = source.open((n + t) % source.shards());
        sums[t] += shard->size();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::uint64_t sum : sums) CHECK(sum == 5'000);
}

TEST_CASE("real names and verses are read as other readers read them") {
  const std::filesystem::path folder = support::shared_folder() / "real" / "dataset";
  if (!std::filesystem::exists(folder / "names.txt") || !std::filesystem::exists(folder / "tinyshakespeare.txt")) {
    MESSAGE("SKIPPED: no real inputs; set LARDER_SHARED_DIR to the directory that holds real/dataset/names.txt");
    return;
  }
  for (const char* name : {"names.txt", "tinyshakespeare.txt"}) {
    std::ifstream file(folder / name, std::ios::binary);
    std::vector<std::string> expected;
    for (std::string line; std::getline(file, line);) expected.push_back(line);
    CHECK(expected.size() > 30'000);
    for (const std::uint64_t size : {10'000U, 1U << 20U}) CHECK(lines_of(text_lines(folder / name, {.block_size = size})) == expected);
  }
}
