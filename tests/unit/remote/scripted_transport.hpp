#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/remote/http.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../support/eventually.hpp"

namespace larder::test {

/// What a transport answers, request by request, and what it was asked. Copies of the handle share it.
class transport_script {
 public:
  using answerer = std::function<remote::http_response(const remote::http_request&, std::size_t nth)>;

  /// `f` is called for each request with its number, from 0; from many threads at once.
  void answer(answerer f) {
    const std::lock_guard lock(shared_->mutex);
    shared_->answers = std::move(f);
  }
  std::vector<remote::http_request> seen() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->seen;
  }
  std::size_t count() const { return seen().size(); }

  remote::http_response send(const remote::http_request& request) const {
    answerer f;
    std::size_t nth = 0;
    {
      const std::lock_guard lock(shared_->mutex);
      nth = shared_->seen.size();
      shared_->seen.push_back(request);
      f = shared_->answers;
    }
    return f(request, nth);
  }

 private:
  struct shared {
    std::mutex mutex;
    std::vector<remote::http_request> seen;
    answerer answers = [](const remote::http_request&, std::size_t) {
      return remote::http_response{.status = 200, .headers = {}, .body = {}, .landed = {}, .cut = false, .tries = 1};
    };
  };
  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

class scripted_transport {
 public:
  explicit scripted_transport(transport_script script) : script_(std::move(script)) {}
  remote::http_response send(const remote::http_request& request) { return script_.send(request); }

 private:
  transport_script script_;
};

inline remote::http_response answer_of(int status, std::vector<remote::http_header> headers = {}, std::string_view body = {}) {
  remote::http_response out;
  out.status = status;
  out.headers = std::move(headers);
  out.body = bytes::copy_of(body);
  return out;
}

/// Answers as a server with that object does and as curl_transport hands it on: honours the range, puts the body into `into`, and
/// breaks off after `break_after` bytes of it.
inline remote::http_response deliver(const remote::http_request& request, std::string_view object, std::string_view etag,
                                     std::size_t break_after = static_cast<std::size_t>(-1)) {
  remote::http_response out = answer_of(200);
  if (!etag.empty()) out.headers.push_back({"etag", secret(etag)});
  for (const remote::http_header& h : request.headers)
    if (h.name == "If-Match" && h.value.reveal() != etag) return answer_of(412);
  std::string_view part = object;
  if (request.range) {
    part = object.substr(static_cast<std::size_t>(request.range->offset));
    part = part.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(request.range->size, part.size())));
    out.status = 206;
    out.headers.push_back(
        {"content-range", secret("bytes " + std::to_string(request.range->offset) + "-" +
                                 std::to_string(request.range->offset + part.size() - 1) + "/" + std::to_string(object.size()))});
  }
  if (request.into == nullptr) {
    if (break_after < part.size()) core::fail(error_cause::network, "broke off");
    out.body = bytes::copy_of(part);
    return out;
  }
  const std::span<std::byte> room = request.into->room(out, part.size());
  const std::size_t n = std::min(part.size(), break_after);
  for (std::size_t done = 0; done < n;) {
    const std::size_t piece = std::min<std::size_t>(n - done, 3);
    std::memcpy(room.data() + done, part.data() + done, piece);
    done += piece;
    request.into->landed(done);
  }
  if (n < part.size()) core::fail(error_cause::network, "broke off");
  out.landed = n;
  return out;
}

inline remote::http_request request_for(std::string method = "GET", std::string_view address = "http://h/o") {
  remote::http_request out;
  out.method = std::move(method);
  out.target = remote::parse_url(address, "test url");
  return out;
}

/// A time that passes when told to, or by itself whenever somebody waits. Copies share it.
class manual_timing {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  enum passing : bool { when_told, by_itself };

  explicit manual_timing(passing how = by_itself) : shared_(std::make_shared<shared>()) { shared_->how = how; }

  time_point now() const { return time_point(std::chrono::steady_clock::duration(shared_->now.load())); }
  std::chrono::system_clock::time_point time_of_day() const {
    return std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000)) +
           std::chrono::duration_cast<std::chrono::system_clock::duration>(now() - start());
  }
  static time_point start() { return time_point(std::chrono::hours(1000)); }
  void advance(std::chrono::steady_clock::duration by) const { shared_->now += by.count(); }
  std::vector<std::chrono::steady_clock::duration> pauses() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->pauses;
  }

  template <class Done>
  bool wait(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
            time_point until, Done&& done) const {
    if (shared_->how == by_itself && until != time_point::max()) {
      if (done()) return true;
      {
        const std::lock_guard mine(shared_->mutex);
        shared_->pauses.push_back(until - now());
      }
      if (stop.stop_requested()) return false;
      if (until > now()) advance(until - now());
      return done();
    }
    ++shared_->waiting;
    while (!done() && !stop.stop_requested() && now() < until) changed.wait_for(lock, std::chrono::milliseconds(1));
    --shared_->waiting;
    return done();
  }
  /// How many wait just now.
  int waiting() const { return shared_->waiting.load(); }

 private:
  struct shared {
    std::atomic<std::int64_t> now{start().time_since_epoch().count()};
    std::atomic<int> waiting{0};
    passing how = by_itself;
    std::mutex mutex;
    std::vector<std::chrono::steady_clock::duration> pauses;
  };
  std::shared_ptr<shared> shared_;
};

/// What a layer over a transport counted.
template <class Layer>
remote_report report_of(const Layer& layer) {
  remote_report all;
  layer.add_to(all);
  return all;
}

using support::eventually;

}  // namespace larder::test
