#include <larder/dataset/safetensors_rows.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/folders.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "unit/layer/written_model.hpp"

namespace {

using larder::error_cause;
using larder::safetensors_rows;
using larder_tests::data_byte;
using larder_tests::file_tensor;
using larder_tests::model_bytes;
using larder_tests::write_file;

std::string text_of(std::span<const std::byte> row) { return {reinterpret_cast<const char*>(row.data()), row.size()}; }
/// What the file's data hold.
std::string data(std::size_t begin, std::size_t size) {
  std::string text;
  for (std::size_t i = begin; i < begin + size; ++i) text += data_byte(i);
  return text;
}

}  // namespace

TEST_CASE("a record is a row of each tensor that is asked for") {
  const support::temporary_folder folder;
  write_file(folder / "a.safetensors", model_bytes({{"x", "F32", "[4,2,3]", 96}, {"y", "I64", "[4]", 32}, {"z", "U8", "[4,5]", 20},
                                                     {"rate", "F32", "[]", 4}}));
  const safetensors_rows both{folder / "a.safetensors", {"y", "x"}};
  CHECK(both.rows() == 4);
  CHECK(both.tensors() == 2);
  CHECK(both.name() == "a.safetensors");
  CHECK(both.dtype_of("x") == larder::dtype::f32);
  CHECK(both.shape_of("x") == std::vector<std::uint64_t>{4, 2, 3});
  CHECK(both.row_shape_of("x") == std::vector<std::uint64_t>{2, 3});
  CHECK(both.row_shape_of("y").empty());
  REQUIRE(both.shards() == 1);
  CHECK(both.count(0) == 4);
  CHECK(both.shard_bytes(0) == 128);
  const auto shard = both.open(0);
  REQUIRE(shard->size() == 4);
  for (std::uint64_t i = 0; i < 4; ++i) {
    const larder::tensor_row row = shard->record(i);
    CHECK(row.size() == 2);
    CHECK(text_of(row["x"]) == data(i * 24, 24));
    CHECK(text_of(row[0]) == data(96 + i * 8, 8));
    CHECK(row.as_span<float>("x").size() == 6);
    CHECK(row.as_span<std::int64_t>("y").size() == 1);
    CHECK(row.as_span<char>("y").size() == 8);
    CHECK(static_cast<const void*>(row.as_span<float>("x").data()) == row["x"].data());
  }
  const safetensors_rows one{folder / "a.safetensors", "z"};
  CHECK(text_of(one.open(0)->record(3)["z"]) == data(128 + 15, 5));
  CHECK(safetensors_rows(folder / "a.safetensors", std::string("z")).fingerprint(0) == one.fingerprint(0));
  CHECK(one.fingerprint(0) != both.fingerprint(0));

  const larder::tensor_row row = shard->record(0);
  CHECK(says(support::refusal_of([&] { row["z"]; }), "a row has no \"z\"; it has \"y\", \"x\""));
  CHECK(says(support::refusal_of([&] { row[2]; }), "a row has no tensor 2; it has 2"));
  CHECK(says(support::refusal_of([&] { row.as_span<double>("x"); }), "elements of \"x\" are F32, not of 8 bytes"));
  CHECK(says(support::refusal_of([&] { shard->record(4); }), "there is no row 4 in a shard that has 4"));
  CHECK(says(support::refusal_of([&] { both.open(1); }), "has no shard 1; it has 1"));
}

TEST_CASE("what has no rows is refused with the reason") {
  const support::temporary_folder folder;
  write_file(folder / "a", model_bytes({{"x", "F32", "[4,2]", 32}, {"three", "U8", "[3]", 3}, {"rate", "F32", "[]", 4}, {"hollow", "F32", "[4,0]", 0},
                                        {"packed", "F4", "[4,3]", 6}, {"whole", "F4", "[4,2,1]", 4}}));
  const auto refused = [&](const std::vector<std::string>& names) {
    support::refusal why = support::refusal_of([&] { safetensors_rows{folder / "a", names}; });
    CHECK(why.cause == error_cause::invalid_argument);
    return why;
  };
  CHECK(says(refused({"none"}), "there is no tensor \"none\"; there are \"x\", \"three\""));
  CHECK(says(refused({"rate"}), "is a single number, which has no rows"));
  CHECK(says(refused({"hollow"}), "has rows without elements"));
  CHECK(says(refused({"packed"}), "rows that do not begin on a whole byte"));
  CHECK(says(refused({"x", "three"}), "tensor \"three\" has 3 rows, and \"x\" has 4"));
  CHECK(says(refused({"x", "x"}), "is asked for twice"));
  CHECK(says(refused({}), "no tensor is asked for"));
  CHECK(text_of(safetensors_rows{folder / "a", "whole"}.open(0)->record(2)["whole"]).size() == 1);
  write_file(folder / "a", "no safetensors file at all");
  CHECK(support::cause_of([&] { safetensors_rows{folder / "a", "x"}; }) == error_cause::corruption);
  write_file(folder / "a", model_bytes({}));
  CHECK(says(refused({"x"}), "there are none"));
}

