#include "layers/chunk_folder.hpp"

#include "layers/chunk_names.hpp"
#include "layers/published_file.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/chunk_directory.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace layers {

using larder::error_cause;
using larder::storage::fail_file;
using larder::storage::file_descriptor;

chunk_folder::chunk_folder(const std::string& path) : path_(path) {
  std::error_code failed;
  std::filesystem::create_directories(path_, failed);
  if (failed) fail_file("create the directory", path, failed.value());
  lock_ = file_descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) fail_file("open", path, errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    larder::core::fail(error_cause::io, "another larder layers split is writing to \"" + path + "\"; wait until it is done");
  larder::storage::make_directory((path_ / "manifests").string());
  std::vector<std::filesystem::path> parts;
  for (std::filesystem::directory_iterator at(path_, failed), end; !failed && at != end; at.increment(failed))
    if (is_chunk_part(at->path().filename().string())) parts.push_back(at->path());
  if (failed) fail_file("list", path, failed.value());
  for (const std::filesystem::path& part : parts) larder::storage::remove_file(part.string());
}

void chunk_folder::store(const larder::digest& id, std::span<const std::byte> content) {
  if (stored_.contains(id)) return shared_.add(content.size());
  const std::string path = larder::chunk_directory(path_).path_of_chunk(id).string();
  const found there = look(path, id, content);
  if (there == found::same) {
    kept_.add(content.size());
  } else {
    write(path, id, content);
    written_.add(content.size());
    if (there == found::other) replaced_.add(content.size());
  }
  stored_.insert(id);
}

chunk_folder::found chunk_folder::look(const std::string& path, const larder::digest& id,
                                       std::span<const std::byte> content) const {
  const file_descriptor file = larder::storage::open_file(path, O_RDONLY | O_NONBLOCK);
  if (!file && errno == ENOENT) return found::nothing;
  if (!file) fail_file("open", path, errno);
  const larder::storage::file_identity identity = larder::storage::identify(file, path);
  if (!identity.regular)
    larder::core::fail(error_cause::io,
                       "\"" + path + "\" is no file, and a chunk has that name; look at what is in the directory");
  bool is_same = identity.size == content.size();
  larder::digest_stream its;
  std::vector<std::byte> piece(std::size_t{1} << 20);
  for (std::uint64_t at = 0; at < identity.size;) {
    const std::size_t n = larder::storage::read_at(file, piece.data(), piece.size(), at, path);
    if (n == 0) break;
    its.update(piece.data(), n);
    is_same = is_same && at + n <= content.size() && std::memcmp(piece.data(), content.data() + at, n) == 0;
    at += n;
  }
  if (is_same) return found::same;
  if (its.finish() == id)
    larder::core::fail(error_cause::corruption,
                       "\"" + path +
                           "\" has the digest of its name and other bytes than the model's chunk of that digest; "
                           "use another directory for this model");
  return found::other;
}

void chunk_folder::write(const std::string& path, const larder::digest& id, std::span<const std::byte> content) {
  const std::string staged = (path_ / chunk_part_name(id)).string();
  file_descriptor file = larder::storage::open_file(staged, O_CREAT | O_TRUNC | O_WRONLY);
  if (!file) fail_file("create", staged, errno);
  try {
    larder::storage::write_at(file, content, {}, 0, staged);
    if (const int number = file.close(); number != 0) fail_file("write", staged, number);
    if (::rename(staged.c_str(), path.c_str()) != 0) fail_file("write", path, errno);
  } catch (...) {
    ::unlink(staged.c_str());
    throw;
  }
}

std::filesystem::path chunk_folder::publish(const std::string& model, std::string_view manifest) {
  if (::syncfs(lock_.get()) != 0) fail_file("write", path_.string(), errno);
  std::filesystem::path path = larder::chunk_directory(path_).path_of_manifest(model);
  publish_manifest(path, manifest);
  return path;
}

}  // namespace layers
