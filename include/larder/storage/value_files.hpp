#pragma once

// Values that are large enough for a file of their own: nothing but the value is in it, so that other programs can use it, and it is
// never changed once it is there. A file has a name that is never used again; who refers to it is the store's to know.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/file_mapping.hpp>
#include <larder/storage/pinned_views.hpp>
#include <larder/storage/posix_file.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace larder::storage {

/// A value's file in memory.
class mapped_value {
 public:
  mapped_value(file_mapping mapped, std::shared_ptr<pinned_ledger> ledger) noexcept
      : mapping_(std::move(mapped)), views_(std::move(ledger)) {}
  std::span<const std::byte> content() const noexcept { return mapping_.span(); }
  pinned_views<mapped_value>& views() noexcept { return views_; }

 private:
  file_mapping mapping_;
  pinned_views<mapped_value> views_;
};

class value_files {
 public:
  static constexpr std::string_view suffix = ".value";

  value_files(std::string folder, std::shared_ptr<pinned_ledger> ledger, std::size_t most_mappings)
      : folder_(std::move(folder)), ledger_(std::move(ledger)), most_(most_mappings), names_(random_bits()) {}

  std::string path_of(std::uint64_t number) const { return folder_ + "/" + name_of(number); }
  static std::string name_of(std::uint64_t number) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string name;
    for (int shift = 60; shift >= 0; shift -= 4) name += digits[number >> shift & 15];
    return name.append(suffix);
  }
  /// The number in a file's name, or nothing when it is no value's.
  static std::optional<std::uint64_t> number_of(std::string_view name) noexcept {
    if (name.size() != 16 + suffix.size() || !name.ends_with(suffix) || name.find_first_of("ABCDEF") < 16) return std::nullopt;
    std::uint64_t number = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + 16, number, 16);
    if (failure != std::errc{} || end != name.data() + 16) return std::nullopt;
    return number;
  }

  /// Writes a value into a new file and says its number. Throws `file_error`; no file is left then.
  std::uint64_t write(std::span<const std::byte> value) {
    for (;;) {
      const std::uint64_t number = next_number();
      const std::string path = path_of(number);
      file_descriptor file = open_file(path, O_CREAT | O_EXCL | O_WRONLY);
      if (!file && errno == EEXIST) continue;
      if (!file) fail_file("create", path, errno);
      try {
        if (!value.empty() && ::fallocate(file.get(), 0, 0, static_cast<off_t>(value.size())) != 0 && (errno == ENOSPC || errno == EDQUOT))
          fail_file("make room for", path, errno);  // full disks are noticed before the long write
        write_at(file, value, {}, 0, path);
        if (const int answer = file.close(); answer != 0) fail_file("write", path, answer);
      } catch (...) {
        ::unlink(path.c_str());
        throw;
      }
      return number;
    }
  }

  /// The file of this number where it is in memory already; else nothing.
  std::shared_ptr<mapped_value> find(std::uint64_t number) const {
    const std::lock_guard guard(mutex_);
    const auto found = mapped_.find(number);
    return found == mapped_.end() ? nullptr : found->second.lock();
  }
  /// The file of this number in memory, mapped anew where nobody has it; nothing when it is not there or of another size. Throws `file_error`.
  std::shared_ptr<mapped_value> map(std::uint64_t number, std::uint64_t size) {
    if (std::shared_ptr<mapped_value> known = find(number)) return known;
    const std::string path = path_of(number);
    const file_descriptor file = open_file(path, O_RDONLY | O_NONBLOCK);
    if (!file) {
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return nullptr;
      fail_file("open", path, errno);
    }
    const file_identity identity = identify(file, path);
    if (!identity.regular || identity.size != size) return nullptr;
    file_mapping mapping(file, size);
    if (!mapping) fail_file("map", path, errno);
    auto fresh = std::make_shared<mapped_value>(std::move(mapping), ledger_);
    const std::lock_guard guard(mutex_);
    std::weak_ptr<mapped_value>& known = mapped_[number];
    if (std::shared_ptr<mapped_value> faster = known.lock()) return faster;
    known = fresh;
    kept_.push_back({number, fresh});
    while (kept_.size() > most_) kept_.pop_front();  // callers keep what they hold
    return fresh;
  }

  /// The value's last entry has left: what is held of it counts as pinned.
  void leave(std::uint64_t number) {
    std::shared_ptr<mapped_value> last;  // goes when the lock has gone
    const std::lock_guard guard(mutex_);
    const auto found = mapped_.find(number);
    if (found == mapped_.end()) return;
    last = found->second.lock();
    mapped_.erase(found);
    std::erase_if(kept_, [&](const auto& each) { return each.first == number; });
    if (last) last->views().leave_all();
  }
  std::size_t mappings() const {
    const std::lock_guard guard(mutex_);
    return kept_.size();
  }

 private:
  std::uint64_t next_number() noexcept {
    const std::lock_guard guard(mutex_);
    std::uint64_t mixed = (names_ += 0x9e37'79b9'7f4a'7c15ULL) ^ static_cast<std::uint64_t>(::getpid()) << 32;  // a child counts on from where its parent is
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58'476d'1ce4'e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d0'49bb'1331'11ebULL;
    return mixed ^ (mixed >> 31);
  }

  std::string folder_;
  std::shared_ptr<pinned_ledger> ledger_;
  std::size_t most_;
  std::uint64_t names_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::weak_ptr<mapped_value>> mapped_;  // also what callers alone hold
  std::deque<std::pair<std::uint64_t, std::shared_ptr<mapped_value>>> kept_;
};

}  // namespace larder::storage
