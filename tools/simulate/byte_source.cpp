#include "simulate/byte_source.hpp"

#include "simulate/gzip_source.hpp"
#include "simulate/zstd_source.hpp"

#include <larder/core/error.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace simulate {
namespace {

/// A descriptor, whose first bytes can be looked at before they are read.
class descriptor_source final : public byte_source {
 public:
  descriptor_source(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  ~descriptor_source() override {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }
  descriptor_source(const descriptor_source&) = delete;
  descriptor_source& operator=(const descriptor_source&) = delete;

  std::string_view magic() {
    while (ahead_size_ < ahead_.size()) {
      const std::size_t got = read_more(ahead_.data() + ahead_size_, ahead_.size() - ahead_size_);
      if (got == 0) break;
      ahead_size_ += got;
    }
    return {ahead_.data(), ahead_size_};
  }
  std::size_t read(char* into, std::size_t size) override {
    if (ahead_used_ == ahead_size_) return read_more(into, size);
    const std::size_t n = std::min(size, ahead_size_ - ahead_used_);
    std::memcpy(into, ahead_.data() + ahead_used_, n);
    ahead_used_ += n;
    return n;
  }

 private:
  std::size_t read_more(char* into, std::size_t size) {
    while (true) {
      const ::ssize_t got = ::read(descriptor_, into, size);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR)
        throw larder::error(larder::error_cause::io, "trace \"" + name_ + "\" could not be read: " + std::strerror(errno) +
                                                         "; give the path of a file, or - for standard input");
    }
  }

  int descriptor_;
  std::string name_;
  std::array<char, 4> ahead_{};
  std::size_t ahead_size_ = 0;
  std::size_t ahead_used_ = 0;
};

}  // namespace

std::unique_ptr<byte_source> open_bytes(const std::string& path) {
  const int descriptor = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    throw larder::error(larder::error_cause::io, "trace \"" + path + "\" could not be opened: " + std::strerror(errno) +
                                                     "; give the path of a file, or - for standard input");
  const std::string name = path == "-" ? "standard input" : path;
  auto plain = std::make_unique<descriptor_source>(descriptor, name);
  const std::string_view magic = plain->magic();
  if (is_gzip(magic)) return unpack_gzip(std::move(plain), name);
  if (is_zstd(magic)) return unpack_zstd(std::move(plain), name);
  return plain;
}

}  // namespace simulate
