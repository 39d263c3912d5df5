#include "top/page_request.hpp"

#include <larder/core/error.hpp>
#include <larder/serve/request_head.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include <netdb.h>
#include <sys/socket.h>

namespace top {
namespace {

using larder::error_cause;
using larder::core::fail;
constexpr std::size_t largest_page = std::size_t{64} << 20U;

[[noreturn]] void fail_at(const page_address& at, const std::string& why, error_cause cause = error_cause::network) {
  fail(cause, "top: " + at.host + " port " + at.port + ": " + why);
}

larder::storage::file_descriptor connect_to(const page_address& at) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int code = ::getaddrinfo(at.host.c_str(), at.port.c_str(), &wanted, &list); code != 0)
    fail_at(at, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(list, &::freeaddrinfo);
  int number = 0;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    larder::storage::file_descriptor socket(::socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC, each->ai_protocol));
    if (!socket) {
      number = errno;
      continue;
    }
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(socket.get(), each->ai_addr, each->ai_addrlen) == 0) return socket;
    number = errno;
  }
  fail_at(at, std::generic_category().message(number) + "; is the program that serves it running?");
}

/// The length that an answer's head announces for its body, when it does.
std::optional<std::uint64_t> announced_length(std::string_view head) {
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(line.size() + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !larder::serve::request_rules::is_same_word(line.substr(0, colon), "content-length")) continue;
    const std::size_t digits = line.find_first_not_of(" \t", colon + 1);
    std::uint64_t length = 0;
    if (digits != std::string_view::npos &&
        std::from_chars(line.data() + digits, line.data() + line.size(), length).ec == std::errc())
      return length;
  }
  return std::nullopt;
}

}  // namespace

page_address parse_page_address(const std::string& url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme))
    fail(error_cause::invalid_argument, "top: \"" + url + "\" is no address of a server; give http://HOST:PORT");
  std::string_view rest = std::string_view(url).substr(scheme.size());
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (rest.find('@') != std::string_view::npos)
    fail(error_cause::invalid_argument,
         "top: an address with a password in it is not taken; give --token-file or LARDER_SERVE_TOKEN");
  const bool is_six = rest.starts_with('[');
  const std::size_t end = is_six ? rest.find(']') : rest.find(':');
  if (is_six && end == std::string_view::npos)
    fail(error_cause::invalid_argument, "top: \"" + url + "\": the [ of its host has no ]");
  page_address at{std::string(is_six ? rest.substr(1, end - 1) : rest.substr(0, end)), "80"};
  const std::string_view behind = end == std::string_view::npos ? std::string_view() : rest.substr(is_six ? end + 1 : end);
  if (!behind.empty()) at.port = std::string(behind.substr(1));
  const bool is_number =
      !at.port.empty() && std::all_of(at.port.begin(), at.port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (at.host.empty() || (!behind.empty() && behind.front() != ':') || !is_number)
    fail(error_cause::invalid_argument, "top: \"" + url + "\" is no address of a server; give http://HOST:PORT");
  return at;
}

std::string ask_for_page(const page_address& at, const std::string& path, const larder::secret& token) {
  const larder::storage::file_descriptor socket = connect_to(at);
  const bool is_six = at.host.find(':') != std::string::npos;
  std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + (is_six ? "[" + at.host + "]" : at.host) + ":" + at.port +
                        "\r\nConnection: close\r\n";
  if (!token.empty()) request += "Authorization: Bearer " + std::string(token.reveal()) + "\r\n";
  request += "\r\n";
  for (std::string_view left = request; !left.empty();) {
    const ssize_t n =
        larder::storage::uninterrupted([&] { return ::send(socket.get(), left.data(), left.size(), MSG_NOSIGNAL); });
    if (n <= 0) fail_at(at, "it took no request");
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  std::string answer;
  std::array<char, 16384> part{};
  for (;;) {
    const ssize_t n = larder::storage::uninterrupted([&] { return ::recv(socket.get(), part.data(), part.size(), 0); });
    if (n < 0) fail_at(at, "it did not answer in time", error_cause::timeout);
    if (n == 0) break;
    answer.append(part.data(), static_cast<std::size_t>(n));
    if (answer.size() > largest_page) fail_at(at, "its answer is larger than 64 MiB");
  }
  const std::size_t head = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.") || answer.size() < 12 || head == std::string::npos)
    fail_at(at, "what answers there is no server of larder's");
  const std::string status = answer.substr(9, 3);
  if (status == "401") fail_at(at, "it asks for a token; give --token-file or LARDER_SERVE_TOKEN", error_cause::unauthorized);
  if (status == "404") fail_at(at, "what answers there is no server of larder's: it has no " + path);
  if (status != "200") fail_at(at, "it answered " + status, error_cause::server);
  std::string body = answer.substr(head + 4);
  if (const auto length = announced_length(std::string_view(answer).substr(0, head)); length && body.size() < *length)
    fail_at(at, "its answer broke off after " + std::to_string(body.size()) + " of " + std::to_string(*length) + " bytes");
  return body;
}

}  // namespace top
