#pragma once

#include <larder/core/policy_set.hpp>

#include <cstdint>
#include <memory>

namespace larder::storage {

/// What a cache's durations are told to, when a policy on the axis `latency` asks for them.
template <class Policy, bool Shared>
class timing_part {
 public:
  /// `usual`: one of so many is timed where the policy does not say.
  template <class Policies>
  timing_part(const Policies& policies, std::uint32_t usual) {
    const std::uint32_t every = policies.template get<Policy>().every;
    live_ = std::make_unique<recorder>(every == 0 ? usual : every);
  }
  auto get() const noexcept { return live_.get(); }

 private:
  using recorder = typename Policy::template recorder<Shared>;
  std::unique_ptr<recorder> live_;
};
template <bool Shared>
class timing_part<core::none, Shared> {
 public:
  template <class Policies>
  timing_part(const Policies&, std::uint32_t) noexcept {}
  core::none get() const noexcept { return {}; }
};

/// What is told what became of keys, when a policy on the axis `history` asks for it.
template <class Policy>
class history_part {
 public:
  template <class Policies>
  explicit history_part(const Policies& policies)
      : live_(std::make_unique<typename Policy::memory>(policies.template get<Policy>())) {}
  auto get() const noexcept { return live_.get(); }

 private:
  std::unique_ptr<typename Policy::memory> live_;
};
template <>
class history_part<core::none> {
 public:
  template <class Policies>
  explicit history_part(const Policies&) noexcept {}
  core::none get() const noexcept { return {}; }
};

}  // namespace larder::storage
