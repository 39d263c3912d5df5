// The power goes while a process writes (the shutdown ioctl of ext4 and xfs drops what has not reached the device): never
// a wrong byte, and what `flush()` covered is there, in its version; what it did not cover may be gone or be older.

#include "disk_cache.hpp"
#include "mounts.hpp"
#include "oracle.hpp"
#include "processes.hpp"
#include "system_calls.hpp"
#include "worker.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <random>
#include <string>

using namespace faults;

namespace {

std::string cut_again_and_again(const std::string& type, unsigned flushes, std::uint32_t seed, int rounds) {
  const scratch dir;
  return in_child(
      [&]() -> std::string {
        enter_private_mounts();
        const loop_mount device(type, dir / "image", dir / "mounted");
        history known(16, {1, 400'000});
        std::mt19937 random(seed);
        int acknowledged = 0;
        for (int round = 0; round < rounds; ++round) {
          const std::string where = "cut " + std::to_string(round) + ": ";
          report_reader reports;
          const auto work_seed = static_cast<std::uint32_t>(random());
          child worker([&]() -> std::string {
            disk_cache cache = open_cache(dir / "mounted" / "cache");
            operations work(cache, known, reports.writing_end(), work_seed, flushes);
            for (;;)
              if (std::string wrong = work.step(); !wrong.empty()) return wrong;
          });
          reports.hang_up();
          for (auto some = 20 + random() % 200; some > 0; --some)
            if (!reports.take(known, 60'000)) return where + "the worker said nothing: " + worker.join();
          reports.drain(known);  // what comes later may have been acknowledged by a device without power
          device.cut_power();
          ::kill(worker.id(), SIGKILL);
          const std::string end = worker.join();
          reports.drain(known, true);
          acknowledged += reports.acknowledged();
          device.remount();
          known.power_cut();
          {
            disk_cache cache = open_cache(dir / "mounted" / "cache");
            if (std::string wrong = known.judge_all(cache); !wrong.empty()) return where + wrong;
          }
          known.flushed();  // it came from the device
        }
        return acknowledged > 10 * rounds ? "" : "only " + std::to_string(acknowledged) + " operations were acknowledged";
      },
      900);
}

/// One thing, a flush, and the power goes: of a put, an overwrite, an erase and a clear each, as none of them may lean
/// on what another one made the device write.
std::string each_alone(const std::string& type) {
  const scratch dir;
  return in_child([&]() -> std::string {
    enter_private_mounts();
    const loop_mount device(type, dir / "image", dir / "mounted");
    const auto cut_after = [&](const std::function<void(disk_cache&)>& change) {
      child worker([&]() -> std::string {
        disk_cache cache = open_cache(dir / "mounted" / "cache");
        change(cache);
        cache.flush();
        device.cut_power();
        ::_exit(0);
      });
      std::string end = worker.join();
      device.remount();
      return end;
    };
    const auto has = [&](const std::string& key) {
      disk_cache cache = open_cache(dir / "mounted" / "cache");
      const std::optional<larder::bytes> found = cache.get(key);
      return found ? std::string(found->text()) : "nothing";
    };
    for (const std::size_t size : {std::size_t{20}, std::size_t{20'000}, std::size_t{2'000'000}}) {
      const std::string of_size = " of " + std::to_string(size) + " bytes";
      for (const char fill : {'a', 'b'}) {
        const std::string value(size, fill);
        if (std::string end = cut_after([&](disk_cache& cache) { cache.put("key", larder::bytes::copy_of(value)); });
            !end.empty())
          return end;
        if (has("key") != value) return std::string(fill == 'a' ? "a put" : "an overwrite") + of_size + " is lost";
      }
      if (std::string end = cut_after([](disk_cache& cache) { cache.erase("key"); }); !end.empty()) return end;
      if (has("key") != "nothing") return "an erase" + of_size + " is lost";
      const std::string value(size, 'c');
      if (std::string end = cut_after([&](disk_cache& cache) { cache.put("other", larder::bytes::copy_of(value)); });
          !end.empty())
        return end;
      if (std::string end = cut_after([](disk_cache& cache) { cache.clear(); }); !end.empty()) return end;
      if (has("other") != "nothing") return "a clear" + of_size + " is lost";
    }
    return {};
  });
}

/// More changes than a store may remember one by one, and a flush.
std::string many(const std::string& type) {
  const scratch dir;
  return in_child([&]() -> std::string {
    enter_private_mounts();
    const loop_mount device(type, dir / "image", dir / "mounted");
    history known(4500, {8, 300});
    const std::string end = in_child([&]() -> std::string {
      disk_cache cache = open_cache(dir / "mounted" / "cache");
      for (unsigned key = 0; key < known.keys(); ++key)
        if (!cache.put(key_text(key), known.form().make(key, key + 1))) return "a put was refused";
      for (unsigned key = 0; key < known.keys(); key += 9) cache.erase(key_text(key));
      cache.flush();
      device.cut_power();
      ::_exit(0);
    });
    if (!end.empty()) return end;
    device.remount();
    for (unsigned key = 0; key < known.keys(); ++key) {
      known.begin(key, key + 1);
      known.acknowledge(key, key % 9 == 0 ? missing : key + 1);
    }
    disk_cache cache = open_cache(dir / "mounted" / "cache");
    return known.judge_all(cache);
  });
}

/// The n-th flush of something in a `flush()` fails; it is called until it says yes; then the power goes. What was served
/// after the yes is there, what was not is not. `count`: how many there were. Of puts, or of erases alone: what makes a
/// put durable may take an erase with it.
std::string refused_then_accepted(const loop_mount& device, const fs::path& directory, bool only_erases, int n, int& count) {
  history known(5, {1000, 300'000});
  if (only_erases) {
    disk_cache cache = open_cache(directory);
    operations work(cache, known, -1, 1);
    for (unsigned key = 0; key < known.keys(); ++key) work.put(key);
    cache.flush();
    known = work.known();
  }
  report_reader reports;
  traced_child worker([&]() -> std::string {
    disk_cache cache = open_cache(directory);
    operations work(cache, known, -1, 1);
    for (unsigned key = 0; key < known.keys() && !only_erases; ++key) work.put(key);
    if (!only_erases) work.put(1);
    work.erase(2);
    work.erase(3);
    bool accepted = false;
    for (int attempt = 0; attempt < 3 && !accepted; ++attempt) {
      try {
        cache.flush();
        accepted = true;
      } catch (const larder::error&) {
      }
    }
    if (!accepted) return "it went on saying no";
    for (unsigned key = 0; key < known.keys(); ++key) {
      const bool there = cache.get(key_text(key)).has_value();
      const version_number version = there ? work.known().certain(key) : missing;
      for (const report& line : {report{report::begun, key, version}, report{report::acknowledged, key, version}})
        if (::write(reports.writing_end(), &line, sizeof line) < 0) return "no pipe";
    }
    return {};
  });
  reports.hang_up();
  if (std::string end = worker.run([&](const system_call& call) {
        return syncs(call) && ++count == n ? verdict{verdict::fail, EIO} : verdict{};
      });
      !end.empty())
    return end;
  reports.drain(known);
  device.cut_power();
  device.remount();
  disk_cache cache = open_cache(directory);
  return known.judge_all(cache);
}

bool can_cut(const std::string& type) {
  if (!can_mount())
    skip("power cuts need root and mounts");
  else if (!is_installed("mkfs." + type))
    skip("mkfs." + type + " is not installed");
  else
    return true;
  return false;
}

void cut(const std::string& type, unsigned flushes, std::uint32_t seed) {
  if (!can_cut(type)) return;
  CAPTURE(seed);
  CHECK(cut_again_and_again(type, flushes, seed, scaled(8)) == "");
}

}  // namespace

TEST_CASE("fault 6: a power cut without a flush gives no wrong byte (ext4)") { cut("ext4", 0, suite_seed() + 60); }
TEST_CASE("fault 6: a power cut without a flush gives no wrong byte (xfs)") { cut("xfs", 0, suite_seed() + 61); }
TEST_CASE("fault 7: what was flushed survives a power cut (ext4)") { cut("ext4", 12, suite_seed() + 70); }
TEST_CASE("fault 7: what was flushed survives a power cut (xfs)") { cut("xfs", 12, suite_seed() + 71); }
TEST_CASE("fault 7: a flush makes each kind of change durable by itself") {
  for (const std::string type : {"ext4", "xfs"}) {
    CAPTURE(type);
    if (can_cut(type)) CHECK(each_alone(type) == "");
  }
}

TEST_CASE("fault 7: a flush of more changes than are remembered one by one") {
  if (can_cut("ext4")) CHECK(many("ext4") == "");
}

TEST_CASE("fault 7: a flush that says yes after it said no covers everything that is served") {
  if (!can_cut("ext4")) return;
  if (!can_trace()) return skip("this system does not let a process trace its children");
  const scratch dir;
  CHECK(in_child([&]() -> std::string {
          enter_private_mounts();
          const loop_mount device("ext4", dir / "image", dir / "mounted");
          for (const bool only_erases : {false, true}) {
            const std::string of_what = only_erases ? "erases, number " : "puts, number ";
            for (int n = 1, count = n; count >= n; ++n) {
              count = 0;
              const fs::path directory = dir / "mounted" / (of_what + std::to_string(n));
              if (std::string wrong = refused_then_accepted(device, directory, only_erases, n, count); !wrong.empty())
                return of_what + std::to_string(n) + ": " + wrong;
              if (count == 0) return of_what + "none was flushed: the test tests nothing";
            }
          }
          return {};
        }) == "");
}
