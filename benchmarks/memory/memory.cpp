// What a hit, and a mixed get-or-insert, cost in memory: subjects and peers interleaved in one process in chunks, on
// thread CPU time; medians of the chunks' times and of their ratios to the baseline chunk beside them.
// Cases: get_u64 and get_str32 (1 M resident keys, Zipf 0.99), mixed_u64 (capacity 10 % of the keys, Zipf 0.9).

#include <larder/larder.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Draws of ranks 0..n-1 with probability proportional to 1/(rank+1)^skew.
std::vector<std::uint32_t> zipf(std::size_t n, double skew, std::size_t draws, std::uint64_t seed) {
  std::vector<double> cumulative(n);
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) cumulative[i] = sum += std::pow(static_cast<double>(i + 1), -skew);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0, sum);
  std::vector<std::uint32_t> ranks(draws);
  for (std::uint32_t& rank : ranks)
    rank = static_cast<std::uint32_t>(std::lower_bound(cumulative.begin(), cumulative.end(), uniform(random)) - cumulative.begin());
  return ranks;
}

std::uint64_t splitmix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

struct hash_xxh3 {
  using is_avalanching = void;
  template <class Key>
  std::size_t operator()(const Key& key) const noexcept {
    return larder::xxh3{}(key);
  }
};

/// The textbook LRU: a list of pairs and a map of iterators.
template <class Key>
class textbook_lru {
 public:
  explicit textbook_lru(std::size_t capacity) : capacity_(capacity) { map_.reserve(capacity); }
  bool get(const Key& key, std::uint64_t& value) {
    const auto at = map_.find(key);
    if (at == map_.end()) return false;
    list_.splice(list_.begin(), list_, at->second);
    value = at->second->second;
    return true;
  }
  void put(const Key& key, std::uint64_t value) {
    if (map_.size() == capacity_) {
      map_.erase(list_.back().first);
      list_.pop_back();
    }
    list_.emplace_front(key, value);
    map_[key] = list_.begin();
  }

 private:
  std::size_t capacity_;
  std::list<std::pair<Key, std::uint64_t>> list_;
  std::unordered_map<Key, typename std::list<std::pair<Key, std::uint64_t>>::iterator, hash_xxh3> map_;
};

template <class Key>
class flat_map {
 public:
  explicit flat_map(std::size_t capacity) { map_.reserve(capacity); }
  bool get(const Key& key, std::uint64_t& value) {
    const auto at = map_.find(key);
    if (at == map_.end()) return false;
    value = at->second;
    return true;
  }
  void put(const Key& key, std::uint64_t value) { map_.emplace(key, value); }

 private:
  boost::unordered_flat_map<Key, std::uint64_t, hash_xxh3> map_;
};

template <class Key, class... Policies>
class subject {
 public:
  explicit subject(std::size_t capacity) : cache_(larder::max_entries{capacity}) {}
  bool get(const Key& key, std::uint64_t& value) {
    return cache_.visit(key, [&](std::uint64_t v) { value = v; });
  }
  void put(const Key& key, std::uint64_t value) { cache_.put(key, value); }

 private:
  larder::cache<Key, std::uint64_t, larder::max_entries, Policies...> cache_;
};

struct row {
  std::string scenario;
  std::string name;
  std::string metric;
  std::string unit;
  double value;
  std::vector<double> runs;
};
std::vector<row> rows;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// One contestant: runs a chunk of the draws and returns how many hit.
struct contestant {
  std::string name;
  std::function<std::size_t(const std::uint32_t*, std::size_t)> chunk;
  std::vector<double> nanoseconds;
  std::vector<double> ratios;
  std::size_t hits = 0;
  std::size_t asked = 0;
};

void race(const std::string& scenario, std::vector<contestant>& all, const std::vector<std::uint32_t>& draws, std::size_t chunk) {
  for (std::size_t from = 0; from + chunk <= draws.size(); from += chunk) {
    for (contestant& c : all) {
      const double begin = cpu_seconds();
      c.hits += c.chunk(draws.data() + from, chunk);
      c.asked += chunk;
      c.nanoseconds.push_back((cpu_seconds() - begin) * 1e9 / static_cast<double>(chunk));
      c.ratios.push_back(c.nanoseconds.back() / all.front().nanoseconds.back());
    }
  }
  std::printf("\n%-12s %-28s %9s %22s %10s\n", "case", "subject", "ns/op", ("ratio to " + all.front().name).c_str(), "hit ratio");
  for (contestant& c : all) {
    const double ns = median(c.nanoseconds);
    const double ratio = median(c.ratios);
    const double hit_ratio = static_cast<double>(c.hits) / static_cast<double>(c.asked);
    const auto [low, high] = std::minmax_element(c.ratios.begin(), c.ratios.end());
    std::printf("%-12s %-28s %9.1f %8.2f (%.2f-%.2f) %10.4f\n", scenario.c_str(), c.name.c_str(), ns, ratio, *low, *high, hit_ratio);
    rows.push_back({scenario, c.name, "time", "ns/op", ns, c.nanoseconds});
    rows.push_back({scenario, c.name, "ratio to " + all.front().name, "x", ratio, c.ratios});
    rows.push_back({scenario, c.name, "hit ratio", "1", hit_ratio, {}});
  }
}

