#pragma once

// What a test and its children share: numbers, and a door at which children wait for each other.

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace faults {

/// Numbers that forked processes share.
template <class T>
class shared_page {
 public:
  shared_page() {
    void* const page = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) FAIL("no shared memory");
    value_ = new (page) T{};
  }
  shared_page(const shared_page&) = delete;
  shared_page& operator=(const shared_page&) = delete;
  ~shared_page() { ::munmap(value_, sizeof(T)); }
  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_; }

 private:
  T* value_;
};

/// A pipe as a door: whoever waits goes on when it is opened, all at once.
class door {
 public:
  door() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) FAIL("no pipe");
  }
  door(const door&) = delete;
  door& operator=(const door&) = delete;
  ~door() {
    open();
    ::close(ends_[0]);
  }
  /// In a child.
  void wait() {
    ::close(std::exchange(ends_[1], -1));
    char nothing = 0;
    while (::read(ends_[0], &nothing, 1) < 0 && errno == EINTR) {
    }
  }
  void open() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

}  // namespace faults
