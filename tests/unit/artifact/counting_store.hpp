#pragma once

// A shared store in memory that counts what it is asked, fails when it is told to, and can be looked into and damaged.

#include <larder/artifact/shared_store.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passes_in_test {

class counting_store final : public larder::shared_store {
 public:
  std::optional<larder::bytes> get(std::string_view key, const larder::transfer_control&) override {
    if (const auto watching = before) watching("get", key);
    const std::lock_guard lock(mutex_);
    asked_.emplace_back(key);
    if (fails()) return std::nullopt;
    const auto found = values_.find(std::string(key));
    if (found == values_.end()) return std::nullopt;
    return larder::bytes::copy_of(found->second);
  }
  std::optional<std::size_t> get_into(std::string_view key, std::span<std::byte> room,
                                      const larder::transfer_control& control) override {
    const std::optional<larder::bytes> value = get(key, control);
    if (!value) return std::nullopt;
    if (value->size() > room.size()) larder::core::fail(larder::error_cause::invalid_argument, "it does not fit");
    if (!value->empty()) std::memcpy(room.data(), value->data(), value->size());
    if (control.progress) control.progress(value->size(), value->size());
    return value->size();
  }
  bool contains(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    ++heads_;
    return !fails() && values_.contains(std::string(key));
  }
  bool put(std::string_view key, larder::bytes value, const larder::transfer_control&) override {
    return write(key, value, true);
  }
  bool put_if_absent(std::string_view key, larder::bytes value) override {
    if (const auto watching = before) watching("put_if_absent", key);
    return write(key, value, false);
  }
  bool erase(std::string_view key) override {
    if (const auto watching = before) watching("erase", key);
    const std::lock_guard lock(mutex_);
    ++erased_;
    return !fails() && values_.erase(std::string(key)) != 0;
  }
  void for_each(const std::function<void(const std::string&, std::uint64_t, larder::duration)>& f,
                const larder::sweep_control&) override {
    std::map<std::string, std::string> copy;
    {
      const std::lock_guard lock(mutex_);
      copy = values_;
    }
    ++listings_;
    for (const auto& [key, value] : copy) f(key, value.size(), age_of_all);
  }
  larder::error_counts errors() const override {
    const std::lock_guard lock(mutex_);
    return errors_;
  }

  // what tests do to it
  void take_down(bool down) {
    const std::lock_guard lock(mutex_);
    down_ = down;
  }
  /// The n-th write from now on fails, from 0, and all that follow; nothing: none does.
  void fail_writes_from(std::optional<std::size_t> n) {
    const std::lock_guard lock(mutex_);
    writes_left_ = n;
  }
  /// The n-th write from now on fails, from 0, and no other one.
  void fail_write(std::size_t n) {
    const std::lock_guard lock(mutex_);
    failing_write_ = n;
  }
  void set(const std::string& key, const std::string& value) {
    const std::lock_guard lock(mutex_);
    values_[key] = value;
  }
  std::map<std::string, std::string> values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }
  std::vector<std::string> keys_with(const std::string& part) const {
    std::vector<std::string> found;
    for (const auto& [key, value] : values())
      if (key.find(part) != std::string::npos) found.push_back(key);
    return found;
  }
  /// Keys of all gets, in their order.
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::size_t asked_for(const std::string& part) const {
    const std::vector<std::string> all = asked();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const std::string& key) { return key.find(part) != std::string::npos; }));
  }
  std::size_t writes() const {
    const std::lock_guard lock(mutex_);
    return writes_;
  }
  std::size_t erased() const {
    const std::lock_guard lock(mutex_);
    return erased_;
  }
  std::size_t requests() const {
    const std::lock_guard lock(mutex_);
    return asked_.size() + heads_ + writes_ + erased_;
  }
  void forget_counts() {
    const std::lock_guard lock(mutex_);
    asked_.clear();
    heads_ = writes_ = erased_ = 0;
  }

  std::size_t listings() const { return listings_; }

  larder::duration age_of_all{0};
  std::function<void(std::string_view what, std::string_view key)> before{};  ///< a get, a put_if_absent or an erase

 private:
  bool fails() {
    if (down_) ++errors_[larder::error_cause::network];
    return down_;
  }
  bool write(std::string_view key, const larder::bytes& value, bool replace) {
    const std::lock_guard lock(mutex_);
    ++writes_;
    if (fails()) return false;
    const bool is_over = writes_left_ && *writes_left_ == 0;
    const bool is_the_one = failing_write_ && *failing_write_ == 0;
    if (writes_left_ && *writes_left_ != 0) --*writes_left_;
    if (failing_write_) failing_write_ = is_the_one ? std::nullopt : std::optional<std::size_t>(*failing_write_ - 1);
    if (is_over || is_the_one) {
      ++errors_[larder::error_cause::server];
      return false;
    }
    if (!replace && values_.contains(std::string(key))) return false;
    values_[std::string(key)] = std::string(value.text());
    return true;
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::string> values_;
  std::vector<std::string> asked_;
  std::size_t heads_ = 0, writes_ = 0, erased_ = 0, listings_ = 0;
  std::optional<std::size_t> writes_left_, failing_write_;
  bool down_ = false;
  larder::error_counts errors_;
};

}  // namespace passes_in_test
