#pragma once

// The cache directory of passes:
//
//   runs/<id>.json           the record of what a pass made; written last. Its time of change is that of its last use
//   outputs/<id>/            the files of it: second names of blobs, or copies where there are no second names
//   listings/<sha256>        the files of a record that has too many of them
//   evaluations/<id>.json    what an evaluator said of a model
//   workflows/<workflow>/    an empty file for each entry that a workflow made or used; "name" says which workflow
//   pins/<id>, pending/<id>  empty: never pruned; made here and not yet in the shared store
//   blobs/<sha256>           contents, each once
//   locks/, work/            what is being made
//   digests                  of outputs that are copies, by what `stat` says of them
//
// Whoever can write here can make programs read anything; what comes from a network goes through `pass_record` first.

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/digest_memory.hpp>
#include <larder/artifact/evaluation_record.hpp>
#include <larder/artifact/file_digest.hpp>
#include <larder/artifact/file_link.hpp>
#include <larder/artifact/file_stamp.hpp>
#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/found_record.hpp>
#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/relative_name.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/remote/secret.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::artifacts {

/// An entry's kind, as markers of workflows begin.
enum class pass_entry_kind : char { run = 'r', evaluation = 'e' };

class pass_folder {
 public:
  /// A relative `root` is one of the working directory as it is now. Throws `larder::error` when the folders cannot be made.
  explicit pass_folder(const std::filesystem::path& root, std::string workflow)
      : root_(std::filesystem::absolute(root)),
        workflow_(std::move(workflow)),
        blobs_(root_ / "blobs"),
        known_(root_ / "digests", 100'000) {
    make_folders();
    try {
      known_.refresh();
    } catch (const error&) {  // then they are computed again
    }
  }
  /// Those that are missing.
  void make_folders() const {
    for (const char* const name : {"runs", "outputs", "listings", "evaluations", "pins", "pending", "locks", "work", "workflows"})
      make_folder_tree(root_ / name);
  }

  const std::filesystem::path& root() const noexcept { return root_; }
  const blob_folder& blobs() const noexcept { return blobs_; }
  const std::string& workflow() const noexcept { return workflow_; }

  std::filesystem::path output_of(std::string_view id) const { return root_ / "outputs" / id; }
  std::filesystem::path lock_of(std::string_view id) const { return root_ / "locks" / (std::string(id) + ".lock"); }

  // ---------------------------------------------------------------------------------------------- records

  /// Any of the texts below; damage and wrong keys are states, what the system refuses is thrown.
  found_record<pass_record> find_run(const pass_key& key) const {
    found_record<pass_record> found = find<pass_record>(run_path(key.id), key);
    if (found.record && found.record->listing) {
      const std::optional<std::string> listing =
          read_small_file(listing_path(*found.record->listing), pass_record::longest_listing);
      try {
        if (!listing) return {record_state::damaged, {}};
        found.record->read_listing(*listing);
      } catch (const error&) {
        return {record_state::damaged, {}};
      }
    }
    return found;
  }
  found_record<evaluation_record> find_evaluation(const pass_key& key) const {
    return find<evaluation_record>(evaluation_path(key.id), key);
  }

  void write_run(pass_record& record, const secret& signing) const {
    std::string listing;
    const std::string text = seal_text(record.text(&listing), signing);
    if (record.listing && !listing.empty()) put(listing_path(*record.listing), listing);
    put(run_path(record.id), text);
  }
  void write_evaluation(const evaluation_record& record, const secret& signing) const {
    put(evaluation_path(record.id), seal_text(record.text(), signing));
  }
  std::filesystem::path run_path(std::string_view id) const { return root_ / "runs" / (std::string(id) + ".json"); }
  std::filesystem::path evaluation_path(std::string_view id) const { return root_ / "evaluations" / (std::string(id) + ".json"); }
  std::filesystem::path listing_path(const content_digest& digest) const { return root_ / "listings" / digest.hex(); }

  /// That an entry was used now, by this workflow. That it cannot be noted is no failure.
  void note_use(pass_entry_kind kind, std::string_view id, instant now) const noexcept {
    try {
      const std::filesystem::path path = kind == pass_entry_kind::run ? run_path(id) : evaluation_path(id);
      const timespec moment = storage::posix::timespec_of(now.count());
      const timespec times[2] = {moment, moment};
      ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
      if (!is_there(workflow_folder() / "name")) {
        make_folder_tree(workflow_folder());
        write_atomically(workflow_folder() / "name", workflow_);
      }
      touch(workflow_folder() / marker_of(kind, id));
    } catch (const std::exception&) {
    }
  }
  static std::string marker_of(pass_entry_kind kind, std::string_view id) {
    return std::string(1, static_cast<char>(kind)) + '-' + std::string(id);
  }

  std::filesystem::path workflow_folder() const { return root_ / "workflows" / digest_of(std::string_view(workflow_)).hex(); }
  std::filesystem::path pin_path(std::string_view id) const { return root_ / "pins" / id; }
  std::filesystem::path pending_path(std::string_view id) const { return root_ / "pending" / id; }

