#include "pass/entry_moves.hpp"

#include "disk/interruption.hpp"
#include "disk/json_object.hpp"
#include "exit_code.hpp"
#include "pass/cache_folder.hpp"
#include "progress.hpp"
#include "simulate/escaped_text.hpp"

#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/core/units.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace passes {
namespace {

/// A transfer that Ctrl-C ends, with a line that says how far it is.
class watched_transfer {
 public:
  explicit watched_transfer(bool quiet) : quiet_(quiet) {}
  larder::transfer_control control(const std::string& title) {
    end("");
    return {stop_.get_token(), [this, title](std::uint64_t done, std::uint64_t total) {
              if (interrupted_.asked()) stop_.request_stop();
              if (quiet_ || total == 0) return;
              if (!line_) line_ = std::make_unique<tools::progress>(title, 100, stderr, " %");
              line_->at(static_cast<std::size_t>(done * 100 / total));
            }};
  }
  void end(const std::string& result) {
    if (line_) line_->finish(result);
    line_.reset();
  }
  bool is_interrupted() const noexcept { return interrupted_.asked(); }

 private:
  bool quiet_;
  disk::interruption interrupted_;
  std::stop_source stop_;
  std::unique_ptr<tools::progress> line_;
};

template <class Move>
int move_each(const move_options& options, const char* doing, Move&& move) {
  watched_transfer transfer(options.quiet);
  std::size_t failed = 0;
  const char* separator = "\n";
  if (options.json) std::fputs("[", stdout);
  for (const std::string& id : options.ids) {
    std::optional<std::string> where;
    try {
      where = move(id, transfer.control(std::string(doing) + " " + larder::artifacts::short_id(id)));
    } catch (const larder::error& e) {
      if (e.cause() != larder::error_cause::cancelled) throw;
    }
    transfer.end(where ? "done" : "failed");
    if (!where) ++failed;
    if (options.json) {
      disk::json_object out;
      out.add("id", id).add("done", where.has_value());
      if (where && !where->empty()) out.add("folder", *where);
      std::printf("%s%s", separator, out.text().c_str());
      separator = ",\n";
    } else if (where) {
      std::printf("%s\n", where->empty() ? id.c_str() : where->c_str());
    } else if (!transfer.is_interrupted()) {
      std::fprintf(stderr, "%s: could not be had whole; is the id right, and the store reachable?\n",
                   simulate::printable(id).c_str());
    }
    if (transfer.is_interrupted()) break;
  }
  if (options.json) std::fputs(options.ids.empty() ? "]\n" : "\n]\n", stdout);
  if (transfer.is_interrupted()) return disk::interruption::exit_code;
  return failed == 0 ? tools::exit_code::done : tools::exit_code::failed;
}

}  // namespace

int prune_entries(const prune_options& options) {
  const auto cache = open_cache(options.folder, options.shared);
  const disk::interruption interrupted;
  larder::prune_report report;
  if (options.shared.empty()) {
    report = cache->prune(options.limits);
  } else {
    std::stop_source stop;
    std::unique_ptr<tools::progress> line;
    const larder::sweep_control control{stop.get_token(), [&](std::uint64_t done, std::uint64_t total) {
                                          if (interrupted.asked()) stop.request_stop();
                                          if (options.quiet || total == 0) return;
                                          if (!line)
                                            line = std::make_unique<tools::progress>("listing", static_cast<std::size_t>(total),
                                                                                     stderr);
                                          line->at(static_cast<std::size_t>(done));
                                        }};
    try {
      report = cache->prune_shared(options.limits, control);
    } catch (const larder::error& e) {
      if (e.cause() != larder::error_cause::cancelled) throw;
      if (line) line->finish("interrupted");
      return disk::interruption::exit_code;
    }
    if (line) line->finish("done");
  }
  if (options.json) {
    disk::json_object out;
    out.add("removed", report.removed)
        .add("freed", report.freed)
        .add("later", report.later)
        .add("kept", report.kept)
        .add("evaluations", report.evaluations)
        .add("dry_run", options.limits.dry_run);
    std::printf("%s\n", out.text().c_str());
    return tools::exit_code::done;
  }
  for (const std::string& id : report.removed) std::printf("%s\n", id.c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "%zu %s and %zu evaluations %s, %s freed%s, %s stay\n", report.removed.size(),
               report.removed.size() == 1 ? "entry" : "entries", report.evaluations,
               options.limits.dry_run ? "would leave" : "left", larder::format_size(report.freed).c_str(),
               report.later == 0 ? "" : (" and " + larder::format_size(report.later) + " with a later prune").c_str(),
               larder::format_size(report.kept).c_str());
  return tools::exit_code::done;
}

int pull_entries(const move_options& options) {
  const auto cache = open_cache(options.folder, options.shared);
  return move_each(options, "pulling",
                   [&](const std::string& id, const larder::transfer_control& control) -> std::optional<std::string> {
                     const auto there = cache->pull(id, control);
                     return there ? std::optional<std::string>(there->string()) : std::nullopt;
                   });
}

int push_entries(const move_options& options) {
  const auto cache = open_cache(options.folder, options.shared);
  move_options all = options;
  if (all.ids.empty())
    for (const larder::pass_entry& entry : cache->list())
      if (entry.is_pending && !entry.record.failure) all.ids.push_back(entry.record.id);
  return move_each(all, "pushing", [&](const std::string& id, const larder::transfer_control& control) {
    return cache->push(id, control) ? std::optional<std::string>("") : std::nullopt;
  });
}

}  // namespace passes
