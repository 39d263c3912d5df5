#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/byte_budget.hpp>
#include <larder/remote/parallel_download.hpp>
#include <larder/remote/parallel_upload.hpp>
#include <larder/remote/part_read.hpp>
#include <larder/remote/part_upload.hpp>
#include <larder/remote/transfer_settings.hpp>
#include <larder/remote/transfer_streams.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace larder::remote {

/// How a store moves its objects: with its threads and its budget, in as many requests as their size and the protocol's
/// client ask for. Safe from many threads.
class object_transfers {
 public:
  /// Throws `larder::error` for settings that cannot work.
  explicit object_transfers(const transfer_settings& settings)
      : settings_(checked(settings)),
        budget_(settings.budget ? settings.budget : std::make_shared<byte_budget>()),
        streams_(settings.most_threads),
        download_(settings, streams_, *budget_),
        upload_(settings, streams_, *budget_) {}
  object_transfers(const object_transfers&) = delete;
  object_transfers& operator=(const object_transfers&) = delete;

  template <part_reading_client Client>
  bool fetch(Client& client, std::string_view name, download_target& target, const transfer_control& control) {
    return download_.fetch(client, name, target, control);
  }
  template <part_reading_client Client>
  void read(Client& client, std::string_view name, const blob_info& object, std::uint64_t offset, std::span<std::byte> room,
            const transfer_control& control) {
    download_.read(client, name, object, offset, room, control);
  }
  /// In one request, or in parts side by side where the object is larger than a part and the client takes parts. The client's
  /// `put` takes a `std::stop_token` after the mode, by which it can be given up while it is under way.
  template <class Client>
  bool put(Client& client, std::string_view name, std::span<const bytes> content, put_mode mode,
           const transfer_control& control = {}) {
    const std::uint64_t size = total_size(content);
    if constexpr (part_uploading_client<Client>)
      if (size > settings_.part_size) return upload_.put(client, name, content, mode, control);
    if (control.stop.stop_requested()) core::fail(error_cause::cancelled, "a put was not begun because a stop was requested");
    if (control.progress) control.progress(0, size);
    const bool stored = client.put(name, content, mode, control.stop);
    if (stored && control.progress) control.progress(size, size);
    return stored;
  }

 private:
  static const transfer_settings& checked(const transfer_settings& settings) {
    settings.check();
    return settings;
  }

  transfer_settings settings_;
  std::shared_ptr<byte_budget> budget_;
  transfer_streams streams_;
  parallel_download download_;
  parallel_upload upload_;
};

}  // namespace larder::remote
