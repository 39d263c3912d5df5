// What a cache's type does not allow, its operations say.
#include <larder/larder.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace larder::literals;

namespace {

using counted = larder::cache<std::string, int, larder::max_entries>;
using owning = larder::cache<std::string, std::unique_ptr<int>, larder::max_entries>;
using alone = larder::cache<std::string, int, larder::max_entries, larder::unsynchronized>;
const auto load = [](const std::string&) { return 1; };

[[maybe_unused]] int allowed(counted& numbers, owning& pointers, alone& single, larder::cache<std::string, int, larder::max_entries, larder::ttl>& timed) {
  int seen = 0;
  pointers.visit("a", [&](const std::unique_ptr<int>& p) { seen = *p; });
  timed.put("a", 1, 5s);
  const std::vector<std::pair<std::string, int>> entries{{"a", 1}, {"b", 2}};
  numbers.put_many(entries);
  timed.put_many(entries, 5s);
  larder::cache<std::string, larder::bytes, larder::max_bytes> blobs{larder::max_bytes{1000}};
  blobs.reserve("a", 10).commit();
  blobs.get_range("a", 0, 10);
  std::byte room[10]{};
  blobs.get_into("a", room);
  return seen + numbers.get_or_load_async("a", load).get() + single.get_or_load("a", load);
}

// expect 1: larder: put(key, value, ttl) needs the policy larder::ttl
#if LARDER_COMPILE_FAIL == 1
void no_ttl(counted& c) { c.put("a", 1, 5s); }
#endif

// expect 2: larder: get copies the value; look at a move-only value with visit
#if LARDER_COMPILE_FAIL == 2
auto get_move_only(owning& c) { return c.get("a"); }
#endif

// expect 3: larder: peek copies the value; look at a move-only value with visit
#if LARDER_COMPILE_FAIL == 3
auto peek_move_only(owning& c) { return c.peek("a"); }
#endif

// expect 4: larder: get_or_load shares the loaded value, so it must be copyable
#if LARDER_COMPILE_FAIL == 4
auto load_move_only(owning& c) {
  return c.get_or_load("a", [] { return std::make_unique<int>(1); });
}
#endif

// expect 5: larder: get_or_load_async needs a synchronized cache, not unsynchronized
#if LARDER_COMPILE_FAIL == 5
auto load_behind_its_back(alone& c) { return c.get_or_load_async("a", load); }
#endif

// expect 6: larder: refresh_after_write loads in the background, which an unsynchronized cache does not allow
#if LARDER_COMPILE_FAIL == 6
auto refresh_behind_its_back = larder::make_cache<int, int>(larder::max_entries{1}, larder::refresh_after_write{1h}, larder::unsynchronized{});
#endif

// expect 7: larder: a loader is called as loader(key), loader(key, stop_token) or loader()
#if LARDER_COMPILE_FAIL == 7
int wrong_loader(counted& c) {
  return c.get_or_load("a", [](int, int) { return 1; });
}
#endif

// expect 8: larder: get copies the value; look at a move-only value with visit
#if LARDER_COMPILE_FAIL == 8
auto get_many_move_only(owning& c) { return c.get_many({"a", "b"}); }
#endif

// expect 9: larder: get_or_load_many shares the loaded values, so they must be copyable
#if LARDER_COMPILE_FAIL == 9
auto load_many_move_only(owning& c, const std::vector<std::string>& keys) {
  return c.get_or_load_many(keys, [](const std::vector<std::string>&) { return std::vector<std::unique_ptr<int>>(); });
}
#endif

// expect 11: larder: put_many copies the values of its range; put move-only values one by one, or through std::move_iterator
#if LARDER_COMPILE_FAIL == 11
auto put_move_only(owning& c, const std::vector<std::pair<std::string, std::unique_ptr<int>>>& entries) { return c.put_many(entries); }
#endif

// expect 12: larder: put_many(entries, ttl) needs the policy larder::ttl
#if LARDER_COMPILE_FAIL == 12
auto many_without_ttl(counted& c, const std::vector<std::pair<std::string, int>>& entries) { return c.put_many(entries, 5s); }
#endif

// expect 13: larder: reserve gives room for bytes; a cache of other values takes them whole, by put
#if LARDER_COMPILE_FAIL == 13
auto room_for_a_number(counted& c) { return c.reserve("a", sizeof(int)).commit(); }
#endif

// expect 14: larder: get_range gives a part of bytes; get a value of another type whole
#if LARDER_COMPILE_FAIL == 14
auto part_of_a_number(counted& c) { return c.get_range("a", 0, 2); }
#endif

// expect 15: larder: adopt_file is for a storage of files, mmap_disk; elsewhere read the file and put it
#if LARDER_COMPILE_FAIL == 15
auto file_into_memory(larder::cache<std::string, larder::bytes, larder::max_bytes>& c) { return c.adopt_file("a", "file"); }
#endif

// expect 16: larder: adopt_file makes bytes of a file; read a value of another type and put it
#if LARDER_COMPILE_FAIL == 16
auto file_as_a_number(counted& c) { return c.adopt_file("a", "file"); }
#endif

// expect 17: larder: put(key, value, control) follows a transfer, which only a remote storage has; use put(key, value)
#if LARDER_COMPILE_FAIL == 17
auto followed_put(counted& c) { return c.put("a", 1, larder::transfer_control{}); }
#endif

// expect 18: larder: get(key, control) follows a transfer, which only a remote storage has; use get(key)
#if LARDER_COMPILE_FAIL == 18
auto followed_get(counted& c) { return c.get("a", larder::transfer_control{}); }
#endif

// expect 19: larder: get_into gives bytes; get a value of another type whole
#if LARDER_COMPILE_FAIL == 19
auto number_into_a_room(counted& c) {
  std::byte room[4]{};
  return c.get_into("a", room);
}
#endif

// expect 10: larder: get_or_load_async shares the loaded value, so it must be copyable
#if LARDER_COMPILE_FAIL == 10
auto load_move_only_later(owning& c) {
  return c.get_or_load_async("a", [] { return std::make_unique<int>(1); });
}
#endif

}  // namespace
