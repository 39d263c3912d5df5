#pragma once

#include <larder/artifact/atomic_file.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/message_digest.hpp>
#include <larder/sync/per_process.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/rand.h>

namespace larder::artifacts {

/// 256 random bits in a file that its owner alone may read, by which secrets become marks: who has the marks, but not the file, cannot try
/// guesses. Made when first asked for. Any number of threads and processes; a child of `fork` reads it anew.
class home_key {
 public:
  explicit home_key(std::filesystem::path file, bool may_write = true) : file_(std::move(file)), may_write_(may_write) {}

  /// 64 hexadecimal digits, equal for equal texts in the same `use`; nothing follows from them without the key. Throws `larder::error` when the file can
  /// neither be read nor written; then marks of this object are good for itself alone, and the next call gives one.
  std::string mark_of(std::string_view use, std::string_view text) {
    std::string marked(use);  // what is not UTF-8 never is in a name, so no two pairs are one text
    marked.append(1, '\xFF').append(text);
    const remote::sha256_digest mark = remote::hmac_sha256(std::as_bytes(std::span(key())), marked);
    volatile char* at = marked.data();  // volatile: a secret was in it
    for (std::size_t i = 0; i < marked.size(); ++i) at[i] = '\0';
    return remote::hex_of(mark);
  }

 private:
  static constexpr std::size_t key_size = 32;

  struct known {
    explicit known(int) {}
    std::mutex mutex;
    std::string key;
  };

  const std::string& key() {
    known& mine = known_.get();
    const std::lock_guard lock(mine.mutex);
    if (mine.key.empty()) {
      mine.key = drawn();  // what counts if the file does not do
      if (std::optional<std::string> kept = read()) {
        mine.key = std::move(*kept);
      } else if (may_write_) {
        const atomic_write how{.durable = true, .mode = 0600, .replace = false};
        if (!write_atomically(file_, mine.key + '\n', how)) {
          kept = read();
          if (kept)
            mine.key = std::move(*kept);  // another process was first
          else
            write_atomically(file_, mine.key + '\n',
                             {.durable = true, .mode = 0600});  // what is there is no key: its marks are lost
        }
      }
    }
    return mine.key;
  }

  std::optional<std::string> read() const {
    std::optional<std::string> text = read_small_file(file_, 4096);
    if (!text || text->size() != 2 * key_size + 1 || text->back() != '\n' ||
        text->find_first_not_of("0123456789abcdef") != 2 * key_size)
      return std::nullopt;
    text->pop_back();
    return text;
  }

  static std::string drawn() {
    std::array<unsigned char, key_size> bits{};
    if (::RAND_bytes(bits.data(), static_cast<int>(bits.size())) != 1)
      core::fail(error_cause::io, "OpenSSL gives no random bytes");
    return remote::hex_of(std::as_bytes(std::span(bits)));
  }

  const std::filesystem::path file_;
  const bool may_write_;
  sync::per_process<known, int> known_{0};
};

}  // namespace larder::artifacts
