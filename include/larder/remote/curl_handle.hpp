#pragma once

// Owners of libcurl's objects, and the pool that keeps connections alive between requests.

#include <larder/core/error.hpp>

#include <curl/curl.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace larder::remote {

/// Holds libcurl's own process-wide state, which libcurl counts and guards by itself from 7.84 on.
class curl_library {
 public:
  curl_library() {
    const curl_version_info_data* version = curl_version_info(CURLVERSION_NOW);
    if ((version->features & CURL_VERSION_THREADSAFE) == 0)
      core::fail(error_cause::invalid_argument, std::string("libcurl ") + version->version +
                                                    " cannot be initialised from several threads; use 7.84 or newer");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) core::fail(error_cause::io, "libcurl cannot be initialised");
  }
  curl_library(const curl_library&) = delete;
  curl_library& operator=(const curl_library&) = delete;
  ~curl_library() { curl_global_cleanup(); }
};

/// Owns what one of libcurl's functions frees; most of its types are the same `void`.
template <auto Free>
struct curl_freed {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using curl_list = std::unique_ptr<curl_slist, curl_freed<&curl_slist_free_all>>;

/// One request at a time and the connection it leaves behind. The connection belongs to the multi handle, which also
/// lets the caller wait for it with its own deadlines.
struct curl_handle {
  curl_handle() : multi(curl_multi_init()), easy(curl_easy_init()) {
    if (!multi || !easy) core::fail(error_cause::io, "libcurl gives no handle: out of memory");
    curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, 1L);
  }
  std::unique_ptr<CURLM, curl_freed<&curl_multi_cleanup>> multi;
  std::unique_ptr<CURL, curl_freed<&curl_easy_cleanup>> easy;  // after multi: goes first
};

/// Handles that wait for their next request, most recently used first. Safe from many threads. A forked child leaves
/// the parent's connections alone (it forgets them without a word on the wire) and opens its own.
class curl_pool {
 public:
  static constexpr std::size_t max_idle = 16;

  curl_pool() : current_(new generation) {}
  curl_pool(const curl_pool&) = delete;
  curl_pool& operator=(const curl_pool&) = delete;
  ~curl_pool() {
    generation* last = current_.load(std::memory_order_acquire);
    if (last->process == getpid()) delete last;  // else the parent's: closing would speak TLS on its connections
  }

  /// A handle of one's own until it is dropped.
  class lease {
   public:
    lease(curl_pool& pool, std::unique_ptr<curl_handle> handle) noexcept : pool_(&pool), handle_(std::move(handle)) {}
    lease(lease&&) = delete;
    ~lease() { pool_->give_back(std::move(handle_)); }
    CURL* easy() const noexcept { return handle_->easy.get(); }
    CURLM* multi() const noexcept { return handle_->multi.get(); }

   private:
    curl_pool* pool_;
    std::unique_ptr<curl_handle> handle_;
  };

  lease take() {
    generation& mine = own();
    std::unique_lock guard(mine.mutex);
    if (!mine.idle.empty()) {
      std::unique_ptr<curl_handle> handle = std::move(mine.idle.back());
      mine.idle.pop_back();
      guard.unlock();
      return {*this, std::move(handle)};
    }
    guard.unlock();
    return {*this, std::make_unique<curl_handle>()};
  }

 private:
  struct generation {
    generation() { idle.reserve(max_idle); }
    pid_t process = getpid();
    std::mutex mutex;
    std::vector<std::unique_ptr<curl_handle>> idle;
  };

  generation& own() {
    generation* seen = current_.load(std::memory_order_acquire);
    if (seen->process == getpid()) return *seen;
    // Forked since: the parent's generation, whose mutex another thread may have held at the fork, is left behind.
    auto fresh = std::make_unique<generation>();
    if (current_.compare_exchange_strong(seen, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
    return *seen;
  }

  void give_back(std::unique_ptr<curl_handle> handle) noexcept {
    // A fresh one forgets credentials and pointers; the connection stays with the multi handle. curl_easy_reset would not do: libcurl 7.88
    // then takes a folded line at the front of the next answer's head for the rest of a header of the last, which it has freed.
    handle->easy.reset(curl_easy_init());
    if (!handle->easy) return;
    generation& mine = *current_.load(std::memory_order_acquire);
    const std::lock_guard guard(mine.mutex);
    if (mine.idle.size() < max_idle) mine.idle.push_back(std::move(handle));
  }

  std::atomic<generation*> current_;
};

}  // namespace larder::remote
