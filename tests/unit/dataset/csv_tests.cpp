#include <larder/core/error.hpp>
#include <larder/dataset/csv.hpp>
#include <larder/dataset/csv_columns.hpp>
#include <larder/dataset/csv_head.hpp>
#include <larder/dataset/csv_record.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/file_in_memory.hpp"
#include "support/folders.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

using larder::csv;
using larder::csv_options;
using larder::csv_record;
using larder::shard_file;
using support::in_memory;
using support::refusal_of;
using support::text_file;

static_assert(larder::dataset_source<csv>);
static_assert(std::is_same_v<larder::datasets::record_of<csv>, csv_record>);
static_assert(std::is_copy_constructible_v<csv_record>);

namespace {

using rows = std::vector<std::vector<std::string>>;

rows rows_of(const csv& source) {
  rows all;
  for (std::size_t n = 0; n < source.shards(); ++n) {
    const auto shard = source.open(n);
    for (std::uint64_t i = 0; i < shard->size(); ++i) {
      const csv_record record = shard->record(i);
      all.emplace_back();
      for (std::size_t c = 0; c < record.size(); ++c) all.back().emplace_back(record[c]);
    }
  }
  return all;
}
std::string refused(const std::string& text, const csv_options& options = {}) {
  const support::refusal why = refusal_of([&] { rows_of(csv(in_memory(text, "a.csv"), options)); });
  CHECK((why.cause == larder::error_cause::corruption || why.cause == larder::error_cause::invalid_argument));
  return why.message;
}

}  // namespace

TEST_CASE("records have their fields by number and by name, as text and as numbers") {
  const csv source(in_memory("\xEF\xBB\xBFname,age,weight,note\r\nada,36,61.5,\"first, \"\"and\"\" best\"\r\n\r\nbob, +7\t,-1e3,", "dir/people.csv"));
  CHECK(source.name() == "people.csv");
  CHECK(source.columns() == std::vector<std::string>{"name", "age", "weight", "note"});
  const auto shard = source.open(0);
  REQUIRE(shard->size() == 2);
  const csv_record ada = shard->record(0);
  CHECK(ada.size() == 4);
  CHECK(ada[0] == "ada");
  CHECK(ada["note"] == "first, \"and\" best");
  CHECK(ada.as<int>("age") == 36);
  CHECK(ada.as<std::uint8_t>(1) == 36);
  CHECK(ada.as<double>("weight") == 61.5);
  CHECK(ada.as<float>(std::string("weight")) == 61.5F);
  CHECK(ada.as<std::string>("name") == "ada");
  CHECK(ada.as<std::string_view>(std::size_t{0}) == "ada");
  CHECK(ada.file() == "dir/people.csv");
  CHECK(ada.offset() == 25);
  CHECK(ada.columns() == source.columns());
  const csv_record bob = shard->record(1);
  CHECK(bob.as<int>("age") == 7);
  CHECK(bob.as<double>("weight") == -1000);
  CHECK(bob["note"].empty());
  CHECK(bob.as<std::optional<int>>("note") == std::nullopt);
  CHECK(bob.as<std::optional<int>>("age") == 7);
}

TEST_CASE("numbers are all of a field or an error with its place") {
  const csv source(in_memory("a,b\n12x,\n300,0x10\n-1,1e999\nnan,--1\n+-1,1 2\n", "x.csv"));
  const auto shard = source.open(0);
  CHECK(refusal_of([&] { shard->record(0).as<int>("a"); }).message ==
        "larder: \"x.csv\", byte 4 (record 0 of block 0), column 0 (\"a\"): \"12x\" is not a whole number from -2147483648 to 2147483647");
  CHECK(refusal_of([&] { shard->record(0).as<int>("a"); }).cause == larder::error_cause::corruption);
  CHECK(refusal_of([&] { shard->record(0).as<double>(1); }).message ==
        "larder: \"x.csv\", byte 4 (record 0 of block 0), column 1 (\"b\"): it is empty, not a number; as<std::optional<...>> takes empty fields");
  CHECK(refusal_of([&] { shard->record(1).as<std::uint8_t>("a"); }).message ==
        "larder: \"x.csv\", byte 9 (record 1 of block 0), column 0 (\"a\"): \"300\" is not a whole number from 0 to 255");
  CHECK_THROWS_AS(shard->record(1).as<double>("b"), larder::error);
  CHECK_THROWS_AS(shard->record(2).as<unsigned>("a"), larder::error);
  CHECK_THROWS_AS(shard->record(2).as<double>("b"), larder::error);
  CHECK(std::isnan(shard->record(3).as<double>("a")));
  CHECK_THROWS_AS(shard->record(3).as<std::optional<int>>("b"), larder::error);
  CHECK_THROWS_AS(shard->record(4).as<int>("a"), larder::error);
  CHECK_THROWS_AS(shard->record(4).as<int>("b"), larder::error);
}

