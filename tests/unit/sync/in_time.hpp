#pragma once

#include <chrono>
#include <future>
#include <thread>
#include <utility>

namespace larder_tests {

/// Whether f() ends, on a thread of its own, within a time that is far too long for it. When it hangs, the thread is left
/// behind: so f shares what it uses.
template <class F>
bool ends_in_time(F f) {
  std::promise<void> ended;
  auto end = ended.get_future();
  std::thread running([f = std::move(f), ended = std::move(ended)]() mutable {
    f();
    ended.set_value();
  });
  const bool in_time = end.wait_for(std::chrono::seconds(30)) == std::future_status::ready;
  in_time ? running.join() : running.detach();
  return in_time;
}

}  // namespace larder_tests
