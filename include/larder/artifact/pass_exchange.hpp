#pragma once

// What goes between a pass cache and the store that it shares. In the store:
//
//   passes/runs/<id>          the record of what a pass made; put last, when all that it names is there
//   passes/evaluations/<id>   what an evaluator said
//   passes/blobs/<sha256>     files, and lists of files that are too long for a record
//
// Nothing that fails here fails the work: it is counted, and the model is made here.

#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/evaluation_record.hpp>
#include <larder/artifact/file_digest.hpp>
#include <larder/artifact/found_record.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/pass_settings.hpp>
#include <larder/artifact/shared_store.hpp>
#include <larder/artifact/transfer_sum.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/transfer_streams.hpp>
#include <larder/storage/file_mapping.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/storage/writable_mapping.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace larder::artifacts {

inline constexpr std::string_view shared_prefix = "passes/";
inline std::string shared_run_key(std::string_view id) { return std::string(shared_prefix) + "runs/" + std::string(id); }
inline std::string shared_evaluation_key(std::string_view id) {
  return std::string(shared_prefix) + "evaluations/" + std::string(id);
}
inline std::string shared_blob_key(const content_digest& digest) { return std::string(shared_prefix) + "blobs/" + digest.hex(); }

class pass_exchange {
 public:
  /// `store` may be none: then nothing is found and nothing goes anywhere.
  pass_exchange(const pass_settings& settings, const pass_folder& folder, pass_report& report,
                std::shared_ptr<shared_store> store)
      : folder_(folder),
        report_(report),
        store_(std::move(store)),
        mode_(settings.mode),
        signing_(settings.record_key),
        at_once_(std::max<std::size_t>(settings.look_ahead, 1)),
        streams_(at_once_) {}

  bool reads() const noexcept { return store_ && mode_ != pass_mode::write_only; }
  bool writes() const noexcept { return store_ && mode_ != pass_mode::read_only; }
  bool looks_ahead() const noexcept { return at_once_ > 1; }
  shared_store* store() const noexcept { return store_.get(); }
  const secret& signing() const noexcept { return signing_; }
  error_counts errors() const { return store_ ? store_->errors() : error_counts{}; }

  /// f(0) to f(count - 1), as many at once as requests may be.
  template <class F>
  void each(std::size_t count, F&& f) {
    streams_.run(count, at_once_, {}, [&f](std::size_t i, const std::stop_token&) { f(i); });
  }

  // ---------------------------------------------------------------------------------------------- looking up

  std::optional<pass_record> find_run(const pass_key& key, const transfer_control& control = {}) {
    return find<pass_record>(shared_run_key(key.id), key, control);
  }
  std::optional<evaluation_record> find_evaluation(const pass_key& key, const transfer_control& control = {}) {
    return find<evaluation_record>(shared_evaluation_key(key.id), key, control);
  }
  /// The same under an id alone, whose key the record has. Nothing when the two do not belong together.
  std::optional<pass_record> find_run_of_id(const std::string& id, const transfer_control& control = {}) {
    const std::optional<bytes> text = get(shared_run_key(id), control);
    if (!text) return std::nullopt;
    const unsealed_text opened = unseal_text(text->text(), signing_);
    if (opened.state == seal_state::whole) try {
        const pass_record record = pass_record::parse(opened.body);
        if (record.id == id && id_of_text(record.key) == id) return record;
      } catch (const error&) {  // counted below
      }
    (opened.state == seal_state::damaged ? report_.counts.damaged : report_.counts.poisoned).add();
    return std::nullopt;
  }

  /// Fills in the files of a record that has them in a listing; false when they cannot be had.
  bool complete(pass_record& record, const transfer_control& control = {}) {
    if (record.failure || !record.listing || !record.files.empty()) return true;
    const std::optional<bytes> text = get(shared_blob_key(*record.listing), control);
    if (!text) return false;
    try {
      record.read_listing(text->text());
      return true;
    } catch (const error&) {
      doubt(*record.listing);
      return false;
    }
  }

