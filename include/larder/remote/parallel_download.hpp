#pragma once

// Objects of any size by ranges side by side, straight to where they are to lie (docs/decisions/020).
//
// Cost: one request for what fits the first one, 8 MiB and a head; else one more per piece of the target, `streams` at a time. One connection of
// loopback HTTP carries some 0.7 of what four do, and 1 MiB cut in four is slower than whole: pieces are meant to have 8 MiB.
// The whole is of one version: `If-Match` on each range, and size and ETag of each answer compared. A server without strong ETags is believed as far as
// sizes and the target's own checks go. What breaks off is asked for again from where it broke; pauses between tries are the transport's business.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/memory_download.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/byte_budget.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/part_read.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/transfer_settings.hpp>
#include <larder/remote/transfer_streams.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

/// Downloads for one store. Safe from many threads.
class parallel_download {
 public:
  /// How often an object may change while it is read until that is an error.
  static constexpr unsigned most_changes = 3;

  parallel_download(const transfer_settings& settings, transfer_streams& streams, byte_budget& budget)
      : settings_(settings), streams_(&streams), budget_(&budget) {}

  /// Lets the object land in the target; false when there is none. Throws `larder::error`: what the client throws, corruption when a part stays
  /// damaged, cancelled. The target's rooms are not written to any more when it returns.
  template <part_reading_client Client>
  bool fetch(Client& client, std::string_view name, download_target& target, const transfer_control& control = {}) {
    for (unsigned changes = 0; changes <= most_changes; ++changes) {
      try {
        return attempt(client, name, target, control);
      } catch (const object_changed&) {
      }
    }
    core::fail(error_cause::server, "the object " + std::string(name) + " changed " + std::to_string(most_changes + 1) +
                                        " times while it was read; it is written too often to be read in parts");
  }

  /// Fills the room with the bytes of a known object from `offset`, likewise in ranges side by side. Throws `larder::error` (io)
  /// when the object is not that version any more; without an ETag any version of that size will do.
  template <part_reading_client Client>
  void read(Client& client, std::string_view name, const blob_info& object, std::uint64_t offset, std::span<std::byte> room,
            const transfer_control& control = {}) {
    memory_download unchecked;
    meter progress(control);
    const auto part_size = static_cast<std::size_t>(settings_.part_size);
    const transfer<Client> work{
        &client, name, &unchecked, object, memory_download::pieces_of(room, offset, {}, part_size), &progress, object.etag.empty()};
    progress.begin(room.size(), 0);
    std::vector<section> sections = sections_of(work.pieces, true);
    try {
      streams_->run(sections.size(), settings_.streams, control.stop,
                    [&](std::size_t i, const std::stop_token& stop) { complete(work, sections[i], stop); });
    } catch (const object_changed&) {
      core::fail(error_cause::io,
                 "the object " + std::string(name) + " is not the version any more that was opened; open it again");
    }
  }

 private:
  /// Thrown through the transport by who sees it first; no `larder::error`, so that nobody on the way repeats the request.
  struct object_changed {};

  /// Tells the caller how far it is.
  class meter {
   public:
    explicit meter(const transfer_control& control) : control_(&control) {}
    void begin(std::uint64_t total, std::uint64_t landed) {
      total_ = total;
      landed_ = landed;
      tell();
    }
    void move(std::uint64_t from, std::uint64_t to) {
      if (!control_->progress || from == to) return;
      const std::lock_guard lock(mutex_);
      landed_ += to - from;  // modulo 2^64, so also backwards
      tell();
    }

   private:
    void tell() const {
      if (control_->progress) control_->progress(landed_, total_);
    }
    const transfer_control* control_;
    std::mutex mutex_;
    std::uint64_t total_ = 0;
    std::uint64_t landed_ = 0;
  };

  /// Takes the first request's body into memory, and keeps what came when it breaks off.
  class opening final : public body_target {
   public:
    explicit opening(byte_budget& budget) : budget_(&budget) {}

    std::span<std::byte> room(const http_response& answer, std::uint64_t size) override {
      part_head now = describe_part(answer);
      if (start_ != 0 && !goes_on_with(now)) throw object_changed{};
      if (buffer_.size() < start_ + size) {
        mutable_bytes larger(static_cast<std::size_t>(start_ + size));
        if (start_ != 0) std::memcpy(larger.data(), buffer_.data(), static_cast<std::size_t>(start_));
        buffer_ = std::move(larger);
        lease_ = {};
        lease_ = budget_->charge(buffer_.size());
      }
      filled_ = start_;
      head = std::move(now);
      return buffer_.span().subspan(static_cast<std::size_t>(start_), static_cast<std::size_t>(size));
    }
    void landed(std::uint64_t count) override { filled_ = start_ + count; }

