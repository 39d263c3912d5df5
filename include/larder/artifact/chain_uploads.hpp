#pragma once

// What a chain puts into the shared store: behind its passes, in order, while the next ones run. An entry counts as pending until all of it is there,
// so that what a stop, a failure or the end of the process keeps from getting there is put there by a later run.

#include <larder/artifact/evaluation_record.hpp>
#include <larder/artifact/left_uploads.hpp>
#include <larder/artifact/pass_exchange.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_progress.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/upload_claim.hpp>
#include <larder/artifact/upload_line.hpp>
#include <larder/core/error.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

namespace larder::artifacts {

class chain_uploads {
 public:
  /// All of these but this object outlive the chain.
  chain_uploads(const pass_folder& folder, pass_exchange& exchange, pass_report& report, left_uploads& left,
                std::shared_ptr<chain_listener> listener, std::stop_token stop)
      : folder_(folder),
        exchange_(exchange),
        report_(report),
        left_(left),
        listener_(std::move(listener)),
        stop_(std::move(stop)) {}

  /// A new entry, before its record is written here: it is to be put into the store by this chain. Nothing when it is not to be there, or somebody
  /// else is about it.
  std::shared_ptr<upload_claim> claim(pass_entry_kind kind, const std::string& id, bool is_private) {
    attempted_.insert(id);
    if (!exchange_.writes() || is_private) return nullptr;
    std::shared_ptr<upload_claim> taken = upload_claim::take(folder_, pass_folder::marker_of(kind, id), report_);
    if (taken) taken->mark_pending();
    return taken;
  }
  /// The entry follows, of a pass of this number. Without a claim it does not, but for a failure, which is not missed when it does not get there.
  template <class Record>
  void add(std::size_t index, Record record, std::shared_ptr<upload_claim> claim) {
    if (!claim && !is_failure(record)) return;
    auto upload = [&exchange = exchange_, &report = report_, record = std::move(record), claim = std::move(claim),
                   control = chain_listener::followed(listener_, index, pass_phase::uploading, stop_),
                   were_stopped = were_stopped_](const std::stop_token& ending) {
      const auto both = std::make_unique<std::stop_source>();
      const auto forward = [&both] { both->request_stop(); };
      const std::stop_callback by_chain(control.stop, forward);
      const std::stop_callback by_line(ending, forward);
      try {
        if (exchange.publish(record, {both->get_token(), control.progress}) && claim) claim->mark_done();
      } catch (...) {
        report.counts.unpublished.add();
        were_stopped->store(true);
      }
    };
    if (!exchange_.looks_ahead()) return upload({});  // one request after the other is what was asked for
    if (!line_) line_ = std::make_shared<upload_line>(most_waiting);
    line_->add(std::move(upload));
  }
  /// An entry that an earlier run could not put there: `find()` gives what is found of its record.
  template <class Find>
  void add_pending(std::size_t index, pass_entry_kind kind, const std::string& id, Find&& find) {
    const std::string marker = pass_folder::marker_of(kind, id);
    if (attempted_.contains(id) || !exchange_.writes() || !pass_folder::is_there(folder_.pending_path(marker))) return;
    std::shared_ptr<upload_claim> taken = upload_claim::take(folder_, marker, report_);
    if (!taken || !taken->is_pending()) return;
    auto found = find();
    if (found.record && !is_failure(*found.record))
      add(index, std::move(*found.record), std::move(taken));
    else
      taken->mark_done();
  }

  /// At the end of the chain, which is told of nothing from now on: waits for them, or leaves them to the cache.
  void end(bool wait) noexcept {
    try {
      if (line_ && wait)
        line_->wait();
      else if (line_)
        left_.keep(std::move(line_));
    } catch (...) {  // they end by a stop, with this object
      report_.absorb(error_cause::io);
    }
    listener_->end();
  }
  /// Whether a stop has kept any from getting there.
  bool were_stopped() const noexcept { return were_stopped_->load(); }

 private:
  static constexpr std::size_t most_waiting = 64;  // entries; their files lie in the cache's folder

  static bool is_failure(const pass_record& record) noexcept { return record.failure.has_value(); }
  static bool is_failure(const evaluation_record&) noexcept { return false; }

  const pass_folder& folder_;
  pass_exchange& exchange_;
  pass_report& report_;
  left_uploads& left_;
  const std::shared_ptr<chain_listener> listener_;
  const std::stop_token stop_;
  const std::shared_ptr<std::atomic<bool>> were_stopped_ = std::make_shared<std::atomic<bool>>(false);
  std::set<std::string> attempted_;    // ids that this chain has tried to put there
  std::shared_ptr<upload_line> line_;  // made with the first one
};

}  // namespace larder::artifacts
