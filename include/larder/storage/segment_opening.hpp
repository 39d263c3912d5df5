#pragma once

#include <larder/storage/entry_directory.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/storage/segment_folder.hpp>
#include <larder/storage/segment_scan.hpp>
#include <larder/storage/segment_sizing.hpp>
#include <larder/storage/shared_log.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace larder::storage {

/// What a process finds when it opens a directory of segments.
struct opened_segments {
  std::unique_ptr<shared_log> log;                 ///< nothing when the device has no room for one
  std::uint64_t position = 0;                      ///< up to where of it is in the rest
  std::uint32_t sealed = 0;                        ///< nothing more comes into segments up to this one
  std::vector<std::shared_ptr<segment>> segments;  ///< by number
  std::vector<std::uint64_t> files;                ///< the values' files, in order
  std::unordered_set<std::uint64_t> evicted;       ///< places of records that were evicted
  std::unordered_set<std::uint64_t> listed;        ///< those of them that a record lists
  /// Keys (the low half of their digest) whose newest record is damaged, and its sequence: what older records say of them counts no more.
  std::unordered_map<std::uint64_t, std::uint64_t> damaged;
  bool alone = false;                              ///< nobody else had the directory open
};

/// How processes come into a directory and leave it. Everybody holds USERS shared while he is there, so that whoever gets it alone knows that
/// nothing is under way and may tidy up: he starts a new log and removes what nobody refers to. Where somebody follows the log, others
/// come in beside him and wait for nobody; else they come in one at a time, under LOCK.
class segment_opening {
 public:
  explicit segment_opening(const entry_directory& directory) : directory_(&directory) {}

  /// A child comes in beside its parent; false when it has to look at everything anew.
  bool join() {
    const std::string path = directory_->file("USERS");
    file_descriptor own = open_file(path, O_RDWR | O_CREAT);
    const bool in = own && uninterrupted([&] { return ::flock(own.get(), LOCK_SH | LOCK_NB); }) == 0;
    users_ = std::move(own);
    return in;
  }
  /// Leaves; true when nobody else is there, who then cannot come in before this object is gone.
  bool leave() noexcept {
    if (!users_) return false;
    ::flock(users_.get(), LOCK_UN);
    return uninterrupted([&] { return ::flock(users_.get(), LOCK_EX | LOCK_NB); }) == 0;
  }

  /// Comes in and looks at everything that is there. Throws `larder::error`.
  opened_segments open(const segment_folder& folder, const std::shared_ptr<pinned_ledger>& ledger, const segment_sizing& sizing, bool first) {
    directory_->create_folders();
    const std::string path = directory_->file("journal");
    opened_segments result;
    file_descriptor turn;
    std::optional<shared_log> old = shared_log::open(path);
    if (!old || !come_in_beside(*old)) {
      turn = take_turn();
      result.alone = come_in() && first;  // else other threads of this process may be at work
      old = shared_log::open(path);
    }
    directory_->remove_stale_staging(result.alone);
    const bool live = old && !result.alone;
    const std::uint64_t seen_to = old ? old->end() : 0;
    const log_notes notes = old ? read_notes(*old, seen_to, result) : log_notes{};

    const segment_folder::listing listing = folder.list();
    result.files = listing.values;
    std::uint64_t last_sequence = 0;
    std::uint64_t before = 0;  // bytes in segments with a lower number: they say how large this one was made
    format::record_place active;
    for (const std::uint32_t number : listing.segments) {
      if (live && number < old->oldest()) continue;
      std::shared_ptr<segment> one = folder.map(number, 0, ledger);
      if (one == nullptr) {
        if (result.alone) ::unlink(folder.path_of(number).c_str());  // whoever made it got no further
        continue;
      }
      const bool last = number == listing.segments.back();
      const std::uint64_t segment_size = sizing.next(before);
      if (!one->footer) {
        const std::uint64_t size = one->file_size;
        one.reset();  // one mapping of it at a time
        if (one = folder.map(number, segment_size, ledger); one == nullptr) continue;
        const auto note = notes.published.find(number);
        const auto* const published = note == notes.published.end() ? nullptr : &note->second;
        if (!result.alone) {
          const bool is_active = live && number == format::record_place::of_word(old->active().load(std::memory_order_acquire)).segment;
          one->units = is_active ? published_in(*one, published, old->begin()) : scan_copy(*one, one->file_size).units;
        } else {
          const scanned_records found = scan_records(one->records(), number, segment_folder::first_record, size);
          one->units = found.units;
          if (published != nullptr) find_damage(*one, *published, *old, seen_to, result);
          if (last)
            active = {number, static_cast<std::uint32_t>(found.end / format::record_place::unit_size)};
          else
            seal(folder, one, found.end, ledger);
        }
      } else if (last && result.alone && one->footer->records_end() < segment_size / 4 * 3) {
        active = {number, static_cast<std::uint32_t>(one->footer->records_end() / format::record_place::unit_size)};
        one = reopened(folder, *one, segment_size, ledger, active);
        if (one == nullptr) continue;
      }
      for (std::size_t i = 0; i < one->size(); ++i) {
        last_sequence = std::max(last_sequence, one->entry(i).sequence);
      }
      before += one->file_size;
      result.segments.push_back(std::move(one));
    }
    // After a power cut the log may be one of before the segments, and what it names something else now.
    if (old && !live && last_sequence > old->sequence_at(seen_to)) {
      result.evicted.clear();
      result.damaged.clear();
    }
    if (live) {
      active = format::record_place::of_word(old->active().load(std::memory_order_acquire));
      result.sealed = active.unit == 0 ? active.segment : active.segment - 1;
      result.position = seen_to;
      result.log = std::make_unique<shared_log>(std::move(*old));
      result.log->hold();
      return result;
    }
    const std::uint32_t newest = listing.segments.empty() ? 0 : listing.segments.back();
    if (active.segment != newest || active.unit == 0) active = {newest, 0};
    result.sealed = active.unit == 0 ? newest : newest - 1;
    start_log(path, sizing.log_slots(before), last_sequence + 1, listing.segments.empty() ? 1 : listing.segments.front(), active, old, result);
    if (result.log != nullptr) result.log->hold();
    return result;
  }

