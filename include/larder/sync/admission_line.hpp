#pragma once

// A line before a room of limited size: who comes is let in while there is room, else waits its turn, strictly in the order of coming, so that
// nothing large waits for ever behind a stream of what is small. Each waiter is woken by itself, when its turn has come: entering and leaving
// cost as much however long the line is.

#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <utility>

namespace larder::sync {

/// A sum that keeps below its capacity; an amount that is larger than all of it goes alone.
struct bounded_sum {
  std::uint64_t capacity = 0;
  std::uint64_t used = 0;

  bool fits(std::uint64_t n) const noexcept { return used == 0 || (n <= capacity && used <= capacity - n); }
  void take(std::uint64_t n) noexcept { used += n; }
  void give_back(std::uint64_t n) noexcept { used -= n; }
};

/// What decides who fits beside whom. The line calls it under its lock.
template <class Room>
concept admission_room = std::copy_constructible<Room> && requires(Room room, const Room& now, std::uint64_t n) {
  { now.fits(n) } -> std::same_as<bool>;
  { room.take(n) }
  noexcept;
  { room.give_back(n) }
  noexcept;
};

/// The line before a `Room`. Safe from many threads.
template <class Room = bounded_sum>
class admission_line {
  static_assert(admission_room<Room>,
                "larder: the room of an admission_line needs fits(amount) -> bool, take(amount) and give_back(amount) that are "
                "noexcept, and copies");

 public:
  explicit admission_line(const Room& room) : room_(room) {}
  admission_line(const admission_line&) = delete;
  admission_line& operator=(const admission_line&) = delete;

  /// Whether there came to be room: then it is taken until `leave` with the same amount. `wait(changed, lock, admitted)` waits on the condition
  /// variable until `admitted()`, or for as long as the caller likes; it is not called where there is room at once.
  template <class Wait>
  bool enter(std::uint64_t n, Wait&& wait) {
    std::unique_lock lock(mutex_);
    if (line_.empty() && room_.fits(n)) {
      room_.take(n);
      return true;
    }
    place mine(*this, n);
    std::forward<Wait>(wait)(mine.me.changed, lock, [&mine] { return mine.me.admitted; });
    return mine.me.admitted;
  }
  /// Takes room at once, also where there is none.
  void enter_at_once(std::uint64_t n) {
    const std::lock_guard lock(mutex_);
    room_.take(n);
  }
  void leave(std::uint64_t n) noexcept {
    const std::lock_guard lock(mutex_);
    room_.give_back(n);
    admit();
  }

  /// The room as it is now.
  Room room() const {
    const std::lock_guard lock(mutex_);
    return room_;
  }
  /// How many are waiting.
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return line_.size();
  }

 private:
  struct waiter {
    std::uint64_t amount;
    std::condition_variable_any changed{};
    bool admitted = false;
  };
  /// A waiter's place in the line, left at the latest when this is destroyed; under the lock.
  struct place {
    place(admission_line& line, std::uint64_t n) : of(line), me{n}, at(line.line_.insert(line.line_.end(), &me)) {}
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place() {
      if (me.admitted) return;
      of.line_.erase(at);
      of.admit();  // those behind may fit where this one did not
    }
    admission_line& of;
    waiter me;
    typename std::list<waiter*>::iterator at;
  };

  void admit() noexcept {
    while (!line_.empty() && room_.fits(line_.front()->amount)) {
      waiter& first = *line_.front();
      line_.pop_front();
      room_.take(first.amount);
      first.admitted = true;
      first.changed.notify_one();
    }
  }

  mutable std::mutex mutex_;
  Room room_;
  std::list<waiter*> line_;
};

}  // namespace larder::sync