  /// Brings files into a folder, which is the beginning of an output; false when one of them cannot be had as the record has it.
  bool bring(const std::vector<pass_file>& files, const std::filesystem::path& folder, const transfer_control& control) {
    std::vector<const pass_file*> first;  // of each content
    std::vector<const pass_file*> again;
    std::set<content_digest> seen;
    std::uint64_t total = 0;
    for (const pass_file& file : files) {
      const bool is_new = seen.insert(file.digest).second;
      (is_new ? first : again).push_back(&file);
      if (is_new) total += file.size;
    }
    transfer_sum progress(first.size(), control, total);
    std::atomic<bool> all{true};
    each(first.size(), [&](std::size_t i) {
      if (all.load() && !bring(*first[i], folder / first[i]->name, progress.part(i))) all.store(false);
    });
    return all.load() && attempt(false, [&] {
             for (const pass_file* const file : again) {
               make_folder_tree((folder / file->name).parent_path());
               folder_.put_blob(file->digest, folder / file->name);
             }
             return true;
           });
  }

  // ---------------------------------------------------------------------------------------------- publishing

  /// Puts what a pass made into the store: files that are not there, the listing, the record. Whether all of it is there now.
  bool publish(pass_record record, const transfer_control& control = {}) {
    if (!writes() || record.is_private) return false;
    const bool done = attempt(false, [&] {
      std::string listing;
      const std::string text = seal_text(record.text(&listing), signing_);
      std::vector<placing> placed(record.failure ? 0 : record.files.size());
      if (!record.failure) {
        std::atomic<bool> all{true};
        transfer_sum progress(record.files.size(), control, record.bytes);
        each(record.files.size(), [&](std::size_t i) {
          if (all.load()) placed[i] = put_file(record, record.files[i], progress.part(i));
          if (placed[i] == placing::failed) all.store(false);
        });
        if (!all.load()) return false;
        if (record.listing &&
            (listing.empty() || put_blob(*record.listing, bytes::copy_of(listing), {control.stop, {}}, false) == placing::failed))
          return false;
      }
      return put_record<pass_record>(
                 shared_run_key(record.id), {record.id, record.key, false}, text, control,
                 [&](const pass_record& there) { return record.failure || (!there.failure && !is_doubted(there)); }) &&
             replace_lost(record, placed, control);
    });
    (done ? report_.counts.published : report_.counts.unpublished).add();
    return done;
  }
  bool publish(const evaluation_record& record, const transfer_control& control = {}) {
    if (!writes()) return false;
    const bool done = attempt(false, [&] {
      return put_record<evaluation_record>(shared_evaluation_key(record.id), {record.id, record.key, false},
                                           seal_text(record.text(), signing_), control,
                                           [](const evaluation_record&) { return true; });
    });
    (done ? report_.counts.published : report_.counts.unpublished).add();
    return done;
  }

 private:
  /// f(), or `otherwise` when it throws for another reason than that a stop was requested.
  template <class Answer, class F>
  Answer attempt(Answer otherwise, F&& f) {
    try {
      return f();
    } catch (...) {
      report_.absorb_current();
    }
    return otherwise;
  }
  static void stop_if_asked(const transfer_control& control) {
    if (control.stop.stop_requested()) core::fail(error_cause::cancelled, "work of the pass cache was stopped before its end");
  }

  std::optional<bytes> get(const std::string& key, const transfer_control& control) {
    stop_if_asked(control);
    report_.counts.requests.add();
    std::optional<bytes> found = attempt(std::optional<bytes>(), [&] { return store_->get(key, {control.stop, {}}); });
    stop_if_asked(control);
    return found;
  }

  template <class Record>
  std::optional<Record> find(const std::string& stored_as, const pass_key& key, const transfer_control& control) {
    const std::optional<bytes> text = get(stored_as, control);
    if (!text) return std::nullopt;
    if (text->size() > pass_record::longest) {
      report_.counts.poisoned.add();
      return std::nullopt;
    }
    found_record<Record> found = read_record<Record>(text->text(), key, signing_);
    if (found.state == record_state::damaged) report_.counts.damaged.add();
    if (found.state == record_state::poisoned) {
      report_.counts.poisoned.add();
      report_.warn_once("poisoned " + key.id,
                        "the shared store's record of " + short_id(key.id) +
                            " is another key's, is not signed, or no program of larder's wrote it; it is not used");
    }
    return std::move(found.record);
  }