TEST_CASE("a column that is not there is said with those that are") {
  const auto shard = csv(in_memory("species,island,x,x\n1,2,3,4\n", "p.csv")).open(0);
  const csv_record record = shard->record(0);
  CHECK(refusal_of([&] { static_cast<void>(record["specis"]); }).message ==
        R"(larder: "p.csv": there is no column "specis"; did you mean "species"? There are "species", "island", "x", "x")");
  CHECK(refusal_of([&] { static_cast<void>(record["x"]); }).message == R"(larder: "p.csv": there are several columns "x"; ask by number)");
  CHECK(record[3] == "4");
  CHECK(refusal_of([&] { static_cast<void>(record[4]); }).message == R"(larder: "p.csv": there is no column 4, there are 4)");
  CHECK(refusal_of([&] { record.as<int>(-1); }).message == R"(larder: "p.csv": there is no column -1, there are 4)");
  CHECK(refusal_of([&] { record.as<int>(4); }).cause == larder::error_cause::invalid_argument);
  const auto nameless = csv(in_memory("1,2\n", "p.csv"), {.header = false}).open(0);
  CHECK(refusal_of([&] { static_cast<void>(nameless->record(0)["a"]); }).message ==
        R"(larder: "p.csv": the columns have no names; ask by number, or give names in the option columns)");
}

TEST_CASE("a record that is not as the others are is said with its place, and spares the others") {
  const auto shard = csv(in_memory("a,b\n1,2\n1,2,3\n1\n\"1,2\n\"1\"x,2\n1\",2\n3,4\n", "x.csv")).open(0);
  REQUIRE(shard->size() == 7);
  const auto said = [&](std::uint64_t record) {
    const support::refusal why = refusal_of([&] { shard->record(record); });
    CHECK(why.cause == larder::error_cause::corruption);
    return why.message;
  };
  CHECK(shard->record(0)[1] == "2");
  CHECK(said(1) == "larder: \"x.csv\", byte 8 (record 1 of block 0): it has 3 fields, where 2 are expected");
  CHECK(said(2) == "larder: \"x.csv\", byte 14 (record 2 of block 0): it has 1 fields, where 2 are expected");
  CHECK(said(3) ==
        "larder: \"x.csv\", byte 16 (record 3 of block 0): at its byte 0 a quote (\") is not closed in its line; if fields have line feeds, set the "
        "option multiline; if quotes mean nothing in this file, set the option quote to '\\0'");
  CHECK(said(4) ==
        "larder: \"x.csv\", byte 21 (record 4 of block 0): at its byte 2 something follows a closing quote (\"); within a field quotes are doubled; "
        "if quotes mean nothing in this file, set the option quote to '\\0'");
  CHECK(said(5) ==
        "larder: \"x.csv\", byte 28 (record 5 of block 0): at its byte 1 a quote (\") is within a field that does not begin with one; if quotes mean "
        "nothing in this file, set the option quote to '\\0'");
  CHECK(shard->record(6)[1] == "4");
}

TEST_CASE("delimiter, quote, comment and names are as the options say") {
  CHECK(rows_of(csv(in_memory("# one\na;b\n'x;y';#2\n#3;4\n"), {.delimiter = ';', .quote = '\'', .comment = '#'})) == rows{{"x;y", "#2"}});
  CHECK(rows_of(csv(in_memory("\"a\tb\n"), {.delimiter = '\t', .quote = '\0', .header = false})) == rows{{"\"a", "b"}});
  const csv named(in_memory("1,2\n3,4\n"), {.header = false, .columns = {"a", "b"}});
  CHECK(named.columns() == std::vector<std::string>{"a", "b"});
  CHECK(named.open(0)->record(1).as<int>("b") == 4);
  CHECK(rows_of(csv({in_memory(""), in_memory("\n1,2\n"), in_memory("3,4")}, {.header = false})) == rows{{"1", "2"}, {"3", "4"}});
  CHECK(rows_of(csv(in_memory(""), {.header = false})).empty());
  CHECK(refused("1,2,3\n", {.header = false, .columns = {"a", "b"}}) ==
        "larder: \"a.csv\", byte 0 (record 0 of block 0): it has 3 fields, where 2 are expected");
  CHECK(refused("a\n", {.delimiter = '\n'}).find("the delimiter cannot be") != std::string::npos);
  CHECK(refused("a\n", {.delimiter = '"'}) == "larder: csv: delimiter, quote and comment have to be three different characters");
  CHECK(refused("a\n", {.comment = ','}) == "larder: csv: delimiter, quote and comment have to be three different characters");
  CHECK(refused("a\n", {.quote = '\0', .multiline = true}) ==
        "larder: csv: multiline is about quoted fields, but the option quote says that there are none");
}

