// A model is read in place only where it can be read in parts.
#include <larder/larder.hpp>
#include <larder/layer/remote_file.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "empty_bucket.hpp"

namespace {

struct parts {
  using policy_axis = larder::axis::storage;
  struct store : empty_bucket::store {
    store(const parts&, larder::error_sink& sink) : empty_bucket::store({}, sink) {}
    std::optional<larder::blob_info> find(std::string_view) { return larder::blob_info{}; }
    void read(std::string_view, const larder::blob_info&, std::uint64_t, std::span<std::byte>) {}
  };
};

[[maybe_unused]] std::uint64_t allowed() { return larder::remote_file(parts{}, "model").size(); }

// expect 1: larder: remote_file needs a remote storage, such as http_blob{azure{...}}
#if LARDER_COMPILE_FAIL == 1
auto in_memory = larder::remote_file(larder::memory{}, "model");
#endif

// expect 2: larder: this storage cannot read objects that others wrote in parts; its store needs find and read
#if LARDER_COMPILE_FAIL == 2
auto whole = larder::remote_file(empty_bucket{}, "model");
#endif

}  // namespace
