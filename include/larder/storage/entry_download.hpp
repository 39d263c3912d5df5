#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/memory_download.hpp>
#include <larder/core/transfer.hpp>
#include <larder/format/entry_frame.hpp>
#include <larder/storage/value_landing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace larder::storage {

/// Takes an entry's object as it comes: what fits one request as a whole, a larger one of version 2 chunk by chunk, each checked as it lands, straight into
/// the room of its value. Larger ones that have no chunks come as a whole too, and are checked at their end.
class entry_download final : public download_target {
 public:
  /// `wanted(frame)` says whether a value is worth fetching whose head is known; the key and what else is named are borrowed.
  entry_download(const digest& id, const bytes& key, std::function<bool(const format::entry_frame&)> wanted,
                 value_landing* landing = nullptr)
      : id_(id), key_(&key), wanted_(std::move(wanted)), landing_(landing) {}

  void take(const blob_info&, bytes whole) override {
    forget();
    object_ = std::move(whole);
  }

  std::optional<std::vector<download_piece>> plan(const blob_info& info, const bytes& beginning) override {
    forget();
    const std::optional<std::uint64_t> head = format::entry_head_size(beginning.span());
    if (!head || *head > info.size) return std::nullopt;
    std::optional<format::entry_frame> found;
    if (*head <= beginning.size()) {
      found = format::decode_entry_head(beginning.span(), info.size);
      if (!found || !has_key(beginning.span(), *found)) return std::nullopt;
      if (!wants(*found)) {
        frame_ = found;
        return std::vector<download_piece>{};
      }
    }
    if (!found || found->chunk_size == 0) {
      memory_ = mutable_bytes(static_cast<std::size_t>(info.size));
      return memory_download::pieces_of(memory_.span(), 0, beginning);
    }
    frame_ = found;
    table_ = format::chunk_table(beginning.span(), *found, id_);
    if (landing_ != nullptr) room_ = landing_->room(found->payload_size, found->payload_digest, table_.count());
    landed_outside_ = !room_.empty();
    if (!landed_outside_) {
      memory_ = mutable_bytes(static_cast<std::size_t>(found->payload_size));
      room_ = memory_.span();
    }
    return missing_chunks(beginning);
  }

  bool landed(std::size_t piece) override {
    if (table_.count() == 0) return true;  // checked at the end
    const std::size_t chunk = chunks_[piece];
    if (!table_.matches(chunk, room_of(chunk))) return false;
    if (landed_outside_) landing_->keep(chunk);
    return true;
  }

  /// Whether a value whose head is known is to come at all.
  bool wants(const format::entry_frame& frame) const {
    return wanted_(frame) && (landing_ == nullptr || landing_->wants(frame.payload_size));
  }
  /// There is no such object, or none any more.
  void discard() noexcept {
    if (landed_outside_) landing_->discard();
    forget();
  }
  /// After the download: the entry's frame, or nothing when the object is damaged or is not the key's.
  const std::optional<format::entry_frame>& finish() {
    if (frame_) return frame_;
    if (memory_.size() != 0) object_ = std::move(memory_).freeze();
    std::optional<format::entry_frame> found = format::decode_entry_head(object_.span(), object_.size());
    if (found && has_key(object_.span(), *found) && format::payload_matches(*found, id_, object_.data() + found->payload_offset))
      frame_ = found;
    return frame_;
  }
  /// The value of an entry whose frame `finish` gave and that it `wants`.
  bytes payload() {
    if (table_.count() == 0) return object_.slice(frame_->payload_offset);
    return landed_outside_ ? landing_->whole(frame_->payload_size) : std::move(memory_).freeze();
  }

 private:
  void forget() {
    frame_.reset();
    table_ = {};
    chunks_.clear();
    room_ = {};
    landed_outside_ = false;
    memory_ = mutable_bytes{};
    object_ = {};
  }
  bool has_key(std::span<const std::byte> object, const format::entry_frame& frame) const noexcept {
    const auto stored = format::entry_key(object, frame);
    return stored.size() == key_->size() && (stored.empty() || std::memcmp(stored.data(), key_->data(), stored.size()) == 0);
  }
  std::span<std::byte> room_of(std::size_t chunk) const noexcept {
    return room_.subspan(static_cast<std::size_t>(table_.offset_of(chunk)), table_.size_of(chunk));
  }

  std::vector<download_piece> missing_chunks(const bytes& beginning) {
    std::vector<download_piece> pieces;
    for (std::size_t chunk = 0; chunk < table_.count(); ++chunk) {
      const std::span<std::byte> room = room_of(chunk);
      if (landed_outside_ && landing_->may_have(chunk) && table_.matches(chunk, room)) continue;
      download_piece piece{frame_->payload_offset + table_.offset_of(chunk), room, 0};
      if (piece.offset < beginning.size()) {
        piece.filled = std::min<std::uint64_t>(room.size(), beginning.size() - piece.offset);
        std::memcpy(room.data(), beginning.data() + piece.offset, static_cast<std::size_t>(piece.filled));
      }
      pieces.push_back(piece);
      chunks_.push_back(chunk);
    }
    return pieces;
  }

  digest id_;
  const bytes* key_;
  std::function<bool(const format::entry_frame&)> wanted_;
  value_landing* landing_;
  std::optional<format::entry_frame> frame_;
  format::chunk_table table_;
  std::vector<std::size_t> chunks_;  // of the pieces
  std::span<std::byte> room_;        // of the value
  bool landed_outside_ = false;
  mutable_bytes memory_;  // the room when it is not outside, or all of an object without chunks
  bytes object_;
};

}  // namespace larder::storage
