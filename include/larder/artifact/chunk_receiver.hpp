#pragma once

#include <larder/artifact/blob_landing.hpp>
#include <larder/artifact/blob_receiver.hpp>
#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/partial_file.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>

namespace larder::artifacts {

/// Takes one chunk, in as many answers as it takes.
class chunk_receiver final : public blob_receiver {
 public:
  chunk_receiver(blob_landing& landing, std::size_t chunk, const std::stop_token& stop)
      : blob_receiver(landing, stop), chunk_(chunk), begin_(chunk * chunk_size), size_(landing.file().size_of(chunk)) {}
  chunk_receiver(const chunk_receiver&) = delete;
  chunk_receiver& operator=(const chunk_receiver&) = delete;
  ~chunk_receiver() {
    if (!landed_ && filled_ != 0) give_up();
  }

  void begins_at(std::uint64_t offset) override {
    if (offset == begin_ + filled_) return;
    if (offset > begin_ + filled_)
      core::fail(error_cause::server, landing_.subject() + " was answered with another range than was asked for");
    ignored_ = true;
    throw_if_broken();
  }
  void take(std::span<const std::byte> piece) override {
    stop_if_asked();
    check_head();
    landing_.count(piece.size());
    if (piece.size() > size_ - filled_) {  // everything, and not what was asked for
      ignored_ = true;
      throw_if_broken();
    }
    landing_.file().write(piece, begin_ + filled_);
    running_.update(piece);
    filled_ += piece.size();
    landing_.tell(static_cast<std::int64_t>(piece.size()));
  }
  bool is_whole() const noexcept { return filled_ == size_; }
  std::uint64_t filled() const noexcept { return filled_; }
  byte_range missing() const noexcept { return {begin_ + filled_, size_ - filled_}; }
  void land() {
    landed_ = true;
    landing_.land(chunk_, running_.finish());
  }

 private:
  void give_up() noexcept {
    try {
      landing_.tell(-static_cast<std::int64_t>(filled_));
    } catch (...) {  // another exception is on its way already
    }
  }

  std::size_t chunk_;
  std::uint64_t begin_;
  std::uint64_t size_;
  std::uint64_t filled_ = 0;
  bool landed_ = false;
  digest_stream running_;
};

}  // namespace larder::artifacts
