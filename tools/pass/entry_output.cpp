#include "pass/entry_output.hpp"

#include "disk/json_object.hpp"
#include "disk/time_text.hpp"
#include "exit_code.hpp"
#include "pass/cache_folder.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace passes {
namespace {

using larder::format_size;
using larder::pass_entry;
using simulate::grouped;
using simulate::printable;

/// A member of the key as text; "" when it is null or none.
std::string of_key(const larder::pass_record& record, const char* name) {
  simdjson::dom::parser parser;
  simdjson::dom::element key, member;
  if (parser.parse(record.key).get(key) != simdjson::SUCCESS || key[name].get(member) != simdjson::SUCCESS || member.is_null())
    return {};
  std::string_view text;
  if (member.get(text) == simdjson::SUCCESS) return std::string(text);
  return simdjson::minify(member);
}

std::string state_of(const pass_entry& entry) {
  std::string state;
  const auto add = [&](const char* word) { state += (state.empty() ? "" : ",") + std::string(word); };
  if (entry.record.failure) add(entry.record.failure->kind == larder::failure_kind::permanent ? "failed" : "failed for now");
  if (entry.is_pinned) add("pinned");
  if (entry.is_pending) add("unpublished");
  if (entry.record.is_private) add("private");
  return state.empty() ? "-" : state;
}

disk::json_object json_of(const pass_entry& entry) {
  const larder::pass_record& record = entry.record;
  disk::json_object out;
  out.add("id", record.id)
      .add("pass", of_key(record, "pass_name"))
      .add("input", of_key(record, "input_model_id"))
      .add("files", record.files.size())
      .add("bytes", record.bytes)
      .member("seconds", larder::artifacts::seconds_text(record.seconds))
      .add("made", disk::utc_time(record.made))
      .add("last_used", disk::utc_time(entry.last_used))
      .add("workflows", entry.workflows)
      .add("pinned", entry.is_pinned)
      .add("unpublished", entry.is_pending)
      .add("private", record.is_private);
  if (record.failure) {
    disk::json_object failure;
    failure.add("kind", record.failure->kind == larder::failure_kind::permanent ? "permanent" : "transient")
        .add("message", record.failure->message);
    out.member("failure", failure.text());
  }
  return out;
}

}  // namespace

int list_entries(const std::string& folder, bool json) {
  const std::vector<pass_entry> all = open_cache(folder)->list();
  if (json) {
    std::fputs("[", stdout);
    const char* separator = "\n";
    for (const pass_entry& entry : all) {
      std::printf("%s%s", separator, json_of(entry).text().c_str());
      separator = ",\n";
    }
    std::fputs(all.empty() ? "]\n" : "\n]\n", stdout);
    return tools::exit_code::done;
  }
  constexpr const char* row = "%-8s  %-28s  %10s  %-12s  %-12s  %s\n";
  if (!all.empty()) std::printf(row, "ID", "PASS", "BYTES", "MADE", "USED", "STATE");
  const larder::instant now = larder::wall_time::now();
  std::set<larder::content_digest> counted;
  std::uint64_t bytes = 0;
  for (const pass_entry& entry : all) {
    std::printf(row, larder::artifacts::short_id(entry.record.id).c_str(), printable(of_key(entry.record, "pass_name")).c_str(),
                format_size(entry.record.bytes).c_str(), disk::distance_text(entry.record.made, now).c_str(),
                disk::distance_text(entry.last_used, now).c_str(), state_of(entry).c_str());
    for (const larder::pass_file& file : entry.record.files)
      if (counted.insert(file.digest).second) bytes += file.size;
  }
  std::fflush(stdout);
  std::fprintf(stderr, "%s, %s on disk: contents that several have are there once\n",
               (grouped(all.size()) + (all.size() == 1 ? " entry" : " entries")).c_str(), format_size(bytes).c_str());
  return tools::exit_code::done;
}

int show_entry(const std::string& folder, const std::string& id, bool json) {
  std::vector<pass_entry> found;
  for (pass_entry& entry : open_cache(folder)->list())
    if (entry.record.id.starts_with(id)) found.push_back(std::move(entry));
  if (found.size() != 1) {
    std::fprintf(stderr,
                 found.empty() ? "no entry has an id that begins with %s; larder pass ls shows them\n"
                               : "several ids begin with %s; give more digits\n",
                 printable(id).c_str());
    return tools::exit_code::failed;
  }
  const pass_entry& entry = found[0];
  const larder::pass_record& record = entry.record;
  if (json) {
    std::string files = "[";
    for (const larder::pass_file& file : record.files) {
      disk::json_object one;
      one.add("name", file.name).add("bytes", file.size).add("sha256", file.digest.hex());
      files += (files.size() == 1 ? "" : ", ") + one.text();
    }
    disk::json_object out = json_of(entry);
    out.member("key", record.key).member("contents", files + "]");
    std::printf("%s\n", out.text().c_str());
    return tools::exit_code::done;
  }
  const auto line = [](const char* name, const std::string& value) { std::printf("%-12s %s\n", name, printable(value).c_str()); };
  line("id", record.id);
  line("pass", of_key(record, "pass_name"));
  line("config", of_key(record, "pass_config"));
  line("accelerator", of_key(record, "accelerator_spec").empty() ? "none" : of_key(record, "accelerator_spec"));
  line("input", of_key(record, "input_model_id"));
  line("made", disk::local_time(record.made) + " in " + larder::artifacts::seconds_text(record.seconds) + " s");
  line("used", disk::local_time(entry.last_used));
  std::string workflows;
  for (const std::string& one : entry.workflows) workflows += (workflows.empty() ? "" : ", ") + one;
  line("workflows", workflows.empty() ? record.workflow : workflows);
  line("state", state_of(entry));
  if (record.failure)
    line("failure",
         record.failure->message +
             (record.failure->until == larder::no_deadline ? "" : ", until " + disk::local_time(record.failure->until)));
  for (const larder::pass_file& file : record.files)
    std::printf("%10s  %s  %s\n", format_size(file.size).c_str(), file.digest.hex().c_str(), printable(file.name).c_str());
  return tools::exit_code::done;
}

}  // namespace passes
