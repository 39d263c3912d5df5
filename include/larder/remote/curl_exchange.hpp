#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/body_sink.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/transfer_watch.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// One request on its way: what libcurl's callbacks read and fill.
class curl_exchange {
 public:
  static constexpr std::size_t max_header_bytes = std::size_t{32} << 10U;
  static constexpr std::size_t max_headers = 100;
  static constexpr std::uint64_t kept_of_a_failure = std::uint64_t{64} << 10U;

  explicit curl_exchange(const http_request& request)
      : request_(&request), sink_(request.method + " " + request.target.printable()), left_(request.has_body ? request.body_size() : 0) {}
  curl_exchange(const curl_exchange&) = delete;
  curl_exchange& operator=(const curl_exchange&) = delete;

  http_response response;
  std::exception_ptr failure;  ///< thrown in a callback, which C must not see
  bool satisfied = false;      ///< stopped on purpose: all that is wanted has come

  transfer_progress progress() const noexcept { return {moved_, answered_, left_ > 0}; }

  void attach(CURL* easy) {
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    if (!request_->has_body) return;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_->body_size()));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, this);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
  }

  void finish() {
    response.landed = sink_.landed();
    response.body = std::move(sink_).take();
  }

 private:
  template <class F>
  static bool guarded(curl_exchange& self, F&& f) noexcept {
    try {
      return f();
    } catch (const std::bad_alloc&) {
      self.failure = std::make_exception_ptr(
          error(error_cause::io, self.request_->method + " " + self.request_->target.printable() + ": no memory for the answer; lower max_object"));
    } catch (...) {
      self.failure = std::current_exception();
    }
    return false;
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) noexcept {
    auto& self = *static_cast<curl_exchange*>(user);
    self.moved_ += size;
    const bool more = guarded(self, [&] {
      const bool wanted = self.sink_.write({reinterpret_cast<const std::byte*>(data), size});
      if (const std::optional<std::uint64_t> landed = self.sink_.landed()) self.request_->into->landed(*landed);
      if (wanted) return true;
      self.satisfied = true;
      return false;
    });
    return more ? size : size + 1;  // anything but `size` stops the transfer
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) noexcept {
    auto& self = *static_cast<curl_exchange*>(user);
    self.moved_ += size;
    self.answered_ = true;
    return guarded(self, [&] {
      self.take_header({data, size});
      return true;
    })
               ? size
               : size + 1;
  }

  static std::size_t on_read(char* to, std::size_t, std::size_t room, void* user) noexcept {
    auto& self = *static_cast<curl_exchange*>(user);
    std::size_t done = 0;
    while (done < room && self.part_ < self.request_->body.size()) {
      const bytes& part = self.request_->body[self.part_];
      const std::size_t n = std::min(room - done, part.size() - self.at_);
      if (n != 0) std::memcpy(to + done, part.data() + self.at_, n);
      done += n;
      self.at_ += n;
      if (self.at_ < part.size()) break;
      ++self.part_;
      self.at_ = 0;
    }
    self.moved_ += done;
    self.left_ -= done;
    return done;
  }

  static int on_seek(void* user, curl_off_t offset, int origin) noexcept {
    auto& self = *static_cast<curl_exchange*>(user);
    if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
    auto rest = static_cast<std::uint64_t>(offset);
    const std::uint64_t whole = self.request_->body_size();
    if (rest > whole) return CURL_SEEKFUNC_FAIL;
    if (self.left_ < whole && rest == 0) self.response.tries = 2;  // libcurl sends it again: its kept connection was being closed
    self.left_ = whole - rest;
    self.part_ = 0;
    while (self.part_ < self.request_->body.size() && rest >= self.request_->body[self.part_].size())
      rest -= self.request_->body[self.part_++].size();
    self.at_ = static_cast<std::size_t>(rest);
    return CURL_SEEKFUNC_OK;
  }

  [[noreturn]] void malformed(std::string_view why) const {
    core::fail(error_cause::server, request_->method + " " + request_->target.printable() + " was answered " + std::string(why) +
                                        "; is this the right server?");
  }

  void take_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > max_header_bytes) malformed("with more than " + std::to_string(max_header_bytes) + " bytes of headers");
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (in_trailer_) return;
    if (line.starts_with("HTTP/")) {  // also after an interim answer: what came before is not the answer
      response.headers.clear();
      const std::size_t space = line.find(' ');
      const auto status = space == std::string_view::npos ? std::nullopt : parse_count(line.substr(space + 1, 3));
      if (!status || *status < 100 || *status > 599) malformed("with no status");
      response.status = static_cast<int>(*status);
      return;
    }
    if (line.empty()) {
      if (response.status >= 200) begin_body();
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) malformed("with a header that has no colon");
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    std::string name;
    for (const char c : line.substr(0, colon)) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (response.headers.size() == max_headers) malformed("with more than " + std::to_string(max_headers) + " headers");
    response.headers.push_back({std::move(name), value});
  }

  void begin_body() {
    in_trailer_ = true;
    for (const http_header& h : response.headers)
      if (h.name == "content-encoding" && !h.value.empty() && h.value.reveal() != "identity")
        malformed("with an encoded body although none was asked for");
    std::optional<std::uint64_t> announced;
    for (const http_header& h : response.headers)
      if (h.name == "content-length") {
        const auto length = parse_count(h.value.reveal());
        if (!length || (announced && *announced != *length)) malformed("with a Content-Length that cannot be trusted");
        announced = length;
      }
    if (response.header("transfer-encoding") || request_->method == "HEAD") announced.reset();
    constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
    std::function<std::span<std::byte>(std::uint64_t)> room;
    if (request_->into != nullptr && response.status < 300)
      room = [this](std::uint64_t size) { return request_->into->room(response, size); };
    if (response.status >= 300)
      sink_.begin(announced, 0, kept_of_a_failure, kept_of_a_failure);
    else if (request_->range && response.status == 206)
      sink_.begin(announced, 0, all, std::min(request_->range->size, request_->max_body), room);
    else if (request_->range) {
      response.cut = true;
      sink_.begin(announced, request_->range->offset, request_->range->size, request_->max_body, room);
    } else
      sink_.begin(announced, 0, all, request_->max_body, room);
  }

  const http_request* request_;
  body_sink sink_;
  std::size_t header_bytes_ = 0;
  bool in_trailer_ = false;
  std::size_t part_ = 0;  // upload: the next byte is body[part_][at_]
  std::size_t at_ = 0;
  std::uint64_t left_;
  std::uint64_t moved_ = 0;
  bool answered_ = false;
};

}  // namespace larder::remote
