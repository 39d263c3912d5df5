#pragma once

// What a packed blob is put together from.
//
//   "larder pieces 1\n"   16 bytes
//   size                   8 bytes, little-endian like all numbers here: of the blob
//   pieces             each 24: XXH3-128 of its content, low half first, and its size
//   checksum              16 of all that precedes

#include <larder/artifact/checked_text.hpp>
#include <larder/artifact/chunk_list.hpp>
#include <larder/core/digest.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::artifacts {

struct blob_piece {
  digest content{};
  std::uint64_t size = 0;  ///< 1 byte to 8 MiB

  friend bool operator==(const blob_piece&, const blob_piece&) = default;
};

struct piece_list {
  std::uint64_t size = 0;
  std::vector<blob_piece> pieces;  ///< in the order of the blob

  /// As it is stored; `parse` reads it.
  std::string text() const {
    checked_text_writer out(mark);
    out.reserve(8 + pieces.size() * piece_bytes);
    out.add(size);
    for (const blob_piece& piece : pieces) {
      out.add(piece.content);
      out.add(piece.size);
    }
    return out.take();
  }
  /// Nothing when the text is not one, or damaged, or its sizes do not add up.
  static std::optional<piece_list> parse(std::string_view text) {
    std::optional<checked_text_reader> in = checked_text_reader::open(text, mark);
    if (!in || in->left() < 8) return std::nullopt;
    piece_list list;
    list.size = in->next_number();
    if (in->left() % piece_bytes != 0) return std::nullopt;
    list.pieces.reserve(in->left() / piece_bytes);
    std::uint64_t sum = 0;
    while (in->left() != 0) {
      const digest content = in->next_digest();
      const std::uint64_t size = in->next_number();
      if (size == 0 || size > chunk_size) return std::nullopt;
      sum += size;
      list.pieces.push_back({content, size});
    }
    if (sum != list.size) return std::nullopt;
    return list;
  }

  friend bool operator==(const piece_list&, const piece_list&) = default;

 private:
  static constexpr std::string_view mark = "larder pieces 1\n";
  static constexpr std::size_t piece_bytes = digest_bytes + 8;
};

}  // namespace larder::artifacts
