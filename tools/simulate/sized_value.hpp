#pragma once

#include <cstddef>
#include <cstdint>

namespace simulate {

/// Stands in for a value of so many bytes, which is what it weighs under `max_bytes` (a container of chars, to `core::payload_size`).
class sized_value {
 public:
  using value_type = char;

  sized_value() noexcept = default;
  explicit sized_value(std::uint64_t size) noexcept : size_(size) {}
  std::size_t size() const noexcept { return size_; }
  const char* data() const noexcept { return nullptr; }

 private:
  std::uint64_t size_ = 0;
};

}  // namespace simulate