TEST_CASE("headers of all files agree, with each other and with the options") {
  const auto said = [](const std::string& second, const csv_options& options = {}) {
    const support::refusal why = refusal_of([&] { csv({in_memory("a,b\n1,2\n", "1.csv"), in_memory(second, "2.csv")}, options); });
    CHECK(why.cause == larder::error_cause::corruption);
    return why.message;
  };
  CHECK(said("a,c\n") == R"(larder: "2.csv": its header does not agree with "1.csv": column 1 is "c", not "b")");
  CHECK(said("a,b,c\n") == R"(larder: "2.csv": its header does not agree with "1.csv": it has 3 columns, not 2)");
  CHECK(said("a\n") == R"(larder: "2.csv": its header does not agree with "1.csv": it has 1 columns, not 2)");
  CHECK(said("a,b\n", {.columns = {"a", "x"}}) == R"(larder: "1.csv": its header does not agree with the option columns: column 1 is "b", not "x")");
  CHECK(said("\n\n") ==
        "larder: \"2.csv\" has no header, for it has no records; leave the file out, or set the option header to false if no file has one");
  CHECK(said("a,\"b\n") == "larder: \"2.csv\", byte 0 (the first record): at its byte 2 a quote (\") is not closed in its line; if fields have "
                           "line feeds, set the option multiline; if quotes mean nothing in this file, set the option quote to '\\0'");
  CHECK(rows_of(csv({in_memory("a,b\n1,2\n"), in_memory("\"a\",b\r\n3,4")}, {.columns = {"a", "b"}})) == rows{{"1", "2"}, {"3", "4"}});
}

