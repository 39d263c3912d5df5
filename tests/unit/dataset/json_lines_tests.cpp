#include <larder/core/error.hpp>
#include <larder/dataset/json_line.hpp>
#include <larder/dataset/json_lines.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <simdjson.h>

#include "support/file_in_memory.hpp"
#include "support/refusal.hpp"

using larder::json_line;
using larder::json_lines;
using larder::shard_file;
using support::in_memory;
using support::refusal_of;

static_assert(larder::dataset_source<json_lines>);
static_assert(std::is_same_v<larder::datasets::record_of<json_lines>, json_line>);
static_assert(std::is_nothrow_move_constructible_v<json_line> && !std::is_copy_constructible_v<json_line>);

namespace {

std::string said(const std::string& text, std::uint64_t record = 0) {
  const json_lines source(in_memory(text, "a.jsonl"));
  const support::refusal why = refusal_of([&] { source.open(0)->record(record); });
  CHECK(why.cause == larder::error_cause::corruption);
  return why.message;
}

}  // namespace

TEST_CASE("lines are documents, whose fields are had by path and type") {
  const json_lines source(in_memory("\xEF\xBB\xBF{\"id\":7,\"user\":{\"name\":\"M\\u00fcller\"},\"tags\":[\"a\",\"b\"],"
                                    "\"w\":0.5,\"ok\":true,\"no\":null}\r\n"
                                    "\n \t\r\n[1,2]\n\"text\"",
                                    "dir/a.jsonl"));
  CHECK(source.name() == "a.jsonl");
  REQUIRE(source.shards() == 1);
  CHECK(source.shard_bytes(0) == 1U << 20U);
  const auto shard = source.open(0);
  REQUIRE(shard->size() == 3);
  const json_line first = shard->record(0);
  CHECK(first.get<int>("id") == 7);
  CHECK(first.get<std::uint64_t>("id") == 7);
  CHECK(first.get<std::string_view>("user.name") == "M\u00fcller");
  CHECK(first.get<std::string>("tags.1") == "b");
  CHECK(first.get<double>("w") == 0.5);
  CHECK(first.get<bool>("ok"));
  CHECK(first.find<int>("no") == std::nullopt);
  CHECK(first.find<int>("absent") == std::nullopt);
  CHECK(first.find<int>("id") == 7);
  CHECK(first.file() == "dir/a.jsonl");
  CHECK(first.offset() == 3);
  CHECK(first.text().substr(0, 7) == "{\"id\":7");
  CHECK(first.text().back() == '}');
  CHECK(shard->record(1).root().is_array());
  CHECK(shard->record(1).get<int>("0") == 1);
  CHECK(shard->record(2).text() == "\"text\"");
}

TEST_CASE("a line can move, and be parsed by a parser of one's own that outlives it") {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::vector<json_line> kept;
  {
    const json_lines source(in_memory("{\"a\":\"x\"}\n{\"a\":\"y\"}\n"));
    const auto shard = source.open(0);
    for (std::uint64_t i = 0; i < shard->size(); ++i) kept.push_back(shard->record(i));
    CHECK(kept[0].get<std::string_view>("a") == "x");  // each has its parser
    CHECK(kept[1].get<std::string_view>("a") == "y");
    root = kept[1].parse(parser);
    kept.clear();
  }
  CHECK(std::string_view(root["a"]) == "y");
}

