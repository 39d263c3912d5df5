#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/layer_memory.hpp>
#include <larder/layer/layer_source.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

/// A tensor in place: a view into its layer's memory, which it keeps alive. Cheap to copy.
class tensor {
 public:
  tensor(std::string_view name, const tensor_info& info, bytes data) noexcept : name_(name), info_(&info), data_(std::move(data)) {}

  /// The name inside the layer: "mlp.weight" of "model.layers.7.mlp.weight".
  std::string_view name() const noexcept { return name_; }
  /// The description, with the full name; its offset counts from the begin of the layer's memory.
  const tensor_info& info() const noexcept { return *info_; }
  larder::dtype dtype() const noexcept { return info_->dtype; }
  std::span<const std::uint64_t> shape() const noexcept { return info_->shape; }
  /// Bytes.
  std::uint64_t size() const noexcept { return data_.size(); }
  const bytes& data() const noexcept { return data_; }

  /// The elements as T, without a copy; throws `larder::error` when T has not the element's size. `std::byte`, `char`
  /// and `unsigned char` see the bytes of any tensor.
  template <class T>
  std::span<const T> as_span() const {
    constexpr bool raw = std::is_same_v<T, std::byte> || std::is_same_v<T, unsigned char> || std::is_same_v<T, char>;
    if (!raw && is_blocked(dtype()))
      core::fail(error_cause::invalid_argument, "tensor \"" + info_->name + "\" holds blocks of " + std::string(to_string(dtype())) + ", " +
                                                    std::to_string(block_of(dtype()).elements) + " elements in " +
                                                    std::to_string(block_of(dtype()).bytes) + " bytes each; read it as std::byte");
    if (!raw && sizeof(T) * 8 != bits_of(dtype()))
      core::fail(error_cause::invalid_argument, "tensor \"" + info_->name + "\" holds " + std::string(to_string(dtype())) + ", " +
                                                    std::to_string(bits_of(dtype())) + " bits each, and cannot be read as elements of " +
                                                    std::to_string(sizeof(T) * 8) + "; read it as std::byte");
    return data_.as_span<T>();
  }

 private:
  std::string_view name_;
  const tensor_info* info_;  // lives as long as data_'s owner
  bytes data_;
};

/// A lease on a loaded layer: its memory stays valid while the lease, a copy of it or one of its tensors lives, even when
/// the layer was evicted or the cache is gone. Cheap to copy; copies in different threads need no lock. What a lease holds
/// after its layer was evicted is counted in `stats().pinned_bytes`.
class layer {
 public:
  /// For the cache: shares `block`, which holds its layer `index`.
  layer(layers::layer_block& block, std::size_t index) noexcept
      : block_(&block), info_(&block.home()->catalog()[block.layer_index()]), index_(index) {
    block.acquire();
    data_ = bytes(&block, block.data(), static_cast<std::size_t>(info_->size));
  }
  layer(const layer&) noexcept = default;
  layer(layer&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), info_(other.info_), index_(other.index_), data_(std::move(other.data_)) {}
  layer& operator=(layer other) noexcept {
    std::swap(block_, other.block_);
    std::swap(info_, other.info_);
    std::swap(index_, other.index_);
    data_.swap(other.data_);
    return *this;
  }
  ~layer() {
    if (block_ == nullptr || !block_->is_stream_slot()) return;
    const std::shared_ptr<layers::layer_memory> home = block_->home();
    data_ = bytes();
    home->lease_dropped();
  }

  std::string_view name() const noexcept { return info_->name; }
  /// Its place in the order of use.
  std::size_t index() const noexcept { return index_; }
  /// Bytes.
  std::uint64_t size() const noexcept { return info_->size; }
  /// The whole layer's memory. It begins on a page, or as far into one as the layer does in its file where it was read past the
  /// page cache or is mapped, or as one does that has equal tensors (`shared_layers`); each way each tensor lies as its element type
  /// asks. Whole pages of it may be read-only.
  const bytes& data() const noexcept { return data_; }
  std::size_t tensor_count() const noexcept { return info_->tensors.size(); }

  /// The tensor with that name, with or without the layer's in front; throws `larder::error` when there is none.
  larder::tensor tensor(std::string_view name) const {
    for (const tensor_info& info : info_->tensors)
      if (info.name == name || layers::short_name(info_->name, info.name) == name) return view(info);
    std::string there;
    for (const tensor_info& info : info_->tensors) {
      if (there.size() > 300) {
        there += ", ...";
        break;
      }
      there += (there.empty() ? "" : ", ") + std::string(layers::short_name(info_->name, info.name));
    }
    core::fail(error_cause::invalid_argument, "layer \"" + info_->name + "\" has no tensor \"" + std::string(name) + "\"; it has " + there);
  }
  bool contains(std::string_view name) const noexcept {
    for (const tensor_info& info : info_->tensors)
      if (info.name == name || layers::short_name(info_->name, info.name) == name) return true;
    return false;
  }

  /// Goes over the tensors in the order of their offsets.
  class iterator {
   public:
    using value_type = larder::tensor;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    iterator() noexcept = default;
    iterator(const layer* of, std::size_t at) noexcept : of_(of), at_(at) {}
    larder::tensor operator*() const { return of_->view(of_->info_->tensors[at_]); }
    iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    iterator operator++(int) noexcept {
      iterator before = *this;
      ++at_;
      return before;
    }
    friend bool operator==(const iterator&, const iterator&) noexcept = default;

   private:
    const layer* of_ = nullptr;
    std::size_t at_ = 0;
  };
  iterator begin() const noexcept { return {this, 0}; }
  iterator end() const noexcept { return {this, info_->tensors.size()}; }

 private:
  larder::tensor view(const tensor_info& info) const {
    return {layers::short_name(info_->name, info.name), info,
            data_.slice(static_cast<std::size_t>(info.offset), static_cast<std::size_t>(info.size))};
  }

  layers::layer_block* block_;
  const layer_info* info_;
  std::size_t index_;
  bytes data_;
};

}  // namespace larder
