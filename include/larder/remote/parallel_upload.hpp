#pragma once

// Large objects by parts side by side, published by one commit (docs/decisions/020). Parts are slices of what the caller has:
// nothing is copied. Cost: two requests and one per part; a reader meets the old object or the new one whole. What fails is
// dropped again, as far as the server is still there; the services drop what is left after days.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/byte_budget.hpp>
#include <larder/remote/part_upload.hpp>
#include <larder/remote/transfer_settings.hpp>
#include <larder/remote/transfer_streams.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace larder::remote {

/// Uploads for one store. Safe from many threads.
class parallel_upload {
 public:
  /// Parts of one object at most: what S3 permits; Azure permits more.
  static constexpr std::uint64_t most_parts = 10'000;

  parallel_upload(const transfer_settings& settings, transfer_streams& streams, byte_budget& budget)
      : settings_(settings), streams_(&streams), budget_(&budget) {}

  /// Stores the object that the pieces make one after the other; false when `create_only` found one there. Throws
  /// `larder::error`: what the client throws, cancelled.
  template <part_uploading_client Client>
  bool put(Client& client, std::string_view name, std::span<const bytes> content, put_mode mode,
           const transfer_control& control = {}) {
    const std::uint64_t size = total_size(content);
    if (!client.admits(name, size, mode, control.stop)) return false;
    const std::vector<std::vector<bytes>> parts = parts_of(content, part_size_for(size));
    const std::string id = client.begin_upload(name);
    try {
      std::vector<std::string> tags(parts.size());
      progress_meter progress{&control, size};
      progress.advance(0);
      streams_->run(parts.size(), settings_.streams, control.stop, [&](std::size_t i, const std::stop_token& stop) {
        tags[i] = send(client, name, id, i, parts[i], stop);
        progress.advance(total_size(parts[i]));
      });
      return client.commit_upload(name, id, tags, mode);
    } catch (...) {
      client.abort_upload(name, id);
      throw;
    }
  }

  /// How large the parts are: as the settings say, more where there would be too many, in whole MiB then.
  std::uint64_t part_size_for(std::uint64_t size) const noexcept {
    constexpr std::uint64_t unit = std::uint64_t{1} << 20U;
    if (size / settings_.part_size < most_parts) return settings_.part_size;
    return (size / most_parts / unit + 1) * unit;
  }

 private:
  struct progress_meter {
    const transfer_control* control;
    std::uint64_t total;
    std::uint64_t done = 0;
    std::mutex mutex{};

    void advance(std::uint64_t bytes) {
      if (!control->progress) return;
      const std::lock_guard lock(mutex);
      done += bytes;
      control->progress(done, total);
    }
  };

  template <class Client>
  std::string send(Client& client, std::string_view name, const std::string& id, std::size_t index, std::span<const bytes> part,
                   const std::stop_token& stop) {
    const byte_budget::lease turn = budget_->take(total_size(part), stop);
    for (unsigned tries = 1;; ++tries) {
      if (stop.stop_requested()) core::fail(error_cause::cancelled, "an upload was given up because a stop was requested");
      try {
        return client.put_part(name, id, index, part, stop);
      } catch (const error& e) {
        if (!may_be_repeated(e) || tries >= settings_.barren_tries) throw;
      }
    }
  }

  transfer_settings settings_;
  transfer_streams* streams_;
  byte_budget* budget_;
};

}  // namespace larder::remote
