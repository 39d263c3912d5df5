#pragma once

#include <larder/layer/layer_reader.hpp>
#include <larder/layer/planned_residency.hpp>
#include <larder/sync/task.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

namespace larder::layers {

/// The warm-ups and prefetches that are still to be done, the first one first. Any number of loaders take layers of them; the caller
/// holds the lock of the layers' table.
class layer_requests {
 public:
  struct request {
    std::vector<std::size_t> layers;
    std::size_t next;     // the first that no loader has come to
    std::size_t loading;  // by loaders, of those before it
    load_kind kind;
    task_worker worker;
  };
  struct job {
    std::size_t layer = 0;
    std::shared_ptr<layer_load> load;  // nothing: there is nothing to do
    std::shared_ptr<layer_requests::request> request;
  };

  bool empty() const noexcept { return queue_.empty(); }
  /// Each task that waits for them fails with `cancelled`.
  void clear() noexcept { queue_.clear(); }
  void add(std::vector<std::size_t> layers, load_kind kind, task_worker worker) {
    queue_.push_back(std::make_shared<request>(request{std::move(layers), 0, 0, kind, std::move(worker)}));
  }

  /// The next load that a request wants, begun in the table; ends requests on the way of which nothing is left.
  template <class Table>
  job pick(Table& table) {
    while (!queue_.empty()) {
      const std::shared_ptr<request> r = queue_.front();
      if (r->worker.stop_requested()) {
        end(r, nullptr);
        continue;
      }
      if (r->next == r->layers.size()) {
        if (r->loading != 0) break;  // its last layers are on their way
        r->worker.finish();
        queue_.pop_front();
        continue;
      }
      const std::size_t i = r->layers[r->next];
      if (table.block(i) == nullptr) {
        if (table.loading(i) != nullptr) break;  // somebody else loads it: come back when that is over
        if (auto load = table.begin_load(i, r->kind)) {
          ++r->next;
          ++r->loading;
          return {i, std::move(load), r};
        }
      }
      ++r->next;  // it is there, or there is no room for it
      r->worker.advance();
    }
    return {};
  }

  /// The load of a job is over; false when its request ended meanwhile.
  bool loaded(const job& done) {
    request& r = *done.request;
    --r.loading;
    if (std::find(queue_.begin(), queue_.end(), done.request) == queue_.end()) return false;
    if (done.load->failure)
      end(done.request, done.load->called_off ? nullptr : done.load->failure);
    else
      r.worker.advance();
    return true;
  }
  /// What was next to be done cannot be.
  void fail_first(const std::exception_ptr& failure) noexcept {
    if (queue_.empty()) return;
    const std::shared_ptr<request> first = std::move(queue_.front());
    queue_.pop_front();
    end(first, failure);
  }

 private:
  /// A request, which the caller holds as well, fails, or was stopped where there is no failure.
  void end(const std::shared_ptr<request>& ended, const std::exception_ptr& failure) noexcept {
    std::erase(queue_, ended);
    try {
      if (failure)
        ended->worker.fail(failure);
      else
        ended->worker.cancel();
    } catch (...) {  // no memory for saying that it was stopped
      ended->worker.fail(std::current_exception());
    }
  }

  std::deque<std::shared_ptr<request>> queue_;
};

}  // namespace larder::layers
