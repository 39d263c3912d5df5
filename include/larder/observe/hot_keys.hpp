#pragma once

#include <larder/sync/counter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder::observe {

/// The few followed keys that would make most of the work: each asked for in more than about a sixteenth of the followed
/// look-ups. They hit in a cache of any capacity that is asked about, so their hits need not be followed.
template <bool Shared>
class hot_keys {
 public:
  /// Whether a hit of this key needs no following; from any thread.
  bool contains(std::uint64_t key) const noexcept { return hot_[place(key)].load() == key && key != 0; }

  /// A followed look-up of this key; under the sampler's lock, as all that follows.
  void count(std::uint64_t key) noexcept {
    candidate& leader = candidates_[place(key)];
    if (leader.key == key) {
      if (++leader.lead == enough) hot_[place(key)].store(key);
    } else if (leader.lead == 0) {
      leader = {key, 1};
    } else if (leader.lead < enough) {
      --leader.lead;
    } else if (++passed_ == term) {  // its place is another's turn
      clear();
    }
  }
  /// No longer: it missed or left.
  void erase(std::uint64_t key) noexcept {
    if (!contains(key)) return;
    hot_[place(key)].store(0);
    candidates_[place(key)] = {};
  }
  void clear() noexcept {
    for (std::size_t i = 0; i < places; ++i) hot_[i].store(0);
    candidates_.fill({});
    passed_ = 0;
  }
  /// f(key) for each.
  template <class F>
  void for_each(F&& f) const {
    for (const auto& key : hot_)
      if (key.load() != 0) f(key.load());
  }

 private:
  static constexpr std::size_t places = 16;
  static constexpr std::uint32_t enough = 64;
  static constexpr std::uint32_t term = 4096;

  struct candidate {
    std::uint64_t key = 0;
    std::uint32_t lead = 0;
  };
  static std::size_t place(std::uint64_t key) noexcept { return key >> 20U & (places - 1); }

  std::array<sync::counter<Shared>, places> hot_;
  std::array<candidate, places> candidates_{};
  std::uint32_t passed_ = 0;
};

}  // namespace larder::observe
