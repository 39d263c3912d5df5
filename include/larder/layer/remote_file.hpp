#pragma once

// A model's file in a remote store, read in place: its header when it is opened, of a layer what is needed when its turn comes.
// So the first layer runs while the last is still there, and no copy of the model is made.

#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/part_reading_store.hpp>
#include <larder/layer/model_file.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace larder {

/// A file of a model in a storage that can be read in parts (`http_blob`), for `safetensors` and `gguf`: the object of that name,
/// which others have put there, as it was when it was opened: when it is replaced, later reads throw `larder::error` (io).
/// Failures are thrown once the storage's own policies have given up, and `layer_cache` tries a load again as it is told to.
/// Reads may run in several threads at once.
template <class Storage>
class remote_file {
  static_assert(core::is_remote_storage<Storage>, "larder: remote_file needs a remote storage, such as http_blob{azure{...}}");
  static_assert(part_reading_store<typename Storage::store>,
                "larder: this storage cannot read objects that others wrote in parts; its store needs find and read "
                "(larder::part_reading_store)");

 public:
  /// Asks for the object's size and version. Throws `larder::error` when the storage fails or has no such object.
  remote_file(const Storage& storage, std::string name) : remote_file(std::make_shared<connection>(storage), std::move(name)) {}

  std::string name() const { return name_; }
  std::uint64_t size() const noexcept { return object_.size; }
  void read(std::uint64_t offset, std::span<std::byte> room) const {
    if (!room.empty()) shared_->store.read(name_, object_, offset, room);
  }
  /// Each read is of the version that was opened.
  void check_unchanged() const noexcept {}
  /// Another object of the storage: what precedes the last slash of the name stays.
  remote_file beside(const std::string& name) const { return {shared_, name_.substr(0, name_.rfind('/') + 1) + name}; }
  /// The same; nothing when there is none, and when the storage does not let us know: to whoever may not list S3 answers 403 for what
  /// is not there.
  std::optional<remote_file> find_beside(const std::string& name) const {
    std::string whole = name_.substr(0, name_.rfind('/') + 1) + name;
    try {
      if (std::optional<blob_info> found = shared_->store.find(whole)) return remote_file(shared_, std::move(whole), std::move(*found));
    } catch (const error& e) {
      if (e.cause() != error_cause::unauthorized) throw;
    }
    return std::nullopt;
  }
  /// Several ranges are read side by side.
  std::uint64_t read_unit() const noexcept { return std::uint64_t{32} << 20U; }

 private:
  struct unheard final : error_sink {  // what goes wrong is thrown
    void report(error_cause, const std::string&) noexcept override {}
  };
  struct connection {
    explicit connection(const Storage& storage) : store(storage, sink) {}
    unheard sink;
    typename Storage::store store;
  };

  remote_file(std::shared_ptr<connection> shared, std::string name) : shared_(std::move(shared)), name_(std::move(name)) {
    std::optional<blob_info> found = shared_->store.find(name_);
    if (!found)
      core::fail(error_cause::io, "the storage has no object " + name_ + "; look at its name and at the storage's settings");
    object_ = std::move(*found);
  }
  remote_file(std::shared_ptr<connection> shared, std::string name, blob_info object)
      : shared_(std::move(shared)), name_(std::move(name)), object_(std::move(object)) {}

  std::shared_ptr<connection> shared_;
  std::string name_;
  blob_info object_;
};

}  // namespace larder
