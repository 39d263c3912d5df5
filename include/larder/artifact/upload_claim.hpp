#pragma once

#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/locked_file.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/storage/posix_file.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace larder::artifacts {

/// That an entry goes to the shared store by this holder's hand: others, of all processes with the folder, leave it alone until it is dropped, and an
/// entry that is marked as pending counts as not there yet until it is marked as done.
class upload_claim {
 public:
  /// Of an entry by its marker; nothing when somebody else has it.
  static std::shared_ptr<upload_claim> take(const pass_folder& folder, const std::string& marker, pass_report& report) {
    std::optional<locked_file> lock;
    try {
      lock =
          in_folders([&] { folder.make_folders(); }, [&] { return locked_file::try_lock(folder.lock_of("upload-" + marker)); });
      if (!lock) return nullptr;
    } catch (...) {  // a lock is advice: two who upload the same leave it whole
      report.absorb_current();
    }
    return std::shared_ptr<upload_claim>(new upload_claim(folder.pending_path(marker), std::move(lock)));
  }
  upload_claim(const upload_claim&) = delete;
  upload_claim& operator=(const upload_claim&) = delete;
  ~upload_claim() {
    if (lock_) lock_->discard();
  }

  void mark_pending() const { pass_folder::touch(pending_); }
  bool is_pending() const { return pass_folder::is_there(pending_); }
  void mark_done() const { storage::remove_file(pending_.string()); }

 private:
  upload_claim(std::filesystem::path pending, std::optional<locked_file> lock)
      : pending_(std::move(pending)), lock_(std::move(lock)) {}

  std::filesystem::path pending_;
  std::optional<locked_file> lock_;
};

}  // namespace larder::artifacts
