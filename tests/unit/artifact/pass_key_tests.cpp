#include <larder/artifact/pass_key.hpp>

#include <larder/artifact/pass.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::key_of_pass;
using larder::keys_of_chain;
using larder::opaque_attribute;
using larder::pass;
using larder::pass_input;
using support::cause_of;

namespace {

pass made(const std::string& name, const std::string& config) {
  pass one;
  one.name = name;
  one.config = config;
  return one;
}

}  // namespace

TEST_CASE("P15: the id of a tuple is the SHA-256 of its canonical JSON, as Python computes it") {
  const pass step =
      made("OnnxConversion", R"({"target_opset": 17, "x": null, "name": "é😀", "lr": 1e-5, "l": [1, 2.0, 1e16], "flag": true})");
  const larder::pass_key key = key_of_pass("0a1b2c3d", step);
  CHECK(key.id == "a8102c749d4fb509bdac43e975740761551c2fd320bcf6ebba7aab3a8a6d9d4c");
  CHECK(key.text ==
        "{\"accelerator_spec\": null, \"input_model_id\": \"0a1b2c3d\", \"pass_config\": {\"flag\": true, \"l\": [1, 2.0, "
        "1e+16], \"lr\": 1e-05, "
        "\"name\": \"\\u00e9\\ud83d\\ude00\", \"target_opset\": 17, \"x\": null}, \"pass_name\": \"onnxconversion\"}");
  CHECK_FALSE(key.is_private);
}

TEST_CASE("P14: the order of keys, spaces and the case of the name do not count; a value does") {
  const std::string id = key_of_pass("m", made("Quantize", R"({"a": 1, "b": {"c": 2, "d": 3}})")).id;
  CHECK(key_of_pass("m", made("Quantize", R"({ "b":{"d":3,"c":2},"a":1 })")).id == id);
  CHECK(key_of_pass("m", made("QUANTIZE", R"({"a": 1, "b": {"c": 2, "d": 3}})")).id == id);
  CHECK(key_of_pass("m", made("Quantize", R"({"a": 1, "b": {"c": 2, "d": 4}})")).id != id);
  CHECK(key_of_pass("m", made("Quantize", R"({"a": 1.0, "b": {"c": 2, "d": 3}})")).id != id);
  CHECK(key_of_pass("n", made("Quantize", R"({"a": 1, "b": {"c": 2, "d": 3}})")).id != id);
  CHECK(key_of_pass("m", made("Quantise", R"({"a": 1, "b": {"c": 2, "d": 3}})")).id != id);
}

TEST_CASE("P14: an accelerator-agnostic pass ignores the accelerator, others do not") {
  pass step = made("Quantize", "{}");
  const std::string none = key_of_pass("m", step).id;
  step.accelerator = "gpu-cuda";
  const std::string gpu = key_of_pass("m", step).id;
  step.accelerator = "cpu";
  CHECK(gpu != none);
  CHECK(key_of_pass("m", step).id != gpu);
  step.accelerator_agnostic = true;
  CHECK(key_of_pass("m", step).id == none);
}

TEST_CASE("an id stands for the whole chain up to it") {
  std::vector<pass> chain{made("A", "{}"), made("B", "{}"), made("C", "{}")};
  const auto keys = keys_of_chain("model", chain);
  chain[0].config = R"({"x": 1})";
  const auto others = keys_of_chain("model", chain);
  for (std::size_t i = 0; i < 3; ++i) CHECK(keys[i].id != others[i].id);
  chain[0].config = "{}";
  chain[2].config = R"({"x": 1})";
  const auto last = keys_of_chain("model", chain);
  CHECK(keys[1] == last[1]);
  CHECK(keys[2].id != last[2].id);
  CHECK(keys_of_chain("model", std::vector<pass>{}).empty());
}

TEST_CASE("P8: what cannot be written down makes ids private, and no two of them are the same") {
  const auto f = [] {};
  const opaque_attribute one(f), other(f);
  std::vector<pass> chain{made("A", "{}"), made("B", "{}"), made("C", "{}")};
  chain[1].opaque = one;
  const auto keys = keys_of_chain("model", chain);
  CHECK_FALSE(keys[0].is_private);
  CHECK(keys[1].is_private);
  CHECK(keys[2].is_private);
  CHECK(keys_of_chain("model", chain) == keys);
  chain[1].opaque = other;
  const auto others = keys_of_chain("model", chain);
  CHECK(others[0] == keys[0]);
  CHECK(others[1].id != keys[1].id);
  CHECK(others[2].id != keys[2].id);

  chain[1].opaque.reset();
  const auto of_model = keys_of_chain(pass_input("model", {}, one), chain);
  CHECK(of_model[0].is_private);
  CHECK(of_model[2].is_private);
  CHECK(of_model[0].id != keys_of_chain(pass_input("model", {}, other), chain)[0].id);
  CHECK(of_model[0].id != keys[0].id);
}

TEST_CASE("names and configurations that cannot be are refused") {
  using larder::error_cause;
  CHECK(cause_of([] { key_of_pass("m", made("", "{}")); }) == error_cause::invalid_argument);
  CHECK(cause_of([] { key_of_pass("m", made("a b", "{}")); }) == error_cause::invalid_argument);
  CHECK(cause_of([] { key_of_pass("m", made("\u00c9", "{}")); }) == error_cause::invalid_argument);
  CHECK(cause_of([] { key_of_pass("m", made("a", "{")); }) == error_cause::invalid_argument);
  CHECK(cause_of([] { key_of_pass("m", made("a", R"({"x": 1, "x": 2})")); }) == error_cause::invalid_argument);
  CHECK(cause_of([] { (void)pass_input(""); }) == error_cause::invalid_argument);
}

TEST_CASE("P16: an evaluation's id depends on the model and on the evaluator's configuration") {
  const larder::pass_key model = key_of_pass("m", made("A", "{}"));
  const larder::pass_key evaluation = key_of_evaluation(model, R"({"metric": "accuracy", "n": 10})");
  CHECK(evaluation.id == key_of_evaluation(model, R"({"n":10,"metric":"accuracy"})").id);
  CHECK(evaluation.id != key_of_evaluation(model, R"({"n":11,"metric":"accuracy"})").id);
  CHECK(evaluation.id != key_of_evaluation(key_of_pass("m", made("B", "{}")), R"({"metric": "accuracy", "n": 10})").id);
}
