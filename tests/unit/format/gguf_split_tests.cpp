#include <larder/format/gguf_split.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

namespace {

using larder::format::gguf_value;
using larder::format::split_name;
using larder::format::split_of;
using metadata = std::map<std::string, gguf_value, std::less<>>;

metadata placed(const gguf_value& number, const gguf_value& count) { return {{"split.no", number}, {"split.count", count}}; }

}  // namespace

TEST_CASE("a file says which of its model it is, or that it is the only one") {
  CHECK(split_of({}).number == 0);
  CHECK(split_of({}).count == 1);
  CHECK_FALSE(split_of({}).tensors);
  metadata second = placed(std::uint64_t{1}, std::uint64_t{3});
  second["split.tensors.count"] = std::int64_t{291};  // as its writer has it, with a sign
  CHECK(split_of(second).number == 1);
  CHECK(split_of(second).count == 3);
  CHECK(split_of(second).tensors == std::uint64_t{291});
  CHECK(split_of(placed(std::uint64_t{0}, std::uint64_t{0})).count == 1);
}

TEST_CASE("a place that cannot be one is refused with the file's name") {
  const auto why = [](const metadata& said) { return support::refusal_of([&] { split_of(said, "model.gguf"); }); };
  for (const metadata& wrong : {placed(std::uint64_t{3}, std::uint64_t{3}), placed(std::uint64_t{1}, std::uint64_t{0}),
                                placed(std::uint64_t{0}, std::uint64_t{100'000}), placed(std::int64_t{-1}, std::uint64_t{2}),
                                placed(std::string("0"), std::uint64_t{2}), placed(std::uint64_t{0}, 2.0)}) {
    CHECK(why(wrong).cause == larder::error_cause::corruption);
    CHECK(says(why(wrong), "model.gguf"));
  }
  CHECK(says(why(placed(std::uint64_t{3}, std::uint64_t{3})), "file 3 (from 0) of 3"));
  CHECK(says(why(placed(std::string("0"), std::uint64_t{2})), "split.no is not a number"));
}

TEST_CASE("the others' names follow from the first's") {
  CHECK(split_name("Llama-00001-of-00003.gguf", 1, 3) == "Llama-00002-of-00003.gguf");
  CHECK(split_name("Llama-00001-of-00003.gguf", 2, 3) == "Llama-00003-of-00003.gguf");
  CHECK(split_name("a-00001-of-99999.gguf", 99'998, 99'999) == "a-99999-of-99999.gguf");
  for (const char* other : {"Llama.gguf", "Llama-00002-of-00003.gguf", "Llama-00001-of-00004.gguf", "Llama-00001-of-00003", ""})
    CHECK_FALSE(split_name(other, 1, 3));
}
