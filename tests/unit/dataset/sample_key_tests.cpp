#include <larder/core/bytes.hpp>
#include <larder/dataset/sample_key.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using namespace larder::datasets;

TEST_CASE("keys differ by version, by the shard's content and by number, and are short") {
  const larder::digest one{1, 2};
  const larder::digest other{1, 3};
  std::set<std::string> keys;
  for (const std::string_view version : {"v1", "v2", ""})
    for (const larder::digest& shard : {one, other, larder::digest{2, 2}})
      for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 40U, sample_key::count_number, sample_key::form_number})
        keys.insert(std::string(std::string_view(sample_key(shard_key::of(making_of<larder::bytes>(version), shard), number))));
  CHECK(keys.size() == 45);
  CHECK(keys.begin()->size() == 28);  // which lies in a cache's entry
}

TEST_CASE("what samples are made of is told by version and kind, and never taken for raw records") {
  CHECK(making_of<int>("v") != making_of<long>("v"));
  CHECK(making_of<int>("v") != making_of<unsigned>("v"));
  CHECK(making_of<int>("v") != making_of<float>("v"));
  CHECK(making_of<std::vector<int>>("v") != making_of<std::vector<float>>("v"));
  CHECK(making_of<std::vector<short>>("v") != making_of<std::vector<int>>("v"));
  CHECK(making_of<std::vector<int>>("v") != making_of<int>("v"));
  CHECK(making_of<std::string>("v") == making_of<larder::bytes>("v"));
  CHECK(making_of<larder::bytes>("") != making_of_raw());
}

TEST_CASE("keys are the same in the next release: caches on disk outlive it") {
  const shard_key key = shard_key::of(making_of<larder::bytes>("tokenize-v3"), {0x1122334455667788, 0x99aabbccddeeff00});
  CHECK(larder::digest_of(key.view()).hex() == "a428aee908a8bc66105e53eb8d80db3e");
  CHECK(key.view().substr(8, 8) == "\x88\x77\x66\x55\x44\x33\x22\x11");
}

TEST_CASE("the shard that a sample's key begins with") {
  const shard_key key = shard_key::of(5, {6, 7});
  const sample_key sample(key, 8);
  CHECK(shard_key::of_text(sample) == key);
  CHECK(shard_key::of_text(key.view()) == key);
  CHECK(shard_key::of_text("").view() == std::string(20, '\0'));
  CHECK(shard_key::of_text("ab").view() == "ab" + std::string(18, '\0'));
}
