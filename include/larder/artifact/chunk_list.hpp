#pragma once

// The chunks of a file: what damage is found by without reading all of it again over a network, and mended by in pieces.
//
//   "larder chunks 1\n"   16 bytes
//   size                   8 bytes, little-endian like all numbers here: of the file
//   chunk size             8
//   modified               8   the file's time of change when it was right, in ns
//   digests               16 per chunk: XXH3-128, low half first
//   checksum              16 of all that precedes

#include <larder/core/digest.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
    std::string out(mark);
    append(out, size);
    append(out, chunk_size);
    append(out, static_cast<std::uint64_t>(modified));
    for (const digest& d : chunks) append(out, d);
    append(out, digest_of(std::string_view(out)));
    return out;
  }
  /// Nothing when the text is not one, or damaged.
  static std::optional<chunk_list> parse(std::string_view text) {
    if (text.size() < smallest || !text.starts_with(mark)) return std::nullopt;
    const std::string_view body = text.substr(0, text.size() - digest_bytes);
    if (digest_at(text, body.size()) != digest_of(body)) return std::nullopt;
    chunk_list list;
    list.size = number_at(text, mark.size());
    if (number_at(text, mark.size() + 8) != chunk_size) return std::nullopt;
    list.modified = static_cast<std::int64_t>(number_at(text, mark.size() + 16));
    const std::size_t digests = body.size() - (smallest - digest_bytes);
    if (digests % digest_bytes != 0 || digests / digest_bytes != count_of(list.size)) return std::nullopt;
    list.chunks.reserve(digests / digest_bytes);
    for (std::size_t at = smallest - digest_bytes; at < body.size(); at += digest_bytes)
      list.chunks.push_back(digest_at(text, at));
    return list;
  }

  friend bool operator==(const chunk_list&, const chunk_list&) = default;

 private:
  static constexpr std::string_view mark = "larder chunks 1\n";
  static constexpr std::size_t digest_bytes = 16;
  static constexpr std::size_t smallest = mark.size() + 3 * 8 + digest_bytes;

  static void append(std::string& out, std::uint64_t number) {
    for (unsigned i = 0; i < 8; ++i) out += static_cast<char>(number >> (8 * i) & 0xffU);
  }
  static void append(std::string& out, const digest& d) {
    append(out, d.low);
    append(out, d.high);
  }
  static std::uint64_t number_at(std::string_view text, std::size_t at) noexcept {
    std::uint64_t number = 0;
    for (unsigned i = 8; i-- > 0;) number = number << 8U | static_cast<unsigned char>(text[at + i]);
    return number;
  }
  static digest digest_at(std::string_view text, std::size_t at) noexcept {
    return {number_at(text, at), number_at(text, at + 8)};
  }
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
