// Devices that are full, of bytes or of files: a put is refused, nothing else is harmed, and room that comes back is used.

#include "disk_cache.hpp"
#include "mounts.hpp"
#include "oracle.hpp"
#include "processes.hpp"
#include "worker.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

using namespace faults;

namespace {

constexpr unsigned key_count = 64;

/// Puts on a device of these options until some were refused; frees room; puts again; opens anew.
std::string overfill(const std::string& options, std::uint64_t size, values form) {
  const scratch dir;
  return in_child([&]() -> std::string {
    enter_private_mounts();
    mount_tmpfs(dir / "small", options);
    const fs::path directory = dir / "small" / "cache";
    history known(key_count, form);
    {
      disk_cache cache = open_cache(directory, size * 4);  // the cache believes in more room than there is
      operations work(cache, known, -1, 1);
      for (unsigned i = 0; i < 400 && cache.stats().refused < 12; ++i)
        if (std::string wrong = work.put(i % key_count); !wrong.empty()) return wrong;
      known = work.known();
      if (cache.stats().refused < 12) return "nothing was refused";
      if (errors_of(cache, larder::error_cause::no_space) == 0) return "no refusal was counted as want of space";
      if (errors_of(cache, larder::error_cause::corruption) != 0) return "want of space was taken for damage";
      if (std::string wrong = known.judge_all(cache); !wrong.empty()) return wrong;
      std::size_t present = 0;
      for (unsigned key = 0; key < key_count; ++key) present += known.certain(key) != missing ? 1 : 0;
      if (present == 0) return "nothing is left";
    }
    disk_cache again = open_cache(directory, size * 4);
    operations work(again, known, -1, 1);
    for (unsigned key = 0; key < key_count; ++key)
      if (std::string wrong = work.get(key); !wrong.empty()) return "opened anew: " + wrong;
    for (unsigned key = 0; key < key_count; ++key)
      if (key % 4 != 0)
        if (std::string wrong = work.erase(key); !wrong.empty()) return wrong;
    again.reset_stats();
    for (const unsigned key : {1U, 2U}) {
      if (std::string wrong = work.put(key); !wrong.empty()) return wrong;
      if (work.known().certain(key) == missing) return "there is room again, and a put is refused";
    }
    known = work.known();
    return known.judge_all(again);
  });
}

}  // namespace

