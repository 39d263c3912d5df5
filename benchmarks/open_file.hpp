#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace bench {

/// Throws std::runtime_error with what was tried and what the system says about it.
[[noreturn]] void fail_system(const std::string& what);

/// A file of a peer that this program writes itself. What fails throws.
class open_file {
 public:
  open_file(const std::filesystem::path& path, int flags);
  explicit open_file(int descriptor) : descriptor_(descriptor) {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file();

  void write_all(const void* data, std::size_t size, std::uint64_t offset);
  void read_all(void* data, std::size_t size, std::uint64_t offset) const;
  void flush();
  std::uint64_t size() const;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace bench