  // -------------------------------------------------------------------------------------------- downloads

  bool bring(const pass_file& file, const std::filesystem::path& place, const transfer_control& control) {
    make_folder_tree(place.parent_path());
    stop_if_asked(control);
    return attempt(false, [&] {
      staged_file staged = folder_.blobs().stage();
      if (file.size != 0 && !land(file, staged, control)) return false;
      const scanned_file found = scan_file(staged.file(), staged.path().string(), digest_algorithm::sha256, {control.stop, {}});
      if (found.digest != file.digest || found.chunks.size != file.size) {
        report_.absorb(error_cause::corruption);
        doubt(file.digest);
        return false;
      }
      folder_.keep(std::move(staged), file.digest, found.chunks, place);
      if (file.size != 0) report_.counts.downloads.add();
      report_.counts.downloaded_bytes.add(file.size);
      return true;
    });
  }
  /// The file's content in the staged one: in place where the file system can, through memory elsewhere.
  bool land(const pass_file& file, const staged_file& staged, const transfer_control& control) {
    const std::string key = shared_blob_key(file.digest);
    const std::string path = staged.path().string();
    if (file.size > largest_unproved && signing_.empty() && !is_as_large(key, file.size)) {
      report_.counts.requests.add();
      const bool is_smaller = store_->contains(key);
      if (is_smaller) report_.absorb(error_cause::corruption);
      doubt(file.digest, is_smaller);
      return false;
    }
    report_.counts.requests.add();
    std::optional<std::size_t> landed;
    if (const storage::writable_mapping room{staged.file(), 0, static_cast<std::size_t>(file.size)}; room) {
      try {
        landed = store_->get_into(key, {room.data(), static_cast<std::size_t>(file.size)}, control);
      } catch (const error& e) {
        if (e.cause() != error_cause::invalid_argument) throw;
        landed = static_cast<std::size_t>(file.size) + 1;  // it is larger than the record says
      }
    } else {
      if (errno != EOPNOTSUPP) storage::fail_file("make room in", path, errno);
      const std::optional<bytes> value = store_->get(key, control);
      if (value && value->size() == file.size) storage::write_at(staged.file(), value->span(), {}, 0, path);
      if (value) landed = value->size();
    }
    stop_if_asked(control);
    if (landed && *landed == file.size) return true;
    if (landed) report_.absorb(error_cause::corruption);
    doubt(file.digest, landed.has_value());
    return false;
  }
  /// Anybody may have written a record that nobody signed: before much room is set aside for what it announces, the store has to have that much.
  static constexpr std::uint64_t largest_unproved = std::uint64_t{64} << 20U;
  bool is_as_large(const std::string& key, std::uint64_t size) {
    report_.counts.requests.add();
    return store_->reaches(key, size);
  }
  /// What the store has under this digest cannot be had, or is something else: it is put anew when there is a chance.
  void doubt(const content_digest& digest, bool is_seen = true) {
    if (is_seen) report_.counts.damaged.add();
    doubts& mine = doubts_.get();
    const std::lock_guard lock(mine.mutex);
    mine.digests.insert(digest.hex());
  }
  bool is_doubted(const content_digest& digest) const {
    doubts* const mine = doubts_.find();
    if (mine == nullptr) return false;
    const std::lock_guard lock(mine->mutex);
    return mine->digests.contains(digest.hex());
  }
  bool is_doubted(const pass_record& record) const {
    if (record.listing && is_doubted(*record.listing)) return true;
    return std::any_of(record.files.begin(), record.files.end(), [&](const pass_file& file) { return is_doubted(file.digest); });
  }

  // ---------------------------------------------------------------------------------------------- uploads

