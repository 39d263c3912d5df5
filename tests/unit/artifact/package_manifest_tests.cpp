#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/expected_digest.hpp>
#include <larder/artifact/package_file.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/package_place.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/refusal.hpp"

namespace {

using namespace larder::artifacts;
using larder::content_digest;
using larder::digest_algorithm;
using larder::expected_digest;
using larder::file_keeping;
using larder::package_manifest;

package_manifest sample() {
  return {"org/model",
          "fp32",
          {{"model.onnx", larder::digest_of("a", digest_algorithm::sha256), 1, file_keeping::relative},
           {"deep/er.bin", larder::digest_of("b", digest_algorithm::md5), 7, file_keeping::copy},
           {"labels.txt", larder::digest_of("c", digest_algorithm::xxh3_128), 3, file_keeping::own}}};
}
package_manifest read(const std::string& text) { return manifest_reader().read(text, "it"); }
std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("a manifest is read as it was written, whatever the model is called") {
  package_manifest manifest = sample();
  for (const std::string& id :
       {std::string("a"), std::string(), std::string("\"\\\n"), std::string("é😀"), std::string("\xff\x00z", 3)}) {
    manifest.model_id = id;
    CHECK(read(manifest_text(manifest)) == manifest);
  }
  manifest.files.clear();
  CHECK(read(manifest_text(manifest)) == manifest);
  CHECK(sample().size() == 11);
  CHECK(rc::check("any id", [](const std::string& id) {
    package_manifest any = sample();
    any.model_id = id;
    RC_ASSERT(read(manifest_text(any)) == any);
  }));
}

TEST_CASE("what is no manifest of ours is refused with the reason") {
  const std::string good = manifest_text(sample());
  const std::vector<std::string> bad{
      "",
      "[]",
      "{}",
      "nonsense",
      replaced(good, "package 1", "package 2"),
      replaced(good, "\"fp32\"", "\"../x\""),
      replaced(good, "\"fp32\"", "7"),
      replaced(good, "\"model_id\"", "\"model\""),
      replaced(good, "\"model.onnx\"", "\"../../etc/passwd\""),
      replaced(good, "\"model.onnx\"", "\"/etc/passwd\""),
      replaced(good, "\"model.onnx\"", "\"a\\u0000b\""),
      replaced(good, "\"model.onnx\"", "\".larder.json\""),
      replaced(good, "\"model.onnx\"", "\"deep/.larder.use\""),
      replaced(good, "\"model.onnx\"", "\"labels.txt\""),
      replaced(good, "\"model.onnx\"", "\"deep\""),
      replaced(good, "\"size\": 1", "\"size\": -1"),
      replaced(good, "\"size\": 1", "\"size\": 1.5"),
      replaced(good, "\"size\": 1", "\"size\": 18446744073709551616"),
      replaced(good, "\"size\": 1,", ""),
      replaced(good, "\"size\": 1", "\"size\": 1, \"size\": 2"),
      replaced(good, "sha256:", "sha512:"),
      replaced(good, "\"relative\"", "\"own\""),
      replaced(good, "\"own\"", "\"hard\""),
      replaced(good, "\"relative\"", "\"elsewhere\""),
      replaced(good, "\"files\": [", "\"files\": [[], "),
      replaced(good, "{\"format\"", "{\"extra\": 1, \"format\""),
      replaced(good, "\"org/model\"", "[[[[[[[[[[]]]]]]]]]]"),
      good + "{",
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    CHECK(support::cause_of([&] { read(text); }) == larder::error_cause::corruption);
  }
  for (std::size_t size = 0; size + 2 < good.size(); size += 3)
    CHECK(support::cause_of([&] { read(good.substr(0, size)); }) == larder::error_cause::corruption);
}

TEST_CASE("a manifest with any byte changed is read as something safe, or refused") {
  const std::string good = manifest_text(sample());
  CHECK(rc::check("one byte", [&](unsigned char byte) {
    std::string text = good;
    text[*rc::gen::inRange<std::size_t>(0, text.size())] = static_cast<char>(byte);
    try {
      for (const larder::packaged_file& file : read(text).files) RC_ASSERT(larder::is_relative_name(file.name));
    } catch (const larder::error& e) {
      RC_ASSERT(e.cause() == larder::error_cause::corruption);
    }
  }));
}

TEST_CASE("digests that are expected come in several forms") {
  const content_digest md5 = larder::digest_of("x", digest_algorithm::md5);
  CHECK(*expected_digest(md5.hex()) == md5);
  CHECK(*expected_digest(md5.text().c_str()) == md5);
  CHECK(*expected_digest(std::string_view(md5.text())) == md5);
  CHECK(expected_digest(md5)->hex() == md5.hex());
  CHECK_FALSE(expected_digest());
  CHECK_FALSE(expected_digest(std::nullopt));
  CHECK_FALSE(expected_digest(""));
  CHECK_FALSE(expected_digest(std::optional<content_digest>{}).optional());
  CHECK(support::cause_of([] { expected_digest("12345"); }) == larder::error_cause::invalid_argument);
  const larder::package_file file{"name", "url", md5.hex(), 5};
  CHECK(file.digest == expected_digest(md5));
}

TEST_CASE("names of one package's files") {
  const auto fault = [](std::vector<std::string_view> names) { return package_names_fault(names); };
  CHECK(fault({"a", "b/c", "b/d", "b.x"}).empty());
  for (const std::vector<std::string_view>& bad : {std::vector<std::string_view>{"a", "a"},
                                                   {"b", "b/c"},
                                                   {"b/c/d", "b/c"},
                                                   {"../a"},
                                                   {""},
                                                   {".larder.json"},
                                                   {"x/.larder"},
                                                   {"a\\b"},
                                                   {"con"}})
    CHECK_FALSE(fault(bad).empty());
}

TEST_CASE("folders of models are file names, distinct, and begin with what people can read") {
  CHECK(model_folder_name("Org/Model.v2").starts_with("org-model.v2-"));
  CHECK(model_folder_name("").starts_with("model-"));
  CHECK(model_folder_name("con").starts_with("model-con-"));
  CHECK(model_folder_name("a") != model_folder_name("A"));
  CHECK(rc::check("any two ids", [](const std::string& a, const std::string& b) {
    RC_ASSERT(larder::is_file_name(model_folder_name(a)));
    RC_ASSERT((model_folder_name(a) == model_folder_name(b)) == (a == b));
  }));
}
