#include "cases.hpp"

#include "catalogue.hpp"
#include "race.hpp"
#include "resident_growth.hpp"
#include "workload.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>

namespace bench {
namespace {

using names = std::vector<std::string>;

template <class Key>
void append(candidates<Key>& all, candidates<Key> more) {
  all.insert(all.end(), more.begin(), more.end());
}

/// Those of these names, in their order; a peer may be absent.
template <class Key>
candidates<Key> pick(const candidates<Key>& from, const names& wanted) {
  candidates<Key> picked;
  for (const std::string& name : wanted) {
    const auto at = std::find_if(from.begin(), from.end(), [&](const candidate<Key>& c) { return c.name == name; });
    if (at != from.end())
      picked.push_back(*at);
    else if (!name.starts_with("rocksdb") && !name.starts_with("tbb"))
      throw std::logic_error("no subject \"" + name + "\"");
  }
  return picked;
}

template <class Key>
void fill(subject<Key>& cache, std::size_t count) {
  constexpr std::size_t step = 10'000;
  std::vector<Key> keys;
  for (std::size_t from = 0; from < count; from += step) {
    keys.clear();
    for (std::size_t i = from; i < std::min(from + step, count); ++i) keys.push_back(key_of<Key>(i));
    cache.put(keys);
  }
}

/// All requests of a case, as ranks of keys: chunk 0 warms up.
class request_ranks {
 public:
  request_ranks(zipf draws, const options& wanted)
      : chunk_(wanted.chunk), ranks_(draws.draw((1 + wanted.chunks) * wanted.chunk)) {}
  std::span<const std::uint32_t> of(std::size_t chunk) const { return std::span(ranks_).subspan(chunk * chunk_, chunk_); }

