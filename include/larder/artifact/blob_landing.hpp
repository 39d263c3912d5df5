#pragma once

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/ordered_digest.hpp>
#include <larder/artifact/partial_file.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/url.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace larder::artifacts {

/// What is fetched, and what is known of it before.
struct wanted_file {
  std::string url;
  std::optional<content_digest> digest{};
  std::optional<std::uint64_t> size{};
};

/// Where the bytes of one fetch land, for all of its receivers: the partial file, the digest that goes behind them, and what the progress is told.
/// Chunks may come from several threads; the rest is for the one that fetches. Everything that it is made of is borrowed.
class blob_landing {
 public:
  blob_landing(partial_file& to, const wanted_file& wanted, const transfer_control& control)
      : to_(to), wanted_(wanted), control_(control) {}

  partial_file& file() noexcept { return to_; }
  const wanted_file& wanted() const noexcept { return wanted_; }
  const std::stop_token& stop() const noexcept { return control_.stop; }
  /// The file as messages call it.
  std::string subject() const { return "\"" + remote::printable_url(wanted_.url) + "\""; }

  /// The bytes that an earlier try left, and that can be used.
  std::uint64_t resume() {
    std::uint64_t resumed = to_.resume(control_);
    // Without a digest nobody would notice that what came before is of another version, unless the provider says so.
    if (resumed != 0 && ((!wanted_.digest && to_.version() == digest{}) || (wanted_.size && *wanted_.size != to_.size()))) {
      to_.restart();
      resumed = 0;
    }
    landed_ = resumed;
    return resumed;
  }
  /// Nothing of it is there any more.
  void restart() {
    to_.restart();
    landed_ = 0;
  }

  /// The chunks that are missing; what is there of them already does not count.
  std::vector<std::size_t> missing() {
    std::vector<std::size_t> missing;
    landed_ = 0;
    for (std::size_t i = 0; i < to_.count(); ++i) {
      if (to_.has(i))
        landed_ += to_.size_of(i);
      else
        missing.push_back(i);
    }
    return missing;
  }

  /// The digest so far counts no more; `begin` makes a new one, once the file's size is known.
  void forget_digest() noexcept { digest_.reset(); }
  void begin() {
    digest_.emplace(to_, wanted_.digest ? wanted_.digest->algorithm() : digest_algorithm::xxh3_128);
    tell(0);
  }
  void land(std::size_t chunk, const digest& content) {
    to_.landed(chunk, content);
    digest_->landed(chunk);
  }
  /// Of the whole, once all has landed.
  content_digest finish() { return digest_->finish(); }

  /// So many more bytes are there, or (negative) are not after all.
  void tell(std::int64_t more) {
    const std::lock_guard lock(telling_);
    landed_ = static_cast<std::uint64_t>(static_cast<std::int64_t>(landed_) + more);
    if (control_.progress && to_.started()) control_.progress(std::min(landed_, to_.size()), to_.size());
  }
  /// The provider gave so many bytes, wanted or not.
  void count(std::uint64_t came) noexcept { fetched_ += came; }
  std::uint64_t fetched() const noexcept { return fetched_; }

 private:
  partial_file& to_;
  const wanted_file& wanted_;
  const transfer_control& control_;
  std::optional<ordered_digest> digest_;
  std::atomic<std::uint64_t> fetched_{0};
  std::mutex telling_;
  std::uint64_t landed_ = 0;  // bytes that are there
};

}  // namespace larder::artifacts
