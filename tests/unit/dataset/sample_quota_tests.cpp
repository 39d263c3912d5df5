#include <larder/dataset/sample_quota.hpp>

#include <larder/dataset/sample_key.hpp>

#include <cstdint>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

using larder::datasets::fill_gate;
using larder::datasets::sample_quota;
using larder::datasets::shard_account;
using larder::datasets::shard_key;

TEST_CASE("without a limit there is room for everything") {
  const sample_quota quota;
  CHECK(quota.may_have(~std::uint64_t{0}));
  CHECK(quota.account() == nullptr);
  CHECK(quota.most() == sample_quota::none);
}

TEST_CASE("an account is of its shards") {
  const shard_key a = shard_key::of_text("a"), b = shard_key::of_text("b"), c = shard_key::of_text("c");
  const shard_account some({c, a}), all(std::vector<shard_key>{});
  CHECK(some.is_of(a));
  CHECK(!some.is_of(b));
  CHECK(some.is_of(c));
  CHECK(all.is_of(b));
}

TEST_CASE("an account knows what there is at least, and what surely fits whatever others did") {
  const auto account = std::make_shared<shard_account>(std::vector<shard_key>{shard_key{}});
  const sample_quota quota(100, account);
  const fill_gate::tally then{1, 500, 3};
  CHECK(account->least() == 0);
  CHECK(quota.may_have(100));  // nobody has counted
  CHECK(!account->surely_has(100, 1, then, 0));
  account->count(40, then, 1000);
  CHECK(account->least() == 40);
  CHECK(quota.may_have(60));
  CHECK(!quota.may_have(61));
  CHECK(account->surely_has(100, 60, then, 1000));
  CHECK(!account->surely_has(100, 61, then, 1000));
  CHECK(account->surely_has(100, 50, {1, 510, 3}, 1010));
  CHECK(!account->surely_has(100, 51, {1, 510, 3}, 1010));
  CHECK(!account->surely_has(100, 0, {1, 510, 3}, 999));  // fewer than there were: a page that somebody wrote into
  CHECK(!account->surely_has(100, 1, {2, 510, 3}, 1000));  // another page
  CHECK(account->is_current(then));
  CHECK(!account->is_current({1, 500, 4}));
  account->add(60);
  CHECK(!quota.may_have(1));
  CHECK(quota.may_have(0));
  account->add(1);
  CHECK(!quota.may_have(0));  // it is over by then
  account->take_back(21);
  CHECK(quota.may_have(20));
  account->forget();
  CHECK(quota.may_have(100));
  CHECK(!account->is_current(then));
}

TEST_CASE("the numbers of others may begin anywhere and go round") {
  shard_account account(std::vector<shard_key>{});
  const std::uint64_t before = ~std::uint64_t{0} - 4;
  account.count(10, {1, 0, 0}, before);
  CHECK(account.surely_has(100, 80, {1, 0, 0}, before + 10));
  CHECK(!account.surely_has(100, 81, {1, 0, 0}, before + 10));
}
