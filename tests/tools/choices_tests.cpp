#include "refusal.hpp"
#include "simulate/cache_size.hpp"
#include "simulate/policy_table.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

using simulate::counted;
using simulate::parse_cache_sizes;

namespace {

std::vector<std::uint64_t> capacities(std::string_view list, counted by, std::uint32_t keys, std::uint64_t bytes) {
  simulate::request_trace trace;
  trace.name = "t";
  trace.keys = {0};
  trace.key_count = keys;
  trace.footprint_bytes = bytes;
  if (bytes != 0) trace.sizes = {bytes};
  return simulate::capacities_of(parse_cache_sizes(list, by), trace, by);
}

}  // namespace

TEST_CASE("sizes are shares, entries or bytes; ascending, each once, at least 1") {
  using list = std::vector<std::uint64_t>;
  CHECK(capacities("10%,0.1%,5000,29%", counted::entries, 100, 0) == list{1, 10, 29, 5000});
  CHECK(capacities("5k,1%", counted::entries, 2606, 0) == list{26, 5000});
  CHECK(capacities("0.1%,1%,10%", counted::bytes, 1, 304'213'576) == list{304'213, 3'042'135, 30'421'357});
  CHECK(capacities("64MiB,1GB,100,100%", counted::bytes, 1, 5000) == list{100, 5000, 67'108'864, 1'000'000'000});
  CHECK(says(refusal([] { capacities("1%", counted::bytes, 5, 0); }), "has no sizes"));
}

TEST_CASE("what is not a size is quoted, with the way out") {
  for (const char* text : {"", "0%", "-1%", "101%", "x%", "%", "nan%", "1%,", "abc", "-5", "0"}) {
    CAPTURE(text);
    CHECK(says(refusal([&] { parse_cache_sizes(text, counted::entries); }), "--sizes: \""));
  }
  CHECK(says(refusal([] { parse_cache_sizes("1%,64MiB", counted::entries); }),
             "\"64MiB\" counts bytes, and the caches count entries; write --by bytes"));
}

TEST_CASE("policies by name, in the table's order, each once") {
  const auto chosen = simulate::policies_named("belady,sieve,lru,sieve");
  REQUIRE(chosen.size() == 3);
  CHECK(chosen[0]->name == "lru");
  CHECK(chosen[1]->name == "sieve");
  CHECK(chosen[2]->name == "belady");
  CHECK(simulate::policies_named("all").size() == simulate::all_policies().size());
}

TEST_CASE("an unknown policy is answered with the nearest and with all there are") {
  const std::string what = refusal([] { simulate::policies_named("lru,S3-FIF0"); });
  CHECK(says(what, "there is no policy \"S3-FIF0\"; did you mean s3_fifo?"));
  for (const simulate::policy& order : simulate::all_policies()) CHECK(says(what, order.name));
  CHECK(says(refusal([] { simulate::policies_named("lur"); }), "did you mean lru?"));
  CHECK(says(refusal([] { simulate::policies_named("LRU"); }), "did you mean lru?"));
  CHECK(says(refusal([] { simulate::policies_named("none"); }), "there is no policy \"none\"; there are: "));
  CHECK(says(refusal([] { simulate::policies_named(""); }), "there is no policy \"\""));
  CHECK(says(refusal([] { simulate::policies_named("lru,"); }), "there is no policy \"\""));
}

TEST_CASE("each policy has a name and a look of its own") {
  std::set<std::string> names;
  std::set<std::string> looks;
  for (const simulate::policy& order : simulate::all_policies()) {
    names.emplace(order.name);
    looks.insert(std::string(order.style.colour) + " " + std::string(order.style.dashes));
  }
  CHECK(names.size() == simulate::all_policies().size());
  CHECK(looks.size() == simulate::all_policies().size());
}
