#include "dataset_command.hpp"

#include "dataset/dataset_list.hpp"
#include "dataset/dataset_verification.hpp"
#include "dataset/sample_head.hpp"
#include "dataset/warming.hpp"
#include "disk/key_text.hpp"
#include "subcommand.hpp"

#include <larder/core/units.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

namespace tools {
namespace {

CLI::App& add(CLI::App& dataset, const char* name, const char* what, std::string& directory) {
  CLI::App& app = *dataset.add_subcommand(name, what);
  app.add_option("DIR", directory, "the directory that was given to mmap_disk")->required();
  return app;
}
void add_name(CLI::App& app, std::string& name) {
  app.add_option("NAME", name, "the data set's name (as ls prints it: text, or hex:...)")->required();
}
std::uint64_t size_of(const std::string& text, const char* option) {
  const std::uint64_t size = larder::parse_size(text, 1, option);
  if (size == 0) refuse(std::string(option) + ": \"" + text + "\" is nothing; write a size such as 784 or 10GB");
  return size;
}

subcommand add_ls(CLI::App& dataset) {
  auto chosen = std::make_shared<dataset::list_options>();
  CLI::App& app = add(dataset, "ls", "The data sets: name, samples, bytes, version, source", chosen->directory);
  app.add_flag("--json", chosen->json, "an array of objects, one a line");
  app.footer(R"(Examples:
  larder dataset ls .cache/data
  larder dataset ls .cache/data --json | jq -r '.[].name'

Exit codes: 0 done; 1 it could not be read, or a manifest could not; 2 wrong use)");
  return {&app, [] {}, [chosen] { return dataset::list_datasets(*chosen); }};
}

subcommand add_info(CLI::App& dataset) {
  auto chosen = std::make_shared<dataset::info_options>();
  CLI::App& app =
      add(dataset, "info", "One of them: its manifest, how much of it is cached, how large samples are", chosen->directory);
  add_name(app, chosen->name);
  app.add_flag("--shards", chosen->by_shard, "a line for each shard");
  app.add_flag("--json", chosen->json, "one object");
  app.footer(R"(A sample counts as cached when the directory has its entry; whether it is whole, verify says.

Examples:
  larder dataset info .cache/data train
  larder dataset info .cache/data train --json | jq .cached

Exit codes: 0 done; 1 it could not be read, or there is no such data set; 2 wrong use)");
  return {&app, [chosen] { chosen->name = disk::key_of_text(chosen->name, "NAME"); },
          [chosen] {
            dataset::print_info(*chosen);
            return exit_code::done;
          }};
}

subcommand add_verify(CLI::App& dataset) {
  auto chosen = std::make_shared<dataset::verify_options>();
  CLI::App& app = add(dataset, "verify", "Read each sample and compare it with its checksum; say which are missing or damaged",
                      chosen->directory);
  app.add_option("NAME", chosen->names, "the data sets (as ls prints them); all when there is none");
  app.add_flag("--json", chosen->json, "one object");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(
      R"(Changes nothing: a damaged sample stays where it is until a cache reads it or larder disk repair moves it out. Samples are named by
their number in the data set, from 0. Ctrl-C stops it and says how far it came.

Examples:
  larder dataset verify .cache/data
  larder dataset verify .cache/data train --json | jq '.datasets[0].damaged[].sample'

Exit codes: 0 all are there and whole; 1 some are missing or damaged; 2 something could not be read, or wrong use; 130 interrupted)");
  return {&app,
          [chosen] {
            for (std::string& name : chosen->names) name = disk::key_of_text(name, "NAME");
          },
          [chosen] { return dataset::verify_datasets(*chosen); }, [] { return exit_code::wrong_use; }};
}

subcommand add_head(CLI::App& dataset) {
  struct given : dataset::head_options {
    bool as_text = false;
    bool as_hex = false;
    bool as_raw = false;
    std::string size;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app =
      add(dataset, "head", "The first samples: text where they are text, else the beginning in hex", chosen->directory);
  add_name(app, chosen->name);
  app.add_option("-n,--count", chosen->count, "how many")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--skip", chosen->skip, "pass over so many first")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--bytes", chosen->size,
                 "no more than so much of each; without it 4096 bytes of text, 256 in hex, all with --raw");
  CLI::Option* const text = app.add_flag("--text", chosen->as_text, "as text in any case; ? for what is none");
  CLI::Option* const hex = app.add_flag("--hex", chosen->as_hex, "in hex in any case");
  CLI::Option* const raw = app.add_flag("--raw", chosen->as_raw, "the bytes themselves, nothing between them");
  CLI::Option* const json = app.add_flag("--json", chosen->json, "an array of objects, one a line");
  text->excludes(hex)->excludes(raw);
  hex->excludes(raw);
  raw->excludes(json);
  app.footer(R"(Samples are shown as they are cached: encoded, where a program keeps other types than bytes and text.

Examples:
  larder dataset head .cache/data train -n 3
  larder dataset head .cache/data images -n 1 --skip 17 --raw > image.jpg

Exit codes: 0 done; 1 it could not be read, or a sample is missing or damaged; 2 wrong use)");
  return {&app,
          [chosen] {
            chosen->name = disk::key_of_text(chosen->name, "NAME");
            if (!chosen->size.empty()) chosen->most = size_of(chosen->size, "--bytes");
            chosen->as = chosen->as_text  ? dataset::shown_as::text
                         : chosen->as_hex ? dataset::shown_as::hex
                         : chosen->as_raw ? dataset::shown_as::raw
                                          : dataset::shown_as::automatic;
          },
          [chosen] { return dataset::print_head(*chosen); }};
}

subcommand add_warm(CLI::App& dataset) {
  struct given : dataset::warm_options {
    std::string format_name;
    std::string record;
    std::string header;
    std::string limit;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(dataset, "warm", "Cache the records of files as they are, under a name", chosen->directory);
  add_name(app, chosen->name);
  app.add_option("SOURCE", chosen->files, "the files, in this order; or a folder")->required();
  std::string names;
  for (const std::string& name : dataset::format_names()) names += (names.empty() ? "" : "|") + name;
  app.add_option("--format", chosen->format_name, "what they are; without it their endings say it")
      ->option_text(names)
      ->check(CLI::IsMember(dataset::format_names()));
  app.add_option("--record-size", chosen->record, "bytes of a record (format records)");
  app.add_option("--header-size", chosen->header, "bytes before the records of each file (format records)");
  app.add_option("--delimiter", chosen->delimiter,
                 "between fields: a character, or tab (format csv); without it a comma, for .tsv a tab");
  app.add_flag("--no-header", chosen->no_header, "the first record is a sample and no header (format csv)");
  app.add_flag("--multiline", chosen->multiline, "quoted fields may have line feeds; files are then read in whole (format csv)");
  app.add_option("--member", chosen->member, "the file of each sample that is cached, by its extension: jpg (format webdataset)");
  app.add_option("--ending", chosen->endings, "only files whose names end so: .jpg; may be given again (format folder)")
      ->allow_extra_args(false);
  app.add_option("--tensor", chosen->tensors,
                 "whose rows are samples; may be given again, without it all of the file (format safetensors)")
      ->allow_extra_args(false);
  app.add_option("--max-bytes", chosen->limit, "samples take no more than this in the directory: what comes first stays (10GB)");
  app.add_option("--workers", chosen->workers, "threads; without it one less than processors, at least one")
      ->check(CLI::Range(0, 1024));
  app.add_flag("--replace", chosen->replace, "drop a data set of this name first, when it is of other content");
  app.add_flag("--json", chosen->json, "one object");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(
      R"(A sample is: of text a line; of jsonl a line, checked to be JSON; of csv a record without its header, fields quoted where they have to
be; of records and idx a record's bytes; of folder a file; of safetensors a row of each tensor, one behind the other; of webdataset the
file of --member, or all: a line of JSON with the key and the members' names and sizes, and the members behind it. A program reads
them with stream("NAME") or get_dataset("NAME").

The endings: .jsonl .ndjson; .csv .tsv; .txt .text; .tar; .idx -ubyte; .safetensors; a folder. Ctrl-C stops it: what is
cached stays, and the same command goes on from there, as it does after a crash. A changed file is another content.

Examples:
  larder dataset warm .cache/data train train-*.jsonl
  larder dataset warm .cache/data images shards/*.tar --member jpg --max-bytes 10GB

Exit codes: 0 all samples are cached; 1 some could not be read, or had no room; 2 wrong use; 130 interrupted)");
  return {&app,
          [chosen] {
            chosen->name = disk::key_of_text(chosen->name, "NAME");
            if (!chosen->format_name.empty()) chosen->format = dataset::format_of_name(chosen->format_name);
            if (!chosen->record.empty()) chosen->record_size = size_of(chosen->record, "--record-size");
            if (!chosen->header.empty()) chosen->header_size = larder::parse_size(chosen->header, 1, "--header-size");
            if (!chosen->limit.empty()) chosen->max_bytes = size_of(chosen->limit, "--max-bytes");
            dataset::chosen_format(*chosen);
          },
          [chosen] { return dataset::warm_dataset(*chosen); }};
}

subcommand add_drop(CLI::App& dataset) {
  auto chosen = std::make_shared<dataset::drop_options>();
  CLI::App& app = add(dataset, "drop", "Forget a data set and erase the samples that no other one has", chosen->directory);
  add_name(app, chosen->name);
  app.add_flag("-n,--dry-run", chosen->dry_run, "only say what would go");
  app.add_flag("--json", chosen->json, "one object");
  app.footer(R"(Safe beside other processes: what they hold stays valid.

Exit codes: 0 done; 1 it could not be done, or there is no such data set; 2 wrong use)");
  return {&app, [chosen] { chosen->name = disk::key_of_text(chosen->name, "NAME"); },
          [chosen] {
            dataset::drop_dataset(*chosen);
            return exit_code::done;
          }};
}

}  // namespace

std::function<int()> add_dataset(CLI::App& larder) {
  CLI::App& app = *larder.add_subcommand(
      "dataset", "The data sets that a dataset_cache has in a directory: which, whole, how they look; cache files as one");
  app.require_subcommand(1);
  app.footer(
      R"(`larder dataset SUBCOMMAND --help` explains a subcommand. ls, info, verify and head only look: they write nothing, wait for nobody and
work beside processes that use the directory. warm and drop change it as a cache does.)");
  return one_of({add_ls(app), add_info(app), add_verify(app), add_head(app), add_warm(app), add_drop(app)},
                "; ls, info, verify and head need the right to read the directory and its files, the others to write them");
}

}  // namespace tools
