#include "layers/chunk_verification.hpp"

#include "layers/chunk_names.hpp"
#include "layers/tensor_walk.hpp"

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/format/model_manifest.hpp>
#include <larder/layer/chunk_directory.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

namespace layers {
namespace {

using larder::digest;
using larder::error_cause;
using larder::format::manifest_chunk;
using larder::format::manifest_tensor;
using larder::format::model_manifest;
using larder::storage::fail_file;
using larder::storage::file_descriptor;

/// The names in a directory, in their order.
std::vector<std::string> names_in(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed))
    names.push_back(at->path().filename().string());
  if (failed) fail_file("list", directory.string(), failed.value());
  std::sort(names.begin(), names.end());
  return names;
}

/// What an error says, behind a place that is told anyway.
std::string said(const larder::error& wrong, const std::string& place = {}) {
  std::string_view text = wrong.what();
  for (const std::string& before : {std::string("larder: "), place + ": "})
    if (text.starts_with(before)) text.remove_prefix(before.size());
  return std::string(text);
}

/// One directory on its way through.
class verifying {
 public:
  verifying(const std::string& path, bool all, bool quiet, const disk::interruption& stop)
      : path_(path), directory_(path_), all_(all), stop_(stop), buffer_(piece_size) {
    look_for_a_writer();
    read_manifests();
    list_directory();
    std::uint64_t to_read = all_ ? found_.unnamed_bytes : 0;
    for (const auto& [id, size] : named_) to_read += size;
    progress_.emplace("verifying", to_read, quiet);
  }

  chunk_verification run() {
    found_.is_interrupted = !(verify_tensors() && verify_unnamed());
    progress_->end();
    found_.bytes = progress_->done();
    found_.bytes_total = progress_->total();
    found_.seconds = progress_->seconds();
    found_.chunks = named_.size();
    return std::move(found_);
  }

 private:
  enum class state { unknown, right, wrong };

  void look_for_a_writer() {
    const file_descriptor folder(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) fail_file("open", path_.string(), errno);
    found_.is_written = ::flock(folder.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;  // and let go at once
  }

  void read_manifests() {
    const std::filesystem::path folder = path_ / "manifests";
    const std::optional<larder::storage::file_identity> seen = larder::storage::identify(folder.string());
    if (!seen) {
      found_.damaged.push_back({"manifests", "is not there, and without a manifest no chunk is of a model", {}, {}});
      return;
    }
    for (const std::string& name : names_in(folder)) {
      const std::string place = "manifests/" + name;
      constexpr std::string_view ending = ".json";
      const std::string model = name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) : "";
      if (larder::format::is_model_name(model))
        read_manifest(model, place);
      else
        (is_manifest_part(name) ? found_.leftovers : found_.others).push_back(place);
    }
  }
  void read_manifest(const std::string& model, const std::string& place) {
    try {
      if (const auto seen = larder::storage::identify((path_ / place).string()); seen && !seen->regular) {
        found_.damaged.push_back({place, "is no file, or a symbolic link, which a weight server does not follow", {model}, {}});
        return;
      }
      const larder::bytes text = directory_.manifest(model);
      model_manifest manifest = larder::format::parse_model_manifest(text.span(), place);
      if (!manifest.is_split) {
        found_.damaged.push_back({place, "says nothing of chunks, as one beside a whole model", {model}, {}});
        return;
      }
      for (const auto& layer : manifest.layers)
        for (const manifest_tensor& tensor : layer.tensors) {
          ++found_.tensors;
          for (const manifest_chunk& chunk : tensor.chunks) {
            const auto [at, fresh] = named_.emplace(chunk.id, chunk.size);
            if (!fresh && at->second != chunk.size)
              found_.damaged.push_back({place,
                                        "says that chunk " + chunk.id.hex() + " has " + std::to_string(chunk.size) +
                                            " bytes, where it or another manifest says " + std::to_string(at->second),
                                        {model},
                                        tensor.info.name});
          }
        }
      found_.models.push_back(model);
      manifests_.emplace_back(model, std::move(manifest));
    } catch (const larder::error& wrong) {
      const bool is_damaged = wrong.cause() == error_cause::corruption || wrong.cause() == error_cause::invalid_argument;
      (is_damaged ? found_.damaged : found_.unreadable).push_back({place, said(wrong, place), {model}, {}});
    }
  }

  void list_directory() {
    for (const std::string& name : names_in(path_)) {
      if (name == "manifests") continue;
      const std::optional<digest> id = digest_named(name);
      if (!id)
        (is_chunk_part(name) ? found_.leftovers : found_.others).push_back(name);
      else if (!named_.contains(*id)) {
        found_.unnamed.push_back(name);
        if (const auto seen = larder::storage::identify((path_ / name).string())) found_.unnamed_bytes += seen->size;
      }
    }
  }

