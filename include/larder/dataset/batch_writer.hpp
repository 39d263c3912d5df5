#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/dataset/batch.hpp>
#include <larder/dataset/stream_position.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::datasets {

/// What the samples of a batch refer to (tables of views), held by all of them together: a view then costs a count that its batch has for
/// itself, not one that all threads write.
class shared_hold final : public core::byte_owner {
 public:
  shared_hold() noexcept : byte_owner(residence::mapping) {}
  void hold(std::shared_ptr<const void> what) { held_.push_back(std::move(what)); }

 private:
  ~shared_hold() = default;
  void destroy() noexcept override { delete this; }
  std::vector<std::shared_ptr<const void>> held_;
};

/// Fills a batch again and again.
template <class Sample>
class batch_writer {
 public:
  static constexpr bool takes_bytes = std::is_same_v<Sample, bytes>;

  explicit batch_writer(bool copies) noexcept : copies_(copies && takes_bytes) {}
  batch_writer(const batch_writer&) = delete;
  batch_writer& operator=(const batch_writer&) = delete;
  ~batch_writer() { let_go(); }

  /// Begins the next batch, of about so many samples.
  void begin(std::size_t expected) {
    clear();
    batch_.samples_.reserve(expected);
    if constexpr (takes_bytes)
      if (!copies_) hold_ = new shared_hold;
  }
  /// What views may refer to from now on.
  void hold(std::shared_ptr<const void> what) {
    if (hold_ != nullptr) hold_->hold(std::move(what));
  }
  /// A sample that stays where it is as long as what is held.
  void add_view(const bytes& encoded) {
    if constexpr (takes_bytes) {
      if (!copies_) {
        hold_->acquire();
        batch_.samples_.emplace_back(hold_, encoded.data(), encoded.size());
      } else {
        pieces_.push_back(encoded.span());
      }
    } else {
      batch_.samples_.push_back(codec<Sample>::decode(encoded));
    }
  }
  /// A sample of its own.
  void add(bytes encoded) {
    if constexpr (takes_bytes) {
      if (!copies_) {
        batch_.samples_.push_back(std::move(encoded));
      } else {
        pieces_.push_back(encoded.span());
        owned_.push_back(std::move(encoded));
      }
    } else {
      batch_.samples_.push_back(codec<Sample>::decode(encoded));
    }
  }
  void add_sample(Sample sample) {
    if constexpr (takes_bytes)
      add(std::move(sample));
    else
      batch_.samples_.push_back(std::move(sample));
  }
  /// The batch is whole.
  void end(std::uint64_t epoch, const stream_position& next) {
    if constexpr (takes_bytes)
      if (copies_) copy_pieces();
    batch_.epoch_ = epoch;
    batch_.position_ = next;
  }
  void clear() noexcept {
    batch_.samples_.clear();
    let_go();
    pieces_.clear();
    owned_.clear();
  }
  const batch<Sample>& result() const noexcept { return batch_; }

 private:
  void let_go() noexcept {
    if (hold_ != nullptr) std::exchange(hold_, nullptr)->release();
  }
  void copy_pieces() {
    std::size_t size = 0;
    for (const auto& piece : pieces_) size += piece.size();
    if (batch_.buffer_.capacity() < size) batch_.buffer_.reserve(size + size / 4);
    batch_.buffer_.resize(size);
    std::byte* to = batch_.buffer_.data();
    for (const auto& piece : pieces_) {
      if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
      batch_.samples_.emplace_back(nullptr, to, piece.size());
      to += piece.size();
    }
    pieces_.clear();
    owned_.clear();
  }

  bool copies_;
  batch<Sample> batch_;
  shared_hold* hold_ = nullptr;
  std::vector<std::span<const std::byte>> pieces_;
  std::vector<bytes> owned_;  // of which a piece is a part
};

}  // namespace larder::datasets
