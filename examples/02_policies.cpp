// Policies in any order: two limits, a weigher, expiry, a listener, a clock that the program moves itself.
#include <larder/larder.hpp>

#include <iostream>
#include <string>

using namespace larder::literals;

int main() {
  larder::manual_clock now;
  int evicted = 0;
  int expired = 0;
  auto pages = larder::make_cache<std::string, std::string>(
      larder::clock{}, larder::max_entries{3}, larder::max_weight{1000},
      larder::weigher{[](const std::string& key, const std::string& page) { return key.size() + page.size(); }},
      larder::expire_after_write{24h}, larder::time_source{now},
      larder::removal_listener{[&](const std::string& key, const std::string&, larder::removal_cause cause) {
        std::cout << key << (cause == larder::removal_cause::evicted ? " was evicted\n" : " left\n");
        (cause == larder::removal_cause::evicted ? evicted : expired) += 1;
      }});

  for (const char* key : {"a", "b", "c", "d"}) pages.put(key, std::string(100, 'x'));  // the fourth makes the first leave
  std::cout << pages.size() << " entries weigh " << pages.weight() << '\n';

  pages.set_capacity(larder::max_weight{250});  // shrinks at once
  std::cout << pages.size() << " entries after set_capacity\n";

  now.advance(24h);
  const bool still_there = pages.contains("d");
  now.advance(1ns);
  const bool gone = !pages.get("d").has_value();

  auto tokens = larder::make_cache<std::string, int>(larder::max_entries{100}, larder::ttl{}, larder::time_source{now});
  tokens.put("session", 7, 10min);  // a time to live of its own
  now.advance(11min);

  return evicted == 2 && expired == 1 && still_there && gone && !tokens.get("session") ? 0 : 1;
}
