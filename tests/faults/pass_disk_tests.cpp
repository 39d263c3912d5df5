// A cache of passes whose disk becomes full or read only: passes run all the same, what cannot be kept is handed out and counted, and nothing is
// thrown that the pass did not throw.

#include <larder/artifact/pass_cache.hpp>

#include "mounts.hpp"
#include "processes.hpp"
#include "support/file_content.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/mount.h>

using namespace faults;
using support::content_of;

namespace {


std::vector<larder::pass> chain() {
  return {{.name = "first", .config = "{}"}, {.name = "second", .config = "{}"}, {.name = "third", .config = "{}"}};
}

/// 100 kB, of the input's and of the pass.
void make(const larder::pass& step, const fs::path& from, const fs::path& to) {
  std::ofstream(to / "model", std::ios::binary) << content_of(from / "model") << step.name << std::string(100'000, 'm');
}
std::string made() {
  std::string content;
  for (const larder::pass& step : chain()) content += step.name + std::string(100'000, 'm');
  return content;
}

std::size_t folders_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// What is wrong when a chain runs on a cache below `small` that `spoil()` makes useless after it was made.
std::string run_on(const std::string& options, const std::function<void(const fs::path& small)>& spoil) {
  const scratch dir;
  return in_child([&]() -> std::string {
    enter_private_mounts();
    mount_tmpfs(dir / "small", options);
    fs::create_directories(dir / "tmp");
    ::setenv("TMPDIR", (dir / "tmp").c_str(), 1);
    larder::pass_settings settings;
    settings.cache_dir = dir / "small" / "cache";
    larder::pass_cache cache(settings);
    int runs = 0;
    const auto counted = [&](const larder::pass& step, const fs::path& from, const fs::path& to) {
      ++runs;
      make(step, from, to);
    };
    cache.run("before", {chain()[0]}, counted);
    spoil(dir / "small");
    const fs::path out = cache.run("model", chain(), counted);
    if (content_of(out / "model") != made()) return "the output is not what the passes make";
    if (runs != 4) return "passes ran " + std::to_string(runs) + " times";
    if (cache.stats().errors.total() == 0) return "nothing was counted";
    if (cache.stats().uncacheable == 0) return "no output counts as not kept";
    if (cache.warnings().empty()) return "nobody was told";
    const bool is_elsewhere = out.string().starts_with((dir / "tmp").string());
    if (folders_in(dir / "tmp") != (is_elsewhere ? 1U : 0U)) return "folders of passes in the middle are left behind";
    cache.run("before", {chain()[0]}, counted);
    if (runs != 4) return "what was cached before is not found any more";
    return {};
  });
}

void fill(const fs::path& small) {
  std::ofstream file(small / "filler", std::ios::binary);
  const std::string block(4096, 'f');
  while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
}

}  // namespace

TEST_CASE("a disk that is read only keeps no pass from running") {
  if (!can_mount()) return skip("small file systems need root and mounts");
  CHECK(run_on("size=8m", [](const fs::path& small) {
          if (::mount("none", small.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) fail_setup("remount a tmpfs");
        }) == "");
}

TEST_CASE("a disk without room for another file keeps no pass from running") {
  if (!can_mount()) return skip("small file systems need root and mounts");
  CHECK(run_on("size=8m,nr_inodes=60", [](const fs::path& small) {
          for (int i = 0; std::ofstream(small / ("filler" + std::to_string(i))).good(); ++i) {
          }
        }) == "");
}

TEST_CASE("a disk that is full to the last byte takes a pass's folder, but not what it writes: the pass says so itself") {
  if (!can_mount()) return skip("small file systems need root and mounts");
  const scratch dir;
  CHECK(in_child([&]() -> std::string {
          enter_private_mounts();
          mount_tmpfs(dir / "small", "size=2m");
          larder::pass_settings settings;
          settings.cache_dir = dir / "small" / "cache";
          larder::pass_cache cache(settings);
          fill(dir / "small");
          bool was_told = false;
          try {
            cache.run("model", chain(), [](const larder::pass& step, const fs::path& from, const fs::path& to) {
              make(step, from, to);
              if (content_of(to / "model").size() < 100'000) throw std::runtime_error("no room for the model");
            });
          } catch (const std::runtime_error&) {
            was_told = true;
          }
          if (!was_told) return "the pass's own words did not reach the caller";
          fs::remove(dir / "small" / "filler");
          const fs::path out = cache.run("model", chain(), make);
          return content_of(out / "model") == made() ? std::string() : "the output is not what the passes make";
        }) == "");
}
