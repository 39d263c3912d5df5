#pragma once

// A model's file in a remote store, read in place: its header when it is opened, of a layer what is needed when its turn comes.
// So the first layer runs while the last is still there, and no copy of the model is made.

#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/part_reading_store.hpp>
#include <larder/layer/model_file.hpp>
#include <larder/storage/remote_object.hpp>

#include <cstddef>
#include <cstdint>
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
  remote_file(const Storage& storage, std::string name) : object_(storage, std::move(name)) {}

  std::string name() const { return object_.name(); }
  std::uint64_t size() const noexcept { return object_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> room) const { object_.read(offset, room); }
  /// Each read is of the version that was opened.
  void check_unchanged() const noexcept {}
  /// Another object of the storage: what precedes the last slash of the name stays.
  remote_file beside(const std::string& name) const { return remote_file(object_.another(path_of(name))); }
  /// The same; nothing when there is none, and when the storage does not let us know: to whoever may not list S3 answers 403 for what
  /// is not there.
  std::optional<remote_file> find_beside(const std::string& name) const {
    try {
      if (std::optional<storage::remote_object<Storage>> found = object_.find(path_of(name)))
        return remote_file(*std::move(found));
    } catch (const error& e) {
      if (e.cause() != error_cause::unauthorized) throw;
    }
    return std::nullopt;
  }
  /// Several ranges are read side by side.
  std::uint64_t read_unit() const noexcept { return std::uint64_t{32} << 20U; }

 private:
  explicit remote_file(storage::remote_object<Storage> object) : object_(std::move(object)) {}
  std::string path_of(const std::string& name) const { return object_.name().substr(0, object_.name().rfind('/') + 1) + name; }

  storage::remote_object<Storage> object_;
};

}  // namespace larder
