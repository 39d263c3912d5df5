// A model is read in place only where it can be read in parts.
#include <larder/larder.hpp>
#include <larder/layer/remote_file.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace {

struct whole_objects {
  using policy_axis = larder::axis::storage;
  struct store {
    store(const whole_objects&, larder::error_sink&) {}
    std::optional<larder::bytes> get(std::string_view, larder::byte_range) { return std::nullopt; }
    std::optional<larder::blob_info> head(std::string_view) { return std::nullopt; }
    bool put(std::string_view, std::span<const larder::bytes>, larder::put_mode) { return true; }
    bool erase(std::string_view) { return false; }
    template <class F>
    void list(std::string_view, F&&) {}
  };
};
struct parts {
  using policy_axis = larder::axis::storage;
  struct store : whole_objects::store {
    store(const parts&, larder::error_sink& sink) : whole_objects::store({}, sink) {}
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
auto whole = larder::remote_file(whole_objects{}, "model");
#endif

}  // namespace