TEST_CASE("what is wrong with a line is said with its place, and spares the others") {
  const json_lines source(in_memory("{\"a\":1}\n{\"a\":\n{\"a\":3}\n", "data/a.jsonl"));
  const auto shard = source.open(0);
  REQUIRE(shard->size() == 3);
  CHECK(shard->record(0).get<int>("a") == 1);
  const support::refusal why = refusal_of([&] { shard->record(1); });
  CHECK(why.cause == larder::error_cause::corruption);
  CHECK(why.message.find("larder: \"data/a.jsonl\", byte 8 (record 1 of block 0): the line is not JSON: The JSON document") == 0);
  CHECK(shard->record(2).get<int>("a") == 3);
  for (const char* bad : {"{", "[1", "tru", "\"abc", "1 2", "{} {}", "{\"a\":1,}", "nul", "01", "\xff\xfe", "\"\xff\"", "{'a':1}", "}"})
    CHECK(said(std::string(bad) + "\n\"x\"\n").find("a.jsonl\", byte 0 (record 0 of block 0): the line is not JSON: ") != std::string::npos);
  CHECK(said(std::string(100'000, '[')).find("not JSON") != std::string::npos);
}

TEST_CASE("a field that is not there or of another kind is said with what there is") {
  const json_lines source(in_memory("7\n{\"id\":300,\"label\":\"cat\",\"score\":0.5,\"huge\":18446744073709551615}\n", "a.jsonl"));
  const auto shard = source.open(0);
  const json_line line = shard->record(1);
  CHECK(refusal_of([&] { line.get<int>("lable"); }).message ==
        "larder: \"a.jsonl\", byte 2 (record 1 of block 0): there is no field \"lable\"; did you mean \"label\"? There are \"id\", \"label\", "
        "\"score\", \"huge\"");
  CHECK(refusal_of([&] { line.get<std::uint8_t>("id"); }).message ==
        "larder: \"a.jsonl\", byte 2 (record 1 of block 0): the field \"id\" is a whole number (300), and was "
        "asked for as a whole number from 0 to 255");
  CHECK(refusal_of([&] { line.get<std::int64_t>("huge"); }).message.find("(18446744073709551615)") != std::string::npos);
  CHECK(refusal_of([&] { line.find<double>("label"); }).message ==
        "larder: \"a.jsonl\", byte 2 (record 1 of block 0): the field \"label\" is a string, and was asked for as a number");
  CHECK(refusal_of([&] { line.get<int>("score"); }).cause == larder::error_cause::corruption);
  CHECK(refusal_of([&] { shard->record(0).get<int>("id"); }).message ==
        "larder: \"a.jsonl\", byte 0 (record 0 of block 0): there is no field \"id\": the line is a whole number, not an object");
  CHECK(refusal_of([&] { shard->record(2); }).message == "larder: \"a.jsonl\", block 0: there is no record 2, it has 2");
}

TEST_CASE("records are the same in blocks of any size, and each is what simdjson makes of the line alone") {
  CHECK(rc::check("documents in blocks", [] {
    const auto piece = rc::gen::element<std::string>("{\"a\":1}", "[1,2,3]", "\"text\"", "12", "", " ", "{\"b\":", "]", "\"", "true", "nu");
    const auto pieces = *rc::gen::container<std::vector<std::string>>(piece);
    std::string text;
    for (const std::string& p : pieces) text += p + (p.size() % 2 == 0 ? "\n" : "\r\n");
    std::vector<std::string> expected;
    for (const std::string& p : pieces) {
      if (p.empty() || p == " ") continue;
      simdjson::dom::parser parser;
      simdjson::dom::element root;
      expected.push_back(parser.parse(simdjson::padded_string(p)).get(root) == simdjson::SUCCESS ? simdjson::minify(root) : "bad");
    }
    for (std::uint64_t size = 1; size <= text.size() + 1; size += 1 + size / 4) {
      const json_lines source(in_memory(text), {.block_size = size});
      std::vector<std::string> found;
      for (std::size_t n = 0; n < source.shards(); ++n) {
        const auto shard = source.open(n);
        for (std::uint64_t i = 0; i < shard->size(); ++i) {
          try {
            found.push_back(simdjson::minify(shard->record(i).root()));
          } catch (const larder::error&) {
            found.emplace_back("bad");
          }
        }
      }
      RC_ASSERT(found == expected);
    }
  }));
}

TEST_CASE("lines of one shard are read by several threads at once") {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "{\"n\":" + std::to_string(i) + ",\"s\":\"" + std::string(static_cast<std::size_t>(i), 'x') + "\"}\n";
  const json_lines source(in_memory(text));
  const auto shard = source.open(0);
  std::vector<std::size_t> sums(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < sums.size(); ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < shard->size(); ++i) {
        const json_line line = shard->record((i + 100 * t) % shard->size());
        sums[t] += line.get<std::size_t>("n") + line.get<std::string_view>("s").size();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::size_t sum : sums) CHECK(sum == 2 * 500 * 499 / 2);
}

TEST_CASE("parsers are used again, but not kept once they have grown") {
  larder::datasets::json_parsers parsers;
  std::unique_ptr<simdjson::dom::parser> parser = parsers.take();
  const simdjson::dom::parser* const first = parser.get();
  CHECK(parser->parse(std::string("[1]")).error() == simdjson::SUCCESS);
  parsers.give(std::move(parser));
  parser = parsers.take();
  CHECK(parser.get() == first);
  CHECK(parsers.take().get() != first);
  CHECK(parser->parse('"' + std::string(300'000, 'x') + '"').error() == simdjson::SUCCESS);
  parsers.give(std::move(parser));
  CHECK(parsers.take()->capacity() == 0);
}

TEST_CASE("other formats of the same file have other fingerprints") {
  const json_lines source(in_memory("{}\n"));
  CHECK(source.fingerprint(0) == json_lines(in_memory("{}\n")).fingerprint(0));
  CHECK(source.fingerprint(0) != json_lines(in_memory("[]\n")).fingerprint(0));
  CHECK(refusal_of([] { json_lines(in_memory("{}"), {.block_size = 0}); }).message ==
        "larder: json_lines: block_size is 0; it is between 1 byte and 1073741824");
}
