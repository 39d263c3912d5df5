// Processes that may open few files, write only short ones, or have little memory: refusals and misses while it lasts,
// and every entry is there afterwards.

#include "disk_cache.hpp"
#include "oracle.hpp"
#include "processes.hpp"
#include "worker.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include <signal.h>
#include <sys/resource.h>

using namespace faults;

namespace {

void limit(decltype(RLIMIT_AS) what, rlim_t most) {
  rlimit both{};
  ::getrlimit(what, &both);
  both.rlim_cur = most;
  if (::setrlimit(what, &both) != 0) throw std::runtime_error("the test could not set a limit");
}
void unlimit(decltype(RLIMIT_AS) what) {
  rlimit both{};
  ::getrlimit(what, &both);
  both.rlim_cur = both.rlim_max;
  ::setrlimit(what, &both);
}

/// The memory that this process has mapped.
rlim_t address_space() {
  std::ifstream file("/proc/self/statm");
  rlim_t pages = 0;
  file >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

history filled(const fs::path& directory, unsigned keys, values form) {
  history known(keys, form);
  disk_cache cache = open_cache(directory);
  operations work(cache, known, -1, 1);
  for (unsigned key = 0; key < keys; ++key) REQUIRE(work.put(key) == "");
  return work.known();
}

/// Opens a cache, lowers the limit, works, raises it: what was only read meanwhile is served, by this process and a new one.
std::string reads_under(const fs::path& directory, history known, decltype(RLIMIT_AS) what, rlim_t most, bool may_miss) {
  return in_child([&]() -> std::string {
    disk_cache cache = open_cache(directory);
    operations work(cache, known, -1, 1);
    limit(what, most);
    std::string wrong;
    for (unsigned key = 0; key < known.keys() && wrong.empty(); ++key) wrong = work.get(key);
    const std::uint64_t failed = cache.stats().errors.total();
    unlimit(what);
    if (!wrong.empty()) return wrong;
    if (failed == 0 && !may_miss) return "the limit was not felt: the test tests nothing";
    if (errors_of(cache, larder::error_cause::corruption) != 0) return "a limit was taken for damage";
    if (wrong = known.judge_all(cache); !wrong.empty()) return "when the limit was gone, " + wrong;
    return in_child([&] {
      disk_cache other = open_cache(directory);
      return known.judge_all(other);
    });
  });
}

}  // namespace

TEST_CASE("fault 15: no descriptors left") {
  const scratch dir;
  const history known = filled(dir / "cache", 40, {100, 50'000});
  // From none to a few: where the opening of an entry takes several, each of them is the one that fails.
  for (rlim_t few = 0; few < 12; ++few) {
    CAPTURE(few);
    CHECK(reads_under(dir / "cache", known, RLIMIT_NOFILE, few, true) == "");
  }
  CHECK(in_child([&]() -> std::string {  // opened and written under the limit
          limit(RLIMIT_NOFILE, 12);
          history mine = known;
          try {
            disk_cache cache = open_cache(dir / "cache");
            operations work(cache, mine, -1, 3);
            for (int i = 0; i < 60; ++i)
              if (std::string wrong = work.step(); !wrong.empty()) return wrong;
            mine = work.known();
          } catch (const larder::error&) {
          }
          unlimit(RLIMIT_NOFILE);
          disk_cache cache = open_cache(dir / "cache");
          return mine.judge_all(cache);
        }) == "");
}

TEST_CASE("fault 15: no memory for mappings") {
  const scratch dir;
  const history known = filled(dir / "cache", 40, {1'100'000, 2'000'000});
  CHECK(reads_under(dir / "cache", known, RLIMIT_AS, address_space(), true) == "");
  CHECK(in_child([&]() -> std::string {  // values that are held take it up
          limit(RLIMIT_AS, address_space() + 56'000'000);  // the segment that takes records is one of 32 MiB
          history mine = known;
          try {
            disk_cache cache = open_cache(dir / "cache");
            std::vector<larder::bytes> held;
            for (unsigned key = 0; key < mine.keys(); ++key) {
              const std::optional<larder::bytes> found = cache.get(key_text(key));
              if (!found) continue;
              if (found->size() != mine.form().size(key, mine.certain(key))) return "a value has the wrong size";
              held.push_back(*found);
            }
            unlimit(RLIMIT_AS);
            if (held.size() == mine.keys()) return "the limit was not felt: the test tests nothing";
            if (errors_of(cache, larder::error_cause::corruption) != 0) return "want of memory was taken for damage";
            return mine.judge_all(cache);
          } catch (const larder::error& e) {
            return std::string("it did not open: ") + e.what();
          }
        }) == "");
  CHECK(in_child([&]() -> std::string {
          history mine = known;
          disk_cache cache = open_cache(dir / "cache");
          return mine.judge_all(cache);
        }) == "");
}

TEST_CASE("fault 15: files may not grow") {
  const scratch dir;
  const history known = filled(dir / "cache", 16, {1000, 400'000});
  for (const rlim_t most : {0U, 1U, 64U, 5000U, 100'000U, 300'000U}) {
    CAPTURE(most);
    CHECK(in_child([&]() -> std::string {
            ::signal(SIGXFSZ, SIG_IGN);
            history mine = known;
            disk_cache cache = open_cache(dir / "cache");
            operations work(cache, mine, -1, static_cast<std::uint32_t>(most));
            limit(RLIMIT_FSIZE, most);
            for (int i = 0; i < 40; ++i)
              if (std::string wrong = work.step(); !wrong.empty()) return wrong;
            unlimit(RLIMIT_FSIZE);
            mine = work.known();
            if (std::string wrong = mine.judge_all(cache); !wrong.empty()) return "when the limit was gone, " + wrong;
            if (std::string wrong = in_child([&] {
                  disk_cache other = open_cache(dir / "cache");
                  return mine.judge_all(other);
                });
                !wrong.empty())
              return "in a new process " + wrong;
            for (unsigned key = 0; key < mine.keys(); ++key)  // as it was, for the next limit
              if (std::string wrong = work.put(key); !wrong.empty()) return wrong;
            return {};
          }) == "");
    // The next limit's child starts from this history's versions.
    fs::remove_all(dir / "cache");
    filled(dir / "cache", 16, {1000, 400'000});
  }
}
