#include <larder/artifact/request.hpp>
#include <larder/artifact/request_difference.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::request;
using support::says;

namespace {

std::string key_of(const request& asked, std::string_view version = "") {
  return asked.key(version, [](std::string_view name, std::string_view text) {
    return std::string(name) + "#" + std::to_string(text.size());
  });
}

}  // namespace

TEST_CASE("the key has every part, in an order of its own") {
  const request asked = request{}
                            .field("model_id", "a/b")
                            .unordered("backends", {"onnx", "TRT", "Onnx"})
                            .secret("api_key", std::string("12345"))
                            .field("batch_size", 1)
                            .ordered("shape", {"b", "A"})
                            .json("extra", R"({"z": 1, "a": [1.50]})");
  CHECK(key_of(asked, "v2") ==
        R"({"fields": {"batch_size": 1, "extra": {"a": [1.5], "z": 1}, "model_id": "a/b", "shape": ["b", "A"]}, )"
        R"("secrets": {"api_key": "api_key#5"}, "sets": {"backends": ["onnx", "trt"]}, "version": "v2"})");
  CHECK(key_of(request{}) == R"({"fields": {}, "secrets": {}, "sets": {}, "version": ""})");
  CHECK(
      asked.text() ==
      R"({"api_key": (secret), "backends": ["onnx", "trt"], "batch_size": 1, "extra": {"a": [1.5], "z": 1}, "model_id": "a/b", "shape": ["b", "A"]})");
}

TEST_CASE("R1: each value, name and kind is another key") {
  std::set<std::string> keys;
  std::size_t made = 0;
  const auto add = [&](const request& asked) {
    keys.insert(key_of(asked));
    ++made;
  };
  add(request{}.field("a", 1));
  add(request{}.field("a", "1"));
  add(request{}.field("a", 1.0));
  add(request{}.field("a", true));
  add(request{}.field("a", "true"));
  add(request{}.field("a", std::nullopt));
  add(request{}.field("a", "null"));
  add(request{}.field("a", ""));
  add(request{}.field("a", "A"));
  add(request{}.field("b", 1));
  add(request{}.field("a", 1).field("b", std::nullopt));
  add(request{}.ordered("a", {"1"}));
  add(request{}.unordered("a", {"1"}));
  add(request{}.unordered("a", {"1", "2"}));
  add(request{}.ordered("a", {"1", "2"}));
  add(request{}.ordered("a", {"2", "1"}));
  add(request{}.secret("a", "1"));
  add(request{}.json("a", "{\"a\": 1}"));
  add(request{}.unordered("a", std::vector<std::string>{}));
  add(request{});
  CHECK(keys.size() == made);
}

TEST_CASE("values have one spelling each") {
  const auto same = [](const request& a, const request& b) { return key_of(a) == key_of(b); };
  CHECK(same(request{}.field("a", 1).field("b", "x"), request{}.field("b", std::string("x")).field("a", std::uint64_t{1})));
  CHECK(same(request{}.field("a", std::optional<int>(3)), request{}.field("a", 3L)));
  CHECK(same(request{}.field("a", std::optional<std::string>()), request{}.field("a", nullptr)));
  CHECK(same(request{}.field("a", 0.1), request{}.json("a", "0.10")));
  CHECK(same(request{}.field("a", std::numeric_limits<std::int64_t>::min()), request{}.json("a", "-9223372036854775808")));
  CHECK(same(request{}.unordered("a", std::set<std::string>{"X", "y"}), request{}.unordered("a", {"y", "x", "Y"})));
  CHECK(same(request{}.ordered("a", std::vector<std::string_view>{"x", "y"}), request{}.json("a", R"(["x","y"])")));
  request asked;
  asked.field("a", 1).unordered("b", {"x"}).secret("c", "z").ordered("d", {"w"}).json("e", "2");
  CHECK(
      same(asked,
           request{}.json("e", "2").ordered("d", {"w"}).secret("c", "y").unordered("b", {"x"}).field("a", 1)));  // as marked here
}

TEST_CASE("what cannot be a part is refused by name") {
  CHECK(says(support::refusal_of([] { request{}.field("a", 1).field("a", 2); }), "\"a\" twice"));
  CHECK(says(support::refusal_of([] { request{}.field("a", 1).secret("a", "x"); }), "\"a\" twice"));
  CHECK(says(support::refusal_of([] { request{}.field("", 1); }), "its name is a text"));
  CHECK(says(support::refusal_of([] { request{}.field("\xFF", 1); }), "\"\xFF\""));
  CHECK(says(support::refusal_of([] { request{}.field("a", "\xFF"); }), "not UTF-8"));
  CHECK(says(support::refusal_of([] { request{}.field("lr", std::numeric_limits<double>::quiet_NaN()); }), "\"lr\""));
  CHECK(says(support::refusal_of([] { request{}.json("cfg", "{"); }), "the field \"cfg\" of a request, line 1"));
}

TEST_CASE("secrets are found in texts, unless they are too short to tell") {
  const request asked = request{}.secret("api_key", "s3cret-key").secret("pin", "12");
  CHECK(asked.is_secret_in("https://host/?key=s3cret-key&x"));
  CHECK_FALSE(asked.is_secret_in("12 s3cret"));
  CHECK_FALSE(request{}.secret("none", "").is_secret_in("x"));
}

TEST_CASE("two keys differ in what they differ in, and secrets are not shown") {
  const std::string one =
      key_of(request{}.field("model_id", "a").field("batch", 1).unordered("backends", {"onnx"}).secret("key", "123"));
  const auto text = [&](const request& other, std::string_view version = "") {
    return larder::artifacts::difference_of(one, key_of(other, version))->text;
  };
  CHECK(larder::artifacts::difference_of(one, one)->parts == 0);
  CHECK(text(request{}.field("model_id", "a").field("batch", 2).unordered("backends", {"onnx"}).secret("key", "123")) ==
        R"("batch" (1 there, 2 here))");
  CHECK(
      text(request{}.field("model_id", "a").field("device", "gpu").unordered("backends", {"trt"}).secret("key", "1234")) ==
      R"("batch" (1 there, not here), "device" (not there, "gpu" here), "backends" (["onnx"] there, ["trt"] here), "key" (another secret))");
  CHECK(text(request{}.field("model_id", "a").field("batch", 1).unordered("backends", {"onnx"}), "2") ==
        R"("key" (a secret there, not here), the version of the answers ("" there, "2" here))");
  CHECK_FALSE(larder::artifacts::difference_of(one, "{").has_value());
}
