#pragma once

#include <larder/artifact/upload_line.hpp>
#include <larder/core/time.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace larder::artifacts {

/// Uploads that chains have left behind when they returned. A child of `fork` begins with none.
class left_uploads {
 public:
  /// `deadline`: how long the destructor lets them go on.
  explicit left_uploads(duration deadline) : deadline_(deadline) {}
  left_uploads(const left_uploads&) = delete;
  left_uploads& operator=(const left_uploads&) = delete;
  ~left_uploads() { flush(deadline_); }  // then lines end by a stop

  void keep(std::shared_ptr<upload_line> line) {
    table& mine = table_.get();
    const std::lock_guard lock(mine.mutex);
    std::erase_if(mine.lines, [](const std::shared_ptr<upload_line>& one) { return one->wait(duration::zero()); });
    mine.lines.push_back(std::move(line));
  }
  /// Until all have ended, at most so long; whether they have.
  bool flush(duration deadline) {
    table* const mine = table_.find();
    if (mine == nullptr) return true;
    std::vector<std::shared_ptr<upload_line>> lines;
    {
      const std::lock_guard lock(mine->mutex);
      lines = mine->lines;
    }
    const auto end = core::deadline_after(steady_time::now(), std::max(deadline, duration::zero()));
    return std::all_of(lines.begin(), lines.end(), [&](const std::shared_ptr<upload_line>& line) {
      return line->wait(std::max(end - steady_time::now(), duration::zero()));
    });
  }

 private:
  struct table {
    explicit table(int) {}
    std::mutex mutex;
    std::vector<std::shared_ptr<upload_line>> lines;
  };
  const duration deadline_;
  sync::per_process<table, int> table_{0};
};

}  // namespace larder::artifacts
