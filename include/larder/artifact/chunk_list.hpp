#pragma once

// The chunks of a file: what damage is found by without reading all of it again over a network, and mended by in pieces.
//
//   "larder chunks 1\n"   16 bytes
//   size                   8 bytes, little-endian like all numbers here: of the file
//   chunk size             8
//   modified               8   the file's time of change when it was right, in ns
//   digests               16 per chunk: XXH3-128, low half first
//   checksum              16 of all that precedes

#include <larder/artifact/checked_text.hpp>
#include <larder/core/digest.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::artifacts {

inline constexpr std::uint64_t chunk_size = std::uint64_t{8} << 20U;

/// Digests of a file's chunks of 8 MiB, the last one shorter; an empty file has none.
struct chunk_list {
  std::uint64_t size = 0;
  std::int64_t modified = 0;  ///< the file's time of change when all of its chunks were right; another one says nothing of them
  std::vector<digest> chunks;

  static constexpr std::uint64_t count_of(std::uint64_t size) noexcept {
    return size / chunk_size + (size % chunk_size == 0 ? 0 : 1);
  }
  std::uint64_t begin_of(std::size_t chunk) const noexcept { return chunk * chunk_size; }
  std::uint64_t size_of(std::size_t chunk) const noexcept { return std::min(chunk_size, size - begin_of(chunk)); }

  /// As it is stored; `parse` reads it.
  std::string text() const {
    checked_text_writer out(mark);
    out.add(size);
    out.add(chunk_size);
    out.add(static_cast<std::uint64_t>(modified));
    for (const digest& d : chunks) out.add(d);
    return out.take();
  }
  /// Nothing when the text is not one, or damaged.
  static std::optional<chunk_list> parse(std::string_view text) {
    std::optional<checked_text_reader> in = checked_text_reader::open(text, mark);
    if (!in || in->left() < 3 * 8) return std::nullopt;
    chunk_list list;
    list.size = in->next_number();
    if (in->next_number() != chunk_size) return std::nullopt;
    list.modified = static_cast<std::int64_t>(in->next_number());
    if (in->left() % digest_bytes != 0 || in->left() / digest_bytes != count_of(list.size)) return std::nullopt;
    list.chunks.reserve(in->left() / digest_bytes);
    while (in->left() != 0) list.chunks.push_back(in->next_digest());
    return list;
  }

  friend bool operator==(const chunk_list&, const chunk_list&) = default;

 private:
  static constexpr std::string_view mark = "larder chunks 1\n";
};

/// The list of content that comes in order; `take` once, at the end.
class chunk_hasher {
 public:
  void add(std::span<const std::byte> piece) {
    while (!piece.empty()) {
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), chunk_size - filled_));
      running_.update(piece.first(n));
      filled_ += n;
      list_.size += n;
      piece = piece.subspan(n);
      if (filled_ == chunk_size) close();
    }
  }
  chunk_list take() {
    if (filled_ != 0) close();
    return std::exchange(list_, {});
  }

 private:
  void close() {
    list_.chunks.push_back(running_.finish());
    running_ = digest_stream{};
    filled_ = 0;
  }

  chunk_list list_;
  digest_stream running_;
  std::uint64_t filled_ = 0;
};

}  // namespace larder::artifacts