 private:
  static constexpr std::chrono::seconds patience{30};

  struct log_notes {
    /// Of each segment, the units whose records the log says are published, and at which position of it.
    std::unordered_map<std::uint32_t, publications> published;
  };

  /// Waits for whoever else is coming in; he may be stopped, so not for ever.
  file_descriptor take_turn() const {
    const std::string path = directory_->file("LOCK");
    file_descriptor lock = open_file(path, O_RDWR | O_CREAT);
    if (!lock) fail_file("open the lock file", path, errno);
    wait_for(lock, LOCK_EX, path);
    return lock;
  }
  void wait_for(const file_descriptor& lock, int how, const std::string& path) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (auto pause = std::chrono::microseconds(200); ::flock(lock.get(), how | LOCK_NB) != 0; pause = std::min(pause * 2, std::chrono::microseconds(20'000))) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) fail_file("lock", path, errno);
      if (std::chrono::steady_clock::now() > end)
        core::fail(error_cause::timeout, "another process has been coming into or leaving \"" + directory_->root() +
                                             "\" for 30 s and holds \"" + path + "\"; is it stopped?");
      std::this_thread::sleep_for(pause);
    }
  }
  /// Comes in where somebody follows the log. False, and not in, when nobody is seen to.
  bool come_in_beside(const shared_log& log) {
    if (!log.is_held() || !join()) return false;
    // Now nobody can be alone any more; but he who was seen may have left, and another have been alone, before that.
    if (log.is_held() && log.intact()) return true;
    users_ = {};
    return false;
  }
  bool come_in() {
    const std::string path = directory_->file("USERS");
    users_ = open_file(path, O_RDWR | O_CREAT);
    if (!users_) fail_file("open", path, errno);
    const bool alone = uninterrupted([&] { return ::flock(users_.get(), LOCK_EX | LOCK_NB); }) == 0;
    if (!alone && errno != EWOULDBLOCK) fail_file("lock", path, errno);
    wait_for(users_, LOCK_SH, path);
    return alone;
  }

  static log_notes read_notes(const shared_log& log, std::uint64_t end, opened_segments& result) {
    log_notes notes;
    for (std::uint64_t position = end > log.slots() ? end - log.slots() : 0; position < end; ++position) {
      shared_log::entry entry;
      if (log.read(position, entry) != shared_log::outlook::found) continue;
      if (entry.what == shared_log::change::record) notes.published[entry.place.segment].insert_or_assign(entry.place.unit, position);
      if (entry.what == shared_log::change::evicted) result.evicted.insert(entry.place.word());
    }
    return notes;
  }

  /// What is published in the active segment: what was there when the log began, and what the log says, in its order.
  static published_units published_in(const segment& active, const publications* published,
                                      format::record_place begin) {
    published_units units;
    if (begin.segment == active.number && begin.unit != 0) units = scan_copy(active, begin.offset()).units;
    if (published == nullptr) return units;
    append_in_order(units, *published);
    return units;
  }
  /// The records of a segment that others may be sealing, and so cutting, at this moment: read, not mapped.
  static scanned_records scan_copy(const segment& of, std::uint64_t limit) {
    const file_descriptor file = open_file(of.path, O_RDONLY);
    if (!file && errno == ENOENT) return {};
    if (!file) fail_file("open", of.path, errno);
    mutable_bytes copy(static_cast<std::size_t>(std::min(of.file_size, limit)));
    const std::size_t have = read_at(file, copy.data(), copy.size(), 0, of.path);
    return scan_records({copy.data(), have}, of.number, segment_folder::first_record, have);
  }

  /// A record that was published and is not whole: its key is known from the log, and has no older value any more.
  void find_damage(const segment& in, const publications& published, const shared_log& log,
                   std::uint64_t end, opened_segments& result) const {
    const std::unordered_set<std::uint32_t> whole(in.units.begin(), in.units.end());
    // After a power cut the log may be one of before the segment, whose number was another one's then.
    if (!in.units.empty()) {
      if (in.entry(in.units.size() - 1).sequence > log.sequence_at(end)) return;
    }
    for (const auto& [unit, position] : published) {
      if (whole.contains(unit)) continue;
      std::uint64_t& below = result.damaged[log.tag(position)];
      below = std::max(below, log.sequence_at(position) + 1);
      const std::uint64_t offset = format::record_place{in.number, unit}.offset();
      if (offset >= in.file_size) continue;
      directory_->keep_aside(std::to_string(in.number) + "-" + std::to_string(unit),
                             in.records().subspan(static_cast<std::size_t>(offset), std::min<std::size_t>(in.file_size - offset, 4096)),
                             "a record of \"" + in.path + "\" is damaged");
    }
  }

  static void seal(const segment_folder& folder, std::shared_ptr<segment>& one, std::uint64_t end, const std::shared_ptr<pinned_ledger>& ledger) {
    try {
      folder.seal(*one, end);
      if (std::shared_ptr<segment> sealed = folder.map(one->number, 0, ledger); sealed != nullptr && sealed->footer) one = std::move(sealed);
    } catch (const file_error&) {  // read again the next time
    }
  }
  /// Takes the footer off the last segment, so that it goes on where it ended.
  static std::shared_ptr<segment> reopened(const segment_folder& folder, const segment& sealed, std::uint64_t segment_size, const std::shared_ptr<pinned_ledger>& ledger,
                                           format::record_place& active) {
    published_units units;
    units.reserve(sealed.size());
    // A footer knows of records whose heads are damaged: then it stays.
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      const std::uint32_t unit = (*sealed.footer)[i].unit;
      if (!format::decode_record(sealed.from(unit), sealed.place(unit))) {
        active = {};
        return folder.map(sealed.number, 0, ledger);
      }
    }
    const file_descriptor file = open_file(sealed.path, O_RDWR);
    if (!file) fail_file("open", sealed.path, errno);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      units.push_back(sealed.entry(i).unit);
      if (const std::uint64_t use = sealed.use(i); use != 0)
        write_at(file, std::as_bytes(std::span(&use, 1)), {},
                 format::record_place{sealed.number, units.back()}.offset() + format::segment_record::use_offset, sealed.path);
    }
    const auto end = static_cast<off_t>(sealed.footer->records_end());
    if (::ftruncate(file.get(), end) != 0) fail_file("go on in", sealed.path, errno);
    // Without room to go on nothing more comes into it.
    if (uninterrupted([&] { return ::fallocate(file.get(), 0, end, static_cast<off_t>(segment_size) - end); }) != 0) active = {};
    std::shared_ptr<segment> one = folder.map(sealed.number, segment_size, ledger);
    if (one != nullptr) one->units = std::move(units);
    return one;
  }

  void start_log(const std::string& path, std::uint64_t slots, std::uint64_t first_sequence, std::uint32_t oldest,
                 format::record_place active, std::optional<shared_log>& old, opened_segments& result) const {
    const auto slots_log2 = static_cast<unsigned>(std::bit_width(slots - 1));
    for (bool again = result.alone;; again = false) {
      try {
        result.log = std::make_unique<shared_log>(
            shared_log::create(path, directory_->staging_path(), slots_log2, first_sequence, oldest, active, random_bits()));
        break;
      } catch (const file_error& e) {
        if (e.cause() != error_cause::no_space) throw;
        if (!again || ::unlink(path.c_str()) != 0) break;  // a full device still serves what it has
      }
    }
    // Whoever still follows the old one, though he holds no lock, finds that there is another.
    if (old) old->append_at_end(old->end(), {shared_log::change::retired, {}}, 0);
  }

  const entry_directory* directory_;
  file_descriptor users_;
};

}  // namespace larder::storage
