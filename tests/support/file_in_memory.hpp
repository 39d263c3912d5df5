#pragma once

#include <larder/dataset/shard_file.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace support {

/// A file of a data set that is a text, and counts what is read of it. Reading behind its end is a fault of the reader, which no text may bring
/// about: it throws what no reader throws.
class text_file final : public larder::datasets::any_shard_file {
 public:
  text_file(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}

  const std::string& name() const noexcept override { return name_; }
  std::uint64_t size() const noexcept override { return text_.size(); }
  larder::digest identity() const noexcept override { return larder::digest_of(text_); }
  void read(std::uint64_t offset, std::span<std::byte> room) const override {
    if (offset > text_.size() || room.size() > text_.size() - offset) throw std::logic_error("a read behind the end");
    std::memcpy(room.data(), text_.data() + offset, room.size());
    ++reads_;
    bytes_read_ += room.size();
    std::uint64_t most = largest_read_;
    while (most < room.size() && !largest_read_.compare_exchange_weak(most, room.size())) {
    }
  }
  bool is_remote() const noexcept override { return false; }

  std::uint64_t reads() const noexcept { return reads_; }
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  std::uint64_t largest_read() const noexcept { return largest_read_; }

 private:
  std::string name_;
  std::string text_;
  mutable std::atomic<std::uint64_t> reads_{0};
  mutable std::atomic<std::uint64_t> bytes_read_{0};
  mutable std::atomic<std::uint64_t> largest_read_{0};
};

inline larder::shard_file in_memory(std::string text, std::string name = "x.txt") {
  return larder::shard_file(std::make_shared<text_file>(std::move(name), std::move(text)));
}

}  // namespace support
