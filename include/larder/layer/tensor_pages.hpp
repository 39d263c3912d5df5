#pragma once

// The memory of a layer some of whose tensors lie in pages that other layers have too. It is contiguous as any layer's: the shared
// pages are mapped between its own. It is filled once and never again: pages that were shared are seen by children after `fork` as well.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/mapped_pages.hpp>
#include <larder/layer/shared_tensors.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace larder::layers {

class tensor_pages {
 public:
  /// For a layer of `size` bytes that begins so far into a page, zeros; false where there is no memory to be had.
  tensor_pages(std::uint64_t size, std::size_t begin) noexcept
      : page_(mapped_pages::page()),
        begin_(begin),
        memory_(mapped_pages::of_one_place((begin + static_cast<std::size_t>(size) + page_ - 1) / page_ * page_)) {}
  tensor_pages(const tensor_pages&) = delete;
  tensor_pages& operator=(const tensor_pages&) = delete;

  /// Whether the kernel has mappings for so many tensors at this moment.
  static bool has_room_for(std::size_t tensors) { return mapped_pages::has_room_for(3 * tensors + 8); }

  explicit operator bool() const noexcept { return static_cast<bool>(memory_); }
  std::byte* data() const noexcept { return memory_.data() + begin_; }

  /// How many bytes of a tensor at `offset` come before its first whole page, where a layer begins so far into a page.
  static std::size_t head_at(std::uint64_t begin, std::uint64_t offset, std::size_t page) noexcept {
    return static_cast<std::size_t>((page - (begin + offset) % page) % page);
  }
  std::size_t head_of(const tensor_info& tensor) const noexcept { return head_at(begin_, tensor.offset, page_); }
  /// The bytes of it that are whole pages.
  std::size_t inner_size(const tensor_info& tensor) const noexcept {
    const std::size_t head = head_of(tensor);
    return tensor.size <= head ? 0 : static_cast<std::size_t>(tensor.size - head) / page_ * page_;
  }

  // Tensors are named in the order of their offsets, each once.

  /// The tensor is there from now on, in the pages of `found`; false where the kernel has no more mappings.
  bool take(std::size_t index, const tensor_info& tensor, tensor_reference found) {
    parts_.reserve(parts_.size() + 1);
    mapped_pages again = found->pages().again();
    if (!again) return false;
    std::byte* const at = data() + tensor.offset;
    place(std::move(again), at + found->head());
    std::ranges::copy(found->head_bytes(), at);
    std::ranges::copy(found->tail_bytes(), at + found->head() + found->pages().size());
    parts_.push_back({index, tensor.offset, tensor.size, {}, std::move(found), true});
    return true;
  }
  /// The tensor is to be read into pages that others may have too, where the kernel gives such.
  void make_shareable(std::size_t index, const tensor_info& tensor) {
    parts_.reserve(parts_.size() + 1);
    mapped_pages pages = mapped_pages::of_many_places(inner_size(tensor));
    mapped_pages again = pages.again();
    if (!again) return;
    place(std::move(again), data() + tensor.offset + head_of(tensor));
    parts_.push_back({index, tensor.offset, tensor.size, std::move(pages), nullptr, false});
  }

  /// Whether a tensor was there before anything was read.
  bool has_taken() const noexcept {
    return std::ranges::any_of(parts_, [](const part& p) { return p.was_there; });
  }
  /// The tensor was there before anything was read.
  bool has_taken(std::size_t index) const noexcept {
    return std::ranges::any_of(parts_, [&](const part& p) { return p.was_there && p.index == index; });
  }
  /// f(begin, end) for each run of the layer's bytes that were not there before, in order.
  template <class F>
  void for_each_gap(std::uint64_t size, F&& f) const {
    std::uint64_t at = 0;
    for (const part& p : parts_) {
      if (!p.was_there) continue;
      if (at < p.offset) f(at, p.offset);
      at = p.offset + p.size;
    }
    if (at < size) f(at, size);
  }

  /// All that was read is what its digest says: others may have it from now on. Of a tensor that somebody else was faster with
  /// his pages are taken in the place of ours. Without memory for it some tensors are not shared.
  void publish(const std::shared_ptr<tensor_pool>& pool, std::span<const std::optional<digest>> contents,
               const std::weak_ptr<const void>& origin) {
    for (part& p : parts_) {
      if (!p.pages) continue;
      const std::span<std::byte> whole(data() + p.offset, static_cast<std::size_t>(p.size));
      const std::size_t head = head_at(begin_, p.offset, page_);
      std::byte* const inner = whole.data() + head;
      if (!mapped_pages::make_read_only(p.pages.data(), p.pages.size()) || !mapped_pages::make_read_only(inner, p.pages.size()))
        continue;
      tensor_reference found;
      mapped_pages again;
      try {
        tensor_reference ours(new shared_tensor(pool, *contents[p.index], whole, head, std::move(p.pages), origin));
        const shared_tensor* const before = ours.get();
        found = pool->add(std::move(ours));
        if (found.get() != before && (!has_room_for(1) || !(again = found->pages().again()))) continue;
      } catch (const std::bad_alloc&) {
        continue;
      }
      if (again) place(std::move(again), inner);
      p.held = std::move(found);
    }
  }

  /// Bytes of tensors in pages that others than `origin` have read.
  std::uint64_t bytes_of_others(const std::weak_ptr<const void>& origin) const noexcept {
    std::uint64_t sum = 0;
    for (const part& p : parts_)
      if (p.held != nullptr && !p.held->is_of(origin)) sum += p.size;
    return sum;
  }

 private:
  struct part {
    std::size_t index;
    std::uint64_t offset;
    std::uint64_t size;
    mapped_pages pages;     // until they are published
    tensor_reference held;  // once they are
    bool was_there;
  };

  void place(mapped_pages pages, std::byte* at) {
    if (std::move(pages).move_over(at)) return;
    const int code = errno;
    memory_.abandon();
    core::fail(error_cause::io, "mremap failed in a layer's memory: " + std::generic_category().message(code) +
                                    "; the limit of mappings may be reached (vm.max_map_count)");
  }

  std::size_t page_;
  std::size_t begin_;
  mapped_pages memory_;  // goes with what is mapped into it
  std::vector<part> parts_;
};

}  // namespace larder::layers
