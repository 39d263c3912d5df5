#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/tiered.hpp>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

namespace larder::presets {

/// The caches that `model_weights` combines.
using weights_in_memory = cache<std::string, bytes, max_bytes>;
using weights_on_disk = cache<std::string, bytes, max_bytes, mmap_disk>;
template <class Protocol>
using weights_on_server = cache<std::string, bytes, unbounded, http_blob<Protocol>>;

/// Three tiers in one line: `auto weights = presets::model_weights(".cache/weights", 4_GiB, azure{.account = "acct", .container = "models"})`.
/// At most `disk_size` bytes in mapped files under `directory`, a quarter of that in memory, and a store that a team shares (`azure`, `s3`,
/// `webdav`), written in the background (`weights.flush()` waits for it). The store may be down: then it costs misses.
/// Throws `larder::error` when the directory cannot be used or the store's settings cannot work.
template <remote::blob_protocol Protocol>
auto model_weights(const std::filesystem::path& directory, std::uint64_t disk_size, Protocol shared) {
  return tiered{std::make_unique<weights_in_memory>(max_bytes{disk_size / 4}),
                std::make_unique<weights_on_disk>(max_bytes{disk_size}, mmap_disk{directory}),
                write_back(std::make_unique<weights_on_server<Protocol>>(unbounded{}, http_blob<Protocol>{std::move(shared)}))};
}
/// The same with a WebDAV server. A template, so that only who calls it compiles the three caches.
template <std::convertible_to<std::string> Url, remote::blob_protocol Protocol = webdav>
auto model_weights(const std::filesystem::path& directory, std::uint64_t disk_size, Url url) {
  return model_weights(directory, disk_size, Protocol{.url = std::string(std::move(url))});
}

}  // namespace larder::presets
