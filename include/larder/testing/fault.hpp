#pragma once

// What goes wrong between a client and a server, by script: the vocabulary of `blob_server`, which makes the faults
// itself, and of `fault_proxy`, which makes them on the way to a server that knows nothing of them.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace larder::testing {

/// What goes wrong with a request. What is carried out has happened at the server, whatever the client sees.
enum class fault_kind {
  status,        ///< answered with `status`, and `retry_after` where given; not carried out
  redirect,      ///< answered with `status` (302 where it is not a 3xx) and `location`; not carried out
  close,         ///< read, not carried out; the connection is closed without an answer
  black_hole,    ///< not carried out; no answer ever comes, until `release()`
  lose_answer,   ///< carried out; the connection is closed without an answer
  stall,         ///< carried out; the answer stops after `after` bytes of its body (before its first byte when `after` is 0)
                 ///< until `release()`
  reset,         ///< carried out; the connection is reset (RST) after `after` bytes of the body (before the answer's first byte when 0)
  truncate,      ///< the full length is announced, `after` bytes of the body come, then the connection is closed
  flip_byte,     ///< the byte at `after` of the body has its lowest bit turned
  delay,         ///< carried out; the answer begins `pause` later
  slow,          ///< the answer's body comes with `bytes_per_second`
  ignore_range,  ///< a request for a part is answered 200 with the whole
  header_lines,  ///< carried out; `reply` (whole lines, as they are) ends the answer's head: duplicates, contradictions, garbage
  verbatim,      ///< not carried out; `reply` is sent as it is, head and all; then the connection is closed unless `keep_connection`
};

/// A fault for the next `times` requests with that method (any, when empty), of those for a range that begins at `range_from` (any, when
/// not given).
struct fault {
  /// For `times`: until `clear()`.
  static constexpr std::size_t always = std::numeric_limits<std::size_t>::max();

  fault_kind kind = fault_kind::status;
  std::size_t times = 1;
  std::string method{};
  int status = 503;
  std::size_t after = 0;
  std::string reply{};
  std::string retry_after{};  ///< seconds or a date
  std::string location{};
  bool keep_connection = false;  ///< of `verbatim`: it stays open for further requests
  std::chrono::milliseconds pause{0};
  std::uint64_t bytes_per_second = 64 * 1024;
  std::optional<std::uint64_t> range_from{};
  std::size_t skip = 0;    ///< lets so many requests that fit pass first
  std::size_t of = 0;      ///< flaky: the first `times` of every `of` requests, until `clear()`; 0: the next `times` and no more
  double probability = 1;  ///< of each request that it would meet; those that escape are not among the `times`
};

/// Faults in the order in which they were added; each request takes the first that fits. What is left to chance comes from the
/// seed alone: the same requests in the same order meet the same faults. Safe from many threads.
class fault_script {
 public:
  explicit fault_script(std::uint64_t seed = 1) : chance_(seed) {}

  void add(fault f) {
    const std::lock_guard guard(mutex_);
    ahead_.push_back({std::move(f), 0});
  }
  void clear() {
    const std::lock_guard guard(mutex_);
    ahead_.clear();
  }
  /// How many requests will still meet a fault; those that have no end do not count.
  std::size_t pending() const {
    const std::lock_guard guard(mutex_);
    std::size_t sum = 0;
    for (const planned& p : ahead_)
      if (p.what.of == 0 && p.what.times != fault::always) sum += p.what.times;
    return sum;
  }
  /// What goes wrong with a request; `range_from` is where the range begins that it asks for, if it does.
  std::optional<fault> next(std::string_view method, std::optional<std::uint64_t> range_from = std::nullopt) {
    const std::lock_guard guard(mutex_);
    const auto found = std::find_if(ahead_.begin(), ahead_.end(), [&](planned& p) { return meets(p, method, range_from); });
    if (found == ahead_.end()) return std::nullopt;
    fault taken = found->what;
    if (taken.of == 0 && taken.times != fault::always && --found->what.times == 0) ahead_.erase(found);
    return taken;
  }

 private:
  struct planned {
    fault what;
    std::size_t seen;  // requests that fit, since the skipped ones
  };

  bool meets(planned& p, std::string_view method, std::optional<std::uint64_t> range_from) {
    fault& f = p.what;
    if (f.times == 0 || (!f.method.empty() && f.method != method) || (f.range_from && f.range_from != range_from)) return false;
    if (f.skip != 0) {
      --f.skip;
      return false;
    }
    if (f.of != 0 && p.seen++ % f.of >= f.times) return false;
    if (f.probability >= 1) return true;
    constexpr double whole = 18446744073709551616.0;  // 2^64: what mt19937_64 draws from, the same everywhere
    return static_cast<double>(chance_()) < f.probability * whole;
  }

  mutable std::mutex mutex_;
  std::deque<planned> ahead_;
  std::mt19937_64 chance_;
};

/// The short answer that a `status` or `redirect` is, head and all.
inline std::string short_answer(const fault& f, bool keep_connection) {
  const bool redirects = f.kind == fault_kind::redirect;
  std::string text = "HTTP/1.1 " + std::to_string(redirects && (f.status < 300 || f.status > 399) ? 302 : f.status) + " -\r\n";
  if (redirects) text += "Location: " + f.location + "\r\n";
  if (!f.retry_after.empty()) text += "Retry-After: " + f.retry_after + "\r\n";
  if (f.status != 204 && f.status != 304) text += "Content-Length: 0\r\n";
  return text + (keep_connection ? "\r\n" : "Connection: close\r\n\r\n");
}

}  // namespace larder::testing
