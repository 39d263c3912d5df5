#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/layer/layer_verification.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::verify;
using larder::layers::layer_verification;
using larder::layers::layer_verifier;
using larder::layers::tensor_hasher;

namespace {

std::string content(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 131 + i / 251) & 0xffU);
  return text;
}
std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

larder::tensor_info tensor(std::string name, std::uint64_t offset, std::uint64_t size) {
  return {std::move(name), larder::dtype::u8, {size}, offset, size};
}
larder::digest digest_of(const std::string& text, const larder::tensor_info& of) {
  return larder::digest_of(std::string_view(text).substr(static_cast<std::size_t>(of.offset), static_cast<std::size_t>(of.size)));
}

/// A source without bytes, for what is said of one.
struct named_source {
  std::vector<larder::layer_info> all;
  larder::layers::tensor_digests expected;
  std::span<const larder::layer_info> layers() const { return all; }
  void read(std::size_t, std::uint64_t, std::span<std::byte>) const {}
  larder::layers::tensor_digests digests() const { return expected; }
  std::string place_of(std::size_t layer, std::size_t t) const {
    return "file " + std::to_string(layer) + ", offset " + std::to_string(t);
  }
};

}  // namespace

TEST_CASE("tensors are hashed as their bytes come, in pieces of any size, in any order and with gaps") {
  const std::string text = content(5000);
  const std::vector<larder::tensor_info> tensors{tensor("long", 0, 3000),  tensor("late", 4990, 10),   tensor("none", 4990, 0),
                                                 tensor("gap", 3010, 1),   tensor("inside", 100, 700), tensor("end", 5000, 0),
                                                 tensor("last", 4000, 990)};
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{7}, std::size_t{256}, std::size_t{1000}, std::size_t{3000}, std::size_t{5000}}) {
    CAPTURE(piece);
    tensor_hasher hasher(tensors);
    std::map<std::string, larder::digest> found;
    for (std::size_t at = 0; at < text.size(); at += piece)
      hasher.add(bytes_of(text).subspan(at, std::min(piece, text.size() - at)), [&](std::size_t i, const larder::digest& id) {
        CHECK(found.emplace(tensors[i].name, id).second);
        CHECK(tensors[i].offset + tensors[i].size <= at + piece);  // not before its bytes were there
      });
    CHECK(found.size() == 5);
    for (const larder::tensor_info& t : tensors)
      if (t.size != 0) CHECK(found[t.name] == digest_of(text, t));
  }
}

TEST_CASE("every bit of every tensor counts, and bits between them do not") {
  const std::string text = content(300);
  const std::vector<larder::tensor_info> tensors{tensor("a", 0, 100), tensor("b", 104, 96), tensor("c", 200, 100)};
  std::vector<std::optional<larder::digest>> expected;
  for (const larder::tensor_info& t : tensors) expected.emplace_back(digest_of(text, t));
  const auto wrong_of = [&](const std::string& bytes) {
    layer_verification check(tensors, expected);
    CHECK(check.is_on());
    for (std::size_t at = 0; at < bytes.size(); at += 64)
      check.add(bytes_of(bytes).subspan(at, std::min<std::size_t>(64, bytes.size() - at)));
    return check.wrong();
  };
  CHECK_FALSE(wrong_of(text).has_value());
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const std::size_t byte = bit / 8;
    const std::optional<std::size_t> wrong = wrong_of(flipped);
    if (byte >= 100 && byte < 104)
      CHECK_FALSE(wrong.has_value());
    else
      CHECK(wrong == (byte < 100 ? 0U : byte < 200 ? 1U : 2U));
  }
  std::string two = text;
  two[250] = static_cast<char>(two[250] ^ 1);
  two[0] = static_cast<char>(two[0] ^ 1);
  CHECK(wrong_of(two) == 0U);  // the first

  expected[0].reset();  // not known
  CHECK(wrong_of(two) == 2U);
}

TEST_CASE("of several wrong tensors the first by number is named, whichever came first") {
  const std::string text = content(200);
  const std::vector<larder::tensor_info> tensors{tensor("second", 100, 100), tensor("first", 0, 100)};
  const std::vector<std::optional<larder::digest>> expected{larder::digest{1, 1}, larder::digest{1, 1}};
  layer_verification check(tensors, expected);
  check.add(bytes_of(text));
  CHECK(check.wrong() == 0U);
}

TEST_CASE("one that checks nothing finds nothing wrong") {
  layer_verification nothing;
  CHECK_FALSE(nothing.is_on());
  nothing.add(bytes_of(content(10)));
  CHECK_FALSE(nothing.wrong().has_value());
  CHECK_FALSE(layer_verifier().begin(7, {}).is_on());
  layer_verifier().passed(7);
}

TEST_CASE("a layer is compared at its first read, always or never") {
  named_source source{{{"l", 1, {tensor("w", 0, 1)}}, {"m", 1, {tensor("w", 0, 1)}}}, {{larder::digest{1, 2}}, {}}};
  layer_verifier first = layer_verifier::of(source, verify::first_read);
  CHECK(first.begin(0, source.all[0]).is_on());
  CHECK(first.begin(0, source.all[0]).is_on());  // it has not passed
  first.passed(0);
  CHECK_FALSE(first.begin(0, source.all[0]).is_on());
  CHECK_FALSE(first.begin(1, source.all[1]).is_on());  // nothing is known of it
  layer_verifier always = layer_verifier::of(source, verify::always);
  always.passed(0);
  CHECK(always.begin(0, source.all[0]).is_on());
  CHECK_FALSE(layer_verifier::of(source, verify::never).begin(0, source.all[0]).is_on());
  source.expected.clear();  // the source knows none
  CHECK_FALSE(layer_verifier::of(source, verify::always).begin(0, source.all[0]).is_on());
}

TEST_CASE("digests that are not of the layers are refused") {
  named_source source{{{"l", 1, {tensor("w", 0, 1)}}}, {{larder::digest{1, 2}, larder::digest{1, 2}}}};
  CHECK(support::cause_of([&] { layer_verifier::of(source, verify::first_read); }) == larder::error_cause::invalid_argument);
  source.expected = {{larder::digest{1, 2}}, {}};
  CHECK(says(support::refusal_of([&] { layer_verifier::of(source, verify::first_read); }), "digests() of the source"));
}

TEST_CASE("what is wrong is said with tensor, layer and place") {
  const named_source source{{{"l", 1, {tensor("w", 0, 1)}}}, {}};
  const support::refusal refused = support::refusal_of([&] { larder::layers::fail_verification(source, 0, source.all[0], 0); });
  CHECK(refused.cause == larder::error_cause::corruption);
  CHECK(says(refused, "tensor \"w\" of layer \"l\" is not what its digest says: its 1 bytes at file 0, offset 0"));
  struct silent {
    int nothing = 0;
  };
  CHECK(says(support::refusal_of([&] { larder::layers::fail_verification(silent{}, 0, source.all[0], 0); }),
             "at offset 0 of the layer"));
}