  enum class placing : std::uint8_t { failed, found, sent };

  /// What the store had already, and somebody has removed before the record that names it was there, is sent after all.
  bool replace_lost(const pass_record& record, const std::vector<placing>& placed, const transfer_control& control) {
    std::vector<std::size_t> relied_on;
    for (std::size_t i = 0; i < placed.size(); ++i)
      if (placed[i] == placing::found && record.files[i].size != 0) relied_on.push_back(i);
    std::atomic<bool> all{true};
    each(relied_on.size(), [&](std::size_t i) {
      if (put_file(record, record.files[relied_on[i]], {control.stop, {}}) == placing::failed) all.store(false);
    });
    return all.load();
  }
  placing put_file(const pass_record& record, const pass_file& file, const transfer_control& control) {
    if (file.size == 0) return placing::found;  // everybody has that
    std::string path = folder_.blobs().path_of(file.digest).string();
    storage::file_descriptor opened = storage::open_file(path, O_RDONLY);
    if (!opened) {
      path = (folder_.output_of(record.id) / file.name).string();
      opened = storage::open_file(path, O_RDONLY);
    }
    if (!opened) storage::fail_file("open", path, errno);
    if (storage::identify(opened, path).size != file.size)
      core::fail(error_cause::corruption, "\"" + path + "\" is not what its record says; it is not shared");
    auto mapping = std::make_shared<storage::file_mapping>(opened, file.size);
    if (!*mapping) storage::fail_file("map", path, errno);
    const std::span<const std::byte> content = mapping->span();
    return put_blob(file.digest, bytes::adopt(std::move(mapping), content.data(), content.size()), control);
  }
  placing put_blob(const content_digest& digest, bytes content, const transfer_control& control, bool may_be_there = true) {
    stop_if_asked(control);
    const std::string key = shared_blob_key(digest);
    const std::uint64_t size = content.size();
    const bool doubted = is_doubted(digest);
    if (may_be_there && !doubted && mode_ != pass_mode::write_only) {
      report_.counts.requests.add();
      if (store_->contains(key)) return placing::found;
    }
    report_.counts.requests.add();
    if (!store_->put(key, std::move(content), {control.stop, control.progress})) {
      stop_if_asked(control);
      return placing::failed;
    }
    if (doubted) {
      doubts& mine = doubts_.get();
      const std::lock_guard lock(mine.mutex);
      mine.digests.erase(digest.hex());
    }
    report_.counts.uploads.add();
    report_.counts.uploaded_bytes.add(size);
    return placing::sent;
  }
  /// Puts a record where there is none. One that is there stays when it is whole and `stays`, of whoever it is; else it is replaced.
  template <class Record, class Stays>
  bool put_record(const std::string& stored_as, const pass_key& key, const std::string& text, const transfer_control& control,
                  Stays&& stays) {
    stop_if_asked(control);
    report_.counts.requests.add();
    if (store_->put_if_absent(stored_as, bytes::copy_of(text))) return true;
    if (mode_ == pass_mode::write_only) {
      report_.counts.requests.add();
      return store_->put(stored_as, bytes::copy_of(text), {control.stop, {}});
    }
    const std::optional<bytes> there = get(stored_as, control);
    if (there) {
      const found_record<Record> found = read_record<Record>(there->text(), key, signing_);
      if (found.state == record_state::whole && stays(*found.record)) return true;
    }
    report_.counts.requests.add();
    return store_->put(stored_as, bytes::copy_of(text), {control.stop, {}});
  }

  /// Digests of what the store should have and does not. A child of `fork` begins without doubts.
  struct doubts {
    explicit doubts(int) {}
    std::mutex mutex;
    std::set<std::string> digests;
  };

  const pass_folder& folder_;
  pass_report& report_;
  const std::shared_ptr<shared_store> store_;
  const pass_mode mode_;
  const secret signing_;
  const std::size_t at_once_;
  sync::per_process<doubts, int> doubts_{0};
  remote::transfer_streams streams_;  // last: its threads use the rest
};

}  // namespace larder::artifacts
