// SIGKILL on entering the N-th system call that changes something, N = 1, 2, 3 ... until the work runs to its end; once
// with the calls before it whole, once with the last write cut in half.

#include "disk_cache.hpp"
#include "oracle.hpp"
#include "processes.hpp"
#include "system_calls.hpp"
#include "worker.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

using namespace faults;

namespace {

constexpr unsigned key_count = 5;
constexpr std::uint64_t small_capacity = 700'000;

/// Opens, overwrites, erases, evicts, flushes and closes: every kind of change, of which each child dies in another one.
std::string all_kinds_of_work(const fs::path& directory, const history& known, int pipe, std::uint64_t capacity) {
  disk_cache cache = open_cache(directory, capacity);
  operations work(cache, known, pipe, 1, 0, capacity != roomy);
  const std::vector<std::function<std::string()>> steps{
      [&] { return work.put(0); },   [&] { return work.put(1); },  [&] { return work.put(0); },
      [&] { return work.erase(1); }, [&] { return work.flush(); }, [&] { return work.put(2); },
      [&] { return work.put(3); },   [&] { return work.get(0); },  [&] { return work.erase(9 % key_count); },
      [&] { return work.put(1); },   [&] { return work.put(3); },  [&] { return work.put_many({0, 4, 1, 4, 2}); },
      [&] { return work.reserve(3); }, [&] { return work.reserve(4); }, [&] { return work.reserve(0); },
      [&] { return work.adopt(1, directory.string() + ".file", larder::adopt_mode::automatic); },
      [&] { return work.adopt(2, directory.string() + ".file", larder::adopt_mode::move); },
      [&] { return work.flush(); }};
  for (const auto& step : steps)
    if (std::string wrong = step(); !wrong.empty()) return wrong;
  return {};
}

struct enumeration {
  verdict::kind last = verdict::die;  // what becomes of the N-th call: `shorten`: it is cut in half and its end is not seen
  std::uint64_t capacity = roomy;
  bool prepared = true;  // the directory has entries already; else it does not exist
  int points = 0;
  version_number skipped = 0;  // other versions: values of other sizes

  /// In the long form with values of several sizes.
  std::string run(values form, int most_points) {
    for (int variant = 0; variant < (is_long() ? 6 : 1); ++variant, skipped += 100)
      if (std::string wrong = run_once(form, most_points); !wrong.empty())
        return "versions from " + std::to_string(skipped) + ", " + wrong;
    return {};
  }

  std::string run_once(values form, int most_points) {
    for (int n = 1; n <= most_points; ++n) {
      bool reached = false;
      std::string wrong = point(form, n, reached);
      if (!wrong.empty()) return "call " + std::to_string(n) + ": " + wrong;
      if (!reached) return {};
      ++points;
    }
    return "the work did not end within " + std::to_string(most_points) + " calls";
  }

  std::string point(values form, int n, bool& reached) {
    const scratch dir;
    history known(key_count, form);
    known.skip_versions(skipped);
    const bool evicts = capacity != roomy;
    if (prepared) {
      disk_cache cache = open_cache(dir / "cache", capacity);
      for (const unsigned key : {0U, 1U, 2U, 4U}) {
        const version_number version = known.next();
        known.begin(key, version);
        if (!cache.put(key_text(key), form.make(key, version))) return "the preparation was refused";
        known.acknowledge(key, version);
      }
    }
    report_reader reports;
    traced_child worker([&] { return all_kinds_of_work(dir / "cache", known, reports.writing_end(), capacity); });
    const auto pipe = static_cast<std::uint64_t>(reports.writing_end());
    reports.hang_up();
    int count = 0;
    bool die_next = false;
    const std::string end = worker.run([&](const system_call& call) {
      if (die_next) return verdict{verdict::die};
      if (!changes(call) || (call.number == SYS_write && call.arguments[0] == pipe)) return verdict{};
      if (last == verdict::shorten && !writes(call)) return verdict{};
      if (++count != n) return verdict{};
      reached = true;
      die_next = last == verdict::shorten;
      return verdict{last};
    });
    reports.drain(known);
    if (!reached && !end.empty()) return end;
    if (reached && end.find("signal 9") == std::string::npos) return "it was to die but " + (end.empty() ? "ended well" : end);
    // In a process of its own: a store that hangs or crashes over the remains is a finding, not the end of the test.
    return in_child(
        [&]() -> std::string {
          {
            disk_cache cache = open_cache(dir / "cache", capacity);
            if (std::string wrong = known.judge_all(cache, evicts); !wrong.empty()) return wrong;
            if (errors_of(cache, larder::error_cause::corruption) != 0)
              return "a killed writer left something that counts as corrupt";
            operations work(cache, known, -1, 1, 0, evicts);
            for (unsigned key = 0; key < key_count; ++key)
              if (std::string wrong = work.put(key); !wrong.empty()) return "afterwards: " + wrong;
            known = work.known();
          }
          disk_cache again = open_cache(dir / "cache", capacity);
          return known.judge_all(again, evicts);
        },
        30);
  }
};

bool can_enumerate() {
  if (can_trace()) return true;
  skip("this system does not let a process trace its children");
  return false;
}

}  // namespace

TEST_CASE("fault 3: SIGKILL on entering each system call that changes something") {
  if (!can_enumerate()) return;
  enumeration all;
  CHECK(all.run({}, 5000) == "");
  CHECK(all.points > 20);
}

TEST_CASE("fault 3: SIGKILL after half of each write") {
  if (!can_enumerate()) return;
  enumeration all{verdict::shorten};
  CHECK(all.run({}, 5000) == "");
  CHECK(all.points > 5);
}

TEST_CASE("fault 3: SIGKILL in each system call of puts that evict") {
  if (!can_enumerate()) return;
  enumeration all{verdict::die, small_capacity};
  CHECK(all.run({100'000, 300'000}, 5000) == "");
  CHECK(all.points > 20);
}

TEST_CASE("fault 5: SIGKILL in each system call of the first creation") {
  if (!can_enumerate()) return;
  enumeration all;
  all.prepared = false;
  CHECK(all.run({1, 5000}, 5000) == "");
  CHECK(all.points > 20);
}
