#pragma once

#include "options.hpp"
#include "report.hpp"
#include "stopwatch.hpp"
#include "subject.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bench {

/// A case whose subjects are timed.
template <class Key>
struct contest {
  std::string name;
  std::string about;
  candidates<Key> field;  ///< the first is what the others are compared with
  std::size_t capacity = 0;
  std::size_t threads = 1;
  std::function<void(subject<Key>&)> prepare;      ///< untimed: fills and warms up
  std::function<void(std::size_t)> make_requests;  ///< untimed: the requests of a chunk, the same whenever it is asked for
  std::function<sample(subject<Key>&)> run;        ///< those requests
};

/// What was measured of one subject.
struct measured {
  std::vector<double> times;
  std::vector<double> cpu_times;
  std::vector<double> ratios;
  std::vector<double> cpu_ratios;
  std::size_t hits = 0;
  std::size_t asked = 0;
};

/// Chunk by chunk in turns: `base` and `other` with the same requests, from the same state. What else the machine does meanwhile falls
/// on both, and so does finding one's memory cold after the other's turn: that is why they are two and not the whole field.
template <class Key>
void duel(const contest<Key>& c, const candidate<Key>& base, const candidate<Key>& other, const options& wanted,
          measured& of_base, measured& of_other) {
  const bool alone = base.name == other.name;
  const auto first = base.make(c.capacity);
  const auto second = alone ? nullptr : other.make(c.capacity);
  c.prepare(*first);
  if (!alone) c.prepare(*second);
  const double requests = static_cast<double>(wanted.chunk * c.threads);
  const auto measure = [&](subject<Key>& cache, measured& m) {
    const sample s = c.run(cache);
    m.times.push_back(s.seconds * 1e9 / requests);
    m.cpu_times.push_back(s.cpu_seconds * 1e9 / requests);
    m.hits += s.hits;
    m.asked += wanted.chunk * c.threads;
  };
  c.make_requests(0);  // not counted: pages are touched, counters reach what they will be
  c.run(*first);
  if (!alone) c.run(*second);
  for (std::size_t chunk = 1; chunk <= wanted.chunks; ++chunk) {
    c.make_requests(chunk);
    measure(*first, of_base);
    if (alone) continue;
    measure(*second, of_other);
    of_other.ratios.push_back(of_other.times.back() / of_base.times.back());
    of_other.cpu_ratios.push_back(of_other.cpu_times.back() / of_base.cpu_times.back());
  }
}

template <class Key>
void race(const contest<Key>& c, const options& wanted, report& figures) {
  std::vector<measured> results(c.field.size());
  const auto place_of = [&](const std::string& name) {
    const auto at = std::find_if(c.field.begin(), c.field.end(), [&](const candidate<Key>& who) { return who.name == name; });
    return static_cast<std::size_t>(at - c.field.begin());
  };
  for (std::size_t i = 0; i < c.field.size(); ++i) {
    const candidate<Key>& who = c.field[i];
    const bool alone = i == 0 && (c.field.size() == 1 || (wanted.only.size() == 1 && wanted.wants(who.name)));
    if (!wanted.wants(who.name) || (i == 0 && !alone)) continue;  // the first is measured beside each of the others
    const std::size_t base = who.against.empty() ? 0 : place_of(who.against);
    duel(c, c.field.at(base), who, wanted, results[base], results[i]);
  }
  for (std::size_t i = 0; i < c.field.size(); ++i) {
    const candidate<Key>& who = c.field[i];
    const measured& m = results[i];
    if (m.times.empty()) continue;
    figures.add({c.name, who.name, "time", "ns/op", median(m.times), m.times});
    if (c.threads > 1) figures.add({c.name, who.name, "cpu time", "ns/op", median(m.cpu_times), m.cpu_times});
    figures.add({c.name, who.name, "hit ratio", "1", static_cast<double>(m.hits) / static_cast<double>(m.asked), {}});
    if (m.ratios.empty()) continue;
    const std::string against = who.against.empty() ? c.field.front().name : who.against;
    figures.add({c.name, who.name, "ratio to " + against, "x", median(m.ratios), m.ratios});
    if (c.threads > 1) figures.add({c.name, who.name, "cpu ratio", "x", median(m.cpu_ratios), m.cpu_ratios});
  }
  figures.close(c.name, c.about, c.field.front().name);
}

}  // namespace bench
