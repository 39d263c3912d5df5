#include <larder/dataset/dataset_source.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::digest;
using larder::datasets::fingerprint_builder;

namespace {

struct letters_shard {
  std::string of;
  std::uint64_t size() const noexcept { return of.size(); }
  const char& record(std::uint64_t number) const { return of.at(number); }
};
struct letters {
  std::string name() const { return "letters"; }
  std::size_t shards() const { return 2; }
  std::uint64_t shard_bytes(std::size_t) const { return 0; }
  digest fingerprint(std::size_t shard) const { return larder::digest_of(shard == 0 ? "ab" : "c"); }
  std::optional<std::uint64_t> count(std::size_t) const { return std::nullopt; }
  std::shared_ptr<const letters_shard> open(std::size_t shard) const {
    return std::make_shared<const letters_shard>(letters_shard{shard == 0 ? "ab" : "c"});
  }
};
static_assert(larder::dataset_source<letters>);
static_assert(std::is_same_v<larder::datasets::shard_of<letters>, letters_shard>);
static_assert(std::is_same_v<larder::datasets::record_of<letters>, const char&>);

struct in_one_object : letters {
  std::optional<letters_shard> open(std::size_t) const { return letters_shard{"ab"}; }
};
static_assert(larder::dataset_source<in_one_object>);
struct without_a_fingerprint : letters {
  void fingerprint(std::size_t) const {}
};
static_assert(!larder::dataset_source<without_a_fingerprint>);
struct opens_no_shard : letters {
  std::shared_ptr<const std::string> open(std::size_t) const { return nullptr; }
};
static_assert(!larder::dataset_source<opens_no_shard>);
struct always_counts : letters {
  std::uint64_t count(std::size_t) const { return 1; }
};
static_assert(!larder::dataset_source<always_counts>);
static_assert(!larder::dataset_source<std::vector<int>>);

digest of(const std::vector<std::string>& texts) {
  fingerprint_builder builder;
  for (const std::string& text : texts) builder.add(text);
  return builder.finish();
}

}  // namespace

TEST_CASE("no two lists of texts have one fingerprint") {
  CHECK(rc::check("lists", [] {
    const auto a = *rc::gen::arbitrary<std::vector<std::string>>();
    const auto b = *rc::gen::arbitrary<std::vector<std::string>>();
    RC_ASSERT(of(a) == of(std::vector<std::string>(a)));
    RC_ASSERT((of(a) == of(b)) == (a == b));
  }));
  CHECK(of({"ab", "c"}) != of({"a", "bc"}));
  CHECK(of({"a", ""}) != of({"", "a"}));
  CHECK(of({}) != of({""}));
}

TEST_CASE("numbers and digests count, and so does their order") {
  CHECK(fingerprint_builder().add(1U).add(2U).finish() != fingerprint_builder().add(2U).add(1U).finish());
  const digest a{1, 2};
  CHECK(fingerprint_builder().add(a).finish() == fingerprint_builder().add(1U).add(2U).finish());
  CHECK(fingerprint_builder().add(digest{2, 1}).finish() != fingerprint_builder().add(a).finish());
}

TEST_CASE("a source gives its records shard by shard") {
  const letters source;
  std::string all;
  for (std::size_t shard = 0; shard < source.shards(); ++shard) {
    const auto open = source.open(shard);
    for (std::uint64_t i = 0; i < open->size(); ++i) all += open->record(i);
  }
  CHECK(all == "abc");
}
