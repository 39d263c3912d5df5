#include "catalogue.hpp"

#include "blob_store_of.hpp"
#include "content.hpp"
#include "raw_socket.hpp"

#include <larder/core/bytes.hpp>
#include <larder/core/memory_download.hpp>
#include <larder/core/transfer.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <thread>

namespace bench {
namespace {

constexpr double mebi = 1024.0 * 1024.0;

const std::vector<metric> metrics{
    {"throughput", "MiB/s", 0}, {"cpu", "s/GiB", 2}, {"wall", "ms", 0}, {"memory beyond the object", "MiB", 1, false}};

std::vector<double> numbers_of(std::size_t size, const cost& c) {
  const double mib = static_cast<double>(size) / mebi;
  return {mib / c.wall, c.cpu * 1024 / mib, c.wall * 1e3, c.peak_bytes / mebi - mib};
}

/// Each stream asks for its share and receives it where it is to lie.
std::vector<double> raw_turn(const site& where, std::size_t streams) {
  return numbers_of(where.large, cost_of([&] {
                      larder::mutable_bytes whole(where.large);
                      const std::size_t share = (where.large + streams - 1) / streams;
                      std::vector<std::exception_ptr> failures(streams);
                      std::vector<std::jthread> threads;
                      for (std::size_t i = 0; i < streams; ++i)
                        threads.emplace_back([&, i] {
                          try {
                            const std::size_t first = i * share;
                            const std::size_t last = std::min(first + share, where.large) - 1;
                            raw_socket socket(where.port);
                            const std::string range =
                                "Range: bytes=" + std::to_string(first) + "-" + std::to_string(last) + "\r\n";
                            socket.send("GET /large HTTP/1.1\r\nHost: x\r\n" + (streams == 1 ? "" : range) + "\r\n");
                            receive_answer(socket, streams == 1 ? 200 : 206, whole.span().subspan(first, last - first + 1));
                          } catch (...) {
                            failures[i] = std::current_exception();
                          }
                        });
                      threads.clear();
                      for (const std::exception_ptr& failure : failures)
                        if (failure) std::rethrow_exception(failure);
                      check(whole.span(), where.large);
                    }));
}

/// What a program writes that uses libcurl itself: one easy handle, and a callback that copies to where it is to lie.
std::vector<double> curl_turn(const site& where) {
  struct landing {
    std::span<std::byte> room;
    std::size_t filled = 0;
    static std::size_t take(char* data, std::size_t, std::size_t size, void* user) {
      landing& self = *static_cast<landing*>(user);
      if (size > self.room.size() - self.filled) return size + 1;
      std::memcpy(self.room.data() + self.filled, data, size);
      self.filled += size;
      return size;
    }
  };
  return numbers_of(where.large, cost_of([&] {
                      larder::mutable_bytes whole(where.large);
                      landing into{whole.span()};
                      const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), &curl_easy_cleanup);
                      curl_easy_setopt(easy.get(), CURLOPT_URL, (where.url + "/large").c_str());
                      curl_easy_setopt(easy.get(), CURLOPT_BUFFERSIZE, 512L * 1024L);
                      curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &landing::take);
                      curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &into);
                      if (curl_easy_perform(easy.get()) != CURLE_OK) throw std::runtime_error("libcurl fails");
                      check(whole.span().first(into.filled), where.large);
                    }));
}

std::vector<double> get_turn(const site& where) {
  return numbers_of(where.large, cost_of([&] {
                      blob_store_of made(where.url);
                      const std::optional<larder::bytes> found = made.store.get("large");
                      if (!found) throw std::runtime_error("nothing was found");
                      check(found->span(), where.large);
                    }));
}

std::vector<double> fetch_turn(const site& where, std::size_t streams) {
  return numbers_of(where.large, cost_of([&] {
                      blob_store_of made(where.url, streams);
                      larder::memory_download whole;
                      if (!made.store.fetch("large", whole, {})) throw std::runtime_error("nothing was found");
                      const larder::bytes got = std::move(whole).result();
                      check(got.span(), where.large);
                    }));
}

}  // namespace

std::vector<contest> downloads(const site& where) {
  std::vector<contest> all;
  for (const std::size_t streams : {std::size_t{1}, std::size_t{4}, std::size_t{8}}) {
    contest& c = all.emplace_back(contest{"download_" + std::to_string(streams), metrics, {}});
    c.contenders.push_back({"raw", [where, streams] { return raw_turn(where, streams); }});
    if (streams == 1) {
      c.contenders.push_back({"libcurl", [where] { return curl_turn(where); }});
      c.contenders.push_back({"larder_get", [where] { return get_turn(where); }});
    }
    c.contenders.push_back({"larder_fetch", [where, streams] { return fetch_turn(where, streams); }});
  }
  return all;
}

}  // namespace bench