    /// Before a try: the byte from which to ask on. What came of a version that cannot be named again is of no use.
    std::uint64_t resume() {
      start_ = is_strong_etag(head.etag) ? filled_ : 0;
      return start_;
    }
    /// Whether a later answer is of the version that came first. One without a length is looked at here alone, since `room`
    /// was not asked for it.
    bool goes_on_with(const part_head& later) const {
      return later.etag == head.etag && (!later.total || !head.total || *later.total == *head.total);
    }
    std::uint64_t filled() const noexcept { return filled_; }
    /// All of what came.
    bytes take(part_read&& answer) {
      if (answer.landed) return std::move(buffer_).freeze(static_cast<std::size_t>(start_ + *answer.landed));
      if (start_ == 0) return std::move(answer.body);
      if (answer.body.empty()) return std::move(buffer_).freeze(static_cast<std::size_t>(start_));
      mutable_bytes joined(static_cast<std::size_t>(start_ + answer.body.size()));
      std::memcpy(joined.data(), buffer_.data(), static_cast<std::size_t>(start_));
      std::memcpy(joined.data() + start_, answer.body.data(), answer.body.size());
      return std::move(joined).freeze();
    }

    part_head head;

   private:
    byte_budget* budget_;
    byte_budget::lease lease_;
    mutable_bytes buffer_;
    std::uint64_t start_ = 0;
    std::uint64_t filled_ = 0;
  };

  /// Pieces that come by one request: one, or from a server that ignores ranges all that lie side by side.
  struct section {
    std::size_t first = 0;
    std::size_t count = 1;
    std::uint64_t offset = 0;
    std::span<std::byte> room;
    std::uint64_t filled = 0;
  };

  /// Lends a section's room for what is missing of it, to the version that is wanted and to nothing else.
  class section_target final : public body_target {
   public:
    section_target(section& of, const blob_info& object, bool any_version, meter& progress)
        : of_(&of), object_(&object), any_version_(any_version), progress_(&progress), start_(of.filled) {}

    std::span<std::byte> room(const http_response& answer, std::uint64_t size) override {
      const part_head head = describe_part(answer);
      if ((head.total && *head.total != object_->size) || (!any_version_ && head.etag != object_->etag)) throw object_changed{};
      if (answer.status == 206) {
        const auto field = answer.header("content-range");
        const auto range = field ? parse_content_range(*field) : std::nullopt;
        if (!range || range->first != of_->offset + start_ || range->last - range->first + 1 != size)
          core::fail(error_cause::server, "a range was answered with another one; a proxy on the way may mishandle ranges");
      }
      if (size != of_->room.size() - start_)
        core::fail(error_cause::server, "a range was answered with less than all of it; a proxy on the way may mishandle ranges");
      move_to(start_);
      return of_->room.subspan(static_cast<std::size_t>(start_));
    }
    void landed(std::uint64_t count) override { move_to(start_ + count); }

   private:
    void move_to(std::uint64_t filled) {
      const std::uint64_t before = std::exchange(of_->filled, filled);
      progress_->move(before, filled);
    }
    section* of_;
    const blob_info* object_;
    bool any_version_;
    meter* progress_;
    std::uint64_t start_;
  };

  /// What one attempt at one version knows.
  template <class Client>
  struct transfer {
    Client* client;
    std::string_view name;
    download_target* target;
    blob_info object;
    std::vector<download_piece> pieces;
    meter* progress;
    bool any_version = false;  // the size alone must be right
  };

  static void stop_if_asked(const std::stop_token& stop) {
    if (stop.stop_requested()) core::fail(error_cause::cancelled, "a transfer was given up because a stop was requested");
  }
  /// By which the same version can be asked for; nothing where it cannot.
  static std::string_view comparable(std::string_view etag) noexcept {
    return is_strong_etag(etag) ? etag : std::string_view{};
  }

