#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace larder::serve {

constexpr std::string_view reason_of(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 412:
      return "Precondition Failed";
    case 414:
      return "URI Too Long";
    case 416:
      return "Range Not Satisfiable";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

/// Writes the head of an answer behind a text, field by field. Values come from this server, or are its clients' only as checked names.
class response_head {
 public:
  response_head(std::string& out, int status, std::string_view date) : out_(out) {
    out_ += "HTTP/1.1 ";
    number(static_cast<std::uint64_t>(status));
    (out_ += ' ') += reason_of(status);
    out_ += "\r\nServer: larder\r\nDate: ";
    out_ += date;
    out_ += "\r\n";
  }
  response_head& field(std::string_view name, std::string_view value) {
    (out_ += name) += ": ";
    (out_ += value) += "\r\n";
    return *this;
  }
  response_head& field(std::string_view name, std::uint64_t value) {
    (out_ += name) += ": ";
    number(value);
    out_ += "\r\n";
    return *this;
  }
  response_head& content_range(std::uint64_t first, std::uint64_t size, std::uint64_t of) {
    out_ += "Content-Range: bytes ";
    number(first);
    out_ += '-';
    number(first + size - 1);
    out_ += '/';
    number(of);
    out_ += "\r\n";
    return *this;
  }
  response_head& no_content_range(std::uint64_t of) {
    out_ += "Content-Range: bytes */";
    number(of);
    out_ += "\r\n";
    return *this;
  }
  void end() { out_ += "\r\n"; }
  /// What follows the head.
  void text(std::string_view content) { out_ += content; }

 private:
  void number(std::uint64_t value) {
    std::array<char, 20> digits{};
    const auto [stop, code] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out_.append(digits.data(), stop);
  }

  std::string& out_;
};

}  // namespace larder::serve
