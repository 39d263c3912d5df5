#include "catalogue.hpp"
#include "../open_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace bench {
namespace {

/// The one file: value i is at i times the size of a value, and nothing says which key it has.
class flat_file {
 public:
  explicit flat_file(const site& s)
      : value_size(s.value_size), all(s.count * s.value_size), file(s.folder / "values", O_RDWR | O_CREAT) {
    if (file.size() == all) return;
    errno = ::posix_fallocate(file.descriptor(), 0, static_cast<off_t>(all));
    if (errno != 0) fail_system("allocate the file of a floor");
  }

  std::size_t place_of(const item& one) const { return one.index * value_size; }

  std::size_t value_size;
  std::size_t all;
  open_file file;
};

class pwrite_floor {
 public:
  explicit pwrite_floor(const site& s) : values_(s), buffer_(new std::byte[s.value_size]) {}

  void put(const item& one) { values_.file.write_all(one.value.data(), one.value.size(), values_.place_of(one)); }
  void settle() {}
  void flush() { values_.file.flush(); }
  template <class Use>
  bool get(const item& one, Use&& use) {
    values_.file.read_all(buffer_.get(), values_.value_size, values_.place_of(one));
    use(std::span<const std::byte>(buffer_.get(), values_.value_size));
    return true;
  }

 private:
  flat_file values_;
  std::unique_ptr<std::byte[]> buffer_;  // not touched before the first read: opening does not pay for it
};

class mmap_floor {
 public:
  explicit mmap_floor(const site& s) : values_(s) {
    void* const mapped = ::mmap(nullptr, values_.all, PROT_READ | PROT_WRITE, MAP_SHARED, values_.file.descriptor(), 0);
    if (mapped == MAP_FAILED) fail_system("map the file of a floor");
    mapped_ = static_cast<std::byte*>(mapped);
  }
  mmap_floor(const mmap_floor&) = delete;
  mmap_floor& operator=(const mmap_floor&) = delete;
  ~mmap_floor() { ::munmap(mapped_, values_.all); }

  void put(const item& one) { std::memcpy(mapped_ + values_.place_of(one), one.value.data(), one.value.size()); }
  void settle() {}
  void flush() {
    // Of the whole file: the kernel writes its dirty pages, and those of the last put are all that there are.
    if (::msync(mapped_, values_.all, MS_SYNC) != 0) fail_system("flush a mapping");
  }
  template <class Use>
  bool get(const item& one, Use&& use) {
    use(std::span<const std::byte>(mapped_ + values_.place_of(one), values_.value_size));
    return true;
  }

 private:
  flat_file values_;
  std::byte* mapped_ = nullptr;
};

}  // namespace

candidates floors() { return {candidate_of<pwrite_floor>(put_floor), candidate_of<mmap_floor>(get_floor)}; }

}  // namespace bench
