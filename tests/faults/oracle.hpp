#pragma once

// What a key may hold. A value is a function of its key and version, so nothing but numbers has to be remembered; a
// version is begun before the cache is asked and acknowledged when the cache has answered.

#include <larder/core/bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace faults {

using version_number = std::uint32_t;
inline constexpr version_number missing = 0;  // the version of a key that is not there

/// Numbers that follow from each other, spread over all 64 bits (the finaliser of SplitMix64).
constexpr std::uint64_t scatter(std::uint64_t x) noexcept {
  x += 0x9e37'79b9'7f4a'7c15;
  x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9;
  x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11eb;
  return x ^ (x >> 31);
}

/// The text of a key; one in eight is long.
inline std::string key_text(unsigned key) {
  std::string text = "fault key number " + std::to_string(key) + " of this suite;";
  if (key % 8 == 5) text.resize(3000 + key, '/');
  return text;
}

/// The values of one test: from `smallest` to `largest` bytes, most of them small.
struct values {
  std::size_t smallest = 1;
  std::size_t largest = std::size_t{2} << 20;

  std::size_t size(unsigned key, version_number version) const noexcept {
    const std::uint64_t dice = scatter((std::uint64_t{key} << 32) + version + 1);
    const std::uint64_t kind = dice % 16;
    const std::uint64_t limit = kind < 5 ? 100 : kind < 10 ? 8192 : kind < 13 ? 65'536 : kind < 15 ? 600'000 : 2 << 20;
    return std::clamp<std::size_t>(1 + (dice >> 8) % limit, smallest, largest);
  }

  /// The key and version in front, then bytes that follow from both.
  std::string text(unsigned key, version_number version) const {
    std::string result(size(key, version), '\0');
    std::uint64_t word = (std::uint64_t{version} << 32) | key;
    std::uint64_t state = scatter(word);
    for (std::size_t at = 0; at < result.size(); at += sizeof word) {
      std::memcpy(result.data() + at, &word, std::min(sizeof word, result.size() - at));
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      word = state;
    }
    return result;
  }
  larder::bytes make(unsigned key, version_number version) const { return larder::bytes::copy_of(text(key, version)); }

  bool is(unsigned key, version_number version, const larder::bytes& found) const {
    return found.size() == size(key, version) && found.text() == text(key, version);
  }
  /// The version that a value of at least 8 bytes says of itself; right only if `is` says so too.
  static version_number claimed(const larder::bytes& found) {
    std::uint64_t word = 0;
    std::memcpy(&word, found.data(), std::min(found.size(), sizeof word));
    return static_cast<version_number>(word >> 32);
  }
};

/// The versions that each key may have now.
class history {
 public:
  history(unsigned keys, values form) : form_(form), keys_(keys) {}

  unsigned keys() const noexcept { return static_cast<unsigned>(keys_.size()); }
  const values& form() const noexcept { return form_; }
  /// A version that nobody has used.
  version_number next() const noexcept { return last_ + 1; }
  /// Leaves out some versions, and so makes the next values of other sizes.
  void skip_versions(version_number count) noexcept { last_ += count; }

  /// A put of a version, or an erase (`missing`), is under way: from now on it may be there.
  void begin(unsigned key, version_number version) {
    state& s = keys_[key];
    add(s.possible, version);
    add(s.since_flush, version);
    if (version != missing) s.ever.push_back(version);
    last_ = std::max(last_, version);
  }
  /// It is there, and nothing else.
  void acknowledge(unsigned key, version_number version) { keys_[key].possible = {version}; }
  /// A put was refused, or the storage failed: what the key had may be gone.
  void doubt(unsigned key) {
    add(keys_[key].possible, missing);
    add(keys_[key].since_flush, missing);
  }
  /// Everything acknowledged so far survives a power cut.
  void flushed() {
    for (state& s : keys_) {
      s.durable = s.possible;
      s.since_flush.clear();
    }
  }
  /// A flush failed: what was to be made durable may be gone.
  void flush_refused() {
    for (state& s : keys_)
      if (!s.since_flush.empty()) add(s.possible, missing);
  }
  /// The power went: a key that changed since the last flush may be gone, or be any of its versions since then.
  void power_cut() {
    for (state& s : keys_) {
      s.possible = s.durable;
      if (s.since_flush.empty()) continue;
      for (const version_number version : s.since_flush) add(s.possible, version);
      add(s.possible, missing);
    }
  }
  /// An old state of the key's files may have come back: any version that ever was.
  void any_version(unsigned key) {
    keys_[key].possible = keys_[key].ever;
    add(keys_[key].possible, missing);
  }

  /// Whether the key is certainly there.
  bool must_be_there(unsigned key) const {
    const std::vector<version_number>& p = keys_[key].possible;
    return std::find(p.begin(), p.end(), missing) == p.end();
  }
  /// The version of a key that has one only.
  version_number certain(unsigned key) const { return keys_[key].possible.size() == 1 ? keys_[key].possible.front() : missing; }

  /// Nothing when the key may hold this, else what is wrong. What is seen now is what stays: an erase that was not
  /// acknowledged but took effect must not count as a loss the next time.
  std::string judge(unsigned key, const std::optional<larder::bytes>& found, bool may_be_missing = false) {
    state& s = keys_[key];
    if (!found) {
      if (!may_be_missing && must_be_there(key)) return "key " + std::to_string(key) + " is missing; it has " + list(s.possible);
      s.possible = {missing};
      return {};
    }
    std::vector<version_number> matching;
    for (const version_number version : s.possible)
      if (version != missing && form_.is(key, version, *found)) matching.push_back(version);
    if (matching.empty())
      return "key " + std::to_string(key) + " holds " + describe(key, *found) + "; it has " + list(s.possible);
    s.possible = matching;
    return {};
  }

  /// Every key of a cache against what it may hold.
  template <class Cache>
  std::string judge_all(Cache& cache, bool may_be_missing = false) {
    for (unsigned key = 0; key < keys(); ++key) {
      std::string wrong = judge(key, cache.get(key_text(key)), may_be_missing);
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

 private:
  struct state {
    std::vector<version_number> possible{missing};
    std::vector<version_number> durable{missing};
    std::vector<version_number> since_flush;
    std::vector<version_number> ever;
  };

  static void add(std::vector<version_number>& versions, version_number version) {
    if (std::find(versions.begin(), versions.end(), version) == versions.end()) versions.push_back(version);
  }
  static std::string list(const std::vector<version_number>& versions) {
    std::string text = versions.size() == 1 ? "version" : "one of the versions";
    for (const version_number version : versions) text += version == missing ? " (missing)" : " " + std::to_string(version);
    return text;
  }
  std::string describe(unsigned key, const larder::bytes& found) const {
    for (const version_number version : keys_[key].ever)
      if (form_.is(key, version, found)) return "version " + std::to_string(version);
    for (unsigned other = 0; other < keys(); ++other)
      for (const version_number version : keys_[other].ever)
        if (form_.is(other, version, found)) return "version " + std::to_string(version) + " of key " + std::to_string(other);
    return std::to_string(found.size()) + " bytes that nobody wrote (version " + std::to_string(values::claimed(found)) +
           " by its own words)";
  }

  values form_;
  std::vector<state> keys_;
  version_number last_ = 0;
};

}  // namespace faults
