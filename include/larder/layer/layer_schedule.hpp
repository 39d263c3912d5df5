#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace larder::layers {

/// The order in which a caller goes over the layers, so many times, and how far it has come. Guarded by the cache's lock.
class layer_schedule {
 public:
  static constexpr std::uint64_t endless = std::numeric_limits<std::uint64_t>::max();

  layer_schedule(std::vector<std::size_t> order, std::uint64_t passes)
      : order_(std::move(order)),
        steps_(order_.empty() ? 0 : passes > endless / order_.size() ? endless : passes * order_.size()) {}

  std::uint64_t steps() const noexcept { return steps_; }
  std::span<const std::size_t> order() const noexcept { return order_; }
  std::uint64_t passes() const noexcept { return order_.empty() ? 0 : steps_ / order_.size(); }
  std::size_t at(std::uint64_t step) const noexcept { return order_[static_cast<std::size_t>(step % order_.size())]; }
  /// How many steps make up one pass.
  std::uint64_t length() const noexcept { return order_.size(); }

  /// The first step whose layer was not handed out yet.
  std::uint64_t next = 0;

 private:
  std::vector<std::size_t> order_;
  std::uint64_t steps_;
};

}  // namespace larder::layers