TEST_CASE("a tensor without rows is a data set without records") {
  const support::temporary_folder folder;
  write_file(folder / "a", model_bytes({{"x", "F32", "[0,9007199254740992,9007199254740992]", 0}, {"y", "U8", "[0]", 0}}));
  const safetensors_rows none{folder / "a", {"x", "y"}};
  CHECK(none.rows() == 0);
  CHECK(none.shards() == 0);
  CHECK(support::cause_of([&] { none.open(0); }) == error_cause::invalid_argument);
}

TEST_CASE("rows are cut into shards of about a mebibyte") {
  const support::temporary_folder folder;
  CHECK(rc::check("shards", [&] {
    const auto rows = *rc::gen::inRange<std::size_t>(1, 9);
    const auto x = *rc::gen::elementOf(std::vector<std::size_t>{1, 100'000, 300'000, 524'288, 1'500'000});
    write_file(folder / "a", model_bytes({{"x", "U8", "[" + std::to_string(rows) + "," + std::to_string(x) + "]", rows * x},
                                          {"y", "U8", "[" + std::to_string(rows) + "]", rows}}));
    const safetensors_rows source{folder / "a", {"x", "y"}};
    std::size_t at = 0;
    for (std::size_t s = 0; s < source.shards(); ++s) {
      const auto shard = source.open(s);
      RC_ASSERT(shard->size() == source.count(s));
      RC_ASSERT(source.shard_bytes(s) == shard->size() * (x + 1));
      RC_ASSERT((source.shard_bytes(s) <= 1U << 20U || shard->size() == 1));
      for (std::uint64_t r = 0; r < shard->size(); ++r, ++at) {
        const auto row = shard->record(r);
        RC_ASSERT(row["x"].size() == x);
        for (std::size_t i = 0; i < x; i += 1 + x / 7) RC_ASSERT(static_cast<char>(row["x"][i]) == data_byte(at * x + i));
        RC_ASSERT(static_cast<char>(row["y"][0]) == data_byte(rows * x + at));
      }
    }
    RC_ASSERT(at == rows);
  }));
}

TEST_CASE("a file that is changed is not read, and has another fingerprint") {
  const support::temporary_folder folder;
  write_file(folder / "a", model_bytes({{"x", "U8", "[3,600000]", 1'800'000}}));
  const safetensors_rows source{folder / "a", "x"};
  REQUIRE(source.shards() == 3);
  CHECK(source.fingerprint(0) != source.fingerprint(1));
  const auto held = source.open(0);
  std::filesystem::last_write_time(folder / "a", std::filesystem::last_write_time(folder / "a") + std::chrono::seconds(2));
  CHECK(support::cause_of([&] { source.open(1); }) == error_cause::io);
  CHECK(static_cast<char>(held->record(0)["x"][1]) == data_byte(1));
  CHECK(safetensors_rows{folder / "a", "x"}.fingerprint(0) != source.fingerprint(0));
}

TEST_CASE("threads open shards and read rows at once") {
  const support::temporary_folder folder;
  write_file(folder / "a", model_bytes({{"x", "U8", "[3000,1000]", 3'000'000}}));
  const safetensors_rows source{folder / "a", "x"};
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::size_t at = 0;
      for (std::size_t s = 0; s < source.shards(); ++s) {
        const auto shard = source.open(s);
        for (std::uint64_t r = 0; r < shard->size(); ++r, ++at) wrong[t] += static_cast<char>(shard->record(r)["x"][7]) != data_byte(at * 1000 + 7);
      }
      wrong[t] += at != 3000;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4));
}

TEST_CASE("tensors of a published file are read by row") {
  const auto file = support::shared_folder() / "real/safetensors/silero_vad_16k.safetensors";
  if (!std::filesystem::exists(file)) {
    MESSAGE("skipped: there is no " << file.string());
    return;
  }
  const support::refusal none = support::refusal_of([&] { safetensors_rows{file, "none"}; });
  CHECK(says(none, "there are \""));
  const std::string first = none.message.substr(none.message.find("there are \"") + 11);
  const safetensors_rows rows{file, first.substr(0, first.find('"'))};
  CHECK(rows.rows() > 0);
  std::uint64_t seen = 0;
  for (std::size_t s = 0; s < rows.shards(); ++s) seen += rows.open(s)->size();
  CHECK(seen == rows.rows());
}