 private:
  std::size_t chunk_;
  std::vector<std::uint32_t> ranks_;
};

/// All keys are there, with a quarter of the room to spare.
template <class Key>
void read_resident(const std::string& name, std::string about, candidates<Key> field, const options& wanted, report& figures) {
  const request_ranks ranks(zipf(wanted.keys, 0.99, zipf_99_seed), wanted);
  std::vector<Key> keys;
  contest<Key> c;
  c.name = name;
  c.about = std::move(about);
  c.field = std::move(field);
  c.capacity = wanted.keys + wanted.keys / 4;
  c.prepare = [&](subject<Key>& cache) { fill(cache, wanted.keys); };
  c.make_requests = [&](std::size_t chunk) { keys = keys_of<Key>(ranks.of(chunk)); };
  c.run = [&](subject<Key>& cache) { return time_alone([&] { return cache.get(keys); }); };
  race(c, wanted, figures);
}

void get_u64(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  // Another order, `exact<...>` of one: its name here, after a line in the catalogue.
  read_resident(name, "hits, 64-bit keys, all resident, Zipf 0.99, one thread",
                pick(all.u64, {"flat_map",
                               "clock",
                               "sieve",
                               "s3_fifo",
                               "fifo",
                               "largest_first",
                               "epoch_pin",
                               "w_tinylfu",
                               "arc",
                               "lirs",
                               "gdsf",
                               "lfu",
                               "adaptive",
                               "lru",
                               "clock_sharded",
                               "sieve_sharded",
                               "s3_fifo_sharded",
                               "clock_observed",
                               "s3_fifo_observed",
                               "lru_observed",
                               "clock_sharded_observed",
                               "clock_timed",
                               "clock_sharded_timed",
                               "clock_history",
                               "clock_sharded_history",
                               "list_lru",
                               "rocksdb_lru",
                               "rocksdb_hyper_clock",
                               "tbb_lru"}),
                wanted, figures);
}
void get_str32(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  read_resident(name, "hits, 32-byte string keys, all resident, Zipf 0.99, one thread", all.strings, wanted, figures);
}
void get_bytes(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  read_resident(name, "hits, 64-bit keys, values larder::bytes; _copy: the hit copies the value out", all.byte_values, wanted,
                figures);
}
void get_string(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  read_resident(name, "hits, 64-bit keys, values std::string; _copy: the hit copies the value out", all.string_values, wanted,
                figures);
}

void evicting(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  using key = std::uint64_t;
  const std::size_t room = wanted.keys / 2;
  contest<key> c;
  latest requests(wanted.keys, 0.99, zipf_99_seed);
  const std::vector<key> all_keys = requests.next((1 + wanted.chunks) * wanted.chunk);
  std::span<const key> keys;
  c.name = name;
  c.about =
      "19 of 20 get a key by its age (Zipf 0.99), 1 of 20 puts a new one, misses are not stored; capacity 50 % of the keys asked "
      "for, one thread";
  c.field = pick(all.u64,
                 {"flat_map_ring", "clock", "sieve", "s3_fifo", "fifo", "w_tinylfu", "arc", "lirs", "gdsf", "lfu", "adaptive",
                  "lru", "clock_sharded", "sieve_sharded", "s3_fifo_sharded", "clock_timed", "clock_sharded_timed", "clock_history",
                  "clock_sharded_history", "list_lru", "rocksdb_lru", "rocksdb_hyper_clock"});
  c.capacity = room;
  c.prepare = [&](subject<key>& cache) { fill(cache, wanted.keys); };
  c.make_requests = [&](std::size_t chunk) { keys = std::span(all_keys).subspan(chunk * wanted.chunk, wanted.chunk); };
  c.run = [&](subject<key>& cache) { return time_alone([&] { return cache.get_and_put(keys); }); };
  race(c, wanted, figures);
}

/// Get, and put what is not there; room for 10 % of the keys.
void get_or_put(contest<std::uint64_t> c, const options& wanted, report& figures) {
  using key = std::uint64_t;
  zipf draws(wanted.keys, 0.9, zipf_90_seed);
  const std::vector<key> warm_up = keys_of<key>(draws.draw(2 * wanted.keys));
  const request_ranks ranks(std::move(draws), wanted);
  std::vector<key> keys;
  std::vector<key> others;
  c.capacity = wanted.keys / 10;
  c.prepare = [&](subject<key>& cache) { cache.get_or_put(warm_up); };
  c.make_requests = [&](std::size_t chunk) {
    keys = keys_of<key>(ranks.of(chunk));
    if (c.threads == 2) others = keys_of<key>(ranks.of(chunk == 0 ? wanted.chunks : chunk - 1));
  };
  c.run = [&](subject<key>& cache) {
    const auto work = [&] { return cache.get_or_put(keys); };
    return c.threads == 1 ? time_alone(work) : time_pair(work, [&] { return cache.get_or_put(others); });
  };
  race(c, wanted, figures);
}

void mixed_u64(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  contest<std::uint64_t> c;
  c.name = name;
  c.about = "get, or put what is not there; Zipf 0.9, capacity 10 % of the keys, one thread";
  c.field = pick(all.u64,
                 {"list_lru", "clock", "sieve", "s3_fifo", "fifo", "w_tinylfu", "arc", "lirs", "gdsf", "lfu", "adaptive", "lru",
                  "clock_sharded", "sieve_sharded", "s3_fifo_sharded", "rocksdb_lru", "rocksdb_hyper_clock", "tbb_lru"});
  get_or_put(std::move(c), wanted, figures);
}
/// The same in turns with larder's own, since a ratio to a third cache says little about two.
void mixed_to_s3_fifo(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  contest<std::uint64_t> c;
  c.name = name;
  c.about = "mixed_u64 with s3_fifo as the one that the others are compared with";
  c.field = pick(all.u64, {"s3_fifo", "sieve", "list_lru", "rocksdb_lru", "rocksdb_hyper_clock", "tbb_lru"});
  get_or_put(std::move(c), wanted, figures);
}
void two_threads_mixed(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  contest<std::uint64_t> c;
  c.name = name;
  c.about = "mixed_u64 by two threads; wall time";
  c.threads = 2;
  c.field = pick(all.u64, {"list_lru_mutex", "clock_sharded", "sieve_sharded", "s3_fifo_sharded", "rocksdb_lru",
                           "rocksdb_hyper_clock", "tbb_lru"});
  get_or_put(std::move(c), wanted, figures);
}

/// Two threads over keys that are all there.
void two_threads(contest<std::uint64_t> c, bool puts, const options& wanted, report& figures) {
  using key = std::uint64_t;
  const request_ranks ranks(zipf(wanted.keys, 0.99, zipf_99_seed), wanted);
  std::vector<key> keys;
  std::vector<key> others;
  c.threads = 2;
  c.capacity = wanted.keys + wanted.keys / 4;
  c.prepare = [&](subject<key>& cache) { fill(cache, wanted.keys); };
  c.make_requests = [&](std::size_t chunk) {
    keys = keys_of<key>(ranks.of(chunk));
    if (c.threads == 2) others = keys_of<key>(ranks.of(chunk == 0 ? wanted.chunks : chunk - 1));
  };
  c.run = [&](subject<key>& cache) {
    if (puts) return time_pair([&] { return cache.get_and_put(keys); }, [&] { return cache.get_and_put(others); });
    return time_pair([&] { return cache.get(keys); }, [&] { return cache.get(others); });
  };
  race(c, wanted, figures);
}

void two_threads_read(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  contest<std::uint64_t> c;
  c.name = name;
  c.about = "hits by two threads, 64-bit keys, all resident, Zipf 0.99; wall time; flat_map without a lock";
  c.field = pick(all.u64, {"flat_map", "clock_sharded", "sieve_sharded", "s3_fifo_sharded", "list_lru_mutex", "rocksdb_lru",
                           "rocksdb_hyper_clock", "tbb_lru"});
  two_threads(std::move(c), false, wanted, figures);
}
void two_threads_95_5(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  contest<std::uint64_t> c;
  c.name = name;
  c.about =
      "95 % hits, 5 % puts of keys that are there, by two threads; wall time; flat_map writes over values in place, without a "
      "lock";
  c.field = pick(all.u64, {"flat_map_in_place", "clock_sharded", "sieve_sharded", "s3_fifo_sharded", "list_lru_mutex",
                           "rocksdb_lru", "rocksdb_hyper_clock"});
  two_threads(std::move(c), true, wanted, figures);
}

void memory(const std::string& name, const everybody& all, const options& wanted, report& figures) {
  const candidates<std::uint64_t> field = pick(all.u64, {"flat_map",
                                                         "clock",
                                                         "sieve",
                                                         "s3_fifo",
                                                         "fifo",
                                                         "largest_first",
                                                         "epoch_pin",
                                                         "w_tinylfu",
                                                         "arc",
                                                         "lirs",
                                                         "gdsf",
                                                         "lfu",
                                                         "adaptive",
                                                         "lru",
                                                         "clock_sharded",
                                                         "s3_fifo_sharded",
                                                         "list_lru",
                                                         "rocksdb_lru",
                                                         "rocksdb_hyper_clock",
                                                         "tbb_lru"});
  double bare = 0;
  for (const candidate<std::uint64_t>& who : field) {
    if (!wanted.wants(who.name) && who.name != field.front().name) continue;
    const double growth = resident_growth([&](const std::function<void()>& built) {
      const auto cache = who.make(wanted.keys + wanted.keys / 10);
      fill(*cache, wanted.keys);
      built();
    });
    const double each = growth / static_cast<double>(wanted.keys);
    if (bare == 0) bare = each;
    figures.add({name, who.name, "memory", "bytes/entry", each, {}});
    figures.add({name, who.name, "above flat_map", "bytes/entry", each - bare, {}});
  }
  figures.close(name, "resident bytes per entry, 64-bit keys and values, capacity 1.1 times the entries", "flat_map");
}

}  // namespace

everybody::everybody()
    : u64(plain_u64()), strings(plain_strings()), byte_values(larder_byte_values()), string_values(larder_string_values()) {
  for (const auto& more : {larder_recency(), larder_frequency(), larder_sharded(), larder_observed(), rocksdb_u64(), tbb_u64()})
    append(u64, more);
  for (const auto& more : {larder_strings(), rocksdb_strings(), tbb_strings()}) append(strings, more);
}

bool everybody::has(const std::string& name) const {
  const auto is = [&](const auto& c) { return c.name == name; };
  return std::any_of(u64.begin(), u64.end(), is) || std::any_of(byte_values.begin(), byte_values.end(), is);
}

const std::vector<scenario>& scenarios() {
  static const std::vector<scenario> all{
      {"memory", memory},  // the first: its children begin with a heap that nothing was freed on
      {"get_u64", get_u64},
      {"get_str32", get_str32},
      {"get_bytes", get_bytes},
      {"get_string", get_string},
      {"evicting", evicting},
      {"mixed_u64", mixed_u64},
      {"mixed_to_s3_fifo", mixed_to_s3_fifo},
      {"two_threads_read", two_threads_read},
      {"two_threads_95_5", two_threads_95_5},
      {"two_threads_mixed", two_threads_mixed},
  };
  return all;
}

}  // namespace bench
