#include "top/directory_view.hpp"

#include "disk/directory_contents.hpp"
#include "disk/directory_users.hpp"
#include "disk/json_object.hpp"
#include "disk/time_text.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"
#include "top/rate.hpp"

#include <larder/core/units.hpp>

#include <cstdint>
#include <utility>

namespace top {
namespace {

using larder::format_size;
using simulate::grouped;

struct look {
  disk::directory_users users;
  disk::directory_contents all;
  std::uint64_t segment_bytes = 0;
  std::uint64_t changes = 0;  // that the log has seen
  bool has_log = false;
};

class directory_view final : public view {
 public:
  explicit directory_view(std::string directory) : directory_(std::move(directory)) {}

  std::string text(std::chrono::steady_clock::time_point now) override {
    const look seen = look_now();
    std::string out = simulate::printable(directory_) + "\n";
    const auto line = [&](std::string name, const std::string& what) {
      name.resize(14, ' ');
      out += "  " + name + " " + what + "\n";
    };
    line("in use by", seen.users.text());
    line("entries",
         grouped(seen.all.entries) + (seen.all.expired == 0 ? "" : ", of them " + grouped(seen.all.expired) + " expired"));
    line("values", format_size(seen.all.values) + (seen.all.entries == 0 ? ""
                                                                         : "; median " + format_size(seen.all.median) +
                                                                               ", largest " + format_size(seen.all.largest)));
    line("segments", grouped(seen.all.segments.size()) + ", " + format_size(seen.segment_bytes) + ": " +
                         format_size(seen.all.live()) + " live, " + format_size(seen.all.garbage()) + " garbage, " +
                         format_size(seen.all.free()) + " free");
    line("values' files", grouped(seen.all.value_files.files) + ", " + format_size(seen.all.value_files.bytes));
    if (seen.all.quarantine.files != 0)
      line("quarantine", grouped(seen.all.quarantine.files) + ", " + format_size(seen.all.quarantine.bytes));
    if (seen.has_log) line("changes", grouped(seen.changes) + changes_.text(seen.changes, now));
    if (seen.all.newest) line("newest", disk::local_time(*seen.all.newest));
    return out;
  }
  std::string json() override {
    const look seen = look_now();
    std::string processes = "[";
    for (const auto& one : seen.users.processes)
      processes +=
          (processes.size() == 1 ? "" : ", ") + disk::json_object().add("pid", one.id).add("program", one.program).text();
    disk::json_object out;
    out.add("directory", directory_)
        .add("entries", seen.all.entries)
        .add("expired_entries", seen.all.expired)
        .add("value_bytes", seen.all.values)
        .add("segments", seen.all.segments.size())
        .add("segment_bytes", seen.segment_bytes)
        .add("live_bytes", seen.all.live())
        .add("garbage_bytes", seen.all.garbage())
        .add("free_bytes", seen.all.free())
        .add("value_files", seen.all.value_files.files)
        .add("value_file_bytes", seen.all.value_files.bytes)
        .add("quarantine_files", seen.all.quarantine.files)
        .member("changes", seen.has_log ? std::to_string(seen.changes) : "null")
        .member("in_use", seen.users.is_known ? seen.users.any ? "true" : "false" : "null")
        .member("processes", processes + "]");
    return out.text();
  }

 private:
  look look_now() const {
    look seen;
    seen.users = disk::users_of(directory_);
    const disk::segment_inspection found(directory_, seen.users.any);
    seen.all = disk::contents_of(found);
    for (const disk::segment_share& one : seen.all.segments) seen.segment_bytes += one.in->file_size;
    seen.has_log = found.log().has_value();
    if (seen.has_log) seen.changes = found.log()->end;
    for (disk::segment_share& one : seen.all.segments) one.in = nullptr;  // it goes with `found`
    return seen;
  }

  std::string directory_;
  rate changes_;
};

}  // namespace

std::unique_ptr<view> view_of_directory(std::string directory) { return std::make_unique<directory_view>(std::move(directory)); }

}  // namespace top
