#include "catalogue.hpp"

#include "blob_store_of.hpp"
#include "content.hpp"
#include "raw_socket.hpp"

#include <larder/core/bytes.hpp>
#include <larder/storage/redis.hpp>

#include <optional>
#include <span>
#include <stdexcept>

namespace bench {
namespace {

constexpr std::size_t size = std::size_t{64} << 20U;
constexpr std::size_t chunk = std::size_t{4} << 20U;
constexpr std::size_t chunks = size / chunk;
constexpr std::size_t ahead = 2;
constexpr double mib = 64;

std::string command(std::initializer_list<std::string_view> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) text += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  return text;
}

larder::bytes value() {
  larder::mutable_bytes room(size);
  fill(room.span());
  return std::move(room).freeze();
}

std::vector<double> numbers_of(const cost& c) { return {mib / c.wall, c.cpu * 1024 / mib, c.wall * 1e3}; }

/// Some chunks are asked for ahead (all of them at once would be slower: the server copies what it cannot send yet), and received where
/// they are to lie.
std::vector<double> raw_turn(std::uint16_t port) {
  raw_socket socket(port);
  const larder::bytes whole = value();
  for (std::size_t i = 0; i < chunks; ++i) {
    socket.send("*3\r\n$3\r\nSET\r\n$" + std::to_string(std::to_string(i).size() + 3) + "\r\nraw" + std::to_string(i) + "\r\n$" +
                std::to_string(chunk) + "\r\n");
    socket.send(whole.span().subspan(i * chunk, chunk));
    socket.send(std::string_view("\r\n"));
    if (socket.receive_until("\r\n") != "+OK\r\n") throw std::runtime_error("SET is refused");
  }
  return numbers_of(cost_of([&] {
    larder::mutable_bytes room(size);
    const auto ask = [&](std::size_t i) {
      if (i < chunks) socket.send(command({"GET", "raw" + std::to_string(i)}));
    };
    for (std::size_t i = 0; i < ahead; ++i) ask(i);
    for (std::size_t i = 0; i < chunks; ++i) {
      ask(i + ahead);
      if (socket.receive_until("\r\n") != "$" + std::to_string(chunk) + "\r\n")
        throw std::runtime_error("GET finds another value");
      socket.receive(room.span().subspan(i * chunk, chunk));
      socket.receive_until("\r\n");
    }
    check(room.span(), size);
  }));
}

std::vector<double> larder_turn(const std::string& host, std::uint16_t port) {
  silent_sink sink;
  larder::redis::store store(larder::redis{.host = host, .port = port}, sink);
  {
    const larder::bytes whole = value();
    store.put("value", {&whole, 1}, larder::put_mode::replace);
  }
  return numbers_of(cost_of([&] {
    const std::optional<larder::bytes> found = store.get("value");
    if (!found) throw std::runtime_error("nothing was found");
    check(found->span(), size);
  }));
}

}  // namespace

std::vector<contest> redis_values(const std::string& host, std::uint16_t port) {
  return {{"redis_get",
           {{"throughput", "MiB/s", 0}, {"cpu", "s/GiB", 2}, {"wall", "ms", 0}},
           {{"raw", [port] { return raw_turn(port); }}, {"larder", [host, port] { return larder_turn(host, port); }}}}};
}

}  // namespace bench
