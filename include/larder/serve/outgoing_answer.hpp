#pragma once

#include <larder/serve/chunk.hpp>
#include <larder/serve/memory_pipe.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace larder::serve {

/// An answer on its way: a text, and behind it a part of a chunk, which is held until all is sent. Not safe from many threads.
class outgoing_answer {
 public:
  /// A new one, to whose text may be added until it is sent.
  std::string& begin() noexcept {
    clear();
    return text_;
  }
  void add(std::shared_ptr<const chunk> content, std::uint64_t first, std::uint64_t size) noexcept {
    content_ = std::move(content);
    at_ = first;
    end_ = first + size;
    if (size >= memory_pipe::least && content_->memory.is_mapped()) pipe_.open();
  }
  void clear() noexcept {
    content_.reset();
    at_ = end_ = 0;
    pipe_.close();
    text_.clear();
    text_sent_ = 0;
  }

  bool text_is_sent() const noexcept { return text_sent_ == text_.size(); }
  bool nothing_is_sent() const noexcept { return text_sent_ == 0; }
  bool is_sent() const noexcept { return text_is_sent() && at_ == end_; }
  /// Of the chunk: the next byte to send, and the one behind the last.
  std::uint64_t at() const noexcept { return at_; }
  std::uint64_t end() const noexcept { return end_; }

  /// One call to the system: the rest of the text with the content behind it, as far as the chunk's byte `ready`. What it took of the text and
  /// of the content, or -1 and errno; 0 when the file has become shorter than it was.
  struct taken {
    ssize_t all = 0;
    std::uint64_t of_content = 0;
  };
  taken send(int socket, std::uint64_t ready) noexcept {
    constexpr std::uint64_t most = std::uint64_t{1} << 20U;
    const std::size_t text = text_.size() - text_sent_;
    const std::size_t body = static_cast<std::size_t>(std::min(ready - at_, most));
    ssize_t n = 0;
    if (text == 0 && body != 0 && pipe_.is_open()) n = send_piped(socket, body);
    if (n != 0) {
      // by the pipe, or not at all
    } else if (text == 0 && content_->file) {
      auto from = static_cast<off_t>(at_);
      n = storage::uninterrupted([&] { return ::sendfile(socket, content_->file.get(), &from, body); });
    } else {
      const bool is_in_memory = body != 0 && !content_->file;
      std::array<iovec, 2> parts{iovec{text_.data() + text_sent_, text}, iovec{nullptr, 0}};
      if (is_in_memory) parts[1] = {const_cast<std::byte*>(content_->content().data()) + at_, body};  // sendmsg only reads it
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = is_in_memory ? 2 : 1;
      const int flags = MSG_NOSIGNAL | (body != 0 && !is_in_memory ? MSG_MORE : 0);
      n = storage::uninterrupted([&] { return ::sendmsg(socket, &message, flags); });
    }
    if (n <= 0) return {n, 0};
    const std::size_t of_text = std::min(static_cast<std::size_t>(n), text);
    const std::uint64_t of_content = static_cast<std::uint64_t>(n) - of_text;
    text_sent_ += of_text;
    at_ += of_content;
    return {n, of_content};
  }

 private:
  /// As `send`; 0, and no pipe any more, where the system does not do it.
  ssize_t send_piped(int socket, std::size_t body) noexcept {
    if (pipe_.held() != 0 || pipe_.take(content_->content().subspan(static_cast<std::size_t>(at_), body))) {
      const ssize_t n = pipe_.send(socket, at_ + pipe_.held() < end_);
      if (n > 0 || (n < 0 && errno != EINVAL && errno != ENOSYS)) return n;
    }
    pipe_.close();
    return 0;
  }

  std::string text_;
  std::size_t text_sent_ = 0;
  std::shared_ptr<const chunk> content_;
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;
  memory_pipe pipe_;  // open where a large part of a content in a mapping is sent
};

}  // namespace larder::serve
