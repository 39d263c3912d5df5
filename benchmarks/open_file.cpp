#include "open_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace bench {

void fail_system(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

open_file::open_file(const std::filesystem::path& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) fail_system("open \"" + path.string() + "\"");
}

open_file::~open_file() { ::close(descriptor_); }

void open_file::write_all(const void* data, std::size_t size, std::uint64_t offset) {
  const char* from = static_cast<const char*>(data);
  while (size != 0) {
    const ssize_t written = ::pwrite(descriptor_, from, size, static_cast<off_t>(offset));
    if (written < 0) fail_system("write");
    from += written;
    size -= static_cast<std::size_t>(written);
    offset += static_cast<std::uint64_t>(written);
  }
}

void open_file::read_all(void* data, std::size_t size, std::uint64_t offset) const {
  char* to = static_cast<char*>(data);
  while (size != 0) {
    const ssize_t got = ::pread(descriptor_, to, size, static_cast<off_t>(offset));
    if (got < 0) fail_system("read");
    if (got == 0) throw std::runtime_error("read: the file ends too early");
    to += got;
    size -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
}

void open_file::flush() {
  if (::fdatasync(descriptor_) != 0) fail_system("flush");
}

std::uint64_t open_file::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail_system("ask for the size of a file");
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace bench
