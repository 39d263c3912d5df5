#include "catalogue.hpp"
#include "../open_file.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

/// What one writes without a library: 256 folders, a file for each key, written aside and renamed into its place.
class file_engine {
 public:
  explicit file_engine(const site& s)
      : root_(s.folder.string() + "/"),
        buffer_(new std::byte[s.value_size]),
        capacity_(s.value_size),
        flushed_puts_(s.flushed_puts) {
    for (int i = 0; i < 256; ++i) {
      const char* const digits = "0123456789abcdef";
      std::filesystem::create_directory(root_ + digits[i / 16] + digits[i % 16]);
    }
  }

  void put(const item& one) {
    const std::string path = path_of(one.key);
    const std::string aside = root_ + "aside";
    {
      open_file file(aside, O_WRONLY | O_CREAT | O_TRUNC);
      file.write_all(one.value.data(), one.value.size(), 0);
      if (flushed_puts_) file.flush();
    }
    if (std::rename(aside.c_str(), path.c_str()) != 0) fail_system("rename to \"" + path + "\"");
    if (flushed_puts_) last_folder_ = path.substr(0, path.rfind('/'));
  }
  void settle() {}
  void flush() {
    if (!last_folder_.empty()) open_file(last_folder_, O_RDONLY | O_DIRECTORY).flush();
  }
  template <class Use>
  bool get(const item& one, Use&& use) {
    const std::string path = path_of(one.key);
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      if (errno == ENOENT) return false;
      fail_system("open \"" + path + "\"");
    }
    const open_file file(descriptor);
    const std::size_t size = file.size();
    if (size > capacity_) throw std::runtime_error("\"" + path + "\" is longer than any value");
    file.read_all(buffer_.get(), size, 0);
    use(std::span<const std::byte>(buffer_.get(), size));
    return true;
  }

 private:
  /// The last two digits of a key choose its folder.
  std::string path_of(const std::string& key) const {
    return root_ + key.substr(key.size() - 2) + "/" + key.substr(key.rfind('/') + 1);
  }

  std::string root_;
  std::unique_ptr<std::byte[]> buffer_;  // not touched before the first read
  std::size_t capacity_;
  bool flushed_puts_;
  std::string last_folder_;
};

}  // namespace

candidates plain_files() { return {candidate_of<file_engine>("files")}; }

}  // namespace bench