  /// Makes an empty file where there is none.
  static void touch(const std::filesystem::path& path) {
    const auto make = [&] {
      const storage::file_descriptor made = storage::open_file(path.string(), O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY);
      if (!made) storage::fail_file("create", path.string(), errno);
    };
    in_folders([&] { make_folder_tree(path.parent_path()); }, make);
  }
  static bool is_there(const std::filesystem::path& path) { return storage::identify(path.string()).has_value(); }

  // ---------------------------------------------------------------------------------------------- outputs

  /// The files of a record that must come from elsewhere: neither in its output nor among the blobs, as far as they can be trusted. Damaged ones
  /// are put aside, and counted.
  std::vector<pass_file> missing_files(const pass_record& record, std::size_t& damaged) const {
    std::vector<pass_file> missing;
    for (const pass_file& file : record.files)
      if (!has_output(record.id, file, damaged) && !has_blob(file, damaged)) missing.push_back(file);
    return missing;
  }
  /// Whether the output is there as the record says.
  bool has_outputs(const pass_record& record, std::size_t& damaged) const {
    if (!is_there(output_of(record.id))) return false;
    for (const pass_file& file : record.files)
      if (!has_output(record.id, file, damaged)) return false;
    return true;
  }

  /// An empty folder, to be filled and published.
  std::filesystem::path begin_work() const {
    const std::filesystem::path made = root_ / "work" / remote::random_mark();
    make_folder_tree(made);
    return made;
  }

  /// Gives a staged file, whose content was checked, its place as a blob, and one at `place`.
  void keep(staged_file&& staged, const content_digest& digest, chunk_list chunks, const std::filesystem::path& place) const {
    make_way({{}, chunks.size, digest});
    ::fchmod(staged.file().get(), 0444);
    const bool linked = ::link(staged.path().c_str(), place.c_str()) == 0;
    const bool added = blobs_.publish(std::move(staged), digest, std::move(chunks)).added;
    if (!linked || !added) put_blob(digest, place, linked);
  }
  /// Puts a blob at a place; one that has the content already may stay as it is.
  void put_blob(const content_digest& digest, const std::filesystem::path& place, bool has_content = false) const {
    try {
      blobs_.link_to(digest, place, link_mode::hard);
    } catch (const error&) {  // no second names here, or somebody erased the blob
      if (!has_content) blobs_.link_to(digest, place, link_mode::copy);
    }
  }

