#pragma once

// Who puts samples into a directory just now, among all processes that have it open: those who put are there together, who counts what is there is
// alone. And a page that all of them map, in which they say how many bytes they put and when they erased something.
//
//   .filling, 4096 bytes   come 8, erased 8, wanted 4, turn 4, zeros
//
// Any bytes are a valid page: all that counts is what is added while somebody looks. To be inside is an open file description lock, which the kernel takes
// from a process that dies, however that comes; what such a one had announced was counted although it may not have come, never the other way round.
// The page can be removed at any time; another one is then made, and all count anew. Without such locks, or without room for the page, a process
// keeps its limits for itself.

#include <larder/storage/posix_file.hpp>
#include <larder/sync/futex.hpp>
#include <larder/sync/process_mutex.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::datasets {

/// From any number of threads at once; in a child of `fork` one of its own.
class fill_gate {
 public:
  static constexpr std::chrono::milliseconds usual_patience{5000};

  /// What the page says: which page it is, the bytes that were announced there, and how often something was erased.
  struct tally {
    std::uint64_t page = 0;
    std::uint64_t come = 0;
    std::uint64_t erased = 0;
  };
  class pass;

  /// Of this process alone.
  fill_gate() = default;
  /// Of all processes that name the file. Its folder has to be there. `patience`: so long somebody waits for others who neither come out nor say that
  /// they are at work; after that, nobody waits for a while.
  explicit fill_gate(std::string path, std::chrono::milliseconds patience = usual_patience)
      : path_(std::move(path)), patience_(patience) {}
  fill_gate(const fill_gate&) = delete;
  fill_gate& operator=(const fill_gate&) = delete;
  ~fill_gate() { unmap(); }

  /// Inside with others who put. Empty when somebody keeps everybody out for too long. Not for who is inside already.
  pass among();
  /// Inside alone; others wait. Empty when they do not come out in time.
  pass alone();

  tally look() {
    const guard held = enter();
    return seen();
  }
  /// Announces bytes; false when the page is not what it was, so that who announces looks again.
  bool announce(const tally& before, std::uint64_t size) {
    const guard held = enter();
    std::uint64_t come = before.come;
    return page_number_ == before.page && number(page_->come).compare_exchange_strong(come, before.come + size);
  }
  /// Says that something was erased; the page then.
  tally note_erasure() {
    const guard held = enter();
    number(page_->erased).fetch_add(1);
    return seen();
  }
  /// Whether it is of several processes at this moment.
  bool is_shared() {
    const guard held = enter();
    return static_cast<bool>(file_);
  }

 private:
  using guard = sync::process_mutex::guard;
  using clock = std::chrono::steady_clock;
  static constexpr std::size_t page_size = 4096;
  static constexpr std::chrono::milliseconds nap{1};        // between two looks, when nobody wakes the one who waits
  static constexpr std::chrono::milliseconds courtesy{50};  // who wants to be alone and is not heard of for so long was killed

  struct page {
    std::uint64_t come = 0;
    std::uint64_t erased = 0;
    std::uint32_t wanted = 0;  // somebody waits to be alone
    std::uint32_t turn = 0;    // grows when it is worth while to look again
  };
  template <class N>
  static std::atomic_ref<N> number(N& of) noexcept {
    return std::atomic_ref<N>(of);
  }

  tally seen() const noexcept {
    return {page_number_, number(page_->come).load(std::memory_order_acquire),
            number(page_->erased).load(std::memory_order_acquire)};
  }

  /// The lock, with what a child of `fork` inherited left to its parent, and with a page that others still have.
  guard enter() {
    guard held = threads_.lock();
    if (const unsigned generation = threads_.generation(); generation != generation_) [[unlikely]] {
      generation_ = generation;
      inside_ = wanting_ = 0;
      alone_ = false;
      own_page_.wanted = 0;
      give_up_page();
      open_again_ = {};
    }
    if (!path_.empty() && inside_ == 0 && !alone_ && !is_intact()) open_page();
    return held;
  }
  bool is_intact() const noexcept {
    struct stat answer {};
    return file_ && ::fstat(file_.get(), &answer) == 0 && answer.st_nlink != 0 &&
           answer.st_size >= static_cast<::off_t>(page_size);
  }
  void open_page() noexcept {
    if (file_) {
      struct stat answer {};
      if (::fstat(file_.get(), &answer) == 0 && answer.st_nlink != 0) ::unlink(path_.c_str());  // cut: others are to see that, too
      give_up_page();
    }
    if (clock::now() < open_again_) return;
    open_again_ = clock::now() + std::chrono::milliseconds{500};
    try {
      storage::file_descriptor file = storage::open_file(path_, O_RDWR | O_CREAT | O_NONBLOCK);
      if (!file || !storage::identify(file, path_).regular) return;
      // The page is there before it is written through the mapping: a full device is no page now and no signal later.
      if (storage::uninterrupted([&] { return ::fallocate(file.get(), 0, 0, page_size); }) != 0) return;
      void* const address = ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
      if (address == MAP_FAILED) return;
      file_ = std::move(file);
      page_ = static_cast<page*>(address);
      ++page_number_;
      open_again_ = {};
    } catch (const std::exception&) {  // a process that cannot look keeps its limits for itself
    }
  }
  void give_up_page() noexcept {
    if (!file_) return;
    unmap();
    file_.reset();
    page_ = &own_page_;
    ++page_number_;
  }
  void unmap() noexcept {
    if (page_ != &own_page_) ::munmap(static_cast<void*>(page_), page_size);
  }
  /// False when others' locks stand in the way.
  bool lock(short type) noexcept {
    if (!file_) return true;
    struct flock whole {};
    whole.l_type = type;
    whole.l_whence = SEEK_SET;
    if (storage::uninterrupted([&] { return ::fcntl(file_.get(), F_OFD_SETLK, &whole); }) == 0) return true;
    if (errno == EAGAIN || errno == EACCES) return false;
    give_up_page();  // there are no such locks here
    open_again_ = clock::time_point::max();
    return true;
  }
  void wake() noexcept {
    number(page_->turn).fetch_add(1);
    sync::futex_wake(&page_->turn);
  }
  /// How long to wait: hardly, when somebody was waited for in vain a moment ago.
  std::chrono::milliseconds limit(clock::time_point begun) const noexcept { return begun < hurried_until_ ? 2 * nap : patience_; }

