#pragma once

// Which tensors of a cache's layers may lie in pages that other caches have too, and how a layer's memory is made of what is there.

#include <larder/core/digest.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/layer_verification.hpp>
#include <larder/layer/mapped_pages.hpp>
#include <larder/layer/shared_tensors.hpp>
#include <larder/layer/tensor_pages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace larder::layers {

/// A run of a layer's bytes that are still to be read, and the tensors in it as its begin sees them.
struct unread_range {
  std::uint64_t begin;
  std::uint64_t end;
  std::vector<tensor_info> tensors;  // without names
  std::vector<std::optional<digest>> expected;
  std::vector<std::size_t> indexes;  // of these tensors in their layer
};

/// Where a layer's memory begins in its page, and what it may begin at in the place of that: multiples of so many bytes, 0: nothing else.
struct layer_begin {
  std::size_t preferred = 0;
  std::uint64_t multiples_of = 0;
};

class tensor_sharing {
 public:
  /// Whole pages of a tensor that are worth mappings of their own.
  static constexpr std::size_t least = std::size_t{64} << 10U;

  /// Shares nothing.
  tensor_sharing() = default;
  /// Shares tensors of the layers of which all tensors have digests. `verifier` knows these, and stays.
  tensor_sharing(std::shared_ptr<tensor_pool> pool, std::span<const layer_info> layers, const layer_verifier& verifier)
      : pool_(std::move(pool)), verifier_(&verifier), page_(mapped_pages::page()) {
    if (!pool_->is_possible()) return;
    for (std::size_t i = 0; i < layers.size(); ++i)
      shareable_.push_back(verifier.content_of(i, layers[i]) ? apart_and_large(layers[i].tensors) : std::vector<std::size_t>{});
  }

  /// Memory for layer `i`, in which its tensors that others have already are, unless it is to be read as a whole; nothing where none of
  /// its tensors is worth it or there is no memory for it.
  std::unique_ptr<tensor_pages> pages_for(std::size_t i, const layer_info& info, const layer_begin& begin,
                                          bool is_read_as_a_whole) const {
    if (i >= shareable_.size() || shareable_[i].empty() || !tensor_pages::has_room_for(shareable_[i].size())) return nullptr;
    const std::size_t at = is_read_as_a_whole ? begin.preferred : best_begin(i, info, begin);
    auto pages = std::make_unique<tensor_pages>(info.size, at);
    if (!*pages) return nullptr;
    for (const std::size_t t : shareable_[i]) {
      const tensor_info& tensor = info.tensors[t];
      if (pages->inner_size(tensor) < least) continue;
      if (!is_read_as_a_whole)
        if (tensor_reference found = pool_->find(content(i, t), tensor.size, pages->head_of(tensor)))
          if (pages->take(t, tensor, std::move(found))) continue;
      pages->make_shareable(t, tensor);
    }
    return pages;
  }

  /// What is still to be read of layer `i`, in order.
  std::vector<unread_range> unread(std::size_t i, const layer_info& info, const tensor_pages& pages) const {
    std::vector<unread_range> all;
    pages.for_each_gap(info.size, [&](std::uint64_t begin, std::uint64_t end) { all.push_back({begin, end, {}, {}, {}}); });
    for (std::size_t t = 0; t < info.tensors.size(); ++t) {
      const tensor_info& tensor = info.tensors[t];
      if (tensor.size == 0 || pages.has_taken(t)) continue;
      unread_range& its = *std::ranges::find_if(all, [&](const unread_range& r) { return tensor.offset < r.end; });
      its.tensors.push_back({{}, tensor.dtype, {}, tensor.offset - its.begin, tensor.size});
      its.expected.push_back(content(i, t));
      its.indexes.push_back(t);
    }
    return all;
  }

  /// Layer `i` is whole, and right: others may find its tensors.
  void publish(std::size_t i, tensor_pages& pages, const std::weak_ptr<const void>& origin) const {
    pages.publish(pool_, verifier_->expected(i), origin);
  }

 private:
  const digest& content(std::size_t layer, std::size_t tensor) const { return *verifier_->expected(layer)[tensor]; }

  /// Those with bytes of their own and enough of them, by offset.
  static std::vector<std::size_t> apart_and_large(std::span<const tensor_info> tensors) {
    std::vector<std::size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::erase_if(order, [&](std::size_t t) { return tensors[t].size == 0; });
    std::ranges::sort(order, {}, [&](std::size_t t) { return tensors[t].offset; });
    std::vector<std::size_t> chosen;
    std::uint64_t end = 0;  // of those before
    for (std::size_t k = 0; k < order.size(); ++k) {
      const tensor_info& tensor = tensors[order[k]];
      const std::uint64_t its_end = tensor.offset + tensor.size;
      const bool is_apart = tensor.offset >= end && (k + 1 == order.size() || tensors[order[k + 1]].offset >= its_end);
      if (is_apart && tensor.size >= least) chosen.push_back(order[k]);
      end = std::max(end, its_end);
    }
    return chosen;
  }

  /// Pages fit only where a tensor lies in them as it does elsewhere: of files whose headers differ in length no tensor does, unless
  /// one layer begins where the other suggests.
  std::size_t best_begin(std::size_t i, const layer_info& info, const layer_begin& begin) const {
    if (begin.multiples_of == 0) return begin.preferred;
    std::map<std::size_t, std::uint64_t> bytes_at;
    for (const std::size_t t : shareable_[i]) {
      const tensor_info& tensor = info.tensors[t];
      const digest& its = content(i, t);
      if (pool_->find(its, tensor.size, tensor_pages::head_at(begin.preferred, tensor.offset, page_)) != nullptr)
        bytes_at[begin.preferred] += tensor.size;
      else if (const std::optional<std::size_t> head = pool_->head_of(its, tensor.size))
        bytes_at[tensor_pages::head_at(*head, tensor.offset, page_)] += tensor.size;
    }
    std::size_t best = begin.preferred;
    std::uint64_t most = bytes_at[best];
    for (const auto& [at, bytes] : bytes_at)
      if (bytes > most && at % begin.multiples_of == 0) {
        best = at;
        most = bytes;
      }
    return best;
  }

  std::shared_ptr<tensor_pool> pool_;
  const layer_verifier* verifier_ = nullptr;
  std::size_t page_ = 0;
  std::vector<std::vector<std::size_t>> shareable_;  // tensors by layer; empty where nothing is
};

}  // namespace larder::layers
