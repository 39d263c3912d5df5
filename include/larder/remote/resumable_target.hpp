#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// Stands before the caller's `body_target` over several tries, so that a later one can ask for the rest of a body that broke off. That is safe
/// only while it is the same object, so the answer must have a strong ETag and the next try asks with `If-Match`; otherwise the next begins anew.
class resumable_target final : public body_target {
 public:
  /// Both are borrowed.
  resumable_target(body_target& to, const http_request& request) noexcept : to_(&to), request_(&request) {}

  std::span<std::byte> room(const http_response& head, std::uint64_t size) override {
    began_ = true;
    if (!resuming_) {
      kept_ = filled_ = 0;
      room_ = to_->room(head, size);
      size_ = size;
      head_ = {head.status, head.headers, {}, {}, head.cut, 1};
      return room_;
    }
    if (head.header("etag") != head_->header("etag") || size != size_ - kept_)
      core::fail(error_cause::server, subject_of(*request_) + " was asked for the rest of an object and answered with another");
    return room_.subspan(static_cast<std::size_t>(kept_), static_cast<std::size_t>(size));
  }
  void landed(std::uint64_t filled) override {
    filled_ = kept_ + filled;
    to_->landed(filled_);
  }

  /// Whether any answer has begun to arrive.
  bool began() const noexcept { return began_; }
  bool resuming() const noexcept { return resuming_; }

  /// Makes the next try: the rest where that is safe and `may_resume`, else everything.
  http_request next(bool may_resume) {
    http_request again = *request_;
    again.into = this;
    resuming_ = may_resume && can_resume();
    if (!resuming_) return again;
    kept_ = filled_;
    again.range = byte_range{(request_->range ? request_->range->offset : 0) + kept_, size_ - kept_};
    if (!has_header("if-match")) again.headers.push_back({"If-Match", secret(*head_->header("etag"))});
    return again;
  }

  /// What the caller gets for the answer to the last try: the head of the first, and all that has landed.
  http_response whole(const http_request& last, http_response answer) {
    if (!resuming_) return answer;
    if (!answer.landed || (answer.status != 200 && answer.status != 206))
      core::fail(error_cause::server, subject_of(*request_) + " has changed while it was fetched");
    if (answer.status == 206) check_partial_answer(last, answer);
    http_response out = std::move(*head_);
    out.landed = kept_ + *answer.landed;
    return out;
  }

 private:
  bool can_resume() const {
    if (!head_ || filled_ == 0 || filled_ >= size_ || room_.size() < size_) return false;
    const std::optional<std::string_view> etag = head_->header("etag");
    if (!etag || etag->size() < 2 || etag->front() != '"')
      return false;                                            // none, or a weak one, which does not promise the same bytes
    return !has_header("range") && !has_header("x-ms-range");  // where the protocol names the part itself
  }
  bool has_header(std::string_view lower_case) const {
    return std::any_of(request_->headers.begin(), request_->headers.end(), [&](const http_header& h) {
      return std::equal(h.name.begin(), h.name.end(), lower_case.begin(), lower_case.end(),
                        [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; });
    });
  }

  body_target* to_;
  const http_request* request_;
  std::optional<http_response> head_;  // of the answer whose body is being gathered
  std::span<std::byte> room_;
  std::uint64_t size_ = 0;
  std::uint64_t kept_ = 0;    // from earlier tries
  std::uint64_t filled_ = 0;  // in all
  bool began_ = false;
  bool resuming_ = false;
};

}  // namespace larder::remote
