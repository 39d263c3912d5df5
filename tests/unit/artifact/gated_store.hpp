#pragma once

// A shared store in memory whose puts of contents wait until it is opened, or until they are stopped.

#include <larder/artifact/shared_store.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "counting_store.hpp"

namespace passes_in_test {

class gated_store final : public larder::shared_store {
 public:
  std::optional<larder::bytes> get(std::string_view key, const larder::transfer_control& control) override {
    return inner_.get(key, control);
  }
  std::optional<std::size_t> get_into(std::string_view key, std::span<std::byte> room,
                                      const larder::transfer_control& control) override {
    return inner_.get_into(key, room, control);
  }
  bool contains(std::string_view key) override { return inner_.contains(key); }
  bool put(std::string_view key, larder::bytes value, const larder::transfer_control& control) override {
    {
      std::unique_lock lock(mutex_);
      ++begun_;
      changed_.notify_all();
      if (!changed_.wait(lock, control.stop, [this] { return is_open_; })) return false;
    }
    return inner_.put(key, std::move(value), control);
  }
  bool put_if_absent(std::string_view key, larder::bytes value) override { return inner_.put_if_absent(key, std::move(value)); }
  bool erase(std::string_view key) override { return inner_.erase(key); }
  void for_each(const std::function<void(const std::string&, std::uint64_t, larder::duration)>& f,
                const larder::sweep_control& control) override {
    inner_.for_each(f, control);
  }
  larder::error_counts errors() const override { return inner_.errors(); }

  counting_store& inner() noexcept { return inner_; }
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  /// Until so many puts have begun.
  void wait_for_puts(std::size_t n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= n; });
  }
  std::size_t puts_begun() {
    const std::lock_guard lock(mutex_);
    return begun_;
  }

 private:
  counting_store inner_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool is_open_ = false;
  std::size_t begun_ = 0;
};

}  // namespace passes_in_test
