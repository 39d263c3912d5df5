#include "support/temporary_folder.hpp"

#include <larder/larder.hpp>
#include <larder/observe/key_history.hpp>
#include <larder/observe/latency_histogram.hpp>
#include <larder/observe/metrics.hpp>
#include <larder/storage/directory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using larder::key_change;
using namespace larder::literals;

namespace {

larder::bytes text(const std::string& content) { return larder::bytes::copy_of(content.data(), content.size()); }
std::vector<key_change> changes(const std::vector<larder::key_event>& events) {
  std::vector<key_change> found;
  for (const larder::key_event& e : events) found.push_back(e.change);
  return found;
}
using list = std::vector<key_change>;

}  // namespace

TEST_CASE("every get and put of a cache on disk is timed, and what became of a key is known") {
  const support::temporary_folder folder;
  auto cache = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_MiB}, larder::latency_histogram{},
                                                              larder::key_history{.share = 1.0},
                                                              larder::mmap_disk{folder.path() / "cache"});
  CHECK(cache.put("a", text("1")));
  CHECK(cache.put("a", text("22")));
  const std::vector<std::pair<std::string, larder::bytes>> more{{"b", text("1")}, {"c", text("1")}};
  CHECK(cache.put_many(more) == 2);
  CHECK(cache.get("a"));
  CHECK(!cache.get("d"));
  CHECK(cache.get_range("a", 0, 1));
  CHECK(cache.get_or_load("e", [](const std::string&) { return text("e"); }) == text("e"));
  const larder::latency_report seen = cache.stats().latency.value();
  CHECK(seen.every == 1);
  CHECK(seen.put.count() == 5);
  CHECK(seen.get.count() == 4);
  CHECK(seen.load.count() == 1);

  CHECK(cache.erase("a"));
  CHECK(!cache.put("b", text(std::string(2 << 20, 'x'))));
  CHECK(changes(cache.history("a")) ==
        list{key_change::inserted, key_change::replaced, key_change::inserted, key_change::erased});
  CHECK(changes(cache.history("c")) == list{key_change::inserted});
  const std::vector<key_change> of_b = changes(cache.history("b"));
  CHECK(of_b.front() == key_change::inserted);
  CHECK(of_b.size() >= 3);  // replaced and refused, in the order in which the storage found out
  for (int i = 0; i < 40; ++i) CHECK(cache.put("large " + std::to_string(i), text(std::string(100'000, 'x'))));
  int evicted = 0;
  for (int i = 0; i < 40; ++i)
    for (const larder::key_event& e : cache.history("large " + std::to_string(i)))
      evicted += e.change == key_change::evicted ? 1 : 0;
  CHECK(evicted > 20);
  CHECK(static_cast<std::uint64_t>(evicted) <= cache.stats().evictions);

  larder::metrics all;
  all.add("disk", cache);
  CHECK(all.prometheus().find("larder_cache_capacity_bytes{cache=\"disk\"} 1048576\n") != std::string::npos);
}

TEST_CASE("the same in a directory with a file per entry") {
  const support::temporary_folder folder;
  auto cache = larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_entries{2}, larder::latency_histogram{},
                                                              larder::key_history{.share = 1.0},
                                                              larder::directory{folder.path() / "cache"});
  for (const char* const key : {"a", "b", "c"}) CHECK(cache.put(key, text(key)));
  CHECK(!cache.get("a"));
  CHECK(changes(cache.history("a")) == list{key_change::inserted, key_change::evicted});
  CHECK(cache.stats().latency->get.count() == 1);
}
