#pragma once

// Comparing a layer's bytes with its tensors' digests while they arrive: whoever reads says which bytes are there, in order and while they
// are still in the processor's cache, and asks for the verdict at the end. A second pass over the layer would cost its bandwidth again.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/verify.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/layer_source.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::layers {

/// The digest of each tensor of a layer whose bytes come in order. Tensors may lie in any order and overlap.
class tensor_hasher {
 public:
  /// `tensors`, with offsets in the layer, stay where they are.
  explicit tensor_hasher(std::span<const tensor_info> tensors) : tensors_(tensors), order_(tensors.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    const auto before = [&](std::size_t a, std::size_t b) { return tensors_[a].offset < tensors_[b].offset; };
    if (!std::is_sorted(order_.begin(), order_.end(), before)) std::stable_sort(order_.begin(), order_.end(), before);
  }

  /// The layer's next bytes. Calls `found(tensor's index, digest)` for each tensor that they complete; never for one without bytes.
  template <class Found>
  void add(std::span<const std::byte> next, Found&& found) {
    const std::uint64_t begin = at_;
    const std::uint64_t end = begin + next.size();
    for (begun& one : open_) {
      const tensor_info& tensor = tensors_[one.index];
      const std::uint64_t rest = tensor.offset + tensor.size - begin;
      one.stream.update(next.first(static_cast<std::size_t>(std::min<std::uint64_t>(rest, next.size()))));
      one.is_complete = rest <= next.size();
      if (one.is_complete) found(one.index, one.stream.finish());
    }
    std::erase_if(open_, [](const begun& one) { return one.is_complete; });
    for (; next_ < order_.size() && tensors_[order_[next_]].offset < end; ++next_) {
      const std::size_t index = order_[next_];
      const tensor_info& tensor = tensors_[index];
      if (tensor.size == 0) continue;
      const std::span<const std::byte> its = next.subspan(static_cast<std::size_t>(tensor.offset - begin));
      if (tensor.size <= its.size())
        found(index, digest_of(its.first(static_cast<std::size_t>(tensor.size))));
      else
        open_.emplace_back(index).stream.update(its);
    }
    at_ = end;
  }

 private:
  struct begun {
    explicit begun(std::size_t i) noexcept : index(i) {}
    std::size_t index;
    bool is_complete = false;
    digest_stream stream;
  };

  std::span<const tensor_info> tensors_;
  std::vector<std::size_t> order_;  // by offset
  std::size_t next_ = 0;            // in `order_`: the first that has not begun
  std::uint64_t at_ = 0;
  std::vector<begun> open_;
};

/// One read of a layer, under verification; one that was default-constructed finds everything right.
class layer_verification {
 public:
  layer_verification() = default;
  /// Both stay where they are; `expected` has one for each tensor.
  layer_verification(std::span<const tensor_info> tensors, std::span<const std::optional<digest>> expected)
      : expected_(expected), hasher_(std::in_place, tensors) {}

  bool is_on() const noexcept { return hasher_.has_value(); }
  /// These are the layer's next bytes.
  void add(std::span<const std::byte> next) {
    if (!hasher_) return;
    hasher_->add(next, [&](std::size_t i, const digest& found) {
      if (!expected_[i] || *expected_[i] == found) return;
      if (!wrong_ || i < *wrong_) wrong_ = i;
    });
  }
  /// The first tensor, of those that came whole, whose digest is another one.
  std::optional<std::size_t> wrong() const noexcept { return wrong_; }

 private:
  std::span<const std::optional<digest>> expected_;
  std::optional<tensor_hasher> hasher_;
  std::optional<std::size_t> wrong_;
};

/// What a cache knows of its layers' digests, and which of them it has compared. Safe from many threads.
class layer_verifier {
 public:
  /// Has nothing to compare with.
  layer_verifier() = default;
  /// `expected` by layer and tensor; a layer may have no row. Throws `larder::error` when it is not of these layers.
  layer_verifier(tensor_digests expected, std::span<const layer_info> layers, verify when)
      : expected_(std::move(expected)), when_(when), verified_(std::make_unique<std::atomic<bool>[]>(layers.size())) {
    bool fits = expected_.size() == layers.size();
    for (std::size_t i = 0; fits && i < layers.size(); ++i)
      fits = expected_[i].empty() || expected_[i].size() == layers[i].tensors.size();
    if (!fits)
      core::fail(error_cause::invalid_argument, "digests() of the source does not say one thing for each tensor of its layers");
  }
  template <class Source>
  static layer_verifier of(const Source& source, verify when) {
    if constexpr (has_digests<Source>) {
      if (when == verify::never) return {};
      tensor_digests expected = source.digests();
      if (!expected.empty()) return layer_verifier(std::move(expected), source.layers(), when);
    }
    return {};
  }

  /// For one read of a layer; `info` is what the source says of it, and stays. `again`: also when it was verified before.
  layer_verification begin(std::size_t index, const layer_info& info, bool again = false) const {
    if (verified_ == nullptr || expected_[index].empty() ||
        (!again && when_ == verify::first_read && verified_[index].load(std::memory_order_relaxed)))
      return {};
    return {info.tensors, expected_[index]};
  }
  /// What the tensors of a layer have, where anything is known of it.
  std::span<const std::optional<digest>> expected(std::size_t index) const noexcept { return expected_[index]; }
  /// What is in a layer, by its names and digests; nothing where not all of its tensors have one.
  std::optional<digest> content_of(std::size_t index, const layer_info& info) const {
    if (verified_ == nullptr || expected_[index].size() != info.tensors.size() || info.tensors.empty()) return std::nullopt;
    std::string text;
    const auto add = [&](std::string_view part) { text += std::to_string(part.size()) + ':' + std::string(part); };
    add(info.name);
    add(std::to_string(info.size));
    for (std::size_t t = 0; t < info.tensors.size(); ++t) {
      if (!expected_[index][t]) return std::nullopt;
      const tensor_info& tensor = info.tensors[t];
      add(tensor.name);
      add(to_string(tensor.dtype));
      for (const std::uint64_t n : tensor.shape) add(std::to_string(n));
      add("at " + std::to_string(tensor.offset) + " " + std::to_string(tensor.size));
      add(expected_[index][t]->hex());
    }
    return digest_of(std::as_bytes(std::span(text)));
  }

  /// The layer was read whole and found right.
  void passed(std::size_t index) noexcept {
    if (verified_ != nullptr) verified_[index].store(true, std::memory_order_relaxed);
  }

 private:
  tensor_digests expected_;
  verify when_ = verify::never;
  std::unique_ptr<std::atomic<bool>[]> verified_;  // by layer
};

/// Throws for a tensor whose bytes are not those of its digest.
template <class Source>
[[noreturn]] void fail_verification(const Source& source, std::size_t layer, const layer_info& info, std::size_t tensor) {
  const tensor_info& wrong = info.tensors[tensor];
  std::string where;
  if constexpr (requires {
                  { source.place_of(layer, tensor) } -> std::convertible_to<std::string>;
                })
    where = source.place_of(layer, tensor);
  else
    where = "offset " + std::to_string(wrong.offset) + " of the layer";
  core::fail(error_cause::corruption,
             "tensor \"" + wrong.name + "\" of layer \"" + info.name + "\" is not what its digest says: its " +
                 std::to_string(wrong.size) + " bytes at " + where +
                 " were changed since, or did not come as they are; nothing was stored, and the next get reads them again");
}

}  // namespace larder::layers
