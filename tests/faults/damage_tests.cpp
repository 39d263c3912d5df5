// Files of the directory are flipped, cut, removed, grown, blanked and exchanged while no process uses them: what was not
// touched is there, what was is right or a miss.

#include "damage.hpp"
#include "oracle.hpp"
#include "processes.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

using namespace faults;

namespace {

/// Damages copies of an image, one file a time, and holds the rest to its promise.
struct trials {
  std::uint32_t seed;
  std::mt19937 random{seed};
  /// Changes the file's bytes (or removes it) and says what may follow.
  std::function<expectation(const fs::path& file, const std::set<unsigned>& keys)> damage;

  std::string run(int count) {
    for (int i = 0; i < count;) {
      const bool killed = i % 2 != 0;
      const image base(static_cast<std::uint32_t>(random()), killed);
      for (int j = 0; j < 10 && i < count; ++j, ++i) {
        const scratch copy;
        copy_directory(base.directory(), copy / "cache");
        const fs::path file = random_file(files_of(copy / "cache"), random);
        const expectation allowed = damage(file, keys_in(file, base.known()));
        if (std::string wrong = holds_together(copy / "cache", base.known(), allowed); !wrong.empty())
          return "trial " + std::to_string(i) + (killed ? " (killed writer), " : ", ") +
                 fs::relative(file, copy / "cache").string() + " of those: " + wrong;
      }
    }
    return {};
  }
};

std::string noise(std::mt19937& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

}  // namespace

TEST_CASE("fault 8: flipped bits anywhere are a miss of the entry that they hit") {
  const std::uint32_t seed = suite_seed() + 8;
  CAPTURE(seed);
  trials all{seed, std::mt19937(seed), {}};
  all.damage = [&](const fs::path& file, const std::set<unsigned>& keys) {
    std::string content = content_of(file);
    const std::size_t bits = content.empty() ? 0 : 1 + all.random() % 4;
    for (std::size_t i = 0; i < bits; ++i) {
      const std::size_t place =
          all.random() % (all.random() % 2 == 0 ? content.size() : std::min<std::size_t>(content.size(), 256));
      content[place] = static_cast<char>(content[place] ^ (1 << all.random() % 8));
    }
    write_over(file, content);
    return expectation{keys, bits};
  };
  CHECK(all.run(scaled(60)) == "");
}

TEST_CASE("fault 10: a file that is cut, emptied or removed costs the entries in it and no others") {
  const std::uint32_t seed = suite_seed() + 10;
  CAPTURE(seed);
  trials all{seed, std::mt19937(seed), {}};
  all.damage = [&](const fs::path& file, const std::set<unsigned>& keys) {
    const auto kind = all.random() % 3;
    if (kind == 0)
      fs::remove(file);
    else
      fs::resize_file(file, kind == 1 ? 0 : all.random() % (fs::file_size(file) + 1));
    return expectation{keys, keys.size(), false};  // what is simply not there is a miss like any other
  };
  CHECK(all.run(scaled(50)) == "");
}

TEST_CASE("fault 11: garbage and zeros behind, over and within a file") {
  const std::uint32_t seed = suite_seed() + 11;
  CAPTURE(seed);
  trials all{seed, std::mt19937(seed), {}};
  all.damage = [&](const fs::path& file, const std::set<unsigned>& keys) {
    std::string content = content_of(file);
    const std::size_t length = 1 + all.random() % 8192;
    const std::string block = all.random() % 2 == 0 ? noise(all.random, length) : std::string(length, '\0');
    const std::size_t place = content.empty() ? 0 : all.random() % content.size();
    switch (all.random() % 3) {
      case 0:
        content += block;
        break;
      case 1:
        content.resize(place), content.resize(fs::file_size(file));
        break;  // a tail that never reached the device
      default:
        content.replace(place / 4096 * 4096, std::min<std::size_t>(4096, content.size() - place / 4096 * 4096),
                        std::string(4096, '\0'));
    }
    write_over(file, content);
    return expectation{keys, keys.size(), false};
  };
  CHECK(all.run(scaled(50)) == "");
}

TEST_CASE("fault 12: files that exchange their places, or come back from an earlier day, give no other key's value") {
  const std::uint32_t seed = suite_seed() + 12;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < scaled(25); ++i) {
    CAPTURE(i);
    image base(static_cast<std::uint32_t>(random()), i % 2 != 0);
    const scratch before;
    copy_directory(base.directory(), before / "cache");
    history& known = base.known();
    {
      disk_cache cache = open_cache(base.directory());
      operations work(cache, known, -1, static_cast<std::uint32_t>(random()));
      for (int j = 0; j < 30; ++j) REQUIRE(work.step() == "");
      known = work.known();
    }
    const std::vector<fs::path> files = files_of(base.directory());
    const fs::path one = random_file(files, random);
    const fs::path other = random_file(files, random);
    const std::string mine = content_of(one);
    std::set<unsigned> affected = keys_in(one, known);
    switch (i % 3) {
      case 0:  // exchanged
        affected.merge(keys_in(other, known));
        write_over(one, content_of(other));
        write_over(other, mine);
        break;
      case 1:  // a copy in another's place
        affected.merge(keys_in(other, known));
        write_over(other, mine);
        break;
      default: {  // what was there earlier: no storage whose directory is its truth can tell that from a write
        const std::vector<fs::path> old = files_of(before / "cache");
        const fs::path returned = random_file(old, random);
        const fs::path place = base.directory() / fs::relative(returned, before / "cache");
        if (fs::exists(place)) affected.merge(keys_in(place, known));
        affected.merge(keys_in(returned, known));
        fs::create_directories(place.parent_path());
        fs::copy_file(returned, place, fs::copy_options::overwrite_existing);
        for (const unsigned key : affected) known.any_version(key);
      }
    }
    CHECK(holds_together(base.directory(), known, {affected, affected.size(), false}) == "");
  }
}

