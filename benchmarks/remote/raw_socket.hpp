#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bench {

/// What a client has to do at the least: a blocking loopback socket, and loops around `send` and `recv`. What fails throws
/// std::runtime_error.
class raw_socket {
 public:
  explicit raw_socket(std::uint16_t port);
  raw_socket(const raw_socket&) = delete;
  raw_socket& operator=(const raw_socket&) = delete;
  ~raw_socket();

  void send(std::span<const std::byte> data) const;
  void send(std::string_view text) const { send(std::as_bytes(std::span(text))); }

  /// Text up to `end` and with it; what came behind it is kept for `receive`.
  std::string receive_until(std::string_view end);
  void receive(std::span<std::byte> room);

 private:
  int fd_;
  std::string kept_;
};

/// The status and the Content-Length that the head of an answer announces, and the whole body in `room`, which must have that size.
/// Throws std::runtime_error for any other answer than `status`.
void receive_answer(raw_socket& from, int status, std::span<std::byte> room);

}  // namespace bench