/// A contestant that reads keys which are all there.
template <class Cache, class Key>
contestant reader(std::string name, const std::vector<Key>& keys, std::size_t capacity) {
  auto cache = std::make_shared<Cache>(capacity);
  for (std::size_t i = 0; i < keys.size(); ++i) cache->put(keys[i], i);
  return {std::move(name),
          [cache, &keys](const std::uint32_t* draws, std::size_t n) {
            std::size_t hits = 0;
            std::uint64_t sum = 0;
            for (std::size_t i = 0; i < n; ++i) {
              std::uint64_t value = 0;
              hits += cache->get(keys[draws[i]], value) ? 1U : 0U;
              sum += value;
            }
            return hits + (sum == 1 ? 1U : 0U);
          },
          {},
          {}};
}

/// A contestant that stores what it misses.
template <class Cache>
contestant filler(std::string name, const std::vector<std::uint64_t>& keys, std::size_t capacity) {
  auto cache = std::make_shared<Cache>(capacity);
  return {std::move(name),
          [cache, &keys](const std::uint32_t* draws, std::size_t n) {
            std::size_t hits = 0;
            for (std::size_t i = 0; i < n; ++i) {
              std::uint64_t value = 0;
              if (cache->get(keys[draws[i]], value))
                ++hits;
              else
                cache->put(keys[draws[i]], draws[i]);
            }
            return hits;
          },
          {},
          {}};
}

void write_json(const char* path) {
  std::ofstream out(path);
  out << "[\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const row& r = rows[i];
    out << "  {\"case\": \"" << r.scenario << "\", \"subject\": \"" << r.name << "\", \"metric\": \"" << r.metric << "\", \"unit\": \"" << r.unit
        << "\", \"value\": " << r.value << ", \"runs\": [";
    for (std::size_t j = 0; j < r.runs.size(); ++j) out << (j == 0 ? "" : ", ") << r.runs[j];
    out << "]}" << (i + 1 == rows.size() ? "\n" : ",\n");
  }
  out << "]\n";
}

}  // namespace

int main(int count, char** arguments) {
  const char* out = nullptr;
  std::size_t chunks = 15;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], "--out") == 0 && i + 1 < count) {
      out = arguments[++i];
    } else if (std::strcmp(arguments[i], "--chunks") == 0 && i + 1 < count) {
      chunks = static_cast<std::size_t>(std::max(1, std::atoi(arguments[++i])));
    } else {
      std::printf("usage: bench_memory [--out FILE.json] [--chunks N]   N interleaved chunks of 500,000 operations each (default 15)\n");
      return std::strcmp(arguments[i], "--help") == 0 ? 0 : 2;
    }
  }
  constexpr std::size_t keys_count = 1'000'000;
  constexpr std::size_t chunk = 500'000;
  constexpr std::size_t room = keys_count + keys_count / 4;  // all resident
  using larder::unsynchronized;
  {
    std::vector<std::uint64_t> keys(keys_count);
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = splitmix(i);
    using key = std::uint64_t;
    std::vector<contestant> all;
    all.push_back(reader<flat_map<key>>("boost flat_map find", keys, room));
    all.push_back(reader<subject<key, larder::clock, unsynchronized>>("clock, unsynchronized", keys, room));
    all.push_back(reader<subject<key, larder::sieve, unsynchronized>>("sieve, unsynchronized", keys, room));
    all.push_back(reader<subject<key, larder::fifo, unsynchronized>>("fifo, unsynchronized", keys, room));
    all.push_back(reader<subject<key, larder::lru, unsynchronized>>("lru, unsynchronized", keys, room));
    all.push_back(reader<subject<key, larder::clock>>("clock, sharded<>", keys, room));
    all.push_back(reader<textbook_lru<key>>("textbook lru", keys, room));
    race("get_u64", all, zipf(keys_count, 0.99, chunk * chunks, 1), chunk);
  }
  {
    std::vector<std::string> keys(keys_count);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      char text[33];
      std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(splitmix(i)), static_cast<unsigned long long>(i));
      keys[i] = text;
    }
    using key = std::string;
    std::vector<contestant> all;
    all.push_back(reader<flat_map<key>>("boost flat_map find", keys, room));
    all.push_back(reader<subject<key, larder::clock, unsynchronized>>("clock, unsynchronized", keys, room));
    all.push_back(reader<subject<key, larder::lru, unsynchronized>>("lru, unsynchronized", keys, room));
    all.push_back(reader<textbook_lru<key>>("textbook lru", keys, room));
    race("get_str32", all, zipf(keys_count, 0.99, chunk * chunks, 2), chunk);
  }
  {
    std::vector<std::uint64_t> keys(keys_count);
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = splitmix(i);
    using key = std::uint64_t;
    constexpr std::size_t capacity = keys_count / 10;
    std::vector<contestant> all;
    all.push_back(filler<textbook_lru<key>>("textbook lru", keys, capacity));
    all.push_back(filler<subject<key, larder::clock, unsynchronized>>("clock, unsynchronized", keys, capacity));
    all.push_back(filler<subject<key, larder::sieve, unsynchronized>>("sieve, unsynchronized", keys, capacity));
    all.push_back(filler<subject<key, larder::lru, unsynchronized>>("lru, unsynchronized", keys, capacity));
    all.push_back(filler<subject<key, larder::clock>>("clock, sharded<>", keys, capacity));
    const std::vector<std::uint32_t> warm_up = zipf(keys_count, 0.9, 2'000'000, 3);
    for (contestant& c : all) c.chunk(warm_up.data(), warm_up.size());
    race("mixed_u64", all, zipf(keys_count, 0.9, chunk * chunks, 4), chunk);
  }
  if (out != nullptr) write_json(out);
  return 0;
}
