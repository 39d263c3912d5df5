#pragma once

// Drives a file store as the cache does, without an index: a key at a time.

#include <larder/core/concepts.hpp>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace store_driver {

namespace fs = std::filesystem;

using scratch = support::temporary_folder;

class sink final : public larder::error_sink {
 public:
  void report(larder::error_cause cause, const std::string& message) noexcept override {
    const std::lock_guard guard(mutex_);
    if (cause == larder::error_cause::corruption) ++corruptions_;
    last_ = message;
  }
  int corruptions() const {
    const std::lock_guard guard(mutex_);
    return corruptions_;
  }
  std::string last() const {
    const std::lock_guard guard(mutex_);
    return last_;
  }

 private:
  mutable std::mutex mutex_;
  int corruptions_ = 0;
  std::string last_;
};

inline larder::digest id_of(std::string_view key) { return larder::digest_of(key); }

inline larder::stored_entry entry_of(std::string_view key, std::string_view value, larder::instant written = larder::instant{1000}) {
  larder::stored_entry entry;
  entry.id = id_of(key);
  entry.key = larder::bytes::copy_of(key);
  entry.payload = larder::bytes::copy_of(value);
  entry.info = {value.size(), written, written, larder::no_deadline};
  return entry;
}

/// `size` bytes that depend on the seed.
inline std::string text_of(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  std::uint32_t state = seed * 2654435761U + 1;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

template <class Store>
typename Store::handle put(Store& store, std::string_view key, std::string_view value, larder::instant written = larder::instant{1000}) {
  typename Store::staged staged = store.stage(entry_of(key, value, written));
  const auto guard = store.lock();
  return store.publish(std::move(staged));
}

template <class Store>
larder::fetched fetch(Store& store, std::string_view key, typename Store::handle& handle) {
  return store.fetch(id_of(key), larder::bytes::copy_of(key), handle);
}

/// The value under a key, as somebody sees it who knows nothing of it yet.
template <class Store>
std::optional<std::string> get(Store& store, std::string_view key) {
  typename Store::handle handle;
  const larder::fetched result = fetch(store, key, handle);
  if (result.status != larder::fetch_status::hit) return std::nullopt;
  return std::string(result.payload.text());
}

template <class Store>
void erase(Store& store, std::string_view key) {
  const auto guard = store.lock();
  store.erase(id_of(key), {});
}

template <class Store>
void clear(Store& store) {
  const auto guard = store.lock();
  store.clear();
}

/// The keys that `recover` finds, in its order.
template <class Store>
std::vector<std::string> recovered_keys(Store& store) {
  std::vector<std::string> keys;
  const auto guard = store.lock();
  store.recover([&](const larder::digest& id, typename Store::handle handle, const larder::stored_info&) {
    const std::optional<larder::bytes> key = store.key_of(id, handle);
    REQUIRE(key.has_value());
    keys.emplace_back(key->text());
  });
  return keys;
}

inline fs::path file_of(const fs::path& directory, std::string_view key) {
  const std::string name = id_of(key).hex();
  return directory / "entries" / name.substr(0, 2) / name;
}

inline std::size_t files_in(const fs::path& folder) {
  std::size_t count = 0;
  for (const auto& found : fs::recursive_directory_iterator(folder)) count += found.is_directory() ? 0 : 1;
  return count;
}

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

/// Runs `body` in a forked child; its answer becomes the exit code.
inline int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int code = 99;
    try {
      code = body();
    } catch (...) {
    }
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace store_driver