  template <class Client>
  bool attempt(Client& client, std::string_view name, download_target& target, const transfer_control& control) {
    meter progress(control);
    for (bool again = false;; again = true) {
      opening start(*budget_);
      std::optional<part_read> first = open(client, name, start, control.stop);
      if (!first) return false;
      const bool ranged = first->head.ranged;
      std::optional<std::uint64_t> total = first->head.total;
      const std::string etag = first->head.etag;
      bytes beginning = start.take(std::move(*first));
      if (!total && beginning.size() < settings_.first_request) total = beginning.size();
      if (!total) {
        const std::optional<part_read> nothing =
            client.read_part(name, {.range = {0, 0}, .if_match = comparable(etag), .stop = control.stop});
        if (!nothing) return false;
        if (nothing->changed) throw object_changed{};
        total = nothing->head.total;
      }
      transfer<Client> work{&client, name, &target, {*total, etag}, {}, &progress};
      if (beginning.size() > *total)
        core::fail(error_cause::server, "the object " + std::string(name) + " came with more bytes than it has");
      if (beginning.size() == *total) {
        target.take(work.object, std::move(beginning));
        progress.begin(*total, *total);
        return true;
      }
      std::optional<std::vector<download_piece>> pieces = target.plan(work.object, beginning);
      if (!pieces && again)
        core::fail(error_cause::corruption, "the object " + std::string(name) + " is damaged at its beginning, twice");
      if (!pieces) continue;
      work.pieces = std::move(*pieces);
      std::uint64_t missing = 0;
      for (const download_piece& piece : work.pieces) missing += piece.room.size() - piece.filled;
      progress.begin(*total, *total - std::min(*total, missing));
      std::vector<section> sections = sections_of(work.pieces, ranged);
      const std::size_t side_by_side = ranged ? settings_.streams : 1;
      beginning = {};
      start = opening(*budget_);
      streams_->run(sections.size(), side_by_side, control.stop,
                    [&](std::size_t i, const std::stop_token& stop) { complete(work, sections[i], stop); });
      return true;
    }
  }

  /// The first answer, after as many requests as it takes.
  template <class Client>
  std::optional<part_read> open(Client& client, std::string_view name, opening& start, const std::stop_token& stop) {
    for (unsigned barren = 0;;) {
      stop_if_asked(stop);
      const std::uint64_t from = start.resume();
      try {
        const std::string tag = from == 0 ? std::string{} : start.head.etag;
        std::optional<part_read> answer = client.read_part(name, {{from, settings_.first_request - from}, tag, &start, stop});
        if (answer && (answer->changed || (from != 0 && !start.goes_on_with(answer->head)))) throw object_changed{};
        return answer;
      } catch (const error& e) {
        if (start.filled() == 0) throw;  // what never began is the transport's to repeat, and the look-up's time is short
        if (start.resume() > from) barren = 0;
        if (!may_be_repeated(e) || ++barren >= settings_.barren_tries) throw;
      }
    }
  }

  static std::vector<section> sections_of(std::span<const download_piece> pieces, bool ranged) {
    std::vector<section> sections;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const download_piece& piece = pieces[i];
      if (!ranged && !sections.empty() && piece.filled == 0) {
        section& last = sections.back();
        if (last.offset + last.room.size() == piece.offset && last.room.data() + last.room.size() == piece.room.data()) {
          last.room = {last.room.data(), last.room.size() + piece.room.size()};
          ++last.count;
          continue;
        }
      }
      sections.push_back({i, 1, piece.offset, piece.room, piece.filled});
    }
    return sections;
  }

  /// All of a section, right or thrown.
  template <class Client>
  void complete(const transfer<Client>& work, section& part, const std::stop_token& stop) {
    fill(work, part, stop);
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      if (work.target->landed(i)) continue;
      const download_piece& piece = work.pieces[i];
      work.progress->move(piece.room.size(), 0);
      section once_more{i, 1, piece.offset, piece.room, 0};
      fill(work, once_more, stop);
      if (!work.target->landed(i))
        core::fail(error_cause::corruption, "bytes " + std::to_string(piece.offset) + " to " +
                                                std::to_string(piece.offset + piece.room.size()) + " of the object " +
                                                std::string(work.name) + " came damaged twice");
    }
  }

  template <class Client>
  void fill(const transfer<Client>& work, section& part, const std::stop_token& stop) {
    for (unsigned barren = 0; part.filled < part.room.size();) {
      const std::uint64_t from = part.filled;
      const byte_budget::lease turn = budget_->take(part.room.size() - from, stop);
      try {
        section_target into(part, work.object, work.any_version, *work.progress);
        const std::string_view tag = comparable(work.object.etag);
        std::optional<part_read> answer =
            work.client->read_part(work.name, {{part.offset + from, part.room.size() - from}, tag, &into, stop});
        if (!answer || answer->changed) throw object_changed{};
        if (answer->landed && *answer->landed == part.room.size() - from) continue;
        if (answer->landed || answer->body.size() != part.room.size() - from) throw object_changed{};  // it ends before its end
        if (!work.any_version && answer->head.etag != work.object.etag) throw object_changed{};
        std::memcpy(part.room.data() + from, answer->body.data(), answer->body.size());
        part.filled = part.room.size();
        work.progress->move(from, part.filled);
      } catch (const error& e) {
        if (part.filled > from)
          barren = 0;
        else
          ++barren;
        if (!may_be_repeated(e) || barren >= settings_.barren_tries) throw;
      }
    }
  }

  transfer_settings settings_;
  transfer_streams* streams_;
  byte_budget* budget_;
};

}  // namespace larder::remote