  /// False when it was interrupted.
  bool verify_tensors() {
    for (const auto& [model, manifest] : manifests_)
      for (const auto& layer : manifest.layers)
        for (const manifest_tensor& tensor : layer.tensors)
          if (!verify(model, tensor)) return false;
    return true;
  }
  bool verify(const std::string& model, const manifest_tensor& tensor) {
    if (tensor.chunks.size() == 1) return look_at(tensor.chunks.front(), nullptr);  // whose digest is the tensor's
    std::vector<digest> cut;
    for (const manifest_chunk& chunk : tensor.chunks) cut.push_back(chunk.id);
    if (!joined_.emplace(tensor.id, std::move(cut)).second) return true;  // another one has the same bytes
    larder::digest_stream whole;  // so that a tensor's own digest, which caches compare, is checked as well
    bool is_right = true;
    for (const manifest_chunk& chunk : tensor.chunks) {
      if (!look_at(chunk, &whole)) return false;
      is_right = is_right && states_[chunk.id] == state::right;
    }
    if (is_right && whole.finish() != tensor.id)
      found_.damaged.push_back({"manifests/" + model + ".json",
                                "has another digest for this tensor than its chunks make up, each of which is right",
                                {model},
                                tensor.info.name});
    return true;
  }
  /// Reads a chunk unless it was read before and nobody wants its bytes again. False when it was interrupted.
  bool look_at(const manifest_chunk& chunk, larder::digest_stream* whole) {
    state& known = states_[chunk.id];
    if (known == state::wrong || (known == state::right && whole == nullptr)) return true;
    const bool is_new = known == state::unknown;
    const std::optional<fault> wrong = read(chunk.id, chunk.size, whole);
    if (is_interrupted_) return false;
    known = wrong ? state::wrong : state::right;
    if (is_new) ++found_.chunks_checked;
    if (wrong) report(chunk.id, *wrong);
    return true;
  }

  bool verify_unnamed() {
    if (!all_) return true;
    for (const std::string& name : found_.unnamed) {
      const std::optional<fault> wrong = read(*digest_named(name), std::nullopt, nullptr);
      if (is_interrupted_) return false;
      if (wrong) (wrong->is_damage ? found_.damaged : found_.unreadable).push_back({name, wrong->why, {}, {}});
    }
    return true;
  }

  struct fault {
    std::string why;
    bool is_damage = true;
  };
  std::optional<fault> read(const digest& id, std::optional<std::uint64_t> size, larder::digest_stream* whole) {
    const std::string path = directory_.path_of_chunk(id).string();
    try {
      const file_descriptor file = larder::storage::open_file(path, O_RDONLY | O_NONBLOCK);
      if (!file && errno == ENOENT) return fault{"is not there"};
      if (!file && errno == ELOOP) return fault{"is a symbolic link, which a weight server does not follow"};
      if (!file) fail_file("open", path, errno);
      const larder::storage::file_identity identity = larder::storage::identify(file, path);
      if (!identity.regular) return fault{"is no file"};
      if (size && identity.size != *size)
        return fault{"has " + std::to_string(identity.size) + " bytes, and the chunk of that name has " + std::to_string(*size)};
      larder::digest_stream its;
      for (std::uint64_t at = 0; at < identity.size;) {
        if (stop_.asked()) {
          is_interrupted_ = true;
          return std::nullopt;
        }
        const std::size_t n = larder::storage::read_at(file, buffer_.data(), buffer_.size(), at, path);
        if (n == 0) break;
        its.update(buffer_.data(), n);
        if (whole != nullptr) whole->update(buffer_.data(), n);
        progress_->add(n);
        at += n;
      }
      if (its.finish() != id) return fault{"has another digest than its name"};
    } catch (const larder::error& refused) {
      return fault{said(refused), false};
    }
    return std::nullopt;
  }
  void report(const digest& id, const fault& wrong) {
    chunk_damage one{id.hex(), wrong.why, {}, {}};
    for (const auto& [model, manifest] : manifests_) {
      const manifest_tensor* const user = user_of(id, manifest);
      if (user == nullptr) continue;
      if (one.models.empty()) one.tensor = user->info.name;
      one.models.push_back(model);
    }
    (wrong.is_damage ? found_.damaged : found_.unreadable).push_back(std::move(one));
  }
  static const manifest_tensor* user_of(const digest& id, const model_manifest& manifest) {
    for (const auto& layer : manifest.layers)
      for (const manifest_tensor& tensor : layer.tensors)
        for (const manifest_chunk& chunk : tensor.chunks)
          if (chunk.id == id) return &tensor;
    return nullptr;
  }

  std::filesystem::path path_;
  larder::chunk_directory directory_;
  bool all_;
  const disk::interruption& stop_;
  std::vector<std::byte> buffer_;
  chunk_verification found_;
  std::vector<std::pair<std::string, model_manifest>> manifests_;
  std::map<digest, std::uint64_t> named_;  // chunks and their sizes
  std::map<digest, state> states_;
  std::set<std::pair<digest, std::vector<digest>>> joined_;  // tensors that were put together
  std::optional<disk::byte_progress> progress_;
  bool is_interrupted_ = false;
};

}  // namespace

bool is_chunk_directory(const std::string& path) {
  std::error_code failed;
  if (!std::filesystem::is_directory(path, failed)) return false;
  if (std::filesystem::is_directory(std::filesystem::path(path) / "manifests", failed)) return true;
  const std::vector<std::string> names = names_in(path);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) { return digest_named(name).has_value(); });
}

chunk_verification verify_chunks(const std::string& directory, bool all, bool quiet, const disk::interruption& stop) {
  return verifying(directory, all, quiet, stop).run();
}

}  // namespace layers