  bool try_among(clock::duration waited) noexcept {
    if (alone_ || wanting_ != 0) return false;
    if (number(page_->wanted).load() != 0) {
      if (waited < courtesy) return false;
      number(page_->wanted).store(0);
    }
    if (inside_ == 0 && !lock(F_RDLCK)) return false;
    ++inside_;
    return true;
  }
  bool try_alone() noexcept {
    if (alone_ || inside_ != 0) return false;
    if (!lock(F_WRLCK)) {
      number(page_->wanted).store(1);
      return false;
    }
    number(page_->wanted).store(0);
    alone_ = true;
    return true;
  }
  void leave(bool alone) noexcept {
    if (alone)
      alone_ = false;
    else
      --inside_;
    if (inside_ != 0) return;
    lock(F_UNLCK);
    if (alone || wanting_ != 0 || number(page_->wanted).load() != 0) wake();
  }

  const std::string path_;
  const std::chrono::milliseconds patience_ = usual_patience;
  sync::process_mutex threads_;
  unsigned generation_ = 0;  // of the process that opened the page
  storage::file_descriptor file_;
  page own_page_;
  page* page_ = &own_page_;
  std::uint64_t page_number_ = 1;
  clock::time_point open_again_{};
  clock::time_point hurried_until_{};
  unsigned inside_ = 0;   // threads of this process
  unsigned wanting_ = 0;  // to be alone
  bool alone_ = false;
};

/// To be inside, until it is destroyed.
class fill_gate::pass {
 public:
  pass() noexcept = default;
  pass(pass&& other) noexcept : of_(std::exchange(other.of_, nullptr)), process_(other.process_), alone_(other.alone_) {}
  pass& operator=(pass&& other) noexcept {
    std::swap(of_, other.of_);
    std::swap(process_, other.process_);
    std::swap(alone_, other.alone_);
    return *this;
  }
  ~pass() { leave(); }
  explicit operator bool() const noexcept { return of_ != nullptr; }

  void leave() noexcept {
    fill_gate* const of = std::exchange(of_, nullptr);
    if (of == nullptr || !process_.is_current()) return;
    const guard held = of->enter();
    of->leave(alone_);
  }
  /// Others may come in, too.
  void join() noexcept {
    if (of_ == nullptr || !process_.is_current() || !std::exchange(alone_, false)) return;
    const guard held = of_->enter();
    of_->alone_ = false;
    of_->inside_ = 1;
    of_->lock(F_RDLCK);  // in place of the other one, which nobody can have in the way
    of_->wake();
  }
  /// Tells who waits that what takes long goes on.
  void beat() noexcept {
    if (of_ == nullptr || !process_.is_current()) return;
    const guard held = of_->enter();
    number(of_->page_->turn).fetch_add(1);
  }

 private:
  friend class fill_gate;
  pass(fill_gate& of, bool alone) noexcept : of_(&of), process_(of.threads_.current()), alone_(alone) {}

  fill_gate* of_ = nullptr;
  sync::process_mutex::stamp process_;
  bool alone_ = false;
};

inline fill_gate::pass fill_gate::among() {
  const clock::time_point begun = clock::now();
  clock::time_point last_sign = begun;
  std::uint32_t last_turn = 0;
  for (bool first = true;; first = false) {
    std::uint32_t* word = nullptr;
    std::uint32_t turn = 0;
    {
      const guard held = enter();
      const clock::time_point now = first ? begun : clock::now();
      if (try_among(now - begun)) return pass(*this, false);
      word = &page_->turn;
      turn = number(*word).load();
      if (!first && turn != last_turn) last_sign = now;
      last_turn = turn;
      if (now - last_sign > limit(begun)) {
        hurried_until_ = now + patience_;
        return {};
      }
    }
    sync::futex_wait(word, turn, nap);
  }
}

inline fill_gate::pass fill_gate::alone() {
  const clock::time_point begun = clock::now();
  for (bool first = true;; first = false) {
    std::uint32_t* word = nullptr;
    std::uint32_t turn = 0;
    {
      const guard held = enter();
      if (first) ++wanting_;
      const bool is_in = try_alone();
      const clock::time_point now = clock::now();
      const bool gives_up = !is_in && now - begun > limit(begun);
      if (is_in || gives_up) --wanting_;
      if (is_in) return pass(*this, true);
      if (gives_up) {
        hurried_until_ = now + patience_;
        number(page_->wanted).store(0);
        wake();
        return {};
      }
      word = &page_->turn;
      turn = number(*word).load();
    }
    sync::futex_wait(word, turn, nap);
  }
}

}  // namespace larder::datasets
