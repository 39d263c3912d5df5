#pragma once

#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/part_reading_store.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace larder::storage {

/// An object of a remote storage that others have put there, read in parts, as it was when it was found: reads of another version throw. Copies, and
/// what is found beside it, share the connection. Failures are thrown once the storage's own policies have given up. Reads run in any number
/// of threads.
template <class Storage>
  requires part_reading_store<typename Storage::store>
class remote_object {
 public:
  /// Throws `larder::error` (io) when there is no such object.
  remote_object(const Storage& storage, std::string name)
      : remote_object(std::make_shared<connection>(storage), std::move(name)) {}
  /// Another object of the storage.
  remote_object another(std::string name) const { return {shared_, std::move(name)}; }
  /// The same; nothing when there is none. Throws what the storage throws.
  std::optional<remote_object> find(std::string name) const {
    std::optional<blob_info> found = shared_->store.find(name);
    if (!found) return std::nullopt;
    return remote_object(shared_, std::move(name), *std::move(found));
  }

  const std::string& name() const noexcept { return name_; }
  std::uint64_t size() const noexcept { return object_.size; }
  /// Another one whenever the content is.
  const std::string& version() const noexcept { return object_.etag; }
  void read(std::uint64_t offset, std::span<std::byte> room) const {
    if (!room.empty()) shared_->store.read(name_, object_, offset, room);
  }

 private:
  struct unheard final : error_sink {  // what goes wrong is thrown
    void report(error_cause, const std::string&) noexcept override {}
  };
  struct connection {
    explicit connection(const Storage& storage) : store(storage, sink) {}
    unheard sink;
    typename Storage::store store;
  };

  remote_object(std::shared_ptr<connection> shared, std::string name) : shared_(std::move(shared)), name_(std::move(name)) {
    std::optional<blob_info> found = shared_->store.find(name_);
    if (!found)
      core::fail(error_cause::io, "the storage has no object " + name_ + "; look at its name and at the storage's settings");
    object_ = *std::move(found);
  }
  remote_object(std::shared_ptr<connection> shared, std::string name, blob_info object)
      : shared_(std::move(shared)), name_(std::move(name)), object_(std::move(object)) {}

  std::shared_ptr<connection> shared_;
  std::string name_;
  blob_info object_;
};

}  // namespace larder::storage
