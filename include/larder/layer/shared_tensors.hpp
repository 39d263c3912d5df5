#pragma once

// Tensors in pages that several layers have among their own. What of a tensor does not fill a page lies in each layer's memory, since
// the rest of that page is another tensor's; a copy of it is kept for the layers to come.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/layer/content_index.hpp>
#include <larder/layer/mapped_pages.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace larder::layers {

class tensor_pool;

/// A tensor that was verified, counted by the layers that have its pages. It does not change.
class shared_tensor final : public core::byte_owner {
 public:
  /// `tensor` lies so that its page-sized inner part, which `pages` are, begins after `head` bytes. `origin`: whoever read it.
  shared_tensor(std::shared_ptr<tensor_pool> pool, const digest& content, std::span<const std::byte> tensor, std::size_t head,
                mapped_pages pages, std::weak_ptr<const void> origin)
      : core::byte_owner(residence::mapping),
        pool_(std::move(pool)),
        content_(content),
        size_(tensor.size()),
        head_(head),
        ends_(tensor.begin(), tensor.begin() + static_cast<std::ptrdiff_t>(head)),
        pages_(std::move(pages)),
        origin_(std::move(origin)) {
    const auto tail = tensor.subspan(head + pages_.size());
    ends_.insert(ends_.end(), tail.begin(), tail.end());
  }

  const digest& content() const noexcept { return content_; }
  std::uint64_t size() const noexcept { return size_; }
  std::size_t head() const noexcept { return head_; }
  const mapped_pages& pages() const noexcept { return pages_; }
  std::span<const std::byte> head_bytes() const noexcept { return std::span(ends_).first(head_); }
  std::span<const std::byte> tail_bytes() const noexcept { return std::span(ends_).subspan(head_); }
  bool is_of(const std::weak_ptr<const void>& origin) const noexcept {
    return !origin.owner_before(origin_) && !origin_.owner_before(origin);
  }

 private:
  ~shared_tensor() = default;
  void destroy() noexcept override;

  std::shared_ptr<tensor_pool> pool_;
  digest content_;
  std::uint64_t size_;
  std::size_t head_;
  std::vector<std::byte> ends_;  // the bytes before the inner part, and those after it
  mapped_pages pages_;           // read-only; kept here so that they outlive the layer that read them
  std::weak_ptr<const void> origin_;
};

struct tensor_release {
  void operator()(core::byte_owner* tensor) const noexcept { tensor->release(); }
};
/// One reference.
using tensor_reference = std::unique_ptr<shared_tensor, tensor_release>;

/// Tensors by what is in them and how they lie in their pages, found while anybody holds them; the pool holds none. Thread-safe. A
/// child after `fork` begins with an empty one.
class tensor_pool {
 public:
  explicit tensor_pool(bool is_possible = mapped_pages::can_be_mapped_again()) noexcept : is_possible_(is_possible) {}

  /// Whether pages can be shared here at all.
  bool is_possible() const noexcept { return is_possible_; }

  tensor_reference find(const digest& content, std::uint64_t size, std::size_t head) {
    return tensor_reference(static_cast<shared_tensor*>(by_place_.find(key_of(content, size, head))));
  }
  /// How a tensor of that content lies in its pages that can be found; of several one.
  std::optional<std::size_t> head_of(const digest& content, std::uint64_t size) {
    const tensor_reference any(static_cast<shared_tensor*>(by_content_.find(key_of(content, size, anyhow))));
    return any == nullptr ? std::nullopt : std::optional(any->head());
  }
  /// What is found from now on: that tensor, or the one that was there before.
  tensor_reference add(tensor_reference tensor) {
    for (;;) {
      if (by_place_.add(key_of(tensor->content(), tensor->size(), tensor->head()), tensor.get())) {
        by_content_.add(key_of(tensor->content(), tensor->size(), anyhow), tensor.get());
        return tensor;
      }
      if (tensor_reference other = find(tensor->content(), tensor->size(), tensor->head())) return other;
    }
  }
  std::size_t size() const { return by_place_.size(); }

 private:
  friend class shared_tensor;
  static constexpr std::uint64_t anyhow = ~std::uint64_t{0};

  static digest key_of(const digest& content, std::uint64_t size, std::uint64_t head) noexcept {
    const std::array<std::uint64_t, 4> all{content.low, content.high, size, head};
    return digest_of(std::as_bytes(std::span(all)));
  }

  bool is_possible_;
  content_index by_place_;
  content_index by_content_;
};

inline void shared_tensor::destroy() noexcept {
  pool_->by_place_.remove(tensor_pool::key_of(content_, size_, head_), this);
  pool_->by_content_.remove(tensor_pool::key_of(content_, size_, tensor_pool::anyhow), this);
  delete this;
}

}  // namespace larder::layers