TEST_CASE("fault 13: a full device refuses puts, keeps what it has, and takes more when there is room") {
  if (!can_mount()) return skip("small file systems need root and mounts");
  CHECK(overfill("size=1m", 1'000'000, {100, 60'000}) == "");
  CHECK(overfill("size=2m", 2'000'000, {100, 200'000}) == "");
  CHECK(overfill("size=8m", 8'000'000, {100'000, 2'000'000}) == "");
}

TEST_CASE("fault 13: a reservation that is granted may be filled, one without room is refused, and so may a commit be") {
  if (!can_mount()) return skip("small file systems need root and mounts");
  const scratch dir;
  for (const std::size_t size : {50'000U, 1'500'000U})  // in segments, and in files of their own
    CHECK(in_child([&]() -> std::string {
            enter_private_mounts();
            mount_tmpfs(dir / "small", "size=8m");
            disk_cache cache = open_cache(dir / "small" / "cache", 64'000'000);
            const history known(1000, {size, size});
            std::vector<std::pair<unsigned, decltype(cache)::reservation>> granted;
            for (unsigned key = 0; key < known.keys(); ++key) {
              auto room = cache.reserve(key_text(key), size);
              if (!room) break;
              granted.emplace_back(key, std::move(room));
            }
            if (granted.empty() || granted.size() == known.keys()) return "the device did not fill: " + std::to_string(granted.size());
            if (errors_of(cache, larder::error_cause::no_space) == 0 || cache.stats().refused == 0) return "the refusal was not counted";
            std::size_t stored = 0;
            for (auto& [key, room] : granted) std::memcpy(room.data(), known.form().text(key, 1).data(), size);  // a SIGBUS where blocks are missing
            for (auto& [key, room] : granted) {
              if (!room.commit()) {  // its segment is full, so that it is to be written to the next one, for which there is no room
                if (cache.get(key_text(key))) return "key " + std::to_string(key) + " is there though its commit was refused";
                continue;
              }
              ++stored;
              const auto found = cache.get(key_text(key));
              if (!found || !known.form().is(key, 1, *found)) return "key " + std::to_string(key) + " has another value";
            }
            if (size < 1'000'000 && stored == 0) return "none of " + std::to_string(granted.size()) + " was stored";
            return errors_of(cache, larder::error_cause::corruption) == 0 ? "" : "something counts as corrupt";
          }) == "");
}

TEST_CASE("fault 13: a full device serves what it has without the marker that a power cut took") {
  if (!can_mount()) return skip("small file systems need root and mounts");
  const scratch dir;
  CHECK(in_child([&]() -> std::string {
          enter_private_mounts();
          mount_tmpfs(dir / "small", "size=8m");
          const fs::path directory = dir / "small" / "cache";
          history known(8, {1000, 60'000});
          {
            disk_cache cache = open_cache(directory, 4'000'000);
            operations work(cache, known, -1, 1);
            for (unsigned key = 0; key < known.keys(); ++key)
              if (std::string wrong = work.put(key); !wrong.empty()) return wrong;
            known = work.known();
          }
          const auto marker_size = fs::file_size(directory / "format");
          fs::resize_file(directory / "format", 0);
          std::ofstream(dir / "small" / "other") << std::string(8'000'000, 'x');  // as much as there is room for
          if (free_bytes(dir / "small") > 4096) return "the device did not fill";
          {
            disk_cache cache = open_cache(directory, 4'000'000);
            if (std::string wrong = known.judge_all(cache); !wrong.empty()) return wrong;
            if (errors_of(cache, larder::error_cause::no_space) == 0) return "that the marker is missing was not said";
          }
          fs::remove(dir / "small" / "other");
          disk_cache cache = open_cache(directory, 4'000'000);
          if (std::string wrong = known.judge_all(cache); !wrong.empty()) return wrong;
          return fs::file_size(directory / "format") == marker_size ? "" : "the marker was not written again";
        }) == "");
}

TEST_CASE("fault 13: a device without room for another file") {
  if (!can_mount()) return skip("small file systems need root and mounts");
  // A store that packs entries needs few files and is refused nothing: it only has to open and work.
  const scratch dir;
  CHECK(in_child([&]() -> std::string {
          enter_private_mounts();
          mount_tmpfs(dir / "small", "size=64m,nr_inodes=40");
          history known(key_count, {100, 40'000});
          {
            disk_cache cache = open_cache(dir / "small" / "cache", 48'000'000);
            operations work(cache, known, -1, 1);
            for (unsigned i = 0; i < 2 * key_count; ++i)
              if (std::string wrong = work.put(i % key_count); !wrong.empty()) return wrong;
            known = work.known();
            if (std::string wrong = known.judge_all(cache); !wrong.empty()) return wrong;
          }
          disk_cache again = open_cache(dir / "small" / "cache", 48'000'000);
          return known.judge_all(again);
        }) == "");
}

TEST_CASE("fault 13: no room at all when the directory is made") {
  if (!can_mount()) return skip("small file systems need root and mounts");
  const scratch dir;
  CHECK(in_child([&]() -> std::string {
          enter_private_mounts();
          // At every fill from nothing free to a little: which file is the first without room differs.
          for (unsigned pages = 0; pages < 12; ++pages) {
            const fs::path root = dir / ("full " + std::to_string(pages));
            mount_tmpfs(root, "size=1m");
            {
              std::ofstream ballast(root / "ballast", std::ios::binary);
              const std::string page(4096, 'b');
              for (std::uint64_t left = free_bytes(root) / 4096; left > pages; --left) ballast << page;
            }
            history known(4, {10, 2000});
            try {
              disk_cache cache = open_cache(root / "cache", 4'000'000);
              operations work(cache, known, -1, 1);
              for (unsigned key = 0; key < 4; ++key)
                if (std::string wrong = work.put(key); !wrong.empty()) return wrong;
              known = work.known();
            } catch (const larder::error& e) {
              if (std::string(e.what()).find(root.string()) == std::string::npos) return std::string("no path in: ") + e.what();
            }
            fs::remove(root / "ballast");
            disk_cache cache = open_cache(root / "cache", 4'000'000);
            if (std::string wrong = known.judge_all(cache); !wrong.empty()) return wrong;
            operations work(cache, known, -1, 1);
            for (unsigned key = 0; key < 4; ++key) {
              if (std::string wrong = work.put(key); !wrong.empty()) return wrong;
              if (work.known().certain(key) == missing) return "there is room again, and a put is refused";
            }
          }
          return {};
        }) == "");
}
