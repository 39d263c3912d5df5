#pragma once

#include <larder/core/time.hpp>
#include <larder/layer/pass_prediction.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace larder::layers {

/// Learns from passes what they cost: how long the caller keeps each layer before it asks for the next one, and the rate at which
/// layers come while any is on its way. Later ones count for more. Guarded by the cache's lock.
class pass_meter {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit pass_meter(std::size_t layers) : compute_(layers, unknown) {}

  /// Layer `i` is handed to a pass at its step.
  void handed_out(std::size_t i, std::uint64_t step, time_point now) noexcept {
    layer_ = i;
    step_ = step;
    since_ = now;
  }
  /// The pass asks for the layer of a step: with the one before it, it is done.
  void asked(std::uint64_t step, time_point now) noexcept {
    if (step != step_ + 1 || layer_ == none) return;
    learn(compute_[layer_], std::chrono::duration<double>(now - since_).count());
    layer_ = none;
  }
  void pass_over() noexcept { layer_ = none; }

  void load_began(time_point now) noexcept {
    if (loading_++ == 0) busy_since_ = now;
  }
  void load_over(std::uint64_t bytes, time_point now) noexcept {
    bytes_ += bytes;
    if (--loading_ != 0) return;
    busy_ += std::chrono::duration<double>(now - busy_since_).count();
    if (bytes_ < enough) return;
    learn(rate_, static_cast<double>(bytes_) / busy_);
    bytes_ = 0;
    busy_ = 0;
  }
  /// In a child after `fork`: loads of the parent never end here.
  void renew() noexcept {
    loading_ = 0;
    layer_ = none;
  }

  /// Nothing until a layer was used and some were loaded; a layer that was not used yet costs what the others do on average.
  std::optional<pass_costs> costs() const {
    double sum = 0;
    std::size_t known = 0;
    for (const double c : compute_)
      if (c != unknown) {
        sum += c;
        ++known;
      }
    const double rate = rate_ != unknown ? rate_ : busy_ > 0 ? static_cast<double>(bytes_) / busy_ : 0;
    if (known == 0 || rate <= 0) return std::nullopt;
    pass_costs all;
    all.bytes_per_second = rate;
    for (const double c : compute_)
      all.compute.push_back(std::chrono::duration_cast<duration>(
          std::chrono::duration<double>(c != unknown ? c : sum / static_cast<double>(known))));
    return all;
  }

 private:
  static constexpr double unknown = -1;
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  static constexpr std::uint64_t enough = std::uint64_t{16} << 20U;  // bytes that tell a rate

  static void learn(double& value, double seen) noexcept { value = value == unknown ? seen : value + (seen - value) / 4; }

  std::vector<double> compute_;  // seconds
  double rate_ = unknown;
  std::size_t layer_ = none;
  std::uint64_t step_ = 0;
  time_point since_{};
  unsigned loading_ = 0;
  time_point busy_since_{};
  double busy_ = 0;  // seconds
  std::uint64_t bytes_ = 0;
};

}  // namespace larder::layers
