#pragma once

#include <larder/artifact/fetch_sink.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/part_read.hpp>
#include <larder/remote/range.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

namespace larder::artifacts {

/// Hands the body of an answer on as it comes. The transport wants room for all of it: that is address space, whose memory goes back to the system
/// as soon as a part has been handed on.
class streamed_body final : public remote::body_target {
 public:
  streamed_body(fetch_sink& sink, const byte_range& asked) : sink_(sink), asked_(asked) {}
  streamed_body(const streamed_body&) = delete;
  streamed_body& operator=(const streamed_body&) = delete;
  ~streamed_body() override { release(); }

  std::span<std::byte> room(const remote::http_response& answer, std::uint64_t size) override {
    if (handed_ != 0)  // what came before cannot be taken back
      core::fail(error_cause::io, "an answer broke off, and what comes next does not go on from there");
    const remote::part_head head = remote::describe_part(answer);
    needs_all_ = answer.cut && (asked_.offset != 0 || !head.total || *head.total > asked_.size);
    size_of_all_ = head.total;
    if (needs_all_) core::fail(error_cause::io, "a server knows no ranges");
    if (answer.status == 206) check_range(answer, size);
    tell(head, answer.status == 206 || answer.cut ? asked_.offset : 0);
    release();
    if (size == 0) return {};
    void* const address = ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
      core::fail(error_cause::io, "no address space for an answer of " + std::to_string(size) + " bytes");
    address_ = static_cast<std::byte*>(address);
    size_ = static_cast<std::size_t>(size);
    return {address_, size_};
  }
  void landed(std::uint64_t filled) override {
    if (filled <= handed_) return;
    const std::span<const std::byte> fresh(address_ + handed_, static_cast<std::size_t>(filled - handed_));
    handed_ = filled;
    sink_(fresh);
    constexpr std::uint64_t worth = std::uint64_t{4} << 20U;
    if (filled - given_back_ < worth) return;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t until = filled / page * page;
    ::madvise(address_ + given_back_, static_cast<std::size_t>(until - given_back_), MADV_DONTNEED);
    given_back_ = until;
  }

  /// A body that came into the transport's own memory, since its length was not announced.
  void take(const remote::http_response& answer) {
    if (answer.landed) return;
    const remote::part_head head = remote::describe_part(answer);
    tell({head.ranged, answer.cut ? std::nullopt : head.total, head.etag},
         answer.status == 206 || answer.cut ? asked_.offset : 0);
    sink_(answer.body);
  }
  /// The range was ignored, and it takes the whole to give what lies in it.
  bool needs_all() const noexcept { return needs_all_; }
  std::optional<std::uint64_t> size_of_all() const noexcept { return size_of_all_; }

 private:
  void check_range(const remote::http_response& answer, std::uint64_t size) const {
    const std::optional<std::string_view> field = answer.header("content-range");
    const std::optional<remote::content_range> range = field ? remote::parse_content_range(*field) : std::nullopt;
    if (!range || range->first != asked_.offset || range->last > remote::last_byte(asked_) ||
        range->last - range->first + 1 != size)
      core::fail(error_cause::server, "a range was answered with another one; a proxy on the way may mishandle ranges");
  }
  void tell(const remote::part_head& head, std::uint64_t offset) const {
    sink_.version(head.etag);
    if (head.total) sink_.total(*head.total);
    sink_.begins_at(offset);
  }
  void release() noexcept {
    if (address_ != nullptr) ::munmap(address_, size_);
    address_ = nullptr;
  }

  fetch_sink& sink_;
  byte_range asked_;
  std::byte* address_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t handed_ = 0;
  std::uint64_t given_back_ = 0;
  bool needs_all_ = false;
  std::optional<std::uint64_t> size_of_all_;
};

}  // namespace larder::artifacts
