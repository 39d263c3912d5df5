#include "catalogue.hpp"

#include "blob_store_of.hpp"
#include "content.hpp"
#include "raw_socket.hpp"

#include <larder/core/bytes.hpp>

#include <stdexcept>

namespace bench {
namespace {

constexpr std::size_t size = std::size_t{64} << 20U;
constexpr double mib = 64;

larder::bytes object() {
  larder::mutable_bytes room(size);
  fill(room.span());
  return std::move(room).freeze();
}

std::vector<double> numbers_of(const cost& c) { return {mib / c.wall, c.cpu * 1024 / mib, c.wall * 1e3}; }

std::vector<double> raw_turn(const site& where) {
  const larder::bytes body = object();
  return numbers_of(cost_of([&] {
    raw_socket socket(where.port);
    socket.send("PUT /uploads/raw HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) +
                "\r\nConnection: close\r\n\r\n");
    socket.send(body.span());
    const std::string head = socket.receive_until("\r\n\r\n");
    if (!head.starts_with("HTTP/1.1 20")) throw std::runtime_error("PUT is answered " + head.substr(9, 3));
  }));
}

/// Its put writes beside the object and moves it into place: a request more.
std::vector<double> larder_turn(const site& where) {
  const larder::bytes body = object();
  return numbers_of(cost_of([&] {
    blob_store_of made(where.url + "/uploads");
    made.store.put("larder", {&body, 1}, larder::put_mode::replace);
  }));
}

}  // namespace

std::vector<contest> uploads(const site& where) {
  return {{"upload",
           {{"throughput", "MiB/s", 0}, {"cpu", "s/GiB", 2}, {"wall", "ms", 0}},
           {{"raw", [where] { return raw_turn(where); }}, {"larder", [where] { return larder_turn(where); }}}}};
}

}  // namespace bench
