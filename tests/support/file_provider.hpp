#pragma once

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/package_file.hpp>
#include <larder/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "support/file_content.hpp"

namespace support {

/// A provider of files out of memory, which counts what it is asked for.
class file_provider {
 public:
  enum class manner {
    ranges,           ///< gives the range, and says how large the file is
    ranges_only,      ///< gives the range, and says nothing else
    everything,       ///< gives all of the file, whatever was asked for
    everything_said,  ///< the same, and says where it begins
  };

  explicit file_provider(manner how = manner::ranges) : how_(how) {}

  void put(const std::string& url, std::string content) {
    const std::lock_guard lock(mutex_);
    files_[url] = std::move(content);
  }
  /// A file as it would be asked for, with its SHA-256.
  larder::package_file file(const std::string& name, std::string content,
                            larder::digest_algorithm algorithm = larder::digest_algorithm::sha256) {
    const larder::content_digest digest = larder::digest_of(std::string_view(content), algorithm);
    put("mem://" + name, std::move(content));
    return {name, "mem://" + name, digest};
  }
  larder::package_file file_without_digest(const std::string& name, std::string content) {
    put("mem://" + name, std::move(content));
    return {name, "mem://" + name};
  }

  larder::fetch_function fetch() {
    return [this](std::string_view url, const larder::byte_range& range, larder::fetch_sink& sink) {
      give(std::string(url), range, sink);
    };
  }
  /// After so many bytes in all it breaks off, once.
  void break_after(std::uint64_t bytes) { breaks_after_ = bytes; }

  std::uint64_t calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::uint64_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }
  std::uint64_t calls(const std::string& url) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_url_.find(url);
    return found == by_url_.end() ? 0 : found->second;
  }

 private:
  void give(const std::string& url, const larder::byte_range& range, larder::fetch_sink& sink) {
    std::string content;
    {
      const std::lock_guard lock(mutex_);
      ++calls_;
      ++by_url_[url];
      const auto found = files_.find(url);
      if (found == files_.end()) larder::core::fail(larder::error_cause::server, "there is no " + url);
      content = found->second;
    }
    const bool all = how_ == manner::everything || how_ == manner::everything_said;
    const std::size_t begin = all ? 0 : std::min<std::size_t>(static_cast<std::size_t>(range.offset), content.size());
    const std::size_t count =
        all ? content.size() : static_cast<std::size_t>(std::min<std::uint64_t>(range.size, content.size() - begin));
    if (how_ == manner::ranges) sink.total(content.size());
    if (how_ == manner::everything_said) sink.begins_at(0);
    constexpr std::size_t step = 100'000;
    for (std::size_t at = begin; at < begin + count; at += step) {
      const std::string_view piece = std::string_view(content).substr(at, std::min(step, begin + count - at));
      {
        const std::lock_guard lock(mutex_);
        if (breaks_after_ != 0 && bytes_ + piece.size() > breaks_after_) {
          breaks_after_ = 0;
          larder::core::fail(larder::error_cause::network, "the line broke");
        }
        bytes_ += piece.size();
      }
      sink(piece);
    }
  }

  manner how_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> files_;
  std::map<std::string, std::uint64_t> by_url_;
  std::uint64_t calls_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t breaks_after_ = 0;
};

/// How many files (not folders) lie below a folder, links not followed.
inline std::size_t files_below(const std::filesystem::path& folder) {
  std::size_t count = 0;
  std::error_code failed;
  for (std::filesystem::recursive_directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed))
    if (!std::filesystem::is_directory(at->symlink_status())) ++count;
  return count;
}

}  // namespace support
