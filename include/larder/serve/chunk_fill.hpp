#pragma once

#include <larder/serve/chunk.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace larder::serve {

/// Who waits for bytes: told from any thread, it may not wait or throw.
class fill_listener {
 public:
  virtual void more_has_come(std::uint64_t token) noexcept = 0;

 protected:
  ~fill_listener() = default;
};

enum class fill_state : std::uint8_t {
  opening,  ///< nothing is known yet
  flowing,  ///< the chunk is known, and its first bytes are there
  whole,    ///< all of it is there and is what its name says
  failed,
};

enum class fill_failure : std::uint8_t {
  none,
  absent,
  unreadable,
  damaged,  ///< not what its name says
  no_room,  ///< there, but not in a file that could be sent without memory
};

/// One load of a chunk, shared by all who ask for it: they read what is there while the rest comes. The last byte of an answer is for after the
/// end (`whole`), when the content has been found right. Every member may be called from any thread.
class chunk_fill {
 public:
  struct progress {
    fill_state state = fill_state::opening;
    fill_failure failure = fill_failure::none;
    std::uint64_t landed = 0;                ///< bytes from its start
    std::shared_ptr<const chunk> content{};  ///< from `flowing` on
  };
  progress look() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  /// Tells the listener once, with its token, when this is no longer what `seen` says; false when it is not even now.
  bool tell_when_changed(const progress& seen, fill_listener& listener, std::uint64_t token) {
    const std::lock_guard lock(mutex_);
    if (now_.state != seen.state || now_.landed != seen.landed) return false;
    waiting_.push_back({&listener, token});
    return true;
  }

  // For who fills.
  void begin(std::shared_ptr<const chunk> content) {
    change([&] {
      now_.content = std::move(content);
      now_.state = fill_state::flowing;
    });
  }
  void land(std::uint64_t so_far) {
    change([&] { now_.landed = so_far; });
  }
  void finish() {
    change([&] {
      now_.landed = now_.content->size;
      now_.state = fill_state::whole;
    });
  }
  void fail(fill_failure why) {
    change([&] {
      now_.failure = why;
      now_.state = fill_state::failed;
    });
  }

 private:
  struct waiter {
    fill_listener* listener;
    std::uint64_t token;
  };
  template <class Change>
  void change(Change&& make) {
    std::vector<waiter> told;
    {
      const std::lock_guard lock(mutex_);
      make();
      told.swap(waiting_);
    }
    for (const waiter& w : told) w.listener->more_has_come(w.token);
  }

  mutable std::mutex mutex_;
  progress now_;
  std::vector<waiter> waiting_;
};

}  // namespace larder::serve
