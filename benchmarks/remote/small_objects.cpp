#include "catalogue.hpp"

#include "blob_store_of.hpp"
#include "content.hpp"
#include "raw_socket.hpp"

#include <larder/core/bytes.hpp>

#include <curl/curl.h>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>

namespace bench {
namespace {

constexpr int warming = 50;
constexpr int requests = 5000;

/// `ask` is one request on a connection that stands.
template <class Ask>
std::vector<double> numbers_of(Ask&& ask) {
  for (int i = 0; i < warming; ++i) ask();
  const cost c = cost_of([&] {
    for (int i = 0; i < requests; ++i) ask();
  });
  return {requests / c.wall, c.cpu * 1e6 / requests};
}

std::vector<double> raw_turn(const site& where) {
  raw_socket socket(where.port);
  std::array<std::byte, site::small> room{};
  return numbers_of([&] {
    socket.send(std::string_view("GET /small HTTP/1.1\r\nHost: x\r\n\r\n"));
    receive_answer(socket, 200, room);
    check(room, site::small);
  });
}

std::vector<double> curl_turn(const site& where) {
  std::string got;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), &curl_easy_cleanup);
  const auto take = +[](char* data, std::size_t, std::size_t size, void* user) {
    static_cast<std::string*>(user)->append(data, size);
    return size;
  };
  curl_easy_setopt(easy.get(), CURLOPT_URL, (where.url + "/small").c_str());
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &got);
  return numbers_of([&] {
    got.clear();
    if (curl_easy_perform(easy.get()) != CURLE_OK) throw std::runtime_error("libcurl fails");
    check(std::as_bytes(std::span(got)), site::small);
  });
}

std::vector<double> larder_turn(const site& where) {
  blob_store_of made(where.url);
  return numbers_of([&] {
    const std::optional<larder::bytes> found = made.store.get("small");
    if (!found) throw std::runtime_error("nothing was found");
    check(found->span(), site::small);
  });
}

}  // namespace

std::vector<contest> small_objects(const site& where) {
  return {{"small",
           {{"requests", "1/s", 0}, {"cpu", "us/request", 1}},
           {{"raw", [where] { return raw_turn(where); }},
            {"libcurl", [where] { return curl_turn(where); }},
            {"larder", [where] { return larder_turn(where); }}}}};
}

}  // namespace bench
