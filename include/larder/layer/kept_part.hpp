#pragma once

// What stays of a layer that is streamed while the rest of it comes and goes. Its first load fills it, once it is whole and verified; the
// loads after that copy it into their slot, which costs a fifth of reading it, and read the rest. The layer is handed out in one piece
// from the slot, as every other, so nobody outside ever looks in here.

#include <larder/layer/aligned_pages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

namespace larder::layers {

/// What a load may do with the part of its layer that is kept.
enum class part_use : std::uint8_t {
  none,
  copied,  ///< it is there: the load copies it
  filled,  ///< nobody has filled it: the load does, if it succeeds
};

/// The first bytes of a layer. Lent and given back under the cache's lock; `copy` and `fill` run without it, in the load that it is
/// lent to. While a load fills it no other one has it.
class kept_part {
 public:
  /// `for_good`: its memory stays when it is forgotten.
  kept_part(std::size_t layer, std::uint64_t size, bool for_good) noexcept : layer_(layer), size_(size), is_for_good_(for_good) {}

  std::size_t layer() const noexcept { return layer_; }
  std::uint64_t size() const noexcept { return size_; }
  bool is_there() const noexcept { return is_there_; }

  /// To a load of the layer, which gives it back when it is over.
  part_use lend() noexcept {
    if (!is_there_ && loads_ != 0) return part_use::none;  // whoever fills it, or copies what was forgotten
    ++loads_;
    return is_there_ ? part_use::copied : part_use::filled;
  }
  /// To whom gives it its memory, and then gives it back as not filled; false where a load has it, or has filled it.
  bool lend_empty() noexcept {
    if (is_there_ || loads_ != 0) return false;
    ++loads_;
    return true;
  }
  /// `good`: it was copied and the layer is right, or it was filled.
  void give_back(part_use use, bool good) noexcept {
    --loads_;
    if (use == part_use::copied && !good) forget();
    if (use == part_use::filled && good && !is_forgotten_) is_there_ = true;
    if (loads_ == 0) is_forgotten_ = false;
  }
  /// The layer may be another one by now: nobody copies what is here, nor what a load that has it is about to fill in.
  void forget() noexcept {
    is_there_ = false;
    is_forgotten_ = loads_ != 0;
    if (loads_ == 0 && !is_for_good_) memory_ = {};
  }
  /// In a child after `fork`: the loads that it was lent to are the parent's. False where one of them may have been filling it: then
  /// it is of no use any more.
  bool orphan_loads() noexcept {
    if (!is_there_) return loads_ == 0;
    loads_ = 0;
    return true;
  }
  /// Bytes of memory that hold nothing.
  std::uint64_t idle_bytes() const noexcept { return is_for_good_ && !is_there_ ? size_ : 0; }

  /// The memory, for whom it is lent to. Throws `std::bad_alloc`.
  std::span<std::byte> room() {
    if (!memory_) memory_ = aligned_pages(size_);
    return memory_.whole();
  }
  std::span<const std::byte> bytes() const noexcept { return memory_.whole(); }
  /// From a whole layer. False where there is no memory for it: then the layer does without.
  bool fill(std::span<const std::byte> layer) noexcept {
    try {
      const std::span<std::byte> all = room();
      std::copy_n(layer.data(), all.size(), all.data());
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

 private:
  const std::size_t layer_;
  const std::uint64_t size_;
  const bool is_for_good_;
  aligned_pages memory_;  // of whoever fills it, then of those who copy
  std::size_t loads_ = 0;
  bool is_there_ = false;
  bool is_forgotten_ = false;  // since it was lent
};

}  // namespace larder::layers
