#pragma once

// Digests of files by what `stat` says of them, in a file that processes share.
//
// Records of 88 bytes in the machine's byte order, each with a checksum, appended under a lock file beside; one that is damaged is passed over. At
// twice its size the file is written anew with the newest records alone. Who reads it looks only at what came since the last time.

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/file_stamp.hpp>
#include <larder/artifact/locked_file.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace larder::artifacts {

/// A file as it was, and its digest then.
struct remembered_digest {
  file_stamp stamp{};
  content_digest digest{};
};

class digest_memory {
 public:
  /// Keeps at least the `most` newest digests, in `file`, or without one in memory alone.
  digest_memory(const std::filesystem::path& file, std::size_t most)
      : file_(file.empty() ? file : std::filesystem::absolute(file)), most_(std::max<std::size_t>(most, 1)) {}

  /// Reads what other processes have added. Throws `larder::error` when there is a file that cannot be read.
  void refresh() {
    memory& mine = memory_.get();
    const std::lock_guard lock(mine.mutex);
    if (!file_.empty()) read_new(mine);
  }

  std::optional<content_digest> find(const file_stamp& stamp, digest_algorithm algorithm) const {
    memory& mine = memory_.get();
    const std::lock_guard lock(mine.mutex);
    const auto found = mine.known.find({stamp, algorithm});
    if (found == mine.known.end()) return std::nullopt;
    return found->second;
  }

  /// Throws `larder::error` when they cannot be written; this process knows them all the same.
  void add(std::span<const remembered_digest> digests, const std::stop_token& stop = {}) {
    if (digests.empty()) return;
    {
      memory& mine = memory_.get();
      const std::lock_guard lock(mine.mutex);
      for (const remembered_digest& one : digests) learn(mine, one);
    }
    if (!file_.empty()) append(digests, stop);
  }

  /// How many this process knows.
  std::size_t size() const {
    memory& mine = memory_.get();
    const std::lock_guard lock(mine.mutex);
    return mine.known.size();
  }

  static constexpr std::size_t record_size = 88;

 private:
  using record = std::array<std::byte, record_size>;
  static_assert(sizeof(file_stamp) == 40);

  struct place {
    file_stamp stamp;
    digest_algorithm algorithm;
    bool operator==(const place&) const noexcept = default;
  };
  struct place_hash {
    std::size_t operator()(const place& at) const noexcept {
      return digest_of(&at.stamp, sizeof at.stamp, static_cast<std::uint64_t>(at.algorithm)).low;
    }
  };

  static constexpr std::array<char, 4> mark{'L', 'D', 'M', '1'};

  static record encode(const remembered_digest& one) noexcept {
    record out{};
    std::memcpy(out.data(), mark.data(), mark.size());
    out[4] = static_cast<std::byte>(one.digest.algorithm());
    out[5] = static_cast<std::byte>(std::endian::native == std::endian::little);
    std::memcpy(out.data() + 8, &one.stamp, sizeof one.stamp);
    std::memcpy(out.data() + 48, one.digest.bytes().data(), one.digest.bytes().size());
    const std::uint64_t check = digest_of(out.data(), 80).low;
    std::memcpy(out.data() + 80, &check, sizeof check);
    return out;
  }
  static std::optional<remembered_digest> decode(const std::byte* from) {
    const auto algorithm = static_cast<digest_algorithm>(from[4]);
    std::uint64_t check = 0;
    std::memcpy(&check, from + 80, sizeof check);
    if (std::memcmp(from, mark.data(), mark.size()) != 0 || algorithm > digest_algorithm::xxh3_128 ||
        from[5] != static_cast<std::byte>(std::endian::native == std::endian::little) || check != digest_of(from, 80).low)
      return std::nullopt;
    remembered_digest one;
    std::memcpy(&one.stamp, from + 8, sizeof one.stamp);
    one.digest = content_digest(algorithm, std::span(from + 48, digest_size(algorithm)));
    return one;
  }

  /// What this process knows. A child of `fork` begins with what the file has.
  struct memory {
    explicit memory(int) {}
    std::mutex mutex;
    std::unordered_map<place, content_digest, place_hash> known;
    storage::file_identity read{};
    std::uint64_t read_to = 0;
  };

  void learn(memory& mine, const remembered_digest& one) const {
    if (mine.known.size() >= 2 * most_) mine.known.clear();  // the file, where there is one, still has the newest
    mine.known.insert_or_assign({one.stamp, one.digest.algorithm()}, one.digest);
  }

  /// f(record) for those from a place of the file on; where they end.
  template <class F>
  std::uint64_t read_records(const storage::file_descriptor& file, std::uint64_t from, F&& f) const {
    std::vector<std::byte> room(record_size * 4096);
    for (;;) {
      const std::size_t got = storage::read_at(file, room.data(), room.size(), from, file_.string());
      for (std::size_t at = 0; at + record_size <= got; at += record_size)
        if (const std::optional<remembered_digest> one = decode(room.data() + at)) f(*one);
      from += got - got % record_size;
      if (got < room.size()) return from;
    }
  }

  void read_new(memory& mine) const {
    const storage::file_descriptor file = open_small_file(file_);
    if (!file) return;
    const storage::file_identity seen = storage::identify(file, file_.string());
    if (!seen.same_file(mine.read) || seen.size < mine.read_to) mine.read_to = 0;
    mine.read = seen;
    mine.read_to = read_records(file, mine.read_to, [&](const remembered_digest& one) { learn(mine, one); });
  }

  void append(std::span<const remembered_digest> digests, const std::stop_token& stop) {
    const std::filesystem::path lock_path = file_.string() + ".lock";
    const locked_file held = locked_file::lock(lock_path, stop);
    storage::file_descriptor file = storage::open_file(file_.string(), O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY);
    if (!file) {
      if (errno == ELOOP) refuse_link(file_.string(), "the file");
      storage::fail_file("open", file_.string(), errno);
    }
    const storage::file_identity seen = storage::identify(file, file_.string());
    if (!seen.regular || seen.links > 1)
      core::fail(error_cause::corruption, "\"" + file_.string() + "\" is no regular file of one name; remove it");
    const std::uint64_t end = seen.size - seen.size % record_size;  // what a writer that died left half is written over
    std::vector<std::byte> text;
    for (const remembered_digest& one : digests) {
      const record encoded = encode(one);
      text.insert(text.end(), encoded.begin(), encoded.end());
    }
    storage::write_at(file, text, {}, end, file_.string());
    if ((end + text.size()) / record_size > 2 * most_) compact(file);
  }

  /// The newest record of each of the newest files, in their order.
  void compact(const storage::file_descriptor& file) {
    std::vector<remembered_digest> all;
    read_records(file, 0, [&](const remembered_digest& one) { all.push_back(one); });
    std::unordered_set<place, place_hash> seen;
    std::vector<remembered_digest> kept;
    for (auto at = all.rbegin(); at != all.rend() && kept.size() < most_; ++at)
      if (seen.insert({at->stamp, at->digest.algorithm()}).second) kept.push_back(*at);
    std::string text;
    for (auto at = kept.rbegin(); at != kept.rend(); ++at) {
      const record encoded = encode(*at);
      text.append(reinterpret_cast<const char*>(encoded.data()), encoded.size());
    }
    write_atomically(file_, text);
  }

  const std::filesystem::path file_;
  const std::size_t most_;
  sync::per_process<memory, int> memory_{0};
};

}  // namespace larder::artifacts
