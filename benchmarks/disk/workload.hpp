#pragma once

#include <larder/core/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// What is stored: under texts of 24 characters, since what people keep on disk has names (tiles, layers, addresses) and every peer
/// takes bytes as keys. The texts come in no order, as a cache's keys do: a tree that likes sorted keys gets none.
struct item {
  std::size_t index;
  std::string key;
  larder::bytes value;  ///< no two are alike; a window of one buffer, as fresh from the program as a value can be
  std::uint64_t checksum;
  std::byte first;
};

/// What the values are made of.
enum class content { noise, text };  ///< incompressible; words and numbers, of which zstd takes a third

/// The values of a case, and the order in which they are read: another one than that of the puts.
class workload {
 public:
  workload(std::size_t count, std::size_t value_size, content made_of = content::noise);

  const std::vector<item>& items() const { return items_; }
  const std::vector<std::uint32_t>& reading_order() const { return order_; }
  std::size_t count() const { return items_.size(); }
  std::size_t value_size() const { return value_size_; }
  std::uint64_t payload() const { return static_cast<std::uint64_t>(count()) * value_size_; }

 private:
  std::size_t value_size_;
  std::vector<item> items_;
  std::vector<std::uint32_t> order_;
};

/// What every byte of a value is read for.
std::uint64_t checksum_of(const void* data, std::size_t size);

}  // namespace bench
