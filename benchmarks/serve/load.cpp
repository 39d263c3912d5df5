#include "load.hpp"

#include "../lap.hpp"
#include "../remote/content.hpp"
#include "../remote/raw_socket.hpp"

#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <thread>

namespace bench {
namespace {

std::string request_for(const wanted_chunk& chunk) {
  return "GET " + chunk.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n";
}

/// How long an answer is, its head included; checks the content.
std::size_t length_of_answer(raw_socket& socket, const wanted_chunk& chunk, std::vector<std::byte>& room) {
  socket.send(request_for(chunk));
  const std::string head = socket.receive_until("\r\n\r\n");
  if (!head.starts_with("HTTP/1.1 200"))
    throw std::runtime_error("another answer than expected: " + head.substr(0, head.find('\r')));
  room.resize(chunk.size);
  socket.receive(room);
  check(room, chunk.size);
  return head.size() + chunk.size;
}

}  // namespace

double many_small(std::uint16_t port, const wanted_chunk& chunk, std::size_t connections, std::size_t requests) {
  std::vector<std::unique_ptr<raw_socket>> sockets;
  std::vector<std::byte> room;
  std::size_t length = 0;
  for (std::size_t i = 0; i < connections; ++i) {
    sockets.push_back(std::make_unique<raw_socket>(port));
    for (int warming = 0; warming < 50; ++warming) length = length_of_answer(*sockets.back(), chunk, room);
  }
  const std::string request = request_for(chunk);
  room.resize(length);
  const double wall = time([&] {
                        for (std::size_t done = 0; done < requests; done += connections) {
                          for (const auto& socket : sockets) socket->send(request);
                          for (const auto& socket : sockets) socket->receive(room);
                        }
                      }).wall;
  for (const auto& socket : sockets) length_of_answer(*socket, chunk, room);  // still in step
  return wall;
}

double some_large(std::uint16_t port, const wanted_chunk& chunk, std::size_t connections, std::size_t times) {
  std::vector<std::unique_ptr<raw_socket>> sockets;
  std::vector<std::byte> content;
  for (std::size_t i = 0; i < connections; ++i) {
    sockets.push_back(std::make_unique<raw_socket>(port));
    length_of_answer(*sockets.back(), chunk, content);
  }
  const std::string request = request_for(chunk);
  std::vector<std::exception_ptr> failures(connections);
  const double wall = time([&] {
                        std::vector<std::thread> clients;
                        for (std::size_t i = 0; i < connections; ++i)
                          clients.emplace_back([&, i] {
                            try {
                              std::vector<std::byte> piece(std::size_t{256} << 10U);
                              for (std::size_t n = 0; n < times; ++n) {
                                sockets[i]->send(request);
                                sockets[i]->receive_until("\r\n\r\n");
                                for (std::size_t at = 0; at < chunk.size; at += piece.size())
                                  sockets[i]->receive(std::span(piece).first(std::min(piece.size(), chunk.size - at)));
                              }
                            } catch (...) {
                              failures[i] = std::current_exception();
                            }
                          });
                        for (std::thread& client : clients) client.join();
                      }).wall;
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
  return wall;
}

}  // namespace bench
