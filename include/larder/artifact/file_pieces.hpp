#pragma once

// Goes through a file in pieces that are the same wherever their content is the same: tensors where it has some, whole ones up to 8 MiB and in parts of
// that size above; else where the content cuts itself (gear_chunks.hpp). A tensor of less than 4 KiB is taken together with its neighbours.

#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/gear_chunks.hpp>
#include <larder/artifact/tensor_spans.hpp>
#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder::artifacts {

/// For one thread. The file stays open meanwhile.
class file_pieces {
 public:
  static constexpr std::size_t most = static_cast<std::size_t>(chunk_size);  ///< of a piece

  /// `tensors` in the order of the file, as `tensor_spans` gives them.
  file_pieces(const storage::file_descriptor& file, std::string path, std::uint64_t size, std::vector<file_span> tensors)
      : file_(file), path_(std::move(path)), size_(size), tensors_(std::move(tensors)) {
    std::erase_if(tensors_, [](const file_span& one) { return one.end - one.begin < small; });
  }

  /// The next piece, which stays valid until the next call; empty at the end. Throws `larder::error` (corruption) when the file became shorter.
  std::span<const std::byte> next() {
    if (at_ == size_) return {};
    while (next_tensor_ != tensors_.size() && tensors_[next_tensor_].end <= at_) ++next_tensor_;
    const bool has_tensor = next_tensor_ != tensors_.size();
    const bool inside = has_tensor && tensors_[next_tensor_].begin <= at_;
    const std::uint64_t end = inside ? tensors_[next_tensor_].end : has_tensor ? tensors_[next_tensor_].begin : size_;
    const std::span<const std::byte> content =
        ahead(static_cast<std::size_t>(std::min<std::uint64_t>(end - at_, inside ? most : gear_chunks::most)));
    const std::span<const std::byte> piece = inside ? content : content.first(gear_chunks::first_of(content));
    at_ += piece.size();
    return piece;
  }

 private:
  static constexpr std::size_t window = 2 * most;
  static constexpr std::uint64_t small = 4096;

  /// So many bytes from the current place on.
  std::span<const std::byte> ahead(std::size_t count) {
    if (at_ + count > read_to_) {
      const auto kept = static_cast<std::size_t>(read_to_ - at_);
      if (room_.empty()) room_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(size_, window)));
      std::memmove(room_.data(), room_.data() + (at_ - room_begin_), kept);
      room_begin_ = at_;
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room_.size() - kept, size_ - read_to_));
      if (storage::read_at(file_, room_.data() + kept, wanted, read_to_, path_) != wanted)
        core::fail(error_cause::corruption, "\"" + path_ + "\" became shorter while it was read; somebody else writes to it");
      read_to_ += wanted;
    }
    return std::span<const std::byte>(room_).subspan(static_cast<std::size_t>(at_ - room_begin_), count);
  }

  const storage::file_descriptor& file_;
  std::string path_;
  std::uint64_t size_;
  std::vector<file_span> tensors_;
  std::size_t next_tensor_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t room_begin_ = 0;  // where in the file the room's first byte lies
  std::uint64_t read_to_ = 0;
  std::vector<std::byte> room_;
};

}  // namespace larder::artifacts