TEST_CASE("fault 9: what changes under a verified entry is a miss under verify::always") {
  const std::uint32_t seed = suite_seed() + 9;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < scaled(10); ++i) {
    CAPTURE(i);
    const image base(static_cast<std::uint32_t>(random()), false);
    CHECK(in_child([&]() -> std::string {
            history known = base.known();
            disk_cache cache = open_cache(base.directory(), roomy, {larder::verify::always});
            if (std::string wrong = known.judge_all(cache); !wrong.empty()) return wrong;
            std::set<unsigned> hit;
            for (const fs::path& file : files_of(base.directory())) {
              const std::string content = content_of(file);
              for (unsigned key = 0; key < known.keys(); ++key) {
                if (known.certain(key) == missing || random() % 3 != 0) continue;
                const std::string value = known.form().text(key, known.certain(key));
                const std::size_t place = content.find(value);
                if (place == std::string::npos) continue;
                const std::size_t flipped = place + random() % value.size();
                const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
                const char wrong = static_cast<char>(content[flipped] ^ 1);
                if (fd < 0 || ::pwrite(fd, &wrong, 1, static_cast<off_t>(flipped)) != 1) return "the file could not be changed";
                ::close(fd);
                hit.insert(key);
              }
            }
            if (hit.empty()) return "no value was found in any file";
            for (unsigned key = 0; key < known.keys(); ++key) {
              const std::optional<larder::bytes> found = cache.get(key_text(key));
              if (hit.count(key) != 0 && found) return "key " + std::to_string(key) + " is served after its bytes changed";
              if (std::string wrong = known.judge(key, found, hit.count(key) != 0); !wrong.empty()) return wrong;
            }
            return errors_of(cache, larder::error_cause::corruption) >= hit.size() ? "" : "not every damage was counted";
          }) == "");
  }
}

TEST_CASE("fault 10: read_mode::copy has no SIGBUS when files are cut under an open cache") {
  const std::uint32_t seed = suite_seed() + 110;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < scaled(10); ++i) {
    CAPTURE(i);
    const image base(static_cast<std::uint32_t>(random()), false);
    CHECK(in_child([&]() -> std::string {
            history known = base.known();
            disk_cache cache = open_cache(base.directory(), roomy, {larder::verify::first_read, larder::read_mode::copy});
            if (std::string wrong = known.judge_all(cache); !wrong.empty()) return wrong;
            std::set<unsigned> affected;
            const std::vector<fs::path> files = files_of(base.directory());
            for (int j = 0; j < 3; ++j) {
              const fs::path file = random_file(files, random);
              affected.merge(keys_in(file, known));
              fs::resize_file(file, random() % (fs::file_size(file) + 1));
            }
            for (unsigned key = 0; key < known.keys(); ++key)
              if (std::string wrong = known.judge(key, cache.get(key_text(key)), affected.count(key) != 0); !wrong.empty())
                return wrong;
            return {};
          }) == "");
  }
}
