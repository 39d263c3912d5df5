#include "layers/published_file.hpp"

#include <larder/format/model_manifest.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <span>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace layers {

using larder::storage::fail_file;
using larder::storage::file_descriptor;

void publish_file(const std::filesystem::path& path, std::string_view content) {
  const std::string target = path.string();
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const std::string staged = (folder / ("." + path.filename().string() + "." + std::to_string(::getpid()) + ".part")).string();
  file_descriptor file = larder::storage::open_file(staged, O_CREAT | O_TRUNC | O_WRONLY);
  if (!file) fail_file("create", staged, errno);
  try {
    larder::storage::write_at(file, std::as_bytes(std::span(content)), {}, 0, staged);
    if (::fsync(file.get()) != 0) fail_file("write", staged, errno);
    if (const int number = file.close(); number != 0) fail_file("write", staged, number);
    if (::rename(staged.c_str(), target.c_str()) != 0) fail_file("write", target, errno);
  } catch (...) {
    ::unlink(staged.c_str());
    throw;
  }
  const file_descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.get());
}

void publish_manifest(const std::filesystem::path& path, std::string_view text) {
  larder::format::parse_model_manifest(std::as_bytes(std::span(text)), path.string());
  publish_file(path, text);
}

}  // namespace layers
