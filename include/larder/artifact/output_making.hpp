#pragma once

#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/locked_file.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/core/error.hpp>
#include <larder/sync/per_process.hpp>
#include <larder/sync/task.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace larder::artifacts {

/// Which ids threads of this process are making. A child of `fork` makes none yet.
class ids_in_making {
 public:
  /// Throws `larder::error` (reentrant) when this thread makes it: it would wait for itself.
  void check(const std::string& id) const {
    const table& mine = table_.get();
    const std::lock_guard lock(mine.mutex);
    const auto found = mine.makers.find(id);
    if (found != mine.makers.end() && found->second == std::this_thread::get_id())
      core::fail(error_cause::reentrant, "a pass asks for its own output (" + short_id(id) + "), which it is making");
  }
  void add(const std::string& id) {
    table& mine = table_.get();
    const std::lock_guard lock(mine.mutex);
    mine.makers[id] = std::this_thread::get_id();
  }
  void remove(const std::string& id) noexcept {
    table* const mine = table_.find();
    if (mine == nullptr) return;
    const std::lock_guard lock(mine->mutex);
    mine->makers.erase(id);
  }

 private:
  struct table {
    explicit table(int) {}
    mutable std::mutex mutex;
    std::map<std::string, std::thread::id> makers;
  };
  sync::per_process<table, int> table_{0};
};

/// What is made by this thread while it lives, and by nobody else as far as there are locks.
class making {
 public:
  making(const pass_folder& folder, ids_in_making& ids, pass_report& report, std::string id, const std::stop_token& stop,
         const std::function<void()>& waits)
      : ids_(ids), id_(std::move(id)) {
    ids_.check(id_);
    try {
      lock_ = in_folders([&] { folder.make_folders(); }, [&] { return locked_file::try_lock(folder.lock_of(id_)); });
      if (!lock_)
        lock_ = locked_file::lock(folder.lock_of(id_), stop, [&](const std::optional<task_progress>&) { waits(); });
    } catch (...) {  // a lock is advice: what is made is published in a way that is safe without
      report.absorb_current();
    }
    ids_.add(id_);
  }
  making(const making&) = delete;
  making& operator=(const making&) = delete;
  ~making() {
    ids_.remove(id_);
    if (lock_) lock_->discard();
  }

 private:
  ids_in_making& ids_;
  std::string id_;
  std::optional<locked_file> lock_;
};

}  // namespace larder::artifacts
