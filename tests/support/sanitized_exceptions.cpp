// Tells the thread sanitizer what it cannot see: the standard library, into which it does not look, counts who shares an exception and ends
// it behind the last of them. Without this, an exception that one thread has read and another one frees is now and then a race to it.
#include "support/sanitizers.hpp"

#if defined(__SANITIZE_THREAD__)

#include <exception>

#include <dlfcn.h>
#include <pthread.h>
#include <sanitizer/tsan_interface.h>
#include <sched.h>

namespace {

/// One thread at a time says that it is done with an exception and is, so that the last one has heard of all others. The sanitizer
/// is not to see it: it would take it for an order between all threads that end exceptions. What an exception ends may end others.
class turn {
 public:
  [[gnu::no_sanitize_thread]] turn() noexcept {
    if (depth_++ != 0) return;
    while (__atomic_exchange_n(&taken_, true, __ATOMIC_ACQUIRE)) ::sched_yield();
  }
  [[gnu::no_sanitize_thread]] ~turn() {
    if (--depth_ == 0) __atomic_store_n(&taken_, false, __ATOMIC_RELEASE);
  }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

 private:
  static inline bool taken_ = false;
  static inline thread_local int depth_ = 0;
  /// Who has it while a process forks is not there in the child.
  static inline const int forks_ = ::pthread_atfork(nullptr, nullptr, [] { taken_ = false; });
};

template <class Function>
Function of_library(const char* name) noexcept {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

void std::__exception_ptr::exception_ptr::_M_release() noexcept {
  static const auto release = of_library<void (*)(exception_ptr*)>("_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv");
  const turn mine;
  __tsan_release(_M_exception_object);
  __tsan_acquire(_M_exception_object);
  release(this);
}

extern "C" void __cxa_end_catch() {
  static const auto end_catch = of_library<void (*)()>("__cxa_end_catch");
  const turn mine;
  (void)std::current_exception();  // one more who has shared it and is done, which says it
  end_catch();
}

#endif
