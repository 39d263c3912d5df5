#pragma once

// zstd: values that compress well are kept compressed, in memory and on `mmap_disk`.
//
// Source: Zstandard (RFC 8878) by libzstd 1.4 and later; one frame per value, with the value's size in it. A frame has no checksum of its
// own: in memory it needs none, and on disk the record has one.
// Cost: a put compresses, a get of a compressed value decompresses onto the heap: for 64 KiB of text some 110 and 35 us at level 1
// (`scripts/bench disk --case 64KiB_text`). Noise of that size is found out in 6 us, and is then kept as it is and used in place.
// Bytes: a context for compressing (0.3 MB at level 1 for such values, some 80 MB at 22) and one for decompressing (0.1 MB) per thread that
// is at it at the same time; up to eight of each are kept.
// Choose it for text, JSON, token ids and sparse or padded arrays; not for images or what is packed already, nor for weights in floating
// point, which become smaller by a fifth at best and are then no longer used in place.

#include <larder/core/axis.hpp>
#include <larder/core/error.hpp>

#include <zstd.h>
#include <zstd_errors.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>

namespace larder {

/// Keeps values compressed where that pays, and the others as they are. Callers see the value itself in any case; `weight()` and the limits
/// count what is stored, `stats().logical_bytes` what callers see.
struct zstd {
  using policy_axis = axis::compression;
  static constexpr std::string_view name = "zstd";
  class compressor;

  int level = 1;              ///< libzstd's: 1 is fast, 19 dense, 20 to 22 take much memory; below zero faster still
  std::uint64_t from = 4096;  ///< bytes of the smallest value that is tried; none of 4 GiB and more is
  double saving = 0.125;      ///< share of a value's bytes that compression must save
};

/// The live part of `zstd`. Throws `larder::error` for a level that libzstd does not have.
class zstd::compressor {
 public:
  explicit compressor(const zstd& policy) : level_(policy.level) {
    if (level_ < ZSTD_minCLevel() || level_ > ZSTD_maxCLevel())
      core::fail(error_cause::invalid_argument, "zstd{.level = " + std::to_string(level_) + "}: libzstd " + ZSTD_versionString() +
                                                    " has levels from " + std::to_string(ZSTD_minCLevel()) + " to " +
                                                    std::to_string(ZSTD_maxCLevel()));
  }

  std::size_t compress(std::span<const std::byte> value, std::span<std::byte> to) const {
    static_assert(ZSTD_COMPRESSBOUND(1) <= 1 + 64 && ZSTD_COMPRESSBOUND(1 << 17) <= (1 << 17) + (1 << 17) / 128 + 64, "the room is enough");
    const borrowed context(compressing_);
    const std::size_t made = ZSTD_compressCCtx(context.get(), to.data(), to.size(), value.data(), value.size(), level_);
    if (ZSTD_isError(made) == 0) return made;
    refuse_without_memory(made);
    if (ZSTD_getErrorCode(made) != ZSTD_error_dstSize_tooSmall)
      core::fail(error_cause::codec, "zstd cannot compress a value of " + std::to_string(value.size()) + " bytes: " + ZSTD_getErrorName(made));
    return 0;
  }
  bool may_become(std::span<const std::byte> frame, std::uint64_t size) const {
    // A block stands for at most 128 KiB and takes at least four bytes. Frames of other formats, or several of them, are nobody's here.
    constexpr std::uint64_t highest_ratio = 128 * 1024 / 4;
    std::uint32_t magic = 0;
    if (frame.size() < sizeof magic || size / highest_ratio > frame.size()) return false;
    std::memcpy(&magic, frame.data(), sizeof magic);
    return magic == ZSTD_MAGICNUMBER && ZSTD_getFrameContentSize(frame.data(), frame.size()) == size &&
           ZSTD_findFrameCompressedSize(frame.data(), frame.size()) == frame.size();
  }
  bool decompress(std::span<const std::byte> frame, std::span<std::byte> to) const {
    const borrowed context(decompressing_);
    const std::size_t made = ZSTD_decompressDCtx(context.get(), to.data(), to.size(), frame.data(), frame.size());
    refuse_without_memory(made);
    return ZSTD_isError(made) == 0 && made == to.size();
  }

  /// Of the contexts that nobody uses at the moment.
  std::size_t memory() const noexcept { return compressing_.memory() + decompressing_.memory(); }

 private:
  /// Contexts that nobody uses at the moment. Taking one never waits, so that a child finds nothing locked after a fork.
  template <class Context, auto Make, auto Free, auto SizeOf>
  class shelf {
   public:
    using context = Context;

    shelf() noexcept = default;
    shelf(const shelf&) = delete;
    shelf& operator=(const shelf&) = delete;
    ~shelf() {
      for (auto& place : places_) Free(place.load(std::memory_order_relaxed));
    }

    Context* take() {
      for (auto& place : places_)
        if (Context* const kept = take_from(place)) return kept;
      Context* const fresh = Make();
      if (fresh == nullptr) throw std::bad_alloc();
      return fresh;
    }
    void give(Context* used) noexcept {
      for (auto& place : places_) {
        Context* nobody = nullptr;
        if (place.load(std::memory_order_relaxed) == nullptr && place.compare_exchange_strong(nobody, used, std::memory_order_release)) return;
      }
      Free(used);
    }
    std::size_t memory() noexcept {
      std::size_t sum = 0;
      for (auto& place : places_)
        if (Context* const kept = take_from(place)) {
          sum += SizeOf(kept);
          give(kept);
        }
      return sum;
    }

   private:
    static Context* take_from(std::atomic<Context*>& place) noexcept {
      return place.load(std::memory_order_relaxed) == nullptr ? nullptr : place.exchange(nullptr, std::memory_order_acquire);
    }
    std::array<std::atomic<Context*>, 8> places_{};
  };
  template <class Shelf>
  class borrowed {
   public:
    explicit borrowed(Shelf& from) : from_(from), context_(from.take()) {}
    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    ~borrowed() { from_.give(context_); }
    typename Shelf::context* get() const noexcept { return context_; }

   private:
    Shelf& from_;
    typename Shelf::context* context_;
  };

  static void refuse_without_memory(std::size_t code) {
    if (ZSTD_isError(code) != 0 && ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) throw std::bad_alloc();
  }

  int level_;
  mutable shelf<ZSTD_CCtx, ZSTD_createCCtx, ZSTD_freeCCtx, ZSTD_sizeof_CCtx> compressing_;
  mutable shelf<ZSTD_DCtx, ZSTD_createDCtx, ZSTD_freeDCtx, ZSTD_sizeof_DCtx> decompressing_;
};

}  // namespace larder
