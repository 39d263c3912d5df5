#pragma once

// A process that uses a cache as fast as it can and says on a pipe what it is about to do and what was done, until
// somebody ends it; and the other end of the pipe, which keeps the history.

#include "disk_cache.hpp"
#include "oracle.hpp"
#include "processes.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace faults {

/// One line of a worker's report.
struct report {
  enum kind : std::uint32_t { begun, acknowledged, doubtful, flushed, unflushed };
  kind what;
  std::uint32_t key;
  version_number version;
};

/// A seeded mix of put, overwrite, erase, get and flush; every get is judged on the spot.
class operations {
 public:
  /// Reports go to `pipe`. `flushes`: one operation in that many is a flush; 0: none.
  operations(disk_cache& cache, history known, int pipe, std::uint32_t seed, unsigned flushes = 0, bool evicts = false)
      : cache_(cache), known_(std::move(known)), pipe_(pipe), random_(seed), flushes_(flushes), evicts_(evicts) {}

  /// One operation; what was wrong with it.
  std::string step() {
    if (flushes_ != 0 && random_() % flushes_ == 0) return flush();
    const auto key = static_cast<unsigned>(random_() % known_.keys());
    const auto dice = random_() % 10;
    return dice < 6 ? put(key) : dice < 7 ? erase(key) : get(key);
  }

  std::string put(unsigned key) {
    const version_number version = known_.next();
    begin(key, version);
    if (cache_.put(key_text(key), known_.form().make(key, version))) {
      say({report::acknowledged, key, version});
      known_.acknowledge(key, version);
      return {};
    }
    say({report::doubtful, key, version});
    known_.doubt(key);
    // What a refused put would have replaced is no longer true.
    if (cache_.get(key_text(key))) return "key " + std::to_string(key) + " is served after its put was refused";
    return {};
  }

  /// The keys together, the same one several times if need be; of a put_many that stored less, which of them is not known.
  std::string put_many(const std::vector<unsigned>& keys) {
    std::vector<std::pair<std::string, larder::bytes>> entries;
    std::vector<version_number> versions;
    for (const unsigned key : keys) {
      versions.push_back(known_.next());
      begin(key, versions.back());
      entries.emplace_back(key_text(key), known_.form().make(key, versions.back()));
    }
    const bool all = cache_.put_many(entries) == entries.size();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      say({all ? report::acknowledged : report::doubtful, keys[i], versions[i]});
      if (all)
        known_.acknowledge(keys[i], versions[i]);
      else
        known_.doubt(keys[i]);
    }
    return {};
  }

  /// A value that is filled in place; of a refused reservation nothing follows.
  std::string reserve(unsigned key) {
    const version_number version = known_.next();
    const std::string text = known_.form().text(key, version);
    auto room = cache_.reserve(key_text(key), text.size());
    if (!room) return {};
    std::memcpy(room.data(), text.data(), text.size());
    begin(key, version);
    if (room.commit()) {
      say({report::acknowledged, key, version});
      known_.acknowledge(key, version);
      return {};
    }
    say({report::doubtful, key, version});
    known_.doubt(key);
    if (cache_.get(key_text(key))) return "key " + std::to_string(key) + " is served after its commit was refused";
    return {};
  }

  /// A file that is made first and then adopted; where even that fails nothing follows.
  std::string adopt(unsigned key, const std::filesystem::path& file, larder::adopt_mode how) {
    const version_number version = known_.next();
    const std::string text = known_.form().text(key, version);
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
    std::error_code absent;
    if (std::filesystem::file_size(file, absent) != text.size() || absent) return {};
    begin(key, version);
    bool stored = false;
    try {
      stored = cache_.adopt_file(key_text(key), file, how);
    } catch (const larder::error&) {  // the file could not be read: the key stays as it is
      return {};
    }
    say({stored ? report::acknowledged : report::doubtful, key, version});
    if (!stored) return known_.doubt(key), std::string();
    known_.acknowledge(key, version);
    return {};
  }

  std::string erase(unsigned key) {
    begin(key, missing);
    const std::uint64_t failures = cache_.stats().errors.total();
    cache_.erase(key_text(key));
    if (cache_.stats().errors.total() == failures) {
      say({report::acknowledged, key, missing});
      known_.acknowledge(key, missing);
    } else {
      say({report::doubtful, key, missing});
    }
    if (cache_.get(key_text(key))) return "key " + std::to_string(key) + " is served after its erase";
    return {};
  }

  /// A read that failed (counted as an error) may be a miss of what is there.
  std::string get(unsigned key) {
    const std::uint64_t failures = cache_.stats().errors.total();
    const std::optional<larder::bytes> found = cache_.get(key_text(key));
    if (!found && cache_.stats().errors.total() != failures) return {};
    return known_.judge(key, found, evicts_);
  }

  std::string flush() {
    try {
      cache_.flush();
      say({report::flushed, 0, 0});
      known_.flushed();
    } catch (const larder::error&) {  // what the device did not take may be dropped
      say({report::unflushed, 0, 0});
      known_.flush_refused();
    }
    return {};
  }

  const history& known() const noexcept { return known_; }

 private:
  void begin(unsigned key, version_number version) {
    say({report::begun, key, version});
    known_.begin(key, version);
  }
  void say(const report& line) const {
    if (pipe_ >= 0 && ::write(pipe_, &line, sizeof line) != static_cast<ssize_t>(sizeof line))
      throw std::runtime_error("nobody listens");
  }

  disk_cache& cache_;
  history known_;
  int pipe_;
  std::mt19937 random_;
  unsigned flushes_;
  bool evicts_;
};

/// The reading end: what it takes goes into the history.
class report_reader {
 public:
  report_reader() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) FAIL("no pipe: " << std::strerror(errno));
  }
  report_reader(const report_reader&) = delete;
  report_reader& operator=(const report_reader&) = delete;
  ~report_reader() {
    hang_up();
    if (ends_[0] >= 0) ::close(ends_[0]);
  }

  int writing_end() const noexcept { return ends_[1]; }
  /// Once the writer has been forked: without its copy here the pipe ends when the writer does.
  void hang_up() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }

  /// Takes one line; false when none came within the time, or none will.
  bool take(history& known, int milliseconds, bool too_late = false) {
    pollfd waiting{ends_[0], POLLIN, 0};
    if (::poll(&waiting, 1, milliseconds) <= 0) return false;
    report line{};
    if (::read(ends_[0], &line, sizeof line) != static_cast<ssize_t>(sizeof line)) return false;
    ++taken_;
    if (line.what == report::begun) known.begin(line.key, line.version);
    if (line.what == report::doubtful) known.doubt(line.key);
    if (line.what == report::unflushed) known.flush_refused();
    if (too_late) return true;  // what was acknowledged while the power went may be an artefact
    if (line.what == report::acknowledged) {
      known.acknowledge(line.key, line.version);
      ++acknowledged_;
    }
    if (line.what == report::flushed) known.flushed();
    return true;
  }
  /// Takes what is there without waiting for more.
  void drain(history& known, bool too_late = false) {
    while (take(known, 0, too_late)) {
    }
  }

  int acknowledged() const noexcept { return acknowledged_; }

 private:
  std::array<int, 2> ends_{-1, -1};
  int taken_ = 0;
  int acknowledged_ = 0;
};

}  // namespace faults