  /// Takes what a pass has written into a folder: each file becomes a blob and has its place in the folder still. Throws `larder::error` when one
  /// cannot be kept; the folder stays whole.
  std::vector<pass_file> keep_files(const std::filesystem::path& folder, const transfer_control& control) const {
    std::vector<pass_file> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.is_directory() && !entry.is_symlink()) continue;
      const std::string name = entry.path().lexically_relative(folder).generic_string();
      check_relative_name(name, "a file that a pass makes");
      if (!entry.is_regular_file())
        core::fail(error_cause::invalid_argument,
                   "\"" + entry.path().string() + "\" is no regular file; a pass may make files, and links to files");
      files.push_back({name, 0, {}});
    }
    std::sort(files.begin(), files.end(), [](const pass_file& a, const pass_file& b) { return a.name < b.name; });
    std::uint64_t before = 0;
    for (pass_file& file : files) {
      const std::filesystem::path place = folder / file.name;
      const transfer_control followed{
          control.stop, control.progress ? [&](std::uint64_t done, std::uint64_t) { control.progress(before + done, 0); }
                                         : decltype(control.progress){}};
      keep_file(file, place, followed);
      before += file.size;
    }
    return files;
  }

  /// Makes a folder that is whole the output of an id, instead of what is there.
  std::filesystem::path publish_output(const std::filesystem::path& folder, std::string_view id) const {
    const std::filesystem::path place = output_of(id);
    for (int tries = 0; ::rename(folder.c_str(), place.c_str()) != 0; ++tries) {
      const int number = errno;
      if ((number != ENOTEMPTY && number != EEXIST && number != ENOTDIR && number != ENOENT) || tries == 8)
        storage::fail_file("publish", place.string(), number);
      if (number == ENOENT)  // somebody removed the folders by hand
        make_folder_tree(place.parent_path());
      else
        remove_output(id);
    }
    return place;
  }
  /// Takes an output out of the way, then away: nobody finds half of it.
  void remove_output(std::string_view id) const {
    const std::filesystem::path aside = root_ / "work" / remote::random_mark();
    if (::rename(output_of(id).c_str(), aside.c_str()) != 0) {
      if (errno == ENOENT) return;
      storage::fail_file("move aside", output_of(id).string(), errno);
    }
    remove_tree(aside);
  }

 private:
  /// Writes a file; a symbolic link in its place goes, and what it leads to stays as it is.
  static void put(const std::filesystem::path& path, const std::string& text) {
    if (std::filesystem::is_symlink(std::filesystem::symlink_status(path))) storage::remove_file(path.string());
    in_folders([&] { make_folder_tree(path.parent_path()); }, [&] { write_atomically(path, text); });
  }

  template <class Record>
  found_record<Record> find(const std::filesystem::path& path, const pass_key& key) const {
    std::optional<std::string> text;
    try {
      text = read_small_file(path, pass_record::longest);
    } catch (const error& e) {
      if (e.cause() == error_cause::io) throw;
      return {record_state::damaged, {}};
    }
    if (!text) return {};
    return read_record<Record>(*text, key, secret());  // what is here was checked when it came
  }

  bool has_blob(const pass_file& file, std::size_t& damaged) const {
    const std::optional<stored_blob> blob = blobs_.find(file.digest);
    if (!blob) return false;
    if (blob->size == file.size &&
        (blobs_.is_as_checked(*blob) || blobs_.verify(file.digest, verification::chunks).state == blob_state::whole))
      return true;
    ++damaged;
    blobs_.quarantine(file.digest);
    return false;
  }
  /// Puts a blob aside that is damaged, before its content is published anew.
  void make_way(const pass_file& file) const {
    std::size_t damaged = 0;
    has_blob(file, damaged);
  }
  bool has_output(std::string_view id, const pass_file& file, std::size_t& damaged) const {
    const std::string path = (output_of(id) / file.name).string();
    const std::optional<storage::file_identity> seen = storage::identify(path);
    if (!seen || !seen->regular || seen->size != file.size) {
      if (seen) ++damaged;
      return false;
    }
    const std::optional<storage::file_identity> blob = storage::identify(blobs_.path_of(file.digest).string());
    if (blob && blob->same_file(*seen)) return has_blob(file, damaged);
    if (is_known(path, file)) return true;  // a copy, or a second name that is the last one
    if (seen) ++damaged;
    return false;
  }
  /// Whether a file has the content; read once, as long as nobody changes it, and it was not changed just before.
  bool is_known(const std::string& path, const pass_file& file) const {
    const storage::file_descriptor opened = storage::open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!opened) return false;
    const file_stamp stamp = stamp_of(opened, path);
    if (const std::optional<content_digest> known = known_.find(stamp, digest_algorithm::sha256)) return *known == file.digest;
    const instant began = wall_time::now();
    const content_digest found = scan_file(opened, path, digest_algorithm::sha256).digest;
    if (stamp.is_fresh_at(began)) return found == file.digest;
    const remembered_digest seen{stamp, found};
    try {
      known_.add({&seen, 1});
    } catch (const error&) {  // this process knows it all the same
    }
    return found == file.digest;
  }

  void keep_file(pass_file& file, const std::filesystem::path& place, const transfer_control& control) const {
    staged_file staged = blobs_.stage();
    // A second name is enough for a file that is nobody else's; what has more names, or is reached by a link, is copied.
    const std::optional<storage::file_identity> seen = storage::identify(place.string());
    const bool alone = seen && seen->regular && seen->links == 1;
    if (alone) {
      ::unlink(staged.path().c_str());
      if (::link(place.c_str(), staged.path().c_str()) == 0) {
        storage::file_descriptor opened = storage::open_file(place.string(), O_RDONLY);
        if (!opened) storage::fail_file("open", place.string(), errno);
        const std::filesystem::path path = staged.path();
        const scanned_file found = scan_file(opened, place.string(), digest_algorithm::sha256, control);
        file.digest = found.digest;
        file.size = found.chunks.size;
        make_way(file);
        ::fchmod(opened.get(), 0444);
        const bool added = blobs_.publish(path, found.digest, found.chunks).added;
        staged.release();
        if (!added) put_blob(file.digest, place, true);
        return;
      }
      staged.release();
      staged_file again = blobs_.stage();
      copy_file(file, place, std::move(again), control);
      return;
    }
    copy_file(file, place, std::move(staged), control);
  }
  void copy_file(pass_file& file, const std::filesystem::path& place, staged_file&& staged,
                 const transfer_control& control) const {
    const storage::file_descriptor from = open_content(place.string());
    const storage::file_identity seen = storage::identify(from, place.string());
    copy_range(from, place.string(), 0, staged.file(), staged.path().string(), 0, seen.size, control.stop);
    const scanned_file found = scan_file(staged.file(), staged.path().string(), digest_algorithm::sha256, control);
    file.digest = found.digest;
    file.size = found.chunks.size;
    make_way(file);
    ::fchmod(staged.file().get(), 0444);
    blobs_.publish(std::move(staged), found.digest, found.chunks);
    put_blob(file.digest, place);
  }

  std::filesystem::path root_;
  std::string workflow_;
  blob_folder blobs_;
  mutable digest_memory known_;  // of outputs that are no second names of blobs
};

}  // namespace larder::artifacts
