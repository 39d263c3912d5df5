#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>

#include <optional>
#include <span>
#include <string_view>

/// The least that is a `blob_store`: nothing is ever in it.
struct empty_bucket {
  using policy_axis = larder::axis::storage;
  struct store {
    store(const empty_bucket&, larder::error_sink&) {}
    std::optional<larder::bytes> get(std::string_view, larder::byte_range) { return std::nullopt; }
    std::optional<larder::blob_info> head(std::string_view) { return std::nullopt; }
    bool put(std::string_view, std::span<const larder::bytes>, larder::put_mode) { return true; }
    bool erase(std::string_view) { return false; }
    template <class F>
    void list(std::string_view, F&&) {}
  };
};