TEST_CASE("a header may be behind long comments, and may be long itself, but not without end") {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "# a comment that takes some room\n";
  text += std::string(100'000, 'h') + ",b\n1,2\n";
  for (const std::uint64_t size : {1'000U, 100'000U, 10'000'000U}) {
    const csv source(in_memory(text), {.comment = '#', .block_size = size});
    CHECK(source.columns()[0].size() == 100'000);
    CHECK(rows_of(source) == rows{{"1", "2"}});
  }
  const auto file = std::make_shared<text_file>("a.csv", std::string(10'000'000, 'x'));
  const support::refusal why = refusal_of([&] { csv(shard_file(file), {.longest_line = 10'000}); });
  CHECK(why.cause == larder::error_cause::invalid_argument);
  CHECK(why.message ==
        "larder: \"a.csv\", byte 0 (the first record): it does not end within 10000 bytes; give a larger longest_line, or look whether the file is "
        "CSV");
  CHECK(file->largest_read() <= 100'000);
  CHECK(refused(std::string((1U << 20U) + 1, ',')).find("it has 1048578 fields, more than 1048576") != std::string::npos);
}

TEST_CASE("with multiline a file is a shard, and fields have line feeds") {
  const std::string text = "a,\"b\nb\"\r\n1,\"x\r\ny\"\r\n\r\n# no, \"\n\"3\n\",4";
  const csv source({in_memory(text), in_memory(text)}, {.comment = '#', .multiline = true, .block_size = 1});
  CHECK(source.shards() == 2);
  CHECK(source.shard_bytes(0) == text.size());
  CHECK(source.columns()[1] == "b\nb");
  CHECK(rows_of(source) == rows{{"1", "x\r\ny"}, {"3\n", "4"}, {"1", "x\r\ny"}, {"3\n", "4"}});
  CHECK(source.open(1)->record(1).offset() == text.size() - 6);
  CHECK(refused("a,b\n1,2\n\"3,4\n5,6\n", {.multiline = true}) ==
        "larder: \"a.csv\", byte 8 (record 1 of block 0): at its byte 0 a quote (\") is not closed before the file ends; if quotes mean nothing in "
        "this file, set the option quote to '\\0'");
  CHECK(refused("a\n\"" + std::string(100, '\n') + "\"\n", {.multiline = true, .longest_line = 50}).find("is longer than 50 bytes") !=
        std::string::npos);
  // A header longer than one read, with the end of a line wherever the read ends.
  for (std::size_t n = 65'520; n < 65'545; ++n) {
    const std::string header = '"' + std::string(n / 2, '\n') + std::string(n - n / 2, 'h') + "\",b";
    CHECK(rows_of(csv(in_memory(header + "\r\n1,2\r\n"), {.multiline = true})) == rows{{"1", "2"}});
    CHECK(rows_of(csv(in_memory(header + "\n1,2\n"), {.multiline = true})) == rows{{"1", "2"}});
  }
}

TEST_CASE("records are the same in blocks of any size, and as a whole file") {
  CHECK(rc::check("records in blocks", [] {
    const auto field = rc::gen::element<std::string>("", "a", "\"b,\"", "\"\"\"\"", "longer text", "a\r", "7", " ");
    const auto table = *rc::gen::container<std::vector<std::vector<std::string>>>(rc::gen::container<std::vector<std::string>>(3, field));
    std::string text = *rc::gen::element<std::string>("", "\xEF\xBB\xBF", "#,\"\n", "\n\r\n") + "x,y,z\n";
    std::size_t records = 0;
    for (const auto& row : table) {
      text += row[0] + "," + row[1] + "," + row[2] + *rc::gen::element<std::string>("\n", "\r\n", "\n\n", "\n# \"\n");
      ++records;
    }
    if (*rc::gen::arbitrary<bool>() && text.back() == '\n') text.pop_back();
    const rows whole = rows_of(csv(in_memory(text), {.comment = '#', .multiline = true}));
    RC_ASSERT(whole.size() == records);
    for (std::uint64_t size = 1; size <= text.size() + 1; size += 1 + size / 3)
      RC_ASSERT(rows_of(csv(in_memory(text), {.comment = '#', .block_size = size})) == whole);
  }));
}

TEST_CASE("a shard's fingerprint changes with whatever changes its records") {
  const auto print = [](const csv_options& options) { return csv(in_memory("a\n1\n"), options).fingerprint(0); };
  const std::set<larder::digest> all{print({}),
                                     print({.delimiter = ';'}),
                                     print({.quote = '\0'}),
                                     print({.header = false}),
                                     print({.header = false, .columns = {"a"}}),
                                     print({.header = false, .columns = {"b"}}),
                                     print({.comment = '#'}),
                                     print({.multiline = true}),
                                     print({.block_size = 2})};
  CHECK(all.size() == 9);
  CHECK(print({}) == print({.longest_line = 100}));
}

TEST_CASE("a file that changed since the source was made is an error") {
  const support::temporary_folder folder;
  std::ofstream(folder / "a.csv") << "a,b\n1,2\n";
  const csv source(folder / "a.csv");
  CHECK(rows_of(source) == rows{{"1", "2"}});
  std::ofstream(folder / "a.csv") << "b,a\n2,1\n3,4\n";
  CHECK(support::says(refusal_of([&] { source.open(0); }), "a.csv\" is not what it was when the data set was opened; open it again"));
}

TEST_CASE("real flowers and penguins are what is known of them") {
  const std::filesystem::path folder = support::shared_folder() / "real" / "dataset";
  if (!std::filesystem::exists(folder / "iris.csv") || !std::filesystem::exists(folder / "penguins.csv")) {
    MESSAGE("SKIPPED: no real inputs; set LARDER_SHARED_DIR to the directory that holds real/dataset/iris.csv");
    return;
  }
  const csv iris(folder / "iris.csv", {.block_size = 512});
  CHECK(iris.shards() == 8);
  double sum = 0;
  std::map<std::string, int> species;
  for (std::size_t n = 0; n < iris.shards(); ++n) {
    const auto shard = iris.open(n);
    for (std::uint64_t i = 0; i < shard->size(); ++i) {
      sum += shard->record(i).as<double>("sepal_length");
      ++species[shard->record(i).as<std::string>("species")];
    }
  }
  CHECK(sum == doctest::Approx(876.5));
  CHECK(species == std::map<std::string, int>{{"setosa", 50}, {"versicolor", 50}, {"virginica", 50}});

  const csv penguins(folder / "penguins.csv");
  const auto shard = penguins.open(0);
  CHECK(shard->size() == 344);
  int unknown = 0;
  std::int64_t mass = 0;
  for (std::uint64_t i = 0; i < shard->size(); ++i) {
    const auto grams = shard->record(i).as<std::optional<int>>("body_mass_g");
    if (!grams) ++unknown;
    mass += grams.value_or(0);
  }
  CHECK(unknown == 2);
  CHECK(mass == 1'437'000);
}
