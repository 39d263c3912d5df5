#pragma once

#include "support/eventually.hpp"
#include "support/talk.hpp"
#include "support/temporary_folder.hpp"

#include <larder/core/digest.hpp>
#include <larder/serve/weight_server.hpp>

#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace serving {

/// Bytes that differ from place to place and from seed to seed.
inline std::string content_of(std::size_t size, std::uint64_t seed = 1) {
  std::string text(size, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
  for (char& c : text) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    c = static_cast<char>(state >> 32U);
  }
  return text;
}

/// A folder of chunks.
class chunk_folder {
 public:
  std::string path() const { return folder_.path().string(); }
  std::filesystem::path operator/(const std::string& name) const { return folder_.path() / name; }

  void write(const std::string& name, std::string_view content) const {
    const std::filesystem::path file = folder_.path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    REQUIRE(out.flush().good());
  }
  /// Under its digest, which it gives.
  std::string add(std::string_view content) const {
    const std::string name = larder::digest_of(content).hex();
    write(name, content);
    return name;
  }

 private:
  support::temporary_folder folder_;
};

struct answer {
  int status = 0;
  std::string head;
  std::string body;

  /// The value of a field, or "-" when it is not there.
  std::string field(std::string_view name) const {
    const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) return "-";
    const std::size_t begin = at + 4 + name.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

/// Reads one answer from a connection; one to HEAD, or without a body, has none. What comes short has a shorter body than it announces.
inline answer hear(support::talk& client, bool has_body = true) {
  answer got;
  while (!got.head.ends_with("\r\n\r\n")) {
    const std::string more = client.hear(1);
    if (more.empty()) return got;
    got.head += more;
  }
  if (got.head.size() > 12) std::from_chars(got.head.data() + 9, got.head.data() + 12, got.status);
  const std::string length = got.field("Content-Length");
  if (has_body && length != "-" && got.status != 304) got.body = client.hear(std::stoull(length));
  return got;
}

inline std::string get(const std::string& path, const std::string& fields = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

/// Asks on a connection of its own.
inline answer ask(int port, const std::string& request) {
  support::talk client(static_cast<std::uint16_t>(port));
  client.say(request);
  return hear(client, !request.starts_with("HEAD"));
}

/// A server over a folder that is filled before or meanwhile.
struct served_folder {
  explicit served_folder(larder::weight_server_settings settings = {}) : server(over(std::move(settings))) { server.start(); }

  answer ask(const std::string& request) const { return serving::ask(server.port(), request); }
  answer get(const std::string& path, const std::string& fields = {}) const { return ask(serving::get(path, fields)); }
  /// Of so many clients that ask at once, how many hear exactly this.
  int right_at_once(int clients, const std::string& path, std::string_view content) const {
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < clients; ++i)
      threads.emplace_back([&] {
        if (get(path).body == content) ++right;
      });
    for (std::thread& t : threads) t.join();
    return right;
  }

  chunk_folder chunks;
  larder::weight_server server;

 private:
  larder::weight_server_settings over(larder::weight_server_settings settings) {
    settings.chunks_dir = chunks.path();
    return settings;
  }
};

}  // namespace serving
