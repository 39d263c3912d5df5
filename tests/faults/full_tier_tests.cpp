// Scenario D19: the device under the disk tier is full, or read-only. The disk's put is refused and counted, the memory tier serves what it
// was given and what it had, and of the value that had no room nothing stays behind: no partial file, no entry, no room taken.

#include "damage.hpp"
#include "disk_cache.hpp"
#include "mounts.hpp"
#include "oracle.hpp"
#include "processes.hpp"

#include <larder/tiered.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/mount.h>

using namespace faults;

namespace {

using memory_cache = larder::cache<std::string, larder::bytes, larder::lru, larder::max_bytes>;

constexpr std::uint64_t segment_size = 1 << 20;
constexpr values large{2 << 20, 2 << 20};
constexpr values small{4000, 4000};

bool holds(const std::optional<larder::bytes>& found, const larder::bytes& expected) { return found && *found == expected; }

/// Puts a value of each size through memory and a disk on a small device, has `hinder` see to it that the device takes no more, and looks
/// at what becomes of a put and a load.
std::string refuses(larder::error_cause cause, const std::function<void(const fs::path& device)>& hinder) {
  const scratch dir;
  return in_child([&]() -> std::string {
    enter_private_mounts();
    mount_tmpfs(dir / "device", "size=8m");
    const fs::path folder = dir / "device" / "cache";
    memory_cache memory(larder::lru{}, larder::max_bytes{roomy});
    disk_cache disk(larder::lru{}, larder::max_bytes{roomy}, larder::mmap_disk{folder, {.segment_size = segment_size}});
    larder::tiered both(memory, disk);
    const std::vector<values> forms{small, large};
    for (unsigned i = 0; i < forms.size(); ++i)
      if (!both.put("early " + std::to_string(i), forms[i].make(i, 1))) return "a put with room was refused";
    if (disk.stats().refused != 0) return "a put with room was refused by the disk";
    hinder(dir / "device");
    const auto refusals_at_first = disk.stats().refused;
    const auto errors_at_first = errors_of(disk, cause);
    std::vector<fs::path> files_before = files_of(folder);
    const std::uint64_t occupied_before = occupied(folder);
    const std::uint64_t weight_before = disk.weight();

    // What has no room on the disk: refused there and counted, in memory all the same.
    for (const bool loaded : {false, true}) {
      const std::string key = loaded ? "loaded" : "late";
      const larder::bytes value = large.make(loaded ? 11 : 10, 1);
      if (loaded) {
        if (both.get_or_load(key, [&] { return value; }) != value) return "a load gave another value";
      } else if (!both.put(key, value)) {
        return "the put was refused by memory as well";
      }
      if (!holds(both.get(key), value) || !holds(memory.get(key), value)) return "memory does not serve what the disk refused";
      if (disk.get(key)) return "the disk has what it refused";
    }
    if (disk.stats().refused < refusals_at_first + 2)
      return "the disk's refusals were not counted: " + std::to_string(disk.stats().refused);
    if (errors_of(disk, cause) < errors_at_first + 1) return "no refusal has its cause";
    if (errors_of(disk, larder::error_cause::corruption) != 0) return "a refusal was taken for damage";
    if (disk.weight() != weight_before) return "what was refused weighs something";
    // Who looks for room may write what counts of a segment anew; of the value itself there is nothing.
    const auto is_segment = [](const fs::path& file) { return file.extension() == ".segment"; };
    std::vector<fs::path> files_after = files_of(folder);
    std::erase_if(files_before, is_segment);
    std::erase_if(files_after, is_segment);
    if (files_after != files_before) return "a file stayed behind";
    if (occupied(folder) > occupied_before + segment_size) return "room stayed taken";

    // What was there before is served as before, by both.
    for (unsigned i = 0; i < forms.size(); ++i) {
      const std::string key = "early " + std::to_string(i);
      if (!holds(memory.get(key), forms[i].make(i, 1)) || !holds(disk.get(key), forms[i].make(i, 1))) return key + " is gone";
    }
    return {};
  });
}

}  // namespace

TEST_CASE("D19 disk full: the put is refused and counted, the memory tier still serves, no partial file") {
  if (!can_mount()) return skip("small file systems need root and mounts");
  CHECK(refuses(larder::error_cause::no_space, [](const fs::path& device) {
          // Somebody else's file takes all that is left, but for less than the value.
          const std::uint64_t left = free_bytes(device);
          write_over(device / "others", std::string(left > 1'000'000 ? left - 1'000'000 : 0, 'x'));
        }) == "");
}

TEST_CASE("D19 disk read-only: the put is refused and counted, the memory tier still serves, no partial file") {
  if (!can_mount()) return skip("read-only file systems need root and mounts");
  CHECK(refuses(larder::error_cause::io, [](const fs::path& device) {
          // A file system that has files open for writing does not become read-only; what new paths lead to does, by a mount over itself.
          if (::mount(nullptr, device.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0 &&
              (::mount(device.c_str(), device.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
               ::mount(nullptr, device.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0))
            fail_setup("make the device read-only");
        }) == "");
}
