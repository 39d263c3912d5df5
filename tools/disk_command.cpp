#include "disk_command.hpp"

#include "disk/compaction.hpp"
#include "disk/directory_figures.hpp"
#include "disk/entry_list.hpp"
#include "disk/key_text.hpp"
#include "disk/purge.hpp"
#include "disk/repair.hpp"
#include "disk/time_text.hpp"
#include "disk/verification.hpp"
#include "subcommand.hpp"

#include <larder/core/units.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace tools {
namespace {

/// A share such as `0.1` or `10%`.
double parse_share(const std::string& text) {
  const bool percent = text.ends_with('%');
  const char* const end = text.data() + text.size() - (percent ? 1 : 0);
  double share = 0;
  const auto [stop, code] = std::from_chars(text.data(), end, share);
  if (percent) share /= 100;
  if (code != std::errc() || stop != end || !(share >= 0) || share > 1)
    refuse("--to: \"" + text + "\" is no share; write a number from 0 to 1 or a percentage, such as 0.05 or 5%");
  return share;
}

CLI::App& add(CLI::App& disk, const char* name, const char* what, std::string& directory) {
  CLI::App& app = *disk.add_subcommand(name, what);
  app.add_option("DIR", directory, "the directory that was given to mmap_disk")->required();
  return app;
}

subcommand add_ls(CLI::App& disk) {
  struct given : disk::list_options {
    std::string sort = "place";
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(disk, "ls", "The entries: key, size, where, written, expires, last use", chosen->directory);
  app.add_option("--prefix", chosen->prefix, "only keys that begin so (as ls prints them: text, or hex:...)");
  app.add_option("--sort", chosen->sort, "place (oldest first), size (largest first), written or used (newest first), key")
      ->option_text("place|size|written|used|key")
      ->check(CLI::IsMember({"place", "size", "written", "used", "key"}));
  app.add_flag("--reverse", chosen->reversed, "the other way round");
  app.add_option("--limit", chosen->limit, "no more than so many entries")->check(CLI::PositiveNumber);
  app.add_flag("--expired", chosen->with_expired, "expired entries too, which a cache finds no more");
  app.add_flag("--json", chosen->json, "an array of objects, one a line");
  app.footer(
      R"(What a program that opens the directory now would find. Nothing is written or locked, so it works beside other processes
and where one may not write. A key that is no plain text is printed as hex: and its bytes; every option that takes a key takes that.

Examples:
  larder disk ls .cache/weights --sort size --limit 10
  larder disk ls .cache/weights --prefix layer.0/ --json | jq -r '.[].key'

Exit codes: 0 done; 1 it could not be read; 2 wrong use)");
  return {&app,
          [chosen] {
            static const std::map<std::string, disk::listed_by> orders{{"place", disk::listed_by::place},
                                                                       {"size", disk::listed_by::size},
                                                                       {"written", disk::listed_by::written},
                                                                       {"used", disk::listed_by::used},
                                                                       {"key", disk::listed_by::key}};
            chosen->by = orders.at(chosen->sort);
            chosen->prefix = disk::key_of_text(chosen->prefix, "--prefix");
          },
          [chosen] {
            disk::list_entries(*chosen);
            return exit_code::done;
          }};
}

subcommand add_stat(CLI::App& disk) {
  auto chosen = std::make_shared<disk::figures_options>();
  CLI::App& app = add(disk, "stat", "Figures: entries, bytes, garbage, segments, who has it open", chosen->directory);
  app.add_flag("--segments", chosen->by_segment, "a line for each segment");
  app.add_flag("--json", chosen->json, "one object");
  app.footer(R"(Examples:
  larder disk stat .cache/weights --segments
  larder disk stat .cache/weights --json | jq .garbage_share

Exit codes: 0 done; 1 it could not be read; 2 wrong use)");
  return {&app, [] {},
          [chosen] {
            disk::print_figures(*chosen);
            return exit_code::done;
          }};
}

subcommand add_verify(CLI::App& disk) {
  auto chosen = std::make_shared<disk::verify_options>();
  CLI::App& app = add(disk, "verify", "Read everything and compare it with its checksums", chosen->directory);
  app.add_flag("--all", chosen->all, "records that are of no use any more, too");
  app.add_flag("--json", chosen->json, "one object");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(
      R"(Reads each record of an entry and each values' file once, and changes nothing; beside other processes too. Ctrl-C stops it and
says how far it came.

Examples:
  larder disk verify .cache/weights
  larder disk verify .cache/weights --json | jq -r '.damaged[].key'

Exit codes: 0 whole; 1 damage was found; 2 something could not be read, or wrong use; 130 interrupted)");
  return {&app, [] {}, [chosen] { return disk::print_verification(*chosen); }, [] { return exit_code::wrong_use; }};
}

subcommand add_repair(CLI::App& disk) {
  auto chosen = std::make_shared<disk::repair_options>();
  CLI::App& app =
      add(disk, "repair", "Move out what is damaged, write missing footers, remove what dead processes left", chosen->directory);
  app.add_flag("-n,--dry-run", chosen->dry_run, "only say what would be done");
  app.add_flag("--json", chosen->json, "one object, at the end");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(
      R"(A damaged entry is read as a cache reads it: it has no value from then on, for all processes, and what was there goes to the
folder `quarantine`, which keeps the 16 newest. That is safe beside other processes. Footers, staging files and values' files that no entry
refers to are seen to only while nobody else has the directory open.

Exit codes: 0 all is whole now; 1 something is not; 2 wrong use; 130 interrupted)");
  return {&app, [] {}, [chosen] { return disk::repair(*chosen); }};
}

subcommand add_compact(CLI::App& disk) {
  struct given : disk::compaction_options {
    std::string share = "5%";
    std::string size;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(disk, "compact", "Write what lives anew, so that garbage goes", chosen->directory);
  app.add_option("--to", chosen->share, "how much of the segments may stay garbage: a share or a percentage")
      ->capture_default_str();
  app.add_option("--capacity", chosen->size, "evict too, oldest first, until the values take no more than this (4GiB)");
  app.add_flag("-n,--dry-run", chosen->dry_run, "only say what would be done");
  app.add_flag("--json", chosen->json, "one object, at the end");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(
      R"(The oldest segments are written anew at the end without what is of no use in them, one after the other, so it needs the room of
one segment more. It is what a cache does when it has to, and safe beside other processes: bytes that they hold stay valid. To them an
entry that was written anew is the newest; its times stay.

Exit codes: 0 done; 1 it could not go on; 2 wrong use; 130 interrupted)");
  return {&app,
          [chosen] {
            chosen->garbage_share = parse_share(chosen->share);
            if (chosen->size.empty()) return;
            chosen->capacity = larder::parse_size(chosen->size, 1, "--capacity");
            if (*chosen->capacity == 0)
              refuse("--capacity: \"" + chosen->size + "\" holds nothing; larder disk purge --all drops everything");
          },
          [chosen] { return disk::compact(*chosen); }};
}

subcommand add_purge(CLI::App& disk) {
  struct given : disk::purge_options {
    std::string span;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(disk, "purge", "Drop entries: expired ones, old ones, by key or prefix, or all", chosen->directory);
  CLI::Option* const expired = app.add_flag("--expired", chosen->expired, "whose own time has passed (put with a ttl)");
  CLI::Option* const prefix =
      app.add_option("--prefix", chosen->prefix, "whose key begins so (as ls prints it: text, or hex:...)");
  CLI::Option* const key = app.add_option("--key", chosen->key, "of this key (as ls prints it: text, or hex:...)");
  CLI::Option* const older =
      app.add_option("--older-than", chosen->span, "that were written longer ago: 90s, 15min, 12h, 30d, 2w");
  app.add_flag("--all", chosen->all, "all of them, and the quarantine; asks first")
      ->excludes(expired)
      ->excludes(prefix)
      ->excludes(key)
      ->excludes(older);
  app.add_flag("--quarantine", chosen->quarantine, "the damaged things that were moved out");
  app.add_flag("-y,--yes", chosen->yes, "do not ask");
  app.add_flag("-n,--dry-run", chosen->dry_run, "only say how many");
  app.add_flag("--json", chosen->json, "one object, at the end");
  expired->excludes(prefix)->excludes(key)->excludes(older);
  app.footer(
      R"(Entries are dropped as a cache erases them, so that processes at work agree. --prefix, --key and --older-than together choose what all
of them choose.

Examples:
  larder disk purge .cache/weights --expired
  larder disk purge .cache/weights --prefix model-v1/ --older-than 30d --dry-run

Exit codes: 0 done; 1 something could not be dropped, or was not wanted after all; 2 wrong use; 130 interrupted)");
  return {&app,
          [chosen] {
            if (!chosen->span.empty()) chosen->older_than = disk::parse_span(chosen->span, "--older-than");
            if (!chosen->expired && !chosen->prefix && !chosen->key && !chosen->older_than && !chosen->all && !chosen->quarantine)
              refuse("purge: say what to drop: --expired, --prefix TEXT, --key KEY, --older-than 30d, --quarantine or --all");
            if (chosen->key) chosen->key = disk::key_of_text(*chosen->key, "--key");
            if (chosen->prefix) chosen->prefix = disk::key_of_text(*chosen->prefix, "--prefix");
            if (chosen->prefix && chosen->prefix->empty())
              refuse("--prefix: an empty prefix is that of every key; --all drops everything");
          },
          [chosen] { return disk::purge(*chosen); }};
}

}  // namespace

std::function<int()> add_disk(CLI::App& larder) {
  CLI::App& app = *larder.add_subcommand("disk", "What is in a directory of mmap_disk, is it whole, how much of it is garbage");
  app.require_subcommand(1);
  app.footer(
      R"(`larder disk SUBCOMMAND --help` explains a subcommand. ls, stat and verify only look: they write nothing, wait for nobody and work
beside processes that use the directory. repair, compact and purge change it as a cache does.)");
  return one_of({add_ls(app), add_stat(app), add_verify(app), add_repair(app), add_compact(app), add_purge(app)},
                "; ls, stat and verify need the right to read the directory and its files, the others to write them");
}

}  // namespace tools
