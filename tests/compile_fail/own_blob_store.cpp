// What drives a cache on a blob_store comes with the umbrella, and with the storages of larder that are one; not with the cache alone.
#include <larder/cache.hpp>
#include <larder/limit/unbounded.hpp>
#ifndef LARDER_COMPILE_FAIL
#include <larder/storage/remote_engine.hpp>
#endif

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace {

struct bucket {
  using policy_axis = larder::axis::storage;
  struct store {
    store(const bucket&, larder::error_sink&) {}
    std::optional<larder::bytes> get(std::string_view, larder::byte_range) { return std::nullopt; }
    std::optional<larder::blob_info> head(std::string_view) { return std::nullopt; }
    bool put(std::string_view, std::span<const larder::bytes>, larder::put_mode) { return true; }
    bool erase(std::string_view) { return false; }
    template <class F>
    void list(std::string_view, F&&) {}
  };
};

// expect: larder: what drives a blob_store from outside is in larder/storage/remote_engine.hpp, which larder/larder.hpp brings; include one of them
#ifdef LARDER_COMPILE_FAIL
larder::cache<std::string, std::string, bucket, larder::unbounded> without_an_engine;
#else
larder::cache<std::string, std::string, bucket, larder::unbounded> with_one;
#endif

}  // namespace
