// The N-th system call of a kind fails, N = 1, 2, 3 ...: no device, descriptor, memory or room for it, a signal in between,
// or half of the bytes. After it each key has its value or is honestly missing; what was only read is there afterwards.

#include "disk_cache.hpp"
#include "oracle.hpp"
#include "processes.hpp"
#include "system_calls.hpp"
#include "worker.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace faults;

namespace {

constexpr unsigned key_count = 6;
constexpr values form{20, 300'000};

/// One kind of call and what goes wrong with it.
struct fault {
  const char* name;
  bool (*meant)(const system_call&);
  verdict how;
  bool unnoticed = false;  ///< the store must go on as if nothing had been
};

bool moves_names(const system_call& call) {
  return call.is({SYS_rename, SYS_renameat, SYS_renameat2, SYS_unlink, SYS_unlinkat, SYS_mkdir, SYS_mkdirat, SYS_link, SYS_linkat,
                  SYS_utimensat});
}
bool sizes(const system_call& call) { return call.is({SYS_ftruncate, SYS_fallocate}); }
bool reads_bytes(const system_call& call) { return call.is({SYS_read, SYS_pread64, SYS_readv, SYS_preadv, SYS_preadv2}); }
bool waits(const system_call& call) { return call.is({SYS_flock}); }

const std::vector<fault> every_fault{
    {"EIO in a write", writes, {verdict::fail, EIO}},
    {"ENOSPC in a write", writes, {verdict::fail, ENOSPC}},
    {"EINTR in a write", writes, {verdict::fail, EINTR}, true},
    {"half a write", writes, {verdict::shorten}, true},
    {"EIO in a rename, unlink or mkdir", moves_names, {verdict::fail, EIO}},
    {"ENOSPC in a rename, unlink or mkdir", moves_names, {verdict::fail, ENOSPC}},
    {"ENOSPC in a reservation", sizes, {verdict::fail, ENOSPC}},
    {"EIO in a flush", syncs, {verdict::fail, EIO}},
    {"EMFILE in an open", opens, {verdict::fail, EMFILE}},
    {"ENOSPC in an open", opens, {verdict::fail, ENOSPC}},
    {"EIO in a read", reads, {verdict::fail, EIO}},
    {"EINTR in a read", reads_bytes, {verdict::fail, EINTR}, true},
    {"EIO in a stat", looks, {verdict::fail, EIO}},
    {"ENOMEM in a mapping", maps_memory, {verdict::fail, ENOMEM}},
    {"EINTR in a lock", waits, {verdict::fail, EINTR}, true},
    {"ENOLCK in a lock", waits, {verdict::fail, ENOLCK}},
};

/// The faults of reading: of what has only been read nothing may be lost.
const std::vector<fault> read_faults{
    {"EMFILE in an open", opens, {verdict::fail, EMFILE}}, {"ENFILE in an open", opens, {verdict::fail, ENFILE}},
    {"EIO in an open", opens, {verdict::fail, EIO}},       {"ENOMEM in an open", opens, {verdict::fail, ENOMEM}},
    {"EACCES in an open", opens, {verdict::fail, EACCES}}, {"EIO in a read", reads, {verdict::fail, EIO}},
    {"EIO in a stat", looks, {verdict::fail, EIO}},        {"ENOMEM in a stat", looks, {verdict::fail, ENOMEM}},
    {"EACCES in a stat", looks, {verdict::fail, EACCES}},  {"ENOMEM in a mapping", maps_memory, {verdict::fail, ENOMEM}},
    {"EIO in a lock", waits, {verdict::fail, EIO}},
};

/// A cache, or nothing when the constructor said why not.
std::unique_ptr<disk_cache> try_to_open(const fs::path& directory) {
  try {
    return std::make_unique<disk_cache>(larder::lru{}, larder::max_bytes{roomy}, larder::mmap_disk{directory});
  } catch (const larder::error& e) {
    if (std::string(e.what()).find(directory.string()) == std::string::npos)
      throw std::runtime_error("the error does not name the directory: " + std::string(e.what()));
    return nullptr;
  }
}

void fill(const fs::path& directory, history& known) {
  disk_cache cache = open_cache(directory);
  operations work(cache, known, -1, 1);
  for (unsigned key = 0; key + 1 < key_count; ++key) REQUIRE(work.put(key) == "");
  known = work.known();
}

using work = std::function<std::string(const fs::path& directory, const history& known, int pipe, bool unnoticed)>;

std::string write_and_read(const fs::path& directory, const history& known, int pipe, bool unnoticed) {
  const std::unique_ptr<disk_cache> cache = try_to_open(directory);
  if (!cache) return unnoticed ? "it did not open" : "";
  operations all(*cache, known, pipe, 1);
  const std::vector<std::function<std::string()>> steps{
      [&] { return all.put(0); }, [&] { return all.put(5); },  [&] { return all.get(1); }, [&] { return all.erase(2); },
      [&] { return all.get(0); }, [&] { return all.flush(); }, [&] { return all.put(1); }, [&] { return all.put(5); },
      [&] { return all.get(5); }, [&] { return all.put_many({4, 0, 4, 3}); }, [&] { return all.reserve(1); },
      [&] { return all.adopt(2, directory.string() + ".file", larder::adopt_mode::automatic); },
      [&] { return all.adopt(3, directory.string() + ".file", larder::adopt_mode::move); }, [&] { return all.flush(); }};
  for (const auto& step : steps)
    if (std::string wrong = step(); !wrong.empty()) return wrong;
  const larder::cache_stats stats = cache->stats();
  if (unnoticed && (stats.refused != 0 || stats.errors.total() != 0)) return "it was taken for a failure";
  return {};
}

std::string only_read(const fs::path& directory, const history& known, int pipe, bool) {
  const std::unique_ptr<disk_cache> cache = try_to_open(directory);
  if (!cache) return {};
  operations all(*cache, known, pipe, 1);
  for (int again = 0; again < 2; ++again)
    for (unsigned key = 0; key < key_count; ++key)
      if (std::string wrong = all.get(key); !wrong.empty()) return wrong;
  return errors_of(*cache, larder::error_cause::corruption) == 0 ? "" : "a system that refuses was taken for damage";
}

/// The n-th of the calls fails while the work is done on a directory with some entries; `count` becomes their number.
std::string one_point(const fault& what, const work& body, int n, int& count) {
  const scratch dir;
  history known(key_count, form);
  fill(dir / "cache", known);
  report_reader reports;
  traced_child worker([&] { return body(dir / "cache", known, reports.writing_end(), what.unnoticed); });
  const auto pipe = static_cast<std::uint64_t>(reports.writing_end());
  reports.hang_up();
  const std::string end = worker.run([&](const system_call& call) {
    if (!what.meant(call) || (call.number == SYS_write && call.arguments[0] == pipe)) return verdict{};
    return ++count == n ? what.how : verdict{};
  });
  if (!end.empty()) return end;
  reports.drain(known);
  const std::string afterwards = in_child(
      [&]() -> std::string {
        disk_cache cache = open_cache(dir / "cache");
        if (std::string wrong = known.judge_all(cache); !wrong.empty()) return wrong;
        if (errors_of(cache, larder::error_cause::corruption) != 0) return "something was left behind that counts as corrupt";
        operations again(cache, known, -1, 1);
        for (unsigned key = 0; key < key_count; ++key)
          if (std::string wrong = again.put(key); !wrong.empty()) return wrong;
        for (unsigned key = 0; key < key_count; ++key)
          if (!again.known().must_be_there(key)) return "it refuses values";
        return {};
      },
      30);
  return afterwards.empty() ? "" : "afterwards " + afterwards;
}

/// Points of a fault in some work, spread over it: all of them in the long form. The first run counts the calls.
std::string enumerate(const fault& what, const work& body, int& points) {
  constexpr int never = 1'000'000;
  int total = 0;
  if (std::string wrong = one_point(what, body, never, total); !wrong.empty())
    return std::string(what.name) + ", without it: " + wrong;
  const int stride = is_long() ? 1 : std::max(1, total / 12);
  for (int n = 1 + points % stride; n <= total; n += stride) {
    int count = 0;
    if (std::string wrong = one_point(what, body, n, count); !wrong.empty())
      return std::string(what.name) + ", number " + std::to_string(n) + " of " + std::to_string(total) + ": " + wrong;
    ++points;
  }
  return {};
}

}  // namespace

TEST_CASE("fault 14: a system call that fails once while entries are written and read") {
  if (!can_trace()) return skip("this system does not let a process trace its children");
  int points = 0;
  for (const fault& what : every_fault) CHECK(enumerate(what, write_and_read, points) == "");
  CHECK(points > 15);
}

TEST_CASE("fault 15: what could not be opened, mapped or read for a moment is still there") {
  if (!can_trace()) return skip("this system does not let a process trace its children");
  int points = 0;
  for (const fault& what : read_faults) CHECK(enumerate(what, only_read, points) == "");
  CHECK(points > 15);
}

TEST_CASE("fault 14: a flush that the device refuses says so") {
  if (!can_trace()) return skip("this system does not let a process trace its children");
  for (int n = 1; n < 2000; ++n) {
    CAPTURE(n);
    const scratch dir;
    history known(key_count, form);
    fill(dir / "cache", known);
    int count = 0;
    const std::string end = traced_child([&]() -> std::string {
                              disk_cache cache = open_cache(dir / "cache");
                              operations all(cache, known, -1, 1);
                              for (const unsigned key : {0U, 1U, 5U})
                                if (std::string wrong = all.put(key); !wrong.empty()) return wrong;
                              all.erase(2);
                              bool said_no = false;
                              try {
                                cache.flush();
                              } catch (const larder::error&) {
                                said_no = true;
                              }
                              history after = all.known();
                              if (std::string wrong = after.judge_all(cache, said_no); !wrong.empty()) return wrong;
                              return said_no ? "it said no" : "";
                            }).run([&](const system_call& call) {
      return syncs(call) && ++count == n ? verdict{verdict::fail, EIO} : verdict{};
    });
    CHECK(end == (count < n ? "" : "it said no"));
    if (count < n || end != "it said no") {
      CHECK(n > 1);
      return;
    }
  }
}
