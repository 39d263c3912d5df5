#include <larder/core/error.hpp>
#include <larder/layer/file_layers.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_layers.hpp>

#include "written_model.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using namespace larder_tests;
using larder::layers::model_file;
using larder::layers::tensor_files;

namespace {

/// A format in which each letter is a tensor "<letter>.<place>" of one byte, behind a head of one byte that says how they are aligned.
class letters {
 public:
  letters(model_file file, tensor_files& into) {
    std::string text(static_cast<std::size_t>(file.size()), '?');
    file.read(0, std::as_writable_bytes(std::span(text)));
    alignment_ = static_cast<std::uint64_t>(text.at(0) - '0');
    said_ = text;
    std::vector<larder::tensor_info> tensors;
    for (std::size_t i = 1; i < text.size(); ++i) {
      larder::tensor_info tensor;
      tensor.name = std::string(1, text[i]) + "." + std::to_string(i);
      tensor.offset = i - 1;
      tensor.size = 1;
      tensors.push_back(std::move(tensor));
    }
    into.add(std::move(file), std::move(tensors), 1);
  }
  std::uint64_t alignment(const larder::tensor_info&) const noexcept { return alignment_; }
  const std::string& metadata() const noexcept { return said_; }

 private:
  std::uint64_t alignment_ = 1;
  std::string said_;
};
using source = larder::layers::model_layers<letters>;

static_assert(larder::layer_source<source>);
static_assert(!std::is_convertible_v<const char*, source>);  // a path is no model by itself
static_assert(std::is_move_constructible_v<source>);
static_assert(!std::is_constructible_v<source, int>);

std::string content(const source& of, std::size_t layer) {
  std::string out(static_cast<std::size_t>(of.layers()[layer].size), '?');
  of.read(layer, 0, std::as_writable_bytes(std::span(out)));
  return out;
}

struct one_file {
  explicit one_file(std::string_view text) { write_file(folder / "model", text); }
  scratch_directory folder;
};

}  // namespace

TEST_CASE("a format says what tensors there are and how they are aligned, the rest is the same for all") {
  const one_file file("1aba");
  const source of(file.folder / "model");
  REQUIRE(of.layers().size() == 3);  // "a.1", "b.2", "a.3": numbers end a layer's name
  CHECK(content(of, 0) == "a");
  CHECK(of.tensors().size() == 3);
  CHECK(of.tensors()[1].name == "b.2");
  CHECK(of.metadata() == "1aba");
  CHECK(of.path() == file.folder / "model");
  CHECK(of.read_unit() == larder::layers::read_unit);
}

TEST_CASE("layers are made by a function or a list, of a path, a file and what a file is made of") {
  const one_file file("4aba");
  const auto by_letter = larder::group_by{[](std::string_view name) { return std::string(name.substr(0, 1)); }};
  const source grouped((file.folder / "model").string(), by_letter);
  REQUIRE(grouped.layers().size() == 2);
  CHECK(content(grouped, 0) == std::string("a\0\0\0a", 5));  // each where its format wants it
  CHECK(content(grouped, 1) == "b");

  const std::vector<larder::layer_group> list{{"mine", {"a.3", "b.2"}}};
  const source listed(model_file(file.folder / "model"), list);
  REQUIRE(listed.layers().size() == 1);
  CHECK(listed.layers()[0].name == "mine");
  CHECK(content(listed, 0) == std::string("a\0\0\0b", 5));

  const support::refusal refused = support::refusal_of([&] {
    source(file.folder / "model", std::vector<larder::layer_group>{{"mine", {"c.9"}}});
  });
  CHECK(refused.cause == larder::error_cause::invalid_argument);
  CHECK(says(refused, (file.folder / "model").string() + ": layer \"mine\" names the tensor \"c.9\""));
  CHECK(support::cause_of([&] { source(file.folder / "absent"); }) == larder::error_cause::io);
}

TEST_CASE("a model that was moved goes on being read") {
  const one_file file("1ab");
  source first(file.folder / "model");
  const source second = std::move(first);
  CHECK(content(second, 1) == "b");
  CHECK(second.path() == file.folder / "model");
}
